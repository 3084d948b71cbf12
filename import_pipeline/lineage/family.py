"""What a record hangs together with: its parent and the records below it, as they are today.

Belongs here: neighbours of one record. Does not belong here: where its values come from (records.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from import_pipeline.lineage.model import RecordKey, RecordRef, Sources
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, ident, inward, outward_sql
from import_pipeline.store.schema import type_exists
from import_pipeline.store.session import Session, open_store

MOST_CHILDREN = 25
"""Records below one that are listed of each type."""


@dataclass(frozen=True)
class Below:
    """The records of one type below a record: how many, and the first of them."""

    object_type: str
    count: int
    first: tuple[RecordRef, ...]


@dataclass(frozen=True)
class Family:
    """A record's neighbours. `pin` is how many other records stand at its address, None where it has none."""

    parent: RecordRef | None
    below: tuple[Below, ...]
    pin: int | None


def key_of(sources: Sources, account: str, object_type: ObjectType, record_id: str) -> RecordKey | None:
    """The record with this id as people see it; None when the account's store has never had it. Raises TransientFailure."""
    if not sources.settings.store_file(account).exists():
        return None
    with open_store(sources.settings, account) as session:
        if not type_exists(session, object_type):
            return None
        number = inward(record_id, str(session.one("SELECT tag FROM store._lock")))
        tables = Tables(object_type)
        known = f"SELECT _id FROM {tables.current} WHERE _id = $id UNION ALL SELECT _id FROM {tables.history} WHERE _id = $id LIMIT 1"
        there = number is not None and session.one(known, {"id": number}) is not None
    return RecordKey(account, object_type.name, number) if there and number is not None else None


def family_of(sources: Sources, key: RecordKey) -> Family:
    """The neighbours of a record today; nothing for one that was deleted. Raises TransientFailure when the store is in use."""
    account = sources.accounts[key.account]
    object_type = account.object_type(key.object_type)
    with open_store(sources.settings, key.account) as session:
        row = session.run(f"SELECT _parent_id, _pin_id FROM {Tables(object_type).current} WHERE _id = ?", [key.number])
        parent_id, pin_id = row[0] if row else (None, None)
        parent = account.types_by_name.get(object_type.parent.type) if object_type.parent else None
        found = _records(session, key.account, parent, "_id", parent_id) if parent is not None and parent_id is not None else None
        types = [t for t in account.object_types if t.parent and t.parent.type == object_type.name] if row else []
        below = [told for t in types if (told := _records(session, key.account, t, "_parent_id", key.number)) and told.count]
        stored = [t for t in account.object_types if t.pin and type_exists(session, t)] if pin_id is not None else []
        near = sum(int(session.one(f"SELECT count(*) FROM {Tables(t).current} WHERE _pin_id = ?", [pin_id]) or 0) for t in stored)
    return Family(found.first[0] if found and found.first else None, tuple(below), near - 1 if pin_id is not None else None)


def _records(session: Session, account: str, object_type: ObjectType, column: str, number: int) -> Below | None:
    if not type_exists(session, object_type):
        return None
    table, external = Tables(object_type).current, object_type.column_of_role("external_id")
    name = ident(external.key) if external else "CAST(NULL AS VARCHAR)"
    count = int(session.one(f"SELECT count(*) FROM {table} WHERE {ident(column)} = ?", [number]) or 0)
    rows = session.run(
        f"SELECT {outward_sql('_id')}, {name} FROM {table} WHERE {ident(column)} = ? ORDER BY _id LIMIT {MOST_CHILDREN}", [number]
    )
    return Below(object_type.name, count, tuple(RecordRef(account, object_type.name, record, ext, "") for record, ext in rows))


def refs_of(sources: Sources, keys: Sequence[RecordKey]) -> list[RecordRef]:
    """How people see these records, those of one account: their ids, and the latest external id. Raises TransientFailure."""
    found: list[RecordRef] = []
    if not keys:
        return found
    account = sources.accounts[keys[0].account]
    with open_store(sources.settings, account.name) as session:
        for key in keys:
            object_type = account.object_type(key.object_type)
            tables, external = Tables(object_type), object_type.column_of_role("external_id")
            name = ident(external.key) if external else "CAST(NULL AS VARCHAR)"
            versions = f"SELECT {name} AS ext, _valid_from FROM {tables.current} WHERE _id = $id UNION ALL "
            versions += f"SELECT {name}, _valid_from FROM {tables.history} WHERE _id = $id"
            sql = f"SELECT {outward_sql('CAST($id AS BIGINT)')}, ext FROM ({versions}) ORDER BY _valid_from DESC LIMIT 1"
            found += [RecordRef(account.name, object_type.name, record, ext, "") for record, ext in session.run(sql, {"id": key.number})]
    return found
