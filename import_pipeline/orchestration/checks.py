"""Asset checks: what is wrong right now, with an exact count, a sample and the next step to take.

Belongs here: the checks' fixed names and their results. Does not belong here: row errors themselves. Bad data never fails a run:
these checks warn; only what the team must mend is an error.
"""

from collections.abc import Mapping, Sequence
from typing import Any

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.ledger import deliveries
from import_pipeline.model.account import Account
from import_pipeline.model.job import Counts, ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.orchestration.keys import landed_key, receipts_key, stage_key

WARN, ERROR = dg.AssetCheckSeverity.WARN, dg.AssetCheckSeverity.ERROR
_STAGE_CHECKS = {
    "parsed": {"every_record_is_a_row_or_an_error": "Rows in = rows out + rows refused, for every file."},
    "validated": {
        "all_rows_are_good": "No row was refused by the schema.",
        "no_file_is_halted": "No file was halted by its policy on bad rows.",
    },
    "related": {"all_parents_are_found": "Every row found the parent it names; none waits or was refused for it."},
    "table": {},
}


def stage_specs(account: Account, object_type: ObjectType, stage: str) -> list[dg.AssetCheckSpec]:
    """The checks of one stage."""
    key = stage_key(account, object_type, stage)
    return [dg.AssetCheckSpec(name, asset=key, description=told) for name, told in _STAGE_CHECKS[stage].items()]


def configuration_spec(account: Account) -> dg.AssetCheckSpec:
    """Says whether every YAML file of the account is understood."""
    told = "Every object type and format of the account is valid; a broken one is left out while all others go on."
    return dg.AssetCheckSpec("configuration_is_valid", asset=landed_key(account), description=told)


def receipt_specs(account: Account) -> list[dg.AssetCheckSpec]:
    """The checks on the whole delivery and on the account."""
    key = receipts_key(account)
    return [
        dg.AssetCheckSpec("no_row_is_refused", asset=key, description="Every row of every file of the delivery was taken."),
        dg.AssetCheckSpec("no_deliveries_left_failed", asset=key, description="No delivery of the account has ended without an answer."),
    ]


def configuration_result(account: Account, pipeline: Pipeline) -> dg.AssetCheckResult:
    """Names each fault with file and line."""
    passed, metadata = _configuration(account, pipeline)
    return dg.AssetCheckResult(
        check_name="configuration_is_valid", asset_key=landed_key(account), passed=passed, severity=ERROR, metadata=metadata
    )


def report_configuration(instance: dg.DagsterInstance, account: Account, pipeline: Pipeline) -> None:
    """The same without a run: so that a broken type shows as soon as the account is loaded, not with its next delivery."""
    passed, metadata = _configuration(account, pipeline)
    evaluation = dg.AssetCheckEvaluation(
        asset_key=landed_key(account), check_name="configuration_is_valid", passed=passed, severity=ERROR, metadata=metadata
    )
    instance.report_runless_asset_event(evaluation)


def _configuration(account: Account, pipeline: Pipeline) -> tuple[bool, dict[str, Any]]:
    faults = [f for found in pipeline.loaded if found.account and found.account.name == account.name for f in found.faults]
    listed = "\n".join(f"- `{f.file}:{f.line}` {f.message}" for f in faults[:50]) or "No faults."
    shown = {"faults": dg.MetadataValue.md(listed), "count": dg.MetadataValue.int(len(faults))}
    return not faults, {**shown, "next step": dg.MetadataValue.text("import-pipeline check")}


def every_record_told(key: dg.AssetKey, files: Sequence[ParsedFile]) -> dg.AssetCheckResult:
    """Rows in = rows out + rows refused."""
    wrong = [f.job for f in files if not f.fault and f.rows != f.read + f.refused]
    return dg.AssetCheckResult(
        check_name="every_record_is_a_row_or_an_error",
        asset_key=key,
        passed=not wrong,
        severity=ERROR,
        metadata={"records": sum(f.rows for f in files), "rows": sum(f.read for f in files), "refused": sum(f.refused for f in files)},
    )


def all_rows_good(key: dg.AssetKey, report: Mapping[str, Any]) -> dg.AssetCheckResult:
    """No row refused."""
    rows, refused = (sum(int(j[name]) for j in report["jobs"].values()) for name in ("rows", "refused"))
    return dg.AssetCheckResult(
        check_name="all_rows_are_good",
        asset_key=key,
        passed=refused == 0,
        severity=WARN,
        metadata={"rows": rows, "refused": refused, "next step": "mend the .failed file in the Failed folder and drop it back"},
    )


def none_halted(key: dg.AssetKey, report: Mapping[str, Any]) -> dg.AssetCheckResult:
    """No file halted by policy."""
    halted = {number: j["halted"] for number, j in report["jobs"].items() if j.get("halted")}
    return dg.AssetCheckResult(
        check_name="no_file_is_halted", asset_key=key, passed=not halted, severity=WARN, metadata={"halted": halted, "count": len(halted)}
    )


def all_parents_found(key: dg.AssetKey, report: Mapping[str, Any]) -> dg.AssetCheckResult:
    """No row parked or refused for its parent."""
    parked = sum(int(j.get("park", 0)) for j in report["jobs"].values())
    expired = sum(int(j.get("expired", 0)) for j in report["jobs"].values())
    return dg.AssetCheckResult(
        check_name="all_parents_are_found",
        asset_key=key,
        passed=parked + expired == 0,
        severity=WARN,
        metadata={
            "parked": parked,
            "waited too long": expired,
            "next step": "send the file with the parents; parked rows follow by themselves",
        },
    )


def no_row_refused(key: dg.AssetKey, counts: Mapping[str, Counts]) -> dg.AssetCheckResult:
    """No row of the delivery refused."""
    refused = {job: c.refused for job, c in counts.items() if c.refused}
    return dg.AssetCheckResult(
        check_name="no_row_is_refused",
        asset_key=key,
        passed=not refused,
        severity=WARN,
        metadata={"refused": sum(refused.values()), "by job": refused},
    )


def no_deliveries_left_failed(account: Account, pipeline: Pipeline) -> dg.AssetCheckResult:
    """No delivery of the account ended without an answer."""
    with pipeline.ledger.read() as conn:
        failed = deliveries.listing(conn, account.name, "failed", limit=50)
    return dg.AssetCheckResult(
        check_name="no_deliveries_left_failed",
        asset_key=receipts_key(account),
        passed=not failed,
        severity=ERROR,
        metadata={
            "failed": len(failed),
            "sample": [f"{d.key}: {d.reason}" for d in failed[:5]],
            "next step": "mend the reason, then materialize the delivery's partition again",
        },
    )
