"""The end of a delivery's run: every file gets its answer, and rows that waited change the answers of earlier deliveries.

Belongs here: gathering what the stages found about one job, its counts and its final state. Does not belong here: what answers look
like (reporting/), moving originals (landing/project.py).
"""

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

import polars as pl

from import_pipeline.applying.stage import parked_rows
from import_pipeline.delivering import drifting, resubmitting
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.delivering.holding import wait_of
from import_pipeline.delivering.mapping import write_map
from import_pipeline.delivering.plans import write_job_plan
from import_pipeline.delivering.telling import tell
from import_pipeline.landing.project import project_delivery
from import_pipeline.landing.remote import paths as remote_paths
from import_pipeline.landing.tree import report_folder
from import_pipeline.landing.watch import new_owner
from import_pipeline.ledger import content, deliveries, files, jobs, meta, parked, remotes
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.lineage.rows import ERROR_STAGES
from import_pipeline.model.job import EVERY_ROW_REFUSED, GOOD_STATES, Counts, Job, JobState, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import Notice
from import_pipeline.reporting.answers import Answer, goes_to_success, write_answers
from import_pipeline.reporting.receipt import Aftermath, Replay
from import_pipeline.reporting.record_numbers import record_numbers
from import_pipeline.store.outcomes import outcomes_of
from import_pipeline.store.session import open_store
from import_pipeline.store.staging import ERRORS, JOB, LINE, StageFolder

_ACTIONS = {"create": "created", "update": "updated", "unchanged": "unchanged", "delete": "deleted", "park": "parked", "refuse": "refused"}


@dataclass(frozen=True)
class Found:
    """All that the stages found about the jobs of one object type of one delivery."""

    parsed: dict[int, ParsedFile]
    judged: dict[str, dict[str, object]]
    related: dict[str, dict[str, int]]
    errors: dict[int, pl.DataFrame]
    replay: int = 0
    """Which replay related the rows: 1 for the first after an answer, 0 for none."""
    held: str | None = None
    """Why the change set waits for approval."""


def gather(run: DeliveryRun, object_type: ObjectType) -> Found:
    """Reads the reports and row errors of every stage that ran."""
    stages = {name: run.stage(object_type, name) for name in ERROR_STAGES}
    reports = {name: stage.load_report() if stage.exists else {} for name, stage in stages.items()}
    files = [ParsedFile.model_validate(f) for f in reports["parsed"].get("files", [])]
    return Found(
        parsed={f.job: f for f in files},
        judged=reports["validated"].get("jobs", {}),
        related=reports["related"].get("jobs", {}),
        errors=_errors_by_job(stages.values()),
        replay=int(reports["related"].get("change_set", "::1").rpartition(":")[2]) - 1,
        held=held_reason(run, object_type),
    )


def held_reason(run: DeliveryRun, object_type: ObjectType) -> str | None:
    """Why this pass of the delivery holds the type's change set, or None when it does not."""
    stage = run.stage(object_type, "held")
    report = stage.load_report() if stage.exists else {}
    return str(report["reason"]) if report.get("change_set") == run.change_set(object_type) else None


def _errors_by_job(stages: Iterable[StageFolder]) -> dict[int, pl.DataFrame]:
    frames = [pl.read_parquet(p, columns=list(ERRORS)) for s in stages for p in s.parts("errors")]
    frames = [f.cast(dict(ERRORS)) for f in frames if f.height]  # type: ignore[arg-type]
    if not frames:
        return {}
    return {int(key[0]): part for key, part in pl.concat(frames).partition_by(JOB, as_dict=True).items()}


def count(found: Found, job: Job) -> Counts:
    """What became of the job's rows. Raises no doubt: rows = good + refused holds by construction of the stages."""
    judged = found.judged.get(str(job.number), {})
    rows, good, refused, kept = (int(judged.get(name, 0) or 0) for name in ("rows", "good", "refused", "written"))  # type: ignore[call-overload]
    halted = judged.get("halted")
    if (halted and not kept) or job.fault or (job.number in found.parsed and found.parsed[job.number].fault):
        return Counts(rows=rows, refused=refused)
    actions = {_ACTIONS[name]: n for name, n in found.related.get(job.id, {}).items() if name in _ACTIONS}
    late = actions.pop("refused", 0)
    if halted:
        # The rows before the first error, which a strict account keeps; those behind it were neither taken nor refused.
        return Counts(rows=rows, good=kept - late, refused=refused + late, **actions)
    return Counts(rows=rows, good=good - late, refused=rows - good + late, **actions)


def recount(run: DeliveryRun, object_type: ObjectType, job_id: str, rows: int) -> Counts:
    """The counts of a job whose rows were touched by more than one change set: by what the store says became of each row."""
    with open_store(run.pipeline.settings, run.account.name) as session:
        found = outcomes_of(session, object_type, [job_id])[job_id]
    good = sum(found.values())
    return Counts(rows=rows, good=good, refused=rows - good, **found)


def final_state(
    job: Job, parsed: ParsedFile | None, counts: Counts, halted: object, held: str | None = None
) -> tuple[JobState, str | None]:
    """The job's state at the end of the run and its reason (acceptance, decision 1)."""
    fault = job.fault or (parsed.fault if parsed else None)
    if fault:
        return ("duplicate" if fault.code == "duplicate" else "failed"), fault.message
    if halted and not counts.good:
        return "failed", str(halted)
    if counts.rows and not counts.good:
        return "failed", EVERY_ROW_REFUSED
    if held:
        return "held", held
    return ("planned" if job.dry_run else "applied"), str(halted) if halted else None


def answer_delivery(run: DeliveryRun) -> dict[str, Counts]:
    """Writes the answers of all jobs, books them in the ledger, projects the originals and ends the delivery; counts by job id."""
    from import_pipeline.delivering import undoing

    resubmitting.note_unknown(run)
    known: dict[str, Found] = {t.name: gather(run, t) for t in run.account.object_types}
    nothing = Found({}, {}, {}, {})
    told: dict[str, Counts] = {}
    with run.pipeline.ledger.read() as conn:
        rows = {row.id: row for row in jobs.by_delivery(conn, run.key)}
    for job in run.jobs:
        if job.undone_by:
            # A replay leaves it out: its answers stay as they are.
            told[job.id] = rows[job.id].counts
        elif job.undo_of:
            told[job.id] = undoing.answer_undo(run, job, rows[job.id], known)
        else:
            told[job.id] = _answer(run, job, rows[job.id], known.get(job.object_type, nothing))
    if not run.dry_run:
        _settle_waiting(run, known)
        resubmitting.settle(run, {name: found.related for name, found in known.items()})
    project_answers(run)
    with run.pipeline.ledger.begin() as conn:
        meta.write(conn, f"answers/{run.key}", run.pass_number, now=run.now)
        deliveries.finish(conn, run.key, now=run.now)
    return told


def _answer(run: DeliveryRun, job: Job, row: JobRow, found: Found) -> Counts:
    parsed = found.parsed.get(job.number) or ParsedFile(job=job.number, fault=job.fault)
    counts = count(found, job)
    if found.replay and counts.good and not (job.dry_run or found.held):
        counts = recount(run, run.account.object_type(job.object_type), job.id, counts.rows)
    state, reason = final_state(job, found.parsed.get(job.number), counts, found.judged.get(str(job.number), {}).get("halted"), found.held)
    row = drifting.with_drift(run, job, row, parsed)
    answer = write(run, job, row, parsed, counts, found, state, reason)
    with run.pipeline.ledger.begin() as conn:
        book(conn, run, job, answer, counts, state, reason)
        drifting.remember(conn, run, job, row, parsed, counts, state)
        # Of a file that halted on its way (acceptance T-2) not all is in: the same bytes may come again.
        if state == "applied" and not job.dry_run and reason is None:
            content.remember(conn, job.account, job.object_type, job.format, job.sha256, job.id, now=run.now)
        if state == "held":
            jobs.hold(conn, job.id, held_until(run, job))
    if state != "held":
        _take_away(row)
    return counts


def answer_rejected(run: DeliveryRun, rejected: Sequence[JobRow], reason: str) -> None:
    """Ends held jobs of the delivery as failed: nothing of them was applied, and nothing will be."""
    told = {row.id: row for row in rejected}
    for job in run.jobs:
        row = told.get(job.id)
        if row is None:
            continue
        found = gather(run, run.account.object_type(job.object_type))
        parsed = found.parsed.get(job.number) or ParsedFile(job=job.number)
        counts = Counts(rows=row.counts.rows, refused=row.counts.refused)
        answer = write(run, job, row, parsed, counts, found, "failed", reason)
        with run.pipeline.ledger.begin() as conn:
            book(conn, run, job, answer, counts, "failed", reason)
        _take_away(row)
    project_answers(run)


def _take_away(row: JobRow) -> None:
    """What lay in Held while the job waited."""
    for path in (row.receipt, row.errors_file, row.failed_file, row.plan_file):
        for lying in Path(path).parent.glob(f"*.{row.id}.*") if path and Path(path).parent.name == "Held" else ():
            lying.unlink(missing_ok=True)


def held_until(run: DeliveryRun, job: Job) -> datetime:
    """When a held job is decided by itself: its time begins with the first plan."""
    with run.pipeline.ledger.read() as conn:
        row = jobs.get(conn, job.id)
    if row and row.held_until:
        return row.held_until
    return run.now + wait_of(run.account, [job])


def write(
    run: DeliveryRun, job: Job, row: JobRow, parsed: ParsedFile, counts: Counts, found: Found, state: JobState, reason: str | None
) -> Answer:
    """The job's answers in its door's folders, with its plan where it is planned only."""
    folder_ok, folder_failed = folders(run, job, state)
    plan = None
    if job.dry_run or state == "held":
        plan = write_job_plan(
            run, job, parsed, counts, found, folder_ok if goes_to_success(state) else folder_failed, _hindered(state, reason)
        )
    map_file = write_map(run, job, folder_ok if goes_to_success(state) else folder_failed) if state in GOOD_STATES else None
    aftermath = Aftermath(
        replay=_replayed(run, job, found),
        undo_of=job.undo_of,
        undone_by=job.undone_by,
        plan_file=plan.page.name if plan else None,
        plan=plan.summary if plan else None,
        map_file=map_file.name if map_file else None,
        held_until=held_until(run, job) if state == "held" else None,
        **resubmitting.told_before(row),
    )
    errors = found.errors.get(job.number, pl.DataFrame(schema=ERRORS))
    answer = write_answers(
        job,
        parsed,
        counts,
        errors,
        folder_ok,
        folder_failed,
        state=state,
        reason=reason,
        delivery=run.key,
        account_title=run.account.title,
        started=row.started_at or row.created_at,
        finished=run.now,
        earlier_job=job.fault.value if job.fault and job.fault.code == "duplicate" else None,
        notices=[*row.notices, *_many_rows(run, job, parsed)],
        packages=row.packages_total,
        aftermath=aftermath,
        records=_records(run, job, errors),
    )
    return answer._replace(plan=plan.page if plan else None)


def _records(run: DeliveryRun, job: Job, errors: pl.DataFrame) -> pl.DataFrame | None:
    """Which record of the file each line with an error belongs to."""
    if errors.is_empty() or not job.object_type:
        return None
    return record_numbers(run.stage(run.account.object_type(job.object_type), "parsed"), job.number, errors.get_column(LINE))


def _many_rows(run: DeliveryRun, job: Job, parsed: ParsedFile) -> list[Notice]:
    """A file with more rows than its format recommends is imported all the same (acceptance A-10)."""
    most = run.account.format(job.format).recommended_rows if job.format else None
    if most is None or parsed.rows <= most:
        return []
    return [Notice(code="many_rows", message=f"{parsed.rows:,} rows; at most {most:,} in one file are recommended", rows=parsed.rows)]


def _hindered(state: JobState, reason: str | None) -> str | None:
    """Why applying the plan would do nothing. What waits for approval is not hindered: it only waits."""
    return reason if state in ("failed", "duplicate") else None


def folders(run: DeliveryRun, job: Job, state: JobState) -> tuple[Path, Path]:
    """Where the job's answers lie: (for what went well, for what did not). Both are `Held` for a job that waits for approval."""
    with run.pipeline.ledger.read() as conn:
        file = files.get(conn, job.file_id) if job.file_id else None
    place = file.path if file else None
    if state == "held":
        held = report_folder(run.account, run.pipeline.settings, place, "Held")
        return held, held
    settings = run.pipeline.settings
    return report_folder(run.account, settings, place, "Success"), report_folder(run.account, settings, place, "Failed")


def _replayed(run: DeliveryRun, job: Job, found: Found) -> Replay | None:
    """What this pass did with the job's rows, when it is not the first."""
    if not found.replay or job.dry_run:
        return None
    done = found.related.get(job.id, {})
    told = {_ACTIONS[name]: n for name, n in done.items() if name in ("create", "update", "unchanged", "park")}
    return Replay(number=found.replay, **told)


def book(conn: object, run: DeliveryRun, job: Job, answer: Answer, counts: Counts, state: JobState, reason: str | None) -> None:
    """The final state and where the answers lie."""
    files = {"receipt": answer.receipt, "errors_file": answer.errors_file, "failed_file": answer.failed_file, "plan_file": answer.plan}
    jobs.finish(
        conn,  # type: ignore[arg-type]
        job.id,
        state,
        now=run.now,
        counts=counts,
        reason=reason,
        **{name: str(path) if path else None for name, path in files.items()},
    )
    remotes.answers_changed(conn, job.file_id, now=run.now)  # type: ignore[arg-type]
    tell(conn, run, job.id)  # type: ignore[arg-type]


def _settle_waiting(run: DeliveryRun, known: dict[str, Found]) -> None:
    """Rows of earlier deliveries that found their parent, or waited too long, change those jobs' counts and answers."""
    own = {job.id for job in run.jobs}
    for object_type in run.account.object_types:
        for job_id in known[object_type.name].related:
            if job_id not in own:
                amend(run, object_type, job_id)
    with open_store(run.pipeline.settings, run.account.name) as session:
        waiting = {t.name: parked_rows(session, t) for t in run.account.object_types}
    with run.pipeline.ledger.begin() as conn:
        for name, by_job in waiting.items():
            parked.set_open(conn, run.account.name, name, sum(by_job.values()))


def amend(run: DeliveryRun, object_type: ObjectType, job_id: str) -> None:
    """New counts and answers for a job of an earlier delivery, some of whose rows wait no longer, or wait again."""
    with run.pipeline.ledger.read() as conn:
        row = jobs.get(conn, job_id)
    if row is None:
        return
    earlier = DeliveryRun(run.pipeline, run.account, row.delivery)
    job = next(j for j in earlier.jobs if j.id == job_id)
    counts = recount(run, object_type, job_id, row.counts.rows)
    _pass_errors(run.stage(object_type, "related"), earlier.stage(object_type, "expired"), job, object_type)
    found = gather(earlier, object_type)
    parsed = found.parsed.get(job.number) or ParsedFile(job=job.number)
    state: JobState = "applied" if counts.good or not counts.rows else "failed"
    answer = write(earlier, job, row, parsed, counts, found, state, row.reason)
    with run.pipeline.ledger.begin() as conn:
        book(conn, run, job, answer, counts, state, row.reason)


def _pass_errors(related: StageFolder, target: StageFolder, job: Job, object_type: ObjectType) -> None:
    """What `related` found about rows that had waited, as row errors of the delivery they came with."""
    found = related.read("errors").filter(pl.col("job") == job.id)
    gone = related.read("expired").filter(pl.col("job") == job.id)
    column = object_type.parent.column if object_type.parent else None
    expired = gone.select(
        pl.lit(job.number, pl.Int32).alias(JOB),
        "_line",
        "_end",
        pl.lit("parent_expired").alias("code"),
        pl.lit("error").alias("severity"),
        pl.lit(column, pl.String).alias("column"),
        pl.col("ref").alias("value"),
        pl.lit("the parent within the time a row may wait").alias("expected"),
        pl.lit(None, pl.String).alias("suggestion"),
    )
    fresh = pl.concat([found.with_columns(pl.lit(job.number, pl.Int32).alias(JOB)).select(list(ERRORS)), expired.select(list(ERRORS))])
    if fresh.is_empty():
        return
    before = target.read("errors") if target.exists else pl.DataFrame(schema=ERRORS)
    with target.writing() as writer:
        writer.part("errors", pl.concat([before, fresh]).unique(maintain_order=True))
        writer.report({})


def project_answers(run: DeliveryRun) -> None:
    """Moves the originals of the delivery to Success or Failed; what cannot be moved is noted and tried again later.

    Answers to files of other people's servers are sent there, for a short while; what is left is sent by the next collecting run.
    """
    pipeline = run.pipeline
    project_delivery(pipeline.ledger, run.account, pipeline.settings, run.key, run.now, new_owner())
    with pipeline.ledger.read() as conn:
        remote = any(remote_paths.unpack(file.path) for file in files.by_delivery(conn, run.key))
    if remote:
        from import_pipeline.landing.remote.answer import answer_delivery

        answer_delivery(pipeline.ledger, run.account, pipeline.settings, pipeline.clock, new_owner(), run.key)
