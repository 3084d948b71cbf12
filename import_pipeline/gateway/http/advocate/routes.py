"""The addresses of the Advocate interface: upload, GraphQL, links to files (acceptance A-1, A-2, A-8).

Belongs here: what a request demands and does. Does not belong here: GraphQL itself (graph.py), its fields (resolvers.py), receiving bytes
(gateway/http/uploads.py).
"""

import asyncio
import json
import re
from pathlib import Path
from urllib.parse import urlsplit

from sqlalchemy import Connection
from starlette.requests import Request
from starlette.responses import FileResponse, JSONResponse, Response

from import_pipeline.gateway.http.advocate import answers, graph, links
from import_pipeline.gateway.http.advocate.resolvers import Asked, own_job
from import_pipeline.gateway.http.advocate.settling import DOOR, result_path, tenant_of
from import_pipeline.gateway.http.door import Call
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.gateway.http.repeated import Answer, once
from import_pipeline.gateway.http.uploads import check_length, media_type, read_small, receive_form, receive_raw
from import_pipeline.landing import kinds
from import_pipeline.landing.vault import Stored, path_of
from import_pipeline.ledger import uploads
from import_pipeline.ledger.http_jobs import HttpJob
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account

FIELD = "file"
_EXTENSIONS = {
    "text/csv": "csv",
    "application/csv": "csv",
    "application/jsonl": "jsonl",
    "application/x-jsonlines": "jsonl",
    "application/jsonlines": "jsonl",
    "application/x-ndjson": "jsonl",
    "application/ndjson": "jsonl",
    "application/json": "jsonl",
}
"""What a raw body's Content-Type says it is; of any other its bytes tell."""
_JSON = ("application/json", "application/graphql+json")
_NAMED = re.compile(r'filename="?([^";]{1,255})"?', re.IGNORECASE)


async def upload(call: Call) -> Response:
    """POST: one file, as the field `file` of a form or as the body itself; answers its fileRef."""
    _check_tenant(call)
    limits = call.account.doors.http
    check_length(call.request, limits.max_file_bytes + (1 << 17))
    await asyncio.to_thread(_check_room, call)
    if media_type(call.request) == "multipart/form-data":
        form = await receive_form(call.gate, call.request, limits.max_file_bytes, file_field=FIELD)
        if form.file is None:
            raise Refusal(400, f"the form has no file in the field {FIELD!r}")
        stored, given = form.file, form.file_name
    elif media_type(call.request) == "application/x-www-form-urlencoded":
        raise Refusal(415, "send the file as a multipart form (curl --form 'file=@my_file.csv'), or as the body with its Content-Type")
    else:
        check_length(call.request, limits.max_file_bytes)
        stored = await receive_raw(call.gate, call.request, limits.max_file_bytes)
        given = _raw_name(call.request)
    if not stored.size:
        raise Refusal(400, "the file is empty")
    extension = await asyncio.to_thread(_extension, call, stored, given)

    def work(conn: Connection) -> Answer:
        now = call.gate.clock.now()
        waiting = uploads.waiting_bytes(conn, call.account.name, now=now)
        if waiting + stored.size > limits.quota_bytes:
            raise Refusal(413, f"uploads that wait for their job may have {limits.quota_bytes:,} bytes together; start jobs first")
        name = answers.file_name(given, extension)
        booked = Upload(
            id=uploads.new_id(),
            account=call.account.name,
            door=DOOR,
            ref=answers.file_ref(tenant_of(call.account), name),
            job=None,
            part=None,
            name=name,
            sha256=stored.sha256,
            size=stored.size,
            token=call.token.id,
            created_at=now,
            expires_at=now + limits.keep_uploads,
        )
        uploads.book(conn, booked)
        return 200, {"fileRef": booked.ref}

    status, body = await asyncio.to_thread(once, call, stored.sha256, work)
    return JSONResponse(body, status)


async def ask(call: Call) -> Response:
    """POST: a GraphQL request as JSON."""
    _check_tenant(call)
    if media_type(call.request) not in _JSON:
        raise Refusal(415, "a GraphQL request is sent as application/json: {query, variables, operationName}")
    question = graph.question_of(await read_small(call.request))
    return JSONResponse(await asyncio.to_thread(graph.answer, question, _asked(call)))


async def ask_reading(call: Call) -> Response:
    """GET: a query in the address; a mutation is refused."""
    _check_tenant(call)
    given = call.request.query_params
    try:
        variables = json.loads(given.get("variables") or "null")
    except (ValueError, RecursionError):
        raise Refusal(400, "variables is not JSON") from None
    question = graph.make_question(given.get("query"), variables, given.get("operationName"))
    return JSONResponse(await asyncio.to_thread(lambda: graph.answer(question, _asked(call), reading_only=True)))


async def download(gate: Gate, request: Request) -> Response:
    """GET: a file of a job by its signed link, which needs no key."""
    tenant, job_id, kind = (str(request.path_params[name]) for name in ("tenant_alias", "id", "file"))
    account = next((found for found in gate.accounts.values() if _is_tenant(found, tenant)), None)
    expires, signature = (request.query_params.get(name, "") for name in ("expires", "signature"))
    if account is None or not await asyncio.to_thread(links.is_signed, gate.settings, account.name, job_id, kind, expires, signature):
        gate.book_failure(request.client.host if request.client else "")
        raise Refusal(401, "this link was not given out, or it is not complete: ask for the job again", authenticate="Basic")
    gate.check_rate(account)
    if links.has_expired(expires, gate.clock.now()):
        raise Refusal(410, "this link has expired")
    job, path, name = await asyncio.to_thread(_file, gate, account, job_id, kind)
    headers = {"Content-Disposition": f'attachment; filename="{name}"'}
    return FileResponse(path, media_type=_media(job, kind, name), headers=headers)


def _file(gate: Gate, account: Account, job_id: str, kind: str) -> tuple[HttpJob, Path, str]:
    with gate.ledger.read() as conn:
        job = own_job(conn, account, job_id)
        upload = uploads.find(conn, account.name, DOOR, job.file_ref) if job else None
    if job is None:
        raise Refusal(404, "there is no such job")
    name = job.file_ref.rpartition("/")[2]
    path = path_of(gate.vault, upload.sha256) if kind == "file" and upload else result_path(gate.settings, job, kind)
    if not path.is_file():
        raise Refusal(410, "this file is no longer kept")
    return job, path, name if kind == "file" else f"{name.rpartition('.')[0]}_{kind}.{job.output_format.lower()}"


def _media(job: HttpJob, kind: str, name: str) -> str:
    from import_pipeline.reporting.tables import MEDIA

    if kind == "file":
        return MEDIA["JSONL" if name.endswith(".jsonl") else "CSV"]
    return MEDIA[job.output_format]  # type: ignore[index]


def _asked(call: Call) -> Asked:
    tenant = str(call.request.path_params["tenant_alias"])
    base = call.gate.settings.http_url or _base(call.request)
    return Asked(call.gate, call.account, call.token, tenant, base, call.request_id)


def _base(request: Request) -> str:
    """The address of the service as its caller knows it."""
    parts = urlsplit(str(request.base_url))
    return f"{parts.scheme}://{parts.netloc}"


def _is_tenant(account: Account, tenant: str) -> bool:
    return tenant in (account.doors.sftp.tenant_alias, account.name)


def _check_tenant(call: Call) -> None:
    """Another tenant's key is no key here, and nothing of the body is read."""
    if not _is_tenant(call.account, str(call.request.path_params["tenant_alias"])):
        raise Refusal(401, "this key does not belong to this tenant", authenticate="Basic")


def _check_room(call: Call) -> None:
    """Refuses before a byte is read what will be refused anyway."""
    stated = call.request.headers.get("content-length", "")
    size = int(stated) if stated.isdecimal() else 0
    call.gate.check_disk(size)
    with call.gate.ledger.read() as conn:
        waiting = uploads.waiting_bytes(conn, call.account.name, now=call.gate.clock.now())
    quota = call.account.doors.http.quota_bytes
    if waiting > quota:
        raise Refusal(413, f"uploads that wait for their job may have {quota:,} bytes together; start jobs first")


def _raw_name(request: Request) -> str:
    """The name of a file that is the body itself, where its sender gives one."""
    named = _NAMED.search(request.headers.get("content-disposition", ""))
    extension = _EXTENSIONS.get(media_type(request), "")
    given = named[1] if named else "file"
    return given if kinds.extension(given) else f"{given}.{extension}" if extension else given


def _extension(call: Call, stored: Stored, given: str) -> str:
    """csv or jsonl. Raises Refusal 415 for a file that is neither."""
    kind = kinds.kind_of(given, kinds.head_of(path_of(call.gate.vault, stored.sha256)))
    if kind.kind not in ("csv", "jsonl"):
        raise Refusal(415, "a .csv or a .jsonl file is expected")
    return kind.kind
