"""One server for the tests that only use it, and keys made once.

Belongs here: fixtures. Does not belong here: assertions.
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline_tests.gateway.sftp.kit import Client, Server, make_key, require_programs


@pytest.fixture(scope="session", autouse=True)
def programs() -> None:
    """OpenSSH's clients."""
    require_programs()


@pytest.fixture(scope="session")
def keys(tmp_path_factory: pytest.TempPathFactory) -> dict[str, Path]:
    """Private keys by kind."""
    folder = tmp_path_factory.mktemp("keys")
    return {"ed25519": make_key(folder, "ed25519"), "rsa": make_key(folder, "rsa")}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Path]) -> Iterator[Server]:
    """A server with users of both accounts: ana sends and reads, up only sends, rita only reads, otto is of the other account."""
    with Server(tmp_path_factory.mktemp("home")) as running:
        for name, account, role in (("ana", "acme", "both"), ("up", "acme", "upload"), ("rita", "acme", "read"), ("otto", "other", "both")):
            running.add_user(name, account, role=role, keys=keys.values())  # type: ignore[arg-type]
        yield running


@pytest.fixture
def ana(server: Server, keys: dict[str, Path]) -> Client:
    """Sends and reads, by ED25519 key."""
    return Client(server, "ana", keys["ed25519"])
