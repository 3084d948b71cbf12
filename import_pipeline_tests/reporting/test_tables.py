"""Tables of results in three formats."""

import csv
import io
import json
from pathlib import Path
from typing import Any

import openpyxl
import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.reporting import tables
from import_pipeline.reporting.messages import FORMULA_STARTS
from import_pipeline.reporting.tables import TableFormat, write_table

SCHEMA = {"id": pl.String(), "n": pl.Int64(), "ok": pl.Boolean(), "more": pl.String()}
ROWS = [("=1+1", 1, True, '{"a":"1"}'), (None, None, None, None), ('say "hi",\nthere', 10**16, False, '{"b":"é"}')]


def written(folder: Path, output: TableFormat, *blocks: list[tuple[Any, ...]]) -> Path:
    """A table of these blocks of rows."""
    path = folder / "out"
    frames = [pl.DataFrame(rows, schema=SCHEMA, orient="row") for rows in blocks]
    write_table(path, tuple(SCHEMA), iter(frames), output, objects=("more",))
    assert [p.name for p in folder.iterdir()] == ["out"]
    return path


def test_csv_has_one_header_and_no_cell_that_runs(tmp_path: Path) -> None:
    """Blocks follow each other; an apostrophe stands before a formula."""
    found = list(csv.reader(io.StringIO(written(tmp_path, "CSV", ROWS[:1], [], ROWS[1:]).read_text())))
    assert found == [
        list(SCHEMA),
        ["'=1+1", "1", "true", '{"a":"1"}'],
        ["", "", "", ""],
        ['say "hi",\nthere', "10000000000000000", "false", '{"b":"é"}'],
    ]


def test_jsonl_has_objects_as_objects_and_leaves_out_what_is_not_there(tmp_path: Path) -> None:
    """Values stand as they are: nobody runs JSON."""
    found = [json.loads(line) for line in written(tmp_path, "JSONL", ROWS[:1], [], ROWS[1:]).read_text().splitlines()]
    assert found == [
        {"id": "=1+1", "n": 1, "ok": True, "more": {"a": "1"}},
        {},
        {"id": 'say "hi",\nthere', "n": 10**16, "ok": False, "more": {"b": "é"}},
    ]


def test_xlsx_has_text_cells_and_goes_on_in_another_sheet(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sheet holds a limited number of rows; numbers that a workbook cannot hold exactly are texts."""
    monkeypatch.setattr(tables, "SHEET_ROWS", 2)
    book = openpyxl.load_workbook(io.BytesIO(written(tmp_path, "XLSX", ROWS).read_bytes()))
    first, second = ([[cell.value for cell in row] for row in sheet] for sheet in book)
    assert first == [list(SCHEMA), ["=1+1", 1, True, '{"a":"1"}']]  # the row behind it is blank
    assert second == [list(SCHEMA), ['say "hi",\nthere', "10000000000000000", False, '{"b":"é"}']]
    assert book.worksheets[0]["A2"].data_type == "s"


@settings(max_examples=40)
@given(values=st.lists(st.text(st.characters(exclude_categories=["Cs"], exclude_characters="\x00"), max_size=12), max_size=5))
def test_any_text_comes_back_from_csv_and_jsonl(tmp_path_factory: pytest.TempPathFactory, values: list[str]) -> None:
    """But for the apostrophe that guards a formula."""
    rows = [(value, 1, True, None) for value in values]
    folder = tmp_path_factory.mktemp("any")
    text = written(folder, "CSV", rows).read_bytes().decode()
    found = [row[0] for row in csv.reader(io.StringIO(text, newline=""))][1:]
    assert found == [f"'{value}" if value[:1] and value[0] in FORMULA_STARTS else value for value in values]
    lines = written(folder, "JSONL", rows).read_bytes().decode().split("\n")[:-1]
    assert [json.loads(line)["id"] for line in lines] == values
