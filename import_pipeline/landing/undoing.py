"""An undo comes in as a delivery of its own that holds no file: one job that takes another one back (acceptance B-3).

Belongs here: whether a job can be undone, and booking the undo. Does not belong here: computing and applying it (relating/undo.py,
applying/), what the ledger says once it is applied (ledger/jobs.py).
"""

from datetime import datetime

from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure, nearest
from import_pipeline.landing.deliveries import UNDO_DOOR, delivery_key
from import_pipeline.ledger import Ledger, deliveries, jobs
from import_pipeline.ledger.jobs import JobRow, NewJob
from import_pipeline.model.account import Account


def job_of(conn: Connection, job: str, account: Account | None = None) -> JobRow:
    """The job that people mean by an id, a file's name or `latest`. Raises PermanentFailure with the nearest of the latest jobs."""
    row = jobs.find(conn, job, account.name if account else None)
    if row is not None:
        return row
    latest = jobs.listing(conn, account.name if account else None, limit=1000)
    near = nearest(job, [known.id for known in latest])
    hint = f" Did you mean {near!r}?" if near else " `import-pipeline jobs` lists them."
    where = f" of account {account.name}" if account else ""
    raise PermanentFailure(f"there is no job {job!r}{where}.{hint}")


def submit_undo(ledger: Ledger, account: Account, job: str, *, now: datetime, dry_run: bool) -> str:
    """Books a waiting delivery that undoes `job`, or with `dry_run` plans to; its key.

    Raises PermanentFailure for a job that the ledger does not know, or that cannot be undone.
    """
    with ledger.begin() as conn:
        row = job_of(conn, job, account)
        job = row.id
        refuse_undo(conn, row)
        own = account.object_type(row.object_type)
        below = account.descendants({own.name})
        types = [t.name for t in account.parents_first if t.name in below]
        key = delivery_key(account.name, [job, "undo", str(len(jobs.undos_of(conn, job)))], now)
        deliveries.create(conn, key, account.name, UNDO_DOOR, types=types, files=0, size=0, dry_run=dry_run, now=now)
        new = NewJob(
            file_id="",
            object_type=own.name,
            format=None,
            name=f"undo of {row.name}",
            archive=None,
            member=None,
            sha256="",
            size=0,
            kind="undo",
            undo_of=job,
        )
        jobs.create(conn, account.name, key, [new], dry_run=dry_run, now=now)
    return key


def refuse_undo(conn: Connection, row: JobRow) -> None:
    """Raises PermanentFailure with the reason when the job has no effect to take back."""
    if row.dry_run:
        raise PermanentFailure(f"job {row.id} was a plan: it changed nothing, so there is nothing to undo")
    if row.undone_by:
        raise PermanentFailure(f"job {row.id} ({row.name}) is undone already, by job {row.undone_by}; to bring it back undo that one")
    if row.state != "applied":
        told = {"waiting": "has not begun", "running": "is not finished", "held": "waits for approval: reject it"}
        raise PermanentFailure(f"job {row.id} ({row.name}) {told.get(row.state, f'is {row.state}: it changed nothing')}")
    under_way = [u.id for u in jobs.undos_of(conn, row.id) if u.state in ("waiting", "running") and not u.dry_run]
    if under_way:
        raise PermanentFailure(f"job {row.id} ({row.name}) is being undone by job {under_way[0]}")
