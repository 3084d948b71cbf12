"""The bytes of a line are found again exactly as they were sent.

Belongs here: lines, headers and sheet rows by number. Does not belong here: what is written around them (reporting).
"""

from pathlib import Path

import pytest

from import_pipeline.parsing import raw
from import_pipeline.parsing.raw import header_bytes, raw_records, sheet_rows
from import_pipeline_tests.parsing.lab import parse
from import_pipeline_tests.parsing.test_xlsx import book


@pytest.mark.parametrize("block", [16, 1 << 20])
@pytest.mark.parametrize("end", ["\n", "\r\n", "\r"])
@pytest.mark.parametrize(
    ("encoding", "mark"), [("utf-8", ""), ("utf-8", "\ufeff"), ("utf-16-le", "\ufeff"), ("utf-16-be", ""), ("cp1252", "")]
)
def test_spans_give_the_bytes_as_sent(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, block: int, end: str, encoding: str, mark: str
) -> None:
    """A failed-rows file must hold what its sender knows, in the encoding, with the line ends inside a record."""
    monkeypatch.setattr(raw, "_BLOCK", block)
    lines = ["Name,Notes", "Zoë,x", f'Bob,"two{end}lines, é"', "", "Cid,y", "Last,ö"]
    text = mark + end.join(lines)
    got = parse(tmp_path, text.encode(encoding))
    path = tmp_path / "file-0"
    assert [line for line, *_ in got.cells("Name")] == [2, 3, 6, 7]
    assert dict(raw_records(path, got.file, [(1, 1), (2, 2), (3, 4), (7, 7), (9, 9)])) == {
        1: lines[0].encode(encoding),
        2: lines[1].encode(encoding),
        3: lines[2].encode(encoding),
        7: lines[5].encode(encoding),
    }
    assert header_bytes(path, got.file) == (mark + lines[0]).encode(encoding)


def test_a_header_of_several_lines_is_given_whole(tmp_path: Path) -> None:
    """Spreadsheets put line ends into header cells."""
    got = parse(tmp_path, b'title\n"Na\nme",Email\nAnn,a@x\n')
    assert header_bytes(tmp_path / "file-0", got.file) == b'"Na\nme",Email' and got.file.header_line == 2


def test_a_line_too_long_to_be_read_is_given_empty(tmp_path: Path) -> None:
    """It may be larger than memory; the lines after it keep their numbers."""
    got = parse(tmp_path, b"Name\nAnn\n" + b"y" * (9 << 20) + b"\nBob\n" + b"z" * (2 << 20) + b"\nCid\n")
    spans = [(2, 2), (3, 3), (4, 4), (5, 5), (6, 6)]
    assert list(raw_records(tmp_path / "file-0", got.file, spans)) == [(2, b"Ann"), (3, b""), (4, b"Bob"), (5, b""), (6, b"Cid")]


def test_rows_of_a_sheet_come_from_the_sheet_that_was_imported(tmp_path: Path) -> None:
    """The first sheet may be a cover."""
    got = parse(tmp_path, book(["Name", "Amount"], ["Ann", 1], ["Bob", 2.5], sheets=2), kind="xlsx")
    assert sheet_rows(tmp_path / "file-0", [3, 9], got.file) == {3: ["Bob", "2.5"]}
