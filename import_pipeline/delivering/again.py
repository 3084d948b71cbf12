"""What is asked for after an import: replay, undo, approval. Each books work that a run then does.

Belongs here: what the command line, the jobs of the UI and the timeout of held jobs share. Does not belong here: doing the work
(flow.py and the rooms), running it (direct.py, sensor.py).
"""

from import_pipeline.delivering.answering import answer_rejected
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.delivering.holding import approve, then_of
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import vault
from import_pipeline.landing.undoing import job_of, submit_undo
from import_pipeline.ledger import deliveries, formats, jobs, meta
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account

ANSWERED = ("finished", "failed")
"""States of a delivery that no run works on, and none is asked for."""


def account_of(pipeline: Pipeline, job: str) -> tuple[Account, JobRow]:
    """The job of this id with its account. Raises PermanentFailure when there is none."""
    with pipeline.ledger.read() as conn:
        row = job_of(conn, job)
    return pipeline.account(row.account), row


def book_undo(pipeline: Pipeline, job: str, *, dry_run: bool) -> tuple[Account, str]:
    """Books the undo of `job`, or its plan; the account and the delivery that does it."""
    account, _ = account_of(pipeline, job)
    return account, submit_undo(pipeline.ledger, account, job, now=pipeline.clock.now(), dry_run=dry_run)


def book_replay(pipeline: Pipeline, named: str) -> tuple[Account, str]:
    """Books that a delivery, named by its key or by one of its jobs (id, file name or `latest`), runs again under the rules of today.

    Raises PermanentFailure for an unknown one, for one that is under way, and for one whose originals are past their retention.
    """
    with pipeline.ledger.read() as conn:
        found = deliveries.get(conn, named)
        row = None if found else jobs.find(conn, named)
        found = found or (deliveries.get(conn, row.delivery) if row else None)
        if found is None:
            known = [d.key for d in deliveries.listing(conn, limit=5)]
            raise PermanentFailure(f"there is no delivery or job {named!r}; the latest deliveries are {', '.join(known) or 'none'}")
        booked = jobs.by_delivery(conn, found.key)
    if any(job.undo_of for job in booked):
        raise PermanentFailure(f"delivery {found.key} is an undo; what it undid comes back by undoing it: job {booked[0].id}")
    if found.state not in ANSWERED:
        raise PermanentFailure(f"delivery {found.key} is {found.state}: it has no answer yet")
    gone = [job.name for job in booked if job.sha256 and not vault.path_of(pipeline.settings.vault, job.sha256).exists()]
    if gone:
        raise PermanentFailure(f"delivery {found.key} cannot be replayed: the original of {gone[0]} is past the vault's retention")
    _run_again(pipeline, found.key)
    return pipeline.account(found.account), found.key


def book_approval(pipeline: Pipeline, job: str) -> tuple[Account, str, list[JobRow]]:
    """Approves the change set that the held `job` is part of and books the run that applies it.

    Returns the account, the delivery and all jobs of that change set. Raises PermanentFailure for a job that is not held.
    """
    account, row = _held(pipeline, job)
    object_type = account.object_type(row.object_type)
    run = DeliveryRun(pipeline, account, row.delivery)
    approve(pipeline, row.delivery, object_type, run.stage(object_type, "related"))
    with pipeline.ledger.read() as conn:
        together = [j for j in jobs.held(conn, account.name) if j.delivery == row.delivery and j.object_type == row.object_type]
    with pipeline.ledger.read() as conn:
        delivery = deliveries.get(conn, row.delivery)
    if delivery is None or delivery.state not in ("waiting", "requested"):
        # Else a run is asked for already: for another type that was held with this one.
        _run_again(pipeline, row.delivery)
    return account, row.delivery, together


def reject(pipeline: Pipeline, job: str, reason: str) -> list[JobRow]:
    """Ends the held `job`, with all jobs of its change set, as failed with `reason`; nothing of them was applied."""
    account, row = _held(pipeline, job)
    with pipeline.ledger.read() as conn:
        together = [j for j in jobs.held(conn, account.name) if j.delivery == row.delivery and j.object_type == row.object_type]
    answer_rejected(DeliveryRun(pipeline, account, row.delivery), together, reason)
    with pipeline.ledger.read() as conn:
        return [now for j in together if (now := jobs.get(conn, j.id))]


def decide_overdue(pipeline: Pipeline, account: Account) -> list[str]:
    """Decides held jobs whose time is over as their policy says; what was done, one sentence a job."""
    with pipeline.ledger.read() as conn:
        account = formats.with_saved(conn, account)
        overdue = [j for j in jobs.held(conn, account.name) if j.held_until and j.held_until <= pipeline.clock.now()]
    told: list[str] = []
    for row in overdue:
        with pipeline.ledger.read() as conn:
            now = jobs.get(conn, row.id)
        with pipeline.ledger.read() as conn:
            delivery = deliveries.get(conn, row.delivery)
        # What is approved already only waits for its run.
        if now is None or now.state != "held" or delivery is None or delivery.state not in ANSWERED:
            continue
        if then_of(account, row.format) == "approve":
            book_approval(pipeline, row.id)
            told.append(f"job {row.id} was approved: nobody decided in time")
        else:
            reject(pipeline, row.id, "nobody approved it in time")
            told.append(f"job {row.id} was rejected: nobody approved it in time")
    return told


def _run_again(pipeline: Pipeline, key: str) -> None:
    """The delivery waits for a run, whose attempts are counted anew."""
    with pipeline.ledger.begin() as conn:
        delivery = deliveries.get(conn, key)
        if delivery is None or not deliveries.replay(conn, key):
            raise PermanentFailure(f"delivery {key} is under way by now; try again when it is answered")
        meta.write(conn, f"attempts/{key}", delivery.attempt, now=pipeline.clock.now())


def _held(pipeline: Pipeline, job: str) -> tuple[Account, JobRow]:
    account, row = account_of(pipeline, job)
    if row.state != "held":
        with pipeline.ledger.read() as conn:
            waiting = ", ".join(j.id for j in jobs.held(conn, account.name)[:10])
        raise PermanentFailure(f"job {job} ({row.name}) is {row.state}, it does not wait for approval; waiting are: {waiting or 'none'}")
    return account, row
