"""Uploads whose end looks cut off: a door that saw the writes knows more than the size tells (reference/intake.md, fact 1).

Belongs here: how a door tells the landing tree, and asks it. Does not belong here: judging writes (gateway/), settling
(landing/decide.py: an arrival with `cut_suspect` settles as long as `cut_settle` says).
"""

from datetime import datetime

from sqlalchemy import ColumnElement, Connection, and_, select

from import_pipeline.ledger import files
from import_pipeline.ledger.files import Arrival
from import_pipeline.ledger.schema import files as table


def book(conn: Connection, account: str, arrival: Arrival, *, now: datetime) -> None:
    """Books the arrival as seen and suspect, whether a look has met it already or not. `arrival` has path and fingerprint.

    The row is the one that the next look would book, so the look finds it and leaves it as it is.
    """
    waiting = select(table.c.id).where(_at(account, arrival.path or ""), table.c.state.in_(("seen", "skipped")))
    found = conn.execute(waiting).scalar()
    if found is None:
        files.book(conn, account, "tree", "seen", [arrival], now=now)
        return
    files.restart(
        conn,
        found,
        fingerprint=arrival.fingerprint or "",
        size=arrival.size,
        cut_suspect=True,
        first_look=arrival.first_look or 0.0,
        now=now,
    )


def waits(conn: Connection, account: str, path: str, fingerprint: str) -> bool:
    """Whether the file at this path waits because its end looks cut off, and nobody took it."""
    same = and_(_at(account, path), table.c.fingerprint == fingerprint, table.c.state == "seen", table.c.cut_suspect)
    return conn.execute(select(table.c.id).where(same)).first() is not None


def _at(account: str, path: str) -> ColumnElement[bool]:
    return and_(table.c.account == account, table.c.path == path, table.c.projected_at.is_(None))
