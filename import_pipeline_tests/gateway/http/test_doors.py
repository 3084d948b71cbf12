"""The contract that every HTTP door fulfils: the same files, a name of its own, a description, refusals in its own form."""

import re
from pathlib import Path
from typing import get_args

import httpx
import pytest
from starlette.routing import Route

from import_pipeline.gateway import http
from import_pipeline.gateway.http.door import Door
from import_pipeline.gateway.http.doors import DOORS
from import_pipeline.gateway.http.engaging_networks.answers import UNABLE
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.model.http_door import Interface
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here

FOLDER = Path(http.__file__).parent
FILES = {"__init__.py", "door.py", "routes.py", "answers.py", "description.py"}
TEXTS = {("engaging_networks", UNABLE)}
"""Refusals that come with the status 200, since the interface's documents say so."""
PAGES = ("/ea-dataservice/import.jsp",)
"""Forms for people: who sends one has to have a key, who opens it does not."""
each_door = pytest.mark.parametrize("door", DOORS, ids=lambda door: door.name)


def routes_of(door: Door, site: Here) -> list[Route]:
    """Its addresses."""
    gate = Gate(site.settings, site.pipeline.ledger, site.pipeline.accounts, site.clock)
    found = [route for route in door.routes(gate) if isinstance(route, Route)]
    assert len(found) == len(door.routes(gate))
    return found


def test_every_door_has_a_name_that_accounts_may_state() -> None:
    """And every name that they may state has a door."""
    assert sorted(door.name for door in DOORS) == sorted(get_args(Interface))


@each_door
def test_a_door_is_a_folder_of_the_same_files(door: Door) -> None:
    """Who knows one door finds the way in another."""
    assert {path.name for path in (FOLDER / door.name).glob("*.py")} >= FILES


@each_door
def test_a_door_describes_just_the_addresses_that_it_has(door: Door, site: Here) -> None:
    """With their methods."""
    served = {(route.path, method.lower()) for route in routes_of(door, site) for method in (route.methods or set()) - {"HEAD"}}
    described = {(path, method) for path, operations in door.description()["paths"].items() for method in operations}
    assert served == described


@each_door
def test_a_door_refuses_who_has_no_key_and_breaks_on_no_request(door: Door, service: Service, site: Here) -> None:
    """Empty and senseless bodies, on every address and method."""
    for route in routes_of(door, site):
        address = service.address + re.sub(r"\{[^}]+\}", "x", route.path)
        for method in sorted((route.methods or set()) - {"HEAD"}):
            for content in (b"", b"\x00\xff" * 100):
                answer = httpx.request(method, address, content=content, timeout=20)
                assert answer.status_code in (400, 401, 429) or (door.name, answer.text) in TEXTS or route.path in PAGES, answer.text


@each_door
def test_a_refusal_keeps_its_headers_and_says_its_words(door: Door) -> None:
    """When to come again is what programs look for."""
    answer = door.refused(Refusal(429, "too many requests", retry_after=1.2), "abc")
    assert answer.headers["retry-after"] == "2" and b"too many requests" in bytes(answer.body)
