"""One account's definitions: assets, jobs, sensor, schedules.

Belongs here: assembling them. Does not belong here: reading the account's YAML (catalog/), the parts themselves.
"""

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.model.account import Account
from import_pipeline.orchestration.assets import import_assets
from import_pipeline.orchestration.exports import export_assets, export_schedules
from import_pipeline.orchestration.jobs import import_job
from import_pipeline.orchestration.remotes import collect_job, remote_sensor
from import_pipeline.orchestration.sensor import landing_sensor


def account_definitions(account: Account, pipeline: Pipeline) -> dg.Definitions:
    """Everything of one account. An account without a single valid object type has nothing to define."""
    if not account.object_types:
        return dg.Definitions()
    export_jobs, schedules = export_schedules(account, pipeline)
    remotes = [door for door in account.doors.remotes if door.enabled]
    # What comes from other servers and over HTTP becomes deliveries in the landing sensor too.
    doors = account.doors
    landing = [landing_sensor(account, pipeline)] if doors.tree.enabled or doors.http.enabled or remotes else []
    return dg.Definitions(
        assets=[*import_assets(account, pipeline), *export_assets(account, pipeline)],
        jobs=[import_job(account), *([collect_job(account, pipeline)] if remotes else []), *export_jobs],
        sensors=[*landing, *(remote_sensor(account, door, pipeline) for door in remotes)],
        schedules=schedules,
    )
