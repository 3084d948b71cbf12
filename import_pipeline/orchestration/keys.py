"""Names that dagster knows: asset keys, partitions, jobs, tags.

Belongs here: what something is called in the UI. Does not belong here: what it does.
"""

import dagster as dg

from import_pipeline.model.account import Account, Cadence
from import_pipeline.model.object_type import ObjectType

ACCOUNT_TAG = "import_pipeline/account"
"""Every run that opens an account's record store carries it; the instance runs one at a time per value (DESIGN section 3)."""
DELIVERY_TAG = "import_pipeline/delivery"
ATTEMPT_TAG = "import_pipeline/attempt"
REMOTE_TAG = "import_pipeline/remote"
"""Every run that collects from another server carries it, with `ACCOUNT.REMOTE`; few run at a time, whatever the servers' speed."""
EXPORT_START = "2026-01-01"
"""First day that exports have partitions for."""


def landed_key(account: Account) -> dg.AssetKey:
    """The delivery's files."""
    return dg.AssetKey([account.name, "landed"])


def stage_key(account: Account, object_type: ObjectType, stage: str) -> dg.AssetKey:
    """A stage of one type; the table is the type itself, since it is what the graph is for.

    The last part names the type too: it is all that the graph shows of a key.
    """
    if stage == "table":
        return dg.AssetKey([account.name, object_type.slug])
    return dg.AssetKey([account.name, object_type.slug, f"{object_type.slug}_{stage}"])


def receipts_key(account: Account) -> dg.AssetKey:
    """The answers to a delivery's files."""
    return dg.AssetKey([account.name, "receipts"])


def export_key(account: Account, object_type: ObjectType, cadence: Cadence) -> dg.AssetKey:
    """One cadence's export of one type."""
    return dg.AssetKey([account.name, object_type.slug, f"{object_type.slug}_{cadence}_export"])


def template_key(account: Account) -> dg.AssetKey:
    """The empty files to download."""
    return dg.AssetKey([account.name, "templates"])


def deliveries_of(account: Account) -> dg.DynamicPartitionsDefinition:
    """One partition per delivery of the account."""
    return dg.DynamicPartitionsDefinition(name=f"deliveries_{account.name}")


def import_job_name(account: Account) -> str:
    """The job that takes a delivery through all stages."""
    return f"import_{account.name}"


def collect_job_name(account: Account) -> str:
    """The job that downloads from the account's remote servers."""
    return f"collect_{account.name}"


def account_tags(account: Account) -> dict[str, str]:
    """Tags of every run on the account's store."""
    return {ACCOUNT_TAG: account.name}


def delivery_selection(account: Account, type_names: set[str], *, undo: bool = False) -> list[dg.AssetKey]:
    """The assets of a delivery that holds these types. An undo brings no file: there is nothing to parse and validate."""
    stages = ("related", "table") if undo else ("parsed", "validated", "related", "table")
    chosen = [stage_key(account, t, s) for t in account.object_types if t.name in type_names for s in stages]
    return [landed_key(account), *chosen, receipts_key(account)]
