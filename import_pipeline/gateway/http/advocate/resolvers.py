"""The queries and mutations of the schema (acceptance A-2 to A-4, A-9).

Belongs here: what each field demands and does. Does not belong here: reading GraphQL (graph.py), params (types.py), shapes (answers.py).
"""

import threading
from collections.abc import Callable
from dataclasses import dataclass
from typing import Any

from graphql import GraphQLResolveInfo
from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.advocate import answers, filters, links, types
from import_pipeline.gateway.http.advocate.settling import DOOR, KEPT, result_path, settle, tenant_of
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import kinds
from import_pipeline.landing.submitted import Choice, submit_uploads, take_back
from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import http_jobs, uploads
from import_pipeline.ledger.http_jobs import HttpJob
from import_pipeline.ledger.tokens import Token
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.http_door import Scope
from import_pipeline.model.mail import is_address

REQUESTER = "API"
MOST_JOBS = 1_000
SETTLED_AT_ONCE = 20
"""Jobs that a list settles before it answers; the service's own task does the others."""
MOST_TOLD = 10_000
"""Errors that a validation lists; beyond, it says how many more there are."""
TRIAL_SECONDS = 60.0
_LONGEST_TEXT = 255
_TRIALS = threading.BoundedSemaphore(2)
"""Files that are validated at one time: each takes a processor for as long as it lasts."""
Resolver = Callable[..., Any]


@dataclass(frozen=True)
class Asked:
    """Who asks, and where links lead to."""

    gate: Gate
    account: Account
    token: Token
    tenant: str
    base: str
    request_id: str


def queries() -> dict[str, Resolver]:
    """Resolvers of the type Query."""
    return {"validateJobCreation": _validate, "validateJobInput": _validate, "job": _job, "jobs": _jobs}


def mutations() -> dict[str, Resolver]:
    """Resolvers of the type Mutation."""
    return {"validateJobCreation": _validate, "validateJobInput": _validate, "createJob": _create, "deleteJob": _delete}


def _asked(info: GraphQLResolveInfo) -> Asked:
    asked = info.context
    assert isinstance(asked, Asked)
    return asked


def _validate(_: Any, info: GraphQLResolveInfo, jobInput: dict[str, Any]) -> dict[str, list[str]]:  # noqa: N803
    """What createJob would refuse, then every error of the file; nothing is changed."""
    asked = _asked(info)
    try:
        format_name = types.format_of(asked.account, jobInput["type"], jobInput.get("params"))
        _check_texts(jobInput)
        with asked.gate.ledger.read() as conn:
            upload = _upload(conn, asked, jobInput.get("fileRef"))
    except PermanentFailure as failure:
        return {"errors": [str(failure)]}
    if not _TRIALS.acquire(blocking=False):
        raise TransientFailure("other files are being validated at this moment")
    try:
        return {"errors": _tried(asked, upload, format_name)}
    finally:
        _TRIALS.release()


def _tried(asked: Asked, upload: Upload, format_name: str) -> list[str]:
    from import_pipeline.reporting.trial import Attempt, try_file

    gate, path = asked.gate, path_of(asked.gate.vault, upload.sha256)
    kind = kinds.kind_of(upload.name, kinds.head_of(path))
    if kind.fault:
        return [kind.fault.message]
    end = gate.clock.monotonic() + TRIAL_SECONDS
    attempt = Attempt(
        path, upload.name, upload.sha256, upload.size, kind.kind, format_name, gate.clock.now(), lambda: gate.clock.monotonic() > end
    )
    tried = try_file(gate.settings, asked.account, attempt)
    told = [f"record {record}: {message}" if record else message for record, message, *_ in tried.errors.head(MOST_TOLD).iter_rows()]
    more = tried.errors.height - len(told)
    return [*([tried.fault] if tried.fault else []), *told, *([f"and {more:,} more errors"] if more else [])]


def _create(_: Any, info: GraphQLResolveInfo, jobInput: dict[str, Any]) -> dict[str, Any]:  # noqa: N803
    asked = _asked(info)
    _check_scope(asked, "import")
    format_name = types.format_of(asked.account, jobInput["type"], jobInput.get("params"))
    _check_texts(jobInput)
    try:
        with asked.gate.ledger.begin() as conn:
            job = _booked(conn, asked, jobInput, format_name)
    except _TakenError:
        # Another request was faster by a moment; what it made is read now.
        with asked.gate.ledger.begin() as conn:
            job = _booked(conn, asked, jobInput, format_name)
    return answers.job_body(job, _linked(asked))


class _TakenError(Exception):
    """The file went into another job between looking and booking."""


def _booked(conn: Connection, asked: Asked, given: dict[str, Any], format_name: str) -> HttpJob:
    upload = _upload(conn, asked, given.get("fileRef"))
    gate, now = asked.gate, asked.gate.clock.now()
    if upload.delivery is not None:
        return _same(conn, asked, upload, given, format_name)
    known = asked.account.format(format_name)
    chosen = [Choice(upload, known.object_type, format_name)]
    try:
        booked = submit_uploads(conn, gate.ledger, asked.account, gate.settings, chosen, now=now, door=DOOR)
    except PermanentFailure:
        raise _TakenError from None
    job = HttpJob(
        id=answers.new_id(),
        account=asked.account.name,
        door=DOOR,
        type=given["type"],
        name=given.get("name") or upload.name,
        requester=given.get("requester") or REQUESTER,
        output_format=given.get("outputFormat") or "CSV",
        mailto=given.get("mailtoEmail"),
        file_ref=upload.ref,
        params=given.get("params"),
        format=format_name,
        token=asked.token.id,
        delivery=booked.key,
        status="PENDING",
        created_at=answers.whole_millis(now),
    )
    http_jobs.create(conn, job)
    return job


def _same(conn: Connection, asked: Asked, upload: Upload, given: dict[str, Any], format_name: str) -> HttpJob:
    """The job that has the file already, when it is what is asked for."""
    found = http_jobs.of_ref(conn, asked.account.name, DOOR, upload.ref)
    if found is None:
        raise PermanentFailure(f"the file {upload.ref!r} was imported already")
    if found.format != format_name or found.output_format != (given.get("outputFormat") or "CSV"):
        raise PermanentFailure(f"the file {upload.ref!r} belongs to the job {found.id} ({found.type}) already; upload it again for another")
    return found


def _delete(_: Any, info: GraphQLResolveInfo, id: str) -> dict[str, int]:
    """Takes back a job that waits; a deletion undoes no import."""
    asked = _asked(info)
    _check_scope(asked, "import")
    gate, now = asked.gate, asked.gate.clock.now()
    reason = "deleted by its sender before it began"
    with gate.ledger.begin() as conn:
        job = own_job(conn, asked.account, id)
        if job is None:
            return {"deletedCount": 0}
        if job.status == "PENDING" and take_back(conn, job.delivery, reason, now=now):
            over = answers.whole_millis(now)
            http_jobs.settle(conn, job.id, "ABORTED", reason=reason, records=0, errors=0, completed=over, expires=over + KEPT)
            return {"deletedCount": 1}
    job = settle(gate, job)
    if job.status == "PENDING":
        raise PermanentFailure(f"the job {id} runs already: it cannot be deleted; `import-pipeline undo` takes an import back")
    raise PermanentFailure(f"the job {id} is {job.status}: only a job that waits can be deleted")


def _job(_: Any, info: GraphQLResolveInfo, id: str) -> dict[str, Any] | None:
    asked = _asked(info)
    _check_scope(asked, "read")
    with asked.gate.ledger.read() as conn:
        job = own_job(conn, asked.account, id)
    return answers.job_body(settle(asked.gate, job), _linked(asked)) if job else None


def _jobs(
    _: Any,
    info: GraphQLResolveInfo,
    filter: dict[str, Any] | None = None,
    timeZone: str | None = None,  # noqa: N803
    timeZoneOffset: str | None = None,  # noqa: N803
    limit: int | None = 20,
    offset: int | None = 0,
) -> dict[str, Any]:
    asked = _asked(info)
    _check_scope(asked, "read")
    limit, offset = 20 if limit is None else limit, offset or 0
    if not (0 <= limit <= MOST_JOBS and offset >= 0):
        raise PermanentFailure(f"limit is 0 to {MOST_JOBS}, offset is not negative")
    where = filters.condition(filter, asked.gate.clock.now(), filters.zone_of(timeZone, timeZoneOffset))
    with asked.gate.ledger.read() as conn:
        ended = http_jobs.ended(conn, DOOR, asked.account.name, limit=SETTLED_AT_ONCE)
    for job in ended:
        settle(asked.gate, job)
    with asked.gate.ledger.read() as conn:
        found, total = http_jobs.listing(conn, asked.account.name, DOOR, where, limit, offset)
    linked = _linked(asked)
    return {"data": [answers.job_body(job, linked) for job in found], "count": len(found), "totalCount": total}


def _linked(asked: Asked) -> answers.Linked:
    def url(job: HttpJob, kind: links.Kind) -> str | None:
        gate = asked.gate
        if kind != "file" and not result_path(gate.settings, job, kind).exists():
            return None
        until = job.expires_at or job.created_at + KEPT
        return links.link(gate.settings, asked.base, asked.tenant, job.account, job.id, kind, until)

    return url


def own_job(conn: Connection, account: Account, job_id: str) -> HttpJob | None:
    """The account's job of this id that was asked for here; other doors have jobs of their own."""
    job = http_jobs.get(conn, account.name, job_id)
    return job if job and job.door == DOOR else None


def _upload(conn: Connection, asked: Asked, ref: Any) -> Upload:
    """The uploaded file of a reference, as long as it is kept. Raises PermanentFailure."""
    if not isinstance(ref, str) or not ref:
        raise PermanentFailure("fileRef is missing: the upload of the file answers it")
    own = {answers.file_ref(alias, ref.rpartition("/")[2]) for alias in (tenant_of(asked.account), asked.account.name)}
    found = uploads.find(conn, asked.account.name, DOOR, ref) if ref in own else None
    if found is None or (found.delivery is None and found.expires_at <= asked.gate.clock.now()):
        raise PermanentFailure(f"there is no uploaded file {ref[:200]!r}, or its time is over; upload it again")
    return found


def _check_texts(given: dict[str, Any]) -> None:
    for name in ("name", "requester", "mailtoEmail"):
        text = given.get(name)
        if text is not None and not (text.strip() and len(text) <= _LONGEST_TEXT and text.isprintable()):
            raise PermanentFailure(f"{name} is a text of 1 to {_LONGEST_TEXT} characters in one line")
    mailto = given.get("mailtoEmail")
    if mailto is not None and not is_address(mailto):
        raise PermanentFailure(f"mailtoEmail {mailto!r} is not an e-mail address")


def _check_scope(asked: Asked, scope: Scope) -> None:
    if scope not in asked.token.scopes:
        raise Refusal(403, f"this key may not do that: it needs the scope {scope!r}")
