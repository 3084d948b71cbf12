"""One job's refused rows as mending sees them: the job, its sheet, and what became of the rows that were sent again.

Belongs here: finding these, and why a job's rows cannot be mended. Does not belong here: pages (grid.py), changes (saving.py), sending
(sending.py). Everything here blocks: pages call it in a thread.
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from functools import cached_property
from typing import TYPE_CHECKING

from import_pipeline.failures import TransientFailure, UnknownValue
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing.submitted import Progress, progress_of
from import_pipeline.ledger import formats, jobs, mends
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.model.job import Job
from import_pipeline.model.object_type import ObjectType

if TYPE_CHECKING:
    import polars as pl

    from import_pipeline.lineage.rows import JobLines
    from import_pipeline.reporting.refused_sheet import Sheet


class NotHere(Exception):
    """The job's rows cannot be mended on a page; the words tell why, and what to do instead."""


@dataclass(frozen=True)
class Sending:
    """Rows that were sent again together. `job` is their import, None before it is opened."""

    delivery: str
    rows: int
    user: str
    progress: Progress
    job: JobRow | None


@dataclass(frozen=True)
class Again:
    """A row that was refused once more: by which job, on which of its lines, and why."""

    job: str
    line: int
    sentences: tuple[str, ...]


@dataclass
class Mending:
    """The refused rows of one job."""

    visit: Visit
    job: JobRow
    account: Account
    _came_in: "pl.DataFrame | None" = field(default=None, init=False)

    @cached_property
    def object_type(self) -> ObjectType:
        """What the rows are."""
        return self.account.object_type(self.job.object_type)

    @cached_property
    def row_type(self) -> ObjectType:
        """The type as the job's format shapes it."""
        try:
            return self.account.format(self.job.format).row_type(self.object_type) if self.job.format else self.object_type
        except UnknownValue:
            return self.object_type

    @cached_property
    def job_lines(self) -> "JobLines":
        """The job's original and staging."""
        from import_pipeline.lineage.model import Sources
        from import_pipeline.lineage.rows import JobLines

        return JobLines(Sources(self.visit.gate.settings, self.visit.gate.ledger, {self.account.name: self.account}), self.job)

    @cached_property
    def as_job(self) -> Job:
        """The job as files are written for it."""
        from import_pipeline.landing.deliveries import as_job

        return as_job(self.job, self.visit.gate.vault)

    @cached_property
    def errors(self) -> "pl.DataFrame":
        """All findings of the job (columns of ERRORS)."""
        return _errors(self.job_lines)

    @cached_property
    def sheet(self) -> "Sheet":
        """Its refused rows; made when somebody opens them for the first time."""
        from import_pipeline.lineage.rows import ERROR_STAGES
        from import_pipeline.reporting.refused_sheet import SHEETS, open_sheet

        parts = [part for stage in ERROR_STAGES for part in self.job_lines.stage(stage).parts("errors")]
        stamp = "|".join(f"{part} {part.stat().st_mtime_ns} {part.stat().st_size}" for part in parts)
        parent = self.visit.gate.settings.home / SHEETS / self.account.name
        return open_sheet(parent, self.as_job, self.job_lines.parsed, lambda: self.errors, stamp)

    @cached_property
    def sendings(self) -> list[Sending]:
        """Every time that rows of this job were sent again, oldest first. Rows of a delivery that came to nothing may be sent anew."""
        with self.visit.gate.ledger.read() as conn:
            told = [(key, rows, user, progress_of(conn, key)) for key, rows, user in mends.sendings(conn, self.job.id)]
        found = [Sending(key, rows, user, progress, next(iter(progress.jobs), None)) for key, rows, user, progress in told]
        for one in (one for one in found if _came_to_nothing(one)):
            with self.visit.gate.ledger.begin() as conn:
                mends.release(conn, self.job.id, one.delivery)
        return [one for one in found if not _came_to_nothing(one)]

    def came_in(self, *, must: bool = False) -> "pl.DataFrame | None":
        """The rows that came in since, each with the job that brought it in: columns `line` and `job`.

        None while an import writes to the store, so that nobody can tell; with `must` TransientFailure is raised then.
        """
        from import_pipeline.gateway.http.desk.mending.since import came_in_since

        if self._came_in is None:
            try:
                self._came_in = came_in_since(self.visit.gate, self.object_type, self.job, patience=None if must else 0.3)
            except TransientFailure:
                if must:
                    raise
        return self._came_in

    @cached_property
    def sent(self) -> "pl.Series":
        """The lines of all rows that were sent again."""
        import polars as pl

        if not self.sendings:
            return pl.Series([], dtype=pl.Int64)
        with self.visit.gate.ledger.read() as conn:
            return pl.Series(mends.sent_lines(conn, self.job.id), dtype=pl.Int64)

    @property
    def gone(self) -> "pl.Series":
        """The lines of all rows that need no mending any more, as far as that can be told: sent again, or come in."""
        import polars as pl

        came_in = self.came_in()
        return self.sent if came_in is None or came_in.is_empty() else pl.concat([self.sent, came_in["line"]]).unique()

    def refused_again(self, lines: Sequence[int]) -> dict[int, Again]:
        """Those of these rows that a later job has refused once more."""
        found: dict[int, Again] = {}
        for one in self.sendings:
            if one.job is not None and one.progress.ended and one.job.counts.refused:
                found |= self._again(one.job, lines)
        return found

    def refused_by(self, later: JobRow, most: int) -> dict[int, Again]:
        """The first rows that this later job has refused once more, at most so many."""
        return self._again(later, None, most) if later.counts.refused else {}

    def _again(self, later: JobRow, lines: Sequence[int] | None, most: int | None = None) -> dict[int, Again]:
        import polars as pl

        from import_pipeline.lineage.rows import JobLines
        from import_pipeline.reporting.messages import labels_of, row_sentence
        from import_pipeline.store.staging import JOB, LINE

        those = JobLines(self.job_lines.sources, later)
        parts = those.stage("parsed").parts("links")
        if not parts:
            return {}
        mine = (pl.col(JOB) == later.number) & (pl.col("of_job") == self.job.id)
        wanted = mine if lines is None else mine & pl.col("of_line").is_in(list(lines))
        links = pl.scan_parquet(parts).filter(wanted).select(LINE, "of_line").collect()
        costs = (pl.col("severity") == "error") & pl.col(LINE).is_in(links[LINE].implode())
        refused = _errors(those).filter(costs)
        first = refused[LINE].unique().sort() if most is None else refused[LINE].unique().sort().head(most)
        told = refused.filter(pl.col(LINE).is_in(first.implode())).with_columns(row_sentence(labels_of(those.parsed)).alias("sentence"))
        by_line = told.group_by(LINE, maintain_order=True).agg(pl.col("sentence").unique(maintain_order=True)).join(links, on=LINE)
        return {of_line: Again(later.id, line, tuple(said)) for line, said, of_line in by_line.iter_rows()}


def mending_of(visit: Visit) -> Mending:
    """The refused rows of the job that the address names. Raises Refusal 404 for another account's job, NotHere."""
    with visit.gate.ledger.read() as conn:
        job = jobs.get(conn, visit.params["job"])
        account = formats.with_saved(conn, visit.account)
    if job is None or job.account != visit.account.name:
        raise Refusal(404, "there is no such import")
    found = Mending(visit, job, account)
    if (why := _hindrance(found)) is not None:
        raise NotHere(why)
    return found


def _hindrance(mending: Mending) -> str | None:
    from import_pipeline.reporting.mended_rows import MENDABLE

    job = mending.job
    if job.undo_of:
        return "This is an undo of another import: it has no rows of its own."
    if job.dry_run or job.state == "planned":
        return "This is a plan: nothing was imported. Import the file first, or mend it and make another plan."
    if job.state in ("waiting", "running"):
        return "The import is under way. Its failed rows can be mended when it has ended."
    if job.state == "held":
        return "The import waits for approval. Its failed rows can be mended when it was approved and has ended."
    if job.undone_by:
        return "This import was undone. Send the whole file again instead."
    no_rows = job.state == "failed" and not job.counts.rows
    if job.fault or no_rows or job.object_type not in mending.account.types_by_name:
        return "The file was refused as a whole, so there are no single rows to mend. Mend the file and send it again."
    if not job.counts.refused:
        return "No row of this import failed."
    if job.state == "failed" and job.counts.refused < job.counts.rows:
        return "The import was stopped, so its good rows did not come in either. Mend the file and send all of it again."
    if job.kind not in MENDABLE:
        return (
            "Shapes cannot be mended in a table. Download the failed rows, mend them with the program that made them, and send that file."
        )
    if not mending.job_lines.stage("parsed").exists or mending.job_lines.path is None or not mending.job_lines.path.exists():
        return "The original file is past the time that it is kept, so its rows cannot be shown any more."
    return None


def _came_to_nothing(one: Sending) -> bool:
    """Whether nothing of a delivery was imported, or nothing counts any more: cancelled, rejected, refused as a whole, undone."""
    found = one.progress.jobs
    if not one.progress.ended:
        return False
    if found and all(job.undone_by for job in found):
        return True
    if one.progress.packages_done:
        return False
    return all(job.state == "failed" and (not job.counts.rows or job.counts.refused < job.counts.rows) for job in found)


def _errors(lines: "JobLines") -> "pl.DataFrame":
    import polars as pl

    from import_pipeline.lineage.rows import ERROR_STAGES
    from import_pipeline.store.staging import ERRORS, JOB, scan_errors

    found = scan_errors(lines.stage(stage) for stage in ERROR_STAGES)
    return pl.DataFrame(schema=ERRORS) if found is None else found.filter(pl.col(JOB) == lines.job.number).collect()
