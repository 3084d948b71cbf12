"""What a plan's page shows: its numbers, and of every kind of row the first ones, grouped as people read them.

Belongs here: choosing and grouping rows for people, and the words above them. Does not belong here: HTML (page.py, plan.html.j2), the
terminal (screen.py), counting (summary.py).
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from itertools import groupby
from typing import Literal

import polars as pl

from import_pipeline.model.job import Job
from import_pipeline.model.plan import PlanSummary
from import_pipeline.planning.shape import COLUMNS
from import_pipeline.reporting.groups import Groups
from import_pipeline.reporting.messages import one_line
from import_pipeline.reporting.names import readable

MOST_ENTRIES = 500
MOST_CREATED = 200
"""Created records that a page shows: one looks like the other."""
FIRST_LINES = 5
VALUE_CHARS = 300
"""Characters of a value that is shown; the CSV file has all of it."""
LOST = "loses its parent"
Look = Literal["changes", "records", "kept", "refused", "waiting", "shifts"]


@dataclass(frozen=True)
class PageFacts:
    """What a page tells beside the rows. `how` is the command that applies the plan, `csv` the name of the file with all rows."""

    job: Job
    summary: PlanSummary
    groups: Groups
    how: str
    csv: str
    account_title: str = ""
    reason: str | None = None


@dataclass(frozen=True)
class Number:
    """One big number: how many, of what, and its share of the bar in per cent. `key` names its style."""

    key: str
    label: str
    value: int
    share: float = 0.0


@dataclass(frozen=True)
class FieldChange:
    """One field of a record: what it holds and what it would hold, None for nothing."""

    column: str | None
    old: str | None
    new: str | None
    note: str | None


@dataclass(frozen=True)
class Entry:
    """One record, or one row that is refused; `lines` of the file and `rows` are those of a group."""

    type: str
    record: str | None
    external_id: str | None
    label: str | None
    line: int | None
    fields: tuple[FieldChange, ...] = ()
    lines: tuple[int, ...] = ()
    rows: int = 1


@dataclass(frozen=True)
class Section:
    """The first entries of one kind; `total` counts all of them. `look` says how they are laid out."""

    key: str
    look: Look
    title: str
    words: str
    entries: Sequence[Entry]
    total: int

    @property
    def more(self) -> int:
        """How many entries stand in the CSV file only."""
        return self.total - len(self.entries)


@dataclass(frozen=True)
class View:
    """All that a page shows."""

    facts: PageFacts
    title: str
    name: str
    numbers: tuple[Number, ...]
    sections: tuple[Section, ...]
    refusals: tuple[str, ...]
    warnings: tuple[str, ...]

    @property
    def several_types(self) -> bool:
        """Whether entries have to say their type."""
        return len(self.facts.summary.types) > 1


_IMPORT = (("create", "created"), ("update", "changed"), ("park", "waiting for their parent"))
_MOVE = ("move", "records in another territory")
_UNDO = (
    ("delete", "removed"),
    ("update", "changed back"),
    ("create", "restored"),
    ("keep", "kept as they are"),
    ("park", "waiting again"),
    ("unpark", "waiting no longer"),
    _MOVE,
)


def gather(facts: PageFacts, rows: pl.LazyFrame) -> View:
    """The view of a plan: `rows` are those of the job (columns of shape.COLUMNS)."""
    name, undo = readable(facts.job.name), facts.summary.kind == "undo"
    title = f"Plan of the undo of job {facts.summary.undo_of} ({name})" if undo else f"Plan of {name}"
    sections = _undo_sections(facts, rows) if undo else _import_sections(facts, rows)
    sentences = [(g["severity"], str(g["sentence"])) for g in facts.groups.frame.iter_rows(named=True)]
    return View(
        facts=facts,
        title=f"{title}: nothing has been written",
        name=name,
        numbers=numbers(facts.summary),
        sections=tuple(section for section in sections if section.total),
        refusals=tuple(sentence for severity, sentence in sentences if severity == "error"),
        warnings=tuple(sentence for severity, sentence in sentences if severity == "warning"),
    )


def numbers(summary: PlanSummary) -> tuple[Number, ...]:
    """The actions with their counts; those of an import always, those of an undo where there are any."""
    if summary.kind == "undo":
        found = [(key, label, summary.actions.get(key, 0)) for key, label in _UNDO]  # type: ignore[call-overload]
        found = [number for number in found if number[2]] or [("delete", "removed", 0)]
    else:
        found = [(key, label, summary.actions.get(key, 0)) for key, label in _IMPORT]  # type: ignore[call-overload]
        found += [("delete", "deleted", summary.actions["delete"])] if "delete" in summary.actions else []
        found += [("unchanged", "unchanged", summary.unchanged), ("refuse", "refused", summary.refused)]
        found += [(*_MOVE, summary.actions["move"])] if "move" in summary.actions else []
    whole = sum(value for _, _, value in found) or 1
    return tuple(Number(key, label, value, round(100 * value / whole, 3)) for key, label, value in found)


def _import_sections(facts: PageFacts, rows: pl.LazyFrame) -> Iterator[Section]:
    actions, there = facts.summary.actions, _there(rows)
    if "update" in there:
        words = "Each record with the fields that would change; a blank cell of the file changes nothing."
        yield Section("update", "changes", "Changed records", words, changed(rows), actions.get("update", 0))
    if "delete" in there:
        found = _entries(rows.filter(pl.col("action") == "delete").head(MOST_ENTRIES))
        yield Section("delete", "records", "Deleted records", "They go, with their history kept.", found, there["delete"])
    if "refuse" in there:
        words = "Row by row, the first lines with their errors; a line with several errors stands here several times."
        found = _entries(rows.filter(pl.col("action") == "refuse").head(MOST_ENTRIES))
        yield Section("refuse", "refused", "Refused rows", words, found, there["refuse"])
    if "park" in there:
        words = "They would be kept aside and imported when the parent comes."
        yield _waiting(rows, "park", "Rows that wait for their parent", words)
    yield from _moves(rows, there)
    if "create" in there:
        found = _entries(rows.filter(pl.col("action") == "create").head(MOST_CREATED))
        yield Section("create", "records", "Created records", "With the record ids they would get.", found, there["create"])


def _undo_sections(facts: PageFacts, rows: pl.LazyFrame) -> Iterator[Section]:
    actions, there = facts.summary.actions, _there(rows)

    def first(action: str) -> list[Entry]:
        return _entries(rows.filter(pl.col("action") == action).head(MOST_ENTRIES)) if action in there else []

    words = "What made them is undone, and nobody has changed them since."
    yield Section("delete", "records", "Records to remove", words, first("delete"), there.get("delete", 0))
    if "update" in there:
        lost = rows.filter((pl.col("action") == "update") & (pl.col("note") == LOST))
        own = rows.filter((pl.col("action") == "update") & (pl.col("note").ne_missing(LOST)))
        words = "Each record with the fields that go back to what they held before."
        yield Section("update", "changes", "Values to restore", words, _by_record(own), _records(own))
        words = "Their parent would be removed. They stay, without a parent."
        yield Section("lost", "records", "Records that lose their parent", words, _entries(lost.head(MOST_ENTRIES)), _count(lost))
    words = "They were removed and come back under their own record ids."
    yield Section("restore", "records", "Records to restore", words, first("create"), there.get("create", 0))
    if "keep" in there:
        kept = _by_record(rows.filter(pl.col("action") == "keep"))
        yield Section("keep", "kept", "What stays as it is", "With the reason of each.", kept, actions.get("keep", 0))
    if "park" in there:
        yield _waiting(rows, "park", "Rows that wait again", "The parent they came in with would be gone.")
    if "unpark" in there:
        words = "They came with an import that is undone and are laid aside with it, or their record comes back."
        yield _waiting(rows, "unpark", "Rows that wait no longer", words)
    yield from _moves(rows, there)


def _moves(rows: pl.LazyFrame, there: Mapping[str, int]) -> Iterator[Section]:
    """Records that would lie in another territory: first how many from where to where, then which (acceptance B-14)."""
    if "move" not in there:
        return
    words = "Their address stays; the territories around it change."
    yield replace(_waiting(rows, "move", "From territory to territory", words), look="shifts")
    mine = rows.filter(pl.col("action") == "move")
    yield Section("moves", "changes", "Records in another territory", "With where they lie.", _by_record(mine), there["move"])


def _there(rows: pl.LazyFrame) -> dict[str, int]:
    """How many rows each action has; only actions that there are."""
    return dict(rows.group_by("action").agg(pl.len()).collect(engine="streaming").iter_rows())


def changed(rows: pl.LazyFrame, most: int = MOST_ENTRIES) -> list[Entry]:
    """The first records that would change, each with its fields in the order of the type's columns."""
    return _by_record(rows.filter(pl.col("action") == "update"), most)


def _by_record(rows: pl.LazyFrame, most: int = MOST_ENTRIES) -> list[Entry]:
    """The first records with all their rows; the rows of one record follow each other."""
    begins = pl.col("record").ne_missing(pl.col("record").shift())
    found = _shown(rows.with_columns(number=begins.cum_sum()).filter(pl.col("number") <= most).drop("number"))
    return [_entry(list(group)) for _, group in groupby(found, key=lambda row: (row["type"], row["record"]))]


def _entries(rows: pl.LazyFrame) -> list[Entry]:
    return [_entry([row]) for row in _shown(rows)]


def _shown(rows: pl.LazyFrame) -> list[dict[str, str | None]]:
    """The rows as dicts, every text in one line of bounded length."""
    texts = [one_line(pl.col(name), VALUE_CHARS).alias(name) for name, kind in COLUMNS.items() if kind == pl.String()]
    return rows.with_columns(texts).collect(engine="streaming").to_dicts()


def _entry(rows: list[dict[str, str | None]]) -> Entry:
    head = rows[0]
    fields = tuple(FieldChange(row["column"], row["old"], row["new"], row["note"]) for row in rows)
    line = head["line"]
    return Entry(str(head["type"]), head["record"], head["external_id"], head["label"], int(line) if line is not None else None, fields)


def _waiting(rows: pl.LazyFrame, action: str, title: str, words: str) -> Section:
    """Waiting rows by the parent they name: most rows first."""
    mine = rows.filter(pl.col("action") == action)
    grouped = mine.group_by("type", "note").agg(rows=pl.len(), lines=pl.col("line").sort().head(FIRST_LINES))
    first = grouped.sort("rows", pl.col("lines").list.first(), "type", "note", descending=[True, False, False, False]).collect()
    note = one_line(pl.col("note"), VALUE_CHARS)
    entries = [
        Entry(r["type"], None, None, r["note"], None, lines=tuple(n for n in r["lines"] if n is not None), rows=r["rows"])
        for r in first.head(MOST_ENTRIES).with_columns(note).to_dicts()
    ]
    return Section(action, "waiting", title, words, entries, first.height)


def _count(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.len()).collect(engine="streaming").item())


def _records(rows: pl.LazyFrame) -> int:
    return int(rows.select(pl.col("record").ne_missing(pl.col("record").shift()).sum()).collect().item())
