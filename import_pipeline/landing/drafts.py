"""The steps of an import that is prepared on the desk: opened, changed, planned, started once, stopped, copied, saved as a format.

Belongs here: what each step does in the ledger, in the caller's transaction. Does not belong here: what a draft says and what is wrong
with it (model/draft.py), suggesting a mapping (delivering/suggested.py), pages (gateway/http/desk/).

Every step names the version of the draft that its caller saw: a draft that was changed or started since is refused in words.
"""

from dataclasses import replace
from datetime import datetime
from typing import Literal

from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure, UnknownValue
from import_pipeline.landing.submitted import Choice, Progress, plan_uploads, submit_uploads, take_back
from import_pipeline.ledger import Ledger, drafts, formats, uploads
from import_pipeline.ledger.drafts import Draft
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.draft import USABLE, DraftBody, format_of, problems, with_format
from import_pipeline.model.format import Format
from import_pipeline.model.job import EVERY_ROW_REFUSED
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.private_format import is_private, private_name
from import_pipeline.settings import Settings

DOOR = "desk"
LONGEST_NAME = 100
"""Characters of a saved format's name."""
ImportStatus = Literal["Waiting", "Processing", "Held", "Complete", "Error"]


def body_of(draft: Draft) -> DraftBody:
    """What was chosen so far."""
    return DraftBody.model_validate(draft.body)


def open_draft(conn: Connection, account: Account, object_type: str, user: str, *, now: datetime, format: str | None = None) -> Draft:
    """A new draft for this object type, with what a saved format states when one is given.

    Raises UnknownValue for an unknown type or format, PermanentFailure for a format of another type or for deletions and redemptions.
    """
    account = formats.with_saved(conn, account)
    known = account.object_type(object_type)
    body = DraftBody(on_error="halt" if account.on_error == "halt" else "skip")
    if format is not None:
        stated = account.format(format)
        if stated.object_type != known.name or stated.operation not in USABLE:
            raise PermanentFailure(
                f"the format {format!r} is for {stated.object_type} ({stated.operation}), not for an import of {known.name}"
            )
        body = with_format(body, stated)
    return _added(conn, account, known, user, body, None, now)


def copy(conn: Connection, account: Account, draft_id: str, user: str, *, now: datetime) -> Draft:
    """Duplicate: a new draft with the same defaults, mapping and error handling, that waits for its file (acceptance T-7)."""
    before = _existing(conn, account, draft_id)
    body = body_of(before).model_copy(update={"file": None})
    return _added(conn, account, account.object_type(before.object_type), user, body, before.id, now)


def _added(conn: Connection, account: Account, object_type: ObjectType, user: str, body: DraftBody, of: str | None, now: datetime) -> Draft:
    draft = Draft(
        id=drafts.new_id(),
        account=account.name,
        user=user,
        object_type=object_type.name,
        state="open",
        version=1,
        upload=None,
        body=body.model_dump(mode="json"),
        plan=None,
        delivery=None,
        copy_of=of,
        created_at=now,
        changed_at=now,
        started_at=None,
    )
    drafts.add(conn, draft)
    return draft


def change(
    conn: Connection, account: Account, draft_id: str, version: int, body: DraftBody, *, upload: str | None = None, now: datetime
) -> Draft:
    """The draft with other choices, and with another file when `upload` is given (its id). A plan of the old choices is forgotten."""
    before = _open(conn, account, draft_id, version)
    if upload is not None and upload != before.upload:
        _waiting_upload(conn, account, upload)
        uploads.drop(conn, [before.upload] if before.upload else [], now=now)
    said = body.model_dump(mode="json")
    after = replace(before, body=said, upload=upload or before.upload)
    if before.plan and (after.body, after.upload) != (before.body, before.upload):
        take_back(conn, before.plan, "the import was changed", now=now)
        after = replace(after, plan=None)
    return _saved(conn, account, after, version, now)


def plan(conn: Connection, ledger: Ledger, account: Account, settings: Settings, draft_id: str, version: int, *, now: datetime) -> Draft:
    """Books a dry run of the draft's file; `plan` of the draft is its delivery. It may be planned again, and started afterwards."""
    before = _open(conn, account, draft_id, version)
    choice = _choice(conn, account, before, now)
    if before.plan:
        take_back(conn, before.plan, "it was planned again", now=now)
    booked = plan_uploads(conn, ledger, account, settings, [choice], now=now, door=DOOR)
    return _saved(conn, account, replace(before, plan=booked.key), version, now)


def start(conn: Connection, ledger: Ledger, account: Account, settings: Settings, draft_id: str, version: int, *, now: datetime) -> Draft:
    """Books the import, once: `delivery` of the draft is its delivery. Raises PermanentFailure when the draft is started already."""
    before = _open(conn, account, draft_id, version)
    choice = _choice(conn, account, before, now)
    if before.plan:
        # A plan that nobody has begun would only keep the import waiting.
        take_back(conn, before.plan, "the import was started", now=now)
    booked = submit_uploads(conn, ledger, account, settings, [choice], now=now, door=DOOR)
    return _saved(conn, account, replace(before, state="started", delivery=booked.key, started_at=now), version, now)


def stop(conn: Connection, account: Account, draft_id: str, *, now: datetime) -> bool:
    """Takes a start back that no run was asked for yet: the draft is open again, with its file. False when it is too late."""
    before = _existing(conn, account, draft_id)
    if before.delivery is None or not take_back(conn, before.delivery, "stopped before it began", now=now):
        return False
    if before.upload:
        uploads.keep(conn, before.upload, now + account.doors.desk.keep_drafts)
    return drafts.reopen(conn, account.name, before.id, now=now)


def discard(conn: Connection, account: Account, draft_id: str, *, now: datetime) -> bool:
    """Throws an open draft away, with its file and a plan that waits; False when it is started, or gone already."""
    found = drafts.get(conn, account.name, draft_id)
    if found is None or not drafts.remove(conn, account.name, draft_id):
        return False
    if found.plan:
        take_back(conn, found.plan, "the import was thrown away", now=now)
    uploads.drop(conn, [found.upload] if found.upload else [], now=now)
    return True


def save_as_format(
    conn: Connection,
    account: Account,
    draft_id: str,
    name: str,
    *,
    title: str = "",
    exact: bool = False,
    replace: bool = False,
    by: str,
    now: datetime,
) -> Format:
    """Saves the draft's choices as a format of the account (acceptance E-3); with `exact` a file must have the same header.

    Raises PermanentFailure for a name that is taken (of a saved format: unless `replace`) or that no format can have, and for choices
    that make no import.
    """
    draft = _existing(conn, account, draft_id)
    account = formats.with_saved(conn, account)
    known, body = account.object_type(draft.object_type), body_of(draft)
    check_name(conn, account, name, replace=replace)
    wrong = [one.message for one in problems(body, known) if one.place.startswith(("columns/", "defaults/", "fixed/"))]
    if wrong:
        raise PermanentFailure("; ".join(wrong))
    made = format_of(body, account, known, name).model_copy(update={"title": title.strip(), "exact_header": exact})
    formats.save(conn, account.name, made, listed=True, by=by, now=now)
    return made


def check_name(conn: Connection, account: Account, name: str, *, replace: bool = False) -> None:
    """Raises PermanentFailure when a format cannot be saved under this name."""
    saved = formats.get(conn, account.name, name)
    if name != name.strip() or not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise PermanentFailure(f"a format's name has 1 to {LONGEST_NAME} characters, without blanks at its ends")
    if " {" in name or is_private(name):
        raise PermanentFailure(f"{name!r} cannot be the name of a format: such names have a meaning of their own")
    if saved is None and any(one.name == name for one in (*account.formats, *account.built_in_formats)):
        raise PermanentFailure(f"the account has a format {name!r} in its settings, which the desk cannot change: choose another name")
    if saved is not None and saved.listed and not replace:
        raise PermanentFailure(f"there is a format {name!r} already: choose another name, or replace it")


def status_of(progress: Progress) -> ImportStatus:
    """What people see of an import (acceptance T-2, T-3): Error when it was halted or could not be read, Complete with the rows that
    were refused in its exception log."""
    if progress.phase in ("waiting", "held"):
        return "Waiting" if progress.phase == "waiting" else "Held"
    if progress.phase in ("running", "applied"):
        return "Processing"
    failed = [job for job in progress.jobs if job.state == "failed" and job.reason != EVERY_ROW_REFUSED]
    cut_short = [job for job in progress.jobs if job.state in ("applied", "planned") and job.reason]
    return "Error" if progress.phase == "failed" or failed or cut_short else "Complete"


def _existing(conn: Connection, account: Account, draft_id: str) -> Draft:
    found = drafts.get(conn, account.name, draft_id)
    if found is None:
        raise PermanentFailure("there is no such import; it may have been thrown away")
    return found


def _open(conn: Connection, account: Account, draft_id: str, version: int) -> Draft:
    found = _existing(conn, account, draft_id)
    if found.state != "open":
        raise PermanentFailure(
            f"this import was started already, on {found.started_at:%Y-%m-%d at %H:%M} UTC; duplicate it to import another file"
        )
    if found.version != version:
        raise PermanentFailure("this import was changed in another window since you loaded it: load it again")
    return found


def _saved(conn: Connection, account: Account, draft: Draft, version: int, now: datetime) -> Draft:
    if not drafts.save(conn, replace(draft, changed_at=now), version):
        raise PermanentFailure("this import was changed in another window at the same moment: load it again")
    if draft.upload and draft.state == "open":
        uploads.keep(conn, draft.upload, now + account.doors.desk.keep_drafts)
    return replace(draft, changed_at=now, version=version + 1)


def _waiting_upload(conn: Connection, account: Account, upload_id: str) -> Upload:
    found = uploads.get(conn, account.name, upload_id)
    if found is None or found.delivery is not None:
        raise PermanentFailure("the file of this import is not there any more: choose it again")
    return found


def _choice(conn: Connection, account: Account, draft: Draft, now: datetime) -> Choice:
    """The draft's file as what it is imported, with its format booked. Raises PermanentFailure with everything that is wrong."""
    account = formats.with_saved(conn, account)
    known, body = account.object_type(draft.object_type), body_of(draft)
    wrong = problems(body, known)
    if wrong:
        raise PermanentFailure("; ".join(one.message for one in wrong))
    upload = _waiting_upload(conn, account, draft.upload or "")
    made = format_of(body, account, known)
    name = _listed_name(account, made, body)
    if name is None:
        name = private_name(made)
        formats.save(conn, account.name, made.model_copy(update={"name": name}), listed=False, by=draft.user, now=now)
    return Choice(upload, known.name, name)


def _listed_name(account: Account, made: Format, body: DraftBody) -> str | None:
    """The name of the saved format that the choices began with, when they say just what it says."""
    try:
        stated = account.format(body.start) if body.start else None
    except UnknownValue:
        return None
    delimiter = body.file.delimiter if body.file else None
    if stated is None or is_private(stated.name) or stated.delimiter not in (None, delimiter):
        return None
    if stated.exact_header and tuple(stated.columns) != tuple(made.columns):
        return None
    plain = {"name": "", "title": "", "prefixes": (), "exact_header": False, "delimiter": None}
    same = stated.model_copy(update=plain | {"on_error": stated.on_error or account.on_error})
    return stated.name if made.model_copy(update=plain) == same else None
