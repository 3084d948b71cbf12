"""Upkeep: what nothing else prunes, and runs that died unseen.

Belongs here: the hourly job that keeps an instance small and moving. Does not belong here: anything an import depends on.
"""

import shutil
from datetime import datetime

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import TransientFailure
from import_pipeline.landing.pruning import prune_desk, prune_uploads, prune_vault
from import_pipeline.ledger import deliveries
from import_pipeline.model.account import Account
from import_pipeline.orchestration.keys import deliveries_of
from import_pipeline.orchestration.sensor import reap, run_of
from import_pipeline.store.horizon import prunable, prune_history
from import_pipeline.store.session import open_store

_BULK = ("rows-*.parquet", "outcomes-*.parquet", "changes-*.parquet", "folded-*.parquet", "parked-*.parquet")
"""Staging that only a retry needs. Reports and row errors stay as long as the vault: late answers are made from them."""
_PATIENCE = 5.0
"""Seconds to wait for a store that somebody reads; longer than a look of the desk, shorter than an export."""


def upkeep_job(pipeline: Pipeline) -> dg.JobDefinition:
    """Reaps dead runs, prunes history, staging, vault, runs with their events, and partitions of pruned deliveries."""

    @dg.op(description="Reports runs as failed whose process is gone.")
    def reap_dead_runs(context: dg.OpExecutionContext) -> int:
        reaped = reap_all(context.instance, pipeline)
        context.log.info("%d dead runs reported", reaped)
        return reaped

    @dg.op(description="Prunes what is past its account's retention.")
    def prune(context: dg.OpExecutionContext, after: int) -> None:
        now = pipeline.clock.now()
        for account in pipeline.accounts.values():
            told = {
                "history": prune_versions(pipeline, account, now),
                "staging": prune_staging(pipeline, account, now),
                "runs": prune_runs(context.instance, account, now),
                "partitions": prune_partitions(context.instance, pipeline, account, now),
            }
            context.log.info("%s: %s", account.name, told)
        horizons = {a.name: now - a.retention.vault for a in pipeline.accounts.values()}
        context.log.info("%d originals left the vault", prune_vault(pipeline.ledger, pipeline.settings, horizons, now=now))
        context.log.info("%d imports that nobody went on with are gone", prune_desk(pipeline.ledger, pipeline.accounts.values(), now=now))
        context.log.info("%d uploads that no job took are gone", prune_uploads(pipeline.ledger, pipeline.settings, now=now))
        context.log.info("%d sheets of failed rows that nobody looks at are gone", prune_sheets(pipeline))

    @dg.job(name="upkeep", executor_def=dg.in_process_executor, description="Prunes by retention and reaps dead runs.")
    def upkeep() -> None:
        prune(reap_dead_runs())

    return upkeep


def upkeep_schedule(job: dg.JobDefinition) -> dg.ScheduleDefinition:
    """Every hour, at a minute when no export starts."""
    return dg.ScheduleDefinition(name="hourly_upkeep", job=job, cron_schedule="37 * * * *", default_status=dg.DefaultScheduleStatus.RUNNING)


def reap_all(instance: dg.DagsterInstance, pipeline: Pipeline) -> int:
    """Reports the dead run of each account's delivery under way, as its sensor does, also where that is switched off; how many."""
    reaped = 0
    for name in pipeline.accounts:
        with pipeline.ledger.read() as conn:
            current = deliveries.under_way(conn, name)
        run = run_of(instance, current) if current else None
        if current and run and not run.is_finished:
            reaped += reap(instance, pipeline, current, run)
    return reaped


def prune_versions(pipeline: Pipeline, account: Account, now: datetime) -> dict[str, int] | str:
    """Drops superseded versions past `retention.history`, and rows that had waited and that no undo needs without them.

    Tells how many by type, or why none were.

    Upkeep has no account tag, so an import may come at any time: the store is opened for writing only when a reader has found something
    to prune, for a few statements, and never beside a delivery under way. A store that is in use is left for the next hour. An import
    that comes meanwhile waits for the store or tries again, as it does for any reader or writer.
    """
    if not pipeline.settings.store_file(account.name).exists():
        return {}
    with pipeline.ledger.read() as conn:
        busy = deliveries.under_way(conn, account.name)
    if busy:
        return f"delivery {busy.key} is under way; tried again in an hour"
    cut = now - account.retention.history
    try:
        with open_store(pipeline.settings, account.name) as session:
            found = prunable(session, account.object_types, cut)
        if not found:
            return {}
        with open_store(pipeline.settings, account.name, writable=True, patience=_PATIENCE) as session:
            return prune_history(session, account.object_types, cut)
    except TransientFailure as busy_store:
        return f"{busy_store}; tried again in an hour"


def prune_staging(pipeline: Pipeline, account: Account, now: datetime) -> int:
    """Removes the bulk of staging of ended deliveries past `retention.staging`, and all of it past `retention.vault`."""
    removed = 0
    for delivery in _ended(pipeline, account):
        folder = pipeline.settings.staging / account.name / delivery.key
        age = now - (delivery.finished_at or now)
        if not folder.exists():
            continue
        if age > account.retention.vault:
            shutil.rmtree(folder)
            removed += 1
        elif age > account.retention.staging:
            bulk = [path for pattern in _BULK for path in folder.glob(f"*/*/{pattern}")]
            for path in bulk:
                path.unlink()
            removed += bool(bulk)
    return removed


def prune_sheets(pipeline: Pipeline) -> int:
    """Removes copies of failed rows that the desk has made for its pages and that nobody has opened for a week; how many imports'."""
    from import_pipeline.reporting.refused_sheet import sweep

    return sweep(pipeline.settings.home)


def prune_runs(instance: dg.DagsterInstance, account: Account, now: datetime) -> int:
    """Deletes ended runs, with their events, past `retention.runs`."""
    over = [dg.DagsterRunStatus.SUCCESS, dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED]
    old = dg.RunsFilter(statuses=over, created_before=now - account.retention.runs, tags={"import_pipeline/account": account.name})
    records = instance.get_run_records(old, limit=1000)
    for record in records:
        instance.delete_run(record.dagster_run.run_id)
    return len(records)


def prune_partitions(instance: dg.DagsterInstance, pipeline: Pipeline, account: Account, now: datetime) -> int:
    """Deletes partitions of deliveries whose files have left the vault; never one with a run in flight."""
    name = deliveries_of(account).name or ""
    known = set(instance.get_dynamic_partitions(name))
    old = [d.key for d in _ended(pipeline, account) if d.key in known and now - (d.finished_at or now) > account.retention.vault]
    for key in old:
        instance.delete_dynamic_partition(name, key)
    return len(old)


def _ended(pipeline: Pipeline, account: Account) -> list[deliveries.Delivery]:
    with pipeline.ledger.read() as conn:
        found = deliveries.listing(conn, account.name, limit=100_000)
    return [d for d in found if d.state in ("finished", "failed")]
