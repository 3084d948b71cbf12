"""Records out of the store in batches of text, for the terminal.

Belongs here: the one query of `records`. Does not belong here: the command (taking.py), how a value is written (exporting/values.py).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from typing import Any

from import_pipeline.exporting.values import json_sql, text_sql
from import_pipeline.model.account import Account
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.hanging import hanging_of
from import_pipeline.store.names import ident, literal
from import_pipeline.store.records import people_columns, people_sql, stored_columns
from import_pipeline.store.session import Session

Batches = Iterator[Sequence[tuple[Any, ...]]]


def record_lines(
    session: Session,
    account: Account,
    object_type: ObjectType,
    conditions: Sequence[tuple[str, str]],
    limit: int | None,
    *,
    as_json: bool,
    at: datetime | None = None,
) -> tuple[list[str], Batches]:
    """(header, batches of rows): the records in order of their ids, as text, or one JSON text per row with `as_json`.

    The records are the current ones, or those of the moment `at`, whose state the caller has checked (exporting/states.py).
    `conditions` are (column's key, value as it is written here); a blank value finds records without one.
    """
    stored = stored_columns(session, object_type)
    hanging = hanging_of(session, object_type, account.territory_type)
    columns = people_columns(object_type, stored, hanging)
    header = [column.key for column, _ in columns]
    if not stored:
        return header, iter(())
    if as_json:
        pairs = [f"CAST(to_json({literal(c.key)}) AS VARCHAR) || ': ' || {json_sql(c, value, account.timezone)}" for c, value in columns]
        select = "'{' || " + " || ', ' || ".join(pairs) + " || '}' AS line"
    else:
        select = ", ".join(f"{text_sql(c, value, account.timezone)} AS {ident(c.key)}" for c, value in columns)
    texts = {c.key: text_sql(c, value, account.timezone) for c, value in columns}
    where = " AND ".join(f"coalesce({texts[key]}, '') = $v{number}" for number, (key, _) in enumerate(conditions)) or "true"
    query = people_sql(object_type, select, stored, hanging, as_of=at is not None, where=where) + (f" LIMIT {int(limit)}" if limit else "")
    values: dict[str, Any] = {f"v{number}": value for number, (_, value) in enumerate(conditions)} | ({"at": at} if at else {})
    return header, (rows for _, rows in session.batches(query, values or None))
