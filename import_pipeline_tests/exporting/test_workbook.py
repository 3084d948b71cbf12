"""Exports as workbooks: what is a number cell, what is text, what does not fit.

Belongs here: cells. Does not belong here: which records an export holds.
"""

from decimal import Decimal
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from python_calamine import CalamineWorkbook

from import_pipeline.exporting import workbook
from import_pipeline.exporting.workbook import write_workbook
from import_pipeline.failures import PermanentFailure


def written(folder: Path, frame: pl.DataFrame, numbers: set[str]) -> list[list[object]]:
    """The cells below the header, as a spreadsheet reads them."""
    source, target = folder / "in.csv", folder / "out.xlsx"
    frame.write_csv(source)
    assert write_workbook(source, target, "Account", numbers) == frame.height
    header, *rows = CalamineWorkbook.from_path(str(target)).get_sheet_by_name("Account").to_python(skip_empty_area=False)
    assert header == frame.columns
    return [list(row) for row in rows]


def test_texts_stay_texts_and_numbers_are_numbers_where_a_cell_keeps_them(tmp_path: Path) -> None:
    """A ZIP code keeps its zero, a formula is no formula, a number of twenty digits is not rounded."""
    frame = pl.DataFrame({"Zip": ["01234", "=1+1"], "Revenue": ["-1250.50", "12345678901234567890"], "Empty": [None, "x"]})
    assert written(tmp_path, frame, {"Revenue"}) == [["01234", -1250.5, ""], ["=1+1", "12345678901234567890", "x"]]


@settings(max_examples=40, deadline=None)
@given(
    numbers=st.lists(
        st.one_of(
            st.integers(-(10**17), 10**17).map(str),
            st.decimals(allow_nan=False, allow_infinity=False, places=6, min_value=-(10**12), max_value=10**12).map(lambda d: f"{d:f}"),
        ),
        min_size=1,
        max_size=20,
    )
)
def test_every_number_comes_back_as_it_was(tmp_path_factory: pytest.TempPathFactory, numbers: list[str]) -> None:
    """Whatever its digits: as a number where a spreadsheet keeps them, else as text."""
    cells = [row[0] for row in written(tmp_path_factory.mktemp("numbers"), pl.DataFrame({"N": numbers}), {"N"})]
    assert [Decimal(repr(cell) if isinstance(cell, float) else str(cell)) for cell in cells] == [Decimal(text) for text in numbers]


def test_more_than_a_sheet_holds_is_refused_with_what_to_choose(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A spreadsheet would cut it off without a word."""
    with pytest.raises(PermanentFailure, match="32,768 characters, and a cell holds 32,767; choose CSV"):
        written(tmp_path, pl.DataFrame({"Note": ["x" * 32_768]}), set())
    monkeypatch.setattr(workbook, "MOST_ROWS", 2)
    with pytest.raises(PermanentFailure, match="a sheet holds at most 2 records; choose CSV"):
        written(tmp_path, pl.DataFrame({"N": ["1", "2", "3"]}), set())


def test_an_export_without_records_is_a_sheet_with_its_header(tmp_path: Path) -> None:
    """As the CSV is."""
    assert written(tmp_path, pl.DataFrame({"Name": [], "N": []}, schema={"Name": pl.String, "N": pl.String}), {"N"}) == []
