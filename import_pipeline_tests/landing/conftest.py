"""Fixtures of the landing tests."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from .kit import Intake


@pytest.fixture
def intake(tmp_path: Path) -> Iterator[Intake]:
    """One account's intake in a temporary folder."""
    made = Intake(tmp_path)
    yield made
    made.ledger.close()
