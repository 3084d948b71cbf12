"""Rows that have a say in each other, matched one after the other as they came.

Belongs here: the pure rules of match.py's steps 1 to 5 on plain values. Does not belong here: SQL, and choosing which rows come here
(tangled.py): it is a loop over rows, and only rows that share a key with another row need one.
"""

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from typing import NamedTuple


class Hit(NamedTuple):
    """A stored record that fits a row by a rule. `free`: it has no external id in the store."""

    record: int
    free: bool
    name: str


class Row(NamedTuple):
    """One row. `target` is the record that match.py's steps 1 to 3 found, `record_ext` the external id that it has in the store.

    `by_record_id` tells that the row gave a record id. `keys` are the rules' keys in order, `hits[i]` the stored records that fit by
    the i-th.
    """

    seq: int
    line: int
    target: int | None
    record_ext: str | None
    by_record_id: bool
    ext: str | None
    complete: bool
    keys: tuple[str | None, ...]
    hits: Mapping[int, list[Hit]]


@dataclass(eq=False)
class Entity:
    """A record in the making: one that is stored, or one that the row `maker` makes at line `line`."""

    record: int | None
    maker: int | None
    ext: str | None
    name: str


@dataclass
class Outcome:
    """`placed`: (row, stored record or null, making row or null). Refusals: (row, code, number of the rule, names that fit)."""

    placed: list[tuple[int, int | None, int | None]] = field(default_factory=list)
    required: list[int] = field(default_factory=list)
    conflicts: list[int] = field(default_factory=list)
    ambiguous: list[tuple[int, int, str]] = field(default_factory=list)


class _Several(Exception):
    def __init__(self, rule: int, names: str) -> None:
        self.rule, self.names = rule, names


class _Matcher:
    """What the rows so far have made of the stored records and given of their own."""

    def __init__(self, rules: int) -> None:
        self.stored: dict[int, Entity] = {}
        self.by_ext: dict[str, Entity] = {}
        self.by_key: list[dict[str, dict[Entity, None]]] = [{} for _ in range(rules)]

    def entity(self, record: int, ext: str | None, name: str) -> Entity:
        return self.stored.setdefault(record, Entity(record, None, ext, name))

    def named(self, row: Row) -> Entity | None:
        """The record that the row's ids name; None when they name none. Raises LookupError when they name two."""
        own = self.by_ext.get(row.ext) if row.ext is not None else None
        if row.target is None or (own and not row.by_record_id):
            return own
        found = self.entity(row.target, row.record_ext, row.record_ext or f"record {row.target}")
        if own in (None, found) and (row.ext is None or found.ext in (None, row.ext)):
            return found
        if row.by_record_id:
            raise LookupError
        return None

    def fitting(self, row: Row) -> Entity | None:
        """The record that the first fitting rule gives; None when no rule fits."""
        for number, key in enumerate(row.keys):
            if key is None:
                continue
            found = {self.entity(h.record, None if h.free else h.name, h.name): None for h in row.hits.get(number, ())}
            found |= self.by_key[number].get(key, {})
            fit = [e for e in found if row.ext is None or e.ext is None]
            if len(fit) > 1:
                raise _Several(number, ", ".join(e.name for e in fit))
            if fit:
                return fit[0]
        return None

    def give(self, row: Row, entity: Entity) -> None:
        """The row is taken: later rows may find the record by what it gives."""
        if row.ext is not None:
            entity.ext = row.ext
            self.by_ext[row.ext] = entity
        for number, key in enumerate(row.keys):
            if key is not None:
                self.by_key[number].setdefault(key, {})[entity] = None


def match_in_order(rows: Iterable[Row], rules: int) -> Outcome:
    """Matches rows, given in order of arrival, each against the store and what the rows before it gave."""
    matcher, outcome = _Matcher(rules), Outcome()
    for row in rows:
        try:
            entity = matcher.named(row) or matcher.fitting(row)
        except LookupError:
            outcome.conflicts.append(row.seq)
            continue
        except _Several as several:
            outcome.ambiguous.append((row.seq, several.rule, several.names))
            continue
        if entity is None and not row.complete:
            outcome.required.append(row.seq)
            continue
        entity = entity or Entity(None, row.seq, row.ext, row.ext or f"the record of line {row.line}")
        matcher.give(row, entity)
        outcome.placed.append((row.seq, entity.record, entity.maker))
    return outcome
