"""The table of refused rows as a page shows it: which rows, their cells with what was changed, what is wrong with each.

Belongs here: choosing the rows of a page and preparing them for the template. Does not belong here: finding the rows (work.py), saving
(saving.py), sending (sending.py). Everything here blocks.
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any, Literal

from import_pipeline.gateway.http.desk.mending.work import Again, Mending, Sending
from import_pipeline.ledger import mends
from import_pipeline.ledger.mends import Mend
from import_pipeline.model.columns import Column

ROWS = 50
"""Rows of one page, fewer where they have many cells."""
_CELLS = 2_000
"""Cells of one page: a browser stays quick, and a page without scripts sends them all at once."""
_MOST_CHOICES = 300
Show = Literal["open", "changed", "sent", "all"]
SHOWN: dict[Show, str] = {"open": "Still to mend", "changed": "Changed, not sent", "sent": "Sent again", "all": "All failed rows"}
RowState = Literal["open", "changed", "under_way", "came_in", "again", "waits", "unfinished", "unknown"]


@dataclass(frozen=True)
class Typed:
    """What somebody has typed and what could not be saved: it is shown again, with the reason."""

    cells: Mapping[tuple[int, int], str] = field(default_factory=dict)
    wrong: Mapping[tuple[int, int], str] = field(default_factory=dict)


@dataclass(frozen=True)
class CellView:
    """One cell. `base` is what is saved, `sent` the text of the file; `typed` is shown instead of the base when it could not be saved."""

    place: int
    sent: str
    base: str
    typed: str
    open: bool
    errors: tuple[tuple[str, str | None], ...]
    wrong: str

    @property
    def changed(self) -> bool:
        """Whether somebody has saved another text than the file has."""
        return self.base != plain(self.sent)

    @property
    def lines(self) -> int:
        """How many lines the text has."""
        return max(self.typed.count("\n"), self.base.count("\n")) + 1


@dataclass(frozen=True)
class RowView:
    """One row of the page. `cells` is None for a row that could not be taken apart: its text is shown."""

    line: int
    version: int
    state: RowState
    by: str
    job: str | None
    again: Again | None
    cells: tuple[CellView, ...] | None
    errors: tuple[str, ...]
    text: str

    @property
    def open(self) -> bool:
        """Whether its cells may be changed."""
        return self.cells is not None and self.state in ("open", "changed")


@dataclass(frozen=True)
class Head:
    """A column of the table: its place and name in the file, and what may be chosen in it."""

    place: int
    name: str
    choices: tuple[str, ...]


def plain(text: str) -> str:
    """A text as forms carry it: with line feeds only."""
    return text.replace("\r\n", "\n").replace("\r", "\n")


def chosen_show(value: str) -> Show:
    """The rows that were asked for; those still to mend when the address names none."""
    return next((known for known in SHOWN if known == value), "open")


def facts_of(mending: Mending, query: Mapping[str, str], typed: Typed | None = None) -> dict[str, Any]:
    """Everything that the page shows."""
    from import_pipeline.reporting.mended_rows import shown_places

    show, group = chosen_show(query.get("show", "")), mending.sheet.group(query.get("group", ""))
    came_in = mending.came_in()
    lines = lines_of(mending, show, group.id if group else "")
    heads = [_head(mending, place) for place in shown_places(mending.job_lines.parsed)]
    size = max(5, min(ROWS, _CELLS // max(len(heads), 1)))
    pages = max(1, -(-len(lines) // size))
    asked = query.get("page", "")
    page = min(max(int(asked) if asked.isdecimal() and len(asked) < 9 else 1, 1), pages)
    some = lines[(page - 1) * size : page * size]
    rows = rows_of(mending, some, [head.place for head in heads], typed or Typed())
    with mending.visit.gate.ledger.read() as conn:
        changed = mends.count_changed(conn, mending.job.id)
    counts = mending.sheet.count_left(mending.gone)
    sent = sum(one.rows for one in mending.sendings)
    return {
        "job": mending.job,
        "kind": mending.job.kind,
        "heads": heads,
        "names": {head.place: head.name for head in heads},
        "rows": rows,
        "found": len(lines),
        "page_number": page,
        "pages": pages,
        "show": show,
        "shown": SHOWN,
        "group": group,
        "groups": [(one, counts[one.id]) for one in mending.sheet.groups if counts[one.id] or one == group],
        "places": {one.id: mending.sheet.place_of(one.column) for one in mending.sheet.groups},
        "changed": changed,
        "sent": sent,
        "left": int((~mending.sheet.lines().is_in(mending.gone.implode())).sum()),
        "sendings": [{"one": one, "state": state_text(one)} for one in reversed(mending.sendings)],
        "uncertain": came_in is None,
        "address": address_of(mending.job.id, show, group.id if group else "", None),
    }


def state_text(one: Sending) -> tuple[str, str]:
    """(kind of badge, words) of rows that were sent again."""
    from import_pipeline.gateway.http.desk.states import state_of

    if one.job is not None:
        told = state_of(one.job)
        return told.kind, told.text
    return ("bad", "Error") if one.progress.phase == "failed" else ("", "Waiting")


def address_of(job: str, show: str, group: str, page: int | None) -> str:
    """The page with these choices; without a page it ends with «page=»."""
    return f"/jobs/{job}/mend?show={show}&group={group}&page={'' if page is None else page}"


def lines_of(mending: Mending, show: Show, group: str) -> list[int]:
    """The lines of all rows that are shown, over all pages, ascending. Work on whole columns: there may be hundreds of thousands."""
    import polars as pl

    lines = mending.sheet.lines(group)
    if show == "all":
        return lines.to_list()
    if show == "changed":
        with mending.visit.gate.ledger.read() as conn:
            wanted = pl.Series(mends.changed_lines(conn, mending.job.id), dtype=pl.Int64)
        return lines.filter(lines.is_in(wanted.implode())).to_list()
    here = lines.is_in(mending.gone.implode())
    return lines.filter(here if show == "sent" else ~here).to_list()


def rows_of(mending: Mending, lines: Sequence[int], places: Sequence[int], typed: Typed) -> list[RowView]:
    """These rows with their changes and states."""
    came_in = came_in_among(mending, lines)
    with mending.visit.gate.ledger.read() as conn:
        known = mends.of_lines(conn, mending.job.id, lines)
    again = mending.refused_again(lines)
    by_delivery = {one.delivery: one for one in mending.sendings}
    label = {place: mending.job_lines.parsed.header[place] for place in places}
    found = []
    for row in mending.sheet.rows(lines):
        mend = known.get(row.line)
        told = [(f.place if f.place in label and row.cells else None, f.sentence, f.suggestion) for f in row.findings]
        cells = None
        if row.cells is not None:
            cells = tuple(_cell(row.line, place, label[place], row.cells[place], mend, told, typed) for place in places)
        state, job = _state(row.line, mend, came_in, again, by_delivery)
        whole = tuple(dict.fromkeys(sentence for place, sentence, _ in told if place is None))
        version, by = (mend.version, mend.user) if mend else (0, "")
        found.append(RowView(row.line, version, state, by, job, again.get(row.line), cells, whole, row.text))
    return found


def came_in_among(mending: Mending, lines: Sequence[int]) -> dict[int, str] | None:
    """Those of these rows that came in since, with the job that brought each in; None while nobody can tell."""
    import polars as pl

    found = mending.came_in()
    return None if found is None else dict(found.filter(pl.col("line").is_in(list(lines))).iter_rows())


def _cell(line: int, place: int, label: str, cell: Any, mend: Mend | None, told: list[Any], typed: Typed) -> CellView:
    base = mend.cells.get(place, plain(cell.text)) if mend else plain(cell.text)
    mine = [(sentence.removeprefix(f"{label}: "), suggestion) for at, sentence, suggestion in told if at == place]
    key = (line, place)
    return CellView(place, cell.text, base, typed.cells.get(key, base), cell.open, tuple(dict.fromkeys(mine)), typed.wrong.get(key, ""))


def _state(
    line: int, mend: Mend | None, came_in: Mapping[int, str] | None, again: Mapping[int, Again], by_delivery: Mapping[str, Sending]
) -> tuple[RowState, str | None]:
    if came_in and line in came_in:
        return "came_in", came_in[line]
    sending = by_delivery.get(mend.delivery or "") if mend else None
    if mend is None or sending is None:
        return ("changed" if mend and mend.cells else "open"), None
    job = sending.job.id if sending.job else None
    if line in again:
        return "again", again[line].job
    if not sending.progress.ended:
        return "under_way", job
    if sending.job is not None and sending.job.state == "failed" and sending.job.counts.refused == 0:
        return "unfinished", job
    return ("unknown" if came_in is None else "waits"), job


def _head(mending: Mending, place: int) -> Head:
    parsed = mending.job_lines.parsed
    key = parsed.keys[place] if place < len(parsed.keys) else None
    column = next((c for c in mending.row_type.columns if c.key == key), None)
    return Head(place, parsed.header[place], _choices(mending, column) if column else ())


def _choices(mending: Mending, column: Column) -> tuple[str, ...]:
    """What may be chosen in a column; nothing where any text, or far too many, would do."""
    kinds = mending.row_type
    of_role = {"stage": kinds.stage_names, "loss_reason": kinds.loss_reasons, "owner": kinds.owner.users if kinds.owner else ()}
    found = of_role.get(column.role, column.spec.choices)
    return found if len(found) <= _MOST_CHOICES else ()
