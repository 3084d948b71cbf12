"""Rows of a plan about records that would lie in another territory, though nothing of themselves changes (acceptance B-14).

Belongs here: the records on the pins that a change set of territories moves. Does not belong here: which pins these are
(relating/territories.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.plan import PlanKind
from import_pipeline.model.territory import TERRITORY, TITLE
from import_pipeline.planning.shape import PlanOrder, label_key, row_sql, short_sql, view_part, write_rows
from import_pipeline.store.names import Tables, ident, literal
from import_pipeline.store.session import Session

NOWHERE = "no territory"


@dataclass(frozen=True)
class MovesOrder:
    """The plan of a change set of territories, `plan`, and the types whose records have pins. Files go into `folder`."""

    plan: PlanOrder
    types: Sequence[ObjectType]
    folder: Path


def write_moves(session: Session, order: MovesOrder, kind: PlanKind) -> int:
    """Writes one file of plan rows for each type with records that would move, behind the plan's own; returns how many rows.

    A move belongs to the job that changes the territory it leads to, else the one it leads from. In order of the records' ids.
    """
    if not view_part(session, order.plan.related, "moves") or not view_part(session, order.plan.related, "territories"):
        return 0
    view_part(session, order.plan.related, "changes")
    view_part(session, order.plan.related, "jobs")
    written = 0
    for number, object_type in enumerate(order.types, start=1):
        source = _source(order.plan.object_type, object_type)
        if not session.one(f"SELECT count(*) FROM ({source})"):
            continue
        target = order.folder / f"rows-{number:05d}.parquet"
        of_type = PlanOrder(object_type, None, order.plan.timezone, order.plan.related, target)
        told = {"external_id": "_external_id", "label": "_label", "old": "_old", "new": "_new", "note": "_note"}
        select = row_sql(f"({source})", "move", record="_id", column=literal(TERRITORY), place="_id, job, CAST(NULL AS BIGINT)", **told)
        written += write_rows(session, of_type, kind, [select])
    return written


def _source(territory: ObjectType, object_type: ObjectType) -> str:
    label, nowhere = label_key(object_type), literal(NOWHERE)
    return f"""
        SELECT r._id, r.{ident(object_type.external_id)} AS _external_id, b.{ident(TITLE)} AS _old, a.title AS _new,
            {short_sql(f"CAST(r.{ident(label)} AS VARCHAR)") if label else "NULL"} AS _label,
            coalesce(b.{ident(TITLE)}, {nowhere}) || ' → ' || coalesce(a.title, {nowhere}) AS _note,
            coalesce(t.job, f.job, (SELECT min(id) FROM plan_jobs)) AS job
        FROM plan_moves m
        JOIN {Tables(object_type).current} r ON r._pin_id = m.pin
        LEFT JOIN {Tables(territory).current} b ON b._id = m.before
        LEFT JOIN plan_territories a ON a.id = m.after
        LEFT JOIN plan_changes t ON t.id = m.after
        LEFT JOIN plan_changes f ON f.id = m.before
        WHERE m.before IS DISTINCT FROM m.after
        """
