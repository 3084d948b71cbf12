"""The rows of a plan: their columns, and how SELECTs of them become one Parquet file.

Belongs here: what every plan's rows have in common. Does not belong here: which rows an import (rows.py) or an undo (undo_rows.py)
has, the files that people get (files.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from import_pipeline.exporting.values import text_sql
from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.plan import PlanAction, PlanKind
from import_pipeline.store.names import Tables, data_columns, ident, literal, outward_sql
from import_pipeline.store.overlay import UNBORN
from import_pipeline.store.session import Session
from import_pipeline.store.staging import StageFolder

COLUMNS: dict[str, pl.DataType] = {
    "job": pl.String(),
    "type": pl.String(),
    "line": pl.Int64(),
    "action": pl.String(),
    "record": pl.String(),
    "external_id": pl.String(),
    "label": pl.String(),
    "column": pl.String(),
    "old": pl.String(),
    "new": pl.String(),
    "note": pl.String(),
}
"""One row per changed field (update), per kept field, and per record or waiting row for all other actions. `record` is the outward
id, for new records the one they would get; `label` a short text that people know the record by; `old` and `new` as exports write."""
FACTS = ("type", "stored", "kind")
"""What a plan's file says about itself: the object type, how many records it stores, import or undo."""
AT_THE_END = 1 << 61
"""As `_seq`: behind every row that has a place in the change set."""
LABEL_CHARS = 80
_LABEL_TYPES = ("Text", "Email", "Phone")
# Ids and labels differ from row to row: a dictionary of them would be built for nothing.
_COPY = "FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 122880, DICTIONARY_SIZE_LIMIT 1000, USE_TMP_FILE false"


@dataclass(frozen=True)
class PlanOrder:
    """Which change set is told, and where: `target` is the Parquet file. `parent` is the type above, `timezone` the account's.

    `validated` holds the rows that an import's change set was made from, `parsed` what was read; an undo has neither.
    """

    object_type: ObjectType
    parent: ObjectType | None
    timezone: str
    related: StageFolder
    target: Path
    validated: StageFolder | None = None
    parsed: StageFolder | None = None


def label_key(object_type: ObjectType) -> str | None:
    """The column that people know a record by: the first required text field, else the first text field."""
    texts = [c for c in data_columns(object_type) if c.role == "field" and c.spec.type in _LABEL_TYPES]
    return next((c.key for c in sorted(texts, key=lambda c: not c.spec.required)), None)


def short_sql(text: str) -> str:
    """SQL for `text` of at most LABEL_CHARS characters."""
    # Bytes are counted much faster than characters, and there are never fewer of them.
    fits = f"strlen({text}) <= {LABEL_CHARS} OR length({text}) <= {LABEL_CHARS}"
    return f"CASE WHEN {fits} THEN {text} ELSE left({text}, {LABEL_CHARS - 1}) || '…' END"


def view_part(session: Session, folder: StageFolder, part: str) -> frozenset[str]:
    """The scratch view `plan_<part>` over a part of a change set; returns its columns, none when there is no such part."""
    files = folder.parts(part)
    if not files:
        return frozenset()
    listed = ", ".join(literal(str(file)) for file in files)
    session.run(f"CREATE OR REPLACE TEMP VIEW plan_{part} AS SELECT * FROM read_parquet([{listed}])")
    return frozenset(name for name, *_ in session.run(f"DESCRIBE plan_{part}"))


def row_sql(
    source: str,
    action: PlanAction,
    *,
    record: str,
    external_id: str,
    label: str,
    place: str = "_seq, job, _line",
    rank: str = "0",
    column: str = "NULL",
    old: str = "NULL",
    new: str = "NULL",
    note: str = "NULL",
) -> str:
    """SELECT of plan rows FROM `source`. `place` are its columns for the order, the job and the line; `rank` orders rows of one place.

    All others are SQL too: `record` gives the inner id, the rest text.
    """
    seq, job, line = place.split(", ")
    texts = {"external_id": external_id, "label": label, "column": column, "old": old, "new": new, "note": note}
    listed = ", ".join(f"CAST({sql} AS VARCHAR) AS {ident(name)}" for name, sql in texts.items())
    return f"""
        SELECT CAST({seq} AS BIGINT) AS _seq, CAST({rank} AS BIGINT) AS _rank, CAST({job} AS VARCHAR) AS job,
            CAST({line} AS BIGINT) AS line, {literal(action)} AS action, CAST({record} AS BIGINT) AS _record, {listed}
        FROM {source}
        """


def field_rows(object_type: ObjectType, table: str, columns: Sequence[Column], timezone: str) -> list[str]:
    """SELECTs of the changed fields in `table`: `_o0` … are the old values of `columns`, `_n0` … the new ones, of which null is one.

    The table also has `_seq`, `job`, `_line`, `_id`, `_external_id`, `_label`.
    """
    return [
        row_sql(
            f"{table} WHERE _o{i} IS DISTINCT FROM _n{i}",
            "update",
            record="_id",
            external_id="_external_id",
            label="_label",
            rank=str(object_type.columns.index(column)),
            column=literal(column.key),
            old=text_sql(column, f"_o{i}", timezone),
            new=text_sql(column, f"_n{i}", timezone),
        )
        for i, column in enumerate(columns)
    ]


def parent_rows(order: PlanOrder, table: str, *, lost: str = "false") -> list[str]:
    """SELECT of the changed parent links in `table`, where they are `_op` and `_np`; the note names the parents by external id.

    `lost` is SQL for the rows whose record loses its parent.
    """
    spec, parent = order.object_type.parent, order.parent
    if spec is None or parent is None:
        return []
    named = ident(parent.external_id)
    above = Tables(parent).current
    source = f"""
        (SELECT u._seq, u.job, u._line, u._id, u._external_id, u._label, u._op, u._np, {lost} AS _lost,
            'from the {_quoted(parent.name)} ' || a.{named} AS _from, 'to the {_quoted(parent.name)} ' || b.{named} AS _to
        FROM {table} u
        LEFT JOIN {above} a ON a._id = u._op
        LEFT JOIN {above} b ON b._id = u._np
        WHERE u._op IS DISTINCT FROM u._np)
        """
    return [
        row_sql(
            source,
            "update",
            record="_id",
            external_id="_external_id",
            label="_label",
            rank=str(order.object_type.columns.index(order.object_type.column(spec.column))),
            column=literal(spec.column),
            old=_outward("_op"),
            new=_outward("_np"),
            note="CASE WHEN _lost THEN 'loses its parent' ELSE nullif(concat_ws(' ', _from, _to), '') END",
        )
    ]


def waiting_note(order: PlanOrder, words: str, ref: str) -> str:
    """SQL for «waits for the Account A-17»; `ref` is SQL for the parent's id as the row gives it."""
    above = order.object_type.parent.type if order.object_type.parent else "parent"
    return f"{literal(f'{words} the {above} ')} || {short_sql(ref)}"


def write_rows(session: Session, order: PlanOrder, kind: PlanKind, selects: Sequence[str]) -> int:
    """Writes the rows of all SELECTs to the target, in order; returns how many. The file carries the type and how many it stores."""
    stored = session.one(f"SELECT count(*) FROM {Tables(order.object_type).current}")
    told = f"{{type: {literal(order.object_type.name)}, stored: '{stored}', kind: {literal(kind)}}}"
    texts = {"record": _outward("_record"), "type": literal(order.object_type.name)}
    listed = ", ".join(f"{texts.get(name, ident(name))} AS {ident(name)}" for name in COLUMNS)
    nothing = "(SELECT 0 AS _seq, NULL AS job, NULL AS _line LIMIT 0)"
    rows = " UNION ALL ".join(selects or [row_sql(nothing, "keep", record="NULL", external_id="NULL", label="NULL")])
    order.target.parent.mkdir(parents=True, exist_ok=True)
    copied = session.one(
        f"COPY (SELECT {listed} FROM (FROM ({rows}) ORDER BY _seq, _rank)) TO {literal(str(order.target))} ({_COPY}, KV_METADATA {told})"
    )
    return int(copied or 0)


def append_rows(target: Path, rows: pl.LazyFrame) -> None:
    """Puts `rows` (columns of COLUMNS) behind those that the target holds."""
    before = target.with_name(f".{target.name}.before")
    target.replace(before)
    try:
        facts = {key: value for key, value in pl.read_parquet_metadata(before).items() if key in FACTS}
        pl.concat([pl.scan_parquet(before), rows]).sink_parquet(target, compression="lz4", metadata=facts)
    finally:
        before.unlink()


def _outward(expression: str) -> str:
    known = f"(SELECT tag FROM store._lock) <> {literal(UNBORN)}"
    return f"CASE WHEN {expression} IS NOT NULL AND {known} THEN {outward_sql(expression)} END"


def _quoted(text: str) -> str:
    """`text` inside a quoted SQL string."""
    return literal(text)[1:-1]
