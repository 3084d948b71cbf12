"""The parsed stage as a whole: every line of every file has one fate, told with its number.

Belongs here: files in, parts and report out. Does not belong here: records of CSV (test_csv_records.py), JSON and Excel (their own files).
"""

from pathlib import Path

import polars as pl
import pytest

from import_pipeline.failures import UnknownValue
from import_pipeline.model.format import Format
from import_pipeline.model.row_error import FileFault
from import_pipeline.parsing import doctor, lines, parts
from import_pipeline.parsing.stage import parse_delivery
from import_pipeline.store.staging import END, ERRORS, JOB, LINE, LINEAGE, POS, StageFolder
from import_pipeline_tests.parsing.lab import CONTACT, job, parse


def test_each_record_becomes_a_row_or_an_error_with_its_own_line_and_position(tmp_path: Path) -> None:
    """Lines and positions are what receipts, packages and lineage hang on; an embedded line end must not shift what follows."""
    got = parse(tmp_path, b'Name,Email\nAnn,a@x\n"Bob\nJr",b@x\n\nCid\nDee,d@x,\nEve,e@x\n')
    assert got.rows.select(LINE, END, POS, "Name").rows() == [(2, 2, 0, "Ann"), (3, 4, 1, "Bob\nJr"), (8, 8, 4, "Eve")]
    assert got.told() == {(0, 6, None, "field_count"), (0, 7, None, "field_count")}
    assert (got.file.rows, got.file.read, got.file.refused) == (5, 3, 2)
    assert {(n.code, n.rows) for n in got.file.notices} == {("blank_lines", 1)}
    assert dict(zip(got.rows.columns[:4], got.rows.dtypes[:4], strict=True)) == LINEAGE
    assert got.errors.schema == pl.Schema(ERRORS)


def test_the_report_holds_what_the_call_returns(tmp_path: Path) -> None:
    """Later stages read the report, not our memory."""
    got = parse(tmp_path, b"Name\nAnn\n", b"nothing known\nx\n")
    assert got.out.load_report() == {"files": [file.model_dump(mode="json") for file in got.files]}


def test_columns_are_the_union_of_all_headers_in_the_object_types_order(tmp_path: Path) -> None:
    """One schema for all parts of a delivery; a file without a column has nulls there."""
    got = parse(tmp_path, b"Notes,Name\nn,Ann\n", b"Email;Name\ne@x;Bob\n")
    assert got.rows.columns[4:] == ["Name", "Email", "Notes"]
    assert got.rows.select(JOB, "Name", "Email", "Notes").rows() == [(0, "Ann", None, "n"), (1, "Bob", "e@x", None)]


def test_parsing_twice_gives_the_same_bytes(tmp_path: Path) -> None:
    """A stage that is run again after a crash must not change what is behind it."""
    text = b"Name,Email\n" + b"".join(b"Person %d,p%d@x\n" % (i, i) for i in range(3000)) + b'"open,x\n'
    first = {p.name: p.read_bytes() for p in parse(tmp_path, text).out.path.iterdir()}
    assert first == {p.name: p.read_bytes() for p in parse(tmp_path, text).out.path.iterdir()}


def test_blank_cells_and_blanks_around_values_stay_as_sent(tmp_path: Path) -> None:
    """What is blank is for validation to say."""
    assert parse(tmp_path, b'Name,Email,Notes\n Ann ,,""\n').cells("Name", "Email", "Notes") == [(2, " Ann ", "", "")]


def test_a_job_refused_before_parsing_is_passed_on(tmp_path: Path) -> None:
    """Its file may not even exist."""
    fault = FileFault(code="archive", message="encrypted")
    got = parse(tmp_path, jobs=[job(tmp_path / "gone", fault=fault)])
    assert got.file.fault == fault and got.rows.height == 0


@pytest.mark.parametrize(
    ("text", "encoding", "code"),
    [
        ("Name,Notes\nZoë,x\n".encode("utf-8-sig"), "utf-8-sig", None),
        ("\ufeffName,Notes\nZoë,x\n".encode("utf-16-le"), "utf-16-le", None),
        ("\ufeffName,Notes\nZoë,x\n".encode("utf-16-be"), "utf-16-be", None),
        ("Name,Notes\nZoë,x\n".encode("utf-16-le"), "utf-16-le", None),
        ("\ufeffName,Notes\nZoë,x\n".encode("utf-32-le"), "utf-32-le", None),
        ("Name,Notes\nZoë,x\n".encode("cp1252"), "cp1252", "encoding_assumed"),
    ],
)
def test_every_encoding_gives_the_same_rows(tmp_path: Path, text: bytes, encoding: str, code: str | None) -> None:
    """A byte order mark decides, then NULs, then strict UTF-8, then Windows-1252 with a notice."""
    got = parse(tmp_path, text)
    assert got.cells("Name", "Notes") == [(2, "Zoë", "x")]
    assert got.file.encoding == encoding and got.notices() == ({code} if code else set())
    assert [path.name for path in got.out.path.parent.iterdir()] == ["parsed"], "transcoded copies are removed"


def test_the_notice_names_the_first_line_that_is_not_utf_8(tmp_path: Path) -> None:
    """People look there first."""
    got = parse(tmp_path, "Name\r\nAnn\r\nZoë\rBob\n".encode("cp1252"))
    assert [(n.code, n.line) for n in got.file.notices] == [("encoding_assumed", 3)]
    assert [name for _, name in got.cells("Name")] == ["Ann", "Zoë", "Bob"]


@pytest.mark.parametrize("text", ["ZoÃ«", "itâ€™s", "a\u0085b"])
def test_text_decoded_twice_is_told_with_its_line_and_kept(tmp_path: Path, text: str) -> None:
    """It cannot be mended with certainty."""
    got = parse(tmp_path, f"Name\nZoë\n{text}\n".encode())
    assert [(n.code, n.line) for n in got.file.notices] == [("mojibake", 3)]
    assert got.cells("Name")[1] == (3, text)


FAULTS = {
    "empty_file": b"",
    "encoding": b"Name\nAnn\nx\x81\n",
    "no_header": b"one,two\n1,2\n",
    "header_blank": b"Name,,Email\nAnn,x,y\n",
    "header_duplicate": b"Name,E-mail,email\nAnn,x,y\n",
    "too_many_columns": b"Name," + b",".join(b"c%d" % i for i in range(2_001)) + b"\n",
    "cut_off": b"Name,Email\nAnn,a@x\nBob",
    "mostly_bad": b"Name,Email\n" + b"a;b\n" * 30 + b"Ann,a@x\n" * 20,
    "unreadable": b"PK\x03\x04rest of an archive",
}


@pytest.mark.parametrize("code", FAULTS)
def test_a_file_that_cannot_be_trusted_is_refused_whole_and_the_others_go_on(tmp_path: Path, code: str) -> None:
    """Nothing of it is imported, not even its row errors; the delivery's other files are not touched by it."""
    got = parse(tmp_path, b"Name\nBefore\n", FAULTS[code], b"Name\nAfter\n")
    assert [file.fault.code if file.fault else None for file in got.files] == [None, code, None]
    assert got.rows.select(JOB, "Name").rows() == [(0, "Before"), (2, "After")]
    assert got.told() == set() and got.files[1].rows == 0


def test_the_fault_says_what_would_have_been_right(tmp_path: Path) -> None:
    """Both names of a duplicate, the expected columns and the nearest one."""
    faults = [f.fault for f in parse(tmp_path, FAULTS["header_duplicate"], b"Nmae,Adress\nx,y\n").files]
    assert faults[0] and "'E-mail' and 'email'" in faults[0].message and faults[0].line == 1
    assert faults[1] and faults[1].expected and "Email" in faults[1].expected and faults[1].suggestion == "Name"


@pytest.mark.parametrize("rest", [b'Bob,"b@', b"Bob", b'"Bob'])
def test_a_last_line_without_line_end_and_with_missing_cells_is_cut_off(tmp_path: Path, rest: bytes) -> None:
    """The upload ended in the middle of a row; rows before it may be right, but the file is not what was sent."""
    got = parse(tmp_path, b"Name,Email,Notes\nAnn,a@x,n\n" + rest)
    assert got.file.fault and (got.file.fault.code, got.file.fault.line) == ("cut_off", 3)


@pytest.mark.parametrize("rest", [b"Bob,b@x,", b'Bob,b@x,"two\nlines"', b"  ", b"a,b,c,d"])
def test_a_last_line_without_line_end_is_fine_when_it_is_whole(tmp_path: Path, rest: bytes) -> None:
    """Many programs leave the last line end out; too many cells are an error of that row, not a cut."""
    assert parse(tmp_path, b"Name,Email,Notes\nAnn,a@x,n\n" + rest).file.fault is None


def test_a_large_file_that_is_cut_off_leaves_no_part_behind(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its fault is met when parts are already written."""
    monkeypatch.setattr(parts, "PART_ROWS", 50)
    monkeypatch.setattr(lines, "BLOCK", 500)
    bad = b"Name,Email\n" + b"x\n" + b"".join(b"P%d,p@x\n" % i for i in range(500)) + b"Bob"
    got = parse(tmp_path, b"Name\nBefore\n", bad, b"Name\nAfter\n")
    assert got.files[1].fault and got.files[1].fault.code == "cut_off"
    assert got.rows["Name"].to_list() == ["Before", "After"] and got.told() == set()


def test_a_large_file_that_is_cut_off_takes_nothing_of_the_large_file_before_it(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Giving up goes back to the beginning of one file, not further."""
    monkeypatch.setattr(parts, "PART_ROWS", 50)
    monkeypatch.setattr(lines, "BLOCK", 500)
    many = b"".join(b"P%d,p@x\n" % i for i in range(500))
    got = parse(tmp_path, b"Name,Email\n" + many, b"Name,Email\n" + many + b"Bob", b"Name,Email\n" + many)
    assert got.rows.select(JOB, LINE).rows() == [(number, line) for number in (0, 2) for line in range(2, 502)]


def test_half_a_character_at_the_end_of_a_chunk_is_found(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """A chunk of plain characters behind it must not hide it; a whole character across two chunks is no fault."""
    monkeypatch.setattr(doctor, "_CHUNK", 8)
    broken, whole = parse(tmp_path, b"Name\nab\xc3abcdefgh\n", "Name\nabéabcdefgh\n".encode()).files
    assert (broken.encoding, whole.encoding) == ("cp1252", "utf-8")


def test_a_word_of_data_that_is_also_a_columns_name_makes_no_header(tmp_path: Path) -> None:
    """A file without a header must not lose the rows above such a word."""
    got = parse(tmp_path, b"Ann,Denver,1,x\nBob,City,2,y\n")
    assert got.file.fault and got.file.fault.code == "no_header"


def test_lines_before_the_header_are_skipped_and_told(tmp_path: Path) -> None:
    """Reports carry titles; line numbers still count from the top of the file."""
    got = parse(tmp_path, b"Contacts as of today\n\nsep=;\nName;Email\nAnn;a@x\n")
    assert got.cells("Name", "Email") == [(5, "Ann", "a@x")]
    assert (got.file.header_line, got.file.delimiter) == (4, ";")
    assert [(n.code, n.rows) for n in got.file.notices] == [("preamble_skipped", 2)]


@pytest.mark.parametrize("delimiter", [b",", b";", b"\t", b"|"])
def test_the_delimiter_is_found_by_the_columns_it_makes_known(tmp_path: Path, delimiter: bytes) -> None:
    """Even if another candidate is more frequent in the rows."""
    text = b"Name%bEmail%bNotes\n" % (delimiter, delimiter) + b'Ann%ba@x%b"a,b;c|d\te,;|\t"\n' % (delimiter, delimiter)
    got = parse(tmp_path, text)
    assert got.cells("Name", "Notes") == [(2, "Ann", "a,b;c|d\te,;|\t")] and got.file.delimiter == delimiter.decode()


def test_unknown_and_ignored_columns_are_told_with_the_nearest_known_one(tmp_path: Path) -> None:
    """A column that is not imported must never go unnoticed."""
    got = parse(tmp_path, b"Name,Emial,Visit Count,_import_errors\nAnn,x,3,old\n")
    assert {(n.code, n.column) for n in got.file.notices} == {
        ("column_unknown", "Emial"),
        ("column_ignored", "Visit Count"),
        ("column_ignored", "_import_errors"),
    }
    assert "'Email'" in next(n.message for n in got.file.notices if n.column == "Emial")


@pytest.mark.parametrize("end", [b"\n", b"\r\n", b"\r"])
@pytest.mark.parametrize("rows", [3, 4000])
def test_all_kinds_of_line_ends_are_read(tmp_path: Path, end: bytes, rows: int) -> None:
    """Fast readers give no rows and no error for CR alone."""
    text = end.join([b"Name,Email", *(b"P%d,p%d@x" % (i, i) for i in range(rows)), b""])
    got = parse(tmp_path, text)
    assert got.cells("Name", "Email") == [(i + 2, f"P{i}", f"p{i}@x") for i in range(rows)]
    assert got.file.line_end == end.decode()


def test_a_row_of_five_thousand_columns_costs_that_row_only(tmp_path: Path) -> None:
    """Limits on columns are for headers."""
    got = parse(tmp_path, b"Name,Email\nAnn,a@x\n" + b"," * 4999 + b"\nBob,b@x\n")
    assert got.told() == {(0, 3, None, "field_count")} and got.rows["Name"].to_list() == ["Ann", "Bob"]
    assert got.errors["value"].to_list() == ["5000 cells"]


@pytest.mark.parametrize("pad", [0, 40_000])
def test_the_header_again_in_the_middle_is_an_error(tmp_path: Path, pad: int) -> None:
    """Files are appended to each other, byte order mark included; `pad` rows take the fast way."""
    rows = b"".join(b"P,p@x\n" for _ in range(pad))
    got = parse(tmp_path, b"Name,Email\n" + rows + b"\xef\xbb\xbfName, Email \nAnn,a@x\n")
    assert got.told() == {(0, pad + 2, None, "header_repeated")} and got.rows.height == pad + 1


@pytest.mark.parametrize("pad", [0, 40_000])
def test_the_header_again_in_a_failed_rows_file_is_one_error_a_row(tmp_path: Path, pad: int) -> None:
    """It came back as it was refused, with its reasons behind it, or with those of the file it was copied from."""
    header = b"Name,Birthday,Amount,_import_job,_import_line,_import_errors\n"
    rows = b"".join(b"P,2024-01-02,1,ab12cd34,7,wrong\n" for _ in range(pad))
    again = b'Name,Birthday,Amount,ab12cd34,9,"the header row again, in the middle of the file"\nName,Birthday,Amount,,,\n'
    got = parse(tmp_path, header + rows + again + header + b"Ann,2024-01-02,1,ab12cd34,8,wrong\n")
    assert got.told() == {(0, pad + n, None, "header_repeated") for n in (2, 3, 4)} and got.rows.height == pad + 1


def test_defaults_fill_blank_and_absent_cells_and_given_values_win(tmp_path: Path) -> None:
    """Acceptance T-4."""
    form = Format(name="f", object_type="Contact", columns={"Who": "Name"}, defaults={"Email": "none@x", "Notes": "imported"})
    got = parse(tmp_path, b"Who,Email\nAnn,a@x\nBob, \n", formats={"f": form}, format_="f")
    assert got.cells("Name", "Email", "Notes") == [(2, "Ann", "a@x", "imported"), (3, "Bob", "none@x", "imported")]


def test_an_exact_header_is_compared_with_the_format(tmp_path: Path) -> None:
    """Acceptance E-3."""
    form = Format(name="f", object_type="Contact", columns={"Who": "Name", "Mail": "Email"}, exact_header=True)
    good, bad = (parse(tmp_path, h + b"\na,b\n", formats={"f": form}, format_="f").file for h in (b"Who,Mail", b"Who,mail"))
    assert good.fault is None
    assert bad.fault and (bad.fault.code, bad.fault.expected) == ("header_mismatch", "Mail")


def test_a_format_that_does_not_exist_is_our_fault_not_the_files(tmp_path: Path) -> None:
    """Configuration is checked before files are read."""
    with pytest.raises(UnknownValue, match="format"):
        parse(tmp_path, b"Name\nAnn\n", format_="other")


def test_a_map_file_is_not_a_file_of_rows(tmp_path: Path) -> None:
    """Only the type of territories takes KML."""
    got = parse(tmp_path, b"<kml/>", kind="kml")
    assert got.file.fault and got.file.fault.code == "unsupported_kind"


def test_an_address_line_is_split_into_house_number_and_street(tmp_path: Path) -> None:
    """The later stages know parts only."""
    got = parse(tmp_path, b"Name,Address\nAnn,12B Main St\n")
    assert got.rows.columns[4:] == ["House Number", "Street", "Name"] and got.cells("House Number", "Street") == [(2, "12B", "Main St")]


def test_a_rounded_id_is_refused_and_a_lost_zero_is_mended(tmp_path: Path) -> None:
    """1.23457E+15 stands for a thousand million ids, 1234 for one branch number of five digits only."""
    got = parse(tmp_path, b"ExternalDataObjectId,Name,Branch,Amount\n1.23457E+15,Ann,12345,1E+5\nX1,Bob,1234,2E+3\nX2,Cid,123,1\n")
    assert got.told() == {(0, 2, "ExternalDataObjectId", "number_damaged"), (0, 3, "Branch", "mended")}
    assert got.cells("Name", "Branch", "Amount") == [(3, "Bob", "01234", "2E+3"), (4, "Cid", "123", "1")]
    assert (got.file.rows, got.file.read, got.file.refused) == (3, 2, 1)


def test_a_file_that_is_one_endless_line_is_refused_without_reading_it_into_memory(tmp_path: Path) -> None:
    """There is no header to be found in it."""
    got = parse(tmp_path, b"y" * (9 << 20))
    assert got.file.fault and got.file.fault.code == "no_header"


def test_a_file_with_a_header_only_is_no_fault(tmp_path: Path) -> None:
    """Importing an untouched template gives 0 rows and no error (acceptance S-15)."""
    got = parse(tmp_path, ",".join(CONTACT.template_header).encode() + b"\r\n")
    assert got.file.fault is None and got.file.rows == 0 and got.file.notices == () and got.rows.height == 0


def test_a_single_column_may_hold_other_delimiters(tmp_path: Path) -> None:
    """The delimiter is the one under which the rows are as wide as the header."""
    assert parse(tmp_path, b"Name\nDoe, John\nRoe, Jane\n").cells("Name") == [(2, "Doe, John"), (3, "Roe, Jane")]


def test_every_column_with_a_rounded_id_is_told(tmp_path: Path) -> None:
    """A row is refused once, however many of its cells are damaged."""
    got = parse(tmp_path, b"ExternalDataObjectId,Phone\n1E+15,1.5E+9\nX,3.03E+9\n1E+15,1\nY,2\n")
    assert got.told() == {
        (0, 2, "ExternalDataObjectId", "number_damaged"),
        (0, 2, "Phone", "number_damaged"),
        (0, 3, "Phone", "number_damaged"),
        (0, 4, "ExternalDataObjectId", "number_damaged"),
    }
    assert (got.file.read, got.file.refused) == (1, 3) and got.cells("Phone") == [(5, "2")]


def test_progress_counts_the_records_read(tmp_path: Path) -> None:
    """The ledger shows it while a long file is read."""
    path = tmp_path / "f"
    path.write_bytes(b"Name\nAnn\nBob\n")
    seen: list[tuple[int, int]] = []
    parse_delivery([job(path)], CONTACT, {}, StageFolder(tmp_path / "out"), progress=lambda j, n: seen.append((j.number, n)))
    assert seen == [(0, 2)]


def test_an_overlong_line_costs_that_line_and_no_memory(tmp_path: Path) -> None:
    """A line without end must not be collected."""
    got = parse(tmp_path, b"Name,Email\nAnn,a@x\n" + b"y" * (30 << 20) + b"\r\nBob,b@x\n" + b"z" * (2 << 20) + b"\nCid,c@x\n")
    assert got.told() == {(0, 3, None, "line_too_long"), (0, 5, None, "line_too_long")}
    assert got.cells("Name") == [(2, "Ann"), (4, "Bob"), (6, "Cid")]
