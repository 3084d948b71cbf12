"""The plan of a job as pages show it: of a dry run, of an undo that is only planned, of an import that waits for approval.

Belongs here: finding a job's plan. Does not belong here: choosing and grouping its rows (planning/sections.py), how it looks
(templates/monitor/_plan.html.j2).

A plan is read from staging, never from the files that lie beside the answers: people can write there, and who approves must see what
would be applied.
"""

from typing import TYPE_CHECKING

from import_pipeline.failures import TransientFailure
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account

if TYPE_CHECKING:
    from import_pipeline.planning.sections import View


def plan_of(gate: Gate, account: Account, job: JobRow) -> "View | None":
    """The plan of a planned or held job; None for any other, and for one whose staging is past its retention.

    Blocking, some tenths of a second for a large plan. Raises TransientFailure while a run makes the plan anew.
    """
    if job.state not in ("planned", "held"):
        return None
    from polars.exceptions import PolarsError

    try:
        return _gathered(gate, account, job)
    except (OSError, PolarsError) as error:
        raise TransientFailure(f"the plan of job {job.id} cannot be read: {error}") from error


def _gathered(gate: Gate, account: Account, job: JobRow) -> "View | None":
    import polars as pl

    from import_pipeline.delivering.answering import gather as gather_found
    from import_pipeline.delivering.flow import DeliveryRun
    from import_pipeline.delivering.plans import told_by
    from import_pipeline.planning.sections import PageFacts, gather
    from import_pipeline.planning.summary import PlanFile, all_rows, summarize
    from import_pipeline.reporting.groups import group_errors
    from import_pipeline.reporting.messages import labels_of
    from import_pipeline.store.staging import ERRORS

    run = DeliveryRun(gate.pipeline, account, job.delivery)
    booked = next(one for one in run.jobs if one.id == job.id)
    paths, also = told_by(run, booked)
    if not paths:
        return None
    plans = [PlanFile(path) for path in paths]
    groups = group_errors(pl.DataFrame(schema=ERRORS))
    if not booked.undo_of:
        found = gather_found(run, account.object_type(job.object_type))
        parsed = found.parsed.get(booked.number)
        errors = found.errors.get(booked.number)
        if errors is not None:
            groups = group_errors(errors.select(list(ERRORS)), labels=labels_of(parsed) if parsed else None)
    summary = summarize(booked, plans, job.counts, also)
    facts = PageFacts(job=booked, summary=summary, groups=groups, how="", csv="", account_title=account.title)
    return gather(facts, all_rows(plans, [job.id, *also]))
