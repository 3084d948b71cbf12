"""The sheet of a job's refused rows: the rows as they stand in the file, their groups, making it anew, taking it away."""

import os
import time
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import polars as pl
import pytest

from import_pipeline.model.job import Job, ParsedFile
from import_pipeline.reporting import refused_sheet
from import_pipeline.reporting.refused_sheet import SHEETS, Sheet, open_sheet, sweep
from import_pipeline.store.staging import ERRORS

HEADER = ("Name", "Stage")
TEXT = 'Name,Stage\nGood,New\nOne,Prospct\n"Two\nlines",Prospct\nThree,Nw\nBroken\n'


def errors(*more: tuple[int, int, str, str | None, str | None]) -> pl.DataFrame:
    """Findings of job 0, and one warning of a row that is not refused."""
    found = [
        (3, 3, "unknown_stage", "Stage", "Prospct"),
        (4, 5, "unknown_stage", "Stage", "Prospct"),
        (6, 6, "unknown_stage", "Stage", "Nw"),
        (7, 7, "field_count", None, "1 cells"),
        *more,
    ]
    rows = [(0, line, end, code, "error", column, value, None, "New" if column else None) for line, end, code, column, value in found]
    return pl.DataFrame([*rows, (0, 2, 2, "mended", "warning", "Name", "x", None, None)], schema=dict(ERRORS), orient="row")


def sheet(home: Path, found: pl.DataFrame | None = None, stamp: str = "1") -> Sheet:
    """The sheet of TEXT."""
    path = home / "original.csv"
    if not path.exists():
        path.write_text(TEXT)
    job = Job(
        id="ab12cd34",
        number=0,
        account="acme",
        object_type="Account",
        file_id="f",
        name="a.csv",
        path=path,
        sha256="0",
        size=len(TEXT),
        kind="csv",
    )
    parsed = ParsedFile(job=0, encoding="utf-8", delimiter=",", quote='"', header_line=1, header=HEADER, keys=HEADER)
    return open_sheet(home / SHEETS / "acme", job, parsed, lambda: errors() if found is None else found, stamp)


def test_refused_rows_are_read_with_their_cells_and_what_is_wrong_with_them(tmp_path: Path) -> None:
    """A warning refuses no row, a row of several lines is one row, and a row that cannot be divided keeps its text."""
    made = sheet(tmp_path)
    assert made.lines().to_list() == [3, 4, 6, 7]
    one, two, broken = made.rows([3, 4, 7, 99])
    assert one.cells is not None and [cell.text for cell in one.cells] == ["One", "Prospct"]
    assert two.cells is not None and two.cells[0].text == "Two\nlines" and two.text == '"Two\nlines",Prospct'
    assert [(f.code, f.place, f.suggestion) for f in one.findings] == [("unknown_stage", 1, "New")]
    assert broken.cells is None and broken.text == "Broken" and broken.findings[0].place is None


def test_a_group_names_its_rows_and_counts_those_that_are_left(tmp_path: Path) -> None:
    """Its id is that of what is wrong, so that an address keeps its meaning when the sheet is made anew."""
    made = sheet(tmp_path)
    groups = {(one.code, one.value): one for one in made.groups}
    chosen = groups["unknown_stage", "Prospct"]
    assert chosen.rows == 2 and made.lines(chosen.id).to_list() == [3, 4] and chosen.suggestion == "New"
    left = made.count_left(pl.Series([3, 7], dtype=pl.Int64))
    assert (left[chosen.id], left[groups["unknown_stage", "Nw"].id], left[groups["field_count", "1 cells"].id]) == (1, 1, 0)
    again = sheet(tmp_path, errors((2, 2, "required", "Name", None)), stamp="2")
    assert again.group(chosen.id) == chosen and again.lines().to_list() == [2, 3, 4, 6, 7]


def test_a_sheet_is_made_once_for_a_state_and_replaced_by_the_next(tmp_path: Path) -> None:
    """Reading a large original for every page would be slow; old rows after a replay would be wrong."""
    made = sheet(tmp_path)

    def again() -> pl.DataFrame:
        raise AssertionError("made twice")

    assert open_sheet(tmp_path / SHEETS / "acme", made.job, made.parsed, again, "1").lines().to_list() == [3, 4, 6, 7]
    sheet(tmp_path, stamp="2")
    assert not made.folder.exists() and len(list((tmp_path / SHEETS / "acme").iterdir())) == 1


def test_several_who_open_an_import_at_once_all_see_its_rows(tmp_path: Path) -> None:
    """Each may begin to make the sheet; the first that is done counts for all."""
    with ThreadPoolExecutor(8) as pool:
        found = list(pool.map(lambda _: sheet(tmp_path).lines().to_list(), range(16)))
    assert found == [[3, 4, 6, 7]] * 16
    assert len(list((tmp_path / SHEETS / "acme").iterdir())) == 1


def test_a_sheet_that_was_removed_by_half_is_made_anew(tmp_path: Path) -> None:
    """Whoever removes it may be stopped at any moment."""
    made = sheet(tmp_path)
    groups = made.groups
    (made.folder / "sheet.json").unlink()
    again = sheet(tmp_path)
    assert again.lines().to_list() == [3, 4, 6, 7] and again.groups == groups


def test_what_fails_while_a_sheet_is_made_leaves_nothing(tmp_path: Path) -> None:
    """Half a sheet would hide rows."""

    def broken() -> pl.DataFrame:
        return errors().with_columns(pl.lit("x").alias("_line"))

    made = sheet(tmp_path)
    with pytest.raises(pl.exceptions.PolarsError):
        open_sheet(tmp_path / SHEETS / "other", made.job, made.parsed, broken, "1")
    assert list((tmp_path / SHEETS / "other").iterdir()) == []


def test_sheets_that_nobody_opens_are_removed_after_a_week(tmp_path: Path) -> None:
    """They are copies of what people sent: they must not outlive it by being forgotten."""
    assert sweep(tmp_path) == 0
    made = sheet(tmp_path)
    assert sweep(tmp_path) == 0 and made.folder.exists()
    old = time.time() - refused_sheet.KEPT - 60
    os.utime(made.folder / "sheet.json", (old, old))
    assert sweep(tmp_path) == 1 and not made.folder.exists()
