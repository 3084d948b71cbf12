"""The fourth step: what becomes of rows with errors, and the start (acceptance T-2).

Belongs here: its page, the start, taking a start back. Does not belong here: what a policy does (validation/), the import under way
(watching.py).
"""

import asyncio
from typing import Literal

from starlette.responses import Response

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.desk.forms import Fields
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.desk.wizard.common import ELSEWHERE, Elsewhere, Opened, elsewhere_first, opened
from import_pipeline.gateway.http.desk.wizard.reviewing import plan_progress
from import_pipeline.gateway.http.desk.wizard.watching import is_cancelled
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import drafts as steps
from import_pipeline.landing.submitted import progress_of
from import_pipeline.ledger import drafts, uploads
from import_pipeline.model.draft import DraftBody

OnError = Literal["halt", "skip"]
_HALT_STRICT = "Stops at the first row with an error. The rows before it are imported, the import shows Error and tells the line."
_HALT_KIND = "When a row has an error, nothing of the file is imported. The import shows Error and tells the first such line."
_SKIP = "Rows with errors are left out and listed in the Exception Log. All other rows are imported, and the import shows Complete."


async def show(visit: Visit) -> Response:
    """GET: the choice, and the button that starts."""
    return await asyncio.to_thread(_show, visit)


async def take(visit: Visit) -> Response:
    """POST: saves the choice and starts the import, once."""
    fields = await visit.fields()
    return await asyncio.to_thread(_taken, visit, fields)


async def stop(visit: Visit) -> Response:
    """POST: takes the start back while the import waits for its turn, or opens one again that was cancelled on the page of jobs."""
    await visit.fields()

    def work() -> Response:
        found = opened(visit)
        if not found.started:
            return see_other(f"{found.path}/review")
        now = visit.gate.clock.now()
        with visit.gate.ledger.begin() as conn:
            stopped = steps.stop(conn, visit.account, found.draft.id, now=now)
            if not stopped and is_cancelled(conn, progress_of(conn, found.draft.delivery or "")):
                stopped = drafts.reopen(conn, visit.account.name, found.draft.id, now=now)
                uploads.keep(conn, found.draft.upload or "", now + visit.account.doors.desk.keep_drafts)
        if not stopped:
            raise Refusal(409, "the import is under way already; when it is done it can be undone")
        return see_other(f"{found.path}/review", "The start was taken back; nothing was imported.")

    return await asyncio.to_thread(work)


def _show(visit: Visit) -> Response:
    found = opened(visit)
    if (first := elsewhere_first(found)) is not None:
        return first
    return _page(visit, found, found.body)


def _taken(visit: Visit, fields: Fields) -> Response:
    before = opened(visit)
    on_error: OnError = "halt" if fields.one("on_error") == "halt" else "skip"
    if not before.started and before.problems:
        return see_other(f"{before.path}/{before.next_step}?check=1")
    try:
        if not before.started:
            _start(visit, before, fields.one("version"), on_error)
    except PermanentFailure:
        newest = opened(visit)
        # Pressed twice, or in two windows at once: it was started once, and here is what becomes of it.
        if not newest.started:
            if newest.draft.version == before.draft.version:
                raise
            return _elsewhere(visit, newest, on_error)
    except Elsewhere as elsewhere:
        return _elsewhere(visit, elsewhere.newest, on_error)
    return see_other(before.path, "The import is started.")


def _start(visit: Visit, before: Opened, version: str, on_error: OnError) -> None:
    """Saves the choice and books the import, both or nothing. Raises Elsewhere for a page that showed an older state: nobody starts
    unseen what another window has changed."""
    if version != str(before.draft.version):
        raise Elsewhere(before)
    gate, draft, body = visit.gate, before.draft, before.body.model_copy(update={"on_error": on_error})
    now = gate.clock.now()
    with gate.ledger.begin() as conn:
        if body != before.body:
            draft = steps.change(conn, before.account, draft.id, draft.version, body, now=now)
        steps.start(conn, gate.ledger, before.account, gate.settings, draft.id, draft.version, now=now)


def _elsewhere(visit: Visit, newest: Opened, on_error: OnError) -> Response:
    typed = newest.body.model_copy(update={"on_error": on_error})
    return _page(visit, newest, typed, newest=newest.body, status=409)


def _page(visit: Visit, found: Opened, body: DraftBody, *, newest: DraftBody | None = None, status: int = 200) -> Response:
    progress = plan_progress(visit, found)
    job = progress.jobs[0] if progress and progress.jobs and progress.ended else None
    return page(
        visit,
        "wizard/start",
        status=status,
        found=found,
        body=body,
        steps=found.step_list("start"),
        job=job,
        progress=progress,
        words={"halt": _HALT_STRICT if found.account.strict else _HALT_KIND, "skip": _SKIP},
        saved=newest.on_error if newest and newest.on_error != body.on_error else "",
        elsewhere=ELSEWHERE if newest else "",
    )
