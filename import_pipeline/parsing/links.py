"""Rows that were sent again: finding in a row the job and line that it mends (acceptance B-1).

Belongs here: where a file has these cells, what is a well-formed link, cutting a row's text into its cells. Does not belong here:
whether the job exists (delivering/resubmitting.py), writing failed-rows files (reporting/failed_rows.py).

A failed-rows file names in `_import_job` and `_import_line` where each of its rows comes from. The two are found wherever they stand in
the header. A row that does not agree with the header (a cell is missing) came back with the reasons behind its own text; they are found
at its end as long as the header ends with them.
"""

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

import numpy as np
import polars as pl

from import_pipeline.model.columns import REASON_COLUMNS, reason_places
from import_pipeline.parsing.batch import Ints
from import_pipeline.store.staging import JOB, LINE, LINKS, POS

JOB_ID = r"^[a-z][a-z0-9]{7}$"
_LINE_NUMBER = r"^[1-9][0-9]{0,17}$"
CELLS = ("\0job", "\0line")
"""Keys of the two cells among the columns of a block; no field has such a name."""
FOUND: dict[str, pl.DataType] = {name: kind for name, kind in LINKS.items() if name != JOB}
"""Columns of links inside a file, where the job is not yet said."""


@dataclass(frozen=True)
class LinkPlaces:
    """Where the cells of a header of `width` cells stand that say which row of which job a row mends."""

    job: int
    line: int
    width: int
    at_end: bool
    """True when the header ends with all reason columns in their order, as our own failed-rows files do."""

    @cached_property
    def columns(self) -> dict[str, int]:
        """The two cells as columns of a block."""
        return dict(zip(CELLS, (self.job, self.line), strict=True))

    def of_cells(self, cells: Sequence[str]) -> tuple[str, str]:
        """Job and line of a row given cell by cell, as text; the row may be longer or shorter than the header."""
        if len(cells) != self.width and self.at_end:
            return (cells[-3], cells[-2]) if len(cells) >= len(REASON_COLUMNS) else ("", "")
        return tuple(cells[at] if at < len(cells) else "" for at in (self.job, self.line))  # type: ignore[return-value]

    def of_text(self, text: str, delimiter: str) -> tuple[str, str]:
        """Job and line of one line of CSV text that the careful reader has refused."""
        spans = cell_spans(text, delimiter)
        if len(spans) == self.width:
            return self.of_cells([_bare(text[a:b]) for a, b in spans])
        tail = reasons_at_end(text, delimiter) if self.at_end else None
        return (tail[1], tail[2]) if tail else ("", "")


class KeyedLinks:
    """The links of a file whose rows name their cells (JSON lines): gathered row by row, taken batch by batch."""

    def __init__(self) -> None:
        self._names: dict[str, str] = {}
        self._noted: list[tuple[int, str, str]] = []

    def learn(self, keys: Mapping[str, str | None]) -> None:
        """Names met for the first time, with the columns they mean."""
        for name, key in keys.items():
            reason = next(iter(reason_places((name,), (key,))), None)
            if reason in REASON_COLUMNS[:2]:
                self._names[name] = reason

    def note(self, line: int, cells: Mapping[str, object]) -> None:
        """Takes the link of the row on this line, if it has one."""
        if not self._names:
            return
        told = {reason: value for name, reason in self._names.items() if isinstance(value := cells.get(name), str)}
        if len(told) == 2:
            self._noted.append((line, told[REASON_COLUMNS[0]], told[REASON_COLUMNS[1]]))

    def take(self, good: Ints, refused: Ints, base: int) -> pl.DataFrame | None:
        """The links of a batch with these lines; `base` records came before it. None while no row has named a link's cells."""
        noted, self._noted = self._noted, []
        if not self._names:
            return None
        lines = numbers([line for line, _, _ in noted])
        pos = base + np.searchsorted(np.sort(np.concatenate((good, refused))), lines)
        return links(pos, lines, texts([job for _, job, _ in noted]), texts([number for _, _, number in noted]))


def link_places(header: Sequence[str], keys: Sequence[str | None]) -> LinkPlaces | None:
    """Where a file has its links, or None when its header has not both columns."""
    places = reason_places(header, keys)
    if REASON_COLUMNS[0] not in places or REASON_COLUMNS[1] not in places:
        return None
    width = len(header)
    last = [places.get(name) for name in REASON_COLUMNS]
    return LinkPlaces(places[REASON_COLUMNS[0]], places[REASON_COLUMNS[1]], width, last == [width - 3, width - 2, width - 1])


def links(pos: Ints, line: Ints, jobs: pl.Series, lines: pl.Series) -> pl.DataFrame:
    """The links of rows at these positions and lines, in columns FOUND; rows whose cells are blank or malformed have none."""
    given = pl.DataFrame({POS: pl.Series(pos, dtype=pl.Int64), LINE: pl.Series(line, dtype=pl.Int64), "of_job": jobs, "number": lines})
    trimmed = given.with_columns(pl.col("of_job", "number").str.strip_chars())
    whole = trimmed.filter(pl.col("of_job").str.contains(JOB_ID), pl.col("number").str.contains(_LINE_NUMBER))
    return whole.select(POS, LINE, "of_job", pl.col("number").cast(pl.Int64).alias("of_line"))


def texts(values: Sequence[str | None]) -> pl.Series:
    """Cells as a column."""
    return pl.Series(values, dtype=pl.String)


def joined(*found: pl.DataFrame) -> pl.DataFrame:
    """Links of the rows read and of those refused, in the order of the file."""
    return pl.concat(found).sort(POS)


def numbers(values: Sequence[int]) -> Ints:
    """Positions or lines as the readers keep them."""
    return np.array(values, dtype=np.int64)


def cell_spans(text: str, delimiter: str, quote: str = '"') -> list[tuple[int, int]]:
    """Where each cell of a record's text begins and ends, quotes included; one longer than the record has delimiters outside quotes.

    A cell that begins with a quote ends behind the closing one; a quote anywhere else is text, as for the careful reader.
    """
    cut, q = re.escape(delimiter), re.escape(quote)
    cell = re.compile(rf"{q}(?:[^{q}]++|{q}{q})*+{q}(?={cut}|\Z)|[^{cut}]*+")
    spans: list[tuple[int, int]] = []
    place = 0
    while found := cell.match(text, place):
        spans.append(found.span())
        place = found.end() + 1
        if found.end() >= len(text):
            break
    return spans


def reasons_at_end(text: str, delimiter: str, quote: str = '"') -> tuple[str, str, str] | None:
    """A line that ends with the three cells of a failed-rows file: (what stands before them, the job, the line); None without them."""
    cut, q = re.escape(delimiter), re.escape(quote)
    last = rf"(?:{q}(?:[^{q}]|{q}{q})*{q}|[^{cut}{q}]*)"
    found = re.search(rf"{cut}([a-z][a-z0-9]{{7}}){cut}([1-9][0-9]{{0,17}}){cut}{last}\Z", text)
    return (text[: found.start()], found[1], found[2]) if found else None


def _bare(cell: str) -> str:
    return cell[1:-1] if len(cell) > 1 and cell[0] == cell[-1] == '"' else cell
