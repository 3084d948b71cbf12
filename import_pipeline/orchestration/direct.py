"""Running a delivery in this process, in the account's order of arrival; or waiting for the daemon that got it first.

Belongs here: what the command line and the job `import_file` share. Does not belong here: booking the delivery (landing/submit.py).
"""

import time
from datetime import timedelta

import dagster as dg

from import_pipeline.delivering.failing import fail_delivery
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.landing.deliveries import DeliveryRequest, next_request
from import_pipeline.ledger import deliveries, jobs
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.orchestration.account_defs import account_definitions
from import_pipeline.orchestration.faults import last_fault
from import_pipeline.orchestration.keys import deliveries_of, delivery_selection, import_job_name
from import_pipeline.orchestration.sensor import run_request, settle_run

_LOOK = 0.25
"""Seconds between two looks at a delivery that another process runs."""


def run_delivery(
    pipeline: Pipeline, instance: dg.DagsterInstance, account: Account, key: str, *, patience: timedelta = timedelta(hours=1)
) -> list[JobRow]:
    """Runs the account's deliveries here until `key` is answered, and returns its jobs.

    Deliveries of one account run one after the other: earlier ones that wait are run first, one that another process runs is waited
    for. Raises TransientFailure when that takes longer than `patience`.
    """
    end = time.monotonic() + patience.total_seconds()
    while True:
        with pipeline.ledger.begin() as conn:
            request = next_request(conn, account, pipeline.clock.now())
            current = deliveries.get(conn, key)
        if current is None:
            raise PermanentFailure(f"there is no delivery {key}")
        if current.state in ("finished", "failed"):
            with pipeline.ledger.read() as conn:
                return jobs.by_delivery(conn, key)
        if request is not None:
            _execute(pipeline, instance, account, request)
            continue
        settle_run(instance, account, pipeline)
        if time.monotonic() > end:
            raise TransientFailure(f"delivery {key} still waits: {_under_way(pipeline, account)} runs elsewhere")
        time.sleep(_LOOK)


def _under_way(pipeline: Pipeline, account: Account) -> str:
    with pipeline.ledger.read() as conn:
        current: Delivery | None = deliveries.under_way(conn, account.name)
    return f"delivery {current.key}" if current else "another delivery"


def _execute(pipeline: Pipeline, instance: dg.DagsterInstance, account: Account, request: DeliveryRequest) -> None:
    """One run in this process: the same assets as the daemon's, with their retries."""
    instance.add_dynamic_partitions(deliveries_of(account).name or "", [request.key])
    job = account_definitions(account, pipeline).resolve_job_def(import_job_name(account))
    result = job.execute_in_process(
        partition_key=request.key,
        instance=instance,
        asset_selection=delivery_selection(account, set(request.types), undo=request.undo),
        tags=dict(run_request(account, request).tags),
        raise_on_error=False,
    )
    if not result.success:
        fault = last_fault(pipeline, request.key)
        fail_delivery(pipeline, account, request.key, f"the run {result.run_id[:8]} failed: {fault.text if fault else 'see its log'}")
