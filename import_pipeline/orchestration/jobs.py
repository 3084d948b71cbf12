"""The job that takes a delivery of one account through all stages.

Belongs here: job definitions of imports. Does not belong here: jobs by hand (by_hand.py), schedules of exports (exports.py), upkeep.
"""

from typing import Any

import dagster as dg

from import_pipeline.model.account import Account
from import_pipeline.orchestration.keys import account_tags, import_job_name, landed_key, receipts_key, stage_key


def import_job(account: Account) -> Any:
    """The job that takes a delivery through all stages; the sensor and backfills run it."""
    stages = ("parsed", "validated", "related", "table")
    keys = [stage_key(account, t, s) for t in account.object_types for s in stages]
    return dg.define_asset_job(
        import_job_name(account),
        selection=dg.AssetSelection.assets(landed_key(account), *keys, receipts_key(account)),
        tags=account_tags(account),
        executor_def=dg.in_process_executor,
        description=f"Imports one delivery of {account.title or account.name}: choose the partition, or let the sensor do it.",
    )
