"""The door for Engaging Networks' bulk imports and exports.

Belongs here: its addresses, where a request carries its token, the form of its refusals. Does not belong here: what requests do
(routes.py), what an import has to be (receiving.py).
"""

from collections.abc import Awaitable, Callable, Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import Response
from starlette.routing import BaseRoute, Route

from import_pipeline.gateway.http.door import served
from import_pipeline.gateway.http.engaging_networks import description, routes
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal, problem
from import_pipeline.model.http_door import Interface

BASE = "/ea-dataservice"


class EngagingNetworksDoor:
    """`import.service` takes a form with its token inside and answers with texts; other addresses take the token as bearer or `?token=`."""

    name: Interface = "engaging_networks"

    def routes(self, gate: Gate) -> Sequence[BaseRoute]:
        """The addresses below BASE."""
        return (
            Route(f"{BASE}/import.service", _taking(gate), methods=["POST"]),
            Route(f"{BASE}/import.jsp", routes.form, methods=["GET"]),
            Route(f"{BASE}/import.jsp", _taking(gate), methods=["POST"]),
            Route(f"{BASE}/jobs", served(gate, self, "read", routes.jobs), methods=["GET"]),
            Route(f"{BASE}/segments", served(gate, self, "read", routes.segment_list), methods=["GET"]),
            Route(f"{BASE}/segments/members", served(gate, self, "read", routes.members), methods=["GET"]),
            Route(f"{BASE}/export.service", served(gate, self, "read", routes.export), methods=["GET"]),
        )

    def key_of(self, request: Request) -> str | None:
        """The bearer token, or the parameter `token`. Without one None."""
        scheme, _, key = request.headers.get("authorization", "").partition(" ")
        return key.strip() if scheme.lower() == "bearer" else request.query_params.get("token")

    def refused(self, refusal: Refusal, request_id: str) -> Response:
        """A problem document; import.service has texts instead."""
        return problem(refusal, request_id)

    def description(self) -> dict[str, Any]:
        """Paths and schemas."""
        return {"paths": description.paths(BASE), "schemas": description.SCHEMAS}


def _taking(gate: Gate) -> Callable[[Request], Awaitable[Response]]:
    async def endpoint(request: Request) -> Response:
        return await routes.take(gate, request)

    return endpoint
