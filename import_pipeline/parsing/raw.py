"""The original lines of a file, byte for byte: for failed-rows files and for the question where a value comes from.

Belongs here: finding lines again by their numbers. Does not belong here: parsing them.
"""

import codecs
import io
import itertools
from collections.abc import Iterable, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO

import numpy as np
from python_calamine import CalamineSheet

from import_pipeline.model.job import ParsedFile
from import_pipeline.parsing import csv_careful
from import_pipeline.parsing.doctor import bom_length
from import_pipeline.parsing.lines import LINE_LIMIT, Blocks, Lines, find_lines
from import_pipeline.parsing.xlsx import as_text, open_book, sheet_named

_BLOCK = 4 << 20


def raw_records(path: Path, parsed: ParsedFile, spans: Sequence[tuple[int, int]]) -> Iterator[tuple[int, bytes]]:
    """The bytes of the physical lines first..last (1-based, inclusive) of each span, as (first, bytes).

    In the file's own encoding, with the line ends between the lines, without the last one and without the byte order mark. `spans` are
    sorted and do not overlap; each gives one pair, but for those behind the file's end. A span with a line too long to be read
    (`line_too_long`) gives b"", for such a line may be larger than memory.
    """
    waiting = list(reversed(spans))
    number = 1
    with path.open("rb") as raw:
        encoding = _encoding(parsed)
        raw.seek(bom_length(raw.read(4), encoding))
        blocks = Blocks(_as_lines(raw, encoding), _BLOCK)
        used = 0
        while waiting and blocks.next(used):
            lines = find_lines(blocks.block, blocks.final)
            long = not blocks.final and len(blocks.block) - lines.complete > LINE_LIMIT
            any_long = bool(np.any(lines.ends - lines.starts > LINE_LIMIT))
            used = lines.complete
            while waiting and waiting[-1][0] < number + len(lines):
                first, last = waiting[-1]
                if last >= number + len(lines) and not blocks.final and not long:
                    used = int(lines.starts[first - number])
                    break
                waiting.pop()
                if last >= number + len(lines) or (any_long and _any_long(lines, first - number, last - number)):
                    yield first, b""
                else:
                    found = blocks.block[int(lines.starts[first - number]) : int(lines.ends[last - number])]
                    yield first, _original(found, encoding)
            number += int(np.searchsorted(lines.starts, used)) if used < lines.complete else len(lines)
            if long:
                blocks.next(used)
                blocks.skip_line()
                if waiting and waiting[-1][0] == number:
                    yield waiting.pop()[0], b""
                used, number = 0, number + 1


def header_bytes(path: Path, parsed: ParsedFile) -> bytes:
    """The header's bytes as sent, behind the file's byte order mark if it has one, without its line end.

    b"" (or the mark alone) for files without a header row, such as JSON lines.
    """
    encoding = _encoding(parsed)
    with path.open("rb") as raw:
        start = bom_length(raw.read(4), encoding)
        raw.seek(0)
        mark = raw.read(start)
        if parsed.header_line is None or parsed.delimiter is None:
            return mark
        sample = _as_lines(raw, encoding).read(2 * LINE_LIMIT)
    lines = find_lines(sample, final=True)
    first = parsed.header_line - 1
    record = csv_careful.split(sample, lines, first, parsed.delimiter.encode(), final=True)
    last = record.last if isinstance(record, csv_careful.Record) else first
    return mark + _original(sample[int(lines.starts[first]) : int(lines.ends[last])], encoding)


def sheet_rows(path: Path, lines: Iterable[int], parsed: ParsedFile | None = None) -> dict[int, list[str]]:
    """The cells of a workbook's rows as text, by row number; rows behind the sheet's end are left out.

    The sheet is the one with the header of `parsed`; without it, the first.
    """
    wanted = set(lines)
    rows = itertools.islice(_sheet(path, parsed).iter_rows(), max(wanted, default=0))
    return {number: [as_text(cell) for cell in row] for number, row in enumerate(rows, start=1) if number in wanted}


def _sheet(path: Path, parsed: ParsedFile | None) -> CalamineSheet:
    book = open_book(path)
    if parsed is not None and parsed.header_line is not None:
        for name in book.sheet_names:
            sheet = sheet_named(book, name)
            rows = sheet.to_python(skip_empty_area=False, nrows=parsed.header_line)
            if len(rows) == parsed.header_line and tuple(as_text(c) for c in rows[-1][: len(parsed.header)]) == parsed.header:
                return sheet
    return sheet_named(book, book.sheet_names[0])


def _any_long(lines: Lines, first: int, last: int) -> bool:
    return bool(np.any(lines.ends[first : last + 1] - lines.starts[first : last + 1] > LINE_LIMIT))


def _encoding(parsed: ParsedFile) -> str:
    return (parsed.encoding or "utf-8").removesuffix("-sig")


def _is_wide(encoding: str) -> bool:
    return encoding.startswith(("utf-16", "utf-32"))


def _as_lines(raw: BinaryIO, encoding: str) -> BinaryIO:
    """The file as bytes in which a line end is one byte: itself, or as UTF-8 where characters take two or four bytes."""
    return io.BufferedReader(_Narrow(raw, encoding), 1 << 20) if _is_wide(encoding) else raw


def _original(content: bytes, encoding: str) -> bytes:
    """Content of `_as_lines` in the file's own encoding again; UTF-16 and UTF-32 have one spelling for each text."""
    return content.decode().encode(encoding) if _is_wide(encoding) else content


class _Narrow(io.RawIOBase):
    """A UTF-16 or UTF-32 file read as UTF-8."""

    def __init__(self, raw: BinaryIO, encoding: str) -> None:
        self._raw, self._rest = raw, b""
        self._decoder = codecs.getincrementaldecoder(encoding)("strict")

    def readable(self) -> bool:
        """True, as io demands."""
        return True

    def readinto(self, target: memoryview) -> int:  # type: ignore[override]
        """Fills `target` with UTF-8; 0 at the end. A character may be cut: the reader joins what it is given."""
        while not self._rest:
            chunk = self._raw.read(1 << 20)
            self._rest = self._decoder.decode(chunk, final=not chunk).encode()
            if not chunk:
                break
        size = min(len(target), len(self._rest))
        target[:size], self._rest = self._rest[:size], self._rest[size:]
        return size
