"""What a person means by RECORD or FILE: a record id, an external id, a job's id, a SHA-256, a path or a file name.

Belongs here: telling these apart and finding what they name. Does not belong here: what is told about it (records.py, files.py).
"""

import hashlib
import re
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

from sqlalchemy import select

from import_pipeline.failures import PermanentFailure
from import_pipeline.ledger import files, jobs
from import_pipeline.ledger.files import File
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.ledger.schema import jobs as jobs_table
from import_pipeline.lineage.model import FileLineage, RecordKey, Sources
from import_pipeline.model.account import Account
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, ident, inward
from import_pipeline.store.schema import type_exists
from import_pipeline.store.session import Session, open_store

_RECORD_ID, _JOB_ID, _SHA = re.compile(r"[a-f][0-9a-f]{23}"), re.compile(r"[a-z][a-z0-9]{7}"), re.compile(r"[0-9a-fA-F]{12,64}")
_MOST_JOBS = 50
"""Imports that one answer lists: a name that is sent every day has thousands."""


def find(sources: Sources, text: str, account: str | None = None, object_type: str | None = None) -> FileLineage | list[RecordKey]:
    """The file, or the records, that `text` names; `account` and `object_type` narrow the search for records.

    In this order: record id; a file on this machine (by its bytes); job id; SHA-256 (12 or more of its digits); the name of a file or
    of an archive's member; external id. Raises PermanentFailure when it is none of these.
    """
    if _RECORD_ID.fullmatch(text) and (records := list(_by_record_id(sources, text, account))):
        return records
    found = _file(sources, text)
    if found is not None:
        return found
    records = list(_by_external_id(sources, text, account, object_type))
    if records:
        return records
    where = f" of {account}" if account else ""
    raise PermanentFailure(
        f"nothing is known of {text!r}{where}: it is no record id, no external id, no job, and no file of this name, path or SHA-256"
    )


@dataclass(frozen=True)
class FoundHere:
    """All that a text names in one account: imports of files, arrivals that no import has opened yet, records."""

    jobs: tuple[JobRow, ...] = ()
    waiting: tuple[File, ...] = ()
    records: tuple[RecordKey, ...] = ()


def find_here(sources: Sources, text: str, account: str, *, records: bool) -> FoundHere:
    """Everything of one account that `text` names: job id, SHA-256 (12 or more of its digits), file name, record id, external id.

    Nothing of other accounts is found, and no path of this machine is looked at: whoever asks may be anybody of the account. Records
    are looked for only with `records`. Raises TransientFailure when the store has to be asked and is in use.
    """
    with sources.ledger.read() as conn:
        arrivals = files.by_name(conn, text, account)
        same = (jobs_table.c.name == text) | (jobs_table.c.member == text) | (jobs_table.c.archive == text) | (jobs_table.c.id == text)
        if _SHA.fullmatch(text):
            same |= jobs_table.c.sha256.startswith(text.lower(), autoescape=True)
            arrivals += [file for file in files.by_sha(conn, text.lower()) if file.account == account]
        query = select(jobs_table.c.id).where(jobs_table.c.account == account, same).order_by(jobs_table.c.created_at.desc())
        own = list(conn.execute(query.limit(_MOST_JOBS)).scalars())
        inside = [job.id for file in arrivals[-_MOST_JOBS:] for job in jobs.by_file(conn, file.id) if job.account == account]
        found = [job for job_id in dict.fromkeys([*own, *inside]) if (job := jobs.get(conn, job_id))]
    opened = {job.file_id for job in found}
    waiting = tuple(file for file in {file.id: file for file in arrivals}.values() if file.id not in opened)
    keys: list[RecordKey] = []
    if records:
        keys = list(_by_record_id(sources, text, account)) if _RECORD_ID.fullmatch(text) else []
        keys += _by_external_id(sources, text, account, None)
    return FoundHere(tuple(found[:_MOST_JOBS]), waiting[:_MOST_JOBS], tuple(dict.fromkeys(keys)))


def _file(sources: Sources, text: str) -> FileLineage | None:
    if (path := Path(text)).is_file():
        with path.open("rb") as content:
            found = _by_sha(sources, hashlib.file_digest(content, "sha256").hexdigest(), text)
        return found or FileLineage(text, (), (f"{path.name}: these bytes have never arrived",))
    if _JOB_ID.fullmatch(text):
        with sources.ledger.read() as conn:
            job = jobs.get(conn, text)
        if job:
            return FileLineage(text, (job,))
    if _SHA.fullmatch(text) and (by_sha := _by_sha(sources, text.lower(), text)):
        return by_sha
    return _by_name(sources, text)


def _by_sha(sources: Sources, sha256: str, asked: str) -> FileLineage | None:
    """By all or the first digits of the hash, of the file itself or of an archive that holds it."""
    with sources.ledger.read() as conn:
        like = jobs_table.c.sha256.startswith(sha256, autoescape=True)
        own = conn.execute(select(jobs_table.c.id).where(like).order_by(jobs_table.c.created_at, jobs_table.c.number)).scalars().all()
        arrivals = files.by_sha(conn, sha256)
        inside = [job.id for file in arrivals for job in jobs.by_file(conn, file.id)]
        found = [job for job_id in dict.fromkeys([*own, *inside]) if (job := jobs.get(conn, job_id))]
    return _told(asked, found, arrivals)


def _by_name(sources: Sources, name: str) -> FileLineage | None:
    """By the name of a file or of a member; a member's path inside its archive counts too."""
    with sources.ledger.read() as conn:
        arrivals = files.by_name(conn, name)
        same = (jobs_table.c.name == name) | (jobs_table.c.member == name) | (jobs_table.c.archive == name)
        own = conn.execute(select(jobs_table.c.id).where(same).order_by(jobs_table.c.created_at, jobs_table.c.number)).scalars().all()
        found = [job for job_id in own if (job := jobs.get(conn, job_id))]
    return _told(name, found, arrivals)


def _told(asked: str, found: list[JobRow], arrivals: list[files.File]) -> FileLineage | None:
    opened = {job.file_id for job in found}
    waiting = tuple(f"{file.name}: {file.state}" for file in arrivals if file.id not in opened)
    return FileLineage(asked, tuple(found), waiting) if found or waiting else None


def _accounts(sources: Sources, account: str | None) -> Iterator[Account]:
    """The account named, or all; those whose store holds nothing yet are left out."""
    for name, known in sources.accounts.items():
        if account in (None, name) and sources.settings.store_file(name).exists():
            yield known


def _by_record_id(sources: Sources, text: str, account: str | None) -> Iterator[RecordKey]:
    for known in _accounts(sources, account):
        with open_store(sources.settings, known.name) as session:
            number = inward(text, str(session.one("SELECT tag FROM store._lock")))
            for object_type in _stored_types(session, known) if number is not None else ():
                if _ids(session, object_type, "_id", number):
                    yield RecordKey(known.name, object_type.name, int(number or 0))


def _by_external_id(sources: Sources, text: str, account: str | None, type_name: str | None) -> Iterator[RecordKey]:
    for known in _accounts(sources, account):
        with open_store(sources.settings, known.name) as session:
            for object_type in _stored_types(session, known):
                column = object_type.column_of_role("external_id")
                wanted = type_name is None or type_name.casefold() == object_type.name.casefold()
                if column and wanted:
                    yield from (RecordKey(known.name, object_type.name, n) for n in _ids(session, object_type, column.key, text))


def _ids(session: Session, object_type: ObjectType, column: str, value: object) -> list[int]:
    """The records with this value now or in history."""
    tables, name = Tables(object_type), ident(column)
    here = f"SELECT _id FROM {tables.current} WHERE {name} = $value"
    found = session.run(f"{here} UNION {here.replace(tables.current, tables.history)} ORDER BY 1", {"value": value})
    return [number for (number,) in found]


def _stored_types(session: Session, account: Account) -> list[ObjectType]:
    return [t for t in account.object_types if type_exists(session, t)]
