"""Defaults, fixed values and columns of one value while rows are text (acceptance T-4, T-5); formats that do not fit their type."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.parsing.lab import Parsed, job, parse

CASE = ObjectType.model_validate(
    {
        "name": "Case",
        "one_value": ["Client"],
        "fields": [
            {"name": "Client", "type": "SingleChoice", "choices": ["A", "B"], "spellings": {"Alpha": "A"}},
            {"name": "Name"},
            {"name": "City"},
        ],
    }
)


def cases(folder: Path, text: str, **said: object) -> Parsed:
    """One file with a format."""
    made = Format.model_validate({"name": "f", "object_type": "Case"} | said)
    return parse(folder, text.encode(), object_type=CASE, formats={"f": made}, format_="f")


def test_a_fixed_value_holds_for_every_row_and_another_one_is_a_row_error(tmp_path: Path) -> None:
    """Blank cells take it, so does a file without the column; another spelling of it is it."""
    got = cases(tmp_path, "Client,Name\nA,1\n ,2\nB,3\n,4\nAlpha,5\n", fixed={"Client": "A"})
    assert got.cells("Client", "Name") == [(2, "A", "1"), (3, "A", "2"), (5, "A", "4"), (6, "A", "5")]
    assert {(line, column, code) for _, line, column, code in got.told()} == {(4, "Client", "not_the_fixed_value")}
    assert (got.file.rows, got.file.read, got.file.refused, got.errors["expected"].to_list()) == (5, 4, 1, ["A"])
    assert cases(tmp_path, "Name\n1\n", fixed={"Client": "A"}).cells("Client") == [(2, "A")]


def test_a_column_of_one_value_is_checked_without_any_format(tmp_path: Path) -> None:
    """T-5 through every door. Rows that name their record do not count: they are no new cases."""
    refused = parse(tmp_path, b"Client,Name\nA,1\n,2\nB,3\n", object_type=CASE).file.fault
    assert refused is not None and (refused.code, refused.line, refused.column, refused.expected) == ("several_values", 4, "Client", "A")
    export = b"RecordID,Client,Name\na0,A,1\na1,B,2\n,B,3\n"
    assert parse(tmp_path, export, object_type=CASE).file.read == 3


def test_what_a_format_requires_it_may_also_fill(tmp_path: Path) -> None:
    """A default makes the column unnecessary; a blank cell takes it before anything is judged."""
    said = {"required": ["City"], "defaults": {"City": "Rome"}}
    assert cases(tmp_path, "Name\n1\n", **said).cells("City") == [(2, "Rome")]
    assert cases(tmp_path, "Name,City\n1,\n", **said).cells("City") == [(2, "Rome")]
    fault = cases(tmp_path, "Name\n1\n", required=["City"]).file.fault
    assert fault is not None and (fault.code, fault.column) == ("header_mismatch", "City")


def test_a_format_that_names_what_the_type_lacks_refuses_its_file_and_no_other(tmp_path: Path) -> None:
    """Saved formats outlive the fields that they name."""
    bad = Format(name="bad", object_type="Case", columns={"N": "Nam"})
    good = Format(name="good", object_type="Case", columns={"N": "Name"})
    files = []
    for number, name in enumerate(("bad", "good")):
        path = tmp_path / name
        path.write_text("N\nx\n")
        files.append(job(path, number, format=name))
    got = parse(tmp_path, object_type=CASE, formats={"bad": bad, "good": good}, jobs=files)
    fault = got.files[0].fault
    assert fault is not None and (fault.code, fault.value, fault.suggestion) == ("bad_format", "Nam", "Name")
    assert got.files[1].fault is None and got.cells("Name") == [(2, "x")]


def test_a_column_cannot_have_a_default_and_a_fixed_value() -> None:
    """Nobody could tell which counts."""
    with pytest.raises(ValidationError, match="state one of them"):
        Format(name="f", object_type="Case", defaults={"Name": "a"}, fixed={"Name": "a"})


cells = st.sampled_from(["", " ", "A", "B", "x"])


@settings(max_examples=50)
@given(st.lists(st.tuples(cells, cells), min_size=1, max_size=8), st.sampled_from([None, "A"]), st.sampled_from([None, "Rome"]))
def test_defaults_fill_what_is_blank_and_mapped_values_win(rows: list[tuple[str, str]], fixed: str | None, city: str | None) -> None:
    """T-4, row by row against the plainest way to say it."""
    text = "Name,City\n" + "".join(f"{name},{where}\n" for name, where in rows)
    said = {"fixed": {"Name": fixed} if fixed else {}, "defaults": {"City": city} if city else {}}
    with tempfile.TemporaryDirectory() as folder:
        got = cases(Path(folder), text, **said)
    good, bad = [], set()
    for line, (name, where) in enumerate(rows, 2):
        if fixed and name.strip() not in ("", fixed):
            bad.add(line)
        else:
            good.append((line, fixed if fixed and not name.strip() else name, city if city and not where.strip() else where))
    assert got.cells("Name", "City") == good and {line for _, line, _, _ in got.told()} == bad
