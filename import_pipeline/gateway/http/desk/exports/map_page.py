"""The map of the account's territories, now or at a moment.

Belongs here: this page and its download. Does not belong here: what is drawn (drawing.py), reading it (worker.py).
"""

import asyncio
import json
from collections import OrderedDict
from datetime import datetime
from pathlib import Path
from typing import Any
from weakref import WeakKeyDictionary

from starlette.responses import Response

from import_pipeline.gateway.http.desk.exports.making import made
from import_pipeline.gateway.http.desk.exports.moments import KINDS, Chosen, chosen, known, recent_imports
from import_pipeline.gateway.http.desk.exports.orders import Kind, Order
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.sending import opened, sent_file
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal

_KEPT = 6
"""Maps that are kept while the records stay as they are."""
_MAPS: WeakKeyDictionary[Gate, OrderedDict[tuple[object, ...], dict[str, Any]]] = WeakKeyDictionary()
_NONE = "this account has no territories"


async def territory_map(visit: Visit) -> Response:
    """The page."""
    if visit.account.territory_type is None:
        raise Refusal(404, _NONE)
    asked = chosen("at", lambda name, default: visit.query.get(name, default))
    wrong = asked.wrong or await asyncio.to_thread(known, visit, asked)
    drawing, notice, status = None, "", 200
    if not wrong:
        try:
            found = await _drawing(visit, asked)
            drawing, wrong = (found, "") if isinstance(found, dict) else (None, found)
        except Refusal as refusal:
            if refusal.status != 503:
                raise
            notice, status = refusal.detail, 503
    imports = await asyncio.to_thread(recent_imports, visit)
    facts: dict[str, Any] = {"asked": asked, "wrong": wrong, "notice": notice, "map": drawing, "kinds": KINDS, "imports": imports}
    return page(visit, "exports/map", status=422 if wrong else status, **facts)


async def map_file(visit: Visit) -> Response:
    """The map as one page to keep."""
    asked = chosen("at", (await visit.fields()).one)
    if visit.account.territory_type is None:
        raise Refusal(404, _NONE)
    wrong = asked.wrong or await asyncio.to_thread(known, visit, asked)
    if wrong:
        raise Refusal(422, wrong)
    async with made(visit, lambda folder: _order(visit, "map_page", asked, folder)) as (answer, folder):
        if answer.wrong:
            raise Refusal(422, " ".join(answer.wrong.values()))
        return sent_file(await asyncio.to_thread(opened, folder / answer.file), answer.file)


def _order(visit: Visit, kind: Kind, asked: Chosen, folder: Path) -> Order:
    return Order(kind, visit.gate.settings, visit.account, visit.gate.clock.now(), folder, at=asked.text)


async def _drawing(visit: Visit, asked: Chosen) -> dict[str, Any] | str:
    """What is drawn, or why there is nothing to draw. It is made once for a state of the record store."""
    kept = _MAPS.setdefault(visit.gate, OrderedDict())
    key = (visit.account.name, asked.text, await asyncio.to_thread(_state, visit))
    if key in kept:
        kept.move_to_end(key)
        return kept[key]
    async with made(visit, lambda folder: _order(visit, "map", asked, folder)) as (answer, folder):
        if answer.wrong:
            return " ".join(answer.wrong.values())
        found: dict[str, Any] = await asyncio.to_thread(lambda: json.loads((folder / answer.file).read_bytes()))
    found["at"] = datetime.fromisoformat(answer.facts["at"]) if answer.facts["at"] else None
    kept[key] = found
    while len(kept) > _KEPT:
        kept.popitem(last=False)
    return found


def _state(visit: Visit) -> tuple[int, int]:
    """What changes whenever a run wrote to the store."""
    try:
        found = visit.gate.settings.store_file(visit.account.name).stat()
    except FileNotFoundError:
        return 0, 0
    return found.st_mtime_ns, found.st_size
