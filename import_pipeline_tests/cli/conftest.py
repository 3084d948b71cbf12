"""Homes for the command line's tests: one with imported files that tests only look at, and fresh ones.

Belongs here: fixtures and the way a command is called. Does not belong here: assertions.
"""

import json
from collections.abc import Callable, Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from import_pipeline.cli.app import app
from import_pipeline_tests.lineage.kit import Home

HEADER = "ExternalDataObjectId,Name,Employees,Stage,Preferred Partner"


@dataclass(frozen=True)
class Answer:
    """What a command said. `stdout` is what a pipe would get."""

    code: int
    stdout: str
    stderr: str

    @property
    def objects(self) -> list[dict[str, Any]]:
        """stdout as one JSON object per line; anything else in it fails the test."""
        return [json.loads(line) for line in self.stdout.splitlines()]


Run = Callable[..., Answer]


def runner(environment: dict[str, str]) -> Run:
    """Calls commands in this process with this environment."""

    def run(*arguments: object) -> Answer:
        result = CliRunner().invoke(app, [str(a) for a in arguments], env=environment)
        if result.exception and not isinstance(result.exception, SystemExit):
            raise result.exception
        return Answer(result.exit_code, result.stdout, result.stderr)

    return run


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home without any file."""
    made = Home(tmp_path)
    yield made
    made.pipeline.ledger.close()


@pytest.fixture
def run(home: Home) -> Run:
    """Commands on the empty home."""
    return runner(home.environment)


@pytest.fixture(scope="module")
def full(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Home]:
    """A home with two deliveries of accounts, one bad row among them, and a contact; tests only look at it."""
    made = Home(tmp_path_factory.mktemp("full"))
    first = made.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,Y", 'A-2,"Bolt, Inc.",6,Customer,', "A-3,Cord,many,Prospct,")
    made.deliver(first, made.csv("Contact_1.csv", "ExternalDataObjectId,RelatedTo,Name", "C-1,A-1,Zoë"))
    made.deliver(made.csv("Account_2.csv", HEADER, "A-1,Acme,7,Prospect,"))
    yield made
    made.pipeline.ledger.close()


@pytest.fixture
def look(full: Home) -> Run:
    """Commands on the full home."""
    return runner(full.environment)
