"""The OpenAPI description of all doors, and a page that shows it without a script.

Belongs here: putting the doors' parts together, /openapi.json and /docs. Does not belong here: any one door's part.
"""

import html
import json
from collections.abc import Sequence
from typing import Any

from starlette.requests import Request
from starlette.responses import HTMLResponse, JSONResponse, Response

from import_pipeline import __version__
from import_pipeline.gateway.http.door import Door

_PROBLEM = {
    "type": "object",
    "required": ["status", "title", "detail", "requestId"],
    "properties": {
        "status": {"type": "integer"},
        "title": {"type": "string"},
        "detail": {"type": "string"},
        "requestId": {"type": "string"},
    },
}
_STYLE = (
    "body{font:15px/1.5 system-ui,sans-serif;max-width:60rem;margin:2rem auto;padding:0 1rem}"
    "code,pre{background:#f3f3f3;padding:.1rem .3rem}"
    "h2{margin-top:2.5rem}td,th{text-align:left;padding:.2rem 1rem .2rem 0;vertical-align:top}.m{font-weight:700;text-transform:uppercase}"
)


def describe(doors: Sequence[Door]) -> dict[str, Any]:
    """The description of the service with these doors."""
    paths: dict[str, Any] = {}
    schemas: dict[str, Any] = {"Problem": _PROBLEM}
    for door in doors:
        part = door.description()
        paths |= part["paths"]
        schemas |= part["schemas"]
    refused = {
        "description": "Refused; `detail` tells why and what would have been right.",
        "content": {"application/problem+json": {"schema": {"$ref": "#/components/schemas/Problem"}}},
    }
    return {
        "openapi": "3.1.0",
        "info": {"title": "import_pipeline", "version": __version__, "description": "Bulk imports over HTTP."},
        "paths": paths,
        "components": {
            "schemas": schemas,
            "responses": {"Refused": refused},
            "securitySchemes": {"key": {"type": "http", "scheme": "bearer"}, "tenantKey": {"type": "http", "scheme": "basic"}},
        },
    }


async def description(request: Request) -> Response:
    """/openapi.json."""
    request.scope["told"]["route"] = "openapi"
    return JSONResponse(request.app.state.description)


async def page(request: Request) -> Response:
    """/docs: the same for people."""
    request.scope["told"]["route"] = "docs"
    return HTMLResponse(render(request.app.state.description))


def render(described: dict[str, Any]) -> str:
    """One page: every address with its parameters, body and answers."""
    e = html.escape
    out = [
        f'<!doctype html><html lang="en"><meta charset="utf-8"><title>{e(described["info"]["title"])}</title><style>{_STYLE}</style>',
        f"<h1>{e(described['info']['title'])}</h1><p>{e(described['info']['description'])} ",
        'For programs: <a href="/openapi.json">openapi.json</a>. Requests carry <code>Authorization: Bearer KEY</code>, ',
        "unless their interface has the key in another place; ",
        "<code>import-pipeline token add</code> makes keys.</p>",
    ]
    for path, operations in described["paths"].items():
        for method, told in operations.items():
            out.append(f'<h2><span class="m">{e(method)}</span> <code>{e(path)}</code></h2><p>{e(told["summary"])}</p>')
            rows = "".join(
                f"<tr><td><code>{e(p['name'])}</code><td>{e(p['in'])}<td>{e(p.get('description', ''))}" for p in told.get("parameters", ())
            )
            out.append(f"<table><tr><th>parameter<th>in<th>{rows}</table>" if rows else "")
            for kind, body in told.get("requestBody", {}).get("content", {}).items():
                shown = json.dumps(body["schema"].get("example") or body["schema"].get("properties") or body["schema"], indent=1)
                out.append(f"<p>Body <code>{e(kind)}</code></p><pre>{e(shown)}</pre>")
            out.append(f"<p>Answers: {', '.join(e(code) for code in told['responses'])}</p>")
    return "".join(out) + "</html>"
