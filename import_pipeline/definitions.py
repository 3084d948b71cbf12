"""The one assembly point: all accounts' definitions, the jobs of the instance, overrides for tests and the command line.

Belongs here: merging. Does not belong here: anything of one account (orchestration/), reading YAML (catalog/).
"""

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.landing.clock import Clock
from import_pipeline.orchestration.account_defs import account_definitions
from import_pipeline.orchestration.afterwards import afterwards_jobs
from import_pipeline.orchestration.by_hand import import_file_job
from import_pipeline.orchestration.time_travel import time_travel_jobs
from import_pipeline.orchestration.upkeep import upkeep_job, upkeep_schedule
from import_pipeline.settings import Settings


def build_definitions(*, settings: Settings | None = None, clock: Clock | None = None, pipeline: Pipeline | None = None) -> dg.Definitions:
    """All definitions. A broken account or object type is left out and told by `import-pipeline check` and its failed check."""
    if pipeline is None:
        given = {name: value for name, value in (("settings", settings), ("clock", clock)) if value is not None}
        pipeline = Pipeline(**given)  # type: ignore[arg-type]
    upkeep = upkeep_job(pipeline)
    shared = dg.Definitions(
        jobs=[import_file_job(pipeline), *afterwards_jobs(pipeline), *time_travel_jobs(pipeline), upkeep],
        schedules=[upkeep_schedule(upkeep)],
        executor=dg.in_process_executor,
    )
    return dg.Definitions.merge(shared, *(account_definitions(account, pipeline) for account in pipeline.accounts.values()))


@dg.definitions
def defs() -> dg.Definitions:
    """What dagster loads."""
    return build_definitions()
