"""Uploads, bulk jobs and answers to repeated requests in the ledger, and what of them is pruned."""

import os
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from import_pipeline.landing import vault
from import_pipeline.landing.pruning import FRESH, prune_uploads
from import_pipeline.ledger import Ledger, bulk_jobs, files, idempotency, uploads
from import_pipeline.ledger.bulk_jobs import BulkJob
from import_pipeline.ledger.files import Arrival
from import_pipeline.ledger.uploads import Upload
from import_pipeline.settings import Settings
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    with Ledger(ledger_url(tmp_path)) as made:
        made.upgrade()
        yield made


def upload(ref: str, sha256: str, *, job: str = "b1", part: int = 1, days: int = 7) -> Upload:
    """An upload of ten bytes."""
    return Upload(uploads.new_id(), "acme", "spotio", ref, job, part, "a.jsonl", sha256, 10, "t", NOW, NOW + timedelta(days=days))


def test_an_upload_is_replaced_until_a_delivery_has_it(ledger: Ledger) -> None:
    """Afterwards its ref is taken for ever."""
    first, second = upload("b1/1", "a" * 64), upload("b1/1", "b" * 64)
    with ledger.begin() as conn:
        uploads.replace(conn, first)
        uploads.replace(conn, second)
        assert uploads.find(conn, "acme", "spotio", "b1/1") == second and uploads.find(conn, "other", "spotio", "b1/1") is None
        assert uploads.waiting_bytes(conn, "acme", now=NOW) == 10
        assert uploads.submitted(conn, second.id, "d", "f") and not uploads.submitted(conn, second.id, "d2", "f2")
        assert uploads.waiting_bytes(conn, "acme", now=NOW) == 0
        assert [one.delivery for one in uploads.of_job(conn, "acme", "b1")] == ["d"]


def test_a_job_is_started_once(ledger: Ledger) -> None:
    """Whoever comes second is told."""
    with ledger.begin() as conn:
        bulk_jobs.create(conn, BulkJob("b1", "acme", "spotio", "create", "Account", "open", False, None, "t", NOW))
        assert bulk_jobs.start(conn, "b1", "d", dry_run=True, now=NOW) and not bulk_jobs.start(conn, "b1", "e", dry_run=False, now=NOW)
        found = bulk_jobs.get(conn, "acme", "b1")
        assert found is not None and (found.state, found.delivery, found.dry_run) == ("started", "d", True)
        assert bulk_jobs.get(conn, "other", "b1") is None
        bulk_jobs.clean(conn, "b1", keep_results=False, now=NOW)
        bulk_jobs.clean(conn, "b1", keep_results=True, now=NOW)
        found = bulk_jobs.get(conn, "acme", "b1")
        assert found is not None and (found.state, found.results_kept) == ("cleaned", False)


def test_a_repeated_request_is_told_from_another_one(ledger: Ledger) -> None:
    """Also where the parts of two requests would read the same in one piece."""
    assert idempotency.digest("ab", "c") != idempotency.digest("a", "bc") != idempotency.digest("a", "b", "c")
    with ledger.begin() as conn:
        assert idempotency.recall(conn, "acme", "k", "r") is None
        idempotency.remember(conn, "acme", "k", "r", 201, {"id": 1}, now=NOW)
        same, other = idempotency.recall(conn, "acme", "k", "r"), idempotency.recall(conn, "acme", "k", "x")
        assert same == idempotency.Answered(201, {"id": 1}, True) and other is not None and not other.same_request
        assert idempotency.recall(conn, "other", "k", "r") is None
        assert idempotency.forget(conn, NOW) == 0 and idempotency.forget(conn, NOW + timedelta(seconds=1)) == 1


def test_uploads_that_no_job_took_go_with_their_bytes_unless_something_needs_them(ledger: Ledger, tmp_path: Path) -> None:
    """Bytes that are young stay: the same may be arriving again at this moment."""
    settings = Settings.from_environment({"IMPORT_PIPELINE_HOME": str(tmp_path)})
    lone, shared, young, waits = (vault.put(settings.vault, "t", [text]).sha256 for text in (b"lone", b"shared", b"young", b"waits"))
    for sha256 in (lone, shared, waits):
        os.utime(vault.path_of(settings.vault, sha256), (NOW.timestamp(), NOW.timestamp()))
    later = NOW + timedelta(days=8)
    os.utime(vault.path_of(settings.vault, young), (later.timestamp(), later.timestamp()))
    with ledger.begin() as conn:
        for number, sha256 in enumerate((lone, shared, young)):
            uploads.book(conn, upload(f"b1/{number}", sha256, part=number))
        uploads.book(conn, upload("b2/1", waits, job="b2", days=30))
        files.book(conn, "acme", "cli", "vaulted", [Arrival(name="a", size=1, sha256=shared)], now=NOW)

    assert prune_uploads(ledger, settings, now=later) == 1

    left = {sha256 for sha256 in (lone, shared, young, waits) if vault.path_of(settings.vault, sha256).exists()}
    assert left == {shared, young, waits}
    with ledger.read() as conn:
        assert [one.sha256 for one in uploads.of_job(conn, "acme", "b1")] == [young]
    assert prune_uploads(ledger, settings, now=later + 2 * FRESH) == 1
    assert not vault.path_of(settings.vault, young).exists() and vault.path_of(settings.vault, waits).exists()


def test_originals_that_an_upload_waits_with_stay_past_their_retention(ledger: Ledger) -> None:
    """The same bytes came long ago by another door, and wait for a job now."""
    with ledger.begin() as conn:
        (file_id,) = files.book(conn, "acme", "cli", "delivered", [Arrival(name="a", size=1, sha256="a" * 64)], now=NOW)
        files.answered(conn, file_id, "Success")
        horizon = {"acme": NOW + timedelta(days=1)}
        assert files.past_retention(conn, horizon) == ["a" * 64]
        uploads.book(conn, upload("b1/1", "a" * 64))
        assert files.past_retention(conn, horizon) == []
