"""Formats that people made on the desk, beside those of the account's YAML.

Belongs here: statements on `formats`, and an account together with its saved formats. Does not belong here: what a format may state
(model/format.py), when one is made (landing/drafts.py).

A saved format is looked up whenever a format's name is resolved, so one that was saved a second ago works in every process.
"""

import json
from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime
from functools import lru_cache
from typing import Any

from pydantic import ValidationError
from sqlalchemy import Connection, Row, Text, cast, insert, select, update

from import_pipeline.ledger.desk_schema import formats
from import_pipeline.model.account import Account
from import_pipeline.model.format import Format

_KEPT = 4_096
"""Formats that a process keeps after reading their text: a sensor looks every few seconds."""


@dataclass(frozen=True)
class SavedFormat:
    """One saved format. `body` is the format as JSON; one that is not `listed` belongs to single imports, or was taken away."""

    account: str
    name: str
    object_type: str
    body: dict[str, Any]
    listed: bool
    made_by: str
    made_at: datetime
    changed_at: datetime

    @property
    def format(self) -> Format | None:
        """The format, under the name that the ledger gives it; None when its text says nothing that this version understands."""
        return _read(self.name, self.object_type, json.dumps(self.body))


def save(conn: Connection, account: str, format: Format, *, listed: bool, by: str, now: datetime) -> None:
    """Books a format, or replaces the one of its name. A listed one stays listed."""
    values = {"object_type": format.object_type, "body": body_of(format), "changed_at": now}
    before = get(conn, account, format.name)
    if before is None:
        key = {"account": account, "name": format.name, "made_by": by, "made_at": now}
        conn.execute(insert(formats).values(**key, **values, listed=listed))
    elif json.dumps(before.body) != json.dumps(values["body"]) or (listed and not before.listed):
        # Compared as text: the order of columns is part of an exact header.
        same = (formats.c.account == account) & (formats.c.name == format.name)
        conn.execute(update(formats).where(same).values(**values, listed=listed or before.listed))


def body_of(format: Format) -> dict[str, Any]:
    """The format as JSON. What it leaves at its default is not said, so a later version that knows more reads and compares it as it was."""
    return format.model_dump(mode="json", exclude_defaults=True)


def get(conn: Connection, account: str, name: str) -> SavedFormat | None:
    """The saved format of this name, listed or not."""
    row = conn.execute(select(formats).where(formats.c.account == account, formats.c.name == name)).first()
    return _saved(row) if row else None


def listing(conn: Connection, account: str) -> list[SavedFormat]:
    """The formats that people may choose, by name."""
    query = select(formats).where(formats.c.account == account, formats.c.listed).order_by(formats.c.name)
    return [_saved(row) for row in conn.execute(query)]


def rename(conn: Connection, account: str, name: str, to: str, *, now: datetime) -> bool:
    """Gives a listed format another name, which no listed one may have; False when one has it, or when there is no such format.

    Imports name the format that they had: under the old name it stays, unlisted, so that they can be replayed.
    """
    before = get(conn, account, name)
    twin = get(conn, account, to)
    if before is None or not before.listed or (twin is not None and twin.listed):
        return False
    values = vars(before) | {"name": to, "body": before.body | {"name": to}, "changed_at": now}
    if twin is not None:
        conn.execute(update(formats).where(formats.c.account == account, formats.c.name == to).values(**values))
    else:
        conn.execute(insert(formats).values(**values))
    return remove(conn, account, name, now=now)


def remove(conn: Connection, account: str, name: str, *, now: datetime) -> bool:
    """Takes a format out of the list; False when it is not there. What was imported with it can still be replayed."""
    there = (formats.c.account == account) & (formats.c.name == name) & formats.c.listed
    return conn.execute(update(formats).where(there).values(listed=False, changed_at=now)).rowcount == 1


def with_saved(conn: Connection, account: Account, *, listed: bool = False) -> Account:
    """The account with the formats of its YAML and behind them the saved ones; with `listed` just those that people may choose.

    YAML wins on the same name. A saved format of a type that the account does not have is left out.
    """
    # As text: what was read before is known by it, and an account may have thousands.
    told = select(formats.c.name, formats.c.object_type, cast(formats.c.body, Text)).where(formats.c.account == account.name)
    rows = conn.execute((told.where(formats.c.listed) if listed else told).order_by(formats.c.name)).all()
    return with_formats(account, (_read(*row) for row in rows)) if rows else account


def with_formats(account: Account, found: Iterable[Format | None]) -> Account:
    """The account with these formats behind its own, but for names that it has already."""
    known = {one.name for one in account.formats}
    more = tuple(one for one in found if one and one.name not in known and one.object_type in account.types_by_name)
    return account.model_copy(update={"formats": (*account.formats, *more)}) if more else account


@lru_cache(maxsize=_KEPT)
def _read(name: str, object_type: str, body: str) -> Format | None:
    """The format of a body, in its order: of an exact header the order of columns counts."""
    try:
        return Format.model_validate(json.loads(body) | {"name": name, "object_type": object_type})
    except (ValidationError, ValueError, TypeError):
        return None


def _saved(row: Row[Any]) -> SavedFormat:
    return SavedFormat(**row._asdict())
