"""Messages that have to go out (mail, webhooks), kept until they are sent: at least once, each with an id.

Belongs here: statements on `outbox`. Does not belong here: writing and sending messages (reporting/).
"""

from dataclasses import dataclass
from datetime import datetime, timedelta
from typing import Any, Literal

from sqlalchemy import Connection, insert, select, update

from import_pipeline.ledger.schema import outbox

MessageState = Literal["waiting", "sent", "given_up"]
WEBHOOK, MAIL = "webhook", "mail"
"""Kinds of messages."""
MAX_TRIES = 12
"""About two days with the pauses of `failed`."""
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=6)


@dataclass(frozen=True)
class Message:
    """One message. `id` is the same at every try, so that its receiver can tell a second one."""

    id: str
    kind: str
    payload: dict[str, Any]
    state: MessageState
    tries: int
    created_at: datetime
    next_try: datetime
    sent_at: datetime | None
    error: str | None


def put(conn: Connection, message_id: str, kind: str, payload: dict[str, Any], *, now: datetime) -> bool:
    """Books a message in the transaction of what it tells; False when this id is booked already."""
    if conn.execute(select(outbox.c.id).where(outbox.c.id == message_id)).first():
        return False
    values = {"id": message_id, "kind": kind, "payload": payload, "state": "waiting", "tries": 0}
    conn.execute(insert(outbox).values(**values, created_at=now, next_try=now))
    return True


def get(conn: Connection, message_id: str) -> Message | None:
    """The message of this id."""
    row = conn.execute(select(outbox).where(outbox.c.id == message_id)).first()
    return Message(**row._asdict()) if row else None


def due(conn: Connection, *, now: datetime, limit: int = 50, kind: str | None = None) -> list[Message]:
    """Messages to send now, of one kind or of all, oldest first."""
    waiting = select(outbox).where(outbox.c.state == "waiting", outbox.c.next_try <= now)
    if kind is not None:
        waiting = waiting.where(outbox.c.kind == kind)
    return [Message(**row._asdict()) for row in conn.execute(waiting.order_by(outbox.c.created_at, outbox.c.id).limit(limit))]


def sent(conn: Connection, message_id: str, *, now: datetime) -> None:
    """The receiver took it."""
    values = {"state": "sent", "sent_at": now, "error": None, "tries": outbox.c.tries + 1}
    conn.execute(update(outbox).where(outbox.c.id == message_id).values(**values))


def failed(conn: Connection, message_id: str, error: str, *, now: datetime) -> None:
    """Not taken: tried again after a pause that doubles from 30 seconds to 6 hours, given up after MAX_TRIES."""
    tries = 1 + (conn.execute(select(outbox.c.tries).where(outbox.c.id == message_id)).scalar() or 0)
    pause = min(_FIRST_PAUSE * 2 ** (tries - 1), _LONGEST_PAUSE)
    state: MessageState = "given_up" if tries >= MAX_TRIES else "waiting"
    values = {"state": state, "tries": tries, "error": error, "next_try": now + pause}
    conn.execute(update(outbox).where(outbox.c.id == message_id).values(**values))


def give_up(conn: Connection, message_id: str, error: str) -> None:
    """Refused for good: it is not tried again."""
    values = {"state": "given_up", "error": error, "tries": outbox.c.tries + 1}
    conn.execute(update(outbox).where(outbox.c.id == message_id).values(**values))
