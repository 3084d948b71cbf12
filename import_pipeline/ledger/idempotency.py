"""Answers that were given to requests with an Idempotency-Key: the same request again gets the same answer and does nothing.

Belongs here: statements on `idempotency`. Does not belong here: which requests take a key (the doors).
"""

import hashlib
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from import_pipeline.ledger.schema import idempotency


@dataclass(frozen=True)
class Answered:
    """What was answered, and whether the present request is the same as the one that was answered."""

    status: int
    body: Any
    same_request: bool


def digest(*parts: str) -> str:
    """One digest for several texts; where one ends and the next begins counts."""
    return hashlib.sha256("\0".join(f"{len(part)}:{part}" for part in parts).encode()).hexdigest()


def recall(conn: Connection, account: str, key: str, request: str) -> Answered | None:
    """What was answered under this key (a digest), or None when it is new. `request` is the digest of the request."""
    found = conn.execute(select(idempotency).where(idempotency.c.account == account, idempotency.c.key == key)).first()
    return Answered(found.status, found.body, found.request == request) if found else None


def remember(conn: Connection, account: str, key: str, request: str, status: int, body: Any, *, now: datetime) -> None:
    """Books the answer, in the transaction of what the request did."""
    values = {"account": account, "key": key, "request": request, "status": status, "body": body}
    conn.execute(insert(idempotency).values(**values, created_at=now))


def forget(conn: Connection, before: datetime) -> int:
    """Drops answers older than this; returns how many."""
    return conn.execute(delete(idempotency).where(idempotency.c.created_at < before)).rowcount
