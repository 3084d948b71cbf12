"""Whether the service lives, and whether it can take files.

Belongs here: the pages /healthz and /readyz. Does not belong here: figures (metrics.py).
"""

import asyncio
import os
import shutil

from starlette.requests import Request
from starlette.responses import JSONResponse, PlainTextResponse, Response

from import_pipeline.failures import TransientFailure
from import_pipeline.gateway.http.gate import LEAST_FREE, Gate
from import_pipeline.ledger import meta


async def alive(request: Request) -> Response:
    """The process answers."""
    request.scope["told"]["route"] = "healthz"
    return PlainTextResponse("ok\n")


async def ready(request: Request) -> Response:
    """200 when the ledger can be read and the vault has room, else 503; each by name."""
    request.scope["told"]["route"] = "readyz"
    gate: Gate = request.app.state.gate
    found = await asyncio.to_thread(_checks, gate)
    return JSONResponse({"ready": all(found.values()), "checks": found}, 200 if all(found.values()) else 503)


def _checks(gate: Gate) -> dict[str, bool]:
    return {"ledger": _ledger(gate), "vault": _vault(gate)}


def _ledger(gate: Gate) -> bool:
    try:
        with gate.ledger.read() as conn:
            meta.read(conn, "ready")
    except TransientFailure:
        return False
    return True


def _vault(gate: Gate) -> bool:
    try:
        gate.vault.mkdir(parents=True, exist_ok=True)
        return os.access(gate.vault, os.W_OK) and shutil.disk_usage(gate.vault).free >= LEAST_FREE
    except OSError:
        return False
