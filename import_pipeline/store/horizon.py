"""How far back a type's history is complete: pruning superseded versions, and the horizon that pruning leaves.

Belongs here: the statements that drop old versions and remember from when on reads are complete. Does not belong here: how long
history is kept (model/account.py), when it is pruned (orchestration/upkeep.py), refusing a read (exporting/states.py).
A version that ended before the horizon is gone; one that is valid at the horizon or later is kept. So every state from the horizon on
is complete, and no state before it can be told to be.
"""

from collections.abc import Sequence
from datetime import datetime

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables
from import_pipeline.store.schema import SHARED_TABLES, type_exists
from import_pipeline.store.session import Session
from import_pipeline.store.waited import can_forget, forget_waited


def horizon_of(session: Session, object_type: ObjectType) -> datetime | None:
    """The first moment whose state is complete; None when nothing was ever pruned. It only moves forward."""
    if not _has_table(session):
        return None
    found: datetime | None = session.one("SELECT max(moment) FROM store._horizon WHERE slug = ?", [object_type.slug])
    return found


def prunable(session: Session, types: Sequence[ObjectType], cut: datetime) -> list[ObjectType]:
    """Those of the types that hold versions which ended before `cut`, or rows that no undo needs once these are gone.

    A reader can ask it. `types` are all types of the account.
    """
    return [t for t in types if _has_ended(session, t, cut) or can_forget(session, t, types, cut)]


def _has_ended(session: Session, object_type: ObjectType, cut: datetime) -> bool:
    ended = f"SELECT count(*) FROM (SELECT 1 FROM {Tables(object_type).history} WHERE _valid_to < ? LIMIT 1)"
    return type_exists(session, object_type) and bool(session.one(ended, [cut]))


def prune_history(session: Session, types: Sequence[ObjectType], cut: datetime) -> dict[str, int]:
    """Drops versions that ended before `cut` and moves the horizon of each type that had any; versions dropped, by the type's name.

    With them go the rows that had waited for a parent and that no undo can need any more (waited.py), told as `Contact, waited`.
    `types` are all types of the account. One transaction that begins with the lock row, so that it and an import's commit exclude each
    other (DESIGN section 9, rule 4). The token stays: pruning takes the lock from nobody.
    """
    dropped: dict[str, int] = {}
    columns = ", ".join(f"{name} {kind}" for name, kind in SHARED_TABLES["_horizon"].items())
    with session.transaction():
        session.run("UPDATE store._lock SET token = token")
        # A store that no import has touched since this table came does not have it.
        session.run(f"CREATE TABLE IF NOT EXISTS store._horizon ({columns})")
        for object_type in (t for t in types if _has_ended(session, t, cut)):
            gone = session.one(f"DELETE FROM {Tables(object_type).history} WHERE _valid_to < ?", [cut])
            dropped[object_type.name] = int(gone or 0)
            _move(session, object_type, cut)
        waited = {f"{t.name}, waited": forget_waited(session, t, types, cut) for t in types}
    return dropped | {name: count for name, count in waited.items() if count}


def _move(session: Session, object_type: ObjectType, cut: datetime) -> None:
    given = {"slug": object_type.slug, "cut": cut}
    session.run("UPDATE store._horizon SET moment = greatest(moment, $cut) WHERE slug = $slug", given)
    session.run("INSERT INTO store._horizon SELECT $slug, $cut WHERE $slug NOT IN (SELECT slug FROM store._horizon)", given)


def _has_table(session: Session) -> bool:
    found = session.one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'store' AND table_name = '_horizon'")
    return bool(found)
