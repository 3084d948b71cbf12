"""Physical lines: where they begin and end in a block of bytes, and a file read block by block.

Belongs here: what a line is (it ends at CRLF, LF or CR, nowhere else) for all readers of text. Does not belong here: cells and
records (csv_careful.py), encodings (doctor.py).
"""

from dataclasses import dataclass
from typing import BinaryIO

import numpy as np

from import_pipeline.parsing.batch import Ints

LINE_LIMIT = 1 << 20
"""Bytes of the longest line, and of the longest quoted part of a record. Bounds the memory that one bad quote can cost."""
BLOCK = 8 << 20
"""Bytes read at once."""
_LF, _CR = 10, 13


@dataclass(frozen=True)
class Lines:
    """The lines of a block: first byte, byte after the last one of the content, and first byte of the next line.

    `lone` are the places of carriage returns that end a line by themselves. `open` tells that the last line has no line end.
    """

    starts: Ints
    ends: Ints
    nexts: Ints
    lone: Ints
    open: bool

    def __len__(self) -> int:
        return len(self.starts)

    @property
    def complete(self) -> int:
        """Bytes covered by these lines."""
        return int(self.nexts[-1]) if len(self.nexts) else 0

    def at(self, place: int) -> int:
        """The line that holds the byte at `place`."""
        return int(np.searchsorted(self.starts, place, side="right")) - 1


def find_lines(block: bytes, final: bool) -> Lines:
    """The lines of a block that begins at a line's start.

    Unless `final`, what follows the last line end is left out, and so is a carriage return at the very end: its LF may come.
    """
    bytes_ = np.frombuffer(block, dtype=np.uint8)
    lone = np.empty(0, dtype=np.int64)
    stops = np.flatnonzero(bytes_ == _LF).astype(np.int64, copy=False)
    ends = stops
    if b"\r" in block:
        returns = np.flatnonzero(bytes_ == _CR).astype(np.int64, copy=False)
        known = returns if final else returns[returns < len(block) - 1]
        follower = bytes_[np.minimum(known + 1, len(block) - 1)]
        lone = known[(follower != _LF)]
        if len(lone):
            stops = np.sort(np.concatenate((stops, lone)))
        paired = (bytes_[stops] == _LF) & (stops > 0) & (bytes_[np.maximum(stops - 1, 0)] == _CR)
        ends = stops - paired
    nexts = stops + 1
    rest = int(nexts[-1]) if len(nexts) else 0
    unended = final and rest < len(block)
    if unended:
        ends, nexts = np.append(ends, len(block)), np.append(nexts, len(block))
    starts = np.empty(len(nexts), dtype=np.int64)
    if len(starts):
        starts[0], starts[1:] = 0, nexts[:-1]
    return Lines(starts, ends, nexts, lone, unended)


def line_end(block: bytes, lines: Lines, line: int) -> str | None:
    """The characters that end a line, or None for a last line without."""
    return block[int(lines.ends[line]) : int(lines.nexts[line])].decode("ascii") or None


class Blocks:
    """A file as blocks that each begin at a line's start. The caller says how much of a block it has used up; the rest comes again."""

    def __init__(self, stream: BinaryIO, size: int | None = None) -> None:
        self.stream, self.size = stream, size or BLOCK
        self.block, self.final = b"", False

    def next(self, used: int) -> bool:
        """Drops `used` bytes and reads on. False when the file is at its end and used up."""
        rest = self.block[used:]
        read = b"" if self.final else self.stream.read(self.size)
        self.final = self.final or len(read) < self.size
        self.block = rest + read if rest else read
        return bool(self.block)

    def skip_line(self) -> bool:
        """Drops all up to the next line end, holding one block at a time: for a line too long to keep. True when an end was met."""
        ends = (b"\r", b"\n")
        while True:
            found = [at for at in (self.block.find(end) for end in ends) if at >= 0]
            if found:
                at = min(found)
                if self.block[at : at + 1] == b"\r" and at + 1 == len(self.block) and not self.final:
                    self.next(at)
                    continue
                pair = self.block[at : at + 2] == b"\r\n"
                self.block = self.block[at + (2 if pair else 1) :]
                return True
            if self.final:
                self.block = b""
                return False
            self.next(len(self.block))
