"""The record store's tables, and how they grow with an account's object types.

Belongs here: CREATE and ALTER, and the one lock row. Does not belong here: reading or writing records.
Every rule of DESIGN section 9 that concerns tables holds here: no keys, no indexes, no sequences; columns are only added.
"""

import hashlib
import secrets
from collections.abc import Iterable

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, data_columns, ident, sql_type
from import_pipeline.store.session import Session

RECORD_COLUMNS: dict[str, str] = {
    "_id": "BIGINT",
    "_parent_id": "BIGINT",
    "_pin_id": "BIGINT",
    "_hash": "BIGINT",
    "_version": "BIGINT",
    "_created_at": "TIMESTAMPTZ",
    "_valid_from": "TIMESTAMPTZ",
    "_job": "VARCHAR",
    "_line": "BIGINT",
}
"""What every record carries beside its data: who it is, where it hangs, which version, and which job and line made that version."""
PARKED_COLUMNS: dict[str, str] = {
    "_job": "VARCHAR",
    "_line": "BIGINT",
    "_end": "BIGINT",
    "_pos": "BIGINT",
    "_parked_at": "TIMESTAMPTZ",
    "_expires_at": "TIMESTAMPTZ",
}
_SHARED = (
    "_lock(tag VARCHAR, next_id BIGINT, token VARCHAR, last_stamp TIMESTAMPTZ, hash_probe BIGINT)",
    "_change_sets(id VARCHAR, delivery VARCHAR, type VARCHAR, stamp TIMESTAMPTZ, finished_at TIMESTAMPTZ)",
    "_packages(change_set VARCHAR, job VARCHAR, package BIGINT, positions BIGINT, applied_at TIMESTAMPTZ)",
    "_lineage(type VARCHAR, job VARCHAR, line BIGINT, record BIGINT, action VARCHAR)",
    "_pins(_id BIGINT, external_pin_id VARCHAR, address_key VARCHAR, "
    + ", ".join(f"{ident(c)} {'DOUBLE' if c in ('Lat', 'Lng') else 'VARCHAR'}" for c in ADDRESS_COLUMNS)
    + ", _created_at TIMESTAMPTZ, _job VARCHAR, _line BIGINT)",
)
HASH_PROBE = "CAST(hash('import_pipeline', 1, NULL) >> 1 AS BIGINT)"
"""Tells whether this DuckDB hashes as the one that wrote the store; if not, stored row hashes are not compared."""


def prepare_store(session: Session, account: str, types: Iterable[ObjectType]) -> None:
    """Creates what is missing: shared tables, the lock row, each type's tables, new columns. Safe to call before every import."""
    for table in _SHARED:
        session.run(f"CREATE TABLE IF NOT EXISTS store.{table}")
    if session.one("SELECT count(*) FROM store._lock") == 0:
        # The first letter keeps a record id from ever looking like a number to a spreadsheet.
        tag = "abcdef"[secrets.randbelow(6)] + hashlib.sha256(account.encode() + secrets.token_bytes(8)).hexdigest()[:7]
        session.run(f"INSERT INTO store._lock SELECT ?, 1, '', NULL, {HASH_PROBE}", [tag])
    for object_type in types:
        _prepare_type(session, object_type)


def _prepare_type(session: Session, object_type: ObjectType) -> None:
    tables = Tables(object_type)
    data = {c.key: sql_type(c.spec) for c in data_columns(object_type)}
    _ensure(session, tables.current, RECORD_COLUMNS | data)
    _ensure(session, tables.history, RECORD_COLUMNS | {"_valid_to": "TIMESTAMPTZ", "_ended_by": "VARCHAR"} | data)
    given = {c.key: sql_type(c.spec) for c in object_type.columns}
    _ensure(session, tables.parked, PARKED_COLUMNS | given)


def _ensure(session: Session, table: str, columns: dict[str, str]) -> None:
    """The table with at least these columns. A column whose type differs from the stored one is refused, not converted."""
    session.run(f"CREATE TABLE IF NOT EXISTS {table} ({', '.join(f'{ident(k)} {v}' for k, v in columns.items())})")
    present = {row[0].casefold(): row[1] for row in session.run(f"SELECT column_name, column_type FROM (DESCRIBE {table})")}
    for name, kind in columns.items():
        stored = present.get(name.casefold())
        if stored is None:
            session.run(f"ALTER TABLE {table} ADD COLUMN {ident(name)} {kind}")
        elif _comparable(stored) != _comparable(kind):
            raise PermanentFailure(
                f"{table}: the column {name!r} is stored as {stored}, the object type now says {kind}. "
                "Give the field a new name, or keep its type."
            )


def _comparable(kind: str) -> str:
    return "TIMESTAMPTZ" if kind.upper() == "TIMESTAMP WITH TIME ZONE" else kind.upper().replace(" ", "")


def type_exists(session: Session, object_type: ObjectType) -> bool:
    """True when the store holds this type's tables (a store that no import has touched does not)."""
    found = session.one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'store' AND table_name = ?", [object_type.slug])
    return bool(found)
