"""The door for the Advocate bulk import API.

Belongs here: its addresses, where its key stands, the form of its refusals. Does not belong here: what requests do (routes.py).
"""

import base64
import binascii
from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.advocate import answers, description, routes
from import_pipeline.gateway.http.door import served
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal, refusal_of
from import_pipeline.model.http_door import Interface

BASE = "/api/v1/{tenant_alias}"


class AdvocateDoor:
    """Basic authentication with an empty user and the key as password; JSON in and out; a tenant alias in every address."""

    name: Interface = "advocate"

    def routes(self, gate: Gate) -> Sequence[BaseRoute]:
        """The addresses below BASE."""
        return (
            Route(f"{BASE}/export/upload", served(gate, self, "import", routes.upload), methods=["POST"]),
            Route(f"{BASE}/graphql", served(gate, self, None, routes.ask), methods=["POST"]),
            Route(f"{BASE}/graphql", served(gate, self, "read", routes.ask_reading), methods=["GET"]),
            Route(f"{BASE}/jobs/{{id}}/{{file}}", _linked(gate, self), methods=["GET"]),
        )

    def key_of(self, request: Request) -> str | None:
        """The password of basic authentication, whatever the user is."""
        scheme, _, given = request.headers.get("authorization", "").partition(" ")
        if scheme.lower() != "basic":
            return None
        try:
            plain = base64.b64decode(given.strip(), validate=True).decode("latin-1")
        except (binascii.Error, ValueError):
            return None
        return plain.partition(":")[2]

    def refused(self, refusal: Refusal, request_id: str) -> Response:
        """A problem document."""
        return answers.refused(refusal, request_id)

    def description(self) -> dict[str, Any]:
        """Paths and schemas."""
        return {"paths": description.paths(BASE), "schemas": description.SCHEMAS}


def _linked(gate: Gate, door: AdvocateDoor) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint of links: their signature stands in the place of a key."""

    async def endpoint(request: Request) -> Response:
        request.scope["told"]["route"] = f"{door.name}:download"
        request_id = str(request.scope["request_id"])
        try:
            return await routes.download(gate, request)
        except Refusal as refusal:
            return door.refused(refusal, request_id)
        except (PermanentFailure, TransientFailure) as failure:
            return door.refused(refusal_of(failure), request_id)

    return endpoint
