"""Cancelling what waits: only before a run was asked for, and whoever sent it is told.

Belongs here: landing/cancelling.py below the pages. Does not belong here: the button (gateway/http/desk/test_monitor_buttons.py).
"""

from datetime import timedelta

import pytest

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import vault
from import_pipeline.landing.cancelling import cancel
from import_pipeline.landing.submit import book_delivery
from import_pipeline.landing.submitted import Choice, progress_of, submit_uploads
from import_pipeline.ledger import deliveries, files, http_jobs, uploads
from import_pipeline.ledger.files import Arrival
from import_pipeline.ledger.http_jobs import HttpJob
from import_pipeline.ledger.uploads import Upload

from .kit import Intake, account


def in_vault(intake: Intake) -> str:
    """Puts the bytes of a file into the vault; their hash."""
    return vault.put(intake.settings.vault, "test", [b"Title\n"]).sha256


def waiting(intake: Intake) -> str:
    """A delivery of one file that waits; its key."""
    one = [Arrival(name="Contact_x.csv", size=6, sha256=in_vault(intake), object_type="Contact")]
    now = intake.clock.now()
    with intake.ledger.begin() as conn:
        return book_delivery(conn, intake.ledger, intake.account, intake.settings, one, now=now, door="cli", dry_run=False).key


def test_a_cancelled_delivery_is_never_run_and_its_sender_sees_why(intake: Intake) -> None:
    """A delivery that ended without a job would look finished to a program that asks for it."""
    key = waiting(intake)
    with intake.ledger.begin() as conn:
        assert cancel(conn, intake.account, key, "ann", now=intake.clock.now()) == "cancelled by ann"
    with intake.ledger.begin() as conn:
        told = progress_of(conn, key)
        assert (told.phase, told.reason) == ("failed", "cancelled by ann")
        assert [(f.outcome, f.note) for f in files.by_delivery(conn, key)] == [("Failed", "cancelled by ann")]
        assert deliveries.request(conn, key, now=intake.clock.now()) is None


@pytest.mark.parametrize(("state", "words"), [("requested", "asked for already"), ("running", "can be undone"), ("finished", "finished")])
def test_what_a_run_has_taken_is_not_cancelled(intake: Intake, state: str, words: str) -> None:
    """Half of it might be applied."""
    key, now = waiting(intake), intake.clock.now()
    with intake.ledger.begin() as conn:
        deliveries.request(conn, key, now=now)
        if state != "requested":
            deliveries.start(conn, key, "run", now=now)
        if state == "finished":
            deliveries.finish(conn, key, now=now)
    with pytest.raises(PermanentFailure, match=words), intake.ledger.begin() as conn:
        cancel(conn, intake.account, key, "ann", now=now)


def test_another_accounts_delivery_is_not_there(intake: Intake) -> None:
    """Keys are no secret: they are told by time."""
    key = waiting(intake)
    with pytest.raises(PermanentFailure, match="there is no delivery"), intake.ledger.begin() as conn:
        cancel(conn, account(name="other"), key, "oto", now=intake.clock.now())
    with intake.ledger.read() as conn:
        assert deliveries.get(conn, key).state == "waiting"  # type: ignore[union-attr]


@pytest.mark.parametrize("door", ["engaging_networks", "advocate"])
def test_a_job_that_a_program_asked_for_ends_with_its_delivery(intake: Intake, door: str) -> None:
    """Its program would ask for ever."""
    key, now = waiting(intake), intake.clock.now()
    made = HttpJob("1" * 24, "acme", door, "T", "n", "API", "CSV", None, "ref", None, "f", "t", key, "PENDING", now)
    with intake.ledger.begin() as conn:
        http_jobs.create(conn, made)
        cancel(conn, intake.account, key, "ann", now=now)
        found = http_jobs.get(conn, "acme", made.id)
    assert found is not None and (found.status, found.reason) == ("ABORTED", "cancelled by ann")


def test_a_cancelled_upload_can_be_started_again(intake: Intake) -> None:
    """Who cancelled by mistake need not send the file again."""
    now = intake.clock.now()
    upload = Upload("u1", "acme", "desk", "u1", None, None, "Contact_x.csv", in_vault(intake), 6, "t", now, now + timedelta(days=1))

    def submit() -> str:
        chosen = [Choice(upload, "Contact")]
        return submit_uploads(conn, intake.ledger, intake.account, intake.settings, chosen, now=now, door="desk").key

    with intake.ledger.begin() as conn:
        uploads.book(conn, upload)
        cancel(conn, intake.account, submit(), "ann", now=now)
        again = submit()
    with intake.ledger.read() as conn:
        assert deliveries.get(conn, again).state == "waiting"  # type: ignore[union-attr]
