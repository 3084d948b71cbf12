"""The landing sensor of one account: looks into the tree, forms deliveries, requests the next run, notices dead ones.

Belongs here: turning what landing found into dagster requests, and deciding about ended runs. Does not belong here: looking, claiming
and vaulting (landing/watch.py).
"""

from datetime import timedelta

import dagster as dg

from import_pipeline.delivering.again import decide_overdue
from import_pipeline.delivering.failing import fail_delivery
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.delivering.workers import is_gone
from import_pipeline.landing.deliveries import DeliveryRequest, next_request
from import_pipeline.landing.watch import TickReport, new_owner, tick
from import_pipeline.ledger import deliveries, meta
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.model.account import Account
from import_pipeline.orchestration.checks import report_configuration
from import_pipeline.orchestration.faults import last_fault
from import_pipeline.orchestration.keys import (
    ATTEMPT_TAG,
    DELIVERY_TAG,
    account_tags,
    deliveries_of,
    delivery_selection,
    import_job_name,
)

ATTEMPTS = 3
"""Runs that a delivery gets before it ends as failed; row errors never cost one."""
SILENCE = timedelta(minutes=5)
"""After which a run that began must have said which process it is; its first step does."""
_BEGUN = (dg.DagsterRunStatus.STARTING, dg.DagsterRunStatus.STARTED, dg.DagsterRunStatus.NOT_STARTED)
_OVER = (dg.DagsterRunStatus.FAILURE, dg.DagsterRunStatus.CANCELED)


def landing_sensor(account: Account, pipeline: Pipeline) -> dg.SensorDefinition:
    """Evaluated at the account's interval; bounded to well under dagster's 60 seconds by landing's own time budget."""
    told: list[bool] = []

    @dg.sensor(
        name=f"landing_{account.name}",
        job_name=import_job_name(account),
        minimum_interval_seconds=max(1, int(account.doors.tree.interval.total_seconds())),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Watches the landing tree of {account.title or account.name} and imports what is complete.",
    )
    def landing(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        if not told:
            report_configuration(context.instance, account, pipeline)
            told.append(True)
        seen = tick(pipeline.ledger, account, pipeline.settings, pipeline.clock, new_owner())
        for issue in seen.issues:
            context.log.warning(issue)
        ended = settle_run(context.instance, account, pipeline)
        for decided in decide_overdue(pipeline, account):
            context.log.info(decided)
        with pipeline.ledger.begin() as conn:
            request = next_request(conn, account, pipeline.clock.now())
        if request is None:
            return dg.SkipReason(_reason(seen, ended))
        return dg.SensorResult(
            run_requests=[run_request(account, request)],
            dynamic_partitions_requests=[deliveries_of(account).build_add_request([request.key])],
        )

    return landing


def run_request(account: Account, request: DeliveryRequest) -> dg.RunRequest:
    """One run for one delivery, with just the assets of the object types present."""
    return dg.RunRequest(
        run_key=f"{request.key}:{request.attempt}",
        partition_key=request.key,
        asset_selection=delivery_selection(account, set(request.types), undo=request.undo),
        tags={**account_tags(account), DELIVERY_TAG: request.key, ATTEMPT_TAG: str(request.attempt)},
    )


def settle_run(instance: dg.DagsterInstance, account: Account, pipeline: Pipeline) -> str | None:
    """Looks after the account's delivery under way: a run that ended without an answer is tried again or ends the delivery.

    Returns what was done, for the tick's message.
    """
    with pipeline.ledger.read() as conn:
        current = deliveries.under_way(conn, account.name)
    if current is None:
        return None
    run = run_of(instance, current)
    if run is None:
        return None
    if not run.is_finished:
        reap(instance, pipeline, current, run)
        return None
    if run.status in _OVER or current.state != "finished":
        return _again_or_fail(pipeline, account, current, run)
    return None


def run_of(instance: dg.DagsterInstance, current: Delivery) -> dg.DagsterRun | None:
    """The run that works on the delivery: the one that said so (also a backfill's), else the one its present attempt requested."""
    if current.run_id:
        return instance.get_run_by_id(current.run_id)
    tags = {DELIVERY_TAG: current.key, ATTEMPT_TAG: str(current.attempt)}
    runs = instance.get_runs(dg.RunsFilter(tags=tags), limit=1)
    return runs[0] if runs else None


def reap(instance: dg.DagsterInstance, pipeline: Pipeline, current: Delivery, run: dg.DagsterRun) -> bool:
    """Reports a run as failed whose process is gone, or that began and never told its process; True when it did."""
    with pipeline.ledger.read() as conn:
        worker = meta.read(conn, f"worker/{current.key}")
    if worker and worker.get("run") == run.run_id:
        if not is_gone(worker):
            return False
        instance.report_run_failed(run, message=f"the process {worker['pid']} that ran it is gone")
        return True
    record = instance.get_run_record_by_id(run.run_id)
    if run.status not in _BEGUN or record is None or pipeline.clock.now() - record.create_timestamp < SILENCE:
        return False
    instance.report_run_failed(run, message="it began, and no process ever said that it works on it")
    return True


def _again_or_fail(pipeline: Pipeline, account: Account, current: Delivery, run: dg.DagsterRun) -> str:
    fault = last_fault(pipeline, current.key)
    hopeless = run.status == dg.DagsterRunStatus.CANCELED or (fault is not None and fault.permanent)
    with pipeline.ledger.read() as conn:
        before = int(meta.read(conn, f"attempts/{current.key}") or 0)
    if current.attempt - before < ATTEMPTS and not hopeless:
        with pipeline.ledger.begin() as conn:
            deliveries.again(conn, current.key)
        return f"delivery {current.key} is tried again after run {run.run_id[:8]} failed"
    why = (
        "was cancelled"
        if run.status == dg.DagsterRunStatus.CANCELED
        else "failed"
        if current.attempt == 1
        else f"failed {current.attempt} times"
    )
    fail_delivery(pipeline, account, current.key, f"the run {run.run_id[:8]} {why}: {fault.text if fault else 'its process died'}")
    return f"delivery {current.key} ended as failed"


def _reason(seen: TickReport, ended: str | None) -> str:
    """Why there is no run: what waits, and what became of the delivery under way."""
    waiting = f"{len(seen.waiting)} of {seen.listed} files not complete yet: {', '.join(seen.waiting[:5])}" if seen.waiting else None
    return "; ".join(part for part in (waiting, ended) if part) or f"{seen.listed} files listed, nothing to do"
