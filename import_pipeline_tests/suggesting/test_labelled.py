"""How often the suggestion is right, on labelled headers of many styles; precision and recall are printed (`pytest -s` shows them).

Belongs here: measuring and its thresholds. Does not belong here: the cases (labelled.py, its neighbours, held_out.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from functools import cache

import polars as pl
import pytest

from import_pipeline.catalog import load_accounts
from import_pipeline.model.account import Account
from import_pipeline.settings import PACKAGE
from import_pipeline.suggesting.mapping import SuggestedMapping, suggest, suggest_type
from import_pipeline_tests.suggesting.held_out import HELD_OUT
from import_pipeline_tests.suggesting.labelled import TUNED, Labelled
from import_pipeline_tests.suggesting.labelled_forms import FORMS_TUNED
from import_pipeline_tests.suggesting.labelled_more import MORE_TUNED

ACCOUNTS: dict[str, Account] = {found.account.name: found.account for found in load_accounts(PACKAGE / "defs") if found.account}
ALL_TUNED = (*TUNED, *MORE_TUNED, *FORMS_TUNED)


@dataclass(frozen=True)
class Score:
    """Counts over all cells that the importer does not know by name: imported rightly, imported wrongly, all that should be."""

    cells: int
    right: int
    wrong: int
    wanted: int

    @property
    def precision(self) -> float:
        """Of what is imported, the share that is right."""
        return self.right / (self.right + self.wrong)

    @property
    def recall(self) -> float:
        """Of what should be imported, the share that is, rightly."""
        return self.right / self.wanted


def sample(file: Labelled) -> pl.DataFrame:
    """The values of a labelled file, as the sampler gives them."""
    columns = [values.split("|") for _, _, values in file.columns]
    rows = max(map(len, columns))
    return pl.DataFrame({str(at): [*column, *[None] * (rows - len(column))] for at, column in enumerate(columns)})


def header(file: Labelled) -> tuple[str, ...]:
    """The header of a labelled file."""
    return tuple(cell for cell, _, _ in file.columns)


@cache
def suggested(file: Labelled) -> SuggestedMapping:
    """What is suggested for it."""
    return suggest(header(file), sample(file), ACCOUNTS[file.account].object_type(file.object_type))


def score(files: Sequence[Labelled]) -> Score:
    """Measures; a name that the importer knows anyway is no merit and is left out."""
    cells = right = wrong = wanted = 0
    for file in files:
        known = ACCOUNTS[file.account].object_type(file.object_type).map_header(header(file)).keys
        for (_, key, _), found, plain in zip(file.columns, suggested(file).suggestions, known, strict=True):
            if plain is not None:
                assert found.key == key, (file.name, found)
                continue
            cells, wanted = cells + 1, wanted + (key is not None)
            right += found.key is not None and found.key == key
            wrong += found.key is not None and found.key != key
    return Score(cells, right, wrong, wanted)


@pytest.mark.parametrize(
    ("part", "files", "least", "precision", "recall"),
    [("tuned on", ALL_TUNED, 300, 0.97, 0.93), ("held out", HELD_OUT, 60, 0.95, 0.78)],
)
def test_suggestions_are_right_and_few_are_missing(
    part: str, files: Sequence[Labelled], least: int, precision: float, recall: float
) -> None:
    """A wrong column costs its user data, a missing one a look: precision comes first. The held-out part tells how it does elsewhere."""
    found = score(files)
    print(f"\n{part}: {found.cells} cells in {len(files)} files: precision {found.precision:.3f}, recall {found.recall:.3f}")
    assert found.cells >= least
    assert found.precision >= precision
    assert found.recall >= recall


@pytest.mark.slow
def test_the_type_that_fits_best_is_found_without_being_told() -> None:
    """A file whose name tells no type is the usual case for a header that nobody knows."""
    files = [file for file in (*ALL_TUNED, *HELD_OUT) if file.account == "field_sales"]
    found = [suggest_type(header(file), sample(file), ACCOUNTS["field_sales"].object_types).object_type for file in files]
    hits = sum(one == file.object_type for one, file in zip(found, files, strict=True))
    print(f"\ntype: {hits} of {len(files)} files")
    assert hits >= 0.85 * len(files)


def test_confidence_is_no_promise_that_is_broken() -> None:
    """Of what is suggested with at least 90 %, at least 90 % has to be right, on all labelled files."""
    sure = [
        (found.key == key)
        for file in (*ALL_TUNED, *HELD_OUT)
        for (_, key, _), found in zip(file.columns, suggested(file).suggestions, strict=True)
        if found.key is not None and 0.9 <= found.confidence < 1
    ]
    assert len(sure) > 100
    assert sum(sure) >= 0.9 * len(sure)
