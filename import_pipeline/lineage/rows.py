"""Rows of files found again: from job and line to file, archive member, the row's physical lines, their text, and their cells.

Belongs here: everything that is read from the ledger, the vault and staging about given lines. Does not belong here: records.
"""

import csv
import io
from collections import defaultdict
from collections.abc import Iterable, Sequence
from functools import cached_property
from pathlib import Path

import polars as pl

from import_pipeline.landing import vault
from import_pipeline.ledger import jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.lineage.model import Row, Sources
from import_pipeline.model.base import slug
from import_pipeline.model.job import ParsedFile
from import_pipeline.parsing.raw import raw_records, sheet_rows
from import_pipeline.reporting.messages import labels_of, row_sentence
from import_pipeline.store.staging import END, ERRORS, JOB, LINE, POS, DeliveryStaging, StageFolder

ERROR_STAGES = ("parsed", "validated", "related", "expired")
"""Stages that find row errors, in the order of the stages."""
Cells = dict[tuple[str, int], dict[str, str | None]]
"""(job, line) → column → the value of that row in one stage, as text."""


class JobLines:
    """One job's lines. Everything is read when it is asked for, once."""

    def __init__(self, sources: Sources, job: JobRow) -> None:
        self.job, self.sources = job, sources
        self.path = vault.path_of(sources.settings.vault, job.sha256) if job.sha256 else None
        self._staging = DeliveryStaging(sources.settings.staging, job.account, job.delivery)

    def stage(self, name: str) -> StageFolder:
        """One stage's folder of the job's delivery and object type."""
        return self._staging.stage(slug(self.job.object_type) or "-", name)

    @cached_property
    def parsed(self) -> ParsedFile:
        """How the file was read; a guess (UTF-8) when that is past its retention."""
        stage = self.stage("parsed")
        found = stage.load_report()["files"] if stage.exists else []
        return next((p for f in found if (p := ParsedFile.model_validate(f)).job == self.job.number), ParsedFile(job=self.job.number))

    def spans(self, lines: Sequence[int]) -> dict[int, tuple[int, int]]:
        """For each line, the first and last line of the row that it stands in: `{line: (first, last)}`, the line itself when unknown."""
        known = [frame for name in ("parsed", "validated") for frame in self._lineage(name)]
        found: dict[int, tuple[int, int]] = {line: (line, line) for line in lines}
        for frame in known:
            inside = pl.any_horizontal(*(pl.lit(line).is_between(pl.col(LINE), pl.col(END)) for line in lines))
            for first, last in frame.filter(pl.col(JOB) == self.job.number, inside).select(LINE, END).collect().iter_rows():
                found |= {line: (first, last) for line in lines if first <= line <= last}
        return found

    def _lineage(self, stage: str) -> list[pl.LazyFrame]:
        """The lineage columns of a stage's rows and row errors."""
        folder = self.stage(stage)
        return [pl.scan_parquet(path).select(JOB, LINE, END) for name in ("rows", "errors") for path in folder.parts(name)]

    def raw(self, spans: Iterable[tuple[int, int]]) -> dict[int, str]:
        """The text of each span as sent, by its first line; nothing when the original has left the vault."""
        wanted = sorted(set(spans))
        if self.path is None or not self.path.exists() or not wanted:
            return {}
        if self.job.kind == "xlsx":
            return self._sheet_text(self.path, wanted)
        if self.job.kind not in ("csv", "jsonl"):
            return {}
        encoding = self.parsed.encoding or "utf-8"
        return {first: text.decode(encoding, "replace") for first, text in raw_records(self.path, self.parsed, wanted)}

    def _sheet_text(self, path: Path, wanted: list[tuple[int, int]]) -> dict[int, str]:
        texts = {}
        for number, cells in sheet_rows(path, [first for first, _ in wanted], self.parsed).items():
            line = io.StringIO()
            csv.writer(line, lineterminator="").writerow(cells)
            texts[number] = line.getvalue()
        return texts

    def cells(self, stage: str, lines: Sequence[int]) -> Cells | None:
        """The rows of the job at these first lines as a stage holds them, as text; None when the stage's rows are gone."""
        parts = self.stage(stage).parts("rows")
        if not parts:
            return None
        found: Cells = {}
        for part in parts:
            frame = pl.scan_parquet(part).filter(pl.col(JOB) == self.job.number, pl.col(LINE).is_in(list(lines))).collect()
            for row in frame.with_columns(pl.exclude(JOB, LINE, END, POS).cast(pl.String, strict=False)).iter_rows(named=True):
                found[self.job.id, row[LINE]] = {k: v for k, v in row.items() if k not in (JOB, LINE, END, POS)}
        return found

    def errors(self, line: int) -> list[dict[str, object]]:
        """The row errors of every stage about the row that this line stands in, each with the `sentence` that receipts use."""
        found: list[dict[str, object]] = []
        told = [name for name in ERRORS if name not in (JOB, LINE, END)]
        sentence = row_sentence(labels_of(self.parsed)).alias("sentence")
        for stage in ERROR_STAGES:
            for part in self.stage(stage).parts("errors"):
                here = pl.lit(line).is_between(pl.col(LINE), pl.col(END))
                found += pl.scan_parquet(part).filter(pl.col(JOB) == self.job.number, here).select(*told, sentence).collect().to_dicts()
        return found


class RowFinder:
    """Rows of any jobs, with their text; each job's files are opened once."""

    def __init__(self, sources: Sources) -> None:
        self._sources = sources
        self._jobs: dict[str, JobLines | None] = {}

    def job(self, job_id: str) -> JobLines | None:
        """One job's lines, or None when the ledger does not know the job."""
        if job_id not in self._jobs:
            with self._sources.ledger.read() as conn:
                row = jobs.get(conn, job_id)
            self._jobs[job_id] = JobLines(self._sources, row) if row else None
        return self._jobs[job_id]

    def rows(self, asked: Iterable[tuple[str, int, str | None]]) -> dict[tuple[str, int], Row]:
        """(job, line) → its row, for (job, line, action)s; lines of jobs that the ledger does not know are left out."""
        by_job: dict[str, dict[int, str | None]] = defaultdict(dict)
        for job_id, line, action in asked:
            by_job[job_id].setdefault(line, action)
        found: dict[tuple[str, int], Row] = {}
        for job_id, actions in by_job.items():
            lines = self.job(job_id)
            if lines is None:
                continue
            spans = lines.spans(list(actions))
            texts = lines.raw(spans.values())
            for line, (first, last) in spans.items():
                found[job_id, line] = _row(lines.job, (first, last), actions[line], texts.get(first))
        return found


def _row(job: JobRow, span: tuple[int, int], action: str | None, raw: str | None) -> Row:
    return Row(
        job=job.id,
        delivery=job.delivery,
        file=job.name,
        sha256=job.sha256,
        archive=job.archive,
        member=job.member,
        line=span[0],
        end=span[1],
        action=action,
        raw=raw,
    )
