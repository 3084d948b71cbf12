"""The `related` stage: one delivery's validated rows of one object type to a change set, without writing to the store.

Belongs here: the order of the steps, the change set's id and its stamp. Does not belong here: the rules themselves (match, parents,
pins, groups, compare), what the folder holds (parts), the ledger, dagster.
"""

from datetime import datetime, timedelta
from typing import Any

import polars as pl

from import_pipeline.relating import compare, findings, groups, late, match, parents, parts, pins, rows, tangled
from import_pipeline.relating.work import RelateOrder, Work
from import_pipeline.store.names import literal
from import_pipeline.store.schema import type_exists
from import_pipeline.store.session import Session
from import_pipeline.store.staging import StageFolder

__all__ = ["RelateOrder", "change_set_id", "is_frozen", "relate_delivery"]


def change_set_id(session: Session, order: RelateOrder) -> tuple[str, bool]:
    """The id of this delivery's next change set and whether it is a replay: ids count the finished ones, so a retry gets the same."""
    slug = order.object_type.slug
    done = session.one(
        "SELECT count(*) FROM store._change_sets WHERE delivery = ? AND type = ? AND finished_at IS NOT NULL", [order.delivery, slug]
    )
    return f"{order.delivery}:{slug}:{int(done) + 1}", int(done) > 0


def is_frozen(session: Session, order: RelateOrder, out: StageFolder) -> bool:
    """True when packages of the change set in `out` are applied and others are not: then a retry goes on with it, unchanged."""
    if not out.exists or not type_exists(session, order.object_type):
        return False
    known = out.load_report()["change_set"]
    return bool(session.one("SELECT count(*) FROM store._change_sets WHERE id = ? AND finished_at IS NULL", [known]))


def relate_delivery(session: Session, order: RelateOrder, validated: StageFolder, out: StageFolder) -> dict[str, Any]:
    """Computes the change set, writes it to `out` and returns its report: `change_set`, `delivery`, `type`, `replay`, `stamp` and
    `jobs`, the counts of actions by job id (also of jobs of earlier deliveries whose parked rows are released or expired).

    The store is only read; its tables must exist (`prepare_store`). A change set that is applied in part is returned as it is.
    """
    if is_frozen(session, order, out):
        return out.load_report()
    change_set, replay = change_set_id(session, order)
    work = Work(session, order, replay)
    _compute(work, validated)
    with out.writing() as writer:
        report = {
            "change_set": change_set,
            "delivery": order.delivery,
            "type": order.object_type.slug,
            "replay": replay,
            "stamp": _stamp(session, order).isoformat(),
            "jobs": parts.write_parts(work, writer),
        }
        writer.report(report)
    return report


def _stamp(session: Session, order: RelateOrder) -> datetime:
    """The moment of the change set's versions: now, but always after every moment that the store knows."""
    last: datetime | None = session.one("SELECT last_stamp FROM store._lock")
    return max(order.now, last + timedelta(microseconds=1)) if last else order.now


def _compute(work: Work, validated: StageFolder) -> None:
    _begin(work)
    filled = [part for part in validated.parts() if pl.scan_parquet(part).select(pl.len()).collect().item()]
    work.given = rows.make_wide(work.session, work.object_type, filled)
    late.make_released(work)
    if work.size("released"):
        work.given |= {c.key for c in work.object_type.columns}
    rows.make_narrow(work)
    findings.make_findings(work)
    match.match_ids(work)
    parents.find_parents(work)
    parents.expire_parked(work)
    match.match_rules(work)
    tangled.untangle(work)
    match.take_hits(work)
    groups.refuse_incomplete(work)
    next_id = int(work.one("SELECT next_id FROM store._lock"))
    created = groups.place_rows(work, next_id)
    late.make_late(work)
    if groups.find_several(work):
        groups.fold(work)
    pins.make_pins(work, next_id + created)
    compare.compare(work)


def _begin(work: Work) -> None:
    """Table `job_ids(number, id)`; in a replay also `earlier_runs(stamp)`."""
    work.empty("job_ids", "number INTEGER, id VARCHAR")
    if work.order.jobs:
        work.add("job_ids", f"VALUES {', '.join(f'({job.number}, {literal(job.id)})' for job in work.order.jobs)}")
    if work.replay:
        work.make(
            "earlier_runs",
            "SELECT stamp FROM store._change_sets WHERE delivery = ? AND type = ? AND finished_at IS NOT NULL",
            [work.order.delivery, work.object_type.slug],
        )
