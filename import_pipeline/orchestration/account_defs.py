"""One account's definitions: assets, jobs, sensor, schedules.

Belongs here: assembling them. Does not belong here: reading the account's YAML (catalog/), the parts themselves.
"""

import dagster as dg

from import_pipeline.model.account import Account
from import_pipeline.orchestration.assets import import_assets
from import_pipeline.orchestration.exports import export_assets, export_schedules
from import_pipeline.orchestration.jobs import import_job
from import_pipeline.orchestration.pipeline import Pipeline
from import_pipeline.orchestration.sensor import landing_sensor


def account_definitions(account: Account, pipeline: Pipeline) -> dg.Definitions:
    """Everything of one account. An account without a single valid object type has nothing to define."""
    if not account.object_types:
        return dg.Definitions()
    export_jobs, schedules = export_schedules(account, pipeline)
    return dg.Definitions(
        assets=[*import_assets(account, pipeline), *export_assets(account, pipeline)],
        jobs=[import_job(account), *export_jobs],
        sensors=[landing_sensor(account, pipeline)] if account.doors.tree.enabled else [],
        schedules=schedules,
    )
