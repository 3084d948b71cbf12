"""The requests of the SPOTIO bulk job API, each with its rules (systems.md 1.1).

Belongs here: what a request demands and does. Does not belong here: shapes of bodies (answers.py), receiving bytes (uploads.py).
"""

import asyncio
import json
import secrets
from collections.abc import Callable, Iterator, Sequence
from itertools import chain
from typing import Any

from sqlalchemy import Connection
from starlette.concurrency import iterate_in_threadpool
from starlette.responses import JSONResponse, Response, StreamingResponse

from import_pipeline.failures import nearest
from import_pipeline.gateway.http.door import Call
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.gateway.http.repeated import Answer, once
from import_pipeline.gateway.http.spotio import answers
from import_pipeline.gateway.http.uploads import check_length, media_type, read_small, receive_raw
from import_pipeline.landing import kinds
from import_pipeline.landing.submitted import Choice, Progress, progress_of, submit_uploads
from import_pipeline.landing.vault import Stored, path_of
from import_pipeline.ledger import bulk_jobs, uploads
from import_pipeline.ledger.bulk_jobs import BulkJob
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.data_objects import BULK_OPERATIONS, bulk_name
from import_pipeline.model.job import FileKind

DOOR = "spotio"
MOST_PARTS = 10_000
_FORMS = ("multipart/form-data", "application/x-www-form-urlencoded")
CLEANUP_FLAGS = ("dropDataTable", "deleteResultFiles", "deleteUploadedFiles")
Lines = Callable[[Gate, Progress, Sequence[Upload]], Iterator[bytes]]


async def create(call: Call) -> Response:
    """POST: a new job {operation, dataObjectTypeId}."""
    body = await read_small(call.request)
    given = _object(body)
    operation, type_id = given.get("operation"), given.get("dataObjectTypeId")
    if operation not in BULK_OPERATIONS:
        near = nearest(operation, BULK_OPERATIONS) if isinstance(operation, str) else None
        hint = f". Did you mean {near!r}?" if near else ""
        raise Refusal(400, f"operation is one of {', '.join(BULK_OPERATIONS)}{hint}")
    if not isinstance(type_id, str) or not type_id:
        raise Refusal(400, f"dataObjectTypeId is one of {', '.join(_types(call))}")
    object_type = call.account.object_type(type_id)
    if object_type is call.account.territory_type:
        raise Refusal(400, "territories come as KML, not as data objects")

    def work(conn: Connection) -> Answer:
        made = BulkJob(
            id="b" + secrets.token_hex(12)[1:],
            account=call.account.name,
            door=DOOR,
            operation=operation,
            object_type=object_type.name,
            state="open",
            dry_run=False,
            delivery=None,
            token=call.token.id,
            created_at=call.gate.clock.now(),
        )
        bulk_jobs.create(conn, made)
        return 201, answers.job_body(made, None)

    return await _answered(call, body.decode("utf-8", "replace"), work)


async def put_data(call: Call) -> Response:
    """PUT: one data file, raw NDJSON. `partNumber` names it: the same number again replaces the file.

    Without a number it is the next one, but the same bytes again are the file that they were: a repeated request doubles nothing.
    """
    limits = call.account.doors.http
    part = _part(call.request.query_params.get("partNumber"))
    if media_type(call.request) in _FORMS:
        raise Refusal(415, "the data are the body itself (NDJSON), not a form")
    check_length(call.request, limits.max_file_bytes)
    await asyncio.to_thread(_check_room, call)
    stored = await receive_raw(call.gate, call.request, limits.max_file_bytes)
    if not stored.size:
        raise Refusal(400, "the body is empty; one JSON object a line is expected")
    if await asyncio.to_thread(_kind, call, stored) != "jsonl":
        raise Refusal(415, "the body is an archive or a document; one JSON object a line is expected, UTF-8")

    def work(conn: Connection) -> Answer:
        job = _open_job(conn, call)
        held = uploads.of_job(conn, call.account.name, job.id)
        number = part or _number(held, stored)
        others = [one for one in held if one.part != number]
        if len(others) >= limits.max_files or number > MOST_PARTS:
            raise Refusal(409, f"a job has at most {limits.max_files} data files")
        now = call.gate.clock.now()
        waiting = uploads.waiting_bytes(conn, call.account.name, now=now) - sum(one.size for one in held if one.part == number)
        if waiting + stored.size > limits.quota_bytes:
            raise Refusal(413, f"uploads that wait for their job may have {limits.quota_bytes:,} bytes together; start or clean up others")
        upload = Upload(
            id=next((one.id for one in held if one.part == number and one.sha256 == stored.sha256), uploads.new_id()),
            account=call.account.name,
            door=DOOR,
            ref=f"{job.id}/{number}",
            job=job.id,
            part=number,
            name=f"{job.object_type}_bulk_{job.id[:8]}_{number:05d}.jsonl",
            sha256=stored.sha256,
            size=stored.size,
            token=call.token.id,
            created_at=now,
            expires_at=now + limits.keep_uploads,
        )
        uploads.replace(conn, upload)
        return 200, answers.file_body(upload)

    return await _answered(call, stored.sha256, work)


async def start(call: Call) -> Response:
    """POST: the job's data files become one delivery. Only in Open, with at least one file; `{"dryRun": true}` plans only (B-2)."""
    body = await read_small(call.request)
    dry_run = _flag(_object(body) if body.strip() else {}, "dryRun", False)

    def work(conn: Connection) -> Answer:
        job = _open_job(conn, call)
        held = uploads.of_job(conn, call.account.name, job.id)
        if not held:
            raise Refusal(409, "the job has no data file; PUT at least one before it is started")
        format_name = bulk_name(job.object_type, job.operation)
        chosen = [Choice(upload, job.object_type, format_name) for upload in held]
        now, gate = call.gate.clock.now(), call.gate
        booked = submit_uploads(conn, gate.ledger, call.account, gate.settings, chosen, now=now, door=DOOR, dry_run=dry_run)
        if not bulk_jobs.start(conn, job.id, booked.key, dry_run=dry_run, now=now):
            raise Refusal(409, "the job was started by another request")
        started = bulk_jobs.get(conn, call.account.name, job.id)
        assert started is not None
        return 200, answers.job_body(started, progress_of(conn, booked.key))

    return await _answered(call, body.decode("utf-8", "replace"), work)


async def progress(call: Call) -> Response:
    """GET: state and counters."""

    def look() -> dict[str, Any]:
        with call.gate.ledger.read() as conn:
            job = _job(conn, call)
            found = progress_of(conn, job.delivery) if job.delivery else None
            return answers.progress_body(job, found, uploads.of_job(conn, call.account.name, job.id))

    return JSONResponse(await asyncio.to_thread(look))


async def in_progress(call: Call) -> Response:
    """GET: the account's jobs that are started and have not ended, oldest first."""

    def look() -> list[dict[str, Any]]:
        with call.gate.ledger.read() as conn:
            found = bulk_jobs.under_way(conn, call.account.name)
            return [answers.job_body(job, progress_of(conn, job.delivery)) for job in found if job.delivery]

    return JSONResponse(await asyncio.to_thread(look))


async def succeeded(call: Call) -> Response:
    """GET: NDJSON of the lines that had an effect, or were as stored already."""
    return await _results(call, answers.succeeded_lines)


async def failed(call: Call) -> Response:
    """GET: NDJSON of the lines that were refused."""
    return await _results(call, answers.failed_lines)


async def cleanup(call: Call) -> Response:
    """DELETE: the job is over, its state becomes Aborted. Flags {dropDataTable, deleteResultFiles, deleteUploadedFiles}, all true unless
    stated. What was imported stays imported, and its originals stay in the vault for the account's retention."""
    body = await read_small(call.request)
    given = _object(body) if body.strip() else {}
    flags = {name: _flag(given, name, True) for name in CLEANUP_FLAGS}

    def work(conn: Connection) -> Answer:
        job = _job(conn, call)
        found = progress_of(conn, job.delivery) if job.delivery else None
        if found and not found.ended and job.state == "started":
            raise Refusal(409, f"the job is {answers.state_of(job, found)}: it can be cleaned up when it has ended")
        now = call.gate.clock.now()
        if flags["deleteUploadedFiles"]:
            uploads.drop(conn, [one.id for one in uploads.of_job(conn, call.account.name, job.id) if one.delivery is None], now=now)
        bulk_jobs.clean(conn, job.id, keep_results=not flags["deleteResultFiles"], now=now)
        cleaned = bulk_jobs.get(conn, call.account.name, job.id)
        assert cleaned is not None
        return 200, answers.job_body(cleaned, found)

    return await _answered(call, body.decode("utf-8", "replace"), work)


async def _results(call: Call, lines: Lines) -> Response:
    def first() -> Iterator[bytes]:
        with call.gate.ledger.read() as conn:
            job = _job(conn, call)
            found = progress_of(conn, job.delivery) if job.delivery else None
            held = uploads.of_job(conn, call.account.name, job.id)
        if not job.results_kept:
            raise Refusal(410, "the results were deleted by cleanup")
        if found is None or not found.ended:
            state = answers.state_of(job, found)
            raise Refusal(409, f"the job is {state}: results are there when it is JobComplete or Failed")
        made = lines(call.gate, found, held)
        # What can fail, fails before the answer begins.
        return chain([next(made, b"")], made)

    ready = await asyncio.to_thread(first)
    return StreamingResponse(iterate_in_threadpool(ready), media_type=answers.NDJSON)


async def _answered(call: Call, content: str, work: Callable[[Connection], Answer]) -> Response:
    status, body = await asyncio.to_thread(once, call, content, work)
    return JSONResponse(body, status)


def _job(conn: Connection, call: Call) -> BulkJob:
    job = bulk_jobs.get(conn, call.account.name, str(call.request.path_params["id"]))
    if job is None:
        raise Refusal(404, "there is no bulk job of this id")
    return job


def _open_job(conn: Connection, call: Call) -> BulkJob:
    job = _job(conn, call)
    if job.state != "open":
        found = progress_of(conn, job.delivery) if job.delivery else None
        raise Refusal(409, f"the job is {answers.state_of(job, found)}; this is possible in Open only")
    return job


def _check_room(call: Call) -> None:
    """Refuses before a byte is read what will be refused anyway."""
    stated = call.request.headers.get("content-length", "")
    size = int(stated) if stated.isdecimal() else 0
    with call.gate.ledger.read() as conn:
        _open_job(conn, call)
        waiting = uploads.waiting_bytes(conn, call.account.name, now=call.gate.clock.now())
    call.gate.check_disk(size)
    quota = call.account.doors.http.quota_bytes
    if waiting + size > quota:
        raise Refusal(413, f"uploads that wait for their job may have {quota:,} bytes together; start or clean up others")


def _kind(call: Call, stored: Stored) -> FileKind:
    return kinds.kind_of("data.jsonl", kinds.head_of(path_of(call.gate.vault, stored.sha256))).kind


def _number(held: Sequence[Upload], stored: Stored) -> int:
    same = next((one.part for one in held if one.sha256 == stored.sha256), None)
    return same or 1 + max((one.part or 0 for one in held), default=0)


def _part(given: str | None) -> int | None:
    if given is None:
        return None
    if not (given.isascii() and given.isdecimal() and len(given) <= 6 and 1 <= int(given) <= MOST_PARTS):
        raise Refusal(400, f"partNumber is a whole number from 1 to {MOST_PARTS}")
    return int(given)


def _object(body: bytes) -> dict[str, Any]:
    try:
        value = json.loads(body.decode())
    except (ValueError, RecursionError):
        raise Refusal(400, "the body is not JSON") from None
    if not isinstance(value, dict):
        raise Refusal(400, "the body is not a JSON object")
    return value


def _flag(given: dict[str, Any], name: str, default: bool) -> bool:
    value = given.get(name, default)
    if not isinstance(value, bool):
        raise Refusal(400, f"{name} is true or false")
    return value


def _types(call: Call) -> list[str]:
    return [t.name for t in call.account.object_types if t is not call.account.territory_type]
