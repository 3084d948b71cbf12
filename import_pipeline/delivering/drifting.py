"""Header drift in the answers of a delivery, and the memory it needs.

Belongs here: when a header is compared and when it is remembered. Does not belong here: comparing (suggesting/drift.py), keeping
(ledger/headers.py).
"""

from dataclasses import replace

from sqlalchemy import Connection

from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.ledger import headers, jobs
from import_pipeline.ledger.headers import KnownHeader, Place
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.base import slug
from import_pipeline.model.columns import is_reason
from import_pipeline.model.data_objects import BulkFormat
from import_pipeline.model.job import Counts, Job, JobState, ParsedFile
from import_pipeline.suggesting.drift import drift


def with_drift(run: DeliveryRun, job: Job, row: JobRow, parsed: ParsedFile) -> JobRow:
    """The job with a notice for every difference between its header and the one imported last; those told before stay told."""
    found = _header(parsed)
    if not found.header or _is_bulk(run, job):
        return row
    with run.pipeline.ledger.read() as conn:
        last = headers.before(conn, _place(job), run.key, job.number)
    if last is None:
        return row
    told = drift(last.header, found.header, last.keys, found.keys, line=parsed.header_line, ordered=job.kind != "jsonl")
    return replace(row, notices=tuple(dict.fromkeys((*row.notices, *told))))


def remember(conn: Connection, run: DeliveryRun, job: Job, row: JobRow, parsed: ParsedFile, counts: Counts, state: JobState) -> None:
    """Keeps the job's notices, and after an import with an effect its header and mapping. A dry run teaches nothing.

    Many equal files of one delivery are one acceptance of their mapping: thousands of small files must not cost a write each.
    """
    if row.notices:
        jobs.set_notices(conn, job.id, row.notices)
    found = _header(parsed)
    if state != "applied" or job.dry_run or not counts.good or not found.header:
        return
    if not headers.remember(conn, _place(job), run.key, job.number, found, now=run.now):
        return
    stated = run.account.format(job.format).columns if job.format else {}
    left_out = {cell.strip() for cell, key in stated.items() if key is None}
    pairs = [(cell, key) for cell, key in zip(found.header, found.keys, strict=True) if key is not None or cell.strip() in left_out]
    headers.accept(conn, job.account, slug(job.object_type), run.key, job.number, pairs, now=run.now)


def _is_bulk(run: DeliveryRun, job: Job) -> bool:
    """A bulk job gives the fields that it changes, each time others: that is no drift."""
    return job.format is not None and isinstance(run.account.format(job.format), BulkFormat)


def _place(job: Job) -> Place:
    return Place(job.account, slug(job.object_type), job.format, "objects" if job.kind == "jsonl" else "rows")


def _header(parsed: ParsedFile) -> KnownHeader:
    """The header as its sender made it: without the columns that a failed-rows file carries at its end."""
    pairs = [(cell, key) for cell, key in zip(parsed.header, parsed.keys, strict=True) if key is not None or not is_reason(cell)]
    return KnownHeader(tuple(cell for cell, _ in pairs), tuple(key for _, key in pairs))
