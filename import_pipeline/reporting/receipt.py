"""The receipt: the answer about one file, as one JSON document that people and programs read.

Belongs here: its shape, the sentence that tells the outcome, and how it is made from what the stages found.
Does not belong here: the other answers of a file and where they are put (answers.py).
"""

from collections.abc import Mapping, Sequence
from datetime import datetime
from typing import Literal

from pydantic import AwareDatetime, Field

from import_pipeline.model.base import Model
from import_pipeline.model.columns import map_header
from import_pipeline.model.job import Counts, FileKind, Job, JobState, ParsedFile
from import_pipeline.model.plan import PlanSummary
from import_pipeline.model.row_error import FileFault, Notice, Severity
from import_pipeline.reporting.groups import Groups
from import_pipeline.reporting.names import readable

_DONE = ("created", "updated", "unchanged", "deleted", "parked")


class ReceiptAccount(Model):
    """Whose file it is."""

    name: str
    title: str = ""


class ReceiptFile(Model):
    """Which file it is. `member` is its place inside `archive`; `sha256` and `size` (bytes) are those of its own bytes."""

    name: str
    archive: str | None = None
    member: str | None = None
    sha256: str
    size: int


class ReadAs(Model):
    """How the file was read. `mapped` is header cell → column; `ignored` is known but not imported, `unknown` names no column."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    header_line: int | None = None
    mapped: dict[str, str] = Field(default_factory=dict)
    ignored: tuple[str, ...] = ()
    unknown: tuple[str, ...] = ()


class ErrorGroup(Model):
    """Row errors that say the same (acceptance B-8); `lines` are the first five, `values` counts the different values."""

    code: str
    severity: Severity
    column: str | None
    value: str | None
    values: int
    rows: int
    lines: tuple[int, ...]
    expected: str | None
    suggestion: str | None
    sentence: str


class Replay(Model):
    """What running the delivery again added to the job, under the rules of that day (acceptance B-7)."""

    number: int
    """1 for the first replay."""
    created: int = 0
    updated: int = 0
    unchanged: int = 0
    parked: int = 0


class ResolvedBy(Model):
    """A job that sent refused rows again, and how many of them it brought in."""

    job: str
    rows: int


class Resolved(Model):
    """What became of a job's refused rows since: `rows` came in through rows that mend them, `open` did not. Each counts once."""

    rows: int
    open: int
    by: tuple[ResolvedBy, ...] = ()


class Resubmits(Model):
    """What a file that was sent again mends: `rows` of it name this job, and `closed` refused rows of that job came in by them."""

    job: str
    rows: int
    closed: int


class Aftermath(Model):
    """What stands around an import: plan, approval, replay, undo, rows sent again; nothing of it for a plain first import."""

    replay: Replay | None = None
    undo_of: str | None = None
    undone_by: str | None = None
    plan_file: str | None = None
    plan: PlanSummary | None = None
    map_file: str | None = None
    held_until: AwareDatetime | None = None
    resolved: Resolved | None = None
    resubmits: tuple[Resubmits, ...] = ()


class Receipt(Model):
    """The answer about one job. Written as `NAME.JOB.receipt.json`; valid for every final state of a job."""

    schema_version: Literal[1] = 1
    account: ReceiptAccount
    delivery: str
    job: str
    file: ReceiptFile
    object_type: str
    format: str | None
    kind: FileKind
    state: JobState
    dry_run: bool
    outcome: str
    reason: str | None
    fault: FileFault | None
    counts: Counts
    read: ReadAs
    notices: tuple[Notice, ...]
    errors: tuple[ErrorGroup, ...]
    more_error_groups: int
    more_errors: int
    errors_file: str | None
    failed_file: str | None
    plan_file: str | None = None
    plan: PlanSummary | None = None
    map_file: str | None = None
    earlier_job: str | None
    replay: Replay | None = None
    undo_of: str | None = None
    undone_by: str | None = None
    held_until: AwareDatetime | None = None
    resolved: Resolved | None = None
    """None while no row that was sent again names this job."""
    resubmits: tuple[Resubmits, ...] = ()
    """The jobs whose refused rows this file sent again."""
    started: AwareDatetime
    finished: AwareDatetime
    seconds: float
    rows_per_second: float | None
    packages: int
    timings: dict[str, float]
    """Seconds per stage, where the caller knows them."""


def read_as(parsed: ParsedFile) -> ReadAs:
    """How `parsed` was read, from its header and keys. Which unmapped cell is known is decided as the importer decides it."""
    pairs = list(zip(parsed.header, parsed.keys, strict=False))
    left = [cell for cell, key in pairs if key is None]
    told = {n.column for n in parsed.notices if n.code == "column_ignored"}
    unknown = tuple(cell for cell in map_header(left, (), {}).unknown if cell not in told)
    return ReadAs(
        encoding=parsed.encoding,
        delimiter=parsed.delimiter,
        quote=parsed.quote,
        header_line=parsed.header_line,
        mapped={cell: key for cell, key in pairs if key is not None},
        ignored=tuple(cell for cell in left if cell not in unknown),
        unknown=unknown,
    )


def _file(job: Job) -> ReceiptFile:
    archive, member = (None if name is None else readable(name) for name in (job.archive, job.member))
    return ReceiptFile(name=readable(job.name), archive=archive, member=member, sha256=job.sha256, size=job.size)


def make_receipt(
    job: Job,
    parsed: ParsedFile,
    counts: Counts,
    groups: Groups,
    *,
    state: JobState,
    reason: str | None,
    delivery: str,
    account_title: str,
    started: datetime,
    finished: datetime,
    earlier_job: str | None,
    notices: Sequence[Notice],
    packages: int,
    timings: Mapping[str, float],
    errors_file: str | None,
    failed_file: str | None,
    aftermath: Aftermath | None = None,
) -> Receipt:
    """The receipt of one job. Seconds are those between `started` and `finished`, which must know their time zone."""
    seconds = round((finished - started).total_seconds(), 3)
    fault = parsed.fault or job.fault
    aftermath = aftermath or Aftermath()
    reason = reason or (fault.message if fault else None)
    receipt = Receipt(
        account=ReceiptAccount(name=job.account, title=account_title),
        delivery=delivery,
        job=job.id,
        file=_file(job),
        object_type=job.object_type,
        format=job.format,
        kind=job.kind,
        state=state,
        dry_run=job.dry_run,
        outcome="",
        reason=reason,
        fault=fault,
        counts=counts,
        read=read_as(parsed),
        notices=_distinct([*parsed.notices, *notices]),
        errors=tuple(ErrorGroup.model_validate(row) for row in groups.frame.iter_rows(named=True)),
        more_error_groups=groups.more_groups,
        more_errors=groups.more_rows,
        errors_file=errors_file,
        failed_file=failed_file,
        earlier_job=earlier_job,
        **aftermath.model_dump(),
        started=started,
        finished=finished,
        seconds=seconds,
        rows_per_second=round(counts.rows / seconds, 1) if seconds > 0 and counts.rows else None,
        packages=packages,
        timings={name: round(spent, 3) for name, spent in timings.items()},
    )
    return receipt.model_copy(update={"outcome": outcome_of(receipt)})


def outcome_of(receipt: Receipt) -> str:
    """The sentence of a receipt, made anew from its facts."""
    return outcome_sentence(
        receipt.state,
        receipt.counts,
        reason=receipt.reason,
        earlier_job=receipt.earlier_job,
        dry_run=receipt.dry_run,
        errors_file=receipt.errors_file,
        failed_file=receipt.failed_file,
        aftermath=Aftermath.model_validate({name: getattr(receipt, name) for name in Aftermath.model_fields}),
    )


def outcome_sentence(
    state: JobState,
    counts: Counts,
    *,
    reason: str | None = None,
    earlier_job: str | None = None,
    dry_run: bool = False,
    errors_file: str | None = None,
    failed_file: str | None = None,
    aftermath: Aftermath | None = None,
) -> str:
    """What became of a file, for people: what was done, what was not and why, and what to do next."""
    told = aftermath or Aftermath()
    if told.resolved and not told.resolved.open:
        failed_file = None
    sentence = _outcome(state, counts, reason, earlier_job, dry_run, errors_file, failed_file, told)
    sentence += "".join(f" {also}" for also in _mended(told))
    if told.undone_by:
        return f"Taken back by job {told.undone_by}. Before that: {sentence}"
    if told.replay and not dry_run:
        added = told.replay
        new = ", ".join(
            f"{n:,} {what}" for n, what in ((added.created, "created"), (added.updated, "updated"), (added.parked, "parked")) if n
        )
        return f"{sentence} Replay {added.number} added: {new or 'nothing new'}."
    return sentence


def _outcome(
    state: JobState,
    counts: Counts,
    reason: str | None,
    earlier_job: str | None,
    dry_run: bool,
    errors_file: str | None,
    failed_file: str | None,
    around: Aftermath,
) -> str:
    if state in ("waiting", "running"):
        return f"The import is {state}."
    if around.undo_of and state in ("applied", "planned"):
        return _undone(counts, around.undo_of, dry_run)
    if state == "held":
        until = f" until {around.held_until:%Y-%m-%d %H:%M} UTC" if around.held_until else ""
        return f"Nothing was imported yet: {reason}. It waits for approval{until}. Planned: {_tally(counts)}."
    if state == "duplicate":
        earlier = f" by job {earlier_job}" if earlier_job else ""
        return f"Nothing was changed: the same bytes were imported before{earlier}."
    if state == "failed":
        return _failed(counts, reason, errors_file, failed_file)
    if not counts.rows:
        return "The file holds no rows; there was nothing to import."
    head = "Dry run, nothing was written: " if dry_run else ""
    verb = "would be imported" if dry_run else _verb(counts.good, "imported")
    if not counts.refused:
        every = "the one row" if counts.rows == 1 else f"all {counts.rows:,} rows"
        return _capital(f"{head}{every} {verb}: {_tally(counts)}.")
    told = f"{head}{counts.good:,} of {_rows(counts.rows)} {verb} ({_tally(counts)}). "
    if reason:
        return _capital(told + f"The import was {reason}{_next_step(errors_file, failed_file)}.")
    return _capital(told + f"{_rows(counts.refused)} {_verb(counts.refused, 'refused')}{_next_step(errors_file, failed_file)}.")


def _mended(told: Aftermath) -> list[str]:
    """«3 of the 5 refused rows came in since (job k3…).», and for the file that was sent again what it closes."""
    said = []
    if told.resolved and told.resolved.rows:
        done, refused = told.resolved.rows, told.resolved.rows + told.resolved.open
        all_of = "The refused row" if refused == 1 else f"All {refused:,} refused rows" if done == refused else ""
        jobs = ", ".join(by.job for by in told.resolved.by)
        by = f"(job{'' if len(told.resolved.by) == 1 else 's'} {jobs})"
        said.append(f"{all_of or f'{done:,} of the {refused:,} refused rows'} came in since {by}.")
    said += [
        f"{_capital(_rows(one.rows))} of job {one.job} {_verb(one.rows, 'sent again')}; this closes {one.closed:,} of them."
        for one in told.resubmits
    ]
    return said


def _undone(counts: Counts, undone: str, dry_run: bool) -> str:
    done = (
        (counts.deleted, "removed"),
        (counts.updated, "restored"),
        (counts.created, "brought back"),
        (counts.unchanged, "kept as they are"),
    )
    told = ", ".join(f"{n:,} {what}" for n, what in done if n) or "nothing to take back"
    return f"Plan, nothing was written: undoing job {undone} means {told}." if dry_run else f"Job {undone} is undone: {told}."


def _failed(counts: Counts, reason: str | None, errors_file: str | None, failed_file: str | None) -> str:
    because = f": {reason.rstrip('. ').removesuffix('; nothing was imported')}" if reason else ""
    if counts.good:
        return f"The import did not end well{because}. Until then: {_tally(counts)}."
    if counts.rows and counts.refused == counts.rows:
        every = "the one row was" if counts.rows == 1 else f"all {counts.rows:,} rows were"
        because = because or f": {every} refused"
        return f"Nothing was imported{because}{_next_step(errors_file, failed_file)}."
    where = f" What is wrong stands in {errors_file}." if errors_file else ""
    whole = " Mend these rows and send the whole file again" if counts.refused else ""
    only = f"; {failed_file} holds the refused rows alone" if whole and failed_file else ""
    return f"Nothing was imported{because or ': the file was refused'}.{where}{whole}{only}{'.' if whole else ''}"


def _tally(counts: Counts) -> str:
    """«900 created, 88 unchanged», leaving out what is zero."""
    return ", ".join(f"{getattr(counts, name):,} {name}" for name in _DONE if getattr(counts, name)) or f"{counts.good:,} good"


def _rows(number: int) -> str:
    return f"{number:,} row{'' if number == 1 else 's'}"


def _verb(number: int, done: str) -> str:
    return f"{'was' if number == 1 else 'were'} {done}"


def _next_step(errors_file: str | None, failed_file: str | None) -> str:
    why = f"; the reasons stand in {errors_file}" if errors_file else ""
    return why + (f"; mend {failed_file} and send it again" if failed_file else "")


def _capital(text: str) -> str:
    return text[:1].upper() + text[1:]


def _distinct(notices: Sequence[Notice]) -> tuple[Notice, ...]:
    """Each notice once, in order: a caller may pass on those that parsing has already told."""
    return tuple(dict.fromkeys(notices))
