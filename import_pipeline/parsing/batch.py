"""What a reader of files hands on: batches of rows with their lines, what was found out about the file, and the way to refuse it.

Belongs here: types that all readers (CSV, JSONL, XLSX) share. Does not belong here: reading, and writing parts (parts.py).
"""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import date
from pathlib import Path
from typing import Any, Protocol

import numpy as np
import polars as pl
from numpy.typing import NDArray

from import_pipeline.model.format import Format
from import_pipeline.model.job import Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import CODES, FileFault, Notice
from import_pipeline.store.staging import END, ERRORS, JOB, LINE

Ints = NDArray[np.int64]
Flags = NDArray[np.bool_]

FINDINGS: dict[str, pl.DataType] = {name: kind for name, kind in ERRORS.items() if name != JOB}
"""Columns of row errors inside a file, where the job is not yet said."""
MANY_BAD = 20
"""A file is refused as `mostly_bad` when more records than this, and more than half of all, cannot be read."""


class Refused(Exception):
    """The file cannot be trusted as a whole; nothing of it is imported. Raised by readers, turned into ParsedFile.fault."""

    def __init__(self, code: str, message: str, **more: Any) -> None:
        self.fault = FileFault(code=code, message=message, **more)
        super().__init__(message)


class BadLine(Exception):
    """Why a line of JSON gives no row: a code and what more the row error says."""

    def __init__(self, code: str, **more: str | None) -> None:
        self.code, self.more = code, more
        super().__init__(code)


@dataclass(frozen=True)
class Task:
    """One file to read: its job, object type, format (or None) and a folder for temporary files."""

    job: Job
    object_type: ObjectType
    format: Format | None
    folder: Path


@dataclass
class Found:
    """What is known about a file before its rows are read. `line_end` holds the characters themselves."""

    encoding: str | None = None
    delimiter: str | None = None
    quote: str | None = None
    line_end: str | None = None
    header_line: int | None = None
    header: tuple[str, ...] = ()
    keys: tuple[str | None, ...] = ()
    notices: list[Notice] = field(default_factory=list)

    def columns(self) -> dict[str, int]:
        """Keys of the columns that are imported, with their position in the header."""
        return {key: i for i, key in enumerate(self.keys) if key is not None}


@dataclass
class Batch:
    """Rows and row errors of a stretch of one file.

    `frame` has one String column per imported key; `line`, `end` and `pos` run parallel to it (1-based lines, 0-based positions).
    `refused` counts the records that became errors, which may be fewer than `errors.height`: a row may have several.
    """

    frame: pl.DataFrame
    line: Ints
    end: Ints
    pos: Ints
    errors: pl.DataFrame
    refused: int
    scientific: bool = True
    """False when no cell of the batch can hold a number such as 1E+15: saves looking."""
    numeric: dict[str, pl.Series] = field(default_factory=dict)
    """For sheets: per column which cells are numbers, not text."""
    date_base: date | None = None
    """For sheets: the day of serial number 0."""
    links: pl.DataFrame | None = None
    """Which refused rows of earlier jobs the records of the batch mend, refused records included (links.FOUND); None without such cells."""

    @property
    def lines(self) -> pl.DataFrame:
        """First and last line of each row, in the columns of row errors."""
        return pl.DataFrame({LINE: self.line, END: self.end}, schema={LINE: pl.Int64, END: pl.Int64})


class Reader(Protocol):
    """One opened file. Making it finds the header; `batches` then gives its rows in order and may raise Refused at any time."""

    found: Found

    def batches(self) -> Iterator[Batch]:
        """All rows and row errors of the file in the order of their lines."""

    def close(self) -> None:
        """Gives back what the reader holds (a transcoded copy, an open workbook)."""


def finding(line: int, code: str, **more: str | None) -> dict[str, Any]:
    """One row error or warning as a dict of FINDINGS; a refused record costs one line."""
    return {LINE: line, END: line, "code": code, "severity": CODES[code].severity, **more}


def findings(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Findings as a frame; columns not given are null."""
    return pl.DataFrame({name: [row.get(name) for row in rows] for name in FINDINGS}, schema=FINDINGS)


def same_findings(lines: Ints, code: str, *, value: pl.Series | None = None, expected: str | None = None) -> pl.DataFrame:
    """The same finding on many lines, without a loop over them."""
    columns = {
        LINE: pl.Series(lines, dtype=pl.Int64),
        END: pl.Series(lines, dtype=pl.Int64),
        "value": pl.Series([None], dtype=pl.String).new_from_index(0, len(lines)) if value is None else value.cast(pl.String),
    }
    constant = {"code": code, "severity": CODES[code].severity, "column": None, "expected": expected, "suggestion": None}
    return pl.DataFrame(columns).with_columns(pl.lit(v, dtype=pl.String).alias(k) for k, v in constant.items()).select(list(FINDINGS))


def positions(good: Ints, refused: Ints, base: int) -> Ints:
    """0-based positions of the good records among all: `base` records came before; both arguments are first lines in order."""
    return base + np.arange(len(good), dtype=np.int64) + np.searchsorted(refused, good)


def check_mostly_bad(rows: int, refused: int, first: str) -> None:
    """Refuses a file of which more than half, and more than MANY_BAD records cannot be read."""
    if refused > MANY_BAD and refused * 2 > rows:
        raise Refused(
            "mostly_bad", f"{refused} of {rows} rows cannot be read (first: {first}); is the delimiter or the quote a different one?"
        )
