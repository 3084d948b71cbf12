"""Mended rows sent again: as a file of their own, in the form of the one that they come from, through the same import as any other.

Belongs here: which rows are sent, their file, booking it once, and the page that tells what became of them. Does not belong here: what a
row looks like in the file (reporting/failed_rows.py), which rows came in (delivering/resubmitting.py).
"""

import asyncio
import os
import tempfile
from collections.abc import Mapping, Sequence
from typing import Any, BinaryIO, cast

from starlette.responses import Response

from import_pipeline.gateway.http.desk.mending.grid import lines_of, state_text
from import_pipeline.gateway.http.desk.mending.work import Mending, Sending, mending_of
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import vault
from import_pipeline.landing.submit import book_delivery
from import_pipeline.landing.vault import Stored
from import_pipeline.ledger import mends
from import_pipeline.ledger.files import Arrival

DOOR = "desk"
_SHOWN_AGAIN = 20


async def send(visit: Visit) -> Response:
    """POST /jobs/{job}/mend/send: the rows that were changed, or all that still fail."""
    fields = await visit.fields()
    return await asyncio.to_thread(_send, visit, fields.one("which"))


async def sent(visit: Visit) -> Response:
    """GET /jobs/{job}/mend/sent/{delivery}: how far the import of these rows is, and what it came to."""
    facts = await asyncio.to_thread(_sent, visit)
    headers = {"X-Desk-Done": "1"} if facts["ended"] else {}
    return page(visit, "mending/sent_part" if visit.is_fragment else "mending/sent", headers=headers, **facts)


def _send(visit: Visit, which: str) -> Response:
    mending = mending_of(visit)
    with visit.gate.ledger.read() as conn:
        before = mends.versions(conn, mending.job.id)
        changes = mends.unsent(conn, mending.job.id)
    mending.came_in(must=True)
    lines = lines_of(mending, "open", "")
    if which != "open":
        lines = [line for line in lines if line in changes]
    if not lines:
        return _nothing(mending)
    stored = _store(mending, lines, changes)
    job, now = mending.job, visit.gate.clock.now()
    with visit.gate.ledger.begin() as conn:
        if mends.versions(conn, job.id) != before:
            return see_other(f"/jobs/{job.id}/mend", "Somebody changed or sent rows at this very moment. Look at them and send again.")
        arrival = Arrival(name=_name(mending), size=stored.size, sha256=stored.sha256, object_type=job.object_type, format=job.format)
        booked = book_delivery(conn, visit.gate.ledger, mending.account, visit.gate.settings, [arrival], now=now, door=DOOR, dry_run=False)
        mends.send(conn, visit.account.name, job.id, lines, booked.key, by=visit.user.name, now=now)
    return see_other(f"/jobs/{job.id}/mend/sent/{booked.key}")


def _nothing(mending: Mending) -> Response:
    """A second click finds nothing left to send: it leads to what the first one sent."""
    if mending.sendings:
        return see_other(f"/jobs/{mending.job.id}/mend/sent/{mending.sendings[-1].delivery}", "These rows were sent already.")
    return see_other(f"/jobs/{mending.job.id}/mend", "No row was changed, so nothing was sent.")


def _store(mending: Mending, lines: Sequence[int], changes: Mapping[int, Mapping[int, str]]) -> Stored:
    """The file of these rows, in the vault."""
    from import_pipeline.reporting.failed_rows import write_failed
    from import_pipeline.reporting.mended_rows import Mended

    failed = mending.sheet.failed(mending.errors, lines)
    folder = mending.visit.gate.settings.home / "tmp" / mending.account.name
    folder.mkdir(parents=True, exist_ok=True)
    with tempfile.TemporaryFile(dir=folder, buffering=1 << 20) as out:
        write_failed(
            cast(BinaryIO, out),
            mending.as_job,
            mending.job_lines.parsed,
            failed,
            Mended(mending.job.kind, mending.job_lines.parsed, changes),
        )
        out.flush()
        size = out.tell()
        mending.visit.gate.check_disk(size)
        os.lseek(out.fileno(), 0, os.SEEK_SET)
        return vault.put(mending.visit.gate.vault, "desk", vault.chunks(out.fileno()))


def _name(mending: Mending) -> str:
    """What the file of mended rows is called: as the failed rows that people download."""
    from import_pipeline.reporting.names import answer_name

    return answer_name(mending.job.name, mending.job.id, "failed", mending.job.kind).replace(".failed.", ".mended.")


def _sent(visit: Visit) -> dict[str, Any]:
    mending = mending_of(visit)
    one = next((found for found in mending.sendings if found.delivery == visit.params["delivery"]), None)
    if one is None:
        raise Refusal(404, "these rows were not sent, or their import came to nothing: they can be sent again")
    again = _refused(mending, one)
    kind, text = state_text(one)
    closed = 0
    if one.progress.ended and one.job is not None:
        closed = max(0, one.job.counts.good - one.job.counts.parked)
    return {
        "job": mending.job,
        "one": one,
        "later": one.job,
        "state_kind": kind,
        "state_text": text,
        "ended": one.progress.ended or one.progress.phase == "held",
        "closed": closed,
        "refused": again,
        "left": max(0, mending.job.counts.refused - mending.job.resolved),
    }


def _refused(mending: Mending, one: Sending) -> list[tuple[int, Any]]:
    """The first rows that were refused once more, as (line of the first file, Again)."""
    if one.job is None or not one.progress.ended:
        return []
    return sorted(mending.refused_by(one.job, _SHOWN_AGAIN).items())
