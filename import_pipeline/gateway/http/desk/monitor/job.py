"""One import: what became of its file, and everything that hangs together with it.

Belongs here: gathering the facts of the page, its live part. Does not belong here: buttons (actions.py), plans (plan.py), downloads
(answers.py), statements.
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.desk.monitor import words
from import_pipeline.gateway.http.desk.monitor.answers import answer_path, kept
from import_pipeline.gateway.http.desk.monitor.findings import Findings, findings, group_filter
from import_pipeline.gateway.http.desk.monitor.own import own_job
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.states import State, state_of
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.ledger import deliveries, job_list, jobs
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.job import FINAL_STATES
from import_pipeline.model.private_format import is_private

if TYPE_CHECKING:
    from import_pipeline.reporting.receipt import Receipt

MOST_RELATED = 20
MOST_PARENTS = 20
_PATIENCE = 0.5
"""Seconds that a page waits for the record store while a run writes: what it tells there can be told later."""


@dataclass(frozen=True)
class Around:
    """What hangs together with a job: `undos` are plans and undos of it, `mends` the jobs whose failed rows it sends again."""

    delivery: Delivery | None
    door: str
    sender: str | None
    siblings: list[JobRow]
    more_siblings: int
    undos: list[JobRow]
    undo_of: JobRow | None
    undone_by: JobRow | None
    same_bytes: list[JobRow]
    mended_by: list[JobRow]
    mends: list[JobRow]

    @property
    def waits_again(self) -> bool:
        """Whether an answered delivery was asked to run once more, and has not begun."""
        return self.delivery is not None and self.delivery.state in ("waiting", "requested") and self.delivery.attempt > 0


async def job(visit: Visit) -> Response:
    """GET: the page of one import."""
    row = await asyncio.to_thread(own_job, visit)
    return page(visit, "monitor/job", **await asyncio.to_thread(_facts, visit, row))


async def progress(visit: Visit) -> Response:
    """GET: how far it is, for a page that refreshes itself; at the end the whole page is loaded anew."""
    row = await asyncio.to_thread(own_job, visit)
    facts = await asyncio.to_thread(progress_facts, visit, row)
    return page(visit, "monitor/_progress", headers={} if facts["live"] else {"x-desk-done": "1"}, **facts)


def progress_facts(visit: Visit, row: JobRow) -> dict[str, Any]:
    """job, state, `live` (whether something will happen without anybody), delivery, and how many deliveries stand before it."""
    with visit.gate.ledger.read() as conn:
        delivery = deliveries.get(conn, row.delivery)
        busy = job_list.under_way(conn, row.account, limit=MOST_RELATED, names=0)
    before = next((i for i, one in enumerate(busy) if one.delivery.key == row.delivery), 0)
    live = row.state in ("waiting", "running") or (delivery is not None and delivery.state in job_list.UNDER_WAY)
    # A run that failed for good leaves its jobs as they were.
    over = delivery is not None and delivery.state in ("finished", "failed")
    return {"job": row, "state": state_now(row, delivery), "live": live and not over, "delivery": delivery, "before": before}


def state_now(row: JobRow, delivery: Delivery | None) -> State:
    """The job's state; of one whose run ended without an answer it says so."""
    if delivery is not None and delivery.state == "failed" and row.state not in FINAL_STATES:
        return State("bad", "Error")
    return state_of(row)


def _facts(visit: Visit, row: JobRow) -> dict[str, Any]:
    receipt = read_own_receipt(visit, row)
    around = _around(visit, row, receipt)
    stated = visit.query.get("page", "")
    number = max(1, int(stated)) if stated.isdecimal() and len(stated) < 9 else 1
    chosen = visit.query.get("group", "")
    group = int(chosen) if chosen.isdecimal() and len(chosen) < 4 and receipt and int(chosen) < len(receipt.errors) else None
    return progress_facts(visit, row) | {
        "receipt": receipt,
        "said_outcome": _outcome(receipt) if receipt else row.reason,
        "around": around,
        "door": words.door_words(around.door),
        "files": kept(visit.gate, visit.account, row),
        "found": _findings(visit, row, receipt, group, number),
        "group": group,
        "awaited": _awaited(visit, row),
        "why_not_undo": why_not_undo(visit, row),
        "why_not_replay": why_not_replay(row, around.delivery),
        "own_format": bool(row.format) and is_private(row.format or ""),
        "fault": row.fault or (receipt.fault if receipt else None),
        "knows_type": row.object_type in visit.account.types_by_name,
        "age": words.age(row.created_at, visit.gate.clock.now()),
        "state_words": state_of,
    }


def read_own_receipt(visit: Visit, row: JobRow) -> "Receipt | None":
    """The job's receipt, where it still lies in the account's folders."""
    from import_pipeline.reporting.answers import read_receipt

    path = answer_path(visit.gate, visit.account, row, "receipt")
    return read_receipt(path) if path is not None and path.is_file() and not path.is_symlink() else None


def _outcome(receipt: "Receipt") -> str:
    """The receipt's sentence without the names of files, which the page has as links."""
    from import_pipeline.reporting.receipt import outcome_of

    return outcome_of(receipt.model_copy(update={"errors_file": None, "failed_file": None}))


def _around(visit: Visit, row: JobRow, receipt: "Receipt | None") -> Around:
    resolved = [one.job for one in receipt.resolved.by] if receipt and receipt.resolved else []
    resubmits = [one.job for one in receipt.resubmits] if receipt else []
    with visit.gate.ledger.read() as conn:
        together = [one for one in jobs.by_delivery(conn, row.delivery) if one.id != row.id]
        named = jobs.of_ids(conn, sorted({*resolved, *resubmits, row.undo_of or "", row.undone_by or ""})[:200])
        by_id = {one.id: one for one in named if one.account == row.account}
        return Around(
            delivery=deliveries.get(conn, row.delivery),
            door=job_list.doors_of(conn, [row]).get(row.id, ""),
            sender=job_list.sender_of(conn, row),
            siblings=together[:MOST_RELATED],
            more_siblings=max(0, len(together) - MOST_RELATED),
            undos=jobs.undos_of(conn, row.id)[-MOST_RELATED:],
            undo_of=by_id.get(row.undo_of or ""),
            undone_by=by_id.get(row.undone_by or ""),
            same_bytes=job_list.same_bytes(conn, row, limit=MOST_RELATED),
            mended_by=[by_id[job] for job in resolved if job in by_id],
            mends=[by_id[job] for job in resubmits if job in by_id],
        )


def _findings(visit: Visit, row: JobRow, receipt: "Receipt | None", group: int | None, number: int) -> Findings:
    if row.kind == "undo" or row.state in ("waiting", "running", "duplicate"):
        return Findings((), 0, "")
    labels = {column: cell for cell, column in receipt.read.mapped.items()} if receipt else {}
    chosen = group_filter(receipt.errors, group) if receipt and group is not None else None
    return findings(visit.gate, visit.account, row, answer_path(visit.gate, visit.account, row, "errors"), labels, chosen, number)


def _awaited(visit: Visit, row: JobRow) -> dict[str, Any]:
    """The parents that parked rows wait for; `busy` while the store is being written."""
    known = visit.account.types_by_name.get(row.object_type)
    if not row.parked_open or known is None or known.parent is None or row.state != "applied":
        return {"parents": [], "busy": False, "type": ""}
    from import_pipeline.store.awaited import awaited
    from import_pipeline.store.session import open_store

    try:
        with open_store(visit.gate.settings, visit.account.name, patience=_PATIENCE) as session:
            return {"parents": awaited(session, known, row.id, limit=MOST_PARENTS), "busy": False, "type": known.parent.type}
    except TransientFailure:
        return {"parents": [], "busy": True, "type": known.parent.type}


def why_not_undo(visit: Visit, row: JobRow) -> str:
    """Why the job cannot be undone, in words; '' when it can."""
    from import_pipeline.landing.undoing import refuse_undo

    if row.object_type not in visit.account.types_by_name:
        return f"the account has no object type {row.object_type!r}"
    try:
        with visit.gate.ledger.read() as conn:
            refuse_undo(conn, row)
    except PermanentFailure as failure:
        return str(failure)
    return ""


def why_not_replay(row: JobRow, delivery: Delivery | None) -> str:
    """Why the delivery of the job cannot run again, in words; '' when it can, as far as the ledger knows."""
    if row.kind == "undo" or row.undo_of:
        return "an undo is not run again; what it took back comes back by undoing it"
    if delivery is None or delivery.state not in ("finished", "failed"):
        return "its run is not over"
    return ""
