"""Rows that were sent again, as answers tell them: which job a file mends, and what became of a job's refused rows since.

Belongs here: which links count, which jobs a delivery touches, bringing their receipts up to date (acceptance B-1).
Does not belong here: finding links in files (parsing/links.py), their statements (store/resubmitted.py), what a receipt says
(reporting/receipt.py).

The refused lines of a job are those that its staging's errors name: they stay as long as the originals in the vault, and a replay
replaces them, so that a row counts as refused exactly as long as its job refuses it. Only such lines can be closed.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

import polars as pl

from import_pipeline.applying.stage import Links
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.ledger import jobs, remotes
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.lineage.rows import ERROR_STAGES
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import Notice
from import_pipeline.reporting.answers import amend_receipt, read_receipt
from import_pipeline.reporting.receipt import Resolved, ResolvedBy, Resubmits
from import_pipeline.store import resubmitted
from import_pipeline.store.session import Session, open_store
from import_pipeline.store.staging import JOB, LINE, DeliveryStaging


@dataclass
class _Reach:
    """What the links that a delivery touches say, read from the store in one session."""

    run: DeliveryRun
    types: dict[str, ObjectType] = field(default_factory=dict)
    """The type of every job whose answer may change: those touched, and those above them along the chains."""
    closed: dict[str, pl.DataFrame] = field(default_factory=dict)
    """For each job that rows sent again name: its lines that came in, whether they were refused or not (resubmitted.CLOSED)."""
    sent: dict[str, dict[str, int]] = field(default_factory=dict)
    """For each job that mends others: how many of its rows name which."""
    _resolved: dict[str, Resolved | None] = field(default_factory=dict)

    def resubmits(self, job_id: str) -> tuple[Resubmits, ...]:
        """What the receipt of this job says about the jobs that it mends."""
        sent = sorted(self.sent.get(job_id, {}).items())
        return tuple(Resubmits(job=of_job, rows=rows, closed=self._closed_by(job_id, of_job)) for of_job, rows in sent)

    def resolved(self, job_id: str) -> Resolved | None:
        """What became of the job's refused rows; None when none was sent again, or when they are no longer known."""
        if job_id not in self._resolved:
            self._resolved[job_id] = self._resolve(job_id)
        return self._resolved[job_id]

    def _resolve(self, job_id: str) -> Resolved | None:
        refused = self._refused_lines(job_id) if job_id in self.closed else None
        if refused is None:
            return None
        closed = self.closed[job_id].filter(pl.col("line").is_in(refused.implode()))
        by = closed.group_by("job").len().sort("job").iter_rows()
        told = tuple(ResolvedBy(job=job, rows=rows) for job, rows in by)
        return Resolved(rows=closed.height, open=refused.len() - closed.height, by=told)

    def _closed_by(self, job_id: str, of_job: str) -> int:
        resolved = self.resolved(of_job)
        return sum(by.rows for by in resolved.by if by.job == job_id) if resolved else 0

    def _refused_lines(self, job_id: str) -> pl.Series | None:
        """The first lines of the job's refused rows; None when its staging is past its retention."""
        with self.run.pipeline.ledger.read() as conn:
            row = jobs.get(conn, job_id)
        if row is None:
            return None
        staging = DeliveryStaging(self.run.pipeline.settings.staging, row.account, row.delivery)
        stages = [staging.stage(self.types[job_id].slug, name) for name in ERROR_STAGES]
        if not stages[0].exists:
            return None
        costs = (pl.col(JOB) == row.number) & (pl.col("severity") == "error") & pl.col(LINE).is_not_null()
        parts = [part for stage in stages for part in stage.parts("errors")]
        found = [pl.scan_parquet(part).filter(costs).select(pl.col(LINE).cast(pl.Int64)).collect() for part in parts]
        return pl.concat(found)[LINE].unique() if found else pl.Series(LINE, [], dtype=pl.Int64)


def links_of(run: DeliveryRun, object_type: ObjectType) -> Links:
    """The links of one type's rows, and the jobs that they may name: imports of this account and type by earlier deliveries."""
    parts = run.stage(object_type, "parsed").parts("links")
    named = _named(parts)
    if named.is_empty():
        return Links()
    return Links(parts, _known(run, object_type, named))


def _named(parts: list[Path]) -> pl.DataFrame:
    """How many rows of which job number name which job: `_job`, `of_job`, `rows`."""
    found = [pl.scan_parquet(part).group_by(JOB, "of_job").len("rows").collect() for part in parts]
    if not found:
        return pl.DataFrame(schema={JOB: pl.Int32, "of_job": pl.String, "rows": pl.UInt32})
    return pl.concat(found).group_by(JOB, "of_job").agg(pl.col("rows").sum()).sort(JOB, "of_job")


def _known(run: DeliveryRun, object_type: ObjectType, named: pl.DataFrame) -> frozenset[str]:
    with run.pipeline.ledger.read() as conn:
        known = jobs.imports(conn, run.account.name, object_type.name, set(named["of_job"]))
    return frozenset(known - {job.id for job in run.jobs})


def note_unknown(run: DeliveryRun) -> None:
    """Books a notice on each job of the delivery whose rows name jobs that they cannot mend; it stands in all its receipts."""
    for object_type in run.account.object_types:
        named = _named(run.stage(object_type, "parsed").parts("links"))
        if named.is_empty():
            continue
        told = _unknown(named.filter(~pl.col("of_job").is_in(sorted(_known(run, object_type, named)))), object_type)
        with run.pipeline.ledger.begin() as conn:
            for job in run.jobs_of(object_type):
                row = jobs.get(conn, job.id)
                before = [notice for notice in row.notices if notice.code != "unknown_job"] if row else []
                jobs.set_notices(conn, job.id, [*before, *told.get(job.number, ())])


def _unknown(wrong: pl.DataFrame, object_type: ObjectType) -> dict[int, tuple[Notice, ...]]:
    told: dict[int, tuple[Notice, ...]] = {}
    for (number,), part in wrong.partition_by(JOB, as_dict=True).items():
        rows, first, others = int(part["rows"].sum()), part["of_job"][0], part.height - 1
        verb = "row says that it mends one" if rows == 1 else "rows say that they mend rows"
        named = f"job {first}" + (f" and {others:,} others" if others else "")
        text = f"{rows:,} {verb} of {named}, but this account has no such import of {object_type.name}; imported like any other row"
        told[int(number)] = (Notice(code="unknown_job", message=text, rows=rows),)
    return told


def settle(run: DeliveryRun, related: Mapping[str, Iterable[str]]) -> None:
    """Brings up to date what receipts and the ledger say about rows that were sent again, for all jobs that the delivery touches.

    `related` names by type the jobs whose rows its change sets touched: rows of earlier jobs that came in late close what they mend,
    too. The store is opened only where something may have changed. Run again it gives the same.
    """
    touched = {t.name: _touched(run, t, set(related.get(t.name, ()))) for t in run.account.object_types}
    if not any(touched.values()):
        return
    reach = _Reach(run)
    with run.pipeline.ledger.read() as conn:
        cancelled = jobs.cancelled(conn, run.account.name)
    with open_store(run.pipeline.settings, run.account.name) as session:
        for name, ids in touched.items():
            if ids:
                _read(session, reach, run.account.object_type(name), ids, cancelled)
    for job_id in sorted(reach.types):
        _tell(reach, job_id)


def _touched(run: DeliveryRun, object_type: ObjectType, related: set[str]) -> set[str]:
    """Jobs whose rows the delivery sent again, brought in late, replayed or took back."""
    own = {job.id for job in run.jobs_of(object_type)}
    if own and (run.pass_number > 1 or run.stage(object_type, "parsed").parts("links")):
        related |= own
    else:
        related -= own
    undone = run.undo.undo_of if run.undo and run.undo.object_type == object_type.name else None
    with run.pipeline.ledger.read() as conn:
        while undone:
            # An undo of an undo brings back what that one took: the job at the root counts again.
            related.add(undone)
            row = jobs.get(conn, undone)
            undone = row.undo_of if row else None
    return related


def _read(session: Session, reach: _Reach, object_type: ObjectType, touched: set[str], cancelled: frozenset[str]) -> None:
    above = resubmitted.mended_jobs(session, object_type, touched)
    sent = resubmitted.sent_again(session, object_type, touched | above)
    reach.sent |= sent
    named = resubmitted.named_among(session, object_type, touched | above)
    for job_id in named:
        reach.closed[job_id] = resubmitted.resolved_lines(session, object_type, job_id, cancelled)
    reach.types |= dict.fromkeys(named | sent.keys(), object_type)


def _tell(reach: _Reach, job_id: str) -> None:
    pipeline = reach.run.pipeline
    with pipeline.ledger.read() as conn:
        row = jobs.get(conn, job_id)
    resolved = reach.resolved(job_id)
    if row is None or (resolved is None and job_id in reach.closed):
        return
    if row.receipt:
        amend_receipt(Path(row.receipt), resolved=resolved, resubmits=reach.resubmits(job_id))
        with pipeline.ledger.begin() as conn:
            remotes.answers_changed(conn, row.file_id, now=pipeline.clock.now())
    if resolved:
        with pipeline.ledger.begin() as conn:
            jobs.set_resolved(conn, job_id, resolved.rows)


def told_before(row: JobRow) -> dict[str, object]:
    """What an earlier receipt of the job says about rows that were sent again: a receipt that is written anew keeps it."""
    receipt = read_receipt(Path(row.receipt)) if row.receipt else None
    return {"resolved": receipt.resolved, "resubmits": receipt.resubmits} if receipt else {}
