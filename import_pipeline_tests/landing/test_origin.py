"""What a mended failed-rows file is, whatever its name: its first rows name the job that it comes back from (acceptance B-1)."""

import io
import json
import time
import zipfile
from datetime import UTC, datetime
from pathlib import Path

import pytest
import xlsxwriter
from sqlalchemy import select

from import_pipeline.landing.origin import HEAD, job_named_by, job_named_in, origins
from import_pipeline.ledger import jobs, schema
from import_pipeline.ledger.jobs import NewJob
from import_pipeline.model.format import Format
from import_pipeline.model.job import Job
from import_pipeline_tests.landing.kit import Intake, account

NOW = datetime(2026, 3, 1, tzinfo=UTC)
CSV = "Title,_import_job,_import_line,_import_errors\n"


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
@pytest.mark.parametrize("encoding", ["utf-8", "utf-8-sig", "cp1252", "utf-16", "utf-16-le", "utf-16-be"])
def test_the_job_is_found_in_text_of_every_kind(delimiter: str, encoding: str) -> None:
    """Behind a preamble, in any spelling of the column, in the first row that has one."""
    rows = [["A report"], ["Título", "Import Job", "x"], ["more; than, that", "", "y"], ["é", "ab12cd34", "z"], ["é", "zz99zz99", "z"]]
    text = "\r\n".join(delimiter.join(f'"{cell}"' for cell in row) for row in rows)
    assert job_named_in(text.encode(encoding), "csv") == "ab12cd34"


@pytest.mark.parametrize("text", ["", "Title\na\n", CSV, CSV + "a,,2,\n", CSV + "a,no job,2,\n", "import job of today\nab12cd34\n", '"'])
def test_text_that_names_no_job_gives_none(text: str) -> None:
    """The word alone is no job."""
    assert job_named_in(text.encode(), "csv") is None
    assert job_named_in(text.encode(), "jsonl") is None
    assert job_named_in(text.encode(), "kml") is None


def test_objects_name_their_job_however_long_they_are() -> None:
    """The last line of what is looked at may be cut."""
    line = json.dumps({"Title": "x" * 100, "_import_job": "ab12cd34", "_import_line": 3})
    assert job_named_in((line + "\n" + "{" * HEAD).encode()[:HEAD], "jsonl") == "ab12cd34"


def test_a_sheet_is_opened_only_when_it_names_the_column(tmp_path: Path) -> None:
    """A large workbook is not read twice for a question that it does not answer; a damaged one raises nothing."""
    back, large, damaged = (tmp_path / name for name in ("back.xlsx", "large.xlsx", "damaged.xlsx"))
    for path, header, rows in ((back, ["Title", "_import_job"], 3), (large, ["Title", "Other"], 30_000)):
        book = xlsxwriter.Workbook(path)
        sheet = book.add_worksheet()
        sheet.write_row(0, 0, header)
        for number in range(rows):
            sheet.write_row(number + 1, 0, ["a", "ab12cd34"])
        book.close()
    damaged.write_bytes(back.read_bytes()[:-200])
    assert job_named_by(back, "xlsx") == "ab12cd34"
    begun = time.process_time()
    assert job_named_by(large, "xlsx") is None
    assert time.process_time() - begun < 0.2
    assert job_named_by(damaged, "xlsx") is None


def first_job(intake: Intake, object_type: str = "Account", format_: str | None = None, owner: str = "acme") -> str:
    """A job that was imported before."""
    key = f"20260101T000000-{object_type}-{format_}-{owner}"
    new = NewJob("f1", object_type, format_, "first.csv", None, None, "0" * 64, 1, "csv")
    with intake.ledger.begin() as conn:
        jobs.create(conn, owner, key, [new], dry_run=False, now=NOW)
        return jobs.by_delivery(conn, key)[0].id


def only(intake: Intake) -> Job:
    """The one job of what lies in New."""
    intake.settle()
    (job,) = intake.run()
    return job


def test_a_file_of_any_name_has_the_type_of_the_job_that_it_comes_back_from(tmp_path: Path) -> None:
    """«Dropped back under any name»; its delivery asks for the type's assets."""
    intake = Intake(tmp_path)
    intake.drop("mended.csv", f"{CSV}a,{first_job(intake, 'Sales Order')},2,\n")
    intake.settle()
    with intake.ledger.read() as conn:
        types = conn.execute(select(schema.deliveries.c.types)).scalar()
    assert types == ["Sales Order"]
    (job,) = intake.run()
    assert (job.object_type, job.fault) == ("Sales Order", None)


def test_a_name_that_tells_the_type_is_believed(tmp_path: Path) -> None:
    """Whoever renames a file means it; the rows are then no mended ones of that type."""
    intake = Intake(tmp_path)
    intake.drop("Contact_mended.csv", f"{CSV}a,{first_job(intake)},2,\n")
    assert only(intake).object_type == "Contact"


@pytest.mark.parametrize("named", ["zz99zz99", "of another account"])
def test_a_job_that_this_account_does_not_know_tells_nothing(tmp_path: Path, named: str) -> None:
    """The answer is that of any file whose name tells no type; another account's jobs are no business of this one."""
    intake = Intake(tmp_path)
    job_id = named if named == "zz99zz99" else first_job(intake, owner="other")
    assert origins(intake.ledger, intake.account)(job_id) is None
    intake.drop("mended.csv", f"{CSV}a,{job_id},2,\n")
    job = only(intake)
    assert job.object_type == "" and job.fault and job.fault.code == "unknown_object_type"


def test_the_saved_format_of_the_first_job_is_used_again(tmp_path: Path) -> None:
    """Also where the name tells the type; not for another type, and not when the account has it no more."""
    partner = Format(name="partner", object_type="Account", columns={"Title": "Title"})
    intake = Intake(tmp_path, account=account(formats=(partner,)))
    intake.drop("Account_mended.csv", f"{CSV}a,{first_job(intake, format_='partner')},2,\n")
    assert only(intake).format == "partner"
    intake.drop("Contact_mended.csv", f"{CSV}b,{first_job(intake, 'Account', 'other')},2,\n")
    assert only(intake).format is None
    intake.drop("gone.csv", f"{CSV}c,{first_job(intake, 'Contact', 'old')},2,\n")
    job = only(intake)
    assert (job.object_type, job.format) == ("Contact", None)


def test_members_of_an_archive_are_looked_at_one_by_one(tmp_path: Path) -> None:
    """Also when two have the same name; a workbook inside an archive is known by its name alone."""
    intake = Intake(tmp_path)
    one, two = first_job(intake), first_job(intake, "Contact")
    out = io.BytesIO()
    with zipfile.ZipFile(out, "w") as archive:
        archive.writestr("a/back.csv", f"{CSV}a,{one},2,\n")
        archive.writestr("b/back.csv", f"{CSV}a,{two},2,\n")
        archive.writestr("plain.csv", "Title\na\n")
    intake.drop("back.zip", out.getvalue())
    intake.settle()
    assert [job.object_type for job in intake.run()] == ["Account", "Contact", ""]
