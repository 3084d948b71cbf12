"""The careful CSV reader: one record at a time, every rule stated. It alone decides what a record is.

Belongs here: the grammar (RFC 4180 with text in which a quote may stand inside an unquoted cell) and what makes a record unsafe.
Does not belong here: speed for regular lines (csv_fast.py), which must agree with this reader; finding the header.

Rules, from reference/readers: a record with a fault costs its first physical line only and reading resumes on the next one; nothing
is padded and nothing is cut, not even one extra empty cell.
"""

from dataclasses import dataclass

from import_pipeline.parsing.lines import LINE_LIMIT, Lines

QUOTE = b'"'
BOM = b"\xef\xbb\xbf"


@dataclass(frozen=True)
class Shape:
    """What a record of this file looks like: `width` cells, parted by the byte `delimiter`; `header` is the header's stripped cells.

    A header cell is None where a record may have anything and still be the header again: the reasons in a failed-rows file.
    """

    width: int
    delimiter: bytes
    header: tuple[bytes | None, ...] = ()


@dataclass(frozen=True)
class Record:
    """A record of the block's lines `first` to `last` (0-based); `odd` is how many unquoted cells hold an odd count of quotes."""

    first: int
    last: int
    cells: list[bytes]
    odd: int = 0


@dataclass(frozen=True)
class Fault:
    """Why the line `first` is no record. `cells` is how many cells were found, where that is the reason."""

    first: int
    code: str
    cells: int | None = None
    opened: int | None = None
    """Index of the cell whose quote does not close, when that is the reason."""


class Unfinished(Exception):
    """A quote is open at the end of the block and the file goes on: the record must be read with what follows."""


def split(block: bytes, lines: Lines, first: int, delimiter: bytes, *, final: bool, stop: int | None = None) -> Record | Fault:
    """The record that begins at line `first`, whatever its count of cells.

    Raises Unfinished when more of the file is needed. `stop` makes the block end before that line.
    """
    place, line = int(lines.starts[first]), first
    end = int(lines.ends[first])
    if QUOTE not in block[place:end]:
        return Record(first, first, block[place:end].split(delimiter))
    region = lines.complete if stop is None else int(lines.starts[stop])
    limit = min(region, place + LINE_LIMIT)
    cells: list[bytes] = []
    odd = 0
    while True:
        if block[place : place + 1] == QUOTE and place < end:
            close = _closing(block, place + 1, limit, region)
            if close < 0:
                if limit == region and not final:
                    raise Unfinished
                return Fault(first, "quote_unclosed", opened=len(cells))
            if close > end:
                line = lines.at(close)
                end = int(lines.ends[line])
                if end - int(lines.starts[line]) > LINE_LIMIT:
                    return Fault(first, "quote_unclosed", opened=len(cells))
            behind = close + 1
            if behind != end and block[behind : behind + 1] != delimiter:
                return Fault(first, "quoting" if line == first else "quote_unclosed")
            cells.append(block[place + 1 : close].replace(b'""', QUOTE))
            if behind == end:
                return Record(first, line, cells, odd)
            place = behind + 1
            continue
        comma = block.find(delimiter, place, end)
        cell = block[place : end if comma < 0 else comma]
        cells.append(cell)
        odd += cell.count(QUOTE) & 1
        if comma < 0:
            return Record(first, line, cells, odd)
        place = comma + 1


def _closing(block: bytes, place: int, limit: int, region: int) -> int:
    """Place of the quote that closes what was opened before `place`; doubled quotes are text. -1 when there is none before `limit`."""
    while True:
        found = block.find(QUOTE, place, limit)
        if found < 0 or found + 1 >= region or block[found + 1 : found + 2] != QUOTE:
            return found
        place = found + 2


def read(block: bytes, lines: Lines, first: int, shape: Shape, *, final: bool) -> Record | Fault:
    """The record that begins at line `first`, or why that line is refused. Blank and overlong lines are the caller's."""
    found = split(block, lines, first, shape.delimiter, final=final)
    if isinstance(found, Fault):
        return found
    cells = found.cells
    if len(cells) != shape.width:
        return Fault(first, "field_count", len(cells))
    if found.last > first and _runs_away(block, lines, found, shape):
        return Fault(first, "quote_unclosed")
    if b"\0" in block[int(lines.starts[first]) : int(lines.ends[found.last])]:
        return Fault(first, "nul_byte")
    if found.odd > 1:
        return Fault(first, "quote_stray")
    if shape.header and _is_header(cells, shape.header):
        return Fault(first, "header_repeated")
    return found


def _is_header(cells: list[bytes], header: tuple[bytes | None, ...]) -> bool:
    """True for the header again; a byte order mark comes with files that were appended to each other."""
    first = cells[0].removeprefix(BOM)
    return all(name is None or cell.strip() == name for cell, name in zip((first, *cells[1:]), header, strict=True))


def is_blank(content: bytes, shape: Shape) -> bool:
    """True for a line that holds no record: empty, or nothing but blanks where a record has several cells."""
    if not content:
        return True
    return shape.width > 1 and shape.delimiter not in content and not content.strip(b" \t")


def _runs_away(block: bytes, lines: Lines, record: Record, shape: Shape) -> bool:
    """True when a quote of the first line has swallowed whole records.

    That is so when every line between the first and the last is a record by itself; and for two lines, when both hold all
    delimiters of a record and open a quote in the same cell (`a,b,"` twice), which is one lost quote on each.
    """
    if shape.width < 2:
        return False
    inner = range(record.first + 1, record.last)
    if inner:
        return all(_whole(block, lines, i, shape) for i in inner)
    first, last = (_alone(block, lines, i, shape) for i in (record.first, record.last))
    return first is not None and first == last


def _whole(block: bytes, lines: Lines, line: int, shape: Shape) -> bool:
    """True when the line by itself is a record of the right width."""
    found = split(block, lines, line, shape.delimiter, final=True, stop=line + 1 if line + 1 < len(lines) else None)
    return isinstance(found, Record) and len(found.cells) == shape.width


def _alone(block: bytes, lines: Lines, line: int, shape: Shape) -> int | None:
    """The cell in which the line, read by itself, opens a quote, provided that it holds a record's count of delimiters."""
    content = block[int(lines.starts[line]) : int(lines.ends[line])]
    if content.count(shape.delimiter) < shape.width - 1:
        return None
    found = split(block, lines, line, shape.delimiter, final=True, stop=line + 1 if line + 1 < len(lines) else None)
    return found.opened if isinstance(found, Fault) else None
