"""A block of CSV to rows and row errors: what is proven regular as a whole, the rest through the careful reader.

Belongs here: putting a block together, each line with one fate. Does not belong here: the proof (csv_regular.py), the rules of a record
(csv_careful.py), making the frame (csv_rows.py); files, headers and encodings.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

import numpy as np
import polars as pl

from import_pipeline.parsing.batch import Ints, finding, findings, same_findings
from import_pipeline.parsing.csv_careful import Fault, Record, Shape, Unfinished, read
from import_pipeline.parsing.csv_regular import BLANK, COUNT, GOOD, LONG, NUL, ROUGH, TAKEN, TEXT, Judged, Verdicts, judge, judge_nothing
from import_pipeline.parsing.csv_rows import Rows, Standing
from import_pipeline.parsing.lines import LINE_LIMIT, Lines, find_lines
from import_pipeline.store.staging import LINE

SMALL = 1 << 15
"""Bytes below which looking at every line costs less than the fixed price of the vectorised way."""

_E_PLUS = int.from_bytes(b"E+", "little")

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
    judged = judge_nothing(block, lines, shape) if careful else judge(block, lines, shape)
    rest = len(block) - lines.complete
    too_long = not final and rest > LINE_LIMIT
    taken, stop = _read_rough(block, lines, judged, shape, final=final or too_long)
    rows = Rows(block, lines, _standing(judged, taken.reached, stop), taken.records)
    frame = rows.careful(shape, columns) if careful else rows.fast(shape, columns)
    first, last = rows.spans()
    known = judged.verdict[:stop]
    return Block(
        frame,
        first + first_line,
        last + first_line,
        _errors(first_line, shape, known, judged.counts[:stop], taken.faults),
        blank=int(np.count_nonzero(known == BLANK)),
        used=int(lines.starts[stop]) if stop < len(lines) else lines.complete,
        lines=stop,
        scientific=_may_be_scientific(block),
        cut=lines.open and stop == len(lines) and _is_cut(block, lines, judged.verdict, shape),
        rest_too_long=too_long and stop == len(lines),
    )


def _may_be_scientific(block: bytes) -> bool:
    """True when `E+` occurs: pairs of bytes are compared at once, from even and from odd places."""
    pairs = (np.frombuffer(block, dtype="<u2", count=(len(block) - odd) // 2, offset=odd) for odd in (0, 1) if len(block) > odd)
    return any(bool((pair == _E_PLUS).any()) for pair in pairs)


@dataclass
class _Taken:
    """What the rough lines gave: first lines of records proven by their quotes, records taken apart, and faults."""

    reached: list[int] = field(default_factory=list)
    records: list[Record] = field(default_factory=list)
    faults: list[Fault] = field(default_factory=list)


def _read_rough(block: bytes, lines: Lines, judged: Judged, shape: Shape, *, final: bool) -> tuple[_Taken, int]:
    """Goes through the rough lines in order. Gives what they are, and the line before which the block stops.

    Marks in the verdicts the lines that a record has taken: a line that ends up inside a record is nothing else.
    """
    taken = _Taken()
    done = 0
    rough = np.flatnonzero(judged.verdict == ROUGH)
    for i, reach in zip(rough.tolist(), judged.reach[rough].tolist(), strict=True):
        if i < done:
            continue
        if reach >= 0:
            taken.reached.append(i)
            done = reach + 1
            judged.verdict[i:done] = TAKEN
            continue
        try:
            found = read(block, lines, i, shape, final=final)
        except Unfinished:
            return taken, i
        if isinstance(found, Fault):
            taken.faults.append(found)
            done = i + 1
        else:
            taken.records.append(found)
            done = found.last + 1
            judged.verdict[i:done] = TAKEN
    return taken, len(lines)


def _standing(judged: Judged, reached: list[int], stop: int) -> Standing:
    """The records that can be read from the text as they stand: good single lines, and the proven records of several lines."""
    verdict = judged.verdict[:stop]
    single = np.flatnonzero((verdict == GOOD) | (verdict == TEXT)).astype(np.int64)
    first = np.concatenate((single, np.array(reached, dtype=np.int64)))
    last = np.concatenate((single, judged.reach[reached] if reached else single[:0]))
    order = np.argsort(first, kind="stable") if reached else slice(None)
    first, last = first[order], last[order]
    loose = verdict[first] == TEXT
    return Standing(first, last, judged.quoted[first] & ~loose, loose)


def _errors(first_line: int, shape: Shape, verdict: Verdicts, counts: Ints, faults: list[Fault]) -> pl.DataFrame:
    """Row errors of a block in line order: vectorised for the usual kinds, one by one for what the careful reader found."""
    expected = f"{shape.width} cells, as in the header"

    def number(kind: int) -> Ints:
        return np.flatnonzero(verdict == kind).astype(np.int64)

    found = []
    if len(wrong := number(COUNT)):
        found.append(same_findings(wrong + first_line, "field_count", value=_cells(counts[wrong]), expected=expected))
    for kind, code in ((NUL, "nul_byte"), (LONG, "line_too_long")):
        if len(wrong := number(kind)):
            found.append(same_findings(wrong + first_line, code, expected=EXPECTED[code]))
    if faults or not found:
        rows = [
            finding(f.first + first_line, f.code, expected=expected, value=f"{f.cells} cells")
            if f.cells is not None
            else finding(f.first + first_line, f.code, expected=EXPECTED[f.code])
            for f in faults
        ]
        found.append(findings(rows))
    return pl.concat(found).sort(LINE) if len(found) > 1 else found[0]


def _cells(counts: Ints) -> pl.Series:
    return pl.Series(counts + 1, dtype=pl.Int64).cast(pl.String) + " cells"


def _is_cut(block: bytes, lines: Lines, verdict: Verdicts, shape: Shape) -> bool:
    """True when the last line, which has no line end, is neither blank nor (the end of) a record, and has too few cells."""
    last = len(lines) - 1
    if verdict[last] in (GOOD, TEXT, BLANK, TAKEN, LONG):
        return False
    alone = Lines(lines.starts[last:], lines.ends[last:], lines.nexts[last:], lines.lone[:0], True)
    found = read(block, alone, 0, shape, final=True)
    if isinstance(found, Record):
        return False
    return found.opened is not None or (found.cells is not None and found.cells < shape.width)
