"""Sites for scenario tests: in this process for every run, with the real daemon too when `--live` is given."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline_tests.scenarios.site import Daemon, Here, Site

ACCOUNT = {
    "name": "Account",
    "description": "A company.",
    "pin": True,
    "match": [["Email"], ["Address"]],
    "stages": {"Active": ["New", "Prospect"], "Won": ["Customer"], "Lost": ["Lost"]},
    "loss_reasons": ["Price", "Timing"],
    "owner": {"column": "Owner Email", "users": ["ann@sales.example", "bob@sales.example"]},
    "fields": [
        {"name": "Name", "required": True},
        {"name": "Email", "type": "Email", "custom": True},
        {"name": "Employees", "type": "Number", "custom": True, "decimals": 0},
        {"name": "Revenue", "type": "Currency", "custom": True},
        {"name": "Customer Since", "type": "Date", "custom": True},
        {"name": "Interests", "type": "MultiChoice", "choices": ["Solar", "Roof", "HVAC"], "custom": True},
        {"name": "Last Visit Result", "type": "SingleChoice", "choices": ["Home", "Not home"], "update": "create_only"},
        {"name": "Visit Count", "type": "Number", "system": True},
    ],
}
CONTACT = {
    "name": "Contact",
    "description": "A person at a company.",
    "parent": {"type": "Account"},
    "fields": [{"name": "Name", "required": True}, {"name": "Title", "custom": True}],
}
LEAD = {
    "name": "Lead",
    "external_id": "ExternalLeadId",
    "pin": True,
    "match": [["Email"], ["Address"]],
    "fields": [{"name": "Name", "required": True}, {"name": "Email", "type": "Email", "custom": True}],
}


def pytest_generate_tests(metafunc: pytest.Metafunc) -> None:
    """Every scenario runs in this process; with `--live` through the real daemon as well, but for those marked `here`."""
    if "site" in metafunc.fixturenames:
        here_only = metafunc.definition.get_closest_marker("here") is not None
        ways = [Here] if here_only else [Here, pytest.param(Daemon, marks=[pytest.mark.live, pytest.mark.slow])]
        metafunc.parametrize("site", ways, indirect=True, ids=["here", "daemon"][: len(ways)])


@pytest.fixture
def site(request: pytest.FixtureRequest, tmp_path: Path) -> Iterator[Site]:
    """A site with one flexible account `acme` (Account, Contact)."""
    made: Site = request.param(tmp_path)
    made.add_account("acme", [ACCOUNT, CONTACT])
    try:
        yield made
    finally:
        made.close()
