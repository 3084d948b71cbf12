"""Bulk jobs: made first, given their data files one by one, then started as one delivery.

Belongs here: statements on `bulk_jobs`. Does not belong here: the state that people see (landing/submitted.py works it out), the doors.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, insert, select, update

from import_pipeline.ledger.schema import bulk_jobs, deliveries

BulkState = Literal["open", "started", "cleaned"]


@dataclass(frozen=True)
class BulkJob:
    """One bulk job. `delivery` is set when it is started; `results_kept` tells whether its results may still be read."""

    id: str
    account: str
    door: str
    operation: str
    object_type: str
    state: BulkState
    dry_run: bool
    delivery: str | None
    token: str
    created_at: datetime
    started_at: datetime | None = None
    cleaned_at: datetime | None = None
    results_kept: bool = True


def create(conn: Connection, job: BulkJob) -> None:
    """Books a new job."""
    conn.execute(insert(bulk_jobs).values(**vars(job)))


def get(conn: Connection, account: str, job_id: str) -> BulkJob | None:
    """The account's job of this id; another account's is none."""
    row = conn.execute(select(bulk_jobs).where(bulk_jobs.c.id == job_id, bulk_jobs.c.account == account)).first()
    return _job(row) if row else None


def start(conn: Connection, job_id: str, delivery: str, *, dry_run: bool, now: datetime) -> bool:
    """open → started; False when it is not open any more (then roll back)."""
    waits = (bulk_jobs.c.id == job_id) & (bulk_jobs.c.state == "open")
    values = {"state": "started", "delivery": delivery, "dry_run": dry_run, "started_at": now}
    return conn.execute(update(bulk_jobs).where(waits).values(**values)).rowcount == 1


def clean(conn: Connection, job_id: str, *, keep_results: bool, now: datetime) -> None:
    """The job is over for its sender. What is not kept now does not come back."""
    kept = {} if keep_results else {"results_kept": False}
    conn.execute(update(bulk_jobs).where(bulk_jobs.c.id == job_id).values(state="cleaned", cleaned_at=now, **kept))


def under_way(conn: Connection, account: str, limit: int = 1000) -> list[BulkJob]:
    """Started jobs of the account whose delivery has not ended, oldest first."""
    busy = deliveries.c.state.in_(("waiting", "requested", "running"))
    query = select(bulk_jobs).join(deliveries, deliveries.c.key == bulk_jobs.c.delivery)
    query = query.where(bulk_jobs.c.account == account, bulk_jobs.c.state == "started", busy)
    return [_job(row) for row in conn.execute(query.order_by(bulk_jobs.c.started_at, bulk_jobs.c.id).limit(limit))]


def _job(row: Row[Any]) -> BulkJob:
    return BulkJob(**row._asdict())
