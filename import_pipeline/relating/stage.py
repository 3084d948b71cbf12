"""The `related` stage: one delivery's validated rows of one object type to a change set, without writing to the store.

Belongs here: the order of the steps, the change set's id and its stamp. Does not belong here: the rules themselves (match, parents,
pins, groups, compare), what the folder holds (parts), the ledger, dagster.
"""

from datetime import datetime, timedelta
from typing import Any, Protocol

import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating import (
    compare,
    create_only,
    deletion,
    findings,
    gone,
    groups,
    late,
    maps,
    match,
    parents,
    parts,
    pins,
    redemption,
    rows,
    tangled,
    territories,
)
from import_pipeline.relating.after import ChangeSetFiles
from import_pipeline.relating.given import mask_columns
from import_pipeline.relating.work import RelateOrder, TerritoryRules, Work
from import_pipeline.store.names import literal
from import_pipeline.store.schema import type_exists
from import_pipeline.store.session import Session
from import_pipeline.store.staging import StageFolder, StageWriter

__all__ = ["RelateOrder", "is_frozen", "relate_delivery"]


class Ordered(Protocol):
    """What every order of a change set tells: its type and its id."""

    @property
    def object_type(self) -> ObjectType:
        """The type that is related."""

    @property
    def change_set(self) -> str:
        """The id of the change set."""


def is_frozen(session: Session, order: Ordered, out: StageFolder) -> bool:
    """True when the change set in `out` is booked in the store: from its first commit on a retry goes on with it, unchanged.

    Raises PermanentFailure when the store has begun it and `out` does not hold it: nothing can say what is left to do.
    """
    if not type_exists(session, order.object_type):
        return False
    booked = bool(session.one("SELECT count(*) FROM store._change_sets WHERE id = ?", [order.change_set]))
    held = out.exists and out.load_report()["change_set"] == order.change_set
    if booked and not held:
        raise PermanentFailure(f"the change set {order.change_set} is begun in the store, and its staging {out.path} is gone")
    return booked


def relate_delivery(session: Session, order: RelateOrder, validated: StageFolder, out: StageFolder) -> dict[str, Any]:
    """Computes the change set, writes it to `out` and returns its report: `change_set`, `delivery`, `type`, `replay`, `stamp`, `moment`
    (what a replay's rows speak for, else null), `columns` (the keys of the masks, see given.py) and `jobs`, the counts of actions by
    job id (also of jobs of earlier deliveries whose parked rows are released or expired).

    The store is only read; its tables must exist (`prepare_store`). A change set that is booked in the store is returned as it is.
    """
    if is_frozen(session, order, out):
        return out.load_report()
    work = Work(session, order)
    _compute(work, validated)
    with out.writing() as writer:
        report = {
            "change_set": order.change_set,
            "delivery": order.delivery,
            "type": order.object_type.slug,
            "replay": order.replay,
            "stamp": stamp_of(session, order.now).isoformat(),
            "moment": work.one("SELECT stamp FROM first_pass").isoformat() if order.replay else None,
            "columns": mask_columns(order.object_type),
            "jobs": parts.write_parts(work, writer),
            "operation": order.operation,
        }
        if order.operation == "delete":
            report["accounts"] = deletion.write_gone(work, writer)
        if order.territories:
            rows_given = ChangeSetFiles(writer.folder, validated.parts())
            hang(session, order.object_type, order.territories, rows_given, writer)
        writer.report(report)
    return report


def hang(session: Session, object_type: ObjectType, rules: TerritoryRules, change_set: ChangeSetFiles, writer: StageWriter) -> None:
    """The parts of a change set that tell what hangs where in an account with territories (see territories.py)."""
    if object_type.name == rules.object_type.name:
        territories.write_shifts(session, rules.object_type, rules.settings, change_set, writer)
    elif object_type.pin:
        territories.write_places(session, rules.object_type, writer)


def stamp_of(session: Session, now: datetime) -> datetime:
    """The moment of the change set's versions: now, but always after every moment that the store knows."""
    last: datetime | None = session.one("SELECT last_stamp FROM store._lock")
    return max(now, last + timedelta(microseconds=1)) if last else now


def _compute(work: Work, validated: StageFolder) -> None:
    _begin(work)
    if work.order.operation in ("delete", "redeem"):
        findings.make_findings(work)
        (deletion if work.order.operation == "delete" else redemption).compute(work, validated)
        return
    filled = [part for part in validated.parts() if pl.scan_parquet(part).select(pl.len()).collect().item()]
    work.given = rows.make_wide(work.session, work.object_type, filled)
    late.make_released(work)
    if work.size("released"):
        work.given |= {c.key for c in work.object_type.columns}
    rows.make_narrow(work)
    findings.make_findings(work)
    match.match_ids(work)
    gone.refuse_gone(work)
    parents.find_parents(work)
    parents.expire_parked(work)
    match.match_rules(work)
    tangled.untangle(work)
    match.take_hits(work)
    groups.refuse_incomplete(work)
    next_id = int(work.one("SELECT next_id FROM store._lock"))
    created = groups.place_rows(work, next_id)
    if work.order.operation == "append":
        create_only.silence(work)
    work.drop("by_rid", "by_id", "by_rule", "hits", "open_rows", "decided", "in_order")
    late.make_late(work)
    maps.merge(work)
    if groups.find_several(work):
        groups.fold(work)
    pins.make_pins(work, next_id + created)
    compare.compare(work)


def _begin(work: Work) -> None:
    """Table `job_ids(number, id)`; in a replay also `first_pass(stamp)`, the moment that the rows speak for."""
    work.empty("job_ids", "number INTEGER, id VARCHAR")
    if work.order.jobs:
        work.add("job_ids", f"VALUES {', '.join(f'({job.number}, {literal(job.id)})' for job in work.order.jobs)}")
    if work.replay:
        work.make(
            "first_pass",
            "SELECT coalesce(min(coalesce(moment, stamp)), $now) AS stamp FROM store._change_sets WHERE delivery = $delivery",
            {"now": work.order.since or work.order.now, "delivery": work.order.delivery},
        )
