"""The end of an undo: its own answer, and what it changes in the answers of the jobs it touched (acceptance B-3).

Belongs here: booking that a job is undone, or counts again. Does not belong here: computing and applying an undo (relating/undo.py,
applying/), booking the work (landing/undoing.py).
"""

from collections.abc import Iterable, Mapping
from pathlib import Path

import polars as pl
from sqlalchemy import Connection

from import_pipeline.delivering import answering
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.ledger import content, jobs, meta, remotes
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.job import Counts, Job, JobState, ParsedFile
from import_pipeline.reporting.answers import amend_receipt


def answer_undo(run: DeliveryRun, job: Job, row: JobRow, known: "Mapping[str, answering.Found]") -> Counts:
    """Writes the undo's answer and books it; the job it took back, and jobs whose rows wait again, get new answers. Its counts."""
    counts = count_undo(job, known.values())
    state: JobState = "planned" if job.dry_run else "applied"
    parsed, nothing = ParsedFile(job=job.number), answering.Found({}, {}, {}, {})
    answer = answering.write(run, job, row, parsed, counts, nothing, state, None)
    with run.pipeline.ledger.begin() as conn:
        answering.book(conn, run, job, answer, counts, state, None)
        # Run again by hand after its answer, an undo must not take back what was undone or brought back since.
        answered = meta.read(conn, f"answers/{run.key}")
        touched = [] if job.dry_run or answered else _settle(conn, run, job)
    for target in touched:
        _tell_again(run, target)
    for object_type in () if job.dry_run else run.account.object_types:
        for waiting in _jobs_of_waiting_rows(run, object_type.slug):
            answering.amend(run, object_type, waiting)
    return counts


def count_undo(job: Job, known: "Iterable[answering.Found]") -> Counts:
    """Records removed, restored, brought back and kept, over all types; every record looked at is one «row»."""
    total: dict[str, int] = {}
    for found in known:
        for action, n in found.related.get(job.id, {}).items():
            total[action] = total.get(action, 0) + n
    done = {"created": "create", "updated": "update", "unchanged": "unchanged", "deleted": "delete"}
    told = {name: total.get(action, 0) for name, action in done.items()}
    return Counts(rows=sum(told.values()), good=sum(told.values()), **told)


def _settle(conn: Connection, run: DeliveryRun, undo: Job) -> list[str]:
    """The undone job no longer counts, and its bytes may come again; when it was an undo, what it took back counts again.

    Returns the jobs whose receipts say something else now: down to the import at the root.
    """
    chain = [undo.undo_of or ""]
    jobs.undone(conn, chain[0], undo.id)
    while (row := jobs.get(conn, chain[-1])) and row.undo_of:
        chain.append(row.undo_of)
    root = jobs.get(conn, chain[-1])
    if root and root.undone_by:
        content.forget(conn, root.id)
    elif root and root.sha256:
        content.remember(conn, root.account, root.object_type, root.format, root.sha256, root.id, now=run.now)
    return chain


def _tell_again(run: DeliveryRun, job_id: str) -> None:
    """The receipt of a job once more, with the undo that is in force or no longer is."""
    with run.pipeline.ledger.read() as conn:
        row = jobs.get(conn, job_id)
    if row and row.receipt:
        amend_receipt(Path(row.receipt), undone_by=row.undone_by)
        with run.pipeline.ledger.begin() as conn:
            remotes.answers_changed(conn, row.file_id, now=run.now)


def _jobs_of_waiting_rows(run: DeliveryRun, slug: str) -> list[str]:
    """Jobs whose rows wait again, or wait no longer, because their parent went or came back."""
    stage = run.staging.stage(slug, "related")
    parts = [part for name in ("reparked", "unparked") for part in stage.parts(name)]
    found: set[str] = set()
    for part in parts:
        found |= set(pl.read_parquet(part, columns=["job"])["job"].unique().to_list())
    return sorted(found)
