"""The jobs `undo_import`, `replay_delivery` and `decide_import`: what people do after an import, from the UI.

Belongs here: their configuration and ops. Does not belong here: what they book (again.py), running a delivery (direct.py), importing a
file by hand (by_hand.py).
"""

from datetime import timedelta
from typing import Literal

import dagster as dg
from pydantic import Field

from import_pipeline.delivering.again import book_approval, book_replay, book_undo, reject
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.orchestration.direct import run_delivery

_PATIENCE = timedelta(hours=6)


class UndoImport(dg.Config):
    """Which job is taken back."""

    job: str = Field(description="The job's id, as the receipt tells it.")
    dry_run: bool = Field(default=True, description="Only plan: show what would be removed, restored and kept.")


class ReplayDelivery(dg.Config):
    """Which delivery runs again."""

    delivery: str = Field(description="The delivery's key, which is its partition, or the id of one of its jobs.")


class DecideImport(dg.Config):
    """What happens to a job that waits for approval."""

    job: str = Field(description="The held job's id; all jobs of its type and delivery are decided together.")
    decision: Literal["approve", "reject"]
    reason: str = Field(default="rejected", description="Why it is rejected; it stands in the receipt.")


def afterwards_jobs(pipeline: Pipeline) -> list[dg.JobDefinition]:
    """The three jobs. Each books its work and runs it here, or waits for the daemon that got it first."""
    return [_undo_job(pipeline), _replay_job(pipeline), _decide_job(pipeline)]


def _undo_job(pipeline: Pipeline) -> dg.JobDefinition:
    @dg.op(description="Plans the undo, or does it.")
    def undo(context: dg.OpExecutionContext, config: UndoImport) -> None:
        account, key = book_undo(pipeline, config.job, dry_run=config.dry_run)
        _tell(context, run_delivery(pipeline, context.instance, account, key, patience=_PATIENCE))

    @dg.job(
        name="undo_import",
        executor_def=dg.in_process_executor,
        description="Takes an import back. With dry_run (the default) it only writes the plan: records to remove, values to restore, "
        "records that stay because they were edited since.",
    )
    def undo_import() -> None:
        undo()

    return undo_import


def _replay_job(pipeline: Pipeline) -> dg.JobDefinition:
    @dg.op(description="Runs the delivery's originals again.")
    def replay(context: dg.OpExecutionContext, config: ReplayDelivery) -> None:
        account, key = book_replay(pipeline, config.delivery)
        _tell(context, run_delivery(pipeline, context.instance, account, key, patience=_PATIENCE))

    @dg.job(
        name="replay_delivery",
        executor_def=dg.in_process_executor,
        description="Runs the originals of a delivery again under the rules of today, as a backfill of its partition does.",
    )
    def replay_delivery() -> None:
        replay()

    return replay_delivery


def _decide_job(pipeline: Pipeline) -> dg.JobDefinition:
    @dg.op(description="Approves or rejects.")
    def decide(context: dg.OpExecutionContext, config: DecideImport) -> None:
        if config.decision == "reject":
            _tell(context, reject(pipeline, config.job, config.reason))
            return
        account, key, _ = book_approval(pipeline, config.job)
        _tell(context, run_delivery(pipeline, context.instance, account, key, patience=_PATIENCE))

    @dg.job(
        name="decide_import",
        executor_def=dg.in_process_executor,
        description="Approves or rejects a job that is held because it would change too much.",
    )
    def decide_import() -> None:
        decide()

    return decide_import


def _tell(context: dg.OpExecutionContext, rows: list[JobRow]) -> None:
    for row in rows:
        context.log.info("job %s: %s %s", row.id, row.state, row.counts.model_dump())
    told = {row.id: f"{row.state}: {row.counts.model_dump()}" for row in rows}
    plans = {f"plan of {row.id}": dg.MetadataValue.path(row.plan_file) for row in rows if row.plan_file}
    context.add_output_metadata({**told, **plans})
