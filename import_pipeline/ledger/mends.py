"""Refused rows as people mended them on the desk, until they are sent again and after.

Belongs here: statements on `mends`. Does not belong here: which rows were refused (staging tells), how a changed cell is written into its
row (reporting/mended_rows.py).

`cells` holds only what differs from the row as it was sent: the place of the cell in the header, counted from 0, as text, and its new
text. A row that was changed back keeps an empty one, so that its version goes on growing.
"""

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, Text, bindparam, cast, delete, func, insert, select, update

from import_pipeline.ledger.desk_schema import mends

_MOST_VALUES = 500
BLOCK = 10_000
"""Rows that one transaction changes when a rule is applied to many: others wait for it no longer than a moment."""
_CHANGED = cast(mends.c.cells, Text) != "{}"
_OPEN = mends.c.delivery.is_(None)


@dataclass(frozen=True)
class Mend:
    """One mended row. `cells` by the place of the cell in the header."""

    job: str
    line: int
    account: str
    cells: dict[int, str]
    version: int
    user: str
    changed_at: datetime
    delivery: str | None


def of_lines(conn: Connection, job: str, lines: Sequence[int]) -> dict[int, Mend]:
    """What is known of these rows, by line; rows that nobody has touched are left out."""
    found: dict[int, Mend] = {}
    for start in range(0, len(lines), _MOST_VALUES):
        some = mends.c.line.in_(lines[start : start + _MOST_VALUES])
        found |= {row.line: _mend(row) for row in conn.execute(select(mends).where(mends.c.job == job, some))}
    return found


def of_job(conn: Connection, job: str) -> list[Mend]:
    """All rows of a job that somebody has touched, by line."""
    return [_mend(row) for row in conn.execute(select(mends).where(mends.c.job == job).order_by(mends.c.line))]


def unsent(conn: Connection, job: str) -> dict[int, dict[int, str]]:
    """The changed cells of all rows that were changed and not sent yet, by line."""
    query = select(mends.c.line, mends.c.cells).where(mends.c.job == job, _OPEN, _CHANGED).order_by(mends.c.line)
    return {line: {int(place): text for place, text in cells.items()} for line, cells in conn.execute(query)}


def versions(conn: Connection, job: str) -> list[tuple[int, int, str | None]]:
    """(line, version, delivery) of all rows of a job that somebody has touched, by line: equal lists tell that nothing has changed."""
    query = select(mends.c.line, mends.c.version, mends.c.delivery).where(mends.c.job == job).order_by(mends.c.line)
    return [(line, version, delivery) for line, version, delivery in conn.execute(query)]


def changed_lines(conn: Connection, job: str) -> list[int]:
    """The rows that were changed and not sent yet."""
    return list(conn.execute(select(mends.c.line).where(mends.c.job == job, _OPEN, _CHANGED).order_by(mends.c.line)).scalars())


def count_changed(conn: Connection, job: str) -> int:
    """How many rows were changed and not sent yet."""
    return int(conn.execute(select(func.count()).select_from(mends).where(mends.c.job == job, _OPEN, _CHANGED)).scalar_one())


def sent_lines(conn: Connection, job: str) -> list[int]:
    """The rows that were sent again."""
    return list(conn.execute(select(mends.c.line).where(mends.c.job == job, ~_OPEN).order_by(mends.c.line)).scalars())


def sendings(conn: Connection, job: str) -> list[tuple[str, int, str]]:
    """(delivery, rows, user) of every time that rows of this job were sent again, oldest first."""
    query = select(mends.c.delivery, func.count(), func.min(mends.c.user)).where(mends.c.job == job, ~_OPEN)
    return [(key, rows, user) for key, rows, user in conn.execute(query.group_by(mends.c.delivery).order_by(mends.c.delivery))]


def save(
    conn: Connection, account: str, job: str, line: int, cells: Mapping[int, str], *, version: int, by: str, now: datetime
) -> int | None:
    """Books a row's changed cells over its `version` (0: nobody has touched it); its new version.

    None when the row has another version by now, or was sent: nothing is changed then.
    """
    values = {"cells": _text(cells), "user": by, "changed_at": now}
    if version == 0:
        if of_lines(conn, job, [line]):
            return None
        conn.execute(insert(mends).values(**values, job=job, line=line, account=account, version=1))
        return 1
    same = (mends.c.job == job) & (mends.c.line == line) & (mends.c.version == version) & _OPEN
    done = conn.execute(update(mends).where(same).values(**values, version=version + 1))
    return version + 1 if done.rowcount == 1 else None


def set_cell(conn: Connection, account: str, job: str, lines: Sequence[int], place: int, text: str, *, by: str, now: datetime) -> int:
    """Gives one cell of all these rows (sorted) the same text, but where somebody has changed it already or the row was sent.

    Two statements for all of them; how many rows were changed.
    """
    if not lines:
        return 0
    near = mends.c.line.between(lines[0], lines[-1])
    known = {row.line: row for row in conn.execute(select(mends.c.line, mends.c.cells, mends.c.delivery).where(mends.c.job == job, near))}
    common = {"job": job, "account": account, "user": by, "changed_at": now}
    fresh = [common | {"line": line, "cells": {str(place): text}, "version": 1} for line in lines if line not in known]
    if fresh:
        conn.execute(insert(mends), fresh)
    again = [
        {"at": line, "mended": known[line].cells | {str(place): text}}
        for line in lines
        if line in known and known[line].delivery is None and str(place) not in known[line].cells
    ]
    if again:
        there = (mends.c.job == job) & (mends.c.line == bindparam("at")) & _OPEN
        values = {"cells": bindparam("mended", type_=mends.c.cells.type), "version": mends.c.version + 1, "user": by, "changed_at": now}
        conn.execute(update(mends).where(there).values(**values), again)
    return len(fresh) + len(again)


def send(conn: Connection, account: str, job: str, lines: Iterable[int], delivery: str, *, by: str, now: datetime) -> None:
    """These rows are in a delivery; those that nobody had changed are booked as they are."""
    wanted = set(lines)
    query = select(mends.c.line, mends.c.version, mends.c.user, mends.c.changed_at, mends.c.delivery).where(mends.c.job == job)
    rows = conn.execute(query).all()
    known = {line for line, *_ in rows}
    behind = [row for row in rows if row[4] is None and row[0] not in wanted]
    common = {"job": job, "account": account, "user": by, "changed_at": now, "delivery": delivery}
    fresh = [common | {"line": line, "cells": {}, "version": 1} for line in sorted(wanted - known)]
    # One statement for all rows that wait; those of them that stay behind are few, and are put back.
    conn.execute(
        update(mends).where(mends.c.job == job, _OPEN).values(delivery=delivery, version=mends.c.version + 1, user=by, changed_at=now)
    )
    if fresh:
        conn.execute(insert(mends), fresh)
    if behind:
        there = (mends.c.job == job) & (mends.c.line == bindparam("at"))
        back: dict[str, Any] = {"delivery": None, "version": bindparam("was"), "user": bindparam("whose"), "changed_at": bindparam("when")}
        told = [{"at": line, "was": version, "whose": user, "when": at} for line, version, user, at, _ in behind]
        conn.execute(update(mends).where(there).values(**back), told)


def release(conn: Connection, job: str, delivery: str) -> None:
    """The rows of a delivery that came to nothing may be mended and sent again."""
    conn.execute(update(mends).where(mends.c.job == job, mends.c.delivery == delivery).values(delivery=None, version=mends.c.version + 1))


def forget(conn: Connection, account: str, before: datetime) -> int:
    """Forgets rows that nobody has touched since: their originals are past their retention. How many."""
    return conn.execute(delete(mends).where(mends.c.account == account, mends.c.changed_at < before)).rowcount


def _text(cells: Mapping[int, str]) -> dict[str, str]:
    return {str(place): text for place, text in sorted(cells.items())}


def _mend(row: Row[Any]) -> Mend:
    values = row._asdict()
    return Mend(**values | {"cells": {int(place): text for place, text in values["cells"].items()}})
