"""What can be done with an import: undo, run again, cancel, approve, reject. Each books what a run then does.

Belongs here: the forms behind the buttons. Does not belong here: doing it (delivering/again.py, landing/cancelling.py), plans (plan.py).
"""

import asyncio
from collections.abc import Callable
from typing import TypeVar

from starlette.responses import Response

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.desk.monitor.own import own_delivery, own_job
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.ledger import jobs
from import_pipeline.ledger.job_list import REJECTED
from import_pipeline.ledger.jobs import JobRow

MOST_REASON = 500
Made = TypeVar("Made")


async def undo(visit: Visit) -> Response:
    """POST: books the plan of the undo, or with `now` the undo itself; on to its page."""
    fields = await visit.fields()
    really = fields.one("now") == "1"

    def book() -> JobRow:
        from import_pipeline.delivering.again import book_undo

        row = own_job(visit)
        _, key = book_undo(visit.gate.pipeline, row.id, dry_run=not really)
        with visit.gate.ledger.read() as conn:
            return jobs.by_delivery(conn, key)[0]

    made = await _or_conflict(book)
    if really:
        return see_other(f"/jobs/{made.id}", "The undo is on its way.")
    return see_other(f"/jobs/{made.id}/plan", "First the plan: nothing is undone yet.")


async def replay(visit: Visit) -> Response:
    """POST: the delivery of the job runs again."""
    await visit.fields()

    def book() -> JobRow:
        from import_pipeline.delivering.again import book_replay

        row = own_job(visit)
        book_replay(visit.gate.pipeline, row.delivery)
        return row

    row = await _or_conflict(book)
    return see_other(f"/jobs/{row.id}", "It runs again as soon as it is its turn.")


async def cancel_job(visit: Visit) -> Response:
    """POST: the delivery of a job that waits is not run."""
    await visit.fields()
    row = await asyncio.to_thread(own_job, visit)
    await _cancel(visit, row.delivery)
    return see_other(f"/jobs/{row.id}", "It is cancelled: nothing was changed.")


async def cancel_delivery(visit: Visit) -> Response:
    """POST: a delivery that waits is not run."""
    await visit.fields()
    found = await asyncio.to_thread(own_delivery, visit)
    await _cancel(visit, found.key)
    where = " Files of the landing folder go to Failed." if found.door == "tree" else ""
    return see_other("/jobs", f"It is cancelled: nothing was imported.{where}")


async def approve(visit: Visit) -> Response:
    """POST: what waits for approval is applied as its plan says. `seen` tells which plan the approver has seen."""
    seen = (await visit.fields()).one("seen")

    def book() -> tuple[JobRow, int]:
        from import_pipeline.delivering.again import book_approval

        row = own_job(visit)
        if seen and row.state == "held" and row.finished_at and seen != row.finished_at.isoformat():
            raise PermanentFailure("its plan was made anew since you looked at it; look again before you approve")
        _, _, together = book_approval(visit.gate.pipeline, row.id)
        return row, len(together)

    row, together = await _or_conflict(book)
    others = f", together with {together - 1:,} more of the same delivery" if together > 1 else ""
    return see_other(f"/jobs/{row.id}", f"Approved{others}. It is applied as soon as it is its turn.")


async def reject(visit: Visit) -> Response:
    """POST: what waits for approval ends, with a reason that its sender reads."""
    fields = await visit.fields()
    reason = "".join(c for c in " ".join(fields.one("reason").split()) if c.isprintable())[:MOST_REASON]

    def end() -> JobRow:
        from import_pipeline.delivering.again import reject as reject_job

        row = own_job(visit)
        told = f"{REJECTED} by {visit.user.name}"
        reject_job(visit.gate.pipeline, row.id, f"{told}: {reason}" if reason else told)
        return row

    row = await _or_conflict(end)
    return see_other(f"/jobs/{row.id}", "Rejected: nothing of it was applied.")


async def _cancel(visit: Visit, key: str) -> None:
    def book() -> str:
        from import_pipeline.landing.cancelling import cancel

        with visit.gate.ledger.begin() as conn:
            return cancel(conn, visit.account, key, visit.user.name, now=visit.gate.clock.now())

    await _or_conflict(book)


async def _or_conflict(act: Callable[[], Made]) -> Made:
    """What `act` returns, done in a thread; a state in which it cannot be done is a conflict, told in its own words."""
    try:
        return await asyncio.to_thread(act)
    except PermanentFailure as failure:
        raise Refusal(409, str(failure)) from failure
