"""Every request has an id and leaves one line in the log, which tells neither secrets nor contents.

Belongs here: what is done around every request. Does not belong here: log-in (door.py), counting for monitoring (metrics.py).

A line names the route and not the address as it was sent: people put keys and names of customers into addresses.
"""

import json
import logging
import re
import secrets
import traceback
from logging.handlers import RotatingFileHandler
from pathlib import Path
from typing import Any

from starlette.types import ASGIApp, Message, Receive, Scope, Send

from import_pipeline.gateway.http.gate import Gate

LOG = logging.getLogger(__name__)
_ID = re.compile(rb"[A-Za-z0-9._-]{1,64}")
FILE = "http-access.jsonl"
MOST_BYTES, KEPT = 50_000_000, 5
SECURITY: tuple[tuple[bytes, bytes], ...] = (
    (b"x-content-type-options", b"nosniff"),
    (b"cache-control", b"no-store"),
    (b"referrer-policy", b"no-referrer"),
    (b"content-security-policy", b"default-src 'none'; style-src 'unsafe-inline'; frame-ancestors 'none'"),
)
"""What every answer carries unless it states the like itself."""


class Recorded:
    """Around the whole application: ids, security headers, the log."""

    def __init__(self, app: ASGIApp, gate: Gate) -> None:
        self._app, self._gate = app, gate
        self._log = AccessLog(gate.settings.home / "logs")

    async def __call__(self, scope: Scope, receive: Receive, send: Send) -> None:
        """One request."""
        if scope["type"] != "http":
            await self._app(scope, receive, send)
            return
        begun = self._gate.clock.monotonic()
        scope["request_id"] = request_id = _id_of(scope)
        told: dict[str, Any] = {}
        scope["told"] = told
        seen = {"status": 0, "in": 0, "out": 0}

        async def counted() -> Message:
            message = await receive()
            seen["in"] += len(message.get("body", b""))
            return message

        async def sending(message: Message) -> None:
            if message["type"] == "http.response.start":
                seen["status"] = message["status"]
                own = message.get("headers", [])
                stated = {name for name, _ in own}
                guards = [guard for guard in SECURITY if guard[0] not in stated]
                message["headers"] = [*own, (b"x-request-id", request_id.encode()), *guards]
            seen["out"] += len(message.get("body", b""))
            await send(message)

        try:
            await self._app(scope, counted, sending)
        except Exception as error:
            # It has its answer from the application. Its text is not logged: it may hold what somebody sent.
            where = "; ".join(f"{f.filename}:{f.lineno} {f.name}" for f in traceback.extract_tb(error.__traceback__)[-6:])
            LOG.error("%s: %s at %s", request_id, type(error).__name__, where)
        finally:
            route = str(told.get("route", "-"))
            self._gate.requests[route, seen["status"]] += 1
            took = round((self._gate.clock.monotonic() - begun) * 1000, 1)
            self._log.write(
                at=self._gate.clock.now().isoformat(timespec="milliseconds").replace("+00:00", "Z"),
                id=request_id,
                method=str(scope["method"])[:16],
                status=seen["status"],
                ms=took,
                received=seen["in"],
                sent=seen["out"],
                address=scope["client"][0] if scope.get("client") else None,
                **{"route": route} | told,
            )


class AccessLog:
    """logs/http-access.jsonl, one JSON object a line, turned over at MOST_BYTES."""

    def __init__(self, folder: Path) -> None:
        folder.mkdir(parents=True, exist_ok=True)
        self._handler = RotatingFileHandler(folder / FILE, maxBytes=MOST_BYTES, backupCount=KEPT, encoding="utf-8", delay=True)

    def write(self, **facts: object) -> None:
        """One line of the facts that are known. A log that cannot be written stops no request."""
        line = json.dumps({name: value for name, value in facts.items() if value is not None})
        self._handler.handle(logging.LogRecord("http", logging.INFO, "", 0, line, None, None))


def _id_of(scope: Scope) -> str:
    """The id that a proxy or the sender gave, when it is one; else a new one."""
    given = next((value for name, value in scope["headers"] if name == b"x-request-id"), b"")
    return given.decode() if _ID.fullmatch(given) else secrets.token_hex(8)
