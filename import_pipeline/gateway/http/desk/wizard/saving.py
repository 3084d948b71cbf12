"""Formats that people save from an import, and those of the account beside them (acceptance E-3).

Belongs here: the page of formats, saving, renaming and removing one. Does not belong here: what a format may state (model/format.py).
"""

import asyncio
from typing import Any

from starlette.responses import Response

from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.desk.wizard.choosing import startable
from import_pipeline.gateway.http.desk.wizard.common import opened
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import drafts as steps
from import_pipeline.ledger import formats
from import_pipeline.model.format import Format

LONGEST_NAME = 100


async def show(visit: Visit) -> Response:
    """GET: all formats of the account."""
    return await asyncio.to_thread(_show, visit)


async def save(visit: Visit) -> Response:
    """POST: saves map and defaults of an import under a name."""
    fields = await visit.fields()

    def work() -> Response:
        found = opened(visit)
        name = _name(fields.one("name"))
        with visit.gate.ledger.begin() as conn:
            steps.save_as_format(
                conn,
                found.account,
                found.draft.id,
                name,
                title=fields.one("title").strip()[:200],
                exact=bool(fields.one("exact")),
                replace=bool(fields.one("replace")),
                by=visit.user.name,
                now=visit.gate.clock.now(),
            )
        back = found.path if found.started else f"{found.path}/review"
        return see_other(back, f"The format «{name}» is saved. Every door knows it from now on, and «Formats» lists it.")

    return await asyncio.to_thread(work)


async def rename(visit: Visit) -> Response:
    """POST: gives a format of the desk another name."""
    fields = await visit.fields()

    def work() -> Response:
        name, to = fields.one("name"), _name(fields.one("to"))
        with visit.gate.ledger.begin() as conn:
            account = formats.with_saved(conn, visit.account, listed=True)
            if name == to:
                return see_other("/formats")
            if to in {one.name for one in account.formats}:
                raise Refusal(409, f"there is a format «{to}» already; choose another name")
            if not formats.rename(conn, visit.account.name, name, to, now=visit.gate.clock.now()):
                raise Refusal(409, f"«{name}» cannot have the name «{to}»: it is gone, or an earlier import needs that name")
        return see_other("/formats", f"«{name}» is called «{to}» now.")

    return await asyncio.to_thread(work)


async def remove(visit: Visit) -> Response:
    """POST: takes a format of the desk out of the list."""
    fields = await visit.fields()

    def work() -> Response:
        name = fields.one("name")
        with visit.gate.ledger.begin() as conn:
            if not formats.remove(conn, visit.account.name, name, now=visit.gate.clock.now()):
                raise Refusal(404, "there is no format of this name that was saved here")
        return see_other("/formats", f"The format «{name}» is removed. What was imported with it stays.")

    return await asyncio.to_thread(work)


def _name(text: str) -> str:
    name = " ".join(text.split())
    if not name or len(name) > LONGEST_NAME or not name.isprintable():
        raise Refusal(400, f"a format needs a name of at most {LONGEST_NAME} letters")
    return name


def _show(visit: Visit) -> Response:
    with visit.gate.ledger.read() as conn:
        account = formats.with_saved(conn, visit.account, listed=True)
        saved = {one.name: one for one in formats.listing(conn, visit.account.name)}
    stated = {one.name for one in visit.account.formats}
    usable = {one.name for one in startable(account)}

    def row(found: Format) -> dict[str, Any]:
        return {
            "format": found,
            "saved": saved.get(found.name) if found.name not in stated else None,
            "columns": [(cell, key) for cell, key in found.columns.items() if key],
            "left_out": [cell for cell, key in found.columns.items() if not key],
            "usable": found.name in usable,
        }

    return page(visit, "wizard/formats", formats=[row(one) for one in sorted(account.formats, key=lambda one: one.name.casefold())])
