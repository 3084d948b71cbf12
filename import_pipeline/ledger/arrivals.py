"""What became of the files of one account's mailboxes: their arrivals with the jobs that were made of them.

Belongs here: reading `files` together with `jobs` for people. Does not belong here: steps of an arrival (files.py), which upload an
arrival comes from (gateway/sftp/history.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, select

from import_pipeline.ledger.schema import files, jobs
from import_pipeline.model.job import FileState, JobState


@dataclass(frozen=True)
class MadeJob:
    """One job of an arrival. `refused` tells why the file was refused before it was read; None when rows were looked at."""

    id: str
    state: JobState
    refused: str | None


@dataclass(frozen=True)
class FileArrival:
    """One arrival. `path` is relative to the account's tree, packed (landing/names.py)."""

    path: str
    size: int
    arrived_at: datetime
    state: FileState
    note: str | None
    jobs: tuple[MadeJob, ...]


def of_mailboxes(conn: Connection, account: str) -> Iterator[FileArrival]:
    """Every arrival of the account's own tree, in order of arrival."""
    made: dict[str, list[MadeJob]] = {}
    booked = select(jobs.c.file_id, jobs.c.id, jobs.c.state, jobs.c.fault).where(jobs.c.account == account).order_by(jobs.c.number)
    for file_id, job_id, state, fault in conn.execute(booked):
        made.setdefault(file_id, []).append(MadeJob(job_id, state, fault["message"] if fault else None))
    here = files.c.door.not_like("remote:%") & files.c.path.is_not(None)
    columns = (files.c.id, files.c.path, files.c.size, files.c.arrived_at, files.c.state, files.c.note)
    for row in conn.execute(select(*columns).where(files.c.account == account, here).order_by(files.c.seq)):
        yield FileArrival(row.path, row.size, row.arrived_at, row.state, row.note, tuple(made.get(row.id, ())))
