"""A plan for the terminal: counts, the first changed records, the first groups of refused rows.

Belongs here: rich's tables of a plan. Does not belong here: the page (page.py), the commands that print this (cli/).
"""

from collections.abc import Sequence
from pathlib import Path
from typing import TYPE_CHECKING

import polars as pl

from import_pipeline.model.plan import PlanSummary
from import_pipeline.planning.sections import Entry, FieldChange, changed, numbers

if TYPE_CHECKING:
    from rich.console import RenderableType
    from rich.table import Table
    from rich.text import Text

MOST_CHANGED = 10
MOST_GROUPS = 5
_STYLES = {"create": "green", "update": "blue", "park": "yellow", "unpark": "yellow", "refuse": "red", "delete": "magenta", "move": "cyan"}


def plan_view(summary: PlanSummary, parquet: Path, sentences: Sequence[str] = (), more: str = "") -> "RenderableType":
    """What `plan` prints. `parquet` is the plan's machine file (write_plan), `sentences` tell the groups of refused rows; `more` is a
    last line, such as where the page lies."""
    from rich.console import Group
    from rich.text import Text

    parts: list[RenderableType] = [Text("Nothing has been written. This would happen:", style="bold"), _counts(summary)]
    entries = changed(pl.scan_parquet(parquet), MOST_CHANGED)
    if entries:
        total = summary.actions.get("update", 0)
        of_how_many = f", the first {len(entries):,} of {total:,}" if total > len(entries) else ""
        parts += [Text(""), Text(f"Changed records{of_how_many}", style="bold"), _changes(entries)]
    if sentences:
        parts += [Text(""), *(Text("• " + _plain(sentence)) for sentence in sentences[:MOST_GROUPS])]
    if len(sentences) > MOST_GROUPS:
        parts.append(Text(f"• and {len(sentences) - MOST_GROUPS:,} further groups", style="dim"))
    if summary.changes_nothing:
        parts += [Text(""), Text("Applying this plan would change nothing.")]
    if more:
        parts += [Text(""), Text(_plain(more))]
    return Group(*parts)


def _counts(summary: PlanSummary) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table(show_header=False)
    table.add_column(justify="right")
    table.add_column()
    for number in numbers(summary):
        table.add_row(Text(f"{number.value:,}", style=_STYLES.get(number.key, "") if number.value else "dim"), number.label)
    return table


def _changes(entries: Sequence[Entry]) -> "Table":
    from rich.table import Table
    from rich.text import Text

    table = Table()
    for name in ("record", "field", "is", "would be"):
        table.add_column(name, overflow="fold")
    for entry in entries:
        names = dict.fromkeys(name for name in (entry.label, entry.external_id) if name)
        name = _plain(" · ".join(names) or entry.record)
        for number, field in enumerate(entry.fields):
            table.add_row(Text("" if number else name), Text(_plain(field.column)), *_values(field), end_section=field is entry.fields[-1])
    return table


def _values(field: FieldChange) -> "tuple[Text, Text]":
    """Old and new; struck through and bold, so that they differ without colour too."""
    from rich.text import Text

    old = Text(_plain(field.old), style="red strike") if field.old is not None else Text("empty", style="dim italic")
    new = Text(_plain(field.new), style="green bold") if field.new is not None else Text("empty", style="dim italic")
    if field.note:
        new.append(f" ({_plain(field.note)})", style="dim not bold")
    return old, new


def _plain(text: object) -> str:
    """Text from outside as a terminal may show it: control characters are written out."""
    return "".join(c if c.isprintable() else c.encode("unicode_escape").decode() for c in str(text))
