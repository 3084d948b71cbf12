"""The applied stage: a frozen change set to the store, package by package, each exactly once.

Belongs here: the order of commits, and who may commit. Does not belong here: what one commit writes (write.py), deciding what changes
(relating/).

One commit group is one transaction: the lock row first, with the attempt's token, then records, history, lineage, parked rows and
the packages' own rows are written together (DESIGN section 9, rule 4). The first one also books the change set, which freezes it; the
last one finishes it. A process that dies leaves whole groups only; the retry goes on with the same change set.
"""

import json
import secrets
from collections import Counter
from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from import_pipeline.applying.hanging import book_places, hang
from import_pipeline.applying.images import book_undo, write_images
from import_pipeline.applying.packages import GROUP_WEIGHT, OTHER_WEIGHT, WEIGHTS, Package, commit_groups, part_ranges, touching
from import_pipeline.applying.write import Batch, write_batch
from import_pipeline.failures import TransientFailure
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.rows import make_wide
from import_pipeline.store.names import Tables, literal
from import_pipeline.store.resubmitted import book_links
from import_pipeline.store.session import Session
from import_pipeline.store.staging import StageFolder

Progress = Callable[[str, int, int], None]
"""Called with a job's id, how many of its packages are applied, and how many there are."""
ALWAYS = ("outcomes", "changes", "expired")
OPTIONAL = ("folded", "pins", "parked", "released", "images", "reparked", "unparked", "tree", "moves", "placed", "gone")
"""Parts of a change set that exist only when they hold something (see relating/parts.py), or only in an undo (relating/undo.py)."""


@dataclass(frozen=True)
class Links:
    """Rows of the delivery that were sent again: the parts `links` of the parsed stage, and the jobs that links may name."""

    parts: Sequence[Path] = ()
    known: frozenset[str] = frozenset()


@dataclass(frozen=True)
class ApplyOrder:
    """What to apply: the change set in `related`, made from `validated`, which an undo does not have. `group_weight` bounds a commit
    (see packages.py)."""

    object_type: ObjectType
    validated: StageFolder
    related: StageFolder
    now: datetime
    park_until: datetime | None
    group_weight: float = GROUP_WEIGHT
    links: Links = Links()


def apply_delivery(session: Session, order: ApplyOrder, progress: Progress | None = None) -> dict[str, Any]:
    """Writes the change set and returns {"change_set", "stamp", "packages": {job: n}, "commits": n}. A second call changes nothing.

    Raises TransientFailure when another attempt has taken over meanwhile.
    """
    report = order.related.load_report()
    change_set, stamp, undo = report["change_set"], _stamp(session, order, report), "undo" in report
    made = _scratch(session, order.related)
    # An undo and a deletion write no values of rows.
    bare = undo or report.get("operation") == "delete"
    packages = _packages(session)
    told = dict(Counter(p.job for p in packages))
    result = {"change_set": change_set, "stamp": stamp.isoformat(), "packages": told, "commits": 0}
    if session.one("SELECT count(*) FROM store._change_sets WHERE id = ? AND finished_at IS NOT NULL", [change_set]):
        return result
    done = {(j, n) for j, n in session.run("SELECT job, package FROM store._packages WHERE change_set = ?", [change_set])}
    groups = list(commit_groups([p for p in packages if (p.job, p.number) not in done], order.group_weight)) or [[]]
    finished = Counter(p.job for p in packages if (p.job, p.number) in done)
    ranges, token = [] if bare else part_ranges(order.validated.parts()), secrets.token_hex(8)
    for number, group in enumerate(groups):
        parts = touching(ranges, group[0].first, group[-1].last) if group else []
        present = frozenset() if bare else make_wide(session, order.object_type, parts)
        with session.transaction():
            if number == 0:
                _take(session, token)
                _book(session, order, report, made, {p.job for p in packages if p.number >= 0}, stamp)
            else:
                _hold(session, token)
            batch = Batch(change_set, stamp, group, order.now, order.park_until)
            if group and bare:
                write_images(session, order.object_type, batch)
            elif group:
                write_batch(session, order.object_type, batch, made, present)
            if number == len(groups) - 1:
                _finish(session, order, report, stamp)
                hang(session, change_set, stamp, made)
        result["commits"] += 1
        finished.update(p.job for p in group)
        if progress:
            for job in dict.fromkeys(p.job for p in group):
                progress(job, finished[job], told[job])
    return result


def _stamp(session: Session, order: ApplyOrder, report: dict[str, Any]) -> datetime:
    """The moment of the versions: that of the booking, which a retry keeps.

    Never the earlier one of relating: between the two, an export of a window that is over by now may have been written.
    """
    booked: datetime | None = session.one("SELECT stamp FROM store._change_sets WHERE id = ?", [report["change_set"]])
    if booked:
        return booked
    last: datetime | None = session.one("SELECT last_stamp FROM store._lock")
    earliest = [datetime.fromisoformat(report["stamp"]), order.now]
    return max([*earliest, last + timedelta(microseconds=1)] if last else earliest)


def _scratch(session: Session, related: StageFolder) -> frozenset[str]:
    """The change set's parts as scratch views `set_<part>`; returns the names of those that there are."""
    made = set()
    for name in (*ALWAYS, *OPTIONAL):
        parts = related.parts(name)
        if parts:
            listed = ", ".join(literal(str(part)) for part in parts)
            session.run(f"CREATE OR REPLACE TEMP VIEW set_{name} AS SELECT * FROM read_parquet([{listed}])")
            made.add(name)
    return frozenset(made)


def _packages(session: Session) -> list[Package]:
    weights = " ".join(f"WHEN {literal(action)} THEN {weight}" for action, weight in WEIGHTS.items())
    found = session.run(
        f"""
        SELECT job, package, count(*), min(_seq), max(_seq), CAST(sum(CASE action {weights} ELSE {OTHER_WEIGHT} END) AS DOUBLE)
        FROM set_outcomes
        GROUP BY job, package
        ORDER BY min(_seq)
        """
    )
    return [Package(*row) for row in found]


def _take(session: Session, token: str) -> None:
    """Takes the lock for this attempt; one that ran before it can commit no more."""
    session.run("UPDATE store._lock SET token = ?", [token])


def _hold(session: Session, token: str) -> None:
    """Writes the lock row, so that two writers conflict, and makes sure that no later attempt has taken over."""
    session.run("UPDATE store._lock SET token = token WHERE token = ?", [token])
    if session.one("SELECT token FROM store._lock") != token:
        raise TransientFailure("another attempt is applying this account's change sets; this one stops")


def _book(
    session: Session, order: ApplyOrder, report: dict[str, Any], made: frozenset[str], brought: Collection[str], stamp: datetime
) -> None:
    """With the first commit books the change set, its ids, its new pins and what a deletion says, or the undo and the rows that it makes
    wait; a replay takes out the parked rows of the jobs it brings."""
    change_set = report["change_set"]
    if session.one("SELECT count(*) FROM store._change_sets WHERE id = ?", [change_set]):
        return
    session.run(
        'INSERT INTO store._change_sets (id, delivery, type, stamp, moment, "columns") VALUES (?, ?, ?, ?, ?, ?)',
        [change_set, report["delivery"], report["type"], stamp, report.get("moment"), json.dumps(report.get("columns", []))],
    )
    pins = "UNION ALL SELECT max(_id) FROM set_pins" if "pins" in made else ""
    session.run(
        f"""
        UPDATE store._lock
        SET next_id = greatest(next_id, (
            SELECT 1 + coalesce(max(id), 0)
            FROM (SELECT max(id) AS id FROM set_changes WHERE action = 'create' {pins})
        ))
        """
    )
    if "pins" in made:
        session.run(
            "INSERT INTO store._pins BY NAME SELECT * EXCLUDE (_seq), CAST(? AS TIMESTAMPTZ) AS _created_at FROM set_pins ORDER BY _id",
            [stamp],
        )
    if "placed" in made:
        book_places(session, change_set, stamp)
    if report["replay"] and order.object_type.parent:
        # The last judgement of a row counts; an undo must not make an older one wait again.
        for table in (Tables(order.object_type).parked, Tables(order.object_type).released, Tables(order.object_type).aside):
            session.run(f"DELETE FROM {table} WHERE list_contains(?, _job)", [sorted(brought)])
    if "gone" in made:
        session.run(
            """
            INSERT INTO store._gone (type, key, holder, keep, block, record, job, line, change_set, stamp)
            SELECT ?, key, holder, keep, block, record, job, line, ?, ? FROM set_gone ORDER BY _seq
            """,
            [report["type"], change_set, stamp],
        )
    if "undo" in report:
        book_undo(session, order.object_type, report, made, stamp)


def _finish(session: Session, order: ApplyOrder, report: dict[str, Any], stamp: datetime) -> None:
    """With the last commit the change set is finished, its links are booked, and rows that waited too long are gone."""
    if any("expired" in actions for actions in report["jobs"].values()):
        parked = Tables(order.object_type).parked
        session.run(f"DELETE FROM {parked} WHERE (_job, _pos) IN (SELECT job, _pos FROM set_expired)")
    numbers = order.related.parts("jobs")
    if numbers and (order.links.parts or report["replay"]):
        links, known = order.links.parts, order.links.known
        change_set, again = report["change_set"], report["replay"]
        book_links(session, order.object_type, change_set, links=links, jobs=numbers, known=known, again=again)
    session.run("UPDATE store._change_sets SET finished_at = ? WHERE id = ?", [order.now, report["change_set"]])
    session.run("UPDATE store._lock SET last_stamp = greatest(coalesce(last_stamp, ?), ?)", [stamp, stamp])


def parked_rows(session: Session, object_type: ObjectType) -> dict[str, int]:
    """How many rows of each job wait for their parent."""
    return dict(session.run(f"SELECT _job, count(*) FROM {Tables(object_type).parked} GROUP BY 1 ORDER BY 1"))
