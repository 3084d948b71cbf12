"""Who is signed in on the desk.

Belongs here: statements on `sessions`. Does not belong here: cookies and their rules (gateway/http/desk/sessions.py).
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from import_pipeline.ledger.desk_schema import sessions


@dataclass(frozen=True)
class SessionRow:
    """One session of one user. `id` is the SHA-256 of its cookie."""

    id: str
    user: str
    account: str
    created_at: datetime
    seen_at: datetime
    expires_at: datetime


def add(conn: Connection, session: SessionRow) -> None:
    """Books a session."""
    conn.execute(insert(sessions).values(**vars(session)))


def get(conn: Connection, session_id: str) -> SessionRow | None:
    """The session of this id, whether it is over or not."""
    row = conn.execute(select(sessions).where(sessions.c.id == session_id)).first()
    return _session(row) if row else None


def seen(conn: Connection, session_id: str, *, now: datetime) -> None:
    """The session was used."""
    conn.execute(update(sessions).where(sessions.c.id == session_id).values(seen_at=now))


def remove(conn: Connection, session_id: str) -> None:
    """Ends a session."""
    conn.execute(delete(sessions).where(sessions.c.id == session_id))


def remove_of(conn: Connection, user: str) -> int:
    """Ends all sessions of a user; how many there were."""
    return conn.execute(delete(sessions).where(sessions.c.user == user)).rowcount


def forget(conn: Connection, before: datetime) -> int:
    """Takes sessions away that expired before this moment."""
    return conn.execute(delete(sessions).where(sessions.c.expires_at < before)).rowcount


def _session(row: Row[Any]) -> SessionRow:
    return SessionRow(**row._asdict())
