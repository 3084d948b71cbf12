"""Messages about what became of jobs, booked in the outbox with the job's answer.

Belongs here: which event a final state is, and what a message says. Does not belong here: sending
(gateway/http/webhooks.py, mailing.py), the words of a letter (reporting/letters.py).
A message is booked in the transaction of the answer, so there is one for each answer, whatever dies when.
"""

import hashlib

from sqlalchemy import Connection

from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.ledger import http_jobs, jobs, outbox
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.http_door import Event
from import_pipeline.model.job import JobState
from import_pipeline.model.mail import is_address
from import_pipeline.reporting.letters import letter, numbered_letter

_EVENTS: dict[JobState, Event] = {
    "applied": "job.completed",
    "duplicate": "job.completed",
    "planned": "job.completed",
    "failed": "job.failed",
    "held": "job.held",
}
_NUMBERED = "engaging_networks"
"""The door whose jobs have a number and a sender who is told."""


def tell(conn: Connection, run: DeliveryRun, job_id: str) -> None:
    """Books a message for every webhook and letter of the account that wants to know this: one for each answer of the job."""
    has_numbers = _NUMBERED in run.account.doors.http.interfaces
    row = jobs.get(conn, job_id) if run.account.webhooks or run.account.mail or has_numbers else None
    event = _EVENTS.get(row.state) if row else None
    if row is None or event is None:
        return
    _tell_webhooks(conn, run, row, event)
    if has_numbers and event != "job.held":
        _tell_sender(conn, run, row)
    for mail in run.account.mail:
        if event in mail.events:
            subject, text = letter(row, run.account.title or run.account.name)
            payload = {"account": row.account, "to": list(mail.to), "subject": subject, "text": text}
            outbox.put(conn, _same("/".join(mail.to), row, run), outbox.MAIL, payload, now=run.now)


def _tell_sender(conn: Connection, run: DeliveryRun, row: JobRow) -> None:
    """The job's number is settled, and the person whose token was used gets a letter that it is complete (acceptance E-10).

    The row's own delivery is asked: an answer may be about rows of an earlier one, that had waited.
    """
    numbered = http_jobs.of_delivery(conn, _NUMBERED, row.delivery)
    if numbered is None:
        return
    status: http_jobs.Status = "ABORTED" if row.state == "failed" else "COMPLETED"
    until, counts = run.now + run.account.retention.staging, row.counts
    http_jobs.settle(
        conn, numbered.id, status, reason=row.reason, records=counts.rows, errors=counts.refused, completed=run.now, expires=until
    )
    if numbered.mailto is None or not is_address(numbered.mailto):
        return
    subject, text = numbered_letter(row, run.account.title or run.account.name, numbered.id.removeprefix("en"), numbered.name)
    payload = {"account": row.account, "to": [numbered.mailto], "subject": subject, "text": text}
    outbox.put(conn, _same(f"{_NUMBERED}/{numbered.mailto}", row, run), outbox.MAIL, payload, now=run.now)


def _same(receiver: str, row: JobRow, run: DeliveryRun) -> str:
    """The id of the message: an answer that is given again after a crash books no second one."""
    return hashlib.sha256(f"{receiver}/{row.id}/{run.pass_number}/{row.state}".encode()).hexdigest()[:32]


def _tell_webhooks(conn: Connection, run: DeliveryRun, row: JobRow, event: Event) -> None:
    body = {
        "account": row.account,
        "delivery": row.delivery,
        "door": run.delivery.door,
        "job": row.id,
        "file": row.name,
        "sha256": row.sha256,
        "objectType": row.object_type,
        "state": row.state,
        "dryRun": row.dry_run,
        "counts": row.counts.model_dump(),
        "reason": row.reason,
    }
    for hook in run.account.webhooks:
        if event in hook.events:
            payload = {"account": row.account, "url": hook.url, "event": event, "body": body}
            outbox.put(conn, _same(hook.url, row, run), outbox.WEBHOOK, payload, now=run.now)
