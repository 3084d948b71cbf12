"""Header drift: what differs between the header of this file and that of the file before (acceptance B-10).

Belongs here: comparing two headers, in words. Does not belong here: where the last header is remembered (ledger/headers.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass

from rapidfuzz import fuzz

from import_pipeline.model.base import fold_name
from import_pipeline.model.row_error import Notice
from import_pipeline.suggesting.names import plain_words

MOST_TOLD = 3
"""Columns of one kind of change that are told one by one; where there are more, one notice names them."""
MOST_NAMED = 10
_LIKELY = 0.6
_SAME_PLACE = 0.15
"""What standing in the same place adds to the likeness of two names."""
Keys = Sequence[str | None]


@dataclass(frozen=True)
class _Cell:
    """One header cell: its text, its place from 0, and the column that it means."""

    text: str
    place: int
    key: str | None


def drift(
    before: Sequence[str], after: Sequence[str], keys_before: Keys, keys_after: Keys, *, line: int | None = None, ordered: bool = True
) -> tuple[Notice, ...]:
    """Which columns are renamed (likely, with a confidence), new, gone, or in another order; () when the headers are the same.

    `keys_…` are the columns that the cells mean, parallel to the headers. `line` is where the header stands now. Without `ordered`
    (JSON lines) the order means nothing and a key that no object has is not told as gone.
    """
    if tuple(before) == tuple(after):
        return ()
    gone, new = _left_over(before, after, keys_before, keys_after)
    renamed = _renamed(gone, new)
    was, now = {old for old, _, _ in renamed}, {cell for _, cell, _ in renamed}
    gone, new = [cell for cell in gone if cell not in was], [cell for cell in new if cell not in now]
    told = [
        *_each([_rename_notice(old, cell, sure, line) for old, cell, sure in renamed], "column_renamed", line),
        *_each([_new_notice(cell, line) for cell in new], "column_new", line),
    ]
    if ordered:
        told += _each([_gone_notice(cell, keys_after, line) for cell in gone], "column_gone", line)
        told += _reordered(before, after, line)
    return tuple(told)


def _left_over(before: Sequence[str], after: Sequence[str], keys_before: Keys, keys_after: Keys) -> tuple[list[_Cell], list[_Cell]]:
    """The cells that stand only before, and those that stand only after; of a cell that stands twice, the ones too many."""
    old = [_Cell(text.strip(), place, key) for place, (text, key) in enumerate(zip(before, keys_before, strict=True))]
    fresh = [_Cell(text.strip(), place, key) for place, (text, key) in enumerate(zip(after, keys_after, strict=True))]
    counts = {cell.text: 0 for cell in (*old, *fresh)}
    for cell in fresh:
        counts[cell.text] += 1
    gone = []
    for cell in old:
        counts[cell.text] -= 1
        if counts[cell.text] < 0:
            gone.append(cell)
    new = []
    for cell in reversed(fresh):
        if counts[cell.text] > 0:
            new.append(cell)
            counts[cell.text] -= 1
    return gone, new[::-1]


def _renamed(gone: Sequence[_Cell], new: Sequence[_Cell]) -> list[tuple[_Cell, _Cell, float]]:
    """The likely pairs of an old and a new name, the surest first, each cell once; in the order of the new header."""
    pairs = sorted(
        ((sure, old, cell) for old in gone for cell in new if (sure := _alike(old, cell)) >= _LIKELY),
        key=lambda pair: (-pair[0], pair[2].place, pair[1].place),
    )
    used_old: set[_Cell] = set()
    made: dict[_Cell, tuple[_Cell, float]] = {}
    for sure, old, cell in pairs:
        if old not in used_old and cell not in made:
            used_old.add(old)
            made[cell] = old, sure
    return sorted(((old, cell, sure) for cell, (old, sure) in made.items()), key=lambda pair: pair[1].place)


def _alike(old: _Cell, new: _Cell) -> float:
    """1.0 when both mean the same column or differ in case, blanks and punctuation only; two columns are never one."""
    if old.key is not None and new.key is not None:
        return float(old.key == new.key)
    if fold_name(old.text) == fold_name(new.text):
        return 1.0
    likeness = max(fuzz.ratio(fold_name(old.text), fold_name(new.text)), fuzz.token_set_ratio(*map(_spaced, (old.text, new.text))) * 0.85)
    return min(float(likeness) / 100 + (_SAME_PLACE if old.place == new.place else 0.0), 0.95)


def _spaced(text: str) -> str:
    return " ".join(plain_words(text))


def _rename_notice(old: _Cell, new: _Cell, sure: float, line: int | None) -> Notice:
    text = f"the column {new.text!r} is probably {old.text!r} of the file before, renamed ({sure:.0%})"
    if new.key is not None and sure == 1.0 and old.key == new.key:
        text = f"the column {old.text!r} of the file before is now called {new.text!r}; both mean {new.key!r}"
    elif new.key is None and old.key is not None:
        text += f"; {old.text!r} filled {old.key!r}, {new.text!r} is not imported"
    return Notice(code="column_renamed", message=text, line=line, column=new.text)


def _new_notice(cell: _Cell, line: int | None) -> Notice:
    what = f"it fills {cell.key!r}" if cell.key else "it is not imported"
    return Notice(code="column_new", message=f"the file before had no column {cell.text!r}; {what}", line=line, column=cell.text)


def _gone_notice(cell: _Cell, keys_after: Keys, line: int | None) -> Notice:
    what = "" if cell.key is None or cell.key in keys_after else f"; {cell.key!r} is not filled by this file"
    return Notice(code="column_gone", message=f"the column {cell.text!r} of the file before is gone{what}", line=line, column=cell.text)


def _reordered(before: Sequence[str], after: Sequence[str], line: int | None) -> list[Notice]:
    """One notice when the columns that both headers have stand in another order."""
    old, new = [cell.strip() for cell in before], [cell.strip() for cell in after]
    both = set(old) & set(new)
    if [cell for cell in old if cell in both] == [cell for cell in new if cell in both]:
        return []
    text = "the columns stand in another order than in the file before; they are found by their names, so nothing is lost by it"
    return [Notice(code="columns_reordered", message=text, line=line)]


def _each(notices: list[Notice], code: str, line: int | None) -> list[Notice]:
    """The notices as they are when they are few, else one that names the columns: an update file leaves most columns out."""
    if len(notices) <= MOST_TOLD:
        return notices
    named = ", ".join(repr(notice.column) for notice in notices[:MOST_NAMED])
    more = f" and {len(notices) - MOST_NAMED:,} more" if len(notices) > MOST_NAMED else ""
    what = {"column_renamed": "probably renamed", "column_new": "new", "column_gone": "gone"}[code]
    return [Notice(code=code, message=f"{len(notices):,} columns are {what} since the file before: {named}{more}", line=line)]
