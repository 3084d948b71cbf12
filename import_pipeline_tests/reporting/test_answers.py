"""Which answers a job gets, where they lie, and what the list of errors says."""

import csv
from pathlib import Path

import polars as pl
import pytest

from import_pipeline.model.job import Counts, ParsedFile
from import_pipeline.model.row_error import FileFault
from import_pipeline.reporting.answers import ERROR_COLUMNS
from import_pipeline_tests.reporting.conftest import Desk, error_table, finding

HEADER = ("Name", "Stage")
PARSED = ParsedFile(
    job=0, encoding="utf-8", delimiter=",", quote='"', line_end="\n", header_line=1, header=("Name", "Field Stage"), keys=HEADER
)
CONTENT = b"Name,Field Stage\nBob,Prospct\nEve,New\nAda,Prospct\n"


def rows_of(path: Path | None) -> list[dict[str, str]]:
    """The lines of an errors.csv."""
    assert path is not None
    with path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def lying_in(desk: Desk) -> set[str]:
    """Every file that lies in the two folders."""
    return {f"{p.parent.name}/{p.name}" for folder in (desk.ok, desk.failed) if folder.exists() for p in folder.iterdir()}


def test_reports_about_bad_rows_lie_in_failed_and_the_receipt_beside_the_file(desk: Desk) -> None:
    """Acceptance, decision 1: a file with applied rows goes to Success, its bad rows are told in Failed."""
    answer = desk.answer(desk.job(CONTENT), PARSED, error_table(finding(2), finding(4)))
    assert lying_in(desk) == {
        "Success/Account_x.ab12cd34.receipt.json",
        "Failed/Account_x.ab12cd34.errors.csv",
        "Failed/Account_x.ab12cd34.failed.csv",
    }
    assert all(path is not None and path.exists() for path in answer[:3])


def test_a_failed_job_has_its_receipt_in_failed(desk: Desk) -> None:
    """The receipt lies where the original lies."""
    desk.answer(desk.job(CONTENT), PARSED, error_table(finding(2)), state="failed")
    assert "Failed/Account_x.ab12cd34.receipt.json" in lying_in(desk) and not desk.ok.exists()


@pytest.mark.parametrize("state", ["applied", "duplicate"])
def test_a_file_without_errors_leaves_nothing_in_failed(desk: Desk, state: str) -> None:
    """A warning costs no row and is told in the receipt; what lies in Failed asks for work."""
    warned = error_table(finding(2, severity="warning", code="not_updatable"))
    answer = desk.answer(desk.job(CONTENT), PARSED, warned, state=state)
    assert lying_in(desk) == {"Success/Account_x.ab12cd34.receipt.json"}
    assert (answer.errors_file, answer.failed_file) == (None, None)


def test_a_frame_without_columns_is_no_error(desk: Desk) -> None:
    """Staging gives one when a stage wrote no errors."""
    desk.answer(desk.job(CONTENT), PARSED, pl.DataFrame())
    assert lying_in(desk) == {"Success/Account_x.ab12cd34.receipt.json"}


def test_every_finding_is_one_line_with_place_value_and_sentence(desk: Desk) -> None:
    """Acceptance B-8: stable code, severity, line, column, value, expectation, nearest value; ordered by line."""
    table = error_table(
        finding(4),
        finding(2, value='a "quoted", value\nin two lines', suggestion=None),
        finding(3, "Name", "not_updatable", severity="warning", value=None, expected=None, suggestion=None),
        finding(2, "Name", "too_long"),
    )
    answer = desk.answer(desk.job(CONTENT), PARSED, table.lazy())
    rows = rows_of(answer.errors_file)
    assert tuple(rows[0]) == ERROR_COLUMNS
    assert [(r["line"], r["column"], r["code"], r["severity"]) for r in rows] == [
        ("2", "Name", "too_long", "error"),
        ("2", "Stage", "unknown_stage", "error"),
        ("3", "Name", "not_updatable", "warning"),
        ("4", "Stage", "unknown_stage", "error"),
    ]
    assert rows[1]["value"] == 'a "quoted", value\nin two lines' and rows[1]["suggestion"] == ""
    assert rows[3]["message"] == (
        "line 4, Field Stage: 'Prospct' is not a configured stage; expected one of New, Prospect; did you mean 'Prospect'?"
    )


def test_errors_of_other_jobs_of_the_delivery_are_not_told_to_this_sender(desk: Desk) -> None:
    """Two senders may share a delivery; a report is about one file."""
    answer = desk.answer(desk.job(CONTENT), PARSED, error_table(finding(2), finding(3, job=1)))
    assert [r["line"] for r in rows_of(answer.errors_file)] == ["2"]
    assert answer.failed_file is not None and answer.failed_file.read_bytes().count(b"\n") == 2


@pytest.mark.parametrize("value", ['=HYPERLINK("http://evil")', "+1", "-1", "@SUM(A1)", "\t=1", "\r=1"])
def test_no_cell_of_the_list_of_errors_runs_in_a_spreadsheet(desk: Desk, value: str) -> None:
    """docs/security.md: what a sender wrote is shown, not run, in whichever cell it comes back."""
    found = finding(2, "=cmd", value=value, expected=value, suggestion=value)
    (row,) = rows_of(desk.answer(desk.job(CONTENT), PARSED, error_table(found)).errors_file)
    assert {row[name] for name in ("value", "expected", "suggestion")} == {"'" + value}
    assert row["column"] == "'=cmd" and row["message"].startswith("line 2, =cmd: ")


def test_a_fault_of_the_whole_file_stands_first_in_its_list_of_errors(desk: Desk) -> None:
    """A file that could not be read has no rows to send back, but its sender finds the reason where all reasons are."""
    fault = FileFault(code="header_mismatch", message="the header is not that of the format", line=1, expected="Name,Stage")
    parsed = ParsedFile(job=0, fault=fault)
    answer = desk.answer(desk.job(CONTENT), parsed, error_table(finding(2)), state="failed")
    rows = rows_of(answer.errors_file)
    assert [(r["line"], r["code"], r["severity"]) for r in rows] == [("1", "header_mismatch", "error"), ("2", "unknown_stage", "error")]
    assert rows[0]["message"] == fault.message and rows[0]["expected"] == "Name,Stage"
    assert answer.failed_file is None


def test_a_fault_found_before_parsing_is_told_too(desk: Desk) -> None:
    """An unknown object type, a damaged archive: the job never reached a stage (acceptance S-3, S-13)."""
    fault = FileFault(code="unknown_object_type", message="'Acount' is no object type", value="Acount", suggestion="Account")
    answer = desk.answer(desk.job(CONTENT, fault=fault), ParsedFile(job=0), error_table(), state="failed")
    (row,) = rows_of(answer.errors_file)
    assert (row["line"], row["code"], row["suggestion"]) == ("", "unknown_object_type", "Account")


def test_failed_placemarks_of_a_kmz_come_back_as_kml(desk: Desk) -> None:
    """A KMZ is unpacked before it is read: what goes back is the KML that was in it."""
    kml = b"<kml><Document>\n<Placemark><name>a</name></Placemark>\n<Placemark><name>b</name></Placemark></Document></kml>"
    answer = desk.answer(desk.job(kml, name="t.kmz", kind="kml"), PARSED, error_table(finding(2)))
    assert answer.failed_file is not None and answer.failed_file.name.endswith(".failed.kml")
    assert (b"<name>a<" in answer.failed_file.read_bytes(), b"<name>b<" in answer.failed_file.read_bytes()) == (True, False)


def test_writing_twice_gives_the_same_bytes_and_no_second_file(desk: Desk) -> None:
    """A receipts step that is run again after a crash replaces its own (DESIGN section 3)."""
    job, table = desk.job(CONTENT), error_table(finding(4), finding(2), finding(2, "Name", "too_long"))
    first = [p.read_bytes() for p in desk.answer(job, PARSED, table) if p]
    lying = lying_in(desk)
    again = [p.read_bytes() for p in desk.answer(job, PARSED, table.sample(fraction=1, shuffle=True, seed=3)) if p]
    assert first == again and lying_in(desk) == lying


def test_what_an_earlier_attempt_wrote_without_reason_goes_away(desk: Desk) -> None:
    """The attempt that counts found no errors: a list of errors beside its receipt would contradict it."""
    job = desk.job(CONTENT)
    desk.answer(job, PARSED, error_table(finding(2)), state="failed")
    desk.answer(job, PARSED, error_table())
    assert lying_in(desk) == {"Success/Account_x.ab12cd34.receipt.json"}


def test_the_same_name_sent_twice_overwrites_no_report(desk: Desk) -> None:
    """Acceptance, decision 1: the job's id is part of the name."""
    desk.answer(desk.job(CONTENT), PARSED, error_table(finding(2)))
    desk.answer(desk.job(CONTENT, id="ef56ab78"), PARSED, error_table(finding(2)))
    assert len(lying_in(desk)) == 6


def test_a_name_of_255_bytes_is_answered(desk: Desk) -> None:
    """The answers' names are longer than the sender's; the file system's limit is the same."""
    name = "Account_" + "é" * 121 + "x.csv"
    assert len(name.encode()) == 255
    answer = desk.answer(desk.job(CONTENT, name=name), PARSED, error_table(finding(2)))
    assert all(path is not None and path.exists() and len(path.name.encode()) <= 255 for path in answer[:3])


def test_findings_in_many_slices_are_all_told(desk: Desk, monkeypatch: pytest.MonkeyPatch) -> None:
    """Sentences are made slice by slice; the header stands once."""
    monkeypatch.setattr("import_pipeline.reporting.answers.SLICE_ERRORS", 10)
    content = b"Name,Field Stage\n" + b"Bob,Prospct\n" * 35
    answer = desk.answer(desk.job(content), PARSED, error_table(*(finding(n) for n in range(2, 37))), counts=Counts(rows=35, refused=35))
    assert [r["line"] for r in rows_of(answer.errors_file)] == [str(n) for n in range(2, 37)]
