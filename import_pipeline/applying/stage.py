"""The applied stage: a frozen change set to the store, package by package, each exactly once.

Belongs here: the order of commits, and what one commit holds. Does not belong here: deciding what changes (relating/).

One commit group is one transaction: the lock row first, then the attempt's token and «not applied yet» are checked, then records,
history, lineage, parked rows and the packages' own rows are written together (DESIGN section 9, rule 4). A process that dies leaves
whole groups only; the retry goes on with the same change set.
"""

import secrets
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import polars as pl

from import_pipeline.applying.packages import Package, commit_groups, part_ranges, touching
from import_pipeline.applying.write import Batch, write_batch
from import_pipeline.failures import TransientFailure
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.rows import make_wide
from import_pipeline.store.names import Tables, literal
from import_pipeline.store.session import Session
from import_pipeline.store.staging import LINEAGE, StageFolder

Progress = Callable[[str, int, int], None]
"""Called with a job's id, how many of its packages are applied, and how many there are."""


@dataclass(frozen=True)
class ApplyOrder:
    """What to apply: the change set in `related`, made from `validated`."""

    object_type: ObjectType
    validated: StageFolder
    related: StageFolder
    now: datetime
    park_until: datetime | None


def apply_delivery(session: Session, order: ApplyOrder, progress: Progress | None = None) -> dict[str, Any]:
    """Writes the change set and returns {"change_set", "stamp", "packages": {job: n}, "commits": n}. A second call changes nothing."""
    report = order.related.load_report()
    change_set, stamp = report["change_set"], datetime.fromisoformat(report["stamp"])
    _scratch(session, order.related)
    packages = _packages(session)
    told: dict[str, int] = {}
    for package in packages:
        told[package.job] = told.get(package.job, 0) + 1
    result = {"change_set": change_set, "stamp": report["stamp"], "packages": told, "commits": 0}
    if session.one("SELECT count(*) FROM store._change_sets WHERE id = ? AND finished_at IS NOT NULL", [change_set]):
        return result
    token = secrets.token_hex(8)
    _begin(session, order, report, token, stamp)
    done = {(j, n) for j, n in session.run("SELECT job, package FROM store._packages WHERE change_set = ?", [change_set])}
    ranges, finished = part_ranges(order.validated.parts()), dict.fromkeys(told, 0)
    for group in commit_groups(packages):
        todo = [p for p in group if (p.job, p.number) not in done]
        if todo:
            _commit(session, order, Batch(change_set, stamp, todo, order.now, order.park_until), token, ranges)
            result["commits"] += 1
        for package in group:
            finished[package.job] += 1
        if progress:
            for job in dict.fromkeys(p.job for p in group):
                progress(job, finished[job], told[job])
    _finish(session, order, change_set, token, stamp)
    return result


def _scratch(session: Session, related: StageFolder) -> None:
    """The change set's parts as scratch tables and views."""
    for name in ("outcomes", "changes", "folded", "pins", "parked", "released", "expired"):
        listed = ", ".join(literal(str(p)) for p in related.parts(name))
        kind = "VIEW" if name in ("outcomes", "changes") else "TABLE"
        session.run(f"CREATE OR REPLACE TEMP {kind} set_{name} AS SELECT * FROM read_parquet([{listed}])")


def _packages(session: Session) -> list[Package]:
    found = session.run("SELECT job, package, count(*), min(_seq), max(_seq) FROM set_outcomes GROUP BY job, package ORDER BY min(_seq)")
    return [Package(*row) for row in found]


def _begin(session: Session, order: ApplyOrder, report: dict[str, Any], token: str, stamp: datetime) -> None:
    """Takes the lock for this attempt; on the first attempt books the change set, its ids and its new pins."""
    with session.transaction():
        session.run("UPDATE store._lock SET token = ?", [token])
        if session.one("SELECT count(*) FROM store._change_sets WHERE id = ?", [report["change_set"]]):
            return
        session.run(
            "INSERT INTO store._change_sets VALUES (?, ?, ?, ?, NULL)",
            [report["change_set"], report["delivery"], report["type"], stamp],
        )
        session.run(
            "UPDATE store._lock SET next_id = greatest(next_id, 1 + coalesce((SELECT max(id) FROM set_changes WHERE action = 'create'), 0), "
            "1 + coalesce((SELECT max(_id) FROM set_pins), 0))"
        )
        if order.object_type.pin:
            session.run(
                "INSERT INTO store._pins BY NAME SELECT * EXCLUDE (_seq), CAST(? AS TIMESTAMPTZ) AS _created_at FROM set_pins", [stamp]
            )


def _commit(session: Session, order: ApplyOrder, batch: Batch, token: str, ranges: list[tuple[Any, int, int]]) -> None:
    """One commit group."""
    parts = touching(ranges, batch.first, batch.last)
    present = set(pl.read_parquet_schema(parts[0])) - set(LINEAGE) if parts else set()
    make_wide(session, order.object_type, parts, present)
    with session.transaction():
        _hold(session, token)
        write_batch(session, order.object_type, batch, present)


def _hold(session: Session, token: str) -> None:
    """Writes the lock row, so that two writers conflict, and makes sure that no later attempt has taken over."""
    session.run("UPDATE store._lock SET token = token WHERE token = ?", [token])
    if session.one("SELECT token FROM store._lock") != token:
        raise TransientFailure("another attempt is applying this account's change sets; this one stops")


def _finish(session: Session, order: ApplyOrder, change_set: str, token: str, stamp: datetime) -> None:
    tables = Tables(order.object_type)
    with session.transaction():
        _hold(session, token)
        session.run(
            f"DELETE FROM {tables.parked} USING set_expired e WHERE {tables.parked}._job = e.job AND {tables.parked}._line = e._line"
        )
        session.run("UPDATE store._change_sets SET finished_at = ? WHERE id = ?", [order.now, change_set])
        session.run("UPDATE store._lock SET last_stamp = greatest(coalesce(last_stamp, ?), ?)", [stamp, stamp])


def parked_rows(session: Session, object_type: ObjectType) -> dict[str, int]:
    """How many rows of each job wait for their parent."""
    return dict(session.run(f"SELECT _job, count(*) FROM {Tables(object_type).parked} GROUP BY 1 ORDER BY 1"))
