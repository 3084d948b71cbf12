"""The second step: which column each header cell of the file means (acceptance T-1, B-10).

Belongs here: its page. Does not belong here: suggesting (suggesting/), which columns a file may fill (model/draft.py).
"""

import asyncio
from dataclasses import dataclass
from typing import TYPE_CHECKING

from starlette.responses import Response

from import_pipeline.gateway.http.desk.forms import Fields
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.desk.wizard.common import ELSEWHERE, Elsewhere, Opened, of_first_step, opened, save
from import_pipeline.gateway.http.desk.wizard.reviewing import book_plan
from import_pipeline.gateway.http.desk.wizard.suggestions import suggestions
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.model.draft import DraftBody, map_targets

if TYPE_CHECKING:
    from import_pipeline.suggesting.mapping import Suggestion


@dataclass(frozen=True)
class Row:
    """One header cell. `saved` is what another window saved for it, when it differs («» for not imported)."""

    place: int
    header: str
    key: str
    samples: tuple[str, ...]
    sure: int | None
    """How sure the suggestion is, in per cent; None without one."""
    reason: str
    suggested: str
    others: tuple[tuple[str, int], ...]
    wrong: str
    saved: str | None


async def show(visit: Visit) -> Response:
    """GET: one row for each header cell."""
    return await asyncio.to_thread(_show, visit)


async def take(visit: Visit) -> Response:
    """POST: saves what was chosen; goes on to the plan, or back to the first step."""
    fields = await visit.fields()
    return await asyncio.to_thread(_taken, visit, fields)


def _show(visit: Visit) -> Response:
    found = opened(visit)
    if found.started:
        return see_other(found.path)
    if found.body.file is None:
        return see_other(f"{found.path}/file", "Choose a file first.")
    return _page(visit, found, found.body, checked=bool(visit.query.get("check")))


def _taken(visit: Visit, fields: Fields) -> Response:
    before = opened(visit)
    file = before.body.file
    if file is None:
        raise Refusal(409, "this import has no file; choose one in the first step")
    if fields.one("upload") != (before.draft.upload or ""):
        raise Refusal(409, "another window took another file for this import: load the page again to map its columns")
    # A column that gives one entry of a Map field is no target of its own: it stays what it is.
    known = {column.key for column in map_targets(before.object_type)} | set(before.object_type.map_header(file.header).keys)
    chosen = {cell: fields.one(f"c.{place}") for place, cell in enumerate(file.header)}
    body = before.body.model_copy(update={"columns": {cell: key if key in known else None for cell, key in chosen.items()}})
    try:
        found = save(visit, before, fields.one("version"), body)
    except Elsewhere as elsewhere:
        typed = elsewhere.newest.body.model_copy(update={"columns": body.columns})
        return _page(visit, elsewhere.newest, typed, checked=False, newest=elsewhere.newest.body, status=409)
    if fields.one("go") == "later":
        return see_other("/import")
    if fields.one("go") == "back":
        return see_other(f"{found.path}/file")
    if any(of_first_step(problem) for problem in found.problems):
        return see_other(f"{found.path}/file?check=1")
    if found.problems:
        return see_other(f"{found.path}/columns?check=1")
    book_plan(visit, found)
    return see_other(f"{found.path}/review")


def _page(visit: Visit, found: Opened, body: DraftBody, *, checked: bool, newest: DraftBody | None = None, status: int = 200) -> Response:
    mapping = suggestions(visit, found)
    wrong = {problem.place: problem.message for problem in found.problems}
    suggested = {one.header: one for one in mapping.suggestions} if mapping else {}
    assert body.file is not None
    rows = [
        _row(place, cell, body, suggested.get(cell), wrong.get(f"columns/{cell}", ""), newest)
        for place, cell in enumerate(body.file.header)
    ]
    targets = [column for column in map_targets(found.object_type) if column.key not in body.fixed]
    return page(
        visit,
        "wizard/columns",
        status=status,
        found=found,
        steps=found.step_list("columns"),
        rows=rows,
        targets=targets,
        known={column.key for column in targets},
        missing=[problem.message for problem in found.problems if problem.place.startswith("required/") or problem.place == "columns"],
        faults=found.problems if checked else [],
        taken=sum(bool(row.key) for row in rows),
        elsewhere=ELSEWHERE if newest else "",
    )


def _row(place: int, cell: str, body: DraftBody, found: "Suggestion | None", wrong: str, newest: DraftBody | None) -> Row:
    key = body.columns.get(cell) or ""
    saved = (newest.columns.get(cell) or "") if newest else key
    return Row(
        place=place,
        header=cell,
        key=key,
        samples=found.samples if found else (),
        sure=round(100 * found.confidence) if found else None,
        reason=found.reason if found else "",
        suggested=(found.key or "") if found else "",
        others=_others(found) if found else (),
        wrong=wrong,
        saved=saved if saved != key else None,
    )


def _others(found: "Suggestion") -> tuple[tuple[str, int], ...]:
    """The next best columns; of one that nothing fits, without the best, which its reason names."""
    rest = found.others if found.key else found.others[1:]
    return tuple((one.key, round(100 * one.confidence)) for one in rest)
