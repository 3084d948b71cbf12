"""Which lines of a block of CSV are records by themselves: the proof that lets most lines skip the careful reader.

Belongs here: verdicts on lines, from counts of bytes over the whole block. Does not belong here: the rules of a record
(csv_careful.py), making rows (csv_fast.py).

Why it is safe: if the record before ended with the line before, a line whose quotes all open and close in their places is one record
by itself, so its count of delimiters outside quotes decides. Only lines with other quotes («rough») need the careful reader, and only
the careful reader may join lines.
"""

from collections.abc import Iterator

import numpy as np
from numpy.typing import NDArray

from import_pipeline.parsing import bits
from import_pipeline.parsing.batch import Flags, Ints
from import_pipeline.parsing.csv_careful import QUOTE, Shape, is_blank
from import_pipeline.parsing.lines import LINE_LIMIT, Lines

Verdicts = NDArray[np.uint8]
GOOD, BLANK, COUNT, NUL, LONG, ROUGH, TAKEN = range(7)
"""A good record; no record; wrong count of cells; a NUL byte; too long; not decided here; part of a record of several lines."""


def judge_nothing(block: bytes, lines: Lines, shape: Shape) -> tuple[Verdicts, Ints]:
    """Verdicts that leave every line but blank and overlong ones to the careful reader."""
    verdict = np.full(len(lines), ROUGH, dtype=np.uint8)
    for i, (start, end) in enumerate(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)):
        if end - start > LINE_LIMIT:
            verdict[i] = LONG
        elif is_blank(block[start:end], shape):
            verdict[i] = BLANK
    return verdict, np.zeros(len(lines), dtype=np.int64)


def judge(block: bytes, lines: Lines, shape: Shape) -> tuple[Verdicts, Ints]:
    """A verdict for each line as if it began a record, and its count of delimiters outside quotes."""
    if not len(lines):
        return np.empty(0, dtype=np.uint8), np.empty(0, dtype=np.int64)
    text = np.frombuffer(block, dtype=np.uint8)[: lines.complete]
    edges = np.append(lines.starts, lines.complete)
    parting = bits.pack(text == shape.delimiter[0])
    rough = np.zeros(len(lines), dtype=np.bool_)
    if QUOTE in block:
        inside, rough = _follow_quotes(text, lines, edges, parting)
        parting &= ~inside
    counts = bits.counts_between(parting, edges)
    verdict = np.where(counts == shape.width - 1, GOOD, COUNT).astype(np.uint8)
    if b"\0" in block:
        held = bits.counts_between(bits.pack(text == 0), edges) > 0
        verdict[held & (verdict == GOOD)] = NUL
    for i in _may_be_blank(lines, counts, shape):
        if is_blank(block[int(lines.starts[i]) : int(lines.ends[i])], shape):
            verdict[i] = BLANK
    for i in _may_be_header(block, lines, shape):
        rough[i] = True
    verdict[rough] = ROUGH
    verdict[lines.ends - lines.starts > LINE_LIMIT] = LONG
    return verdict, counts


def _follow_quotes(text: NDArray[np.uint8], lines: Lines, edges: Ints, parting: bits.Words) -> tuple[bits.Words, Flags]:
    """Which bytes lie inside quotes, and the lines whose quotes are not all in their places.

    In its place is a quote that opens at a cell's start, or closes at a cell's end, or is one of two that mean one. Lines with an odd
    count of quotes are rough and their quotes are left out, so that every line begins outside quotes.
    """
    quotes = text == QUOTE[0]
    words = bits.pack(quotes)
    per_line = bits.counts_between(words, edges)
    rough = (per_line & 1).astype(np.bool_)
    for i in np.flatnonzero(rough).tolist():
        quotes[edges[i] : edges[i + 1]] = False
    if rough.any():
        words = bits.pack(quotes)
        if not words.any():
            return words, rough
    inside = bits.parity(words)
    opening, closing = words & inside, words & ~inside
    starts, ends = (_marks(len(text), places) for places in (lines.starts, lines.ends))
    misplaced = opening & ~(bits.later(parting) | starts | bits.later(closing))
    misplaced |= closing & ~(bits.earlier(parting) | bits.earlier(ends) | bits.earlier(opening))
    rough[np.searchsorted(lines.starts, bits.places(misplaced), side="right") - 1] = True
    return inside, rough


def _marks(size: int, places: Ints) -> bits.Words:
    flags = np.zeros(size + 1, dtype=np.bool_)
    flags[places] = True
    return bits.pack(flags)[: size // 64 + 1]


def _may_be_blank(lines: Lines, counts: Ints, shape: Shape) -> list[int]:
    """Lines that can be blank: empty ones, and where a record has several cells all without a delimiter."""
    empty = lines.starts == lines.ends
    found: list[int] = np.flatnonzero(empty | (counts == 0) if shape.width > 1 else empty).tolist()
    return found


def _may_be_header(block: bytes, lines: Lines, shape: Shape) -> Iterator[int]:
    """Lines that hold the longest quote-free piece of the header's cells: the few that can be the header again."""
    pieces = [piece for cell in shape.header for piece in cell.split(QUOTE)]
    needle = max(pieces, key=len, default=b"")
    place = block.find(needle) if needle else -1
    while 0 <= place < lines.complete:
        line = lines.at(place)
        yield line
        place = block.find(needle, int(lines.nexts[line]))
