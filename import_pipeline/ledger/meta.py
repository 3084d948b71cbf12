"""Small facts about the instance that outlive a process: one JSON value per key.

Belongs here: statements on `meta`. Does not belong here: settings (settings.py), what an account states (its YAML).
"""

from datetime import datetime
from typing import Any

from sqlalchemy import Connection, delete, insert, select

from import_pipeline.ledger.schema import meta


def read(conn: Connection, key: str) -> Any:
    """The value of `key`, or None."""
    return conn.execute(select(meta.c.value).where(meta.c.key == key)).scalar()


def write(conn: Connection, key: str, value: Any, *, now: datetime) -> None:
    """Sets the value of `key`."""
    conn.execute(delete(meta).where(meta.c.key == key))
    conn.execute(insert(meta).values(key=key, value=value, changed_at=now))
