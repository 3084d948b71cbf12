"""Rows that had waited for a parent, past the history's retention: which of them no undo can need any more, and dropping those.

Belongs here: that judgement over `_released_` and `_aside_`, and the statements that drop them. Does not belong here: versions and their
horizon (horizon.py), what an undo does with these rows (relating/undo_rows.py), when it is pruned (orchestration/upkeep.py).

Age alone takes no row out: an undo is refused only where versions are missing, and an old import whose records nobody has changed since
can still be taken back. With versions that ended before the cut gone, a row plays no part any more
  taken in, its effect in force: when the version of its parent is gone that was valid then. Only an undo that takes this version back
    makes the row wait again, and that one is refused. A row that an undo has touched meanwhile stays as long as the version it made.
  taken in, its effect undone: when its record is gone with all versions, and it does not wait: nothing can bring its effect back.
  laid aside: when an undo of its job from before the cut changed a record: what the record was before it is gone, so the undo cannot be
    undone, and the rows cannot come back. An undo that did nothing but lay rows aside can be undone at any age.
"""

from collections.abc import Iterator, Sequence
from datetime import datetime

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, literal
from import_pipeline.store.schema import present_tables
from import_pipeline.store.session import Session


def can_forget(session: Session, object_type: ObjectType, types: Sequence[ObjectType], cut: datetime) -> bool:
    """True when `forget_waited` would drop a row of the type; a reader can ask it. `types` are all types of the account."""
    found = "SELECT count(*) FROM (SELECT 1 FROM {} w WHERE {} LIMIT 1)"
    return any(session.one(found.format(table, gone), {"cut": cut}) for table, gone in _tables(session, object_type, types))


def forget_waited(session: Session, object_type: ObjectType, types: Sequence[ObjectType], cut: datetime) -> int:
    """Drops the type's rows that no undo can need once versions of all types that ended before `cut` are gone; how many.

    Runs inside the transaction that drops those versions: without them an undo is refused, with them it would miss the rows.
    """
    tables = _tables(session, object_type, types)
    return sum(int(session.one(f"DELETE FROM {table} AS w WHERE {gone}", {"cut": cut}) or 0) for table, gone in tables)


def _tables(session: Session, object_type: ObjectType, types: Sequence[ObjectType]) -> Iterator[tuple[str, str]]:
    """(table, condition on its rows `w`) of the type's tables of rows that had waited. What is laid aside comes first: it still waits.

    A store that no import has touched since these tables came does not have them.
    """
    above = next((t for t in types if object_type.parent and t.name == object_type.parent.type), None)
    tables = Tables(object_type)
    if above and {tables.released, tables.aside, Tables(above).history} <= present_tables(session).keys():
        yield tables.aside, _aside(object_type)
        yield tables.released, _released(object_type, above)


def _left(object_type: ObjectType) -> str:
    """SELECT of `_id`, `_version`, `_valid_from` and `_valid_to` (null: current) of the versions that pruning leaves."""
    tables = Tables(object_type)
    return f"""
        SELECT _id, _version, _valid_from, CAST(NULL AS TIMESTAMPTZ) AS _valid_to FROM {tables.current}
        UNION ALL
        SELECT _id, _version, _valid_from, _valid_to FROM {tables.history} WHERE _valid_to >= $cut
        """


def _released(object_type: ObjectType, parent: ObjectType) -> str:
    tables = Tables(object_type)
    released = f"{tables.released} r JOIN store._change_sets s ON s.id = r._change_set"
    return f"""
        (w._job, w._pos, w._change_set) IN (
            SELECT r._job, r._pos, r._change_set
            FROM {released}
            WHERE s.stamp < $cut AND coalesce(r._marked_at, s.stamp) < $cut AND CASE WHEN r._undone_by IS NULL
                THEN (r._job, r._pos, r._change_set) NOT IN (
                    SELECT r._job, r._pos, r._change_set
                    FROM {released} JOIN ({_left(parent)}) v
                        ON v._id = r._parent_id AND v._valid_from <= s.stamp AND (v._valid_to IS NULL OR v._valid_to > s.stamp)
                    UNION ALL
                    SELECT r._job, r._pos, r._change_set
                    FROM {released} JOIN ({_left(object_type)}) v ON v._id = r._record AND v._valid_from = s.stamp
                    WHERE r._marked_at IS NOT NULL
                )
                ELSE coalesce(r._record, -1) NOT IN (SELECT _id FROM ({_left(object_type)})) AND (r._job, r._pos) NOT IN (
                    SELECT _job, _pos FROM {tables.parked} UNION ALL SELECT _job, _pos FROM {tables.aside}
                )
            END
        )
        """


def _aside(object_type: ObjectType) -> str:
    return f"""
        w._job IN (
            SELECT u.undone
            FROM store._undos u
            JOIN store._lineage l ON l.job = u.job AND l.type = {literal(object_type.slug)} AND l.action IN ('create', 'update', 'delete')
            JOIN store._change_sets s ON s.id = l.change_set
            WHERE s.stamp < $cut
        )
        """
