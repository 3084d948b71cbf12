"""Where an import begins: with an object type, a saved format, an earlier import, or one that was left unfinished.

Belongs here: that page, Duplicate (acceptance T-7), throwing an unfinished import away. Does not belong here: the steps.
"""

import asyncio

from sqlalchemy import Connection
from starlette.responses import Response

from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.desk.wizard.common import opened
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import drafts as steps
from import_pipeline.landing.submitted import take_back
from import_pipeline.ledger import drafts, formats, jobs, uploads
from import_pipeline.ledger.drafts import Draft
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.model.draft import USABLE, map_targets
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType

MOST_SHOWN, MOST_LISTED = 20, 1_000


async def show(visit: Visit) -> Response:
    """GET: what to import."""
    return await asyncio.to_thread(_show, visit)


async def begin(visit: Visit) -> Response:
    """POST: a new import of a type (field `type`), or with a saved format (field `format`)."""
    fields = await visit.fields()

    def work() -> Response:
        with visit.gate.ledger.begin() as conn:
            account = formats.with_saved(conn, visit.account)
            name = fields.one("format")
            type_name = account.format(name).object_type if name else fields.one("type")
            if type_name not in {one.name for one in importable(account)}:
                raise Refusal(400, "choose what to import")
            draft = steps.open_draft(conn, account, type_name, visit.user.name, now=visit.gate.clock.now(), format=name or None)
        return see_other(f"/import/{draft.id}/file")

    return await asyncio.to_thread(work)


async def duplicate(visit: Visit) -> Response:
    """POST: a new import with the defaults and the map of this one, without its file (acceptance T-7)."""
    await visit.fields()

    def work() -> Response:
        found = opened(visit)
        with visit.gate.ledger.begin() as conn:
            draft = steps.copy(conn, found.account, found.draft.id, visit.user.name, now=visit.gate.clock.now())
        return see_other(f"/import/{draft.id}/file", "Duplicated: choose the new file, everything else is set.")

    return await asyncio.to_thread(work)


async def duplicate_job(visit: Visit) -> Response:
    """POST: a new import with the map of a job, whatever door it came through; with its defaults when it came from the desk."""
    await visit.fields()

    def work() -> Response:
        with visit.gate.ledger.begin() as conn:
            job = jobs.get(conn, visit.params["job"])
            if job is None or job.account != visit.account.name:
                raise Refusal(404, "there is no such job")
            draft = _copy_of_job(visit, conn, job)
        return see_other(f"/import/{draft.id}/file", "Duplicated: choose the new file, everything else is set.")

    return await asyncio.to_thread(work)


async def throw_away(visit: Visit) -> Response:
    """POST: forgets an import that was never started."""
    await visit.fields()

    def work() -> Response:
        found = opened(visit)
        if found.started:
            raise Refusal(409, "this import was started; it can be undone, not thrown away")
        with visit.gate.ledger.begin() as conn:
            now = visit.gate.clock.now()
            if not drafts.remove(conn, visit.account.name, found.draft.id):
                raise Refusal(409, "this import was started in another window; it can be undone, not thrown away")
            if found.draft.plan:
                take_back(conn, found.draft.plan, "the import was thrown away", now=now)
            if found.draft.upload:
                uploads.drop(conn, [found.draft.upload], now=now)
        return see_other("/import", "The unfinished import is thrown away.")

    return await asyncio.to_thread(work)


def importable(account: Account) -> list[ObjectType]:
    """The types that rows can be mapped to: territories come as shapes, not as rows."""
    return [one for one in account.object_types if one is not account.territory_type]


def startable(account: Account) -> list[Format]:
    """The formats that an import of the desk can begin with: those that create and update."""
    known = {one.name for one in importable(account)}
    return [one for one in account.formats if one.operation in USABLE and one.object_type in known]


def _show(visit: Visit) -> Response:
    with visit.gate.ledger.read() as conn:
        account = formats.with_saved(conn, visit.account, listed=True)
        unfinished = drafts.listing(conn, visit.account.name, state="open", limit=MOST_LISTED)
        started = drafts.listing(conn, visit.account.name, state="started", limit=MOST_SHOWN)
    mine = [one for one in unfinished if one.user == visit.user.name]
    others = [one for one in unfinished if one.user != visit.user.name] if visit.can("manage") else []
    return page(
        visit,
        "wizard/choose",
        types=importable(account),
        formats=sorted(((one.name, f"{one.name} ({one.title or one.object_type})") for one in startable(account)), key=str),
        unfinished=[(one, steps.body_of(one)) for one in mine[:MOST_SHOWN]],
        started=[(one, steps.body_of(one)) for one in started if one.user == visit.user.name][:5],
        others=[(one, steps.body_of(one)) for one in others[:MOST_SHOWN]],
    )


def _copy_of_job(visit: Visit, conn: Connection, job: JobRow) -> Draft:
    now = visit.gate.clock.now()
    account = formats.with_saved(conn, visit.account)
    if job.undo_of or job.object_type not in {one.name for one in importable(account)}:
        raise Refusal(409, "this job cannot be duplicated: it brought no rows that columns can be mapped for")
    if account.operation(job.format) not in USABLE:
        raise Refusal(409, "this job cannot be duplicated: its rows do something else than create and update records")
    before = drafts.of_delivery(conn, account.name, job.delivery)
    if before is not None:
        return steps.copy(conn, account, before.id, visit.user.name, now=now)
    known = {one.name for one in startable(account)}
    draft = steps.open_draft(conn, account, job.object_type, visit.user.name, now=now, format=job.format if job.format in known else None)
    body = steps.body_of(draft)
    more = {cell: key for cell, key in _mapped(account, job).items() if cell not in body.columns}
    if not more:
        return draft
    return steps.change(conn, account, draft.id, draft.version, body.model_copy(update={"columns": body.columns | more}), now=now)


def _mapped(account: Account, job: JobRow) -> dict[str, str | None]:
    """How the job's file was read, by its receipt."""
    from pathlib import Path

    from import_pipeline.reporting.answers import read_receipt

    receipt = read_receipt(Path(job.receipt)) if job.receipt else None
    known = {column.key for column in map_targets(account.object_type(job.object_type))}
    return {cell: key for cell, key in receipt.read.mapped.items() if key in known} if receipt else {}
