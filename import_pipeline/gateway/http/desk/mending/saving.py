"""Changes to refused rows: saved as people type, one by one or for a whole group, never on top of somebody else's.

Belongs here: what a form changes, conflicts between two people, the suggestion for all rows of a group. Does not belong here: how a page
looks (grid.py), sending (sending.py). A form names with each row the version that its page showed, and with each changed cell the text that
was saved then: a cell that is sent as it was shown is no change.
"""

import asyncio
import json
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import Response

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.desk.forms import Fields
from import_pipeline.gateway.http.desk.mending.grid import Typed, address_of, came_in_among, chosen_show, facts_of, lines_of, plain
from import_pipeline.gateway.http.desk.mending.work import Mending, mending_of
from import_pipeline.gateway.http.desk.rendering import HEADERS, environment, page
from import_pipeline.gateway.http.desk.sessions import PATH
from import_pipeline.gateway.http.desk.visit import Visit, see_other
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.ledger import mends
from import_pipeline.ledger.mends import BLOCK, Mend

_MOST_ROWS = 200
Cells = dict[int, dict[int, str]]


@dataclass(frozen=True)
class Conflict:
    """A row that somebody else has changed since the page was made. `cells` are (place, name, theirs, mine) of all that differs."""

    line: int
    theirs: Mend
    cells: tuple[tuple[int, str, str, str], ...]

    @property
    def sent(self) -> bool:
        """Whether the row was sent again meanwhile: then it cannot be changed any more."""
        return self.theirs.delivery is not None


@dataclass
class Saved:
    """What became of a form: new versions by line, places that differ from the file now, conflicts, and why cells were refused."""

    versions: dict[int, int] = field(default_factory=dict)
    changed: dict[int, list[int]] = field(default_factory=dict)
    conflicts: list[Conflict] = field(default_factory=list)
    wrong: dict[tuple[int, int], str] = field(default_factory=dict)
    cells: dict[tuple[int, int], str] = field(default_factory=dict)


async def save(visit: Visit) -> Response:
    """POST /jobs/{job}/mend/save: the changed cells of some rows."""
    fields = await visit.fields()
    return await asyncio.to_thread(_save, visit, fields)


async def apply(visit: Visit) -> Response:
    """POST /jobs/{job}/mend/apply: the suggestion for all rows of a group that nobody has changed."""
    fields = await visit.fields()
    return await asyncio.to_thread(_apply, visit, fields)


def _save(visit: Visit, fields: Fields) -> Response:
    mending = mending_of(visit)
    done = _saved(mending, fields)
    if visit.is_fragment:
        return _as_json(mending, done, fields)
    query = {name: fields.one(name) for name in ("show", "group", "page")}
    if not done.conflicts and not done.wrong:
        words = f"{len(done.versions):,} {'row' if len(done.versions) == 1 else 'rows'} saved." if done.versions else "Nothing was changed."
        return see_other(_back(mending, query), words)
    facts = facts_of(mending, query, Typed(done.cells, done.wrong))
    status, common = (409 if done.conflicts else 400), _common(mending, fields)
    return page(visit, "mending/grid", status=status, conflicts=done.conflicts, common=common, **facts)


def _back(mending: Mending, query: Mapping[str, str]) -> str:
    show = chosen_show(query["show"])
    number = int(query["page"]) if query["page"].isdecimal() and len(query["page"]) < 9 else 1
    group = mending.sheet.group(query["group"])
    return address_of(mending.job.id, show, group.id if group else "", number)


def _saved(mending: Mending, fields: Fields) -> Saved:
    """Books what the form changes, row by row: each is saved or told by itself."""
    versions = {line: version for line, version in (_numbers(one) for one in fields.starting("v-").items()) if line}
    if len(versions) > _MOST_ROWS:
        raise Refusal(413, f"at most {_MOST_ROWS} rows are saved at once")
    given, bases = _cells(fields.starting("c-")), _cells(fields.starting("o-"))
    done = Saved()
    came_in = came_in_among(mending, sorted(versions)) or {}
    taken = _taken(fields.one("take"))
    with mending.visit.gate.ledger.read() as conn:
        known = mends.of_lines(conn, mending.job.id, sorted(versions))
    for row in mending.sheet.rows(sorted(versions)):
        if row.cells is None or row.line in came_in:
            continue
        sent = {place: plain(cell.text) for place, cell in enumerate(row.cells) if cell.open}
        shown = sent | bases.get(row.line, {})
        mine = {at: text for at, text in given.get(row.line, {}).items() if at in sent and text != shown[at]}
        if taken and taken[0] == row.line and taken[1] in sent:
            near = next((f.suggestion for f in row.findings if f.place == taken[1] and f.suggestion), None)
            mine |= {taken[1]: near} if near is not None and near != shown[taken[1]] else {}
        if mine:
            _save_row(mending, row.line, versions[row.line], sent, mine, known.get(row.line), done)
    return done


def _save_row(
    mending: Mending, line: int, version: int, sent: Mapping[int, str], mine: Mapping[int, str], before: Mend | None, done: Saved
) -> None:
    from import_pipeline.reporting.mended_rows import check_text

    good: dict[int, str] = {}
    for place, text in mine.items():
        try:
            check_text(mending.job_lines.parsed, text)
            good[place] = text
        except PermanentFailure as failure:
            done.wrong[line, place] = str(failure)
            done.cells[line, place] = text
    if not good:
        return
    if (before.version if before else 0) == version:
        cells = {place: text for place, text in {**(before.cells if before else {}), **good}.items() if text != sent.get(place)}
        now, visit = mending.visit.gate.clock.now(), mending.visit
        with visit.gate.ledger.begin() as conn:
            new = mends.save(conn, visit.account.name, mending.job.id, line, cells, version=version, by=visit.user.name, now=now)
        if new is not None:
            done.versions[line], done.changed[line] = new, sorted(cells)
            return
    with mending.visit.gate.ledger.read() as conn:
        theirs = mends.of_lines(conn, mending.job.id, [line]).get(line)
    if theirs is not None:
        done.conflicts.append(_conflict(mending, line, sent, good, theirs))
        done.cells |= {(line, place): text for place, text in good.items()}


def _conflict(mending: Mending, line: int, sent: Mapping[int, str], mine: Mapping[int, str], theirs: Mend) -> Conflict:
    header = mending.job_lines.parsed.header
    places = sorted({*mine, *theirs.cells})
    cells = ((at, header[at], theirs.cells.get(at, sent.get(at, "")), mine.get(at, theirs.cells.get(at, ""))) for at in places)
    return Conflict(line, theirs, tuple(cells))


def _as_json(mending: Mending, done: Saved, fields: Fields) -> Response:
    """What desk's script makes of it: new versions, and the conflicts as pieces of the page."""
    with mending.visit.gate.ledger.read() as conn:
        changed = mends.count_changed(conn, mending.job.id)
    piece = environment().get_template("mending/conflict.html.j2")
    body: dict[str, Any] = {
        "versions": done.versions,
        "changed": done.changed,
        "wrong": {f"{line}-{place}": words for (line, place), words in done.wrong.items()},
        "conflicts": {one.line: piece.module.conflict(one, _common(mending, fields)) for one in done.conflicts},  # type: ignore[attr-defined]
        "count": changed,
    }
    return Response(json.dumps(body), headers=HEADERS, media_type="application/json")


def _common(mending: Mending, fields: Fields) -> dict[str, Any]:
    """What a conflict's form needs: the macro is used in pages and in answers to the script."""
    query = {name: fields.one(name) for name in ("show", "group", "page")}
    zone = ZoneInfo(mending.account.timezone)

    def at(moment: datetime) -> str:
        return moment.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S")

    own = {"csrf": mending.visit.csrf, "job": mending.job.id, "user": mending.visit.user.name}
    return query | own | {"at": at, "address": PATH + _back(mending, query)}


def _apply(visit: Visit, fields: Fields) -> Response:
    mending = mending_of(visit)
    group = mending.sheet.group(fields.one("group"))
    place = mending.sheet.place_of(group.column) if group else None
    if group is None or group.suggestion is None or place is None:
        raise Refusal(409, "these rows have other errors by now; load the page again")
    mending.came_in(must=True)
    lines = lines_of(mending, "open", group.id)
    done = 0
    for start in range(0, len(lines), BLOCK):
        some = lines[start : start + BLOCK]
        now = visit.gate.clock.now()
        with visit.gate.ledger.begin() as conn:
            done += mends.set_cell(conn, visit.account.name, mending.job.id, some, place, group.suggestion, by=visit.user.name, now=now)
    rest = len(lines) - done
    words = f"{done:,} {'row has' if done == 1 else 'rows have'} {group.suggestion!r} now."
    words += f" {rest:,} had been changed before and were left alone." if rest else ""
    return see_other(address_of(mending.job.id, "open", group.id, 1), words)


def _numbers(pair: tuple[str, str]) -> tuple[int, int]:
    """(line, version); (0, 0) for what is none."""
    line, version = pair
    right = all(text.isascii() and text.isdecimal() and len(text) < 16 for text in pair)
    return (int(line), int(version)) if right else (0, 0)


def _cells(found: Mapping[str, str]) -> Cells:
    """line → place → text, of names such as `12-3`."""
    cells: Cells = {}
    for name, text in found.items():
        key = _taken(name)
        if key:
            cells.setdefault(key[0], {})[key[1]] = plain(text)
    return cells


def _taken(name: str) -> tuple[int, int] | None:
    line, _, place = name.partition("-")
    right = all(text.isascii() and text.isdecimal() and len(text) < 16 for text in (line, place))
    return (int(line), int(place)) if right else None
