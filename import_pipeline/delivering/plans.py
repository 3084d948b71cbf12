"""Plans of a delivery: what its change sets would do, written beside the stages, and handed to people as files.

Belongs here: when a plan is made and which change set it tells. Does not belong here: a plan's rows and pages (planning/), whether a
change set is held (holding.py).
"""

import shlex
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any

import polars as pl

from import_pipeline.delivering.holding import approved, reason_to_hold
from import_pipeline.model.job import Counts, Job, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables
from import_pipeline.store.session import open_store
from import_pipeline.store.staging import ERRORS

if TYPE_CHECKING:
    from import_pipeline.delivering.answering import Found
    from import_pipeline.delivering.flow import DeliveryRun
    from import_pipeline.planning.files import PlanFiles


def plan(run: "DeliveryRun", object_type: ObjectType) -> dict[str, Any]:
    """Writes the rows of the type's plan into the stage folder `planned`; what applying would return, with nothing applied."""
    from import_pipeline.planning.moves import MovesOrder, write_moves
    from import_pipeline.planning.shape import PlanOrder

    if run.undo:
        from import_pipeline.planning.undo_rows import undo_plan as write_plan
    else:
        from import_pipeline.planning.rows import import_plan as write_plan
    related = run.stage(object_type, "related")
    report = related.load_report()
    with run.stage(object_type, "planned").writing() as writer, run.looking(object_type) as session:
        order = PlanOrder(
            object_type=object_type,
            parent=run.account.object_type(object_type.parent.type) if object_type.parent else None,
            timezone=run.account.timezone,
            related=related,
            target=writer.folder / "rows-00000.parquet",
            validated=None if run.undo else run.stage(object_type, "validated"),
            parsed=None if run.undo else run.stage(object_type, "parsed"),
        )
        rows = write_plan(session, order)
        if object_type is run.account.territory_type:
            pinned = [t for t in run.account.object_types if t.pin]
            rows += write_moves(session, MovesOrder(order, pinned, writer.folder), "undo" if run.undo else "import")
        records = session.one(f"SELECT count(*) FROM {Tables(object_type).current}")
        writer.report({"change_set": report["change_set"], "rows": rows, "records": records})
    stamp = datetime.fromisoformat(report["stamp"])
    return {"change_set": report["change_set"], "stamp": stamp.isoformat(), "packages": {}, "commits": 0, "records": records}


def hold_back(run: "DeliveryRun", object_type: ObjectType) -> str | None:
    """Why the type's change set is not applied now but waits for approval, or None; the stage folder `held` says the same."""
    held, related = run.stage(object_type, "held"), run.stage(object_type, "related")
    why = _reason(run, object_type)
    if why is None or approved(run.pipeline, run.key, object_type, related):
        return None
    since = held.load_report()["since"] if held.exists else related.load_report()["stamp"]
    with held.writing() as writer:
        writer.report({"change_set": run.change_set(object_type), "reason": why, "since": since})
    return why


def held_since(run: "DeliveryRun", object_type: ObjectType) -> datetime | None:
    """The moment that rows which were held once speak for: that of their first plan."""
    held = run.stage(object_type, "held")
    return datetime.fromisoformat(held.load_report()["since"]) if held.exists else None


def _reason(run: "DeliveryRun", object_type: ObjectType) -> str | None:
    stated = [run.account.hold, *(run.account.format(job.format).hold for job in run.jobs_of(object_type) if job.format)]
    if run.undo or not any(stated) or run.is_begun(object_type):
        return None
    report = run.stage(object_type, "related").load_report()
    with open_store(run.pipeline.settings, run.account.name) as session:
        records = int(session.one(f"SELECT count(*) FROM {Tables(object_type).current}"))
    return reason_to_hold(run.account, run.jobs_of(object_type), report, records)


def write_job_plan(
    run: "DeliveryRun", job: Job, parsed: ParsedFile, counts: Counts, found: "Found", folder: Path, reason: str | None = None
) -> "PlanFiles":
    """The plan of one job as files in `folder`. `reason` tells why applying would do nothing, where that is so."""
    from import_pipeline.planning.files import FilesOrder, write_plan

    plans, also = told_by(run, job)
    order = FilesOrder(
        job=job,
        parsed=parsed,
        counts=counts,
        plans=plans,
        errors=found.errors.get(job.number, pl.DataFrame(schema=ERRORS)),
        folder=folder,
        how=_how(run, job),
        account_title=run.account.title,
        reason=reason,
        also=also,
    )
    return write_plan(order)


def told_by(run: "DeliveryRun", job: Job) -> tuple[list[Path], tuple[str, ...]]:
    """The plans that tell about a job, and the earlier jobs whose waiting rows go on because of it: children of what it brings.

    An undo is told by all types of its delivery.
    """
    plans: list[Path] = []
    also: set[str] = set()
    below = run.account.descendants({job.object_type}) if job.object_type in run.account.types_by_name else set()
    for object_type in run.account.parents_first:
        planned = run.stage(object_type, "planned")
        if object_type.name not in below or not planned.exists:
            continue
        plans += planned.parts()
        if object_type.name != job.object_type and not run.undo:
            own = {other.id for other in run.jobs}
            also |= set(run.stage(object_type, "related").load_report()["jobs"]) - own
    return plans, tuple(sorted(also))


def _how(run: "DeliveryRun", job: Job) -> str:
    """The command that does what the plan says."""
    if job.undo_of:
        return f"import-pipeline undo {job.undo_of} --yes"
    if not job.dry_run:
        return f"import-pipeline approve {job.id}"
    stated = f" --format {shlex.quote(job.format)}" if job.format else f" --type {shlex.quote(job.object_type)}"
    return f"import-pipeline import {shlex.quote(job.archive or job.name)} --account {run.account.name}{stated}"
