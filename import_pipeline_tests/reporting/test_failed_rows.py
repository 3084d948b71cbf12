"""The failed-rows file, byte by byte."""

import codecs
import csv
import io
import json
import tempfile
from collections.abc import Sequence
from pathlib import Path

import polars as pl
import pytest
import python_calamine
import xlsxwriter
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import REASON_COLUMNS
from import_pipeline.model.job import ParsedFile
from import_pipeline.parsing import raw
from import_pipeline.parsing.lines import LINE_LIMIT
from import_pipeline_tests.reporting.conftest import Desk, error_table, finding

HEADER = ("Name", "Stage", "Amount")
TAIL = "_import_job,_import_line,_import_errors"


def read_as(**more: object) -> ParsedFile:
    """A file with the header Name, Stage, Amount on its first line."""
    fixed = {
        "job": 0,
        "encoding": "utf-8",
        "delimiter": ",",
        "quote": '"',
        "line_end": "\n",
        "header_line": 1,
        "header": HEADER,
        "keys": HEADER,
    }
    return ParsedFile(**(fixed | more))  # type: ignore[arg-type]


def short(line: int, end: int | None = None, **more: object) -> dict[str, object]:
    """A finding with a short sentence: «Stage: 'x' is not a configured stage»."""
    return finding(line, end=end or line, value="x", expected=None, suggestion=None, **more)


def failed_bytes(desk: Desk, content: bytes, parsed: ParsedFile, *findings: dict[str, object], **more: object) -> bytes:
    """The bytes of the failed-rows file."""
    answer = desk.answer(desk.job(content, **more), parsed, error_table(*findings))  # type: ignore[arg-type]
    assert answer.failed_file is not None
    return answer.failed_file.read_bytes()


SAID = "Stage: 'x' is not a configured stage"


@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize(
    ("encoding", "bom"),
    [
        ("utf-8", b""),
        ("utf-8-sig", codecs.BOM_UTF8),
        ("cp1252", b""),
        ("utf-16-le", codecs.BOM_UTF16_LE),
        ("utf-16-be", codecs.BOM_UTF16_BE),
        ("utf-16-le", b""),
    ],
)
def test_failed_rows_come_back_with_their_own_bytes(desk: Desk, encoding: str, bom: bytes, delimiter: str, end: str) -> None:
    """Acceptance, decision 1: same header, order, delimiter, encoding and line ends as sent, reasons at the end."""
    rows = [["Zoë", "x", "1"], ["Bob", "New", "2"], ["Åsa", "x", '"3"'], ["Eve", "x", "  4 "]]
    bare = encoding.removesuffix("-sig")
    lines = [delimiter.join(HEADER), *(delimiter.join(row) for row in rows)]
    content = bom + (end.join(lines) + end).encode(bare)
    parsed = read_as(encoding=encoding, delimiter=delimiter, line_end=end)
    expected = [delimiter.join([*HEADER, *REASON_COLUMNS])]
    expected += [delimiter.join([lines[i], "ab12cd34", str(i + 1), SAID]) for i in (1, 3, 4)]
    got = failed_bytes(desk, content, parsed, short(5), short(2), short(4))
    assert got == bom + (end.join(expected) + end).encode(bare)


def test_a_row_of_several_lines_comes_back_whole(desk: Desk) -> None:
    """Line ends inside quotes are the sender's, even where they are not those of the file."""
    content = b'Name,Stage,Amount\r\n"two\nlines",x,1\r\nBob,New,2\r\n'
    got = failed_bytes(desk, content.replace(b"two\nlines", b"two\r\nlines"), read_as(line_end="\r\n"), short(2, 3))
    assert got == b"Name,Stage,Amount," + TAIL.encode() + b'\r\n"two\r\nlines",x,1,ab12cd34,2,' + SAID.encode() + b"\r\n"


def test_a_row_refused_for_its_structure_gets_the_reasons_behind_its_raw_text(desk: Desk) -> None:
    """Its cells agree with nothing; whoever mends it finds the line as it was sent, and the reasons at its end."""
    content = b'Name,Stage,Amount\nBob,New\nEve,"open,2\nAda,New,3\n'
    wrong = {"column": None, "value": None, "expected": None, "suggestion": None}
    got = failed_bytes(desk, content, read_as(), finding(2, code="field_count", **wrong), finding(3, code="quote_unclosed", **wrong))
    assert got.decode().splitlines()[1:] == [
        "Bob,New,ab12cd34,2,the row has more or fewer cells than the header",
        'Eve,"open,2,ab12cd34,3,a quote opens and never closes',
    ]


def test_all_errors_of_a_row_stand_in_one_cell_of_one_line(desk: Desk) -> None:
    """One row, one cell, quoted only where the delimiter or the quote makes it necessary; warnings do not refuse a row."""
    found = [
        short(2),
        short(2, column="Amount", code="not_a_number") | {"value": 'a,"b\nc'},
        short(3, severity="warning", code="not_updatable"),
    ]
    got = failed_bytes(desk, b"Name,Stage,Amount\nBob,x,y\nEve,New,1\n", read_as(), *found)
    (row,) = list(csv.reader(io.StringIO(got.decode())))[1:]
    assert row == ["Bob", "x", "y", "ab12cd34", "2", f"Amount: 'a,\"b c' is not a number | {SAID}"]


def test_reasons_that_the_files_encoding_cannot_write_get_a_question_mark(desk: Desk) -> None:
    """A cp1252 file stays a cp1252 file."""
    content = "Name,Stage,Amount\nZoë,x,1\n".encode("cp1252")
    got = failed_bytes(desk, content, read_as(encoding="cp1252"), short(2) | {"suggestion": "Ω"})
    assert got.decode("cp1252").splitlines()[1] == f"Zoë,x,1,ab12cd34,2,{SAID}; did you mean '?'?"


def test_a_failed_file_that_fails_again_has_its_reasons_once(desk: Desk) -> None:
    """Sent back and refused once more, a row must not grow by three cells each time; its own cells stay."""
    header = (*HEADER, *REASON_COLUMNS)
    content = f'Name,Stage,Amount,{TAIL}\n"B,""o""",x,1,0ld00000,7,"old, reason"\nEve,x,2\n'.encode()
    parsed = read_as(header=header, keys=(*HEADER, None, None, None))
    got = failed_bytes(desk, content, parsed, short(2), short(3))
    assert got.decode().splitlines() == [
        f"Name,Stage,Amount,{TAIL}",
        f'"B,""o""",x,1,ab12cd34,2,{SAID}',
        f"Eve,x,2,ab12cd34,3,{SAID}",
    ]


def test_the_values_sent_are_not_altered_even_where_a_spreadsheet_would_run_them(desk: Desk) -> None:
    """The failed rows are data to be sent again; only our own cells are guarded (docs/security.md)."""
    parsed = read_as(header=("Name", "=Stage", "Amount"))
    got = failed_bytes(desk, b"Name,=Stage,Amount\n=1+1,x,-2\n", parsed, short(2))
    assert got.decode().splitlines()[1] == f"=1+1,x,-2,ab12cd34,2,'={SAID}"


def test_lines_before_the_header_are_left_out(desk: Desk) -> None:
    """A preamble was not imported the first time; the header is what the importer needs."""
    content = b"Report of March\n\nName,Stage,Amount\nBob,x,1\n"
    got = failed_bytes(desk, content, read_as(header_line=3), short(4))
    assert got == f"Name,Stage,Amount,{TAIL}\nBob,x,1,ab12cd34,4,{SAID}\n".encode()


def test_a_row_too_long_to_be_read_is_told_but_not_sent_back(desk: Desk) -> None:
    """Its bytes were never taken in; the list of errors names its line, the other rows come back."""
    content = b"Name,Stage,Amount\n" + b"z" * (LINE_LIMIT + 1) + b",x,1\nEve,x,2\n"
    long = finding(2, column=None, code="line_too_long", value=None)
    answer = desk.answer(desk.job(content), read_as(), error_table(long, short(2), short(3)))
    assert answer.failed_file is not None and answer.errors_file is not None
    assert answer.failed_file.read_text().splitlines()[1:] == [f"Eve,x,2,ab12cd34,3,{SAID}"]
    assert answer.errors_file.read_text().count("\n2,") == 2
    alone = desk.answer(desk.job(content), read_as(), error_table(long))
    assert alone.failed_file is None and alone.errors_file is not None


def test_an_object_that_has_the_keys_elsewhere_has_them_once(desk: Desk) -> None:
    """A program may have sorted the keys of a failed row; a key that occurs twice would make it unreadable. The rest keeps its bytes."""
    content = b'{"_import_errors": "old", "n":1.10 , "_import_job": "0ld", "in": {"_import_line": 1}, "_import_line": 9}\n'
    parsed = read_as(delimiter=None, quote=None, header_line=None)
    got = failed_bytes(desk, content, parsed, short(1), name="x.jsonl", kind="jsonl").decode()
    new = f'"_import_job": "ab12cd34", "_import_line": 1, "_import_errors": "{SAID}"'
    assert got == '{ "n":1.10, "in": {"_import_line": 1}, ' + new + "}\n"


def test_a_column_of_the_object_type_is_no_reason_whatever_its_name(desk: Desk) -> None:
    """What is imported must come back."""
    content = b'{"Import Job": "paint", "a": 1}\n'
    parsed = read_as(header=("Import Job", "a"), keys=("Import Job", None), delimiter=None, quote=None, header_line=None)
    got = failed_bytes(desk, content, parsed, short(1), name="x.jsonl", kind="jsonl")
    assert json.loads(got)["Import Job"] == "paint"


def test_reasons_in_the_middle_or_in_another_order_make_room_for_the_new_ones_at_the_end(desk: Desk) -> None:
    """Whoever mends a file may move its columns; a quote inside a cell and line ends inside quotes stay as they are."""
    header = ("Name", "_import_line", "Stage", "Import Errors", "_import_job", "Amount")
    rows = ['"two\nlines",7,x,"old, reason",0ld00000,1', '5" pipe,8,x,old,0ld00000,"2"']
    content = "\n".join([",".join(header), *rows]).encode() + b"\n"
    parsed = read_as(header=header, keys=("Name", None, "Stage", None, None, "Amount"))
    got = failed_bytes(desk, content, parsed, short(2, 3), short(4)).decode()
    assert got.splitlines() == [
        f"Name,Stage,Amount,{TAIL}",
        '"two',
        f'lines",x,1,ab12cd34,2,{SAID}',
        f'5" pipe,x,"2",ab12cd34,4,{SAID}',
    ]


def test_a_row_of_the_wrong_shape_that_fails_again_has_its_reasons_once(desk: Desk) -> None:
    """The cells that we put at its end are found there, whatever is wrong before them."""
    content = f'Name,Stage,Amount,{TAIL}\nBob,New,old00000,7,"a, ""b"""\nEve,"open,2,3,old00000,8,old\n'.encode()
    parsed = read_as(header=(*HEADER, *REASON_COLUMNS), keys=(*HEADER, None, None, None))
    wrong = {"column": None, "value": None, "expected": None, "suggestion": None}
    got = failed_bytes(desk, content, parsed, finding(2, code="field_count", **wrong), finding(3, code="quote_unclosed", **wrong))
    assert got.decode().splitlines()[1:] == [
        "Bob,New,ab12cd34,2,the row has more or fewer cells than the header",
        'Eve,"open,2,3,ab12cd34,3,a quote opens and never closes',
    ]


def test_objects_come_back_with_three_more_keys_and_their_own_text(desk: Desk) -> None:
    """A JSON number that is parsed and written anew may lose digits: 1.10 and 12345678901234567890.0 stay as they were."""
    content = '{"Name":"Zoë","n":1.10,"big":12345678901234567890.0}\n{}\n{"a": 1 }  \n[1]\n{"cut": \n'.encode()
    parsed = read_as(delimiter=None, quote=None, header_line=None)
    wrong = {"column": None, "value": None}
    got = failed_bytes(
        desk,
        content,
        parsed,
        *(short(n) for n in (1, 2, 3)),
        short(4, code="not_an_object") | wrong,
        short(5, code="bad_json") | wrong,
        name="Account_x.jsonl",
        kind="jsonl",
    )
    keys = '"_import_job": "ab12cd34", "_import_line": {}, "_import_errors": "' + SAID + '"}}'
    assert got.decode().splitlines() == [
        '{"Name":"Zoë","n":1.10,"big":12345678901234567890.0, ' + keys.format(1),
        "{" + keys.format(2),
        '{"a": 1 , ' + keys.format(3),
        "[1]",
        '{"cut": ',
    ]


def test_objects_that_fail_again_have_their_reasons_once(desk: Desk) -> None:
    """The same key twice in one object is a fault of its own."""
    parsed = read_as(delimiter=None, quote=None, header_line=None)
    told: dict[str, object] = {"name": "Account_x.jsonl", "kind": "jsonl"}
    first = failed_bytes(desk, b'{"a": "\\"}"}\r\n{}\r\n', parsed, short(1), short(2), **told)
    again = failed_bytes(desk, first, parsed, short(1) | {"value": 'y"\\'}, short(2), **told)
    assert json.loads(again.splitlines()[0]).keys() == {"a", *REASON_COLUMNS}
    third = failed_bytes(desk, again, parsed, short(1), short(2), **told)
    assert third == first


@pytest.mark.parametrize(("encoding", "bom"), [("utf-8", codecs.BOM_UTF8), ("utf-16-le", codecs.BOM_UTF16_LE), ("cp1252", b"")])
def test_objects_keep_their_encoding_and_byte_order_mark(desk: Desk, encoding: str, bom: bytes) -> None:
    """The mark stands once, at the start of the file, even when the first line failed."""
    content = bom + '{"Name": "Zoë"}\n'.encode(encoding)
    parsed = read_as(encoding=encoding, delimiter=None, quote=None, header_line=None)
    got = failed_bytes(desk, content, parsed, short(1) | {"suggestion": "Ω"}, name="x.jsonl", kind="jsonl")
    assert got.startswith(bom) and got.count(bom or b"\x00\x01") <= 1
    told = json.loads(got.removeprefix(bom).decode(encoding))
    assert told["Name"] == "Zoë" and told["_import_errors"].endswith("did you mean 'Ω'?")


def sheet(path: Path, rows: Sequence[Sequence[object]]) -> bytes:
    """An XLSX file of these rows."""
    book = xlsxwriter.Workbook(path)
    page = book.add_worksheet()
    for number, row in enumerate(rows):
        page.write_row(number, 0, row)
    book.close()
    return path.read_bytes()


def test_rows_of_a_sheet_come_back_as_text(desk: Desk, tmp_path: Path) -> None:
    """A sheet has no lines of text: cells come back as what was read, as text, so that Excel turns no id into a number."""
    rows = [[*HEADER], ["Bob", "x", "007"], ["Eve", "New", "2"], ["'=1+1", "x"], ["Ada", "x", "3", "extra"]]
    parsed = read_as(encoding=None, delimiter=None, quote=None, line_end=None)
    content = sheet(tmp_path / "in.xlsx", rows)
    told: dict[str, object] = {"name": "Account_x.xlsx", "kind": "xlsx"}
    found = [short(5), short(2), short(4)]
    got = failed_bytes(desk, content, parsed, *found, **told)
    (tmp_path / "out.xlsx").write_bytes(got)
    read = python_calamine.CalamineWorkbook.from_path(str(tmp_path / "out.xlsx")).get_sheet_by_index(0).to_python()
    width = 7
    assert [row + [""] * (width - len(row)) for row in read] == [
        [*HEADER, *REASON_COLUMNS, ""],
        ["Bob", "x", "007", "ab12cd34", "2", SAID, ""],
        ["'=1+1", "x", "", "ab12cd34", "4", SAID, ""],
        ["Ada", "x", "3", "extra", "ab12cd34", "5", SAID],
    ]
    assert failed_bytes(desk, content, parsed, *found, **told) == got


def test_a_failed_sheet_that_fails_again_has_its_reasons_once(desk: Desk, tmp_path: Path) -> None:
    """As for CSV: the place of the old reasons is for the new ones."""
    content = sheet(tmp_path / "in.xlsx", [[*HEADER, *REASON_COLUMNS], ["Bob", "x", "1", "0ld", "9", "old"]])
    parsed = read_as(header=(*HEADER, *REASON_COLUMNS), keys=(*HEADER, None, None, None), encoding=None)
    (tmp_path / "out.xlsx").write_bytes(failed_bytes(desk, content, parsed, short(2), name="a.xlsx", kind="xlsx"))
    read = python_calamine.CalamineWorkbook.from_path(str(tmp_path / "out.xlsx")).get_sheet_by_index(0).to_python()
    assert read == [[*HEADER, *REASON_COLUMNS], ["Bob", "x", "1", "ab12cd34", "2", SAID]]


def test_a_sheets_row_with_a_cell_too_many_keeps_it_and_has_its_reasons_once(desk: Desk, tmp_path: Path) -> None:
    """Its reasons stand one cell behind those of the others."""
    content = sheet(tmp_path / "in.xlsx", [[*HEADER, *REASON_COLUMNS], ["Ada", "x", "3", "extra", "old00000", "9", "old"]])
    parsed = read_as(header=(*HEADER, *REASON_COLUMNS), keys=(*HEADER, None, None, None), encoding=None)
    (tmp_path / "out.xlsx").write_bytes(failed_bytes(desk, content, parsed, short(2), name="a.xlsx", kind="xlsx"))
    read = python_calamine.CalamineWorkbook.from_path(str(tmp_path / "out.xlsx")).get_sheet_by_index(0).to_python()
    assert read[1] == ["Ada", "x", "3", "extra", "ab12cd34", "2", SAID]


@pytest.mark.parametrize("copies", [[(2, b"Bob,x,1")], [(3, b"Eve,x,2"), (2, b"Bob,x,1")]])
def test_rows_are_never_paired_with_the_reasons_of_others(
    desk: Desk, monkeypatch: pytest.MonkeyPatch, copies: list[tuple[int, bytes]]
) -> None:
    """An original that does not hold the failed lines in order is our fault: no file is better than a wrong one."""
    monkeypatch.setattr(raw, "raw_records", lambda *_: iter(copies))
    with pytest.raises(PermanentFailure, match=r"is .* whole"):
        failed_bytes(desk, b"Name,Stage,Amount\nBob,x,1\nEve,x,2\n", read_as(), short(2), short(3))
    assert not list(desk.failed.iterdir())


CELL = st.text(st.sampled_from("ab ,;\"\n'=Zë"), max_size=6)


@settings(max_examples=60, deadline=None)
@given(
    rows=st.lists(st.lists(CELL, min_size=3, max_size=3), min_size=1, max_size=8),
    delimiter=st.sampled_from([",", ";"]),
    data=st.data(),
)
def test_a_failed_file_holds_the_failed_rows_and_three_more_cells(rows: list[list[str]], delimiter: str, data: st.DataObject) -> None:
    """Whatever stands in the cells: the rows that failed come back, in order, each with the line it stood on."""
    chosen = sorted(data.draw(st.sets(st.integers(0, len(rows) - 1), min_size=1)))
    out, spans = io.StringIO(), []
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\n", quoting=csv.QUOTE_ALL)
    writer.writerow(HEADER)
    for row in rows:
        first = out.getvalue().count("\n") + 1
        writer.writerow(row)
        spans.append((first, out.getvalue().count("\n")))
    found = [short(*spans[i]) | {"value": rows[i][1]} for i in chosen]
    with tempfile.TemporaryDirectory() as folder:
        got = failed_bytes(Desk(Path(folder)), out.getvalue().encode(), read_as(delimiter=delimiter), *found)
    back = list(csv.reader(io.StringIO(got.decode(), newline=""), delimiter=delimiter))
    assert back[0] == [*HEADER, *REASON_COLUMNS]
    assert [row[:-3] for row in back[1:]] == [rows[i] for i in chosen]
    assert [row[-3:-1] for row in back[1:]] == [["ab12cd34", str(spans[i][0])] for i in chosen]


def test_reasons_are_paired_with_their_rows_across_slices(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Texts are made slice by slice; no row may lose its own at a border."""
    monkeypatch.setattr("import_pipeline.reporting.reasons.SLICE_ROWS", 7)
    content = "Name,Stage,Amount\n" + "".join(f"n{i},x{i},1\n" for i in range(2, 60))
    table = error_table(*(short(n) | {"value": f"x{n}"} for n in range(2, 60) if n % 3))
    answer = desk.answer(desk.job(content.encode()), read_as(), table.sample(fraction=1, shuffle=True, seed=2))
    back = pl.read_csv(answer.failed_file, infer_schema=False)  # type: ignore[arg-type]
    assert back.height == sum(1 for n in range(2, 60) if n % 3)
    for row in back.iter_rows(named=True):
        assert row["Name"] == f"n{row['_import_line']}"
        assert row["_import_errors"] == f"Stage: 'x{row['_import_line']}' is not a configured stage"
