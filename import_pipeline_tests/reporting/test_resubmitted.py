"""What receipts say about rows that were sent again (acceptance B-1)."""

import json

import pytest

from import_pipeline.model.job import Counts, ParsedFile
from import_pipeline.reporting.answers import amend_receipt, read_receipt
from import_pipeline.reporting.receipt import Aftermath, Resolved, ResolvedBy, Resubmits, outcome_of, outcome_sentence
from import_pipeline_tests.reporting.conftest import Desk, error_table, finding

CONTENT = b"Name,Stage\nBob,Prospct\nEve,New\nAda,Prospct\n"
PARSED = ParsedFile(
    job=0,
    rows=3,
    read=3,
    encoding="utf-8",
    delimiter=",",
    quote='"',
    line_end="\n",
    header_line=1,
    header=("Name", "Stage"),
    keys=("Name", "Stage"),
)


def resolved(rows: int, open_: int, **by: int) -> Resolved:
    """Rows that came in since by these jobs."""
    return Resolved(rows=rows, open=open_, by=tuple(ResolvedBy(job=job, rows=n) for job, n in by.items()))


@pytest.mark.parametrize(
    ("refused", "told", "said"),
    [
        (5, resolved(3, 2, k3abcdef=3), "3 of the 5 refused rows came in since (job k3abcdef)."),
        (5, resolved(5, 0, k3abcdef=3, m4abcdef=2), "All 5 refused rows came in since (jobs k3abcdef, m4abcdef)."),
        (1, resolved(1, 0, k3abcdef=1), "The refused row came in since (job k3abcdef)."),
        (1_200, resolved(1_000, 200, k3abcdef=1_000), "1,000 of the 1,200 refused rows came in since (job k3abcdef)."),
    ],
)
def test_the_outcome_tells_how_many_refused_rows_came_in_since(refused: int, told: Resolved, said: str) -> None:
    """As a sentence of its own; what is closed need not be mended any more."""
    counts = Counts(rows=refused + 1, good=1, refused=refused, created=1)
    sentence = outcome_sentence("applied", counts, failed_file="x.failed.csv", aftermath=Aftermath(resolved=told))
    assert sentence.endswith(f" {said}")
    assert ("mend x.failed.csv" in sentence) is bool(told.open)


def test_rows_sent_again_in_vain_change_no_word_of_the_first_outcome() -> None:
    """Nothing came in: nothing is claimed."""
    counts = Counts(rows=2, good=1, refused=1, created=1)
    assert outcome_sentence("applied", counts, aftermath=Aftermath(resolved=resolved(0, 1))) == outcome_sentence("applied", counts)


def test_a_file_sent_again_tells_what_it_closes() -> None:
    """Once for each job whose rows it brings."""
    sent = (Resubmits(job="ab12cd34", rows=5, closed=3), Resubmits(job="ef56gh78", rows=1, closed=1))
    sentence = outcome_sentence("applied", Counts(rows=6, good=6, created=6), aftermath=Aftermath(resubmits=sent))
    assert "5 rows of job ab12cd34 were sent again; this closes 3 of them." in sentence
    assert "1 row of job ef56gh78 was sent again; this closes 1 of them." in sentence


def test_a_receipt_is_amended_in_place_and_nothing_else_is_touched(desk: Desk) -> None:
    """The failed rows may be under somebody's hands, or moved away: only the receipt is written."""
    counts = Counts(rows=3, good=1, refused=2, created=1)
    answer = desk.answer(desk.job(CONTENT), PARSED, error_table(finding(2), finding(4)), counts=counts)
    assert answer.failed_file and answer.errors_file
    answer.failed_file.unlink()
    answer.errors_file.write_text("mine")
    before = json.loads(answer.receipt.read_text())
    assert amend_receipt(answer.receipt, resolved=resolved(1, 1, k3abcdef=1), resubmits=())
    after = json.loads(answer.receipt.read_text())
    assert after["resolved"] == {"rows": 1, "open": 1, "by": [{"job": "k3abcdef", "rows": 1}]}
    assert after["outcome"] == f"{before['outcome']} 1 of the 2 refused rows came in since (job k3abcdef)."
    assert {k: v for k, v in after.items() if k not in ("resolved", "outcome")} == {
        k: v for k, v in before.items() if k not in ("resolved", "outcome")
    }
    assert not answer.failed_file.exists() and answer.errors_file.read_text() == "mine"
    assert not list(desk.root.rglob("*.writing")) and not list(desk.root.rglob(".*"))


def test_amending_again_gives_the_same_bytes_and_taking_back_the_first_ones(desk: Desk) -> None:
    """A crash in between changes nothing; an undo of the mended rows opens them again."""
    counts = Counts(rows=3, good=1, refused=2, created=1)
    answer = desk.answer(desk.job(CONTENT), PARSED, error_table(finding(2), finding(4)), counts=counts)
    first = answer.receipt.read_bytes()
    amend_receipt(answer.receipt, resolved=resolved(2, 0, k3abcdef=2), resubmits=())
    once = answer.receipt.read_bytes()
    amend_receipt(answer.receipt, resolved=resolved(2, 0, k3abcdef=2), resubmits=())
    assert answer.receipt.read_bytes() == once != first
    amend_receipt(answer.receipt, resolved=None, resubmits=())
    assert answer.receipt.read_bytes() == first


@pytest.mark.parametrize("state", ["applied", "failed", "duplicate"])
def test_the_outcome_of_a_receipt_can_be_made_from_its_facts(desk: Desk, state: str) -> None:
    """Amending it says again what was said, and more."""
    counts = Counts(rows=3, good=1, refused=2, created=1) if state == "applied" else Counts(rows=3, refused=3)
    answer = desk.answer(desk.job(CONTENT), PARSED, error_table(finding(2)), state=state, counts=counts, reason="because")
    receipt = read_receipt(answer.receipt)
    assert receipt and outcome_of(receipt) == receipt.outcome


def test_a_receipt_that_somebody_has_taken_away_is_not_made_again(desk: Desk) -> None:
    """The folder is theirs; the ledger still knows."""
    assert not amend_receipt(desk.root / "gone.receipt.json", resolved=None, resubmits=())
    (desk.root / "other.json").write_text("{}")
    assert not amend_receipt(desk.root / "other.json", resolved=None, resubmits=())
