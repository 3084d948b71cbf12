"""The HTTP service as one ASGI application: all doors, their description, health, figures.

Belongs here: putting the parts together. Does not belong here: any request, the process (__main__.py).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress

from starlette.applications import Starlette
from starlette.exceptions import HTTPException
from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route
from starlette.types import ASGIApp

from import_pipeline.gateway.http import health, openapi
from import_pipeline.gateway.http.advocate.settling import keep_settling
from import_pipeline.gateway.http.desk.door import desk_routes
from import_pipeline.gateway.http.doors import DOORS
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.mailing import keep_mailing
from import_pipeline.gateway.http.metrics import metrics
from import_pipeline.gateway.http.refusals import Refusal, problem
from import_pipeline.gateway.http.requests import Recorded
from import_pipeline.gateway.http.webhooks import keep_sending
from import_pipeline.landing.clock import Clock, SystemClock
from import_pipeline.ledger import Ledger
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings


def build_app(settings: Settings, ledger: Ledger, accounts: Mapping[str, Account], clock: Clock | None = None) -> ASGIApp:
    """The application for these accounts. While it runs it also sends webhooks and letters that are due, and
    writes the results of jobs that have ended.
    """
    gate = Gate(settings, ledger, accounts, clock or SystemClock())

    @asynccontextmanager
    async def running(_: Starlette) -> AsyncIterator[None]:
        tasks = [asyncio.create_task(work(gate)) for work in (keep_sending, keep_mailing, keep_settling)]
        try:
            yield
        finally:
            for task in tasks:
                task.cancel()
            for task in tasks:
                with suppress(asyncio.CancelledError):
                    await task

    app = Starlette(
        routes=[
            Route("/", front),
            Route("/healthz", health.alive),
            Route("/readyz", health.ready),
            Route("/metrics", metrics),
            Route("/openapi.json", openapi.description),
            Route("/docs", openapi.page),
            *(route for door in DOORS for route in door.routes(gate)),
            *desk_routes(gate),
        ],
        exception_handlers={HTTPException: _no_such_thing, Exception: _fault},
        lifespan=running,
    )
    app.state.gate, app.state.description = gate, openapi.describe(DOORS)
    return Recorded(app, gate)


async def front(request: Request) -> Response:
    """Where a browser lands: at the desk."""
    request.scope["told"]["route"] = "front"
    return RedirectResponse("/desk", 303)


async def _fault(request: Request, _: Exception) -> Response:
    """A fault of ours. What it was stands in the log, under the request's id."""
    return problem(Refusal(500, "a fault of the service"), str(request.scope["request_id"]))


async def _no_such_thing(request: Request, error: Exception) -> Response:
    """What no door answers: an unknown address, or a method that an address does not have."""
    assert isinstance(error, HTTPException)
    refusal = Refusal(error.status_code, "there is nothing at this address; /docs lists what there is")
    refusal.headers |= dict(error.headers or {})
    return problem(refusal, str(request.scope["request_id"]))
