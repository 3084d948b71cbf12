"""What an undo's change set would do, row by row: records to remove, values and records to restore, what stays and why.

Belongs here: reading the change set of an undo as applying would write it. Does not belong here: deciding what is undone (relating/),
the plan of an import (rows.py).
"""

from import_pipeline.model.plan import PlanAction
from import_pipeline.planning.shape import (
    AT_THE_END,
    PlanOrder,
    field_rows,
    label_key,
    parent_rows,
    row_sql,
    short_sql,
    view_part,
    waiting_note,
    write_rows,
)
from import_pipeline.store.names import Tables, data_columns, ident, literal
from import_pipeline.store.session import Session

_REASONS = {
    "edited_since": "'edited since' || coalesce(' by job ' || k.job, '')",
    "taken": "CASE WHEN k.\"column\" IS NULL THEN 'stays removed: ' ELSE '' END || 'another record has its external id'",
    "parent_gone": "'its parent is gone, the link is left empty'",
}
"""Why something stays as it is, as SQL over `k`, a row of the part `kept`. A lost parent is told where the link changes."""


def undo_plan(session: Session, order: PlanOrder) -> int:
    """Writes the plan's rows of an undo for one object type; returns how many. The store is only read; its tables must exist.

    A restored record is a `create`, a restored value an `update`; `keep` names what others changed since, and why it stays.
    """
    for part in ("outcomes", "changes"):
        view_part(session, order.related, part)
    kept = bool(view_part(session, order.related, "kept"))
    actions = {action for (action,) in session.run("SELECT DISTINCT action FROM plan_changes")}
    selects = []
    if "delete" in actions:
        selects.append(_removed(order))
    if actions & {"create", "update"}:
        view_part(session, order.related, "images")
    if "create" in actions:
        selects.append(_restored(order))
    if "update" in actions:
        selects += _changed(session, order, kept=kept)
    if kept:
        selects.append(_kept(order))
    selects += _waiting(session, order)
    written = write_rows(session, order, "undo", selects)
    session.run("DROP TABLE IF EXISTS plan_updates")
    return written


def _label(order: PlanOrder, table: str) -> str:
    key = label_key(order.object_type)
    return short_sql(f"{table}.{ident(key)}") if key else "CAST(NULL AS VARCHAR)"


def _removed(order: PlanOrder) -> str:
    return row_sql(
        f"plan_changes c JOIN {Tables(order.object_type).current} t ON t._id = c.id WHERE c.action = 'delete'",
        "delete",
        place="c._seq, c.job, c._line",
        record="c.id",
        external_id=f"t.{ident(order.object_type.external_id)}",
        label=_label(order, "t"),
    )


def _restored(order: PlanOrder) -> str:
    return row_sql(
        "plan_changes c JOIN plan_images i ON i._seq = c._seq WHERE c.action = 'create'",
        "create",
        place="c._seq, c.job, c._line",
        record="c.id",
        external_id=f"i.{ident(order.object_type.external_id)}",
        label=_label(order, "i"),
    )


def _changed(session: Session, order: PlanOrder, *, kept: bool) -> list[str]:
    """Table `plan_updates`: the values as they are and as they would be; and the SELECTs of the fields that differ."""
    columns = data_columns(order.object_type)
    pairs = "".join(f", t.{ident(c.key)} AS _o{n}, i.{ident(c.key)} AS _n{n}" for n, c in enumerate(columns))
    session.run(
        f"""
        CREATE OR REPLACE TEMP TABLE plan_updates AS
        SELECT c._seq, c.job, c._line, t._id, t.{ident(order.object_type.external_id)} AS _external_id, {_label(order, "t")} AS _label,
            t._parent_id AS _op, i._parent_id AS _np{pairs}
        FROM plan_changes c
        JOIN plan_images i ON i._seq = c._seq
        JOIN {Tables(order.object_type).current} t ON t._id = c.id
        WHERE c.action = 'update'
        """
    )
    lost = "u._id IN (SELECT record FROM plan_kept WHERE reason = 'lost_parent')" if kept else "false"
    return [*field_rows(order.object_type, "plan_updates", columns, order.timezone), *parent_rows(order, "plan_updates", lost=lost)]


def _kept(order: PlanOrder) -> str:
    """What stays as it is. A record that is not there any more is named as it was last."""
    tables, external_id = Tables(order.object_type), ident(order.object_type.external_id)
    named = f"_id, {external_id} AS _external_id, {_label(order, 'v')} AS _label"
    places = [c.key for c in order.object_type.columns]
    rank = f'coalesce(list_position([{", ".join(map(literal, places))}], k."column"), 0) - 1'
    words = " ".join(f"WHEN {literal(reason)} THEN {sql}" for reason, sql in _REASONS.items())
    source = f"""
        (SELECT o._seq, o.job, o._line, k.record, n._external_id, n._label, {rank} AS _rank, k."column",
            CASE k.reason {words} ELSE k.reason END AS _note
        FROM plan_kept k
        JOIN (SELECT record, min(_seq) AS _seq, any_value(job) AS job, any_value(_line) AS _line FROM plan_outcomes GROUP BY record) o
            ON o.record = k.record
        LEFT JOIN (
            SELECT {named} FROM {tables.current} v WHERE _id IN (SELECT record FROM plan_kept)
            UNION ALL
            SELECT {named}
            FROM {tables.history} v
            WHERE _id IN (SELECT record FROM plan_kept) AND _id NOT IN (SELECT _id FROM {tables.current})
            QUALIFY row_number() OVER (PARTITION BY _id ORDER BY _version DESC) = 1
        ) n ON n._id = k.record
        WHERE k.reason <> 'lost_parent')
        """
    return row_sql(
        source,
        "keep",
        record="record",
        external_id="_external_id",
        label="_label",
        rank="_rank",
        column=ident("column"),
        note="_note",
    )


def _waiting(session: Session, order: PlanOrder) -> list[str]:
    """Rows that would wait again for their parent, and rows that wait and would no longer.

    A row that is laid aside, or comes from there, waits for nobody: it is told by what becomes of its record.
    """
    spec = order.object_type.parent
    if spec is None:
        return []
    parts: tuple[tuple[str, PlanAction, str, str], ...] = (
        ("reparked", "park", "target", "waits again for"),
        ("unparked", "unpark", "source", "waits no longer for"),
    )
    return [
        row_sql(
            f"(SELECT {AT_THE_END} AS _seq, * FROM plan_{part} WHERE {side} = 'parked')",
            action,
            record="NULL",
            external_id="NULL",
            label="NULL",
            rank="row_number() OVER (ORDER BY job, _pos)",
            column=literal(spec.column),
            old="ref" if action == "unpark" else "NULL",
            new="ref" if action == "park" else "NULL",
            note=waiting_note(order, words, "ref"),
        )
        for part, action, side, words in parts
        if view_part(session, order.related, part)
    ]
