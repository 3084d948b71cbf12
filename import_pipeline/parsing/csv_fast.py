"""A block of CSV to rows: lines proven regular go to polars in one call, the others through the careful reader.

Belongs here: putting the rows and errors of a block together. Does not belong here: the proof (csv_regular.py), the rules of a record
(csv_careful.py); files, headers and encodings.

polars pads short rows, drops a byte order mark and unpacks what looks compressed, all in silence: it is therefore
given proven rows only, behind a first row of our own, and what it returns is counted and compared.
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import numpy as np
import polars as pl

from import_pipeline.parsing.batch import Ints, finding, findings, same_findings
from import_pipeline.parsing.csv_careful import QUOTE, Fault, Record, Shape, Unfinished, read, split
from import_pipeline.parsing.csv_regular import BLANK, COUNT, GOOD, LONG, NUL, ROUGH, TAKEN, Verdicts, judge, judge_nothing
from import_pipeline.parsing.lines import LINE_LIMIT, Lines, find_lines
from import_pipeline.store.staging import LINE

SMALL = 1 << 15
"""Bytes below which looking at every line costs less than the fixed price of the vectorised way."""

EXPECTED = {
    "quote_unclosed": "a closing quote before the next record",
    "quote_stray": "a delimiter or a doubled quote where the quotes stand",
    "quoting": "after a closing quote a delimiter or the end of the line",
    "nul_byte": "text without NUL bytes",
    "header_repeated": "the header row only once",
    "line_too_long": f"at most {LINE_LIMIT:,} bytes in a line",
}


@dataclass
class Block:
    """What one block gave: rows, their first and last lines (absolute), errors with absolute lines, and how far it was read.

    `scientific` tells that a cell may hold a number such as 1E+15.
    `cut` tells that the file ends in this block with a line that has no line end and is no whole record.
    """

    frame: pl.DataFrame
    line: Ints
    end: Ints
    errors: pl.DataFrame
    blank: int
    used: int
    lines: int
    scientific: bool = False
    cut: bool = False
    rest_too_long: bool = False


def read_block(
    block: bytes, first_line: int, shape: Shape, columns: Mapping[str, int], *, final: bool, careful: bool | None = None
) -> Block:
    """Reads the records of a block that begins at the start of a record, whose first line is number `first_line`.

    `columns` are the keys of the cells that are kept, with their positions. Stops before a record that goes on behind the block.
    `careful` True reads every line by the careful reader, False none but the rough ones; left out, the block's size decides. Both give
    the same.
    """
    lines = find_lines(block, final)
    careful = len(block) < SMALL if careful is None else careful
    verdict, counts = judge(block, lines, shape) if not careful else judge_nothing(block, lines, shape)
    rest = len(block) - lines.complete
    too_long = not final and rest > LINE_LIMIT
    records, faults, stop = _read_rough(block, lines, verdict, shape, final=final or too_long)
    rows = _Rows(block, lines, np.flatnonzero(verdict[:stop] == GOOD).astype(np.int64), records)
    frame = rows.careful(columns) if careful else rows.fast(shape, columns)
    first, last = rows.spans()
    known = verdict[:stop]
    return Block(
        frame,
        first + first_line,
        last + first_line,
        _errors(first_line, shape, known, counts[:stop], faults),
        blank=int(np.count_nonzero(known == BLANK)),
        used=int(lines.starts[stop]) if stop < len(lines) else lines.complete,
        lines=stop,
        scientific=_may_be_scientific(block),
        cut=lines.open and stop == len(lines) and _is_cut(block, lines, verdict, shape),
        rest_too_long=too_long and stop == len(lines),
    )


def _may_be_scientific(block: bytes) -> bool:
    """True when `E+` occurs; quicker than a search for both characters, because E is rarer than what a search stumbles over."""
    text = np.frombuffer(block, dtype=np.uint8)
    at = np.flatnonzero(text[:-1] == ord("E"))
    return bool((text[at + 1] == ord("+")).any())


def _read_rough(block: bytes, lines: Lines, verdict: Verdicts, shape: Shape, *, final: bool) -> tuple[list[Record], list[Fault], int]:
    """Reads the rough lines in order. Gives the good records, the faults, and the line before which the block stops.

    Marks in `verdict` the lines that a record has taken; a rough line that ends up inside a record is not read again.
    """
    records: list[Record] = []
    faults: list[Fault] = []
    done = 0
    for i in np.flatnonzero(verdict == ROUGH).tolist():
        if i < done:
            continue
        try:
            found = read(block, lines, i, shape, final=final)
        except Unfinished:
            return records, faults, i
        if isinstance(found, Fault):
            faults.append(found)
            done = i + 1
        else:
            records.append(found)
            done = found.last + 1
            verdict[i:done] = TAKEN
    return records, faults, len(lines)


def _errors(first_line: int, shape: Shape, verdict: Verdicts, counts: Ints, faults: list[Fault]) -> pl.DataFrame:
    """Row errors of a block in line order: vectorised for the usual kinds, one by one for what the careful reader found."""
    expected = f"{shape.width} cells, as in the header"

    def number(kind: int) -> Ints:
        return np.flatnonzero(verdict == kind).astype(np.int64)

    found = [
        same_findings(number(COUNT) + first_line, "field_count", value=_cells(counts[verdict == COUNT]), expected=expected),
        same_findings(number(NUL) + first_line, "nul_byte", expected=EXPECTED["nul_byte"]),
        same_findings(number(LONG) + first_line, "line_too_long", expected=EXPECTED["line_too_long"]),
        findings(
            [
                finding(f.first + first_line, f.code, expected=expected, value=f"{f.cells} cells")
                if f.cells is not None
                else finding(f.first + first_line, f.code, expected=EXPECTED[f.code])
                for f in faults
            ]
        ),
    ]
    kept = [frame for frame in found if frame.height]
    return pl.concat(kept).sort(LINE) if kept else found[-1]


def _cells(counts: Ints) -> pl.Series:
    return pl.Series(counts + 1, dtype=pl.Int64).cast(pl.String) + " cells"


def _is_cut(block: bytes, lines: Lines, verdict: Verdicts, shape: Shape) -> bool:
    """True when the last line, which has no line end, is neither blank nor (the end of) a record, and has too few cells."""
    last = len(lines) - 1
    if verdict[last] in (GOOD, BLANK, TAKEN, LONG):
        return False
    alone = Lines(lines.starts[last:], lines.ends[last:], lines.nexts[last:], lines.lone[:0], True)
    found = read(block, alone, 0, shape, final=True)
    if isinstance(found, Record):
        return False
    return found.opened is not None or (found.cells is not None and found.cells < shape.width)


class _Rows:
    """The good records of a block, those of regular lines (`single`) and those of the careful reader, in the order of their lines."""

    def __init__(self, block: bytes, lines: Lines, single: Ints, records: list[Record]) -> None:
        self.block, self.lines, self.single, self.records = block, lines, single, records

    def spans(self) -> tuple[Ints, Ints]:
        """First and last line of each row, 0-based in the block."""
        firsts = np.fromiter((r.first for r in self.records), dtype=np.int64, count=len(self.records))
        lasts = np.fromiter((r.last for r in self.records), dtype=np.int64, count=len(self.records))
        first, last = np.concatenate((self.single, firsts)), np.concatenate((self.single, lasts))
        order = np.argsort(first, kind="stable")
        return first[order], last[order]

    def careful(self, columns: Mapping[str, int], delimiter: bytes | None = None) -> pl.DataFrame:
        """The rows cell by cell. `delimiter` is needed when there are single lines."""
        rows = {r.first: r.cells for r in self.records}
        if len(self.single) and delimiter is not None:
            rows |= {int(i): _split_single(self.block, self.lines, int(i), delimiter) for i in self.single}
        ordered = [rows[i] for i in sorted(rows)]
        return pl.DataFrame({key: pl.Series([cells[at].decode() for cells in ordered], dtype=pl.String) for key, at in columns.items()})

    def fast(self, shape: Shape, columns: Mapping[str, int]) -> pl.DataFrame:
        """The rows by polars; cell by cell when what polars gives is not exactly what was proven."""
        height = len(self.single) + len(self.records)
        if not height:
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
        try:
            frame = self._by_polars(shape, columns, height)
        except (pl.exceptions.PolarsError, OSError):
            frame = None
        return self.careful(columns, shape.delimiter) if frame is None else frame

    def _by_polars(self, shape: Shape, columns: Mapping[str, int], height: int) -> pl.DataFrame | None:
        first_row = b"0" + shape.delimiter * (shape.width - 1) + b"\n"
        text = b"".join((first_row, *self._pieces(shape)))
        names = [str(i) for i in range(shape.width)]
        read = pl.read_csv(
            text,
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            columns=list(columns.values()),
            separator=shape.delimiter.decode(),
            quote_char='"' if QUOTE in text else None,
            empty_string_is_null=False,
        )
        if read.height != height + 1 or read.width != len(columns):
            return None
        frame = read[1:].select(pl.col(names[at]).alias(key) for key, at in columns.items())
        return frame if self._as_read(frame, columns) else None

    def _pieces(self, shape: Shape) -> Iterator[bytes | memoryview]:
        """The rows' text in order: runs of regular lines as they stand, careful records quoted afresh."""
        block = memoryview(self._with_line_feeds())
        runs = np.split(self.single, np.flatnonzero(np.diff(self.single) != 1) + 1) if len(self.single) else []
        plain = {int(run[0]): block[int(self.lines.starts[run[0]]) : int(self.lines.nexts[run[-1]])] for run in runs}
        fresh = {r.first: _quoted(r.cells, shape.delimiter) for r in self.records}
        for first in sorted(plain.keys() | fresh.keys()):
            yield plain[first] if first in plain else fresh[first]

    def _with_line_feeds(self) -> bytes:
        """The block, with lone carriage returns at line ends made line feeds: polars knows no others."""
        if not len(self.lines.lone):
            return self.block
        text = np.frombuffer(self.block, dtype=np.uint8).copy()
        text[self.lines.lone] = 10
        return text.tobytes()

    def _as_read(self, frame: pl.DataFrame, columns: Mapping[str, int]) -> bool:
        """True when the careful records came back from polars cell for cell; they are where it could go wrong and shift rows."""
        if not self.records:
            return True
        firsts = np.fromiter((r.first for r in self.records), dtype=np.int64, count=len(self.records))
        place = np.searchsorted(self.single, firsts) + np.arange(len(firsts))
        return frame[place].equals(_Rows(self.block, self.lines, self.single[:0], self.records).careful(columns))


def _split_single(block: bytes, lines: Lines, line: int, delimiter: bytes) -> list[bytes]:
    found = split(block, lines, line, delimiter, final=True)
    return found.cells if isinstance(found, Record) else []


def _quoted(cells: list[bytes], delimiter: bytes) -> bytes:
    return delimiter.join(b'"' + cell.replace(b'"', b'""') + b'"' for cell in cells) + b"\n"
