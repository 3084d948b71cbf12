"""The plan of a dry run, of an undo, of an import that waits for approval; and the buttons that carry it out.

Belongs here: these pages. Does not belong here: reading plans (../plans.py), how a plan looks (templates/monitor/_plan.html.j2).
"""

import asyncio
from typing import Any

from starlette.responses import Response

from import_pipeline.gateway.http.desk.monitor.answers import kept
from import_pipeline.gateway.http.desk.monitor.job import progress_facts, why_not_undo
from import_pipeline.gateway.http.desk.monitor.own import own_job
from import_pipeline.gateway.http.desk.plans import plan_of
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.ledger import jobs
from import_pipeline.ledger.jobs import JobRow


async def plan(visit: Visit) -> Response:
    """GET: the plan, or how far it is."""
    row = await asyncio.to_thread(own_job, visit)
    return page(visit, "monitor/plan", **await asyncio.to_thread(_facts, visit, row))


def _facts(visit: Visit, row: JobRow) -> dict[str, Any]:
    with visit.gate.ledger.read() as conn:
        undone = jobs.get(conn, row.undo_of) if row.undo_of else None
        held = [j for j in jobs.held(conn, row.account) if j.delivery == row.delivery and j.object_type == row.object_type]
    return progress_facts(visit, row) | {
        "view": plan_of(visit.gate, visit.account, row),
        "undone": undone,
        "why_not_undo": why_not_undo(visit, undone) if undone else "",
        "together": [j for j in held if j.id != row.id],
        "files": kept(visit.gate, visit.account, row),
    }
