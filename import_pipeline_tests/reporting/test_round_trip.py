"""What we hand out is what we take back: failed rows and templates through the importer's own reader."""

import csv
import io
from pathlib import Path

import polars as pl
import pytest
import python_calamine
import xlsxwriter

from import_pipeline.model.field import FieldSpec
from import_pipeline.model.job import Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing.stage import parse_delivery
from import_pipeline.reporting.templates import template, template_file_name
from import_pipeline.store.staging import StageFolder
from import_pipeline_tests.reporting.conftest import Desk, error_table, finding

LEAD = ObjectType(
    name="Lead",
    stages={"Active": ("New", "Prospect")},
    fields=(FieldSpec(name="Name"), FieldSpec(name="Amount", type="Number", custom=True)),
)


def parsed(desk: Desk, job: Job) -> tuple[ParsedFile, pl.DataFrame, pl.DataFrame]:
    """The file as the importer reads it: what was found, its rows, its row errors."""
    stage = StageFolder(desk.root / "staging" / job.sha256 / "parsed")
    (file,) = parse_delivery([job], LEAD, {}, stage)
    return file, stage.read("rows"), stage.read("errors")


def sent_back(desk: Desk, job: Job, *lines: int) -> bytes:
    """The failed rows of a file: what its reader refused, and a wrong stage on `lines`."""
    file, rows, errors = parsed(desk, job)
    ends = dict(zip(rows["_line"], rows["_end"], strict=True))
    found = (
        pl.concat([errors, error_table(*(finding(n, end=ends[n]) for n in lines))]) if errors.width else error_table(*map(finding, lines))
    )
    answer = desk.answer(job, file, found)
    assert answer.failed_file is not None
    return answer.failed_file.read_bytes()


@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16"])
@pytest.mark.parametrize("delimiter", [",", ";", "\t"])
def test_mended_rows_are_read_as_they_were_sent(desk: Desk, encoding: str, delimiter: str) -> None:
    """Acceptance B-1: mend the value, drop the file back: the same cells, the reasons ignored, nothing unknown."""
    out = io.StringIO()
    writer = csv.writer(out, delimiter=delimiter, lineterminator="\r\n")
    rows = [["Zoë, of\r\n5th", "Prospct", "1"], ["Bob", "New", "2"], ['A "x"', "Prospct", "3"], ["", "Prospct", ""]]
    writer.writerows([["Name", "Lead Stage", "Amount"], *rows])
    job = desk.job(out.getvalue().encode(encoding), name="Lead_x.csv", object_type="Lead")
    first, read, errors = parsed(desk, job)
    assert errors.is_empty() and first.fault is None
    back = sent_back(desk, job, *read.filter(pl.col("Stage") == "Prospct")["_line"])
    mended = back.decode(encoding).replace("Prospct" + delimiter, "Prospect" + delimiter).encode(encoding)
    file, again, faults = parsed(desk, desk.job(mended, name="Lead_x.ab12cd34.failed.csv", object_type="Lead"))
    assert file.fault is None and faults.is_empty()
    assert again.select("Name", "Stage", "Amount").rows() == [(n, "Prospect", a) for n, s, a in rows if s == "Prospct"]
    assert {notice.code for notice in file.notices} <= {"column_ignored", "encoding_assumed"}
    assert file.delimiter == delimiter and file.encoding == first.encoding


def test_a_row_of_the_wrong_shape_can_be_mended_in_place(desk: Desk) -> None:
    """It comes back as it stands with the reasons behind; with the missing cell put in, its last three cells are ignored."""
    job = desk.job(b"Name,Stage,Amount\nBob,New\nEve,New,2\nAda,New,3\n", name="Lead_x.csv", object_type="Lead")
    back = sent_back(desk, job)
    assert back.splitlines()[1].startswith(b"Bob,New,ab12cd34,2,")
    mended = back.replace(b"Bob,New,", b"Bob,New,1,")
    file, rows, errors = parsed(desk, desk.job(mended, name="Lead_y.csv", object_type="Lead"))
    assert file.fault is None and errors.is_empty()
    assert rows.select("Name", "Stage", "Amount").rows() == [("Bob", "New", "1")]


def test_objects_are_read_as_they_were_sent(desk: Desk) -> None:
    """The three keys are ignored like the three columns."""
    content = '{"Name": "Zoë", "Stage": "Prospct", "Amount": 1.10}\n{"Name": "Bob", "Stage": "New"}\n'.encode()
    back = sent_back(desk, desk.job(content, name="Lead_x.jsonl", object_type="Lead", kind="jsonl"), 1)
    mended = desk.job(back.replace(b'"Prospct"', b'"Prospect"'), name="Lead_y.jsonl", object_type="Lead", kind="jsonl")
    file, rows, errors = parsed(desk, mended)
    assert file.fault is None and errors.is_empty()
    assert rows.select("Name", "Stage", "Amount").rows() == [("Zoë", "Prospect", "1.10")]
    assert {notice.code for notice in file.notices} == {"column_ignored"}


def test_rows_of_the_sheet_that_was_read_come_back(desk: Desk, tmp_path: Path) -> None:
    """A workbook may begin with a cover sheet: the rows sent back are those of the sheet that was imported."""
    book = xlsxwriter.Workbook(tmp_path / "in.xlsx")
    cover, sheet = book.add_worksheet("Cover"), book.add_worksheet("Rows")
    for number in range(5):
        cover.write_string(number, 0, f"cover {number}")
    for number, row in enumerate([["Name", "Stage", "Amount"], ["Zoë", "Prospct", "007"], ["Bob", "New", "2"]]):
        sheet.write_row(number, 0, row)
    book.close()
    job = desk.job((tmp_path / "in.xlsx").read_bytes(), name="Lead_x.xlsx", object_type="Lead", kind="xlsx")
    back = desk.job(sent_back(desk, job, 2), name="Lead_y.xlsx", object_type="Lead", kind="xlsx")
    file, rows, errors = parsed(desk, back)
    assert file.fault is None and errors.is_empty()
    assert rows.select("Name", "Stage", "Amount").rows() == [("Zoë", "Prospct", "007")]
    read = python_calamine.CalamineWorkbook.from_path(str(back.path)).get_sheet_by_index(0).to_python()
    assert len(read) == 2


@pytest.mark.parametrize("kind", ["csv", "xlsx"])
def test_an_untouched_template_is_imported_without_a_row_and_without_an_error(desk: Desk, kind: str) -> None:
    """Acceptance S-15, through the importer's reader."""
    name = template_file_name(LEAD, kind)  # type: ignore[arg-type]
    job = desk.job(template(LEAD, kind), name=name, object_type="Lead", kind=kind)  # type: ignore[arg-type]
    file, rows, errors = parsed(desk, job)
    assert (file.fault, file.rows, rows.height, errors.height) == (None, 0, 0, 0)
    assert file.keys == LEAD.template_header
