"""A fresh home for each test."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline_tests.lineage.kit import Home


@pytest.fixture
def home(tmp_path: Path) -> Iterator[Home]:
    """A home without any file."""
    made = Home(tmp_path)
    yield made
    made.pipeline.ledger.close()
