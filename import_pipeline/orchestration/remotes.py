"""Other people's servers in dagster: a sensor per server that only lists, and one job per account that downloads.

Belongs here: when a run is requested, and what a run tells. Does not belong here: listing, downloading and answering (landing/remote/),
deliveries (sensor.py).
"""

import dagster as dg

from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.delivering.workers import is_gone, this_worker
from import_pipeline.failures import PermanentFailure, UnknownValue
from import_pipeline.landing.remote import state
from import_pipeline.landing.watch import new_owner
from import_pipeline.ledger import meta, remotes
from import_pipeline.model.account import Account
from import_pipeline.model.remote_door import RemoteDoor
from import_pipeline.orchestration.keys import REMOTE_TAG, collect_job_name

_UNDER_WAY = [
    dg.DagsterRunStatus.QUEUED,
    dg.DagsterRunStatus.NOT_STARTED,
    dg.DagsterRunStatus.STARTING,
    dg.DagsterRunStatus.STARTED,
    dg.DagsterRunStatus.CANCELING,
]


class Collect(dg.Config):
    """Which of the account's remotes is collected from."""

    remote: str


def remote_tag(account: Account, door: RemoteDoor) -> str:
    """The value of REMOTE_TAG."""
    return f"{account.name}.{door.name}"


def sensor_name(account: Account, door: RemoteDoor) -> str:
    """What the UI shows. A remote's name has no `__`, so no two remotes of an instance share it."""
    return f"remote_{account.name}__{door.name}"


def remote_sensor(account: Account, door: RemoteDoor, pipeline: Pipeline) -> dg.SensorDefinition:
    """Evaluated at the remote's interval. A failed listing fails the tick; while its pause lasts the tick is skipped with the reason."""

    @dg.sensor(
        name=sensor_name(account, door),
        job_name=collect_job_name(account),
        minimum_interval_seconds=max(1, int(door.interval.total_seconds())),
        default_status=dg.DefaultSensorStatus.RUNNING,
        description=f"Looks into the folder of {door.where} that {account.title or account.name} takes files from.",
    )
    def looking(context: dg.SensorEvaluationContext) -> dg.SensorResult | dg.SkipReason:
        from import_pipeline.landing.remote.look import look_at

        ledger, now = pipeline.ledger, pipeline.clock.now()
        resting = state.load(ledger, account, door, "look")
        if state.pause_left(resting, now):
            return dg.SkipReason(f"tried again at {resting.next}: {resting.fault}")
        seen = look_at(ledger, account, door, pipeline.clock)
        for issue in seen.issues:
            context.log.warning(f"{door.name}: {issue}")
        waiting = f"{len(seen.waiting)} of {seen.listed} files not complete yet" if seen.waiting else f"{seen.listed} files listed"
        why = _why_not(context.instance, account, door, pipeline)
        if why:
            return dg.SkipReason(f"{waiting}; {why}")
        return dg.SensorResult(run_requests=[collect_request(account, door)])

    return looking


def _why_not(instance: dg.DagsterInstance, account: Account, door: RemoteDoor, pipeline: Pipeline) -> str | None:
    """Why no run is requested, or None when there is something to take or to answer, and nobody does it."""
    now = pipeline.clock.now()
    with pipeline.ledger.read() as conn:
        ready, _ = remotes.ready(conn, account.name, door.door, now=now)
        due = len(remotes.due(conn, account.name, door.door, now=now))
    if not ready and not due:
        return "nothing to take"
    told = f"{ready} files to take, {due} to answer"
    resting = state.load(pipeline.ledger, account, door, "collect")
    if state.pause_left(resting, now):
        return f"{told}; tried again at {resting.next}: {resting.fault}"
    busy = _under_way(instance, account, door, pipeline)
    return f"{told}; run {busy[:8]} is at it" if busy else None


def _under_way(instance: dg.DagsterInstance, account: Account, door: RemoteDoor, pipeline: Pipeline) -> str | None:
    """The run that collects from this server; one whose process is gone is reported as failed."""
    tags = {REMOTE_TAG: remote_tag(account, door)}
    for run in instance.get_runs(dg.RunsFilter(tags=tags, statuses=_UNDER_WAY), limit=10):
        with pipeline.ledger.read() as conn:
            worker = meta.read(conn, _worker_key(account, door))
        if worker and worker.get("run") == run.run_id and is_gone(worker):
            instance.report_run_failed(run, message=f"the process {worker['pid']} that ran it is gone")
            continue
        return run.run_id
    return None


def _worker_key(account: Account, door: RemoteDoor) -> str:
    return f"worker/remote/{remote_tag(account, door)}"


def collect_request(account: Account, door: RemoteDoor) -> dg.RunRequest:
    """A run that collects from this server. It has no run key: the sensor asks for the next only when none is under way."""
    return dg.RunRequest(
        run_config={"ops": {"collect": {"config": {"remote": door.name}}}},
        tags={REMOTE_TAG: remote_tag(account, door)},
    )


def collect_job(account: Account, pipeline: Pipeline) -> dg.JobDefinition:
    """Downloads what is complete on one of the account's servers into the vault, and sends answers that are due.

    It opens no record store, so it runs beside imports and exports.
    """

    @dg.op(name="collect", description="Downloads into the vault, compares, and answers.")
    def collect_op(context: dg.OpExecutionContext, config: Collect) -> None:
        from import_pipeline.landing.remote.collect import collect

        door = next((one for one in account.doors.remotes if one.name == config.remote), None)
        if door is None:
            raise UnknownValue("remote", config.remote, [one.name for one in account.doors.remotes], where=f"account {account.name}")
        with pipeline.ledger.begin() as conn:
            meta.write(conn, _worker_key(account, door), {**this_worker(), "run": context.run_id}, now=pipeline.clock.now())
        try:
            done = collect(pipeline.ledger, account, door, pipeline.settings, pipeline.clock, new_owner(), tell=context.log.info)
        except PermanentFailure as fault:
            raise dg.Failure(str(fault), allow_retries=False) from fault
        for issue in done.issues:
            context.log.warning(issue)
        told = {"vaulted": done.vaulted, "changed": done.changed, "gone": done.gone, "refused": done.refused, "answered": done.answered}
        context.add_output_metadata({"bytes": done.bytes, **{name: len(files) for name, files in told.items()}})

    @dg.job(
        name=collect_job_name(account),
        executor_def=dg.in_process_executor,
        description=f"Takes files from one of the servers that {account.title or account.name} polls; their sensors request it.",
    )
    def collecting() -> None:
        collect_op()

    return collecting
