"""Rows of a failed-rows file that come back are known again by job and line, wherever the cells stand (acceptance B-1)."""

import io
import json
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.format import Format
from import_pipeline.parsing.csv_careful import Record, split
from import_pipeline.parsing.csv_fast import SMALL
from import_pipeline.parsing.lines import find_lines
from import_pipeline.parsing.links import cell_spans
from import_pipeline.store.staging import LINKS
from import_pipeline_tests.parsing.lab import Parsed, job, parse

HEADER = "Name,Email,_import_job,_import_line,_import_errors"


def links(parsed: Parsed) -> list[tuple[int, int, int, str, int]]:
    """All links: job number, position, line, the job and line that the row mends."""
    found = parsed.out.read("links")
    assert dict(found.schema) == LINKS
    return found.rows()


def book(*rows: Sequence[object]) -> bytes:
    """A workbook of these rows."""
    out = io.BytesIO()
    made = xlsxwriter.Workbook(out, {"in_memory": True})
    sheet = made.add_worksheet()
    for number, row in enumerate(rows):
        sheet.write_row(number, 0, row)
    made.close()
    return out.getvalue()


@pytest.mark.parametrize("header", [HEADER, HEADER.replace("_import_job", "Import Job"), "_IMPORT_LINE,Name,_import_job,Email"])
def test_the_cells_are_found_in_any_spelling_and_place(tmp_path: Path, header: str) -> None:
    """Whoever mends a file may move its columns; a program may write their names in its own way."""
    cells = {"name": "Ann", "email": "a@x.org", "importjob": "ab12cd34", "importline": "7", "importerrors": "wrong"}
    row = ",".join(cells["".join(c for c in name.lower() if c.isalpha())] for name in header.split(","))
    parsed = parse(tmp_path, f"{header}\n{row}\n".encode())
    assert links(parsed) == [(0, 0, 2, "ab12cd34", 7)]
    assert parsed.cells("Name", "Email") == [(2, "Ann", "a@x.org")]
    assert set(parsed.rows.columns) == {"_job", "_line", "_end", "_pos", "Name", "Email"}


@pytest.mark.parametrize("cells", ["ab12cd34,0", "ab12cd34,-1", "ab12cd34,1.5", "ab12cd34,", ",3", "AB12CD34,3", "1b12cd34,3", "ab12cd3,3"])
def test_a_blank_or_malformed_link_is_no_link_and_the_row_is_read_as_usual(tmp_path: Path, cells: str) -> None:
    """A row that somebody added by hand has none."""
    parsed = parse(tmp_path, f"{HEADER}\nAnn,,{cells},\nBob,, ab12cd34 , 4 ,\n".encode())
    assert links(parsed) == [(0, 1, 3, "ab12cd34", 4)]
    assert [name for _, name in parsed.cells("Name")] == ["Ann", "Bob"]


@pytest.mark.parametrize("header", ["Name,Email", "Name,_import_job", "Name,_import_line,_import_errors"])
def test_a_file_without_both_columns_has_no_links(tmp_path: Path, header: str) -> None:
    """Such a delivery has no such part at all."""
    parsed = parse(tmp_path, f"{header}\n{','.join(['x'] * len(header.split(',')))}\n".encode())
    assert parsed.out.parts("links") == [] and parsed.file.rows == 1


def test_rows_that_cannot_be_read_keep_their_link(tmp_path: Path) -> None:
    """They fail again, and the chain must go on; a row too short or with a lost quote has its reasons at its end."""
    rows = [
        'Ann,a@x.org,ab12cd34,2,"said ""x, y"""',
        "Bob,ab12cd34,3,the row has more or fewer cells than the header",
        'Eve,"open,ab12cd34,4,a quote opens and never closes',
        "Ida,i@x.org,extra,ab12cd34,5,the row has more or fewer cells than the header",
        "Joe,j@x.org,ab12cd34,6,1E+15",
        '"Kay"x,k@x.org,ab12cd34,7,"a, ""b"""',
    ]
    parsed = parse(tmp_path, "\n".join([HEADER, *rows, "Zoe,1.5E+20,ab12cd34,8,", ""]).encode())
    assert {(line, code) for _, line, _, code in parsed.told()} == {
        (3, "field_count"),
        (4, "quote_unclosed"),
        (5, "field_count"),
        (7, "quoting"),
    }
    assert links(parsed) == [(0, number, number + 2, "ab12cd34", number + 2) for number in range(7)]


def test_a_row_whose_value_is_damaged_keeps_its_link(tmp_path: Path) -> None:
    """It is read, and refused for the damage a spreadsheet did."""
    parsed = parse(tmp_path, f"{HEADER}\n1.23457E+15,,ab12cd34,9,\n".encode())
    assert {code for *_, code in parsed.told()} == {"number_damaged"}
    assert links(parsed) == [(0, 0, 2, "ab12cd34", 9)]


def test_links_of_large_files_are_those_of_their_lines(tmp_path: Path) -> None:
    """The vectorised way, which reads whole blocks, pairs them as the careful one does."""
    width = 40
    rows = [f'"N{i}",{"x" * width},ab12cd34,{i + 2},"a, b"' if i % 97 else f"N{i},ab12cd34,{i + 2},short" for i in range(2_000)]
    content = "\n".join([HEADER, *rows, ""]).encode()
    assert len(content) > 2 * SMALL
    parsed = parse(tmp_path, content)
    assert links(parsed) == [(0, i, i + 2, "ab12cd34", i + 2) for i in range(2_000)]
    assert parsed.file.refused == len(range(0, 2_000, 97))


def test_several_files_of_one_delivery_keep_their_links_apart(tmp_path: Path) -> None:
    """By the job's number, as rows and errors; a file refused as a whole has none."""
    cut = f"{HEADER}\nAnn,,ab12cd34,2,\nBob,,ab".encode()
    plain = b"Name\nCy\n"
    back = f"{HEADER}\nDan,,ef56gh78,3,\n".encode()
    parsed = parse(tmp_path, cut, plain, back)
    assert parsed.files[0].fault is not None
    assert links(parsed) == [(2, 0, 2, "ef56gh78", 3)]


def test_objects_have_links_too_also_those_that_are_refused(tmp_path: Path) -> None:
    """JSON lines: by key, in any order, one level of nesting like any other key; what is no object has none."""
    lines = [
        {"Name": "Ann", "_import_job": "ab12cd34", "_import_line": 1, "_import_errors": "x"},
        {"Name": ["no", "list"], "_import_job": "ab12cd34", "_import_line": 2},
        {"_import_line": "3", "import job": "ab12cd34", "Name": "Bob"},
        {"Name": "Cy"},
        {"Name": "Dan", "_import_job": None, "_import_line": 5},
        {"Name": "Eve", "_import_job": "ab12cd34", "_import_line": True},
    ]
    content = "\n".join([*map(json.dumps, lines), '{"Name": ', ""]).encode()
    parsed = parse(tmp_path, content, kind="jsonl")
    assert links(parsed) == [(0, 0, 1, "ab12cd34", 1), (0, 1, 2, "ab12cd34", 2), (0, 2, 3, "ab12cd34", 3)]
    assert [name for _, name in parsed.cells("Name")] == ["Ann", "Bob", "Cy", "Dan", "Eve"]


def test_an_object_that_is_refused_before_any_link_was_seen_keeps_its_own(tmp_path: Path) -> None:
    """What refuses a row stands before the keys that we put at its end."""
    parsed = parse(tmp_path, b'{"Name": {"a": []}, "Email": [1], "_import_job": "ab12cd34", "_import_line": 4}\n', kind="jsonl")
    assert links(parsed) == [(0, 0, 1, "ab12cd34", 4)]


def test_sheets_have_links_too_also_rows_with_a_cell_too_many(tmp_path: Path) -> None:
    """A number as line is what spreadsheets make of it; positions and lines count the rows that are refused."""
    header = HEADER.split(",")
    content = book(
        header,
        ["Ann", "", "ab12cd34", 2, "wrong"],
        ["Bob", "", "extra", "ab12cd34", 3, "the row has more cells"],
        ["Cy", "", "ab12cd34", "4"],
        ["Dan", "d@x.org"],
    )
    parsed = parse(tmp_path, content, kind="xlsx")
    assert links(parsed) == [(0, 0, 2, "ab12cd34", 2), (0, 1, 3, "ab12cd34", 3), (0, 2, 4, "ab12cd34", 4)]
    assert parsed.file.refused == 1


def test_an_exact_header_may_have_the_reason_columns_anywhere(tmp_path: Path) -> None:
    """Acceptance E-3 holds for the sender's own columns."""
    format_ = Format(name="f", object_type="Contact", columns={"Name": "Name", "Mail": "Email"}, exact_header=True)
    path = tmp_path / "back"
    path.write_bytes(b"_import_line,Name,_import_job,Mail,_import_errors\n2,Ann,ab12cd34,a@x.org,wrong\n")
    parsed = parse(tmp_path, formats={"f": format_}, jobs=[job(path, format="f")])
    assert parsed.file.fault is None and links(parsed) == [(0, 0, 2, "ab12cd34", 2)]


def test_a_column_of_the_object_type_is_never_taken_for_a_link(tmp_path: Path) -> None:
    """What a format imports is data, whatever it is called."""
    format_ = Format(name="f", object_type="Contact", columns={"_import_job": "Name"})
    path = tmp_path / "own"
    path.write_bytes(b"_import_job,_import_line\nab12cd34,2\n")
    parsed = parse(tmp_path, formats={"f": format_}, jobs=[job(path, format="f")])
    assert parsed.out.parts("links") == [] and parsed.cells("Name") == [(2, "ab12cd34")]


@settings(max_examples=200, deadline=None)
@given(cells=st.lists(st.text(st.sampled_from('ab,;"\n '), max_size=6), min_size=1, max_size=5), delimiter=st.sampled_from([",", ";"]))
def test_a_record_is_cut_where_the_careful_reader_cuts_it(cells: list[str], delimiter: str) -> None:
    """One grammar: quoted cells and loose quotes alike, and nothing between the cells but delimiters."""
    text = delimiter.join('"' + c.replace('"', '""') + '"' if any(s in c for s in delimiter + '\n"') else c for c in cells)
    content = text.encode()
    found = split(content, find_lines(content, final=True), 0, delimiter.encode(), final=True) if content else Record(0, 0, [b""])
    assert isinstance(found, Record)
    spans = cell_spans(text, delimiter)
    assert delimiter.join(text[a:b] for a, b in spans) == text
    assert [text[a:b].strip('"').replace('""', '"') for a, b in spans] == [c.decode().strip('"') for c in found.cells]


def test_links_are_made_of_whole_columns() -> None:
    """No value of a cell can be more than text: whatever stands there is judged, never run."""
    from import_pipeline.parsing.links import links as made
    from import_pipeline.parsing.links import numbers, texts

    found = made(numbers([0, 1]), numbers([2, 3]), texts([None, "ab12cd34"]), texts(["1", "9" * 30]))
    assert found.is_empty() and found.schema["of_line"] == pl.Int64
