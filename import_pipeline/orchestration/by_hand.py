"""The job `import_file`: one file of any path, imported by hand from the UI.

Belongs here: its configuration and ops. Does not belong here: running a delivery (direct.py), the account's own job (jobs.py).
"""

from datetime import timedelta
from pathlib import Path

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.landing.submit import submit
from import_pipeline.orchestration.direct import run_delivery


class ImportFile(dg.Config):
    """What to import. `path` is a file on the machine of the run; `object_type` may be left out when the name tells it.

    With `dry_run` the file is planned and nothing is written.
    """

    account: str
    path: str
    object_type: str = ""
    format: str = ""
    dry_run: bool = False


def import_file_job(pipeline: Pipeline) -> dg.JobDefinition:
    """Takes one file of this machine into the vault and books a delivery of it; the landing sensor's next tick requests its run."""

    @dg.op(description="Vaults the file and books the delivery.")
    def submit_file(context: dg.OpExecutionContext, config: ImportFile) -> dict[str, str]:
        account = pipeline.account(config.account)
        key = submit(
            pipeline.ledger,
            account,
            pipeline.settings,
            [Path(config.path)],
            object_type=config.object_type or None,
            format=config.format or None,
            now=pipeline.clock.now(),
            door="ui",
            dry_run=config.dry_run,
        )
        context.log.info("delivery %s is booked", key)
        return {"account": account.name, "key": key}

    @dg.op(description="Waits for the account's turn and runs the delivery's assets, or for the sensor's run of it.")
    def await_delivery(context: dg.OpExecutionContext, booked: dict[str, str]) -> None:
        told = run_delivery(pipeline, context.instance, pipeline.account(booked["account"]), booked["key"], patience=timedelta(hours=6))
        for job in told:
            context.log.info("job %s: %s %s", job.id, job.state, job.counts.model_dump())
        context.add_output_metadata({job.id: f"{job.state}: {job.counts.model_dump()}" for job in told})

    @dg.job(
        name="import_file",
        executor_def=dg.in_process_executor,
        description="Imports one file by hand: give account, path and, where the name does not tell it, the object type.",
    )
    def import_file() -> None:
        await_delivery(submit_file())

    return import_file
