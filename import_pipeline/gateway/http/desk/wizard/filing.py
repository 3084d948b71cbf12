"""The first step: defaults, and the file (acceptance T-1, T-4, T-5).

Belongs here: its page, and taking a file. Does not belong here: reading the file (delivering/suggested.py), inputs (inputs.py).

What is typed is saved as it is, right or wrong, so that nothing is lost on the way; a file that cannot be read is told and not taken.
"""

import asyncio
from datetime import datetime

from starlette.responses import Response

from import_pipeline.gateway.http.desk.rendering import page, size
from import_pipeline.gateway.http.desk.visit import Visit, after_upload, see_other
from import_pipeline.gateway.http.desk.wizard.common import ELSEWHERE, Elsewhere, Opened, of_first_step, opened, save
from import_pipeline.gateway.http.desk.wizard.inputs import inputs_of, read_inputs
from import_pipeline.gateway.http.desk.wizard.suggestions import suggest
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.gateway.http.uploads import SMALL, Form, media_type
from import_pipeline.landing import drafts as steps
from import_pipeline.ledger import uploads
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.draft import DraftBody, Problem

MOST_FIELDS = 1_000
"""Parts of the form: one for each column and choice."""
FORM_BYTES = 2 * SMALL
"""What a form may have beside its file."""


async def show(visit: Visit) -> Response:
    """GET: defaults and file."""
    found = await asyncio.to_thread(opened, visit)
    if found.started:
        return see_other(found.path)
    checked = await asyncio.to_thread(faults_of, found) if visit.query.get("check") else []
    return _page(visit, found, found.body, checked)


async def take(visit: Visit) -> Response:
    """POST: saves the defaults, and takes the file when one was chosen."""
    if media_type(visit.request) != "multipart/form-data":
        raise Refusal(415, "a form with a file is expected (multipart/form-data)")
    before = await asyncio.to_thread(_admit, visit)
    form = await visit.form_with_file(visit.account.doors.http.max_file_bytes, most_fields=MOST_FIELDS)
    return await asyncio.to_thread(_taken, visit, before, form)


def faults_of(found: Opened) -> list[Problem]:
    """What is wrong in this step."""
    from import_pipeline.delivering.suggested import value_problems

    stated = [problem for problem in found.problems if of_first_step(problem)]
    return stated + value_problems(found.body, found.object_type, found.account.timezone)


def _admit(visit: Visit) -> Opened:
    """Refuses before a byte is read what will be refused anyway."""
    found = opened(visit)
    if found.started:
        raise Refusal(409, "this import was started already; it cannot be changed any more")
    stated = visit.request.headers.get("content-length", "")
    length, limit = int(stated) if stated.isdecimal() else 0, visit.account.doors.http.max_file_bytes
    if length > limit + FORM_BYTES:
        raise Refusal(413, f"the file is too large: it has {size(length)}, and at most {size(limit)} are taken")
    visit.gate.check_disk(length)
    return found


def _taken(visit: Visit, before: Opened, form: Form) -> Response:
    defaults, fixed = read_inputs(before.object_type, form.fields)
    body = before.body.model_copy(update={"defaults": defaults, "fixed": fixed})
    upload = None
    if form.file is not None and (form.file_name or form.file.size):
        upload = _upload(visit, form, visit.gate.clock.now())
        try:
            body = _with_file(visit, before, body, upload)
        except Refusal as refusal:
            if visit.is_fragment:
                raise
            return _page(visit, before, body, [Problem(place="file", message=refusal.detail)], status=refusal.status)
    try:
        found = save(visit, before, form.fields.get("version", ""), body, upload=upload)
    except Elsewhere as elsewhere:
        return _elsewhere(visit, elsewhere.newest, body)
    if form.fields.get("go") == "later":
        return after_upload(visit, "/import")
    if faults_of(found):
        return after_upload(visit, f"{found.path}/file?check=1")
    return after_upload(visit, f"{found.path}/columns")


def _upload(visit: Visit, form: Form, now: datetime) -> Upload:
    """The file that came, with its rights to room checked."""
    assert form.file is not None
    upload_id = uploads.new_id()
    door = visit.account.doors
    with visit.gate.ledger.read() as conn:
        waiting = uploads.waiting_bytes(conn, visit.account.name, now=now)
    if waiting + form.file.size > door.http.quota_bytes:
        raise Refusal(413, f"files that wait to be imported may have {door.http.quota_bytes:,} bytes together; start or throw away others")
    return Upload(
        id=upload_id,
        account=visit.account.name,
        door="desk",
        ref=upload_id,
        job=None,
        part=None,
        name=form.file_name or "file",
        sha256=form.file.sha256,
        size=form.file.size,
        token="",
        created_at=now,
        expires_at=now + door.desk.keep_drafts,
    )


def _with_file(visit: Visit, before: Opened, body: DraftBody, upload: Upload) -> DraftBody:
    """The body with the file and the columns suggested for it. Raises Refusal 422 with the words for a file that cannot be read."""
    from import_pipeline.delivering.suggested import Unreadable, as_choices, look_at_upload
    from import_pipeline.model.draft import with_file

    try:
        looked = look_at_upload(visit.gate.settings, upload)
    except Unreadable as unreadable:
        with visit.gate.ledger.begin() as conn:
            # Nobody needs its bytes: the next tidying up takes them away.
            uploads.book(conn, Upload(**vars(upload) | {"expires_at": upload.created_at}))
        raise Refusal(422, f"{unreadable}") from None
    mapping = suggest(visit, before, upload, looked)
    return with_file(body, looked.file, as_choices(mapping), before.object_type)


def _elsewhere(visit: Visit, newest: Opened, typed: DraftBody) -> Response:
    if visit.is_fragment:
        words = f"{ELSEWHERE} Press Continue again to keep what stands here, or load the page again to take what is saved."
        refusal = Refusal(409, words)
        # What the form holds may be sent again, knowing of the other window (static/wizard.js).
        refusal.headers["X-Desk-Version"] = str(newest.draft.version)
        raise refusal
    shown = newest.body.model_copy(update={"defaults": typed.defaults, "fixed": typed.fixed})
    return _page(visit, newest, shown, [], newest=newest.body, status=409)


def _page(
    visit: Visit, found: Opened, body: DraftBody, faults: list[Problem], *, newest: DraftBody | None = None, status: int = 200
) -> Response:
    wrong = {problem.place: problem.message for problem in faults}
    made = inputs_of(found.object_type, body, wrong, newest)
    return page(
        visit,
        "wizard/file",
        status=status,
        found=found,
        body=body,
        steps=found.step_list("file"),
        groups={group: [one for one in made if one.group == group] for group in ("fixed", "required", "more")},
        file_fault=wrong.get("file", ""),
        faults=faults,
        elsewhere=ELSEWHERE if newest else "",
        limit=visit.account.doors.http.max_file_bytes,
        previous=steps.body_of(found.draft).file,
    )
