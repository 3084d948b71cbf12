"""What is done when a job's delivery has ended: result files, the job's last status, the message to webhooks; and forgetting them later.

Belongs here: settling jobs, where result files lie, how long they stay. Does not belong here: what the files hold
(reporting/api_results.py), links (links.py).

It is done when somebody asks for the job, and by a task of the service for those that nobody asks for: staging goes earlier than links.
"""

import asyncio
import hashlib
import logging
import shutil
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import datetime, timedelta
from pathlib import Path

from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.advocate import answers
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.landing.submitted import Progress, progress_of
from import_pipeline.ledger import http_jobs, meta, outbox
from import_pipeline.ledger.http_jobs import HttpJob, Status
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

LOG = logging.getLogger(__name__)
DOOR = "advocate"
KEPT = timedelta(days=30)
"""How long results can be read (acceptance A-8)."""
EVENT = "export.completed"
_LOOK = 2.0
_KNOWN = (PermanentFailure, TransientFailure, OSError)
_SWEEP = timedelta(hours=1)
AT_ONCE = 20_000
"""Rows of a job that is settled while its asker waits. Larger ones are left to the task: a workbook of 500,000 rows takes 40 seconds."""
_BUSY: set[str] = set()
"""Jobs whose results are being written in this process."""
_GUARD = threading.Lock()


def tenant_of(account: Account) -> str:
    """The alias that the documents call the account by."""
    return account.doors.sftp.tenant_alias or account.name


def folder_of(settings: Settings, job: HttpJob) -> Path:
    """Where a job's result files lie."""
    return settings.home / "results" / job.account / job.id


def result_path(settings: Settings, job: HttpJob, kind: str) -> Path:
    """The success file or the errors file."""
    return folder_of(settings, job) / f"{kind}.{job.output_format.lower()}"


def settle(gate: Gate, job: HttpJob, most_rows: int | None = AT_ONCE) -> HttpJob:
    """The job as it is: one whose delivery has ended is settled first, unless it has more rows or somebody else does it just then.

    What cannot be done at this moment is done the next time.
    """
    if job.status != "PENDING":
        return job
    with gate.ledger.read() as conn:
        progress = progress_of(conn, job.delivery)
    if not progress.ended or (most_rows is not None and progress.counts.rows > most_rows):
        return job
    with _turn(job.id) as mine:
        if not mine:
            return job
        with gate.ledger.read() as conn:
            latest = http_jobs.get(conn, job.account, job.id) or job
        return _settle(gate, latest, progress) if latest.status == "PENDING" else latest


@contextmanager
def _turn(job_id: str) -> Iterator[bool]:
    """Whether nobody else is at this job; until the end nobody else will be."""
    with _GUARD:
        mine = job_id not in _BUSY
        if mine:
            _BUSY.add(job_id)
    try:
        yield mine
    finally:
        if mine:
            with _GUARD:
                _BUSY.discard(job_id)


def _settle(gate: Gate, job: HttpJob, progress: Progress) -> HttpJob:
    account = gate.accounts[job.account]
    status, reason = _outcome(progress)
    records, errors = progress.counts.rows, progress.counts.refused
    try:
        _write(gate, account, job, progress)
    except OSError as failure:
        # The disk may be full; the job stays as it is, and the results are written the next time.
        LOG.warning("results of %s: %s", job.id, failure)
        return job
    except PermanentFailure as failure:
        reason = "; ".join(part for part in (reason, f"no result files: {failure}") if part)
    completed = answers.whole_millis(progress.finished_at or gate.clock.now())
    with gate.ledger.begin() as conn:
        expires = completed + KEPT
        if http_jobs.settle(conn, job.id, status, reason=reason, records=records, errors=errors, completed=completed, expires=expires):
            settled = http_jobs.get(conn, job.account, job.id)
            assert settled is not None
            _tell(conn, gate, account, settled, progress)
        found = http_jobs.get(conn, job.account, job.id)
    return found or job


def _tell(conn: Connection, gate: Gate, account: Account, job: HttpJob, progress: Progress) -> None:
    """Books the message for each webhook that wants it, and a letter to whom the job names where there is a mail server."""
    from import_pipeline.reporting.letters import letter

    now = gate.clock.now()
    for hook in account.webhooks:
        if EVENT in hook.events:
            body = answers.told_body(job, tenant_of(account), EVENT)
            payload = {"account": job.account, "url": hook.url, "event": EVENT, "body": body}
            outbox.put(conn, _same(hook.url, job), outbox.WEBHOOK, payload, now=now)
    if job.mailto and progress.jobs and gate.settings.smtp is not None:
        subject, text = letter(progress.jobs[0], account.title or account.name)
        payload = {"account": job.account, "to": [job.mailto], "subject": subject, "text": text}
        outbox.put(conn, _same(job.mailto, job), outbox.MAIL, payload, now=now)


def _same(receiver: str, job: HttpJob) -> str:
    """The id of a message: who settles a job twice tells it once."""
    return hashlib.sha256(f"{receiver}/{job.id}/{EVENT}".encode()).hexdigest()[:32]


def _outcome(progress: Progress) -> tuple[Status, str | None]:
    """COMPLETED when rows were judged one by one, also when each of them was refused; ABORTED when the file as a whole was not taken."""
    (job,) = progress.jobs or (None,)
    reason = progress.reason or (job.fault.message if job and job.fault else None)
    if progress.phase == "failed" or job is None:
        return "ABORTED", reason
    if job.state == "failed" and job.counts.refused < job.counts.rows:
        return "ABORTED", reason
    return "COMPLETED", reason


def _write(gate: Gate, account: Account, job: HttpJob, progress: Progress) -> None:
    from import_pipeline.reporting.api_results import write_results
    from import_pipeline.reporting.row_results import tag_key

    if not progress.jobs or progress.jobs[0].object_type not in account.types_by_name:
        return
    with gate.ledger.read() as conn:
        tag = str(meta.read(conn, tag_key(account.name)) or "")
    success, errors = (result_path(gate.settings, job, kind) for kind in ("success", "errors"))
    write_results(gate.settings, account, progress.jobs[0], success, errors, job.output_format, tag=tag)  # type: ignore[arg-type]


async def keep_settling(gate: Gate) -> None:
    """Runs until cancelled."""
    swept: datetime | None = None
    while True:
        try:
            await asyncio.to_thread(settle_ended, gate)
            now = gate.clock.now()
            if swept is None or now - swept >= _SWEEP:
                await asyncio.to_thread(forget_expired, gate)
                swept = now
        except Exception as failure:
            # Nothing may end this task; the text of a fault may hold what somebody sent.
            LOG.warning("results: %s", type(failure).__name__)
        await asyncio.sleep(_LOOK)


def settle_ended(gate: Gate) -> None:
    """Settles every job whose delivery has ended; one that cannot be settled does not stop the others."""
    with gate.ledger.read() as conn:
        ended = http_jobs.ended(conn, DOOR)
    for job in ended:
        try:
            if job.account in gate.accounts:
                settle(gate, job, None)
        except Exception as failure:
            LOG.warning("results of %s: %s", job.id, failure if isinstance(failure, _KNOWN) else type(failure).__name__)


def forget_expired(gate: Gate) -> None:
    """Removes result files of jobs whose links have ended, and what validations of a killed process left."""
    root = gate.settings.home / "results"
    now = gate.clock.now()
    for folder in root.glob("*/*"):
        with gate.ledger.read() as conn:
            job = http_jobs.get(conn, folder.parent.name, folder.name)
        if job is None or (job.expires_at and job.expires_at <= now):
            shutil.rmtree(folder, ignore_errors=True)
    for left in (gate.settings.home / "tmp").glob("*/trial-*"):
        if now.timestamp() - left.stat().st_mtime > _SWEEP.total_seconds():
            shutil.rmtree(left, ignore_errors=True)
