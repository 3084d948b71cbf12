"""The `related` stage: one delivery's validated rows of one object type to a change set, without writing to the store.

Belongs here: the order of the steps and what the stage writes. Does not belong here: the rules themselves (match, place, groups,
compare), the ledger, dagster.

Writes into its staging folder: `outcomes` (one row per input row), `changes` (one per record that changes), `folded` (wide values of
changes that several rows make), `pins` (new ones), `parked` (wide rows that wait), `released` (parked rows that wait no longer),
`jobs` (job number to id), `errors`, and report.json with the change set's id, stamp and counts per job.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.job import PACKAGE_ROWS, Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating import compare, findings, groups, match, place, rows
from import_pipeline.store.names import ident, literal
from import_pipeline.store.schema import type_exists
from import_pipeline.store.session import Session
from import_pipeline.store.staging import LINEAGE, StageFolder, StageWriter

import polars as pl  # isort: skip


@dataclass(frozen=True)
class RelateOrder:
    """What to relate: the delivery's jobs of one object type, and how.

    `pass_number` is 1 for a delivery on its way to its first answer, retries included, and one more for each replay after an answer.
    """

    delivery: str
    object_type: ObjectType
    parent: ObjectType | None
    jobs: Sequence[Job]
    now: datetime
    strict: bool = False
    pass_number: int = 1

    @property
    def change_set(self) -> str:
        """The id of the change set: a retry gets the same, a replay another."""
        return f"{self.delivery}:{self.object_type.slug}:{self.pass_number}"


def is_frozen(session: Session, order: RelateOrder, out: StageFolder) -> bool:
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
    """Computes the change set and returns its report. The store is only read; its tables must exist (`prepare_store`)."""
    if is_frozen(session, order, out):
        return out.load_report()
    replay = order.pass_number > 1
    last = session.one("SELECT last_stamp FROM store._lock")
    stamp = max(order.now, last + timedelta(microseconds=1)) if last else order.now
    _compute(session, order, validated, fresh=not replay)
    with out.writing() as writer:
        counts = _write(session, order, writer)
        report = {
            "change_set": order.change_set,
            "delivery": order.delivery,
            "type": order.object_type.slug,
            "replay": replay,
            "stamp": stamp.isoformat(),
            "jobs": counts,
        }
        writer.report(report)
    return report


def _compute(session: Session, order: RelateOrder, validated: StageFolder, *, fresh: bool) -> None:
    object_type, parent = order.object_type, order.parent
    parts = [p for p in validated.parts() if pl.scan_parquet(p).select(pl.len()).collect().item()]
    present = set(pl.read_parquet_schema(parts[0])) - set(LINEAGE) if parts else set()
    session.run("CREATE OR REPLACE TEMP TABLE job_ids(number INTEGER, id VARCHAR)")
    if order.jobs:
        session.run(f"INSERT INTO job_ids VALUES {', '.join(f'({j.number}, {literal(j.id)})' for j in order.jobs)}")
    rows.make_wide(session, object_type, parts, present)
    rows.make_released(session, object_type, parent)
    session.run("INSERT INTO job_ids SELECT number, id FROM released_jobs")
    rows.make_narrow(session, object_type, fresh=fresh)
    findings.make_findings(session)
    match.match_ids(session, object_type)
    place.find_parents(session, object_type, parent, strict=order.strict)
    place.expire_parked(session, object_type, order.now)
    match.match_rules(session, object_type)
    groups.make_groups(session, object_type)
    next_id = int(session.one("SELECT next_id FROM store._lock") or 1)
    created = groups.give_ids(session, next_id)
    groups.fold(session, object_type)
    place.make_pins(session, object_type, next_id + created)
    compare.compare(session, object_type)
    compare.judge_rows(session, object_type)


def _write(session: Session, order: RelateOrder, writer: StageWriter) -> dict[str, dict[str, int]]:
    """Writes all parts and returns the counts per job id: created, updated, unchanged, parked, refused (by this stage), expired."""
    package = f"n._pos // {PACKAGE_ROWS} AS package"
    line = "j.id AS job, n._job, n._line, n._end, n._pos"
    _copy(
        session,
        writer,
        "outcomes",
        f"SELECT n._seq, {line}, {package}, o.id AS record, coalesce(o.action, s.action) AS action FROM narrow n "
        "JOIN job_ids j ON j.number = n._job LEFT JOIN outcomes o ON o._seq = n._seq LEFT JOIN settled s ON s._seq = n._seq ORDER BY n._seq",
    )
    ref = ident(order.object_type.parent.column) if order.object_type.parent else "NULL"
    parent_ref = f"coalesce(f.{ident(order.object_type.parent.column)}, n.parent_ref)" if order.object_type.parent else "NULL"
    _copy(
        session,
        writer,
        "changes",
        f"SELECT c._seq, {line}, {package}, c.action, c.id, p.id AS parent_id, c.pin_id, c.folded FROM changes c JOIN narrow n ON n._seq = c._seq "
        f"JOIN job_ids j ON j.number = n._job LEFT JOIN folded f ON f.gkey = c.gkey LEFT JOIN parents p ON p.ref = {parent_ref} ORDER BY c._seq",
    )
    _copy(
        session,
        writer,
        "folded",
        "SELECT c._seq, f.* EXCLUDE (gkey) FROM folded f JOIN changes c ON c.gkey = f.gkey AND c.folded ORDER BY c._seq",
    )
    _copy(
        session,
        writer,
        "pins",
        place.pin_rows_sql("j.id", "s._line") + " ORDER BY p._id" if order.object_type.pin else "SELECT 1 AS _id WHERE false",
    )
    _copy(
        session,
        writer,
        "parked",
        f"SELECT j.id AS job, {package.replace('n.', 'w.')}, w.* FROM wide w JOIN settled s ON s._seq = w._seq AND s.action = 'park' "
        "JOIN job_ids j ON j.number = w._job ORDER BY w._seq",
    )
    _copy(
        session,
        writer,
        "released",
        "SELECT j.id AS job, r._line, r._seq FROM released r JOIN released_jobs j ON j.number = r._job "
        "WHERE NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = r._seq AND s.action = 'park') ORDER BY r._seq",
    )
    _copy(session, writer, "expired", f"SELECT _job AS job, _line, _end, CAST({ref} AS VARCHAR) AS ref FROM expired ORDER BY _job, _line")
    _copy(session, writer, "jobs", "SELECT number, id FROM job_ids ORDER BY number")
    _copy(
        session,
        writer,
        "errors",
        'SELECT n._job, n._line, n._end, p.code, p.severity, p."column", p.value, p.expected, p.suggestion, j.id AS job FROM problems p '
        'JOIN narrow n ON n._seq = p._seq JOIN job_ids j ON j.number = n._job ORDER BY n._job, n._line, p.code, p."column"',
    )
    counted = session.rows(
        "SELECT j.id AS job, coalesce(o.action, s.action) AS action, count(*) AS n FROM narrow n JOIN job_ids j ON j.number = n._job "
        "LEFT JOIN outcomes o ON o._seq = n._seq LEFT JOIN settled s ON s._seq = n._seq GROUP BY ALL ORDER BY ALL"
    )
    counts: dict[str, dict[str, int]] = {j.id: {} for j in order.jobs}
    for row in counted:
        counts.setdefault(row["job"], {})[row["action"]] = row["n"]
    for row in session.rows("SELECT _job AS job, count(*) AS n FROM expired GROUP BY 1 ORDER BY 1"):
        counts.setdefault(row["job"], {})["expired"] = row["n"]
    return counts


def _copy(session: Session, writer: StageWriter, name: str, sql: str) -> None:
    path: Path = writer.folder / f"{name}-00000.parquet"
    writer.rows[name] = session.to_parquet(sql, path)
