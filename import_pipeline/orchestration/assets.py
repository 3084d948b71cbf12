"""The assets of one account's imports: landed → parsed → validated → related → table → receipts, one partition per delivery.

Belongs here: the shape of the graph and calling the flow. Does not belong here: what a stage does (flow.py and the rooms), what the
UI shows about it (shown.py), exports.
"""

from itertools import pairwise
from typing import Any

import dagster as dg

from import_pipeline.delivering.answering import answer_delivery
from import_pipeline.delivering.flow import IMPORT_STAGES, DeliveryRun
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.delivering.workers import this_worker
from import_pipeline.model.account import Account
from import_pipeline.model.object_type import ObjectType
from import_pipeline.orchestration import checks, shown
from import_pipeline.orchestration.faults import retrying
from import_pipeline.orchestration.keys import account_tags, deliveries_of, landed_key, receipts_key, stage_key

_TOLD = {
    "parsed": "Bytes to rows of strings: every line of a file becomes a row or a row error.",
    "validated": "Rows judged by the schema of the type and cast; every refused value has its line, column and what was expected.",
    "related": "The change set: which record each row is, its parent and pin, what would be created, updated, left or parked.",
    "table": "The records: the change set applied package by package, with history and lineage.",
}


def import_assets(account: Account, pipeline: Pipeline) -> list[dg.AssetsDefinition]:
    """All assets of the account's imports."""
    made = [_landed(account, pipeline)]
    for object_type in account.parents_first:
        made += [_stage(account, object_type, stage, pipeline) for stage in IMPORT_STAGES]
    return [*made, _receipts(account, pipeline)]


def _common(account: Account) -> dict[str, Any]:
    return {
        "group_name": account.name,
        "partitions_def": deliveries_of(account),
        "owners": list(account.owners) or None,
        "op_tags": account_tags(account),
    }


def _landed(account: Account, pipeline: Pipeline) -> dg.AssetsDefinition:
    @dg.asset(
        key=landed_key(account),
        description="The files of the delivery, by SHA-256 in the vault, archives unpacked; each becomes one job.",
        kinds={"file"},
        check_specs=[checks.configuration_spec(account)],
        **_common(account),
    )
    def landed(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        run = DeliveryRun(pipeline, account, context.partition_key)
        found = retrying(context, pipeline, lambda: run.land(context.run_id, this_worker()))
        context.log.info("%d files in delivery %s", len(found), run.key)
        return dg.MaterializeResult(
            metadata=shown.landed(found, pipeline.settings), check_results=[checks.configuration_result(account, pipeline)]
        )

    return landed


def _stage(account: Account, object_type: ObjectType, stage: str, pipeline: Pipeline) -> dg.AssetsDefinition:
    before = {"parsed": landed_key(account)} | {
        later: stage_key(account, object_type, earlier) for earlier, later in pairwise(IMPORT_STAGES)
    }
    deps = [before[stage]]
    if stage == "related" and object_type.parent:
        # A child finds parents of the same delivery because their table comes first.
        deps.append(stage_key(account, account.object_type(object_type.parent.type), "table"))
    territory = account.territory_type
    if stage == "related" and object_type.pin and territory:
        # New pins lie in the territories that the same delivery brings.
        deps.append(stage_key(account, territory, "table"))
    work = {"parsed": _parse, "validated": _validate, "related": _relate, "table": _apply}[stage]

    @dg.asset(
        key=stage_key(account, object_type, stage),
        deps=deps,
        description=f"{object_type.description or object_type.name}\n\n{_TOLD[stage]}",
        kinds={"duckdb", "table"} if stage == "table" else {"duckdb"} if stage == "related" else {"polars"},
        check_specs=checks.stage_specs(account, object_type, stage),
        **_common(account),
    )
    def stage_asset(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        run = DeliveryRun(pipeline, account, context.partition_key)
        result: dg.MaterializeResult = retrying(context, pipeline, lambda: work(context, run, object_type))
        return result

    return stage_asset


def _parse(context: dg.AssetExecutionContext, run: DeliveryRun, object_type: ObjectType) -> dg.MaterializeResult:
    files = run.parse(object_type)
    key = stage_key(run.account, object_type, "parsed")
    for fault in (f.fault for f in files if f.fault):
        context.log.warning("refused: %s", fault.message)
    return dg.MaterializeResult(metadata=shown.parsed(run, object_type, files), check_results=[checks.every_record_told(key, files)])


def _validate(context: dg.AssetExecutionContext, run: DeliveryRun, object_type: ObjectType) -> dg.MaterializeResult:
    report = run.validate(object_type)
    key = stage_key(run.account, object_type, "validated")
    return dg.MaterializeResult(
        metadata=shown.validated(run, object_type, report),
        check_results=[checks.all_rows_good(key, report), checks.none_halted(key, report)],
    )


def _relate(context: dg.AssetExecutionContext, run: DeliveryRun, object_type: ObjectType) -> dg.MaterializeResult:
    report = run.relate(object_type)
    key = stage_key(run.account, object_type, "related")
    return dg.MaterializeResult(metadata=shown.related(run, object_type, report), check_results=[checks.all_parents_found(key, report)])


def _apply(context: dg.AssetExecutionContext, run: DeliveryRun, object_type: ObjectType) -> dg.MaterializeResult:
    def told(job: str, done: int, total: int) -> None:
        context.log.info("job %s: package %d of %d", job, done, total)

    result = run.apply(object_type, told)
    return dg.MaterializeResult(metadata=shown.applied(run, object_type, result))


def _receipts(account: Account, pipeline: Pipeline) -> dg.AssetsDefinition:
    @dg.asset(
        key=receipts_key(account),
        deps=[landed_key(account), *(stage_key(account, t, "table") for t in account.object_types)],
        description="Receipts, error files and failed rows; originals moved to Success or Failed.",
        kinds={"json"},
        check_specs=checks.receipt_specs(account),
        **_common(account),
    )
    def receipts(context: dg.AssetExecutionContext) -> dg.MaterializeResult:
        run = DeliveryRun(pipeline, account, context.partition_key)
        counts = retrying(context, pipeline, lambda: answer_delivery(run))
        return dg.MaterializeResult(
            metadata=shown.receipts(run, counts),
            check_results=[checks.no_row_refused(receipts_key(account), counts), checks.no_deliveries_left_failed(account, pipeline)],
        )

    return receipts
