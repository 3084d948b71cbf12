"""Everything that answers a sender about one file: receipt, list of errors, failed rows, each under its place and name.

Belongs here: which answers a job gets and where they lie (acceptance, decision 1). Does not belong here: what a receipt says
(receipt.py), the failed rows themselves (failed_rows.py), moving the original, mail and webhooks.
"""

from collections.abc import Mapping, Sequence
from contextlib import AbstractContextManager
from datetime import datetime
from pathlib import Path
from typing import BinaryIO, NamedTuple

import polars as pl
from pydantic import ValidationError

from import_pipeline.model.job import GOOD_STATES, Counts, Job, JobState, ParsedFile
from import_pipeline.model.row_error import FileFault, Notice
from import_pipeline.reporting.failed_rows import write_failed
from import_pipeline.reporting.groups import group_errors
from import_pipeline.reporting.messages import guarded, labels_of, line_sentence
from import_pipeline.reporting.names import AnswerKind, answer_name, replacing, temporary_path
from import_pipeline.reporting.reasons import FailedRows
from import_pipeline.reporting.receipt import Aftermath, Receipt, make_receipt, outcome_of
from import_pipeline.reporting.record_numbers import RECORD
from import_pipeline.store.staging import END, ERRORS, JOB, LINE

SLICE_ERRORS = 100_000
"""Errors whose sentences are in memory at once."""
ERROR_COLUMNS = ("line", "column", "code", "severity", "value", "expected", "suggestion", "message", RECORD)


class Answer(NamedTuple):
    """Where the answers to one file lie; None for those there was no reason to write."""

    receipt: Path
    errors_file: Path | None
    failed_file: Path | None
    plan: Path | None = None


def goes_to_success(state: JobState) -> bool:
    """Whether a file of this final state belongs into Success."""
    return state in GOOD_STATES


def write_answers(
    job: Job,
    parsed: ParsedFile,
    counts: Counts,
    errors: pl.DataFrame | pl.LazyFrame,
    folder_ok: Path,
    folder_failed: Path,
    *,
    state: JobState,
    reason: str | None = None,
    delivery: str,
    account_title: str = "",
    started: datetime,
    finished: datetime,
    earlier_job: str | None = None,
    notices: Sequence[Notice] = (),
    packages: int = 0,
    timings: Mapping[str, float] | None = None,
    aftermath: Aftermath | None = None,
    records: pl.DataFrame | None = None,
) -> Answer:
    """Writes all answers of one job and tells where they lie.

    `errors` are the findings of all stages (columns of ERRORS); those of other jobs are left out. The list of errors and the
    failed rows lie in `folder_failed`, and only where something was refused; the receipt lies in `folder_ok` or
    `folder_failed`, where the original goes. `started` and `finished` know their time zone. `records` tells which record of the file a
    line belongs to (record_numbers.py); without it the list of errors does not say so.

    Called again it replaces its own files, and takes away those for which there is no reason any more; equal input gives equal
    bytes. The receipt is written last: where it lies, the files it names lie too. Raises OSError as the machine does.
    """
    found = _of_job(errors, job)
    places = _Places(job, folder_ok, folder_failed)
    errors_file, failed_file = (None, None) if state == "duplicate" else _write_reports(places, parsed, found, records)
    receipt = make_receipt(
        job,
        parsed,
        counts,
        group_errors(found, labels=labels_of(parsed)),
        state=state,
        reason=reason,
        delivery=delivery,
        account_title=account_title,
        started=started,
        finished=finished,
        earlier_job=earlier_job,
        notices=notices,
        packages=packages,
        timings=timings or {},
        errors_file=errors_file.name if errors_file else None,
        failed_file=failed_file.name if failed_file else None,
        aftermath=aftermath,
    )
    target = places.path("receipt", folder_ok if goes_to_success(state) else folder_failed)
    with places.writing("receipt", target) as out:
        out.write(receipt.model_dump_json(indent=2).encode() + b"\n")
    answer = Answer(target, errors_file, failed_file)
    places.keep_only(answer)
    return answer


def read_receipt(path: Path) -> Receipt | None:
    """The receipt that lies there, or None when somebody has taken it away or written over it."""
    try:
        return Receipt.model_validate_json(path.read_bytes())
    except (FileNotFoundError, ValidationError):
        return None


def amend_receipt(path: Path, **told: object) -> bool:
    """Sets these fields of the receipt that lies at `path`, and its sentence; False when somebody has taken it away.

    The list of errors and the failed rows are left alone: people edit them where they lie, and move them to where they drop files.
    """
    before = read_receipt(path)
    if before is None:
        return False
    after = before.model_copy(update=told)
    after = after.model_copy(update={"outcome": outcome_of(after)})
    if after != before:
        with replacing(path, temporary_path(path, before.job, "receipt")) as out:
            out.write(after.model_dump_json(indent=2).encode() + b"\n")
    return True


def _write_reports(
    places: "_Places", parsed: ParsedFile, found: pl.DataFrame, records: pl.DataFrame | None = None
) -> tuple[Path | None, Path | None]:
    """The list of errors and the failed rows, where there are any: (errors_file, failed_file).

    A file refused as a whole has no failed rows: all of it lies in Failed.
    """
    job, labels = places.job, labels_of(parsed)
    fault = parsed.fault or job.fault
    errors_file = failed_file = None
    failed = FailedRows.of(found, labels)
    if failed.lines.height and fault is None:
        failed_file = places.path("failed", places.failed)
        with places.writing("failed", failed_file) as out:
            write_failed(out, job, parsed, failed)
    if fault or "error" in found["severity"]:
        errors_file = places.path("errors", places.failed)
        with places.writing("errors", errors_file) as out:
            told = found.join(records, on=LINE, how="left", maintain_order="left") if records is not None else _without_records(found)
            _write_errors(out, told, fault, labels)
    return errors_file, failed_file


class _Places:
    """The names and folders of one job's answers."""

    def __init__(self, job: Job, folder_ok: Path, folder_failed: Path) -> None:
        self.job, self.ok, self.failed = job, folder_ok, folder_failed

    def path(self, kind: AnswerKind, folder: Path) -> Path:
        """Where the answer of this kind lies in `folder`."""
        return folder / answer_name(self.job.name, self.job.id, kind, self.job.kind)

    def writing(self, kind: AnswerKind, target: Path) -> AbstractContextManager[BinaryIO]:
        """The file `target`, in place as a whole when the block ends."""
        return replacing(target, temporary_path(target, self.job.id, kind))

    def keep_only(self, answer: Answer) -> None:
        """Takes away what an earlier attempt of this job wrote and this one did not."""
        kinds: tuple[AnswerKind, ...] = ("errors", "failed", "receipt")
        for path in {self.path(kind, folder) for kind in kinds for folder in (self.ok, self.failed)} - {p for p in answer if p}:
            path.unlink(missing_ok=True)


def _of_job(errors: pl.DataFrame | pl.LazyFrame, job: Job) -> pl.DataFrame:
    """The findings of this job in one fixed order: by line, then as a person reads them."""
    if not errors.lazy().collect_schema():
        return pl.DataFrame(schema=ERRORS)
    mine = errors.lazy().select(pl.col(name).cast(kind) for name, kind in ERRORS.items()).filter(pl.col(JOB) == job.number)
    return mine.sort(LINE, END, "severity", "column", "code", "value").collect()


def _write_errors(out: BinaryIO, found: pl.DataFrame, fault: FileFault | None, labels: Mapping[str, str]) -> None:
    """errors.csv: UTF-8, commas, one line per finding, the file's own fault first; no cell that a spreadsheet would run."""
    parts = [found.slice(offset, SLICE_ERRORS) for offset in range(0, found.height, SLICE_ERRORS)] or [found]
    out.write((",".join(ERROR_COLUMNS) + "\n").encode())
    if fault:
        _error_lines(_fault_row(fault), pl.lit(fault.message)).write_csv(out, include_header=False)
    for part in parts:
        _error_lines(part, line_sentence(labels)).write_csv(out, include_header=False)


def _without_records(found: pl.DataFrame) -> pl.DataFrame:
    return found.with_columns(pl.lit(None, pl.Int64).alias(RECORD))


def _fault_row(fault: FileFault) -> pl.DataFrame:
    told = fault.model_dump(exclude={"message", "line"}) | {LINE: fault.line, "severity": "error"}
    return _without_records(pl.DataFrame([told], schema={name: ERRORS[name] for name in ERRORS if name not in (JOB, END)}))


def _error_lines(findings: pl.DataFrame, message: pl.Expr) -> pl.DataFrame:
    texts = {name: guarded(pl.col(name)) for name in ERROR_COLUMNS if name not in ("line", "message", RECORD)}
    return findings.select(RECORD, line=LINE, **texts, message=guarded(message)).select(ERROR_COLUMNS)
