"""Taking back what waits: a delivery that no run was asked for yet, whatever door it came through.

Belongs here: whether a delivery can be cancelled, and booking that it is. Does not belong here: rejecting what waits for approval
(delivering/again.py), taking back what was imported (undoing.py).

Originals of the landing tree go to Failed, as those of files that were not imported (landing/project.py moves them at its next look);
uploads may be submitted again; an undo that was booked is not done.
"""

from datetime import datetime

from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing.submitted import take_back
from import_pipeline.ledger import deliveries, http_jobs, jobs
from import_pipeline.ledger.job_list import CANCELLED
from import_pipeline.model.account import Account

_NUMBERED = ("engaging_networks", "advocate")
"""Doors whose senders asked for a job of their own, which ends with its delivery."""


def cancel(conn: Connection, account: Account, key: str, who: str, *, now: datetime) -> str:
    """Cancels a waiting delivery in the name of `who`; the reason that is booked.

    Raises PermanentFailure for another account's delivery, and in words for one that a run was asked for already.
    """
    delivery = deliveries.get(conn, key)
    if delivery is None or delivery.account != account.name:
        raise PermanentFailure(f"there is no delivery {key!r}")
    reason = f"{CANCELLED} by {who}"
    if not take_back(conn, key, reason, now=now):
        told = {
            "finished": "it is finished already",
            "failed": "it has ended already",
            "running": "it is being imported at this moment; when it has ended, it can be undone",
        }
        raise PermanentFailure(f"this cannot be cancelled: {told.get(delivery.state, 'its run was asked for already')}")
    for row in jobs.by_delivery(conn, key):
        jobs.finish(conn, row.id, "failed", now=now, reason=reason)
    for door in _NUMBERED:
        numbered = http_jobs.of_delivery(conn, door, key)
        if numbered:
            expires = now + account.retention.staging
            http_jobs.settle(conn, numbered.id, "ABORTED", reason=reason, records=0, errors=0, completed=now, expires=expires)
    return reason
