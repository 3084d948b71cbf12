"""The addresses of mending.

Belongs here: addresses and rights, the page of the table, downloading the failed rows as a way out. Does not belong here: what the others
do (saving.py, sending.py).
"""

import asyncio
from collections.abc import Awaitable, Callable
from functools import wraps
from typing import Any

from starlette.responses import Response

from import_pipeline.gateway.http.desk.mending import saving, sending
from import_pipeline.gateway.http.desk.mending.grid import facts_of
from import_pipeline.gateway.http.desk.mending.work import NotHere, mending_of
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Page, Visit
from import_pipeline.ledger import jobs


async def show(visit: Visit) -> Response:
    """GET /jobs/{job}/mend: the table."""

    def facts() -> dict[str, Any]:
        return facts_of(mending_of(visit), visit.query)

    return page(visit, "mending/grid", conflicts=[], common={}, **await asyncio.to_thread(facts))


def told(handler: Callable[[Visit], Awaitable[Response]]) -> Callable[[Visit], Awaitable[Response]]:
    """The handler, with a page that tells why where rows cannot be mended here."""

    @wraps(handler)
    async def served(visit: Visit) -> Response:
        try:
            return await handler(visit)
        except NotHere as why:
            if visit.is_fragment:
                return Response(str(why), 409, media_type="text/plain")
            with visit.gate.ledger.read() as conn:
                job = jobs.get(conn, visit.params["job"])
            return page(visit, "mending/not_here", status=200 if visit.request.method == "GET" else 409, job=job, why=str(why))

    return served


PAGES = (
    Page("GET", "/jobs/{job}/mend", told(show), "import"),
    Page("POST", "/jobs/{job}/mend/save", told(saving.save), "import"),
    Page("POST", "/jobs/{job}/mend/apply", told(saving.apply), "import"),
    Page("POST", "/jobs/{job}/mend/send", told(sending.send), "import"),
    Page("GET", "/jobs/{job}/mend/sent/{delivery}", told(sending.sent), "import"),
)
