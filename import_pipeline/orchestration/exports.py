"""Scheduled exports and templates of one account, as assets.

Belongs here: partitions, schedules and metadata of exports. Does not belong here: writing an export file (exporting/).
"""

from typing import Any

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.exporting.export import export_type
from import_pipeline.exporting.windows import window_of
from import_pipeline.landing.tree import root
from import_pipeline.model.account import Account, Cadence
from import_pipeline.model.object_type import ObjectType
from import_pipeline.orchestration.faults import retrying
from import_pipeline.orchestration.keys import EXPORT_START, account_tags, export_key, stage_key, template_key
from import_pipeline.reporting.templates import kinds_of, template, template_file_name
from import_pipeline.store.session import open_store

CADENCES: tuple[Cadence, ...] = ("daily", "weekly", "monthly")


def export_partitions(account: Account, cadence: Cadence) -> dg.TimeWindowPartitionsDefinition:
    """Closed windows in the account's time zone; weeks begin on Monday."""
    if cadence == "daily":
        return dg.DailyPartitionsDefinition(start_date=EXPORT_START, timezone=account.timezone)
    if cadence == "weekly":
        return dg.WeeklyPartitionsDefinition(start_date=EXPORT_START, timezone=account.timezone, day_offset=1)
    return dg.MonthlyPartitionsDefinition(start_date=EXPORT_START, timezone=account.timezone)


def export_assets(account: Account, pipeline: Pipeline) -> list[dg.AssetsDefinition]:
    """One asset per cadence and exported type, and the templates."""
    found = [
        _export(account, account.object_type(name), cadence, pipeline)
        for cadence in CADENCES
        for name in account.exports.types(cadence)
        if name in account.types_by_name
    ]
    return [*found, _templates(account, pipeline)]


def _export(account: Account, object_type: ObjectType, cadence: Cadence, pipeline: Pipeline) -> dg.AssetsDefinition:
    settings = account.exports

    @dg.asset(
        key=export_key(account, object_type, cadence),
        deps=[dg.AssetDep(stage_key(account, object_type, "table"), partition_mapping=dg.AllPartitionMapping())],
        partitions_def=export_partitions(account, cadence),
        group_name=account.name,
        kinds={settings.format},
        owners=list(account.owners) or None,
        op_tags=account_tags(account),
        description=f"{object_type.name} records as of the end of each {_PERIOD[cadence]} ({settings.content}, {settings.format}).",
    )
    def export(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        def work() -> Any:
            window = window_of(cadence, context.partition_key, account.timezone)
            with open_store(pipeline.settings, account.name) as session:
                return export_type(
                    session,
                    account,
                    object_type,
                    window,
                    root(account, pipeline.settings) / "Exports" / cadence.capitalize(),
                    format=settings.format,
                    zip=settings.zip,
                    content=settings.content,
                    now=pipeline.clock.now(),
                )

        result = retrying(context, pipeline, work)
        return dg.MaterializeResult(
            metadata={
                "dagster/row_count": result.rows,
                "file": dg.MetadataValue.path(str(result.path)),
                "manifest": dg.MetadataValue.path(str(result.manifest)),
                "sha256": result.sha256,
            }
        )

    return export


_PERIOD = {"daily": "day", "weekly": "week", "monthly": "month"}


def export_schedules(account: Account, pipeline: Pipeline) -> tuple[list[Any], list[Any]]:
    """(jobs, schedules): one of each per cadence that exports anything; the last closed window at the account's time of day."""
    jobs: list[Any] = []
    schedules: list[Any] = []
    hour, minute = (int(part) for part in account.exports.at.split(":"))
    for cadence in CADENCES:
        types = [account.object_type(n) for n in account.exports.types(cadence) if n in account.types_by_name]
        if not types:
            continue
        job = dg.define_asset_job(
            f"export_{cadence}_{account.name}",
            selection=dg.AssetSelection.assets(*(export_key(account, t, cadence) for t in types)),
            partitions_def=export_partitions(account, cadence),
            tags=account_tags(account),
            executor_def=dg.in_process_executor,
            description=f"The {cadence} exports of {account.title or account.name}.",
        )
        jobs.append(job)
        schedules.append(
            dg.build_schedule_from_partitioned_job(
                job,
                name=f"{cadence}_exports_{account.name}",
                hour_of_day=hour,
                minute_of_hour=minute,
                day_of_week=1 if cadence == "weekly" else None,
                day_of_month=1 if cadence == "monthly" else None,
                default_status=dg.DefaultScheduleStatus.RUNNING,
            )
        )
    return jobs, schedules


def _templates(account: Account, pipeline: Pipeline) -> dg.AssetsDefinition:
    @dg.asset(
        key=template_key(account),
        group_name=account.name,
        kinds={"csv", "excel"},
        owners=list(account.owners) or None,
        description="Empty files to download, one per object type, whose header rows the importer accepts.",
    )
    def templates(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        folder = pipeline.settings.landing / account.name / "Templates"
        folder.mkdir(parents=True, exist_ok=True)
        written = []
        for object_type in account.object_types:
            for kind in [kind for kind in kinds_of(object_type) if kind != "jsonl"]:
                path = folder / template_file_name(object_type, kind)
                path.write_bytes(template(object_type, kind))
                written.append(str(path))
        return dg.MaterializeResult(metadata={"files": written, "folder": dg.MetadataValue.path(str(folder))})

    return templates
