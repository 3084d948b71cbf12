"""What one commit group of an undo writes: records that go, come back or go back, and with the first one the rows that wait.

Belongs here: the statements of one commit of an undo's change set. Does not belong here: transactions and retries (stage.py),
imports (write.py), deciding what goes back (relating/undo.py).

The new versions come whole from the part `images`; an import's come from its rows. A deleted record's last version goes to history
with the moment and the job that ended it, as every superseded one does; there it has no follower that begins at that moment.
"""

from collections.abc import Collection
from datetime import datetime
from typing import Any

from import_pipeline.applying.write import Batch, book_group
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, data_columns, given_columns, ident, idents
from import_pipeline.store.records import hash_sql
from import_pipeline.store.schema import ASIDE_COLUMNS, PARKED_COLUMNS, RECORD_COLUMNS
from import_pipeline.store.session import Session


def write_images(session: Session, object_type: ObjectType, batch: Batch) -> None:
    """Writes the group inside the caller's transaction."""
    actions = dict(session.run(f"SELECT action, count(*) FROM set_changes WHERE _seq {batch.span} GROUP BY 1"))
    if actions.get("delete"):
        _delete(session, object_type, batch)
    if actions.get("update"):
        _update(session, object_type, batch)
    if actions.get("create"):
        _bring_back(session, object_type, batch)
    book_group(session, object_type, batch)


def _kept(object_type: ObjectType) -> list[str]:
    return [*RECORD_COLUMNS, *(c.key for c in data_columns(object_type))]


def _delete(session: Session, object_type: ObjectType, batch: Batch) -> None:
    tables, kept = Tables(object_type), _kept(object_type)
    gone = f"SELECT id, job FROM set_changes WHERE action = 'delete' AND _seq {batch.span}"
    if object_type.pin:
        session.run(
            f"""
            CREATE OR REPLACE TEMP TABLE left_pins AS
            SELECT DISTINCT _pin_id FROM {tables.current}
            WHERE _pin_id IS NOT NULL AND _id IN (SELECT id FROM ({gone}))
            """
        )
    session.run(
        f"""
        INSERT INTO {tables.history} ({idents(kept)}, _valid_to, _ended_by)
        SELECT {idents(kept, "t.")}, $stamp, g.job
        FROM {tables.current} t JOIN ({gone}) g ON g.id = t._id
        """,
        {"stamp": batch.stamp},
    )
    session.run(f"DELETE FROM {tables.current} WHERE _id IN (SELECT id FROM ({gone}))")
    if object_type.pin:
        _end_pins(session, batch)


def _end_pins(session: Session, batch: Batch) -> None:
    """Ends the pins of the group's deleted records that no living record of any type hangs on."""
    found = "SELECT table_name FROM duckdb_columns() WHERE database_name = 'store' AND column_name = '_pin_id' ORDER BY 1"
    # The tables of types have names that begin with a letter; histories have `_pin_id` too.
    living = [f"SELECT _pin_id FROM store.{ident(name)}" for (name,) in session.run(found) if not name.startswith("_")]
    session.run(
        f"""
        UPDATE store._pins SET _valid_to = $stamp
        WHERE _valid_to IS NULL AND _id IN (
            SELECT _pin_id FROM left_pins
            WHERE _pin_id NOT IN (SELECT _pin_id FROM ({" UNION ALL ".join(living)}) WHERE _pin_id IS NOT NULL)
        )
        """,
        {"stamp": batch.stamp},
    )
    session.run("DROP TABLE left_pins")


def _bring_back(session: Session, object_type: ObjectType, batch: Batch) -> None:
    keys = [c.key for c in data_columns(object_type)]
    back = f"SELECT _seq, job, pin_id FROM set_changes WHERE action = 'create' AND _seq {batch.span}"
    session.run(
        f"""
        INSERT INTO {Tables(object_type).current} ({idents([*RECORD_COLUMNS, *keys])})
        SELECT i._id, i._parent_id, i._pin_id, {hash_sql([f"i.{ident(k)}" for k in keys], "i._parent_id")}, i._version, i._created_at,
            $stamp, c.job, CAST(NULL AS BIGINT), {idents(keys, "i.")}
        FROM set_images i JOIN ({back}) c ON c._seq = i._seq
        WHERE i._seq {batch.span}
        """,
        {"stamp": batch.stamp},
    )
    if object_type.pin:
        session.run(f"UPDATE store._pins SET _valid_to = NULL WHERE _valid_to IS NOT NULL AND _id IN (SELECT pin_id FROM ({back}))")


def _update(session: Session, object_type: ObjectType, batch: Batch) -> None:
    """Old versions to history, then the images over the current ones. Only columns in which a value differs are written."""
    tables, kept = Tables(object_type), _kept(object_type)
    keys = ["_parent_id", *(c.key for c in data_columns(object_type))]
    new = {ident(k): ident(f"_n{i}") for i, k in enumerate(keys)}
    digest = hash_sql([f"i.{ident(k)}" for k in keys[1:]], "i._parent_id")
    session.run(
        f"""
        CREATE OR REPLACE TEMP TABLE updates AS
        SELECT {idents(kept, "t.")}, c.job AS _new_job, {digest} AS _new_hash{"".join(f", i.{k} AS {v}" for k, v in new.items())}
        FROM {tables.current} t
        JOIN set_images i ON i._id = t._id AND i._seq {batch.span}
        JOIN set_changes c ON c._seq = i._seq AND c.action = 'update' AND c._seq {batch.span}
        """
    )
    session.run(
        f"""
        INSERT INTO {tables.history} ({idents(kept)}, _valid_to, _ended_by)
        SELECT {idents(kept)}, $stamp, _new_job FROM updates
        """,
        {"stamp": batch.stamp},
    )
    (differs,) = session.run(f"SELECT {', '.join(f'bool_or({v} IS DISTINCT FROM {k})' for k, v in new.items())} FROM updates")
    written = {k: f"u.{v}" for (k, v), different in zip(new.items(), differs, strict=True) if different}
    written |= {"_hash": "u._new_hash", "_job": "u._new_job", "_line": "CAST(NULL AS BIGINT)", "_version": "t._version + 1"}
    session.run(
        f"""
        UPDATE {tables.current} AS t
        SET {", ".join(f"{column} = {value}" for column, value in written.items())}, _valid_from = $stamp
        FROM updates u
        WHERE t._id = u._id
        """,
        {"stamp": batch.stamp},
    )
    session.run("DROP TABLE updates")


def book_undo(session: Session, object_type: ObjectType, report: dict[str, Any], made: Collection[str], stamp: datetime) -> None:
    """With the change set's first commit: the undo itself, once for all its types, and all rows that wait again or no longer."""
    told = {"job": report["undo_job"], "undone": report["undo"], "delivery": report["undo_delivery"], "stamp": stamp}
    session.run(
        "INSERT INTO store._undos SELECT $job, $undone, $delivery, $stamp WHERE $job NOT IN (SELECT job FROM store._undos)",
        told,
    )
    undo = {"undo": report["undo_job"], "stamp": stamp}
    if "reparked" in made:
        _move(session, object_type, "set_reparked", undo)
        _mark(session, object_type, "set_reparked", "source", undo)
    if "unparked" in made:
        _move(session, object_type, "set_unparked", undo)
        _mark(session, object_type, "set_unparked", "target", undo)


def _move(session: Session, object_type: ObjectType, part: str, undo: dict[str, Any]) -> None:
    """Copies rows to where they are from now on, and takes them out where they waited. Released rows stay told as such."""
    tables = Tables(object_type)
    places = {"parked": tables.parked, "aside": tables.aside, "released": tables.released}
    names = [*PARKED_COLUMNS, *given_columns(object_type)]
    for source, target in session.run(f"SELECT DISTINCT source, target FROM {part} ORDER BY ALL"):
        which = "r.job = p._job AND r._pos = p._pos" + (" AND r.change_set = p._change_set" if source == "released" else "")
        moved = f"FROM {places[source]} p JOIN (SELECT * FROM {part} WHERE source = $source AND target = $target) r ON {which}"
        if target != "released":
            more = "".join(f", {name}" for name in ASIDE_COLUMNS) if target == "aside" else ""
            value, bound = (", $undo", {"undo": undo["undo"]}) if more else ("", {})
            session.run(
                f"INSERT INTO {places[target]} ({idents(names)}{more}) SELECT {idents(names, 'p.')}{value} {moved}",
                {"source": source, "target": target, **bound},
            )
        if source != "released":
            session.run(
                f"DELETE FROM {places[source]} WHERE (_job, _pos) IN (SELECT job, _pos FROM {part} WHERE source = ? AND target = ?)",
                [source, target],
            )


def _mark(session: Session, object_type: ObjectType, part: str, side: str, undo: dict[str, Any]) -> None:
    """Tells released rows that the undo took their effect back (`side` is source), or gave it back (target)."""
    value, bound = ("$undo", undo) if side == "source" else ("NULL", {"stamp": undo["stamp"]})
    session.run(
        f"""
        UPDATE {Tables(object_type).released} AS r SET _undone_by = {value}, _marked_at = $stamp
        FROM (SELECT job, _pos, change_set FROM {part} WHERE {side} = 'released') m
        WHERE m.job = r._job AND m._pos = r._pos AND m.change_set = r._change_set
        """,
        bound,
    )
