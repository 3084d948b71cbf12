"""Exports: one to make now, the difference between two moments, and the files of past days, weeks and months.

Belongs here: this page and its downloads. Does not belong here: what an export holds (exporting/), the process that makes it (making.py).
"""

import asyncio
from collections.abc import Callable
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from starlette.responses import Response

from import_pipeline.gateway.http.desk.exports.moments import KINDS, Chosen, chosen, known, recent_imports
from import_pipeline.gateway.http.desk.exports.orders import Kind, Order
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.refusals import Refusal

FORMS = (
    ("csv", "CSV"),
    ("xlsx", "Excel (XLSX)"),
    ("jsonl", "JSON lines"),
    ("parquet", "Parquet"),
)
_UNPROCESSABLE = 422


@dataclass(frozen=True)
class Asked:
    """What a form of this page holds, and what is wrong with its fields."""

    object_type: str = ""
    form: str = "csv"
    packed: bool = False
    at: Chosen = field(default_factory=lambda: Chosen("at"))
    until: Chosen = field(default_factory=lambda: Chosen("until"))
    wrong: dict[str, str] = field(default_factory=dict)
    notice: str = ""


async def exports(visit: Visit) -> Response:
    """The page; its address may fill in the fields: `?type=Account&at_kind=after&at_job=…`, for a difference with `about=difference`."""
    asked = _asked(lambda name, default: visit.query.get(name, default))
    compared = visit.query.get("about", "") == "difference" and "at_kind" in visit.query
    return await _shown(visit, Asked() if compared else asked, asked if compared else None)


async def export_now(visit: Visit) -> Response:
    """Makes an export and sends it."""
    asked = _asked((await visit.fields()).one)
    return await _made(visit, "export", asked)


async def difference(visit: Visit) -> Response:
    """Makes a file of what differs between two moments and sends it."""
    asked = _asked((await visit.fields()).one)
    return await _made(visit, "difference", asked)


async def kept_file(visit: Visit) -> Response:
    """A file of a past day, week or month."""
    from import_pipeline.gateway.http.desk.exports.kept import open_kept
    from import_pipeline.gateway.http.desk.sending import sent_file

    name = visit.params["name"]
    try:
        file = await asyncio.to_thread(open_kept, visit.gate.settings, visit.account, visit.params["cadence"], name)
    except FileNotFoundError:
        raise Refusal(404, "there is no such export") from None
    return sent_file(file, name)


def _asked(given: Callable[[str, str], str]) -> Asked:
    form = given("form", "csv")
    return Asked(
        given("type", ""),
        form if form in dict(FORMS) else "csv",
        given("packed", "") == "yes",
        chosen("at", given),
        chosen("until", given),
    )


async def _made(visit: Visit, kind: Kind, asked: Asked) -> Response:
    from import_pipeline.gateway.http.desk.exports.making import made
    from import_pipeline.gateway.http.desk.sending import opened, sent_file

    moments = (asked.at,) if kind == "export" else (asked.at, asked.until)
    wrong = await asyncio.to_thread(_wrong, visit, asked, moments)
    if wrong:
        return await _again(visit, kind, asked, wrong)

    def order(folder: Path) -> Order:
        return Order(
            kind,
            visit.gate.settings,
            visit.account,
            visit.gate.clock.now(),
            folder,
            object_type=asked.object_type,
            at=asked.at.text,
            until=asked.until.text,
            form=asked.form,
            packed=asked.packed,
        )

    try:
        async with made(visit, order) as (answer, folder):
            if answer.wrong:
                return await _again(visit, kind, asked, answer.wrong)
            # The file is open before the folder goes: it needs no name any more, and none is left behind.
            return sent_file(await asyncio.to_thread(opened, folder / answer.file), answer.file)
    except Refusal as refusal:
        if refusal.status != 503:
            raise
        return await _again(visit, kind, asked, {}, notice=refusal.detail, status=503)


def _wrong(visit: Visit, asked: Asked, moments: tuple[Chosen, ...]) -> dict[str, str]:
    """What can be told without reading records."""
    found = {moment.name: moment.wrong or known(visit, moment) for moment in moments}
    found["type"] = "" if asked.object_type in visit.account.types_by_name else "Choose what to export."
    return {name: text for name, text in found.items() if text}


async def _again(
    visit: Visit, kind: Kind, asked: Asked, wrong: dict[str, str], *, notice: str = "", status: int = _UNPROCESSABLE
) -> Response:
    """The page with the fields as they were sent and what is wrong beside them."""
    told = Asked(asked.object_type, asked.form, asked.packed, asked.at, asked.until, wrong, notice)
    made, other = (told, None) if kind == "export" else (Asked(), told)
    return await _shown(visit, made, other, status=status)


async def _shown(visit: Visit, asked: Asked, other: Asked | None, *, status: int = 200) -> Response:
    from import_pipeline.gateway.http.desk.exports.kept import CADENCES, kept

    def read() -> dict[str, Any]:
        pages = {cadence: visit.query.get(cadence, "1") for cadence in CADENCES}
        settings, now = visit.gate.settings, visit.gate.clock.now()
        all_kept = [kept(settings, visit.account, c, now, int(n) if n.isdecimal() and len(n) < 6 else 1) for c, n in pages.items()]
        return {"kept": [one for one in all_kept if one.types or one.windows], "imports": recent_imports(visit)}

    facts = await asyncio.to_thread(read)
    # Of a difference nobody has asked for yet: what the latest import did.
    latest = [Asked(at=Chosen("at", "before", job=job)) for job, _ in facts["imports"][:1]]
    compared = other or (latest or [Asked()])[0]
    types = [t.name for t in visit.account.object_types]
    forms: dict[str, Any] = {"asked": asked, "other": compared, "opened": other is not None, "kinds": KINDS, "forms": FORMS, "types": types}
    return page(visit, "exports/exports", status=status, **facts, **forms)
