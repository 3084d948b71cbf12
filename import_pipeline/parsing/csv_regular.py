"""Which lines of a block of CSV are records, proven from counts of bytes over the whole block: most lines need no careful reader.

Belongs here: verdicts on lines and spans of lines. Does not belong here: the rules of a record (csv_careful.py), making rows
(csv_fast.py).

Why it is safe: if the record before ended with the line before, then a line whose quotes all open at a cell's start and close at a
cell's end is one record by itself, and so are lines up to the one that closes an open quote; its count of delimiters outside quotes
decides. A line without such proof is «rough» and left to the careful reader. Each line is judged as if it began a record; whether it
does is seen when the block is gone through in order.
"""

from collections.abc import Iterator
from dataclasses import dataclass

import numpy as np
from numpy.typing import NDArray

from import_pipeline.parsing import bits
from import_pipeline.parsing.batch import Flags, Ints
from import_pipeline.parsing.csv_careful import QUOTE, Shape, is_blank
from import_pipeline.parsing.lines import LINE_LIMIT, Lines

Verdicts = NDArray[np.uint8]
GOOD, TEXT, BLANK, COUNT, NUL, LONG, ROUGH, TAKEN = range(8)
"""A good record; one with a single quote as text (6" pipe); no record; wrong count of cells; a NUL byte; too long; not decided here;
part of a record of several lines."""


@dataclass(frozen=True)
class Judged:
    """For each line: the verdict, its delimiters outside quotes, the last line of the record proven to begin here (-1: none such),
    and whether it holds quotes."""

    verdict: Verdicts
    counts: Ints
    reach: Ints
    quoted: Flags


@dataclass(frozen=True)
class _Quotes:
    """For each line, read as if it began a record: delimiters outside quotes, quotes out of place, one quote that is text, reach."""

    counts: Ints
    rough: Flags
    text: Flags
    reach: Ints
    quoted: Flags


def judge_nothing(block: bytes, lines: Lines, shape: Shape) -> Judged:
    """Verdicts that leave every line but blank and overlong ones to the careful reader."""
    verdict = np.full(len(lines), ROUGH, dtype=np.uint8)
    for i, (start, end) in enumerate(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)):
        if end - start > LINE_LIMIT:
            verdict[i] = LONG
        elif is_blank(block[start:end], shape):
            verdict[i] = BLANK
    none = np.zeros(len(lines), dtype=np.int64)
    return Judged(verdict, none, none - 1, none.astype(np.bool_))


def judge(block: bytes, lines: Lines, shape: Shape) -> Judged:
    """A verdict for each line of a block."""
    if not len(lines):
        return judge_nothing(block, lines, shape)
    text = np.frombuffer(block, dtype=np.uint8)[: lines.complete]
    edges = np.append(lines.starts, lines.complete)
    parting = bits.pack(text == shape.delimiter[0])
    unsafe = lines.ends - lines.starts > LINE_LIMIT
    rough = np.zeros(len(lines), dtype=np.bool_)
    for i in _may_be_header(block, lines, shape):
        rough[i] = True
    held = bits.counts_between(bits.pack(text == 0), edges) > 0 if b"\0" in block else None
    quotes = _follow_quotes(text, lines, edges, parting, shape, unsafe | rough if held is None else unsafe | rough | held)
    verdict = np.where(quotes.counts == shape.width - 1, np.where(quotes.text, TEXT, GOOD), COUNT).astype(np.uint8)
    if held is not None:
        verdict[held & (verdict != COUNT)] = NUL
    for i in _may_be_blank(lines, quotes.counts, shape):
        if is_blank(block[int(lines.starts[i]) : int(lines.ends[i])], shape):
            verdict[i] = BLANK
    verdict[rough | quotes.rough] = ROUGH
    verdict[unsafe] = LONG
    return Judged(verdict, quotes.counts, quotes.reach, quotes.quoted)


def _follow_quotes(text: NDArray[np.uint8], lines: Lines, edges: Ints, parting: bits.Words, shape: Shape, unsafe: Flags) -> _Quotes:
    """What the quotes make of each line; `unsafe` are lines of which no record of several lines may be made here.

    A quote is in its place when it opens at a cell's start, or closes at a cell's end, or is one of two that mean one. Quotes are
    followed once through the block; where a line begins after an odd count of them, inside and outside are swapped for it.
    """
    plain = bits.counts_between(parting, edges)
    none = np.zeros(len(lines), dtype=np.bool_)
    words = bits.pack(text == QUOTE[0])
    per_line = bits.counts_between(words, edges) if words.any() else None
    if per_line is None:
        return _Quotes(plain, none, none, np.full(len(lines), -1, dtype=np.int64), none)
    starts, ends = (bits.of_places(len(text), places) for places in (lines.starts, lines.ends))
    at_start = words & (bits.later(parting) | starts)
    odd = (per_line & 1).astype(np.bool_)
    single = (per_line == 1) & (bits.counts_between(at_start, edges) == 0)
    inside = bits.parity(words)
    swapped = (np.cumsum(per_line) - per_line) & 1 == 1
    counts, wrong = _as_followed(words, inside, parting, starts, ends, edges)
    ways = [(counts, wrong)]
    if odd.any():
        ways.append(_as_followed(words, ~inside, parting, starts, ends, edges))
        counts, wrong = (np.where(swapped, other, one) for one, other in zip(ways[0], ways[1], strict=True))
    opening = np.flatnonzero(odd & ~single)
    reach = np.full(len(lines), -1, dtype=np.int64)
    if len(opening) and not len(lines.lone):
        _reach(reach, opening, np.flatnonzero(odd), swapped, ways, _Plain(plain, per_line == 0, unsafe), lines, shape)
    return _Quotes(np.where(single, plain, counts), (odd | (wrong > 0)) & ~single, single, reach, per_line > 0)


def _as_followed(
    words: bits.Words, inside: bits.Words, parting: bits.Words, starts: bits.Words, ends: bits.Words, edges: Ints
) -> tuple[Ints, Ints]:
    """Per line, delimiters outside quotes and quotes that are out of place, for one way of telling inside from outside."""
    opening, closing = words & inside, words & ~inside
    misplaced = opening & ~(bits.later(parting) | starts | bits.later(closing))
    misplaced |= closing & ~(bits.earlier(parting) | bits.earlier(ends) | bits.earlier(opening))
    return bits.counts_between(parting & ~inside, edges), bits.counts_between(misplaced, edges)


@dataclass(frozen=True)
class _Plain:
    """Per line: all delimiters, whether there are no quotes, and whether it must not become part of a longer record here."""

    counts: Ints
    unquoted: Flags
    unsafe: Flags


def _reach(
    reach: Ints,
    opening: Ints,
    odd: Ints,
    swapped: Flags,
    ways: list[tuple[Ints, Ints]],
    plain: _Plain,
    lines: Lines,
    shape: Shape,
) -> None:
    """Fills `reach` for lines that open a quote which the next line with an odd count of quotes closes, giving one good record.

    Not where the careful reader might see a run-away quote: there must be a line inside that is surely no whole record, or, with none
    inside, one of the two lines must lack delimiters.
    """
    follower = np.searchsorted(odd, opening, side="right")
    first = opening[follower < len(odd)]
    last = odd[follower[follower < len(odd)]]

    def total(per_line: Ints | Flags) -> Ints:
        before = np.concatenate((np.zeros(1, dtype=np.int64), np.cumsum(per_line, dtype=np.int64)))
        found: Ints = before[last + 1] - before[first]
        return found

    (counts, wrong), (other_counts, other_wrong) = ways
    proven = np.where(swapped[first], total(other_wrong), total(wrong)) == 0
    proven &= np.where(swapped[first], total(other_counts), total(counts)) == shape.width - 1
    proven &= total(plain.unsafe) == 0
    proven &= lines.nexts[last] - lines.starts[first] <= LINE_LIMIT
    if shape.width > 1:
        short = plain.counts < shape.width - 1
        no_record = plain.unquoted & (plain.counts != shape.width - 1)
        proven &= np.where(last - first > 1, total(no_record) > 0, short[first] | short[last])
    reach[first[proven]] = last[proven]


def _may_be_blank(lines: Lines, counts: Ints, shape: Shape) -> list[int]:
    """Lines that can be blank: empty ones, and where a record has several cells all without a delimiter."""
    empty = lines.starts == lines.ends
    found: list[int] = np.flatnonzero(empty | (counts == 0) if shape.width > 1 else empty).tolist()
    return found


def _may_be_header(block: bytes, lines: Lines, shape: Shape) -> Iterator[int]:
    """Lines that hold the longest quote-free piece of the header's cells: the few that can be the header again."""
    pieces = [piece for cell in shape.header if cell for piece in cell.split(QUOTE)]
    needle = max(pieces, key=len, default=b"")
    place = block.find(needle) if needle else -1
    while 0 <= place < lines.complete:
        line = lines.at(place)
        yield line
        place = block.find(needle, int(lines.nexts[line]))
