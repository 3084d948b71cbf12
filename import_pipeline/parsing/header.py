"""The file doctor's second look: which row is the header, what parts its cells, and what each column means.

Belongs here: choosing delimiter and header by the object type's columns, and what refuses a header. Does not belong here: how a
single header cell finds its column (model/columns.py), reading rows.
"""

from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass

from import_pipeline.failures import PermanentFailure, UnknownValue, nearest
from import_pipeline.model.columns import HeaderMap, is_reason
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import Notice
from import_pipeline.parsing.batch import Refused, Task
from import_pipeline.parsing.csv_careful import Record, Unfinished, split
from import_pipeline.parsing.lines import Lines

MAX_COLUMNS = 2_000
LOOKED_AT = 30
"""Records among which the header is looked for."""
DELIMITERS = (b",", b";", b"\t", b"|")
_SAMPLE_RECORDS = 400
_SURE = 0.8
"""Share of known cells from which a first row, as wide as most rows, is the header without a look at the others."""

Mapper = Callable[[tuple[str, ...]], HeaderMap]


@dataclass(frozen=True)
class Header:
    """The header record: its cells as text, its lines in the sample (0-based), the delimiter, and what its columns mean."""

    cells: tuple[str, ...]
    first: int
    last: int
    delimiter: bytes
    mapped: HeaderMap


def mapper(object_type: ObjectType, format_: Format | None) -> Mapper:
    """How header cells find their columns. Answers are kept, because thousands of small files share one header."""
    kept: dict[tuple[str, ...], HeaderMap] = {}
    if format_ and (missing := format_.missing(object_type.columns)):
        raise UnknownValue("column", missing[0], [c.key for c in object_type.columns], where=f"format {format_.name}")

    def map_(cells: tuple[str, ...]) -> HeaderMap:
        if cells not in kept:
            kept[cells] = format_.map_header(cells, object_type) if format_ else object_type.map_header(cells)
        return kept[cells]

    return map_


def find_header(sample: bytes, lines: Lines, map_: Mapper, object_type: ObjectType, format_: Format | None) -> Header:
    """The header of a CSV text that begins with `sample`; raises Refused (empty_file, no_header) when there is none.

    The delimiter under which most columns are known wins, then the one under which most records are as wide as the header.
    """
    stated = format_.delimiter.encode() if format_ and format_.delimiter else None
    if stated is not None and len(stated) != 1:
        raise PermanentFailure(f"the delimiter {stated.decode()!r} of a format must be one ASCII character")
    tried = (stated,) if stated else candidates(sample)
    best: Header | None = None
    best_score = (0, 0)
    top: list[str] = []
    for delimiter in tried:
        records = first_records(sample, lines, delimiter)
        cells = [[c.decode(errors="replace") for c in r.cells] for r in records[:LOOKED_AT]]
        top = max(top, cells[0] if cells else [], key=len)
        widths = [len(r.cells) for r in records]
        sure = _is_sure(cells, widths, map_)
        at = 0 if sure else choose(cells, map_)
        if at is None:
            continue
        mapped = map_(tuple(cells[at]))
        header = Header(tuple(cells[at]), records[at].first, records[at].last, delimiter, mapped)
        if sure:
            return header
        score = (len(set(mapped.keys) - {None}), widths[at:].count(widths[at]))
        if score > best_score:
            best, best_score = header, score
    if best is None:
        raise no_header(object_type, top or [sample[:200].decode(errors="replace")])
    return best


def candidates(sample: bytes) -> tuple[bytes, ...]:
    """The delimiters that occur, and one that does not: a single column of text may hold all kinds of signs."""
    absent = [d for d in DELIMITERS if d not in sample]
    return (*(d for d in DELIMITERS if d in sample), *absent[:1])


def _is_sure(rows: Sequence[Sequence[str]], widths: Sequence[int], map_: Mapper) -> bool:
    """True when the first row is the header without a look at the others or at other delimiters: as wide as most, and known."""
    if not rows or len(rows[0]) != Counter(widths).most_common(1)[0][0]:
        return False
    keys = map_(tuple(rows[0])).keys
    return len(set(keys) - {None}) >= _SURE * len(keys)


def choose(rows: Sequence[Sequence[str]], map_: Mapper) -> int | None:
    """Index of the row among `rows` that agrees best with the known columns, or None when no row can be the header.

    The first row needs one known column; a later one two, or half of its cells: a single word of data may look like a column.
    """
    if not rows:
        return None
    mapped = map_(tuple(cell for row in rows for cell in row))
    ignored = set(mapped.ignored)
    known: list[int] = []
    start = 0
    for row in rows:
        known.append(len(set(mapped.keys[start : start + len(row)]) - {None}) + sum(cell in ignored for cell in row))
        start += len(row)
    at = max(range(len(rows)), key=lambda i: (known[i], -i))
    filled = sum(bool(cell.strip()) for cell in rows[at])
    enough = 1 if at == 0 else min(2, max(filled / 2, 1))
    return at if known[at] >= enough else None


def no_header(object_type: ObjectType, top: Sequence[str]) -> Refused:
    """The refusal of a file without a header row; `top` is its first row, in which the nearest known column is looked for."""
    if not any(cell.strip() for cell in top):
        return Refused("empty_file", "the file holds no rows")
    known = list(object_type.template_header)
    near = next((found for cell in top if cell.strip() and (found := nearest(cell, known, cutoff=75))), None)
    return Refused(
        "no_header",
        f"none of the first {LOOKED_AT} rows looks like the header of {object_type.name}",
        value=" | ".join(top)[:500],
        expected=", ".join(known),
        suggestion=near,
    )


def unknown_columns(mapped: HeaderMap, object_type: ObjectType) -> tuple[str, ...]:
    """The cells that refuse a row, or in a table the file: all unknown ones, where the type says so."""
    return mapped.unknown if object_type.unknown_columns == "refuse" else ()


def check_header(header: tuple[str, ...], mapped: HeaderMap, line: int | None, task: Task) -> None:
    """Raises Refused when a header cannot be used: too_many_columns, header_mismatch, header_blank, unknown_key, header_duplicate."""
    format_, known = task.format, task.object_type.template_header
    refused = unknown_columns(mapped, task.object_type)
    if len(header) > MAX_COLUMNS:
        raise Refused("too_many_columns", f"the header has {len(header):,} columns; at most {MAX_COLUMNS:,} are read", line=line)
    if format_ and format_.exact_header:
        _check_exact(header, format_, line)
    _check_columns(mapped, task, line)
    for i, cell in enumerate(header):
        if not cell.strip():
            before = f", the one after {header[i - 1]!r}," if i else ""
            raise Refused("header_blank", f"column {i + 1}{before} has no name", line=line, expected="a name in every header cell")
    if refused:
        near = nearest(refused[0], known, cutoff=75)
        raise Refused(
            "unknown_key",
            f"the column {refused[0]!r} is not one that may be sent here",
            line=line,
            column=refused[0],
            expected=", ".join(known),
            suggestion=near,
        )
    if mapped.duplicates:
        one, other = mapped.duplicates[0]
        raise Refused(
            "header_duplicate", f"the columns {one!r} and {other!r} mean the same", line=line, column=other, expected="one of the two"
        )


def _check_columns(mapped: HeaderMap, task: Task, line: int | None) -> None:
    """Columns that must stand in the header, whatever the cells hold: the e-mail address (acceptance E-5), and what the format requires
    and does not fill itself."""
    needed = [task.object_type.external_id] if task.object_type.email_key else []
    filled = {*task.format.defaults, *task.format.fixed} if task.format else set()
    for key in (*needed, *(task.format.required if task.format else ())):
        if key not in mapped.keys and key not in filled:
            raise Refused("header_mismatch", f"the header has no column {key!r}", line=line, column=key, expected=key)


def _check_exact(header: tuple[str, ...], format_: Format, line: int | None) -> None:
    stated = tuple(format_.columns)
    # A failed-rows file that comes back has the header that was sent, and the reason columns.
    header = tuple(cell for cell in header if cell in stated or not is_reason(cell))
    if header == stated:
        return
    for i, (cell, name) in enumerate(zip(header, stated, strict=False)):
        if cell != name:
            raise Refused(
                "header_mismatch",
                f"column {i + 1} is {cell!r}, the format {format_.name!r} has {name!r} there",
                line=line,
                column=cell,
                value=cell,
                expected=name,
            )
    raise Refused(
        "header_mismatch",
        f"the header has {len(header)} columns, the format {format_.name!r} has {len(stated)}",
        line=line,
        expected=", ".join(stated),
    )


def column_notices(mapped: HeaderMap, object_type: ObjectType, line: int | None) -> list[Notice]:
    """What is told about columns that are not imported: unknown ones with the nearest known column, and ignored ones."""
    known = list(object_type.template_header)
    found = []
    for cell in mapped.unknown:
        near = nearest(cell, known, cutoff=75)
        hint = f"; did you mean {near!r}?" if near else ""
        text = f"{object_type.name} has no column {cell!r}; it was not imported{hint}"
        found.append(Notice(code="column_unknown", message=text, line=line, column=cell))
    ignored = (
        Notice(code="column_ignored", message=f"the column {cell!r} is never imported", line=line, column=cell) for cell in mapped.ignored
    )
    return [*found, *ignored]


def first_records(sample: bytes, lines: Lines, delimiter: bytes) -> list[Record]:
    """The first records of the sample under a delimiter; lines that are blank or no record are passed over."""
    found: list[Record] = []
    i = 0
    while i < len(lines) and len(found) < _SAMPLE_RECORDS:
        try:
            record = split(sample, lines, i, delimiter, final=lines.open)
        except Unfinished:
            break
        if not isinstance(record, Record):
            i += 1
            continue
        if any(cell.strip() for cell in record.cells):
            found.append(record)
        i = record.last + 1
    return found
