"""Rows that wait for their parent, in an undo: which wait again because their parent is lost, and which wait no longer.

Belongs here: parents that go, come back and are called otherwise, rows of the tables `_parked_`, `_released_` and `_aside_`. Does not
belong here: records (undo_events.py), moving the rows (applying/images.py).

  A parent goes, or the external id that a row names it by is taken back: rows that the undone job's delivery took in because of it wait
  again, and what they changed is undone with it.
  A job goes: its rows that still wait are laid aside. It comes back: they wait again.
  An undo goes: rows that it made wait are taken in again, where they still wait, their parent lives and is called what they name, and
  their record lives too.
A row that waits again while its own job is undone is laid aside.

Parts: `job`, `_line`, `_end`, `_pos`, `ref` (the parent that the row names), `source` and `target` (parked, released, aside),
`change_set` (of the release; null where none is meant). `reparked` holds what waits again, `unparked` what waits no longer.
"""

from collections.abc import Sequence
from pathlib import Path

import polars as pl

from import_pipeline.relating.undo_work import UndoWork
from import_pipeline.store.names import Tables, ident, inward_sql, literal
from import_pipeline.store.staging import END, LINE, POS, StageWriter

MOVED: dict[str, pl.DataType] = {
    "job": pl.String(),
    LINE: pl.Int64(),
    END: pl.Int64(),
    POS: pl.Int64(),
    "ref": pl.String(),
    "source": pl.String(),
    "target": pl.String(),
    "change_set": pl.String(),
}


def find_parents(work: UndoWork) -> None:
    """Tables `gone_above(id)` and `back_above(id)`: parents that this undo deletes and brings back, as the parent type's folder says.

    Also `called_above(id, was, becomes)`: of the parents that get a new version and that released rows hang on, the external id before
    and after it.
    """
    above = work.order.above
    for table, action in (("gone_above", "delete"), ("back_above", "create")):
        work.empty(table, "id BIGINT")
        parts = above.parts("changes") if above and work.parents else []
        if parts:
            listed = ", ".join(literal(str(part)) for part in parts)
            work.add(table, f"SELECT id FROM read_parquet([{listed}]) WHERE action = {literal(action)}")
    work.empty("called_above", "id BIGINT, was VARCHAR, becomes VARCHAR")
    parts = above.parts("images") if above and work.parents else []
    if parts and work.one(f"SELECT count(*) FROM {work.tables.released}"):
        _find_called(work, parts)


def _find_called(work: UndoWork, images: Sequence[Path]) -> None:
    """Fills `called_above`. A parent's version before is its current one as long as the parents are only planned, else a superseded one."""
    assert work.order.parent
    parent, ext = Tables(work.order.parent), ident(work.order.parent.external_id)
    listed = ", ".join(literal(str(part)) for part in images)
    asked = f"SELECT _parent_id FROM {work.tables.released}"
    before = " UNION ALL ".join(f"SELECT _id, _version, {ext} FROM {t} WHERE _id IN ({asked})" for t in (parent.current, parent.history))
    work.add(
        "called_above",
        f"""
        SELECT i._id, v.{ext}, i.{ext}
        FROM read_parquet([{listed}]) i JOIN ({before}) v ON v._id = i._id AND v._version = i._version - 1
        """,
    )


def find_rows(work: UndoWork) -> None:
    """Tables `pulled` (released rows that wait again) and `lifted` (rows that the family made wait and that may be taken in again).

    Both hold `job`, `_line`, `_end`, `_pos`, `ref`, `change_set`, `record` and `stamp`, the moment of the release; `lifted` also
    `source`. Also the table `unmade(job, pos, change_set, pulled)`: released rows that do not count because they wait again.
    """
    for table, more in (("pulled", ""), ("lifted", ", source VARCHAR")):
        place = "job VARCHAR, _line BIGINT, _end BIGINT, _pos BIGINT, ref VARCHAR"
        work.empty(table, f"{place}, change_set VARCHAR, record BIGINT, stamp TIMESTAMPTZ{more}")
    work.empty("unmade", "job VARCHAR, pos BIGINT, change_set VARCHAR, pulled BOOLEAN")
    if not work.parents or not work.one(f"SELECT count(*) FROM {work.tables.released}"):
        return
    released, ref = f"FROM {work.tables.released} r JOIN store._change_sets s ON s.id = r._change_set", _ref(work, "r")
    columns = f"r._job, r._line, r._end, r._pos, {ref}, r._change_set, r._record, s.stamp"
    if work.size("gone_above") or work.size("called_above"):
        work.add(
            "pulled",
            f"""
            SELECT {columns} {released}
            WHERE s.delivery = ? AND r._undone_by IS NULL AND (
                r._parent_id IN (SELECT id FROM gone_above)
                OR (r._parent_id, {ref}) IN (SELECT id, was FROM called_above WHERE was IS NOT NULL AND was IS DISTINCT FROM becomes)
            )
            """,
            [work.root_delivery],
        )
    work.add(
        "lifted",
        f"""
        SELECT {columns}, w.source {released}
        JOIN (
            SELECT _job, _pos, 'parked' AS source FROM {work.tables.parked}
            UNION ALL
            SELECT _job, _pos, 'aside' FROM {work.tables.aside}
        ) w ON w._job = r._job AND w._pos = r._pos
        WHERE r._undone_by IN (SELECT id FROM family) AND {"false" if work.off else f"{work.lives('r._parent_id')} AND {_found(work)}"}
        """,
    )
    work.add(
        "unmade",
        f"""
        SELECT job, _pos, change_set, true FROM pulled
        UNION ALL
        SELECT r._job, r._pos, r._change_set, false {released}
        WHERE r._undone_by IS NOT NULL AND (r._job, r._pos, r._change_set) NOT IN (SELECT job, _pos, change_set FROM lifted)
        """,
    )


def _found(work: UndoWork) -> str:
    """SQL condition: the row `r` names its parent by its record id, or by the external id that the parent has after this undo."""
    assert work.order.parent
    ref, ext = _ref(work, "r"), ident(work.order.parent.external_id)
    asked = f"SELECT _parent_id FROM {work.tables.released} WHERE _undone_by IN (SELECT id FROM family)"
    called = f"""
        SELECT id, becomes FROM called_above WHERE becomes IS NOT NULL
        UNION ALL
        SELECT _id, {ext}
        FROM {work.parents}
        WHERE {ext} IS NOT NULL AND _id IN ({asked}) AND _id NOT IN (SELECT id FROM called_above)
        """
    return f"(coalesce({inward_sql(ref)} = r._parent_id, false) OR (r._parent_id, {ref}) IN ({called}))"


def keep_waiting(work: UndoWork, living: str) -> None:
    """Takes out of `lifted` the rows whose record does not live after the undo; `living` is SQL for the ids of those that do."""
    if work.size("lifted"):
        left = f"SELECT * FROM lifted WHERE record IS NULL OR record IN ({living})"
        work.make("lifted_rows", left)
        work.make("lifted", "SELECT * FROM lifted_rows")


def write_rows(work: UndoWork, writer: StageWriter) -> None:
    """The parts `reparked` and `unparked`."""
    again, no_longer = [], []
    if work.size("pulled"):
        target = "CASE WHEN job IN (SELECT id FROM undone_jobs) THEN 'aside' ELSE 'parked' END"
        again.append(f"SELECT job, _line, _end, _pos, ref, 'released' AS source, {target} AS target, change_set FROM pulled")
    if work.size("lifted"):
        no_longer.append("SELECT job, _line, _end, _pos, ref, source, 'released' AS target, change_set FROM lifted")
    if work.object_type.parent:
        source, target = ("parked", "aside") if work.off else ("aside", "parked")
        taken = "AND (p._job, p._pos) NOT IN (SELECT job, _pos FROM lifted)" if work.size("lifted") else ""
        moved = f"""
            SELECT p._job AS job, p._line, p._end, p._pos, {_ref(work, "p")} AS ref, {literal(source)} AS source,
                {literal(target)} AS target, CAST(NULL AS VARCHAR) AS change_set
            FROM {getattr(work.tables, source)} p
            WHERE p._job = {literal(work.root)} {taken}
            """
        (no_longer if work.off else again).append(moved)
    _write(work, writer, "reparked", again)
    _write(work, writer, "unparked", no_longer)


def _write(work: UndoWork, writer: StageWriter, name: str, selects: list[str]) -> None:
    if selects and work.make("moved_rows", " UNION ALL ".join(selects)):
        ordered = f"SELECT {', '.join(MOVED)} FROM moved_rows ORDER BY job, _pos, change_set"
        writer.rows[name] = work.session.to_parquet(ordered, writer.folder / f"{name}-00000.parquet")
    else:
        writer.part(name, pl.DataFrame(schema=MOVED))


def _ref(work: UndoWork, row: str) -> str:
    """SQL for the parent that a row names, as text."""
    spec = work.object_type.parent
    return f"CAST({row}.{ident(spec.column)} AS VARCHAR)" if spec else "CAST(NULL AS VARCHAR)"
