"""Servers for the tests of this folder."""

from collections.abc import Iterator

import pytest

from .sshd import Sshd


@pytest.fixture
def server() -> Iterator[Sshd]:
    """An OpenSSH server of its own for each test: some kill it."""
    with Sshd() as running:
        yield running
