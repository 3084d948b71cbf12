"""Imports of the desk that are being prepared, and those that were started.

Belongs here: statements on `drafts`. Does not belong here: what a draft may hold (model/draft.py), its steps (landing/drafts.py).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import Connection, Row, delete, insert, or_, select, update

from import_pipeline.ledger.desk_schema import drafts

DraftState = Literal["open", "started"]


@dataclass(frozen=True)
class Draft:
    """One import. `upload` is its file, `body` a DraftBody as JSON, `plan` the delivery of its latest plan, `delivery` the one that
    imports, `copy_of` the draft that it was made from. `version` grows with every change."""

    id: str
    account: str
    user: str
    object_type: str
    state: DraftState
    version: int
    upload: str | None
    body: dict[str, Any]
    plan: str | None
    delivery: str | None
    copy_of: str | None
    created_at: datetime
    changed_at: datetime
    started_at: datetime | None


def new_id() -> str:
    """64 random bits."""
    return secrets.token_hex(8)


def add(conn: Connection, draft: Draft) -> None:
    """Books a new draft."""
    conn.execute(insert(drafts).values(**vars(draft)))


def get(conn: Connection, account: str, draft_id: str) -> Draft | None:
    """The account's draft of this id."""
    row = conn.execute(select(drafts).where(drafts.c.id == draft_id, drafts.c.account == account)).first()
    return _draft(row) if row else None


def listing(conn: Connection, account: str, *, state: DraftState | None = None, limit: int = 100) -> list[Draft]:
    """The latest drafts, by their last change, newest first."""
    query = select(drafts).where(drafts.c.account == account).order_by(drafts.c.changed_at.desc(), drafts.c.id).limit(limit)
    return [_draft(row) for row in conn.execute(query if state is None else query.where(drafts.c.state == state))]


def of_delivery(conn: Connection, account: str, key: str) -> Draft | None:
    """The draft whose import or whose latest plan is this delivery."""
    named = or_(drafts.c.delivery == key, drafts.c.plan == key)
    row = conn.execute(select(drafts).where(drafts.c.account == account, named)).first()
    return _draft(row) if row else None


def save(conn: Connection, draft: Draft, expected_version: int) -> bool:
    """Writes an open draft over the version that was read; False when somebody changed or started it since.

    The version that is written is one more than the expected, whatever the draft says.
    """
    same = (
        (drafts.c.id == draft.id)
        & (drafts.c.account == draft.account)
        & (drafts.c.version == expected_version)
        & (drafts.c.state == "open")
    )
    values = {name: value for name, value in vars(draft).items() if name not in ("id", "account", "created_at")}
    return conn.execute(update(drafts).where(same).values(**values | {"version": expected_version + 1})).rowcount == 1


def reopen(conn: Connection, account: str, draft_id: str, *, now: datetime) -> bool:
    """A started draft whose import was taken back is open again; False when it is not started."""
    started = (drafts.c.id == draft_id) & (drafts.c.account == account) & (drafts.c.state == "started")
    values = {"state": "open", "delivery": None, "started_at": None, "version": drafts.c.version + 1, "changed_at": now}
    return conn.execute(update(drafts).where(started).values(**values)).rowcount == 1


def remove(conn: Connection, account: str, draft_id: str) -> bool:
    """Throws an open draft away; False when there is none of this id that is open."""
    mine = (drafts.c.id == draft_id) & (drafts.c.account == account) & (drafts.c.state == "open")
    return conn.execute(delete(drafts).where(mine)).rowcount == 1


def forgotten(conn: Connection, account: str, before: datetime, limit: int = 1000) -> Sequence[Draft]:
    """Open drafts that nobody has changed since this moment."""
    old = (drafts.c.account == account) & (drafts.c.state == "open") & (drafts.c.changed_at < before)
    return [_draft(row) for row in conn.execute(select(drafts).where(old).order_by(drafts.c.changed_at).limit(limit))]


def _draft(row: Row[Any]) -> Draft:
    return Draft(**row._asdict())
