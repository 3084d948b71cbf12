"""An import that was started: how far it is, what came of it, its Exception Log (acceptance T-2, T-3, T-7).

Belongs here: its page and the part that refreshes itself. Does not belong here: the page of the job with all that can be done with it
(../monitor/), mending (../mending/).
"""

import asyncio
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from sqlalchemy import Connection
from starlette.responses import Response

from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.states import State
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.desk.wizard.common import Opened, opened
from import_pipeline.gateway.http.desk.wizard.reviewing import DONE
from import_pipeline.landing import drafts as steps
from import_pipeline.landing.submitted import Progress, progress_of
from import_pipeline.ledger import deliveries
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.job import PACKAGE_ROWS

if TYPE_CHECKING:
    from import_pipeline.reporting.receipt import Receipt

FIRST_ROWS = 50
"""Rows of the Exception Log on this page; the page of failed rows has all of them."""
_KINDS = {"Waiting": "", "Processing": "busy", "Complete": "ok", "Error": "bad", "Held": "warn"}


@dataclass(frozen=True)
class Log:
    """The Exception Log: what is wrong in groups, and the first rows one by one."""

    fault: str = ""
    """What is wrong with the file as a whole."""
    groups: tuple[str, ...] = ()
    more: str = ""
    warnings: tuple[str, ...] = ()
    rows: tuple[dict[str, Any], ...] = ()
    total: int = 0


async def show(visit: Visit) -> Response:
    """GET: the import, or the step that is to be done when it is not started."""
    return await asyncio.to_thread(_show, visit)


async def part(visit: Visit) -> Response:
    """GET: how far the import is, as a part of the page."""

    def look() -> Response:
        found = opened(visit)
        if not found.draft.delivery:
            return page(visit, "wizard/progress", progress=None, state=None, share=None, headers=DONE)
        with visit.gate.ledger.read() as conn:
            progress = progress_of(conn, found.draft.delivery)
        told = DONE if _is_over(progress) else {}
        return page(visit, "wizard/progress", headers=told, progress=progress, state=_status(progress), share=_share(progress))

    return await asyncio.to_thread(look)


def _show(visit: Visit) -> Response:
    found = opened(visit)
    if not found.started or not found.draft.delivery:
        return see_other(f"{found.path}/{found.next_step}")
    with visit.gate.ledger.read() as conn:
        progress = progress_of(conn, found.draft.delivery)
        cancelled = is_cancelled(conn, progress)
    job = progress.jobs[0] if progress.jobs else None
    receipt = _receipt(job) if job and _is_over(progress) else None
    return page(
        visit,
        "wizard/started",
        found=found,
        progress=progress,
        state=_status(progress, cancelled),
        share=_share(progress),
        over=_is_over(progress),
        cancelled=cancelled,
        job=job,
        outcome=_outcome(receipt) if receipt else "",
        log=_log(visit, found, job, receipt) if job and receipt else Log(),
        may_stop=progress.phase == "waiting",
        name=found.body.file.name if found.body.file else "",
    )


def is_cancelled(conn: Connection, progress: Progress) -> bool:
    """Whether it was taken back before a run was asked for, here or on the page of jobs."""
    delivery = deliveries.get(conn, progress.delivery)
    return not progress.jobs and delivery is not None and delivery.state == "finished"


def _is_over(progress: Progress) -> bool:
    return progress.ended or progress.phase == "held"


def _status(progress: Progress, cancelled: bool = False) -> State:
    """The documented words, and what the importer adds to them."""
    if cancelled:
        return State("", "Cancelled")
    text = steps.status_of(progress)
    refused = progress.counts.refused
    if text == "Complete" and refused:
        return State("warn", f"Complete with {refused:,} {'error' if refused == 1 else 'errors'}")
    return State(_KINDS.get(text, ""), "Waiting for approval" if text == "Held" else text)  # type: ignore[arg-type]


def _share(progress: Progress) -> tuple[int, int] | None:
    """(rows done, rows in all), in packages."""
    if not progress.packages_total:
        return None
    return progress.packages_done * PACKAGE_ROWS, progress.packages_total * PACKAGE_ROWS


def _receipt(job: JobRow) -> "Receipt | None":
    from import_pipeline.reporting.answers import read_receipt

    return read_receipt(Path(job.receipt)) if job.receipt else None


def _outcome(receipt: "Receipt") -> str:
    """What became of the file, without the files of answers: people of the desk have pages instead."""
    from import_pipeline.reporting.receipt import outcome_of

    return outcome_of(receipt.model_copy(update={"errors_file": None, "failed_file": None}))


def _log(visit: Visit, found: Opened, job: JobRow, receipt: "Receipt") -> Log:
    errors = [group for group in receipt.errors if group.severity == "error"]
    more = f"and {receipt.more_errors:,} more in {receipt.more_error_groups:,} further groups" if receipt.more_error_groups else ""
    rows, total = _first_rows(visit, found, job, {key: cell for cell, key in receipt.read.mapped.items()})
    return Log(
        fault=(receipt.fault.message if receipt.fault else receipt.reason or "") if receipt.state in ("failed", "applied") else "",
        groups=tuple(group.sentence for group in errors),
        more=more,
        warnings=tuple(group.sentence for group in receipt.errors if group.severity == "warning"),
        rows=tuple(rows),
        total=total,
    )


def _first_rows(visit: Visit, found: Opened, job: JobRow, labels: dict[str, str]) -> tuple[list[dict[str, Any]], int]:
    """The first errors by line, and how many there are; none when staging is past its retention."""
    import polars as pl

    from import_pipeline.lineage.rows import ERROR_STAGES
    from import_pipeline.reporting.messages import finding, one_line
    from import_pipeline.store.staging import ERRORS, JOB, LINE, DeliveryStaging, scan_errors

    staging = DeliveryStaging(visit.gate.settings.staging, visit.account.name, job.delivery)
    scanned = scan_errors(staging.stage(found.object_type.slug, stage) for stage in ERROR_STAGES)
    if scanned is None:
        return [], 0
    names = [name for name in ERRORS if name != JOB]
    mine = (pl.col(JOB) == job.number) & (pl.col("severity") == "error")
    wrong = scanned.filter(mine)
    total = int(wrong.select(pl.len()).collect(engine="streaming").item())
    first = wrong.select(names).bottom_k(FIRST_ROWS, by=LINE).sort(LINE, "column", "code")
    told = first.with_columns(
        finding(pl.lit(None, pl.String)).alias("what"),
        pl.col("column").replace(labels).alias("column"),
        *(one_line(pl.col(name), 200).alias(name) for name in ("value", "expected", "suggestion")),
    )
    return told.collect().to_dicts(), total
