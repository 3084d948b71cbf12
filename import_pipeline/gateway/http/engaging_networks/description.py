"""The Engaging Networks door in the words of OpenAPI.

Belongs here: paths and schemas of this door. Does not belong here: the description as a whole (openapi.py), what the requests do.
"""

from typing import Any

from import_pipeline.gateway.http.engaging_networks.routes import EXPORT_TYPES

_TEXT: dict[str, Any] = {"type": "string"}
_OPTIONAL: dict[str, Any] = {"type": ["string", "null"]}
SCHEMAS: dict[str, Any] = {
    "ImportForm": {
        "type": "object",
        "required": ["token", "name", "upload", "formatName"],
        "properties": {
            "token": _TEXT,
            "name": _TEXT,
            "upload": {"type": "string", "format": "binary"},
            "formatName": _TEXT,
            "segmentId": _TEXT,
            "segmentName": _TEXT,
            "dryRun": {"type": "string", "description": "true: plan only, nothing is written."},
        },
    },
    "ImportJobRow": {
        "type": "object",
        "required": ["type", "job", "name", "started", "completed", "percent", "results"],
        "properties": {
            "type": _TEXT,
            "job": {"type": "integer", "minimum": 1},
            "name": _TEXT,
            "started": _OPTIONAL,
            "completed": _OPTIONAL,
            "percent": {"type": "integer", "minimum": 0, "maximum": 100},
            "results": _OPTIONAL,
        },
    },
    "Segment": {
        "type": "object",
        "required": ["segmentId", "segmentName", "members"],
        "properties": {"segmentId": _TEXT, "segmentName": _TEXT, "members": {"type": "integer", "minimum": 0}},
    },
}


def _query(name: str, about: str, *, required: bool = False, **schema: Any) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "description": about, "schema": {"type": "string"} | schema}


_TOKEN = _query("token", "The key, where it is not sent as Authorization: Bearer KEY.")


def _operation(about: str, content: dict[str, Any], *refusals: int, parameters: tuple[dict[str, Any], ...] = ()) -> dict[str, Any]:
    refused = {str(code): {"$ref": "#/components/responses/Refused"} for code in sorted({401, 403, 429, 503, *refusals})}
    return {
        "summary": about,
        "tags": ["Engaging Networks"],
        "security": [{"key": []}],
        "parameters": [_TOKEN, *parameters],
        "responses": {"200": {"description": "Done.", "content": content}} | refused,
    }


def _list(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"type": "array", "items": {"$ref": f"#/components/schemas/{name}"}}}}


def paths(base: str) -> dict[str, Any]:
    """The addresses below `base`."""
    form = {"required": True, "content": {"multipart/form-data": {"schema": {"$ref": "#/components/schemas/ImportForm"}}}}
    taking = {
        "summary": "Sends one file to be imported. The status is always 200: the text tells whether it was taken.",
        "tags": ["Engaging Networks"],
        "security": [],
        "requestBody": form,
        "responses": {
            "200": {"description": "A text; what begins with Error was not taken.", "content": {"text/plain": {"schema": _TEXT}}}
        },
    }
    page = {
        "summary": "A form for people.",
        "tags": ["Engaging Networks"],
        "security": [],
        "responses": {"200": {"description": "The page.", "content": {"text/html": {"schema": _TEXT}}}},
    }
    export = (
        _query("startDate", "The first day: 2026-11-20 or 11202026.", required=True),
        _query("endDate", "The last day; left out: until now."),
        _query("type", "The layout; the standard ones have no columns of the account's own.", enum=list(EXPORT_TYPES), default="csv"),
        _query("delimiter", "One character between cells.", default=","),
        _query("segmentId", "Of members of this segment only."),
    )
    written = {"text/csv": {"schema": _TEXT}, "application/xml": {"schema": _TEXT}}
    return {
        f"{base}/import.service": {"post": taking},
        f"{base}/import.jsp": {"get": page, "post": taking},
        f"{base}/jobs": {"get": _operation("The jobs of this token's user, newest first.", _list("ImportJobRow"))},
        f"{base}/segments": {"get": _operation("Segments with their names and how many members they have.", _list("Segment"))},
        f"{base}/segments/members": {
            "get": _operation(
                "The members of one segment.",
                {"text/csv": {"schema": _TEXT}},
                404,
                parameters=(_query("segmentId", "Which segment.", required=True),),
            )
        },
        f"{base}/export.service": {"get": _operation("Transactions created or modified in these days.", written, 400, parameters=export)},
    }
