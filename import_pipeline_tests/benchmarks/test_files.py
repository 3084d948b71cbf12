"""The generator of the benchmarks' files: what it tells about a file is true of the file."""

import csv
from pathlib import Path

import numpy as np
import pytest

from benchmarks import files
from benchmarks.files import ACCOUNT_BAD, ACCOUNT_COLUMNS, CONTACT_BAD, CONTACT_COLUMNS, bad_rows, errors_of, truth_of, write_file


@pytest.fixture(autouse=True)
def small_blocks(monkeypatch: pytest.MonkeyPatch) -> None:
    """Several blocks in a small file, the last one shorter."""
    monkeypatch.setattr(files, "BLOCK", 700)


def lines_of(kind: files.Kind, rows: int, folder: Path) -> list[str]:
    path = folder / f"{kind}.csv"
    write_file(kind, rows, path)
    return path.read_text("utf-8").removesuffix("\n").split("\n")


def good_row(line: str, columns: int) -> bool:
    """A line that an independent reader splits into the right number of cells, its quotes closed."""
    return line.count('"') % 2 == 0 and len(next(csv.reader([line]))) == columns


def test_the_same_arguments_give_the_same_bytes(tmp_path: Path) -> None:
    """Two measurements are of the same file, on every machine."""
    assert lines_of("accounts", 2000, tmp_path) == lines_of("accounts", 2000, tmp_path)
    assert lines_of("contacts", 2000, tmp_path) != lines_of("accounts", 2000, tmp_path)


@pytest.mark.parametrize("kind", ["accounts", "changed"])
def test_a_bad_row_differs_from_the_clean_file_in_the_way_that_is_told_and_no_other_row_does(kind: files.Kind, tmp_path: Path) -> None:
    """The truth is what results are checked against: it must not be made by what is being checked."""
    rows = 2400
    clean, found = lines_of("clean", rows, tmp_path), lines_of(kind, rows, tmp_path)
    assert clean[0] == found[0] == ",".join(ACCOUNT_COLUMNS)
    told = {line: (code, column) for line, code, column in errors_of(kind, rows)}
    assert len(told) == 24
    assert {code for code, _ in told.values()} == {code for code, _, _ in ACCOUNT_BAD}
    bad_values = {code: value for code, _, value in ACCOUNT_BAD}
    for number, (a, b) in enumerate(zip(clean[1:], found[1:], strict=True), start=2):
        code, column = told.get(number, ("", ""))
        assert good_row(b, 16) == (code not in ("field_count", "quote_unclosed"))
        if code == "field_count":
            assert b.startswith(b.rpartition(",")[0]) and b.endswith(",and more")
        elif code:
            assert bad_values[code] in b
        elif kind == "accounts":
            assert a == b
        if code and good_row(b, 16):
            assert dict(zip(ACCOUNT_COLUMNS, next(csv.reader([b])), strict=True))[column] == bad_values[code]


def test_changed_rows_are_as_many_as_told_and_change_one_value_each(tmp_path: Path) -> None:
    """An update of ten per cent must not be one of nine."""
    rows = 2400
    before, after = lines_of("accounts", rows, tmp_path), lines_of("changed", rows, tmp_path)
    bad = {line for line, _, _ in errors_of("accounts", rows)}
    different = [n for n, (a, b) in enumerate(zip(before, after, strict=True), start=1) if a != b and n not in bad]
    truth = truth_of("changed", rows)
    assert (truth.rows, truth.refused, truth.good) == (2400, 24, 2376)
    assert len(different) == truth.changed > 200
    for number in different:
        one, other = (next(csv.reader([lines[number - 1]])) for lines in (before, after))
        assert [c for c, x, y in zip(ACCOUNT_COLUMNS, one, other, strict=True) if x != y] == ["Annual Revenue"]


def test_every_contact_names_an_account_that_is_good(tmp_path: Path) -> None:
    """Contacts of refused accounts would be parked, and the truth would depend on two files."""
    rows = 2000
    bad = set(bad_rows(rows, len(ACCOUNT_BAD))[0].tolist())
    codes = {line: code for line, code, _ in errors_of("contacts", rows)}
    assert set(codes.values()) == {code for code, _, _ in CONTACT_BAD}
    header, *lines = lines_of("contacts", rows, tmp_path)
    assert header == ",".join(CONTACT_COLUMNS)
    parents = {int(line.split(",")[1].removeprefix("A")) for line in lines}
    assert len(parents) > 500
    assert not parents & bad
    assert max(parents) < rows


def test_bad_rows_are_never_neighbours_and_one_in_a_hundred() -> None:
    """A row with an open quote must not run into the next bad one: each is one error on one line."""
    numbers, kinds = bad_rows(100_000, 8)
    assert numbers.size == 1000
    assert np.diff(numbers).min() > 1
    assert np.bincount(kinds).tolist() == [125] * 8


def test_small_files_have_five_rows_each_and_no_external_id_twice(tmp_path: Path) -> None:
    """Each makes records of its own; the same content twice would be taken for a file sent again."""
    paths = files.write_small_files(30, tmp_path / "small")
    assert [p.name for p in paths[:2]] == ["Account_00000.csv", "Account_00001.csv"]
    rows = [list(csv.reader(p.open(newline="", encoding="utf-8"))) for p in paths]
    assert {tuple(r[0]) for r in rows} == {ACCOUNT_COLUMNS}
    assert {len(r) for r in rows} == {6}
    assert len({row[0] for r in rows for row in r[1:]}) == 150
