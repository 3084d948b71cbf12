"""The record store's tables, and how they grow with an account's object types.

Belongs here: CREATE and ALTER, and the one lock row. Does not belong here: reading or writing records.
Every rule of DESIGN section 9 that concerns tables holds here: no keys, no indexes, no sequences; columns are only added.
"""

import hashlib
import secrets
from collections.abc import Iterable, Iterator

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, data_columns, given_columns, ident, sql_type
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
HISTORY_COLUMNS: dict[str, str] = {"_valid_to": "TIMESTAMPTZ", "_ended_by": "VARCHAR"}
"""What a superseded version carries beside that: when it ended (the next version's `_valid_from`), and by which job."""
PARKED_COLUMNS: dict[str, str] = {
    "_job": "VARCHAR",
    "_line": "BIGINT",
    "_end": "BIGINT",
    "_pos": "BIGINT",
    "_parked_at": "TIMESTAMPTZ",
    "_expires_at": "TIMESTAMPTZ",
}
"""A row that waits for its parent: where it came from, the moment it speaks for (its change set's stamp), how long it may wait."""
RELEASED_COLUMNS: dict[str, str] = {
    "_change_set": "VARCHAR",
    "_record": "BIGINT",
    "_parent_id": "BIGINT",
    "_undone_by": "VARCHAR",
    "_marked_at": "TIMESTAMPTZ",
}
"""A parked row that waits no longer: the change set that took it in, the record that it became or met (null: refused), the parent it had
waited for, the undo that took its effect back, and the moment of the undo that last set or cleared `_undone_by`."""
ASIDE_COLUMNS: dict[str, str] = {"_undo": "VARCHAR"}
"""A parked row of a job that is undone, and the undo that laid it aside."""
SHARED_TABLES: dict[str, dict[str, str]] = {
    "_lock": {"tag": "VARCHAR", "next_id": "BIGINT", "token": "VARCHAR", "last_stamp": "TIMESTAMPTZ", "hash_probe": "BIGINT"},
    "_change_sets": {
        "id": "VARCHAR",
        "delivery": "VARCHAR",
        "type": "VARCHAR",
        "stamp": "TIMESTAMPTZ",
        "finished_at": "TIMESTAMPTZ",
        "moment": "TIMESTAMPTZ",
        "columns": "VARCHAR",
    },
    "_packages": {
        "change_set": "VARCHAR",
        "job": "VARCHAR",
        "package": "BIGINT",
        "positions": "BIGINT",
        "applied_at": "TIMESTAMPTZ",
        "job_number": "BIGINT",
    },
    "_lineage": {
        "type": "VARCHAR",
        "job": "VARCHAR",
        "line": "BIGINT",
        "pos": "BIGINT",
        "record": "BIGINT",
        "action": "VARCHAR",
        "change_set": "VARCHAR",
        "given": "BIGINT",
    },
    "_resubmitted": {
        "type": "VARCHAR",
        "of_job": "VARCHAR",
        "of_line": "BIGINT",
        "job": "VARCHAR",
        "line": "BIGINT",
        "pos": "BIGINT",
        "change_set": "VARCHAR",
    },
    "_pins": {
        "_id": "BIGINT",
        "external_pin_id": "VARCHAR",
        "address_key": "VARCHAR",
        **{c: "DOUBLE" if c in ("Lat", "Lng") else "VARCHAR" for c in ADDRESS_COLUMNS},
        "_created_at": "TIMESTAMPTZ",
        "_job": "VARCHAR",
        "_line": "BIGINT",
        "_valid_to": "TIMESTAMPTZ",
    },
    "_tree": {
        "territory": "BIGINT",
        "parent": "BIGINT",
        "share": "DOUBLE",
        "_change_set": "VARCHAR",
        "_valid_from": "TIMESTAMPTZ",
        "_valid_to": "TIMESTAMPTZ",
    },
    "_placed": {
        "pin": "BIGINT",
        "territory": "BIGINT",
        "_change_set": "VARCHAR",
        "_valid_from": "TIMESTAMPTZ",
        "_valid_to": "TIMESTAMPTZ",
    },
    "_gone": {
        "type": "VARCHAR",
        "key": "VARCHAR",
        "holder": "VARCHAR",
        "keep": "BOOLEAN",
        "block": "BOOLEAN",
        "record": "BIGINT",
        "job": "VARCHAR",
        "line": "BIGINT",
        "change_set": "VARCHAR",
        "stamp": "TIMESTAMPTZ",
    },
    "_undos": {"job": "VARCHAR", "undone": "VARCHAR", "undone_delivery": "VARCHAR", "stamp": "TIMESTAMPTZ"},
    "_horizon": {"slug": "VARCHAR", "moment": "TIMESTAMPTZ"},
}
"""Tables that all types of an account share. `_lock` has one row: the store's tag (the first eight characters of its record ids), the
next id, the token of the attempt that writes, the last stamp given, and HASH_PROBE of the DuckDB that made the store. A pin whose
`_valid_to` is not null has ended: no living record hangs on it. `_tree` and `_placed` tell the parent of each territory, with the share
of its area inside, and the territory of each pin that has coordinates; a row without `_valid_to` is the present one. `_undos` has one
row per undo that was applied, with the moment of its first change set (store/undos.py).
`_gone` has one row per record that an import deleted: its external id, the account it hung on (`holder`), whether that account stays
without records (`keep`), and whether the record may never come again (`block`). Rows of jobs that are undone do not count.
`_change_sets.moment` is the moment that a replay's rows speak for (null: its stamp), `_packages.job_number` the place of the job in its
delivery (null: its rows had waited). `_lineage.given` tells which columns the row gave: a mask of bits in the order of the keys in
`_change_sets.columns` (a JSON list), WHOLE, or null for an undo, a row without effect, and in stores written before there were masks."""
WHOLE = -1
"""The mask of a row that gave all that its record held once the row's change set was applied."""
HASH_PROBE = "CAST(hash('import_pipeline', 1, NULL) >> 1 AS BIGINT)"
"""Tells whether this DuckDB hashes as the one that wrote the store; if not, stored row hashes are not compared."""


def prepare_store(session: Session, account: str, types: Iterable[ObjectType]) -> None:
    """Creates what is missing: shared tables, the lock row, each type's tables, new columns. Safe to call before every import.

    Raises PermanentFailure when a field's type is not the one it is stored with, and leaves the store as it was.
    """
    wanted = {table: dict(columns) for table, columns in wanted_tables(types)}
    statements = list(_statements(wanted, present_tables(session)))
    with session.transaction():
        for statement in statements:
            session.run(statement)
        make_lock_row(session, new_tag(account))


def new_tag(account: str) -> str:
    """The first eight characters of a store's record ids. The first letter keeps an id from ever looking like a number to a spreadsheet."""
    return "abcdef"[secrets.randbelow(6)] + hashlib.sha256(account.encode() + secrets.token_bytes(8)).hexdigest()[:7]


def make_lock_row(session: Session, tag: str) -> None:
    """The one row of `_lock`, where there is none yet."""
    if session.one("SELECT count(*) FROM store._lock") == 0:
        session.run(f"INSERT INTO store._lock SELECT ?, 1, '', NULL, {HASH_PROBE}", [tag])


def wanted_tables(types: Iterable[ObjectType]) -> Iterator[tuple[str, dict[str, str]]]:
    """(quoted name, columns) of every table that the account needs."""
    for name, columns in SHARED_TABLES.items():
        yield f"store.{ident(name)}", columns
    for object_type in types:
        tables = Tables(object_type)
        data = {c.key: sql_type(c.spec) for c in data_columns(object_type)}
        yield tables.current, RECORD_COLUMNS | data
        yield tables.history, RECORD_COLUMNS | HISTORY_COLUMNS | data
        yield tables.parked, PARKED_COLUMNS | given_columns(object_type)
        yield tables.released, PARKED_COLUMNS | RELEASED_COLUMNS | given_columns(object_type)
        yield tables.aside, PARKED_COLUMNS | ASIDE_COLUMNS | given_columns(object_type)


def present_tables(session: Session, catalog: str = "store") -> dict[str, dict[str, str]]:
    """The tables of the attached store by quoted name, with the types of their columns by name without case."""
    found: dict[str, dict[str, str]] = {}
    listed = "SELECT table_name, column_name, data_type FROM duckdb_columns() WHERE database_name = ? AND NOT internal"
    for table, column, kind in session.run(listed, [catalog]):
        found.setdefault(f"store.{ident(table)}", {})[column.casefold()] = kind
    return found


def _statements(wanted: dict[str, dict[str, str]], present: dict[str, dict[str, str]]) -> Iterator[str]:
    """What makes the tables present those wanted. A column whose type differs from the stored one is refused, not converted."""
    for table, columns in wanted.items():
        if table not in present:
            yield f"CREATE TABLE {table} ({', '.join(f'{ident(name)} {kind}' for name, kind in columns.items())})"
            continue
        for name, kind in columns.items():
            stored = present[table].get(name.casefold())
            if stored is None:
                yield f"ALTER TABLE {table} ADD COLUMN {ident(name)} {kind}"
            else:
                refuse_other_kind(table, name, stored, kind)


def refuse_other_kind(table: str, name: str, stored: str, kind: str) -> None:
    """Raises PermanentFailure when a column is wanted as another type than the stored one."""
    if _comparable(stored) != _comparable(kind):
        raise PermanentFailure(
            f"{table}: the column {name!r} is stored as {stored}, the object type now says {kind}. "
            "Give the field a new name, or keep its type."
        )


def _comparable(kind: str) -> str:
    return "TIMESTAMPTZ" if kind.upper() == "TIMESTAMP WITH TIME ZONE" else kind.upper().replace(" ", "")


def type_exists(session: Session, object_type: ObjectType) -> bool:
    """True when the store holds this type's tables (a store that no import has touched does not)."""
    # duckdb_columns() also knows the views that a plan sees in place of tables (overlay.py).
    found = session.one("SELECT count(*) FROM duckdb_columns() WHERE database_name = 'store' AND table_name = ?", [object_type.slug])
    return bool(found)
