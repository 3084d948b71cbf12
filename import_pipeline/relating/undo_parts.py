"""The parts of an undo's folder that tell about records: images, outcomes, changes and kept.

Belongs here: writing them out. Does not belong here: what they hold (undo_images.py, undo_values.py), rows that wait (undo_rows.py).
"""

from import_pipeline.relating.rows import SEQ_STEP
from import_pipeline.relating.undo_values import PARENT, weighed_columns
from import_pipeline.relating.undo_work import UndoWork
from import_pipeline.store.names import data_columns, idents, literal
from import_pipeline.store.staging import StageWriter


def write_images(work: UndoWork, writer: StageWriter) -> None:
    """The part `images`."""
    keys = [c.key for c in data_columns(work.object_type)]
    image = f"s._id, s._parent_id, s._pin_id, s._created_at, l.high + 1 AS _version, {idents(keys, 's.')}"
    odd = ""
    if work.size("odd"):
        odd = f"UNION ALL SELECT {_seq(work)} AS _seq, {image} FROM odd s JOIN looked l ON l._id = s._id"
    _copy(
        work,
        writer,
        "images",
        f"""
        SELECT {_seq(work)} AS _seq, {image}
        FROM {work.tables.history} s
        JOIN (SELECT * FROM looked WHERE source IS NOT NULL) l ON l._id = s._id AND l.source = s._version
        {odd}
        ORDER BY 1
        """,
    )


def write_changes(work: UndoWork, writer: StageWriter) -> None:
    """The parts `outcomes`, `changes` and `kept`."""
    order = work.order
    place_sql = f"""
        {_seq(work)} AS _seq, {literal(order.job.id)} AS job, CAST({order.job.number} AS INTEGER) AS _job,
        CAST(NULL AS BIGINT) AS _line, l._pos, l._pos // {order.package_rows} AS package
        """
    _copy(work, writer, "outcomes", f"SELECT {place_sql}, l._id AS record, l.action FROM looked l ORDER BY 1")
    images = f"read_parquet({literal(str(writer.folder / 'images-00000.parquet'))})"
    _copy(
        work,
        writer,
        "changes",
        f"""
        SELECT {place_sql}, l.action, l._id AS id, i._parent_id AS parent_id, i._pin_id AS pin_id, false AS folded
        FROM looked l LEFT JOIN (SELECT _id, _parent_id, _pin_id FROM {images}) i ON i._id = l._id
        WHERE l.action <> 'unchanged'
        ORDER BY 1
        """,
    )
    _copy(work, writer, "kept", f'SELECT record, "column", job, reason FROM ({_kept(work)}) ORDER BY ALL')


def _kept(work: UndoWork) -> str:
    """SELECT of what does not go back, with its reason."""
    none = "CAST(NULL AS VARCHAR)"
    spec = work.object_type.parent
    parent = literal(spec.column) if spec else none
    selects = [f"SELECT _id AS record, {none} AS \"column\", editor AS job, 'edited_since' AS reason FROM verdicts WHERE verdict = 'keep'"]
    selects.append(
        f"SELECT _id, CASE WHEN verdict = 'create' THEN {none} ELSE {literal(work.object_type.external_id)} END, job, 'taken' FROM taken"
    )
    selects.append(
        f"""
        SELECT h._id, {parent}, {none}, CASE WHEN t._parent_id IS NOT DISTINCT FROM h.parent_then THEN 'lost_parent' ELSE 'parent_gone' END
        FROM heads h JOIN lost l ON l._id = h._id LEFT JOIN {work.tables.current} t ON t._id = h._id
        """
    )
    if work.size("weighed"):
        for i, key in enumerate(weighed_columns(work)):
            selects.append(f"SELECT _id, {parent if key == PARENT else literal(key)}, _e{i}, 'edited_since' FROM weighed WHERE _k{i}")
    return " UNION ALL ".join(selects)


def _seq(work: UndoWork) -> str:
    return f"CAST({work.order.job.number} AS BIGINT) * {SEQ_STEP} + l._pos"


def _copy(work: UndoWork, writer: StageWriter, name: str, select: str) -> None:
    writer.rows[name] = work.session.to_parquet(select, writer.folder / f"{name}-00000.parquet")
