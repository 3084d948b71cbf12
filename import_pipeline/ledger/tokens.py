"""Keys of programs that call the HTTP doors.

Belongs here: statements on `tokens`. Does not belong here: making and checking keys (gateway/http/tokens.py), what a scope allows.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from import_pipeline.ledger.schema import tokens


@dataclass(frozen=True)
class Token:
    """One key. `secret` is a SHA-256 digest in hex; `owner` is whom it was given to."""

    id: str
    account: str
    owner: str
    name: str
    secret: str
    scopes: tuple[str, ...]
    created_at: datetime
    expires_at: datetime | None
    revoked_at: datetime | None

    def __repr__(self) -> str:
        """Without the digest: it must not get into a log."""
        return f"Token({self.id!r}, {self.account!r}, {self.scopes!r})"

    def valid_at(self, now: datetime) -> bool:
        """Neither revoked nor expired."""
        return self.revoked_at is None and (self.expires_at is None or now < self.expires_at)


def add(conn: Connection, token: Token) -> None:
    """Books a key."""
    conn.execute(insert(tokens).values(**vars(token) | {"scopes": list(token.scopes)}))


def get(conn: Connection, token_id: str) -> Token | None:
    """The key of this id, valid or not."""
    row = conn.execute(select(tokens).where(tokens.c.id == token_id)).first()
    return _token(row) if row else None


def listing(conn: Connection, account: str | None = None) -> Sequence[Token]:
    """All keys, or those of one account, oldest first."""
    query = select(tokens).order_by(tokens.c.created_at, tokens.c.id)
    return [_token(row) for row in conn.execute(query if account is None else query.where(tokens.c.account == account))]


def revoke(conn: Connection, token_id: str, *, now: datetime) -> bool:
    """Ends the key for ever; False when there is none, or when it is revoked already."""
    standing = (tokens.c.id == token_id) & tokens.c.revoked_at.is_(None)
    return conn.execute(update(tokens).where(standing).values(revoked_at=now)).rowcount == 1


def _token(row: Row[Any]) -> Token:
    return Token(**row._asdict() | {"scopes": tuple(row.scopes)})
