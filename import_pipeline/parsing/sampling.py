"""The header and some rows of a file whose columns nobody knows yet, read by the same readers as an import.

Belongs here: which row looks like a header when no name in it is known, and which rows stand for the file. Does not belong here: what
a column means (suggesting/), reading rows (csv_reader.py, jsonl.py, xlsx.py).
"""

import re
import tempfile
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from import_pipeline.model.columns import HeaderMap
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.format import Format
from import_pipeline.model.job import FileKind, Job
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing import doctor
from import_pipeline.parsing.batch import Batch, Reader, Refused, Task
from import_pipeline.parsing.csv_reader import CsvReader
from import_pipeline.parsing.header import LOOKED_AT, MAX_COLUMNS, Mapper, candidates, first_records
from import_pipeline.parsing.jsonl import JsonlReader
from import_pipeline.parsing.lines import LINE_LIMIT, find_lines
from import_pipeline.parsing.xlsx import XlsxReader, check_bomb, head_rows, open_book, sheet_named

FIRST_ROWS, LATER_ROWS = 1_000, 250
"""Rows taken from the beginning of a file, and from each later stretch of it."""
LATER_STRETCHES = 4
"""Stretches of some megabytes that are looked at: a sample must not cost as much as the import."""
_MOST_KEYS = 500
"""Keys of JSON objects that are sampled."""
_VALUE = re.compile(r"[-+$€£(]*[0-9][0-9.,:/ )T%-]*Z?|[^@\s]+@[^@\s]+\.[^@\s]+")
"""What may stand in a row of data and hardly in a header: numbers, dates, phone numbers, e-mail addresses."""


@dataclass(frozen=True)
class Sample:
    """`header` as it stands in the file, and `values`: one String column per header cell, named by its position («0», «1», …)."""

    header: tuple[str, ...]
    values: pl.DataFrame
    header_line: int | None = None
    delimiter: str | None = None
    encoding: str | None = None


def read_sample(path: Path, kind: FileKind) -> Sample:
    """Reads one local file of rows (`csv`, `jsonl` or `xlsx`); a file smaller than the sample is read whole.

    Raises Refused when it cannot be read, when no row looks like a header, or when the header could never be imported.
    """
    with tempfile.TemporaryDirectory(prefix="import-pipeline-") as folder:
        if kind == "csv":
            reader, stated = _csv(path, Path(folder))
        elif kind == "xlsx":
            reader, stated = _xlsx(path, Path(folder))
        elif kind == "jsonl":
            reader, stated = JsonlReader(_task(path, kind, _MOST_KEYS, Path(folder)), _by_first_sight()), None
        else:
            raise Refused("unsupported_kind", f"{kind.upper()} files hold no rows to map")
        try:
            rows = _some_rows(reader)
        finally:
            reader.close()
    found = reader.found
    header = stated or found.header
    places = {key: place for place, key in enumerate(found.keys) if key is not None}
    columns = {str(place): rows[key] if key in rows.columns else _blank(rows.height) for key, place in places.items()}
    missing = {str(place): _blank(rows.height) for place in range(len(header)) if str(place) not in columns}
    values = pl.DataFrame({name: (columns | missing)[name] for name in map(str, range(len(header)))})
    return Sample(header, values, found.header_line, found.delimiter, found.encoding)


def _blank(rows: int) -> pl.Series:
    return pl.Series([None], dtype=pl.String).new_from_index(0, rows)


def _task(path: Path, kind: FileKind, columns: int, folder: Path, delimiter: str | None = None) -> Task:
    """The file as a task whose object type has one column per header cell. MultiChoice, so that lists in JSON become text."""
    fields = tuple(FieldSpec(name=f"c{i}", type="MultiChoice", choices=("any",)) for i in range(columns))
    object_type = ObjectType(name="the sample", fields=fields)
    format_ = Format(name="sample", object_type=object_type.name, columns={}, delimiter=delimiter)
    size = path.stat().st_size
    job = Job(
        id="sample",
        number=0,
        account="",
        object_type=object_type.name,
        file_id="",
        name=path.name,
        path=path,
        sha256="",
        size=size,
        kind=kind,
    )
    return Task(job, object_type, format_, folder)


def _by_place(header: Sequence[str]) -> Mapper:
    """Every cell of the header gets its place as column; other cells mean nothing. A cell that stands twice keeps its first place."""
    places: dict[str, int] = {}
    for place, cell in enumerate(header):
        places.setdefault(cell, place)

    def map_(cells: tuple[str, ...]) -> HeaderMap:
        if cells == tuple(header):
            return HeaderMap(cells, tuple(f"c{place}" for place in range(len(cells))))
        return HeaderMap(cells, tuple(f"c{places[cell]}" if cell in places else None for cell in cells))

    return map_


def _by_first_sight() -> Mapper:
    """The keys of JSON objects in the order in which they are met; what comes after very many is left out."""
    places: dict[str, int] = {}

    def map_(cells: tuple[str, ...]) -> HeaderMap:
        keys = [places.setdefault(cell, len(places)) for cell in cells]
        return HeaderMap(cells, tuple(f"c{place}" if place < _MOST_KEYS else None for place in keys))

    return map_


def _csv(path: Path, folder: Path) -> tuple[Reader, tuple[str, ...]]:
    text = doctor.prepare(path, folder / "head")
    with text.path.open("rb") as stream:
        stream.seek(text.start)
        head = stream.read(LINE_LIMIT + (1 << 16))
    lines = find_lines(head, final=len(head) < LINE_LIMIT + (1 << 16))
    best: tuple[float, tuple[str, ...], bytes] | None = None
    for delimiter in candidates(head):
        rows = [[cell.decode(errors="replace") for cell in record.cells] for record in first_records(head, lines, delimiter)]
        at = header_row(rows)
        if at is None:
            continue
        width = len(rows[at])
        score = sum(len(row) == width for row in rows) / len(rows) * (1 - 1 / (width + 1))
        if best is None or score > best[0]:
            best = score, tuple(rows[at]), delimiter
    if best is None:
        raise _no_header()
    _, header, delimiter = best
    _check_width(header)
    return CsvReader(_task(path, "csv", len(header), folder, delimiter.decode()), _by_place(header)), header


def _xlsx(path: Path, folder: Path) -> tuple[Reader, tuple[str, ...]]:
    check_bomb(path)
    book = open_book(path)
    for name in book.sheet_names:
        rows = [cells for _, cells in head_rows(sheet_named(book, name))]
        at = header_row(rows, ragged=True)
        if at is not None:
            header = tuple(rows[at])
            _check_width(header)
            return XlsxReader(_task(path, "xlsx", len(header), folder), _by_place(header)), header
    raise _no_header()


def header_row(rows: Sequence[Sequence[str]], *, ragged: bool = False) -> int | None:
    """Index of the first row that looks like a header: as wide as most rows, most of its cells filled, hardly a value among them.

    A header with a cell that has no name is found as well: the reader refuses it and tells which. With `ragged`, blank cells at the
    ends of rows are not there, so a header may be wider than most rows. None when no row looks like one.
    """
    if not rows:
        return None
    widths = Counter(len(row) for row in rows)
    usual = widths.most_common(1)[0][0]
    for at, row in enumerate(rows[:LOOKED_AT]):
        wide = len(row) >= usual if ragged else len(row) == usual
        named = 2 * sum(bool(cell.strip()) for cell in row) > len(row)
        values = sum(bool(_VALUE.fullmatch(cell.strip())) for cell in row)
        if wide and named and values * 3 <= len(row):
            return at
    return None


def _check_width(header: Sequence[str]) -> None:
    if len(header) > MAX_COLUMNS:
        raise Refused("too_many_columns", f"the header has {len(header):,} columns; at most {MAX_COLUMNS:,} are read")


def _no_header() -> Refused:
    return Refused(
        "no_header",
        f"none of the first {LOOKED_AT} rows looks like a header: a name in every cell, and hardly a number, date or e-mail address",
        expected="a header row",
    )


def _some_rows(reader: Reader) -> pl.DataFrame:
    """The first rows, and rows spread over what follows. A fault behind the first rows ends the sample, not the reading."""
    taken: list[pl.DataFrame] = []
    try:
        for number, batch in enumerate(reader.batches()):
            taken += _of_batch(batch, first=number == 0)
            if number == LATER_STRETCHES:
                break
    except Refused:
        if not any(frame.height for frame in taken):
            raise
    return pl.concat(taken, how="diagonal") if taken else pl.DataFrame()


def _of_batch(batch: Batch, *, first: bool) -> list[pl.DataFrame]:
    head = batch.frame.head(FIRST_ROWS if first else 0)
    rest = batch.frame.slice(head.height)
    return [head, rest.gather_every(max(1, rest.height // LATER_ROWS)).head(LATER_ROWS)]
