"""Which bytes of a file have been written, and whether its end looks cut off.

Belongs here: pure book-keeping of writes. Does not belong here: writing (uploads.py).
"""

from dataclasses import dataclass, field

MAX_PIECES = 256
"""Pieces that may lie apart at one time: clients write in order, a few requests at once."""
_PAGE = 4096


@dataclass
class Writes:
    """The writes of one upload. `start` bytes were there before (a resumed upload)."""

    start: int = 0
    count: int = 0
    longest: int = 0
    last_end: int = 0
    last_length: int = 0
    _pieces: list[tuple[int, int]] = field(default_factory=list)

    def __post_init__(self) -> None:
        if self.start:
            self._pieces = [(0, self.start)]
            self.last_end = self.start

    def add(self, offset: int, length: int) -> bool:
        """Books a write; False when too many pieces lie apart."""
        if length == 0:
            return True
        begin, end = offset, offset + length
        if self._pieces and self._pieces[-1][1] == begin:
            self._pieces[-1] = (self._pieces[-1][0], end)
        else:
            self._merge(begin, end)
        self.count += 1
        self.longest = max(self.longest, length)
        if end >= self.last_end:
            self.last_end, self.last_length = end, length
        return len(self._pieces) <= MAX_PIECES

    def _merge(self, begin: int, end: int) -> None:
        kept = []
        for first, last in self._pieces:
            if last < begin or first > end:
                kept.append((first, last))
            else:
                begin, end = min(begin, first), max(end, last)
        self._pieces = sorted([*kept, (begin, end)])

    def truncate(self, size: int) -> None:
        """What lies beyond `size` is gone."""
        self._pieces = [(first, min(last, size)) for first, last in self._pieces if first < size]
        self.last_end = min(self.last_end, size)

    @property
    def size(self) -> int:
        """The file's size in bytes, holes included."""
        return max((end for _, end in self._pieces), default=0)

    @property
    def whole(self) -> bool:
        """True when no byte before the end is missing."""
        return self._pieces in ([], [(0, self.size)])

    @property
    def looks_cut(self) -> bool:
        """True when the last write was a full one (reference/intake.md, fact 1): an interrupted client closes as a finished one does.

        Of a single write nobody knows what a full one would be: a multiple of 4,096 bytes counts as one.
        """
        if self.count == 0 or self.last_length < _PAGE:
            return False
        return self.last_length % _PAGE == 0 if self.count == 1 else self.last_length >= self.longest
