"""The SPOTIO bulk job API as a door: where its key stands, how it refuses, which addresses it has.

Belongs here: what makes it a door. Does not belong here: its requests (routes.py), its bodies (answers.py), its description
(description.py).
"""

from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from import_pipeline.gateway.http.door import Handler, served
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal, problem
from import_pipeline.gateway.http.spotio import description, routes
from import_pipeline.model.http_door import Interface, Scope

BASE = "/api/jobs/dataObjects/bulk"


class SpotioDoor:
    """`Authorization: Bearer KEY`; JSON in and out; NDJSON for data and results."""

    name: Interface = "spotio"

    def routes(self, gate: Gate) -> Sequence[BaseRoute]:
        """The addresses below BASE."""

        def route(path: str, method: str, scope: Scope, handler: Handler) -> Route:
            return Route(BASE + path, served(gate, self, scope, handler), methods=[method])

        return (
            route("", "POST", "import", routes.create),
            route("/inprogress", "GET", "read", routes.in_progress),
            route("/{id}/data", "PUT", "import", routes.put_data),
            route("/{id}/start", "POST", "import", routes.start),
            route("/{id}/progress", "GET", "read", routes.progress),
            route("/{id}/results/succeeded", "GET", "read", routes.succeeded),
            route("/{id}/results/failed", "GET", "read", routes.failed),
            route("/{id}/cleanup", "DELETE", "import", routes.cleanup),
        )

    def key_of(self, request: Request) -> str | None:
        """The bearer token."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else None

    def refused(self, refusal: Refusal, request_id: str) -> Response:
        """A problem document."""
        return problem(refusal, request_id)

    def description(self) -> dict[str, Any]:
        """Paths and schemas."""
        return {"paths": description.paths(BASE), "schemas": description.SCHEMAS}
