"""The receipt and the sentence that tells the outcome."""

import json
from typing import Any

import pytest

from import_pipeline.model.job import Counts, ParsedFile
from import_pipeline.model.row_error import FileFault, Notice
from import_pipeline.reporting.receipt import Receipt, outcome_sentence, read_as
from import_pipeline_tests.reporting.conftest import STARTED, Desk, error_table, finding

CONTENT = b"Name,Field Stage\nBob,Prospct\nEve,New\nAda,Prospct\n"
PARSED = ParsedFile(
    job=0,
    rows=3,
    read=3,
    encoding="utf-8",
    delimiter=",",
    quote='"',
    line_end="\n",
    header_line=1,
    header=("Name", "Field Stage", "Visit Count", "Colour", "_import_job"),
    keys=("Name", "Stage", None, None, None),
    notices=(Notice(code="column_unknown", message="Colour is no column", column="Colour"),),
)


def receipt_of(desk: Desk, parsed: ParsedFile = PARSED, *findings: dict[str, Any], **more: Any) -> Receipt:
    """The receipt as it lies in the folder, read back through its model."""
    answer = desk.answer(desk.job(CONTENT, **more.pop("job", {})), parsed, error_table(*findings), **more)
    return Receipt.model_validate_json(answer.receipt.read_bytes())


FAULT = FileFault(code="cut_off", message="the file looks cut off; nothing was imported")


@pytest.mark.parametrize(
    ("more", "outcome"),
    [
        (
            {"state": "applied", "counts": Counts(rows=3, good=1, refused=2, created=1)},
            "1 of 3 rows was imported (1 created). 2 rows were refused",
        ),
        (
            {"state": "failed", "counts": Counts(rows=3, refused=3)},
            "Nothing was imported: all 3 rows were refused; the reasons stand in Account_x.ab12cd34.errors.csv; "
            "mend Account_x.ab12cd34.failed.csv and send it again.",
        ),
        (
            {"state": "failed", "counts": Counts(rows=3, refused=2), "reason": "2 of 3 rows are refused and the policy is to halt on any"},
            "Nothing was imported: 2 of 3 rows are refused and the policy is to halt on any. What is wrong stands in "
            "Account_x.ab12cd34.errors.csv. Mend these rows and send the whole file again",
        ),
        ({"state": "duplicate", "earlier_job": "00aa11bb"}, "Nothing was changed: the same bytes were imported before by job 00aa11bb."),
    ],
)
def test_a_receipt_is_valid_for_every_end_of_a_job(desk: Desk, more: dict[str, Any], outcome: str) -> None:
    """Applied, failed, halted, duplicate: one shape, one sentence, one place for each fact."""
    receipt = receipt_of(desk, PARSED, finding(2), finding(4), **more)
    assert receipt.outcome.startswith(outcome)
    assert receipt.state == more["state"] and receipt.counts == more.get("counts", Counts())
    assert receipt.schema_version == 1 and receipt.earlier_job == more.get("earlier_job")
    if more["state"] == "duplicate":
        assert (receipt.errors_file, receipt.failed_file) == (None, None)
    else:
        names = ("Account_x.ab12cd34.errors.csv", "Account_x.ab12cd34.failed.csv")
        assert (receipt.errors_file, receipt.failed_file) == names


@pytest.mark.parametrize("where", ["parsed", "job"])
def test_the_receipt_of_an_unreadable_file_tells_its_fault(desk: Desk, where: str) -> None:
    """A file refused as a whole, before or while it was read: reason and fault stand in the receipt."""
    parsed = ParsedFile(job=0, fault=FAULT if where == "parsed" else None)
    receipt = receipt_of(desk, parsed, state="failed", job={"fault": FAULT} if where == "job" else {})
    assert receipt.fault == FAULT and receipt.reason == FAULT.message
    named = "Account_x.ab12cd34.errors.csv"
    assert receipt.outcome == f"Nothing was imported: the file looks cut off. What is wrong stands in {named}."


def test_the_receipt_tells_which_file_how_it_was_read_and_what_was_found(desk: Desk) -> None:
    """B-6 and B-8: file, hash, archive member, reading, grouped errors with their first lines."""
    job = {"archive": "march.zip", "member": "in/Account_x.csv", "format": "crm"}
    told = Notice(code="blank_lines", message="2 blank lines were skipped", rows=2)
    receipt = receipt_of(
        desk, PARSED, finding(2), finding(4), job=job, notices=[*PARSED.notices, told], packages=1, timings={"parsed": 0.12345}
    )
    assert (receipt.file.archive, receipt.file.member, receipt.format) == ("march.zip", "in/Account_x.csv", "crm")
    assert receipt.file.size == len(CONTENT) and len(receipt.file.sha256) == 64
    assert receipt.read.mapped == {"Name": "Name", "Field Stage": "Stage"}
    assert (receipt.read.ignored, receipt.read.unknown) == (("Visit Count", "_import_job"), ("Colour",))
    assert receipt.notices == (*PARSED.notices, told)
    (group,) = receipt.errors
    assert (group.rows, group.lines, group.suggestion) == (2, (2, 4), "Prospect")
    assert group.sentence.startswith("2 rows: Field Stage: 'Prospct' is not a configured stage")
    assert receipt.timings == {"parsed": 0.123} and receipt.packages == 1


def test_a_column_that_a_notice_calls_ignored_is_not_called_unknown() -> None:
    """What only the object type or a format knows to ignore, parsing tells by a notice."""
    parsed = PARSED.model_copy(update={"notices": (Notice(code="column_ignored", message="…", column="Colour"),)})
    assert read_as(parsed).unknown == ()


def test_speed_is_told_where_there_is_one(desk: Desk) -> None:
    """Rows per second over the whole time between start and end; no division by nothing."""
    receipt = receipt_of(desk, PARSED, counts=Counts(rows=3, good=3, created=3))
    assert (receipt.seconds, receipt.rows_per_second) == (2.0, 1.5)
    assert receipt_of(desk, PARSED, finished=STARTED, counts=Counts(rows=3)).rows_per_second is None


def test_a_name_that_is_no_text_is_told_in_valid_json(desk: Desk) -> None:
    """File names are bytes; JSON is not."""
    receipt = receipt_of(desk, PARSED, job={"name": "caf\udce9.csv"})
    assert receipt.file.name == "caf\ufffd.csv"


def test_a_receipt_is_readable_without_knowing_its_model(desk: Desk) -> None:
    """Senders' programs read it: plain UTF-8 JSON that ends with a line end."""
    path = desk.answer(desk.job(CONTENT, name="Zoë.csv"), PARSED, error_table()).receipt
    assert "Zoë.csv" in path.read_text("utf-8") and path.read_bytes().endswith(b"}\n")
    assert json.loads(path.read_bytes())["account"] == {"name": "field_sales", "title": ""}


@pytest.mark.parametrize(
    ("sentence", "told"),
    [
        (outcome_sentence("applied", Counts()), "The file holds no rows; there was nothing to import."),
        (outcome_sentence("applied", Counts(rows=1, good=1, updated=1)), "The one row was imported: 1 updated."),
        (
            outcome_sentence("applied", Counts(rows=2000, good=2000, created=1500, unchanged=400, parked=100)),
            "All 2,000 rows were imported: 1,500 created, 400 unchanged, 100 parked.",
        ),
        (
            outcome_sentence(
                "applied", Counts(rows=9, good=8, refused=1, created=8), dry_run=True, errors_file="e.csv", failed_file="f.csv"
            ),
            "Dry run, nothing was written: 8 of 9 rows would be imported (8 created). 1 row was refused; "
            "the reasons stand in e.csv; mend f.csv and send it again.",
        ),
        (outcome_sentence("failed", Counts(rows=1, refused=1)), "Nothing was imported: the one row was refused."),
        (
            outcome_sentence("failed", Counts(rows=9, good=4, created=4), reason="the disk is full."),
            "The import did not end well: the disk is full. Until then: 4 created.",
        ),
        (outcome_sentence("failed", Counts()), "Nothing was imported: the file was refused."),
        (outcome_sentence("running", Counts()), "The import is running."),
    ],
)
def test_the_outcome_is_one_plain_sentence(sentence: str, told: str) -> None:
    """What was done, what was not and why, what to do next; zero is left out, numbers are grouped."""
    assert sentence == told
