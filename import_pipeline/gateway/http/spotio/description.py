"""The SPOTIO bulk job API in the words of OpenAPI.

Belongs here: paths and schemas of this door. Does not belong here: the description as a whole (openapi.py), what the requests do.
"""

from typing import Any

from import_pipeline.model.data_objects import BULK_OPERATIONS

_STATES = ["Open", "UploadComplete", "InProgress", "Ingested", "JobComplete", "Failed", "Aborted"]
_MOMENT: dict[str, Any] = {"type": ["string", "null"], "format": "date-time"}
_TEXTS: dict[str, Any] = {"type": "array", "items": {"type": "string"}}
_COUNTERS = (
    "filesTotal",
    "filesProcessed",
    "bytesTotal",
    "packagesTotal",
    "packagesProcessed",
    "rowsTotal",
    "rowsSucceeded",
    "rowsFailed",
    "rowsWaiting",
    "rowsCreated",
    "rowsUpdated",
    "rowsUnchanged",
)
_JOB: dict[str, Any] = {
    "id": {"type": "string"},
    "state": {"enum": _STATES},
    "operation": {"enum": list(BULK_OPERATIONS)},
    "dataObjectTypeId": {"type": "string"},
    "dryRun": {"type": "boolean"},
    "createdAt": _MOMENT,
    "startedAt": _MOMENT,
    "finishedAt": _MOMENT,
}
SCHEMAS: dict[str, Any] = {
    "BulkJob": {"type": "object", "required": list(_JOB), "properties": _JOB},
    "BulkProgress": {
        "type": "object",
        "required": [*_JOB, *_COUNTERS],
        "properties": _JOB
        | {name: {"type": "integer", "minimum": 0} for name in _COUNTERS}
        | {"reason": {"type": ["string", "null"]}, "notices": _TEXTS, "importJobs": _TEXTS},
    },
    "BulkFile": {
        "type": "object",
        "required": ["fileId", "partNumber", "size", "sha256"],
        "properties": {
            "fileId": {"type": "string"},
            "partNumber": {"type": "integer"},
            "size": {"type": "integer"},
            "sha256": {"type": "string"},
        },
    },
}
_ID = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9]{1,64}$"}}
_KEY = {
    "name": "Idempotency-Key",
    "in": "header",
    "required": False,
    "description": "The same key with the same request again gives the same answer and does nothing.",
    "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,64}$"},
}
_PART = {
    "name": "partNumber",
    "in": "query",
    "required": False,
    "description": "Names the file within its job; the same number again replaces it. Left out: the next one.",
    "schema": {"type": "integer", "minimum": 1, "maximum": 10_000},
}


_SMALL = (400, 408, 413, 415, 422)
"""Refusals of every request with a small body."""


def _ref(name: str) -> dict[str, Any]:
    return {"$ref": f"#/components/schemas/{name}"}


def _operation(about: str, answer: dict[str, Any], *refusals: int, status: int = 200, **more: Any) -> dict[str, Any]:
    codes = sorted({401, 403, 429, 503, *refusals})
    refused = {str(code): {"$ref": "#/components/responses/Refused"} for code in codes}
    responses = {str(status): {"description": "Done.", "content": answer}} | refused
    return {"summary": about, "tags": ["SPOTIO bulk jobs"], "security": [{"key": []}], "responses": responses} | more


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": _ref(name)}}


def _lines(about: str) -> dict[str, Any]:
    return {"application/x-ndjson": {"schema": {"type": "string", "description": about}}}


def paths(base: str) -> dict[str, Any]:
    """The addresses below `base`."""
    job = f"{base}/{{id}}"
    new = {
        "type": "object",
        "required": ["operation", "dataObjectTypeId"],
        "properties": {"operation": {"enum": list(BULK_OPERATIONS)}, "dataObjectTypeId": {"type": "string"}},
        "example": {"operation": "create", "dataObjectTypeId": "Account"},
    }
    flags = {name: {"type": "boolean", "default": True} for name in ("dropDataTable", "deleteResultFiles", "deleteUploadedFiles")}
    body = {"required": True, "content": {"application/json": {"schema": new}}}
    data = {"required": True, "content": {"application/x-ndjson": {"schema": {"type": "string"}}}}
    plan = {"type": "object", "properties": {"dryRun": {"type": "boolean", "default": False}}}
    cleaning = {"content": {"application/json": {"schema": {"type": "object", "properties": flags}}}}
    wanted: dict[str, Any] = {"parameters": [_ID]}
    repeated: dict[str, Any] = {"parameters": [_ID, _KEY]}
    return {
        base: {"post": _operation("Makes a job.", _json("BulkJob"), *_SMALL, status=201, requestBody=body, parameters=[_KEY])},
        f"{base}/inprogress": {
            "get": _operation(
                "Jobs that are started and have not ended.", {"application/json": {"schema": {"type": "array", "items": _ref("BulkJob")}}}
            )
        },
        f"{job}/data": {
            "put": _operation(
                "Sends one data file: one JSON object a line.",
                _json("BulkFile"),
                *(400, 404, 408, 409, 413, 415, 422),
                requestBody=data,
                parameters=[_ID, _PART, _KEY],
            )
        },
        f"{job}/start": {
            "post": _operation(
                "Starts the job; only in Open, with at least one data file.",
                _json("BulkJob"),
                *(400, 404, 408, 409, 413, 415, 422),
                requestBody={"content": {"application/json": {"schema": plan}}},
                **repeated,
            )
        },
        f"{job}/progress": {"get": _operation("State and counters.", _json("BulkProgress"), 404, **wanted)},
        f"{job}/results/succeeded": {
            "get": _operation("Lines that had an effect.", _lines("{FileId, DataObjectId, Data} a line"), 404, 409, 410, **wanted)
        },
        f"{job}/results/failed": {
            "get": _operation("Lines that were refused.", _lines("{FileId, Error, Data} a line"), 404, 409, 410, **wanted)
        },
        f"{job}/cleanup": {
            "delete": _operation(
                "Ends the job for its sender.", _json("BulkJob"), 400, 404, 408, 409, 413, 415, 422, requestBody=cleaning, **repeated
            )
        },
    }
