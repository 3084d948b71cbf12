"""Bodies of the Advocate interface: jobs, references to files, milliseconds (acceptance A-1, A-2, A-8).

Belongs here: shapes and names as this interface has them. Does not belong here: requests (routes.py, resolvers.py), links (links.py).
"""

import re
import secrets
from collections.abc import Callable
from datetime import datetime
from typing import Any

from starlette.responses import Response

from import_pipeline.gateway.http.advocate.links import Kind
from import_pipeline.gateway.http.refusals import Refusal, problem
from import_pipeline.ledger.http_jobs import HttpJob

_UNSAFE = re.compile(r"[^A-Za-z0-9_-]+")
_LONGEST_STEM = 80
Linked = Callable[[HttpJob, Kind], str | None]
"""The address of a job's file, or None when there is none."""


def new_id() -> str:
    """24 hex characters."""
    return secrets.token_hex(12)


def file_name(given: str, extension: str) -> str:
    """{name}_{24 hex}.{extension}, from the name that the sender gave, in a safe alphabet."""
    stem = given.rpartition(".")[0] or given
    safe = _UNSAFE.sub("_", stem).strip("_")[:_LONGEST_STEM] or "file"
    return f"{safe}_{new_id()}.{extension}"


def file_ref(tenant: str, name: str) -> str:
    """What a file is called in later requests."""
    return f"imports/{tenant}/{name}"


def whole_millis(moment: datetime) -> datetime:
    """The moment as it is told: a filter with a told moment must find its job."""
    return moment.replace(microsecond=moment.microsecond // 1000 * 1000)


def millis(moment: datetime | None) -> int | None:
    """Milliseconds since 1970."""
    return round(moment.timestamp() * 1000) if moment else None


def job_body(job: HttpJob, linked: Linked) -> dict[str, Any]:
    """One job, as the schema's type Job names its fields."""

    def url(kind: Kind) -> Callable[..., str | None]:
        return lambda _info, publicLink=False: linked(job, kind)  # noqa: N803

    return {
        "id": job.id,
        "type": job.type,
        "name": job.name,
        "requester": job.requester,
        "dateCreated": millis(job.created_at),
        "dateCompleted": millis(job.completed_at),
        "outputFormat": job.output_format,
        "dateExpires": millis(job.expires_at),
        "status": job.status,
        "mailtoEmail": job.mailto,
        "downloadUrl": url("success"),
        "downloadErrorUrl": url("errors"),
        "downloadFileRefUrl": url("file"),
        "params": job.params,
        "fileRef": job.file_ref,
        "stats": {"recordsProcessed": job.records, "errors": job.errors},
        "reason": job.reason,
    }


def told_body(job: HttpJob, tenant: str, event: str) -> dict[str, Any]:
    """What a webhook tells of a job: the fields of the documents, in `data`."""
    task, _, operation = job.type.partition("/")
    return {
        "type": event,
        "tenantAlias": tenant,
        "data": {
            "id": job.id,
            "name": job.name,
            "requester": job.requester,
            "status": job.status,
            "dateCreated": millis(job.created_at),
            "dateCompleted": millis(job.completed_at),
            "mailtoEmail": job.mailto,
            "dateExpires": millis(job.expires_at),
            "outputFormat": job.output_format,
            "task": task,
            "operation": operation,
            "params": job.params,
            "stats": {"recordsProcessed": job.records, "errors": job.errors},
            "fileRef": job.file_ref,
        },
    }


def refused(refusal: Refusal, request_id: str) -> Response:
    """A problem document; who has no key is asked for one in the way of this interface."""
    if "WWW-Authenticate" in refusal.headers:
        refusal.headers["WWW-Authenticate"] = 'Basic realm="import_pipeline", charset="UTF-8"'
    return problem(refusal, request_id)
