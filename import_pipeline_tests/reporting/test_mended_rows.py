"""A row with some cells mended: every other byte stays, and what was put in is read back as it was typed."""

import csv
import io
import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.job import FileKind, ParsedFile
from import_pipeline.reporting.mended_rows import LONGEST_CELL, Mended, cells_of, check_text, shown_places

TEXT = st.text(st.characters(blacklist_categories=("Cs",), blacklist_characters="\0"), max_size=12)
HOSTILE = st.sampled_from(['a"b', ' "x"', "=cmd", ";", ",", "\t", "\n", "\r\n", "'", "<b>", "é", "\u2028", '""', '"', ""])


def parsed(header: list[str], **more: object) -> ParsedFile:
    """A file with this header whose columns all mean something."""
    return ParsedFile(job=0, header=tuple(header), keys=tuple(header), **more)  # type: ignore[arg-type]


@given(st.lists(TEXT | HOSTILE, min_size=2, max_size=6), st.data(), st.sampled_from([",", ";", "\t", "|"]))
@settings(max_examples=60, deadline=None)
def test_a_changed_cell_is_read_back_and_no_other_byte_of_the_row_changes(cells: list[str], data: st.DataObject, delimiter: str) -> None:
    """Read back by our own rule and by the standard library, for any text and quoting."""
    wide = parsed([f"c{n}" for n in range(len(cells))], delimiter=delimiter, quote='"', encoding="utf-8")
    quoting = data.draw(st.sampled_from([csv.QUOTE_ALL, csv.QUOTE_MINIMAL]))
    out = io.StringIO()
    csv.writer(out, delimiter=delimiter, quoting=quoting).writerow(cells)
    record = out.getvalue().removesuffix("\r\n").encode()
    found = cells_of("csv", wide, record)
    assert found is not None and [cell.text for cell in found] == cells
    place, new = data.draw(st.integers(0, len(cells) - 1)), data.draw(TEXT | HOSTILE)
    made = Mended("csv", wide, {7: {place: new}}).record(7, record)
    again = cells_of("csv", wide, made)
    assert again is not None and [cell.text for cell in again] == [*cells[:place], new, *cells[place + 1 :]]
    (read,) = csv.reader(io.StringIO(made.decode(), newline=""), delimiter=delimiter)
    assert read == [*cells[:place], new, *cells[place + 1 :]]
    assert Mended("csv", wide, {7: {place: new}}).record(8, record) == record
    back = Mended("csv", wide, {7: {place: cells[place]}}).record(7, made)
    assert cells_of("csv", wide, back) == found


@pytest.mark.parametrize(
    ("record", "made"),
    [
        (b' "x" , a"b ,"q""q"', b' "x" ,new,"q""q"'),
        (b"a,,", b"a,new,"),
        (b'"two\r\nlines",b,c ', b'"two\r\nlines",new,c '),
    ],
)
def test_the_bytes_around_a_changed_cell_stay_as_they_were(record: bytes, made: bytes) -> None:
    """Blanks and quotes may be wanted: nobody asked to change them."""
    assert Mended("csv", parsed(["a", "b", "c"]), {1: {1: "new"}}).record(1, record) == made


@pytest.mark.parametrize("record", [b"a,b", b"a,b,c,d", b'a,"b,c', b"a,\xff,c", b""])
def test_a_row_that_cannot_be_taken_apart_has_no_cells_and_is_never_changed(record: bytes) -> None:
    """A cell put into the wrong place would be worse than a row refused."""
    wide = parsed(["a", "b", "c"], encoding="utf-8")
    if (found := cells_of("csv", wide, record)) is not None:
        # A quote that never closes is text up to the end for this rule; the reader has refused such a row by its code.
        assert [cell.text for cell in found] == ["a", '"b', "c"]
        return
    with pytest.raises(PermanentFailure, match="cannot be taken apart"):
        Mended("csv", wide, {1: {0: "x"}}).record(1, record)


@pytest.mark.parametrize("encoding", ["cp1252", "utf-16-le", "utf-8-sig"])
def test_a_row_keeps_the_encoding_of_its_file(encoding: str) -> None:
    """The mended file is read as its first one was."""
    bare = encoding.removesuffix("-sig")
    wide = parsed(["a", "b"], encoding=encoding)
    assert Mended("csv", wide, {1: {1: "ü;,"}}).record(1, "é,x".encode(bare)) == 'é,"ü;,"'.encode(bare)


@pytest.mark.parametrize(
    ("before", "new", "value"), [("5", "7.5", 7.5), ("5", "many", "many"), ("true", "false", False), ('"5"', "6", "6")]
)
def test_a_value_in_json_keeps_its_kind_where_it_can(before: str, new: str, value: object) -> None:
    """A number that becomes a text would be another value for programs."""
    record = f'{{ "a" : {before} ,"b":"x, }}" }}'.encode()
    made = Mended("jsonl", parsed(["a", "b"]), {1: {0: new}}).record(1, record)
    assert json.loads(made) == {"a": value, "b": "x, }"}
    assert made.startswith(b'{ "a" : ') and made.endswith(b'"b":"x, }" }')


def test_a_key_that_an_object_lacks_is_added_and_lists_are_closed_to_change() -> None:
    """Objects name only what they have; what is mended may be missing."""
    wide = parsed(["a", "b", "c", "d.e"])
    record = b'{"a": [1, 2], "d": {"e": 5}}'
    found = cells_of("jsonl", wide, record)
    assert found is not None and [cell.open for cell in found] == [False, True, True, False]
    made = Mended("jsonl", wide, {1: {1: 'n"w', 2: "é"}}).record(1, record)
    assert json.loads(made) == {"a": [1, 2], "d": {"e": 5}, "b": 'n"w', "c": "é"}
    assert json.loads(Mended("jsonl", wide, {1: {1: "x"}}).record(1, b"{}")) == {"b": "x"}
    for broken in (b"[1]", b'{"a": 1', b'{"a": 1, "a": 2}', b"nothing"):
        assert cells_of("jsonl", wide, broken) is None


def test_a_sheets_row_is_filled_up_where_a_cell_behind_its_end_is_mended() -> None:
    """A sheet's short rows end before the blank cells."""
    wide = parsed(["a", "b", "c"])
    assert Mended("xlsx", wide, {4: {2: "z"}}).cells(4, ["x"]) == ["x", "", "z"]
    found = cells_of("xlsx", wide, b'["x"]')
    assert found is not None and [cell.text for cell in found] == ["x", "", ""]
    assert cells_of("xlsx", wide, b'["x", "", "", "beyond"]') is None


def test_the_reasons_that_a_failed_file_brought_along_are_not_shown() -> None:
    """They are written anew; a field of the type that has such a name stays."""
    header = ("Name", "_import_job", "_import_line", "_import_errors")
    assert shown_places(ParsedFile(job=0, header=header, keys=("Name", None, None, None))) == [0]
    assert shown_places(ParsedFile(job=0, header=header, keys=("Name", "_import_job", None, None))) == [0, 1]


@pytest.mark.parametrize("text", ["a\0b", "x" * (LONGEST_CELL + 1), "→"])
def test_a_text_that_the_file_cannot_hold_is_refused(text: str) -> None:
    """A character replaced in silence would be a wrong value."""
    with pytest.raises(PermanentFailure):
        check_text(parsed(["a"], encoding="cp1252"), text)
    kind: FileKind = "csv"
    assert Mended(kind, parsed(["a"]), {}).record(1, b"x") == b"x"
