"""Arrivals from other people's servers in the ledger: claims, pauses, answers to send, and what was left where it lies.

Belongs here: statements on `files` that count for remote doors only. Does not belong here: statements that every door shares
(files.py), connecting and deciding (landing/remote/).

A remote door is called `remote:NAME`. `project_tries` and `project_next` are the pause of whatever step comes next: taking the file,
or answering it. `projected` equal to `path` says that the file was answered and left where it lay; the row is its memory, as long as
the file lies there.
"""

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import Any

from sqlalchemy import ColumnElement, Connection, and_, bindparam, func, or_, select, update

from import_pipeline.ledger import files as shared
from import_pipeline.ledger.files import File
from import_pipeline.ledger.schema import files

PREFIX = "remote:"
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)


def pause_after(tries: int) -> timedelta:
    """30 seconds, doubled with every try, an hour at most."""
    doubled: timedelta = _FIRST_PAUSE * 2 ** min(tries, 20)
    return min(doubled, _LONGEST_PAUSE)


def _of(account: str, door: str) -> ColumnElement[bool]:
    return and_(files.c.account == account, files.c.door == door)


def live(conn: Connection, account: str, door: str) -> list[File]:
    """Arrivals of the door that stand for something on the server: neither gone nor changed nor answered to the end."""
    standing = and_(files.c.state.not_in(("gone", "changed")), files.c.projected_at.is_(None))
    found = conn.execute(select(files).where(_of(account, door), standing).order_by(files.c.seq))
    return [File(**row._asdict()) for row in found]


# what was left where it lay


def left(conn: Connection, account: str, door: str) -> dict[tuple[str, str], str]:
    """What was answered and left on the server: (path, fingerprint) to the arrival's id. Nothing is capped."""
    stays = and_(_of(account, door), files.c.state == "answered", files.c.projected == files.c.path)
    found = conn.execute(select(files.c.path, files.c.fingerprint, files.c.id).where(stays))
    return {(row.path, row.fingerprint): row.id for row in found}


def forget(conn: Connection, ids: Sequence[str]) -> None:
    """What was left does not lie there any more: the same name, size and mtime would be another arrival."""
    if ids:
        conn.execute(update(files).where(files.c.id == bindparam("wanted")).values(projected=None), [{"wanted": i} for i in ids])


# taking


def _takeable(now: datetime) -> ColumnElement[bool]:
    rested = or_(files.c.project_next.is_(None), files.c.project_next <= now)
    return and_(rested, or_(and_(files.c.state == "seen", files.c.looks >= 2), and_(files.c.state == "claimed", files.c.lease < now)))


def ready(conn: Connection, account: str, door: str, *, now: datetime) -> tuple[int, int]:
    """(how many files can be claimed, their bytes)."""
    found = conn.execute(select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(_of(account, door), _takeable(now))).one()
    return int(found[0]), int(found[1])


def claim(
    conn: Connection, account: str, door: str, owner: str, *, now: datetime, lease: timedelta, limit: int = 1, most_bytes: int = 0
) -> list[File]:
    """Gives the oldest stable files, and those whose owner's lease ran out, to `owner`: at most `limit`, and `most_bytes` together but
    for the first. Two owners never get the same."""
    wanted = select(files.c.id, files.c.size).where(_of(account, door), _takeable(now)).order_by(files.c.seq).limit(limit)
    won: list[str] = []
    size = 0
    for file_id, bytes_ in conn.execute(wanted).all():
        size += bytes_
        if won and size > most_bytes:
            break
        claimed = update(files).where(files.c.id == file_id, _takeable(now)).values(state="claimed", owner=owner, lease=now + lease)
        if conn.execute(claimed).rowcount == 1:
            won.append(file_id)
    return [file for file_id in won if (file := shared.get(conn, file_id))]


def vaulted(conn: Connection, file_id: str, owner: str, *, sha256: str, size: int) -> bool:
    """The bytes are in the vault; False when the claim was lost."""
    won = shared.vaulted(conn, file_id, owner, sha256=sha256, size=size)
    if won:
        rested(conn, [file_id])
    return won


def refused(conn: Connection, file: File, owner: str, note: str, *, now: datetime) -> None:
    """The server does not give the file: the claim is given back, and it is asked again after a pause that grows."""
    shared.release(conn, file.id, owner, note=note)
    waits = and_(files.c.id == file.id, files.c.state == "seen")
    values = {"project_tries": files.c.project_tries + 1, "project_next": now + pause_after(file.project_tries)}
    conn.execute(update(files).where(waits).values(**values))


def rested(conn: Connection, ids: Sequence[str]) -> None:
    """No pause any more: the step was done, or the file is another one."""
    if ids:
        one = update(files).where(files.c.id == bindparam("wanted")).values(project_tries=0, project_next=None)
        conn.execute(one, [{"wanted": file_id} for file_id in ids])


# answering


def answers_changed(conn: Connection, file_id: str, *, now: datetime) -> None:
    """Answers about the file were written or mended; those that its server has are due again. Nothing for files of other doors.

    The first answers are due by themselves, once all jobs of the file are final; until then those of held jobs are.
    """
    again = or_(files.c.projected_at.is_not(None), files.c.state == "delivered")
    here = and_(files.c.id == file_id, files.c.door.startswith(PREFIX, autoescape=True), again)
    conn.execute(update(files).where(here).values(project_next=now, project_tries=0))


def _due(now: datetime) -> ColumnElement[bool]:
    first = and_(files.c.state == "answered", files.c.projected_at.is_(None))
    rested = or_(files.c.project_next.is_(None), files.c.project_next <= now)
    again = and_(files.c.state.in_(("answered", "delivered")), files.c.project_next.is_not(None))
    return and_(or_(first, again), rested, or_(files.c.owner.is_(None), files.c.lease < now))


def due(conn: Connection, account: str, door: str, *, now: datetime, limit: int = 10_000) -> list[str]:
    """Ids of the files whose answers have to go to their server, oldest first."""
    return list(conn.execute(select(files.c.id).where(_of(account, door), _due(now)).order_by(files.c.seq).limit(limit)).scalars())


def claim_answer(conn: Connection, file_id: str, owner: str, *, now: datetime, lease: timedelta) -> File | None:
    """The right to answer this file, or None when it is answered or another process does it."""
    won = update(files).where(files.c.id == file_id, _due(now)).values(owner=owner, lease=now + lease)
    return shared.get(conn, file_id) if conn.execute(won).rowcount == 1 else None


def renew_answer(conn: Connection, file_id: str, owner: str, *, until: datetime) -> bool:
    """Lengthens that right; False when it was lost."""
    mine = and_(files.c.id == file_id, files.c.owner == owner)
    return conn.execute(update(files).where(mine).values(lease=until)).rowcount == 1


def intend(conn: Connection, file_id: str, owner: str, target: str) -> bool:
    """Writes down where the original goes before it goes there; False when the right was lost."""
    mine = and_(files.c.id == file_id, files.c.owner == owner)
    return conn.execute(update(files).where(mine).values(project_to=target)).rowcount == 1


def sent(conn: Connection, file: File, owner: str, *, over: bool, lies_at: str | None, now: datetime) -> None:
    """The server has the answers. With `over` the arrival is over, and its original lies at `lies_at`.

    What was written while they were sent is due again.
    """
    current = shared.get(conn, file.id)
    if current is None or current.owner != owner:
        return
    again = current.project_next if current.project_next != file.project_next else None
    values: dict[str, Any] = {"owner": None, "lease": None, "project_tries": 0, "project_next": again}
    if over and current.projected_at is None:
        values |= {"projected": lies_at, "projected_at": now, "note": None}
    conn.execute(update(files).where(files.c.id == file.id, files.c.owner == owner).values(**values))


def unsent(conn: Connection, file: File, owner: str, note: str, *, now: datetime) -> None:
    """The answers or the original did not go through; tried again after a pause that grows, and nothing waits for it."""
    shared.projection_failed(conn, file.id, owner, note, next_try=now + pause_after(file.project_tries))


def noted(conn: Connection, account: str, door: str) -> list[File]:
    """Files that a step did not work for, oldest first; `note` tells why, `project_next` when it is tried again."""
    open_ = and_(
        _of(account, door), files.c.note.is_not(None), files.c.project_next.is_not(None), files.c.state.not_in(("gone", "changed"))
    )
    return [File(**row._asdict()) for row in conn.execute(select(files).where(open_).order_by(files.c.seq))]
