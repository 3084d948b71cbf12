"""Files that were uploaded first and are imported when their sender says so, and what became of them: for every door that listens.

Belongs here: uploads to a delivery, and the state and progress of what a door has started, as the ledger tells them. Does not belong
here: receiving bytes, the words of one interface (gateway/http/), rows and their results (reporting/row_results.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing.submit import Booked, book_delivery
from import_pipeline.ledger import Ledger, deliveries, files, jobs, uploads
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.ledger.files import Arrival
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.job import Counts
from import_pipeline.settings import Settings

Phase = Literal["waiting", "running", "applied", "held", "finished", "failed"]
"""waiting for its turn → running → applied (every package is in the store, the answers are being written) → finished; held for approval;
failed: nothing was imported, because the machine or the files as a whole failed."""


@dataclass(frozen=True)
class Choice:
    """An upload and what it is imported as."""

    upload: Upload
    object_type: str
    format: str | None = None


@dataclass(frozen=True)
class Progress:
    """How far a delivery is. `counts` are the rows of the jobs that have their answer; `reason` tells why it failed or waits."""

    delivery: str
    phase: Phase
    jobs: tuple[JobRow, ...]
    counts: Counts
    packages_done: int
    packages_total: int
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None

    @property
    def ended(self) -> bool:
        """Whether its results are final."""
        return self.phase in ("finished", "failed")


def submit_uploads(
    conn: Connection,
    ledger: Ledger,
    account: Account,
    settings: Settings,
    chosen: Sequence[Choice],
    *,
    now: datetime,
    door: str,
    dry_run: bool = False,
) -> Booked:
    """Books a delivery of these uploads, in the order given and in the caller's transaction; each arrival becomes one job when it runs.

    The account's sensor requests its run like any other's. Raises PermanentFailure when there is no upload, or when one of them is in
    a delivery already.
    """
    booked = _booked(conn, ledger, account, settings, chosen, now=now, door=door, dry_run=dry_run)
    for choice, file_id in zip(chosen, booked.files, strict=True):
        if not uploads.submitted(conn, choice.upload.id, booked.key, file_id):
            raise PermanentFailure(f"the uploaded file {choice.upload.ref!r} was imported already")
    return booked


def plan_uploads(
    conn: Connection, ledger: Ledger, account: Account, settings: Settings, chosen: Sequence[Choice], *, now: datetime, door: str
) -> Booked:
    """Books a dry run of these uploads. They stay free: they may be planned again, and imported once by `submit_uploads`."""
    return _booked(conn, ledger, account, settings, chosen, now=now, door=door, dry_run=True)


def _booked(
    conn: Connection,
    ledger: Ledger,
    account: Account,
    settings: Settings,
    chosen: Sequence[Choice],
    *,
    now: datetime,
    door: str,
    dry_run: bool,
) -> Booked:
    if not chosen:
        raise PermanentFailure("there is no uploaded file to import")
    arrivals = [
        Arrival(name=c.upload.name, size=c.upload.size, sha256=c.upload.sha256, object_type=c.object_type, format=c.format) for c in chosen
    ]
    return book_delivery(conn, ledger, account, settings, arrivals, now=now, door=door, dry_run=dry_run)


def take_back(conn: Connection, key: str, reason: str, *, now: datetime) -> bool:
    """Ends a delivery of uploads that no run was asked for yet; they may be submitted again. False when it is too late."""
    if not deliveries.cancel(conn, key, reason, now=now):
        return False
    for file in files.by_delivery(conn, key):
        files.answered(conn, file.id, "Failed", reason)
    uploads.release(conn, key)
    return True


def progress_of(conn: Connection, key: str) -> Progress:
    """How far the delivery is; PermanentFailure when there is none of this key."""
    delivery = deliveries.get(conn, key)
    if delivery is None:
        raise PermanentFailure(f"there is no delivery {key!r}")
    found = jobs.by_delivery(conn, key)
    phase = _phase(delivery, found)
    return Progress(
        delivery=key,
        phase=phase,
        jobs=tuple(found),
        counts=_sum(found),
        packages_done=sum(job.packages_done for job in found),
        packages_total=sum(job.packages_total for job in found),
        started_at=delivery.started_at,
        finished_at=delivery.finished_at,
        reason=delivery.reason or next((job.reason for job in found if job.reason), None),
    )


def _phase(delivery: Delivery, found: Sequence[JobRow]) -> Phase:
    if delivery.state in ("waiting", "requested"):
        return "waiting"
    if delivery.state == "running":
        counted = [job for job in found if job.packages_total]
        return "applied" if counted and all(job.packages_done == job.packages_total for job in counted) else "running"
    # What was taken back ended without a job, with the reason.
    if delivery.state == "failed" or (delivery.reason and not found):
        return "failed"
    if any(job.state == "held" for job in found):
        return "held"
    return "failed" if found and all(job.state == "failed" and not job.counts.rows for job in found) else "finished"


def _sum(found: Sequence[JobRow]) -> Counts:
    return Counts(**{name: sum(getattr(job.counts, name) for job in found) for name in Counts.model_fields})


def job_of(progress: Progress, upload: Upload) -> JobRow | None:
    """The job that imported an upload; None before the delivery is opened."""
    return next((job for job in progress.jobs if job.file_id == upload.file_id), None)
