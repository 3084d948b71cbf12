"""People and machines that may log in through SFTP and on the desk.

Belongs here: statements on `users`. Does not belong here: hashing and checking passwords (gateway/passwords.py), what a role may
do (gateway/sftp/layout.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, insert, select, update

from import_pipeline.ledger.schema import users
from import_pipeline.model.sftp_door import Role


@dataclass(frozen=True)
class User:
    """One log-in of one account. `password` is an argon2id hash or None, `keys` are public keys in OpenSSH's one-line form."""

    name: str
    account: str
    password: str | None
    keys: tuple[str, ...]
    role: Role
    created_at: datetime
    disabled: bool

    def __repr__(self) -> str:
        """Without the hash: it must not get into a log."""
        return f"User({self.name!r}, {self.account!r}, {self.role!r}, keys={len(self.keys)}, disabled={self.disabled})"


def get(conn: Connection, name: str) -> User | None:
    """The user of this name, which is unique over the instance."""
    row = conn.execute(select(users).where(users.c.name == name)).first()
    return _user(row) if row else None


def listing(conn: Connection, account: str | None = None) -> list[User]:
    """All users, or those of one account, by name."""
    query = select(users).order_by(users.c.name)
    return [_user(row) for row in conn.execute(query if account is None else query.where(users.c.account == account))]


def add(conn: Connection, name: str, account: str, *, password: str | None, keys: Sequence[str], role: Role, now: datetime) -> None:
    """Books a user; the name must be free."""
    values = {"name": name, "account": account, "password": password, "keys": list(keys), "role": role}
    conn.execute(insert(users).values(**values, created_at=now, disabled=False))


def remove(conn: Connection, name: str) -> bool:
    """Takes the user away; False when there is none."""
    return conn.execute(delete(users).where(users.c.name == name)).rowcount > 0


def disable(conn: Connection, name: str, disabled: bool) -> bool:
    """Bars the user, or lets the user in again; False when there is none."""
    return conn.execute(update(users).where(users.c.name == name).values(disabled=disabled)).rowcount > 0


def set_role(conn: Connection, name: str, role: Role) -> bool:
    """Gives the user another role; False when there is none."""
    return conn.execute(update(users).where(users.c.name == name).values(role=role)).rowcount > 0


def set_password(conn: Connection, name: str, password: str, *, now: datetime) -> bool:
    """Gives the user another password (its hash) as of `now`: sessions that began before are over. False when there is none."""
    return conn.execute(update(users).where(users.c.name == name).values(password=password, created_at=now)).rowcount > 0


def _user(row: Row[Any]) -> User:
    return User(row.name, row.account, row.password, tuple(row.keys), row.role, row.created_at, row.disabled)
