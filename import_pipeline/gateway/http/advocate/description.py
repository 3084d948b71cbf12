"""The Advocate interface in the words of OpenAPI.

Belongs here: paths and schemas of this door. Does not belong here: the description as a whole (openapi.py), the GraphQL schema
(schema.graphql), what the requests do.
"""

from typing import Any

_ANY: dict[str, Any] = {"type": ["object", "null"], "additionalProperties": True}
SCHEMAS: dict[str, Any] = {
    "FileRef": {
        "type": "object",
        "required": ["fileRef"],
        "properties": {"fileRef": {"type": "string", "pattern": "^imports/[^/]+/[A-Za-z0-9_-]+_[0-9a-f]{24}[.](csv|jsonl)$"}},
    },
    "GraphQLRequest": {
        "type": "object",
        "required": ["query"],
        "properties": {"query": {"type": "string"}, "variables": _ANY, "operationName": {"type": ["string", "null"]}},
        "example": {"query": "query ($id: ID!) { job(id: $id) { status stats { recordsProcessed } } }", "variables": {"id": "…"}},
    },
    "GraphQLAnswer": {"type": "object", "properties": {"data": _ANY, "errors": {"type": "array", "items": {"type": "object"}}}},
}
_SECURITY: list[dict[str, list[str]]] = [{"tenantKey": []}]
_TENANT = {"name": "tenant_alias", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[A-Za-z0-9_-]{1,63}$"}}
_UPLOAD = {
    "multipart/form-data": {
        "schema": {"type": "object", "required": ["file"], "properties": {"file": {"type": "string", "contentMediaType": "text/csv"}}}
    },
    "text/csv": {"schema": {"type": "string"}},
    "application/x-ndjson": {"schema": {"type": "string"}},
}


def _operation(about: str, answer: dict[str, Any], *refusals: int, **more: Any) -> dict[str, Any]:
    refused = {str(code): {"$ref": "#/components/responses/Refused"} for code in sorted({401, 403, 429, 503, *refusals})}
    return {"summary": about, "tags": ["Advocate"], "security": _SECURITY, "responses": {"200": _done(answer)} | refused} | more


def _done(answer: dict[str, Any]) -> dict[str, Any]:
    return {"description": "Done.", "content": answer}


def _json(name: str) -> dict[str, Any]:
    return {"application/json": {"schema": {"$ref": f"#/components/schemas/{name}"}}}


def _query(name: str, about: str = "", *, required: bool = True) -> dict[str, Any]:
    return {"name": name, "in": "query", "required": required, "description": about, "schema": {"type": "string"}}


def paths(base: str) -> dict[str, Any]:
    """The addresses below `base`."""
    body = {"required": True, "content": _json("GraphQLRequest")}
    file = {"name": "file", "in": "path", "required": True, "schema": {"enum": ["success", "errors", "file"]}}
    job = {"name": "id", "in": "path", "required": True, "schema": {"type": "string", "pattern": "^[0-9a-f]{24}$"}}
    asked = [_TENANT, _query("query"), _query("variables", "JSON", required=False), _query("operationName", required=False)]
    signed = [_query("expires", "As the link has it."), _query("signature", "As the link has it.")]
    return {
        f"{base}/export/upload": {
            "post": _operation(
                "Uploads a CSV or JSONL file; its fileRef names it in createJob.",
                _json("FileRef"),
                *(400, 408, 413, 415, 422),
                parameters=[_TENANT],
                requestBody={"required": True, "content": _UPLOAD},
            )
        },
        f"{base}/graphql": {
            "post": _operation(
                "A GraphQL request: validateJobCreation, createJob, job, jobs, deleteJob.",
                _json("GraphQLAnswer"),
                *(400, 408, 413, 415),
                parameters=[_TENANT],
                requestBody=body,
            ),
            "get": _operation("A GraphQL query; mutations are sent with POST.", _json("GraphQLAnswer"), 400, 405, parameters=asked),
        },
        f"{base}/jobs/{{id}}/{{file}}": {
            "get": _operation(
                "A file of a job, by the link that the job tells; it needs no key and ends after 30 days.",
                {kind: {"schema": {"type": "string"}} for kind in ("text/csv", "application/x-ndjson", "application/octet-stream")},
                *(404, 410),
                parameters=[_TENANT, job, file, *signed],
            )
        },
    }
