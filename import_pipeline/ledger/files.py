"""Arrivals in the ledger: looks, claims, the vault, delivery and projection, each step as one conditional statement.

Belongs here: statements on `files`. Does not belong here: deciding (landing/decide.py), touching the file system (landing/).
A step that another process could take at the same time tells by its result whether it was won.
"""

import secrets
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, bindparam, insert, or_, select, update

from import_pipeline.ledger.schema import files, http_uploads, jobs
from import_pipeline.model.job import FINAL_STATES, FileState

Outcome = Literal["Success", "Failed"]
Lost = Literal["gone", "changed"]
_HERE = files.c.door.not_like("remote:%")
"""Files of this machine's own doors; those of other people's servers have statements of their own (remotes.py)."""


@dataclass(frozen=True)
class File:
    """One arrival, as the table holds it (see schema.py)."""

    seq: int
    id: str
    account: str
    door: str
    path: str | None
    name: str
    fingerprint: str | None
    size: int
    looks: int
    first_look: float | None
    cut_suspect: bool
    arrived_at: datetime
    state: FileState
    owner: str | None
    lease: datetime | None
    sha256: str | None
    object_type: str | None
    format: str | None
    delivery: str | None
    outcome: Outcome | None
    note: str | None
    told_at: datetime | None
    project_to: str | None
    projected: str | None
    projected_at: datetime | None
    project_tries: int
    project_next: datetime | None


@dataclass(frozen=True)
class Arrival:
    """What is known of a file when it is booked for the first time."""

    name: str
    size: int
    path: str | None = None
    fingerprint: str | None = None
    first_look: float | None = None
    cut_suspect: bool = False
    sha256: str | None = None
    object_type: str | None = None
    format: str | None = None
    delivery: str | None = None
    note: str | None = None


def _file(row: Row[Any]) -> File:
    return File(**row._asdict())


def _many(conn: Connection, where: ColumnElement[bool], limit: int | None = None) -> list[File]:
    return [_file(row) for row in conn.execute(select(files).where(where).order_by(files.c.seq).limit(limit))]


def book(conn: Connection, account: str, door: str, state: FileState, arrivals: Sequence[Arrival], *, now: datetime) -> list[str]:
    """Books arrivals in the order given and returns their new ids (64 random bits each)."""
    rows = [
        vars(arrival)
        | {
            "id": secrets.token_hex(8),
            "account": account,
            "door": door,
            "state": state,
            "arrived_at": now,
            "looks": 1,
            "project_tries": 0,
        }
        for arrival in arrivals
    ]
    if rows:
        conn.execute(insert(files), rows)
    return [str(row["id"]) for row in rows]


def get(conn: Connection, file_id: str) -> File | None:
    """The arrival of this id."""
    row = conn.execute(select(files).where(files.c.id == file_id)).first()
    return _file(row) if row else None


def live(conn: Connection, account: str) -> list[File]:
    """Arrivals of the tree that still stand for something in a mailbox: neither gone nor changed nor moved away."""
    standing = and_(_HERE, files.c.state.not_in(("gone", "changed")))
    return _many(conn, and_(files.c.account == account, files.c.path.is_not(None), standing, files.c.projected_at.is_(None)))


def by_delivery(conn: Connection, key: str) -> list[File]:
    """The files of a delivery in order of arrival."""
    return _many(conn, files.c.delivery == key)


def by_sha(conn: Connection, sha256: str) -> list[File]:
    """Every arrival of these bytes."""
    return _many(conn, files.c.sha256 == sha256)


def by_name(conn: Connection, name: str, account: str | None = None) -> list[File]:
    """Every arrival of this name."""
    here = files.c.name == name
    return _many(conn, here if account is None else and_(here, files.c.account == account))


# looks


def restart(conn: Connection, file_id: str, *, fingerprint: str, size: int, cut_suspect: bool, first_look: float, now: datetime) -> None:
    """The file at this path has another fingerprint: it is still coming, its looks begin again."""
    values = {"fingerprint": fingerprint, "size": size, "cut_suspect": cut_suspect, "first_look": first_look, "looks": 1}
    condition = and_(files.c.id == file_id, files.c.state.in_(("seen", "skipped")))
    conn.execute(update(files).where(condition).values(**values, arrived_at=now, told_at=None))


def stable(conn: Connection, ids: Sequence[str]) -> None:
    """Seen twice with the same fingerprint, at least the settle time apart."""
    _each(conn, ids, ("seen",), looks=2)


def rewind(conn: Connection, ids: Sequence[str], first_look: float) -> None:
    """The monotonic clock began anew (the machine was started again): so do the looks."""
    _each(conn, ids, ("seen",), first_look=first_look, looks=1)


def gone(conn: Connection, ids: Sequence[str]) -> None:
    """No longer in the mailbox before anybody claimed it."""
    _each(conn, ids, ("seen", "skipped"), state="gone")


def told(conn: Connection, ids: Sequence[str], *, now: datetime) -> None:
    """People were told about these; they are not told again."""
    _each(conn, ids, ("seen", "skipped"), told_at=now)


def _each(conn: Connection, ids: Sequence[str], states: tuple[FileState, ...], **values: Any) -> None:
    # One statement per id: a list of ids may be longer than a statement may have parameters.
    if ids:
        one = update(files).where(files.c.id == bindparam("wanted"), or_(*(files.c.state == state for state in states))).values(**values)
        conn.execute(one, [{"wanted": file_id} for file_id in ids])


# claim and vault


def claim(conn: Connection, account: str, owner: str, *, now: datetime, lease: timedelta, limit: int) -> list[File]:
    """Gives stable files, and those whose owner's lease ran out, to `owner`, oldest first; two owners never get the same."""
    free = or_(
        and_(files.c.state == "seen", files.c.looks >= 2),
        and_(files.c.state == "claimed", files.c.lease < now),
    )
    wanted = select(files.c.id).where(files.c.account == account, _HERE, free).order_by(files.c.seq).limit(limit)
    ids = list(conn.execute(wanted).scalars())
    won = [file_id for file_id in ids if _claim_one(conn, file_id, free, owner, now + lease)]
    return _many(conn, files.c.id.in_(won)) if won else []


def _claim_one(conn: Connection, file_id: str, free: ColumnElement[bool], owner: str, until: datetime) -> bool:
    claimed = update(files).where(files.c.id == file_id, free).values(state="claimed", owner=owner, lease=until)
    return conn.execute(claimed).rowcount == 1


def _owned(file_id: str, owner: str) -> ColumnElement[bool]:
    return and_(files.c.id == file_id, files.c.owner == owner, files.c.state == "claimed")


def renew(conn: Connection, file_id: str, owner: str, *, until: datetime) -> bool:
    """Lengthens a claim; False when it was lost."""
    return conn.execute(update(files).where(_owned(file_id, owner)).values(lease=until)).rowcount == 1


def release(conn: Connection, file_id: str, owner: str, *, note: str | None = None, look_again: float | None = None) -> None:
    """Gives a claim back: still stable, or with its looks begun again at the monotonic time `look_again`."""
    values: dict[str, Any] = {"state": "seen", "owner": None, "lease": None, "note": note}
    if look_again is not None:
        values |= {"looks": 1, "first_look": look_again}
    conn.execute(update(files).where(_owned(file_id, owner)).values(**values))


def vaulted(conn: Connection, file_id: str, owner: str, *, sha256: str, size: int) -> bool:
    """The bytes are in the vault; False when the claim was lost, and then somebody else books them."""
    values = {"state": "vaulted", "owner": None, "lease": None, "sha256": sha256, "size": size, "note": None}
    return conn.execute(update(files).where(_owned(file_id, owner)).values(**values)).rowcount == 1


def lost(conn: Connection, file_id: str, owner: str, state: Lost) -> None:
    """The claimed fingerprint is no longer what lies in the mailbox; what lies there is another arrival."""
    conn.execute(update(files).where(_owned(file_id, owner)).values(state=state, owner=None, lease=None))


# delivery


def undelivered(conn: Connection, account: str, limit: int) -> list[File]:
    """Vaulted files that no delivery holds, oldest first."""
    return _many(conn, and_(files.c.account == account, files.c.state == "vaulted", files.c.delivery.is_(None)), limit)


def deliver(conn: Connection, ids: Sequence[str], key: str) -> bool:
    """Puts files into a delivery; False when one of them is in another already (then roll back)."""
    free = and_(files.c.id.in_(ids), files.c.state == "vaulted", files.c.delivery.is_(None))
    return conn.execute(update(files).where(free).values(state="delivered", delivery=key)).rowcount == len(ids)


# answer and projection


def answered(conn: Connection, file_id: str, outcome: Outcome, note: str | None = None) -> None:
    """All jobs of the file are finished; its original may be moved. A second answer changes nothing."""
    values = {"state": "answered", "outcome": outcome, "note": note}
    conn.execute(update(files).where(files.c.id == file_id, files.c.state == "delivered").values(**values))


def unprojected(conn: Connection, account: str, *, now: datetime, limit: int = 500) -> list[File]:
    """Answered files whose original still has to be moved, and whose pause is over."""
    due = or_(files.c.project_next.is_(None), files.c.project_next <= now)
    here = and_(files.c.account == account, _HERE, files.c.state == "answered", files.c.projected_at.is_(None))
    return _many(conn, and_(here, due, or_(files.c.owner.is_(None), files.c.lease < now)), limit)


def claim_projection(conn: Connection, file_id: str, owner: str, *, now: datetime, lease: timedelta) -> File | None:
    """The right to move this original, or None when it is moved or another process does it."""
    mine = or_(files.c.owner.is_(None), files.c.owner == owner, files.c.lease < now)
    free = and_(files.c.id == file_id, files.c.state == "answered", files.c.projected_at.is_(None), mine)
    won = conn.execute(update(files).where(free).values(owner=owner, lease=now + lease)).rowcount == 1
    return get(conn, file_id) if won else None


def intend(conn: Connection, file_id: str, owner: str, target: str) -> bool:
    """Writes down where the original goes before it goes there, so that a crash in between makes no second one."""
    condition = and_(files.c.id == file_id, files.c.owner == owner, files.c.projected_at.is_(None))
    return conn.execute(update(files).where(condition).values(project_to=target)).rowcount == 1


def projected(conn: Connection, file_id: str, owner: str, target: str | None, *, now: datetime) -> None:
    """The original lies at `target` (relative to the tree); the arrival is over."""
    values = {"projected": target, "projected_at": now, "owner": None, "lease": None, "project_next": None}
    conn.execute(update(files).where(files.c.id == file_id, files.c.owner == owner).values(**values))


def projection_failed(conn: Connection, file_id: str, owner: str, note: str, *, next_try: datetime) -> None:
    """Moving failed; the note tells why, and it is tried again at `next_try`. Nothing waits for it."""
    values = {"note": note, "project_next": next_try, "owner": None, "lease": None}
    here = and_(files.c.id == file_id, files.c.owner == owner)
    conn.execute(update(files).where(here).values(**values, project_tries=files.c.project_tries + 1))


def past_retention(conn: Connection, horizons: Mapping[str, datetime]) -> list[str]:
    """SHA-256 of bytes whose every arrival and job is answered and arrived before its account's horizon."""
    needed: set[str] = set()
    old: set[str] = set()
    for row in conn.execute(select(files.c.sha256, files.c.account, files.c.state, files.c.arrived_at).where(files.c.sha256.is_not(None))):
        ended = row.state == "answered" and row.account in horizons and row.arrived_at < horizons[row.account]
        (old if ended else needed).add(row.sha256)
    for job in conn.execute(select(jobs.c.sha256, jobs.c.account, jobs.c.state, jobs.c.created_at).where(jobs.c.sha256 != "")):
        ended = job.state in FINAL_STATES and job.account in horizons and job.created_at < horizons[job.account]
        (old if ended else needed).add(job.sha256)
    needed |= set(conn.execute(select(http_uploads.c.sha256).where(http_uploads.c.delivery.is_(None))).scalars())
    return sorted(old - needed)
