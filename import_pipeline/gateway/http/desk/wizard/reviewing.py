"""The third step: what the import would do, before it does it (acceptance B-2, T-1).

Belongs here: booking the plan of an import, its page, its progress. Does not belong here: how a plan looks (../plans.py), making one.
"""

import asyncio
from pathlib import Path

from starlette.responses import FileResponse, Response

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.desk.plans import plan_of
from import_pipeline.gateway.http.desk.rendering import HEADERS, page
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.desk.wizard.common import Opened, elsewhere_first, opened
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import drafts as steps
from import_pipeline.landing.submitted import Progress, progress_of

DONE = {"x-desk-done": "1"}
"""Ends the asking for a part of a page."""


async def show(visit: Visit) -> Response:
    """GET: the plan, or how far its making is."""
    return await asyncio.to_thread(_show, visit)


async def make(visit: Visit) -> Response:
    """POST: makes a plan of what is chosen."""
    await visit.fields()
    return await asyncio.to_thread(_made, visit)


async def part(visit: Visit) -> Response:
    """GET: how far the making of the plan is, as a part of the page."""

    def look() -> Response:
        found = opened(visit)
        progress = plan_progress(visit, found)
        ended = progress is None or progress.phase in ("finished", "failed", "held")
        return page(visit, "wizard/planning", progress=progress, headers=DONE if ended else {})

    return await asyncio.to_thread(look)


async def whole(visit: Visit) -> Response:
    """GET: all rows of the plan as CSV."""

    def look() -> Path:
        found = opened(visit)
        progress = plan_progress(visit, found)
        for job in progress.jobs if progress else ():
            page_file = Path(job.plan_file) if job.plan_file else None
            csv = page_file.with_name(page_file.name.removesuffix(".html") + ".csv") if page_file else None
            if csv is not None and csv.is_file():
                return csv
        raise Refusal(404, "there is no plan of this import, or its file was taken away")

    path = await asyncio.to_thread(look)
    headers = {name: value for name, value in HEADERS.items() if name != "content-security-policy"}
    return FileResponse(path, headers=headers | {"content-security-policy": "sandbox"}, media_type="text/csv", filename=path.name)


def book_plan(visit: Visit, found: Opened) -> None:
    """Books the dry run of what is chosen, unless there is one that is about just this."""
    if found.draft.plan:
        progress = plan_progress(visit, found)
        if progress is not None and progress.phase != "failed":
            return
    _book(visit, found)


def _book(visit: Visit, found: Opened) -> None:
    gate = visit.gate
    try:
        with gate.ledger.begin() as conn:
            steps.plan(conn, gate.ledger, found.account, gate.settings, found.draft.id, found.draft.version, now=gate.clock.now())
    except PermanentFailure:
        # Pressed twice: the other request was quicker.
        newest = opened(visit)
        if newest.body != found.body or newest.draft.plan in (None, found.draft.plan):
            raise


def plan_progress(visit: Visit, found: Opened) -> Progress | None:
    """How far the plan of what is chosen is; None without one."""
    if not found.draft.plan:
        return None
    with visit.gate.ledger.read() as conn:
        return progress_of(conn, found.draft.plan)


def _made(visit: Visit) -> Response:
    found = opened(visit)
    if (first := elsewhere_first(found)) is not None:
        return first
    _book(visit, found)
    return see_other(f"{found.path}/review")


def _show(visit: Visit) -> Response:
    found = opened(visit)
    if (first := elsewhere_first(found)) is not None:
        return first
    progress = plan_progress(visit, found)
    job = progress.jobs[0] if progress and progress.jobs and progress.ended else None
    return page(
        visit,
        "wizard/review",
        found=found,
        steps=found.step_list("review"),
        progress=progress,
        job=job,
        view=plan_of(visit.gate, found.account, job) if job else None,
        mapped=[(cell, key) for cell, key in found.body.columns.items() if key],
        left_out=[cell for cell, key in found.body.columns.items() if not key],
    )
