"""What files looked like: the header imported last for each account, type and format, and which mappings were accepted.

Belongs here: these facts, kept in `meta`. Does not belong here: comparing headers, suggesting (suggesting/), when a header counts
(delivering/drifting.py).

A retry of a delivery finds what its first try found: the value keeps the header from before the delivery, and those of its jobs.
"""

import hashlib
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection

from import_pipeline.ledger import meta
from import_pipeline.model.mapping import AcceptedMapping

MOST_CELLS = 5_000
"""Header cells whose mapping is remembered per object type; the least used ones go first."""
_LONGEST = 200
_MOMENT = len("20261120T170500")
_NOT_IMPORTED = ""


@dataclass(frozen=True)
class Place:
    """What shares one header: account, slug of the object type, format (None: recognised by names), and `rows` or `objects`."""

    account: str
    type_slug: str
    format: str | None
    shape: str = "rows"

    @property
    def key(self) -> str:
        """Where it stands in `meta`."""
        return _fitting(f"header/{self.account}/{self.type_slug}/{self.shape}/{self.format or ''}")


@dataclass(frozen=True)
class KnownHeader:
    """A header and the columns that its cells meant."""

    header: tuple[str, ...]
    keys: tuple[str | None, ...]


def before(conn: Connection, place: Place, delivery: str, number: int) -> KnownHeader | None:
    """The header imported last before job `number` of `delivery`; None when there is none, or when a later delivery came since."""
    kept = meta.read(conn, place.key)
    if kept is None or _is_later(kept["delivery"], delivery):
        return None
    if kept["delivery"] != delivery:
        return _header(kept["jobs"][-1])
    earlier = [found for found in kept["jobs"] if found["number"] < number]
    last = earlier[-1] if earlier else kept["before"]
    return _header(last) if last else None


def remember(conn: Connection, place: Place, delivery: str, number: int, found: KnownHeader, *, now: datetime) -> bool:
    """Job `number` of `delivery` was imported with this header; true when that is news, false for the next of many equal files and
    for a retry. A delivery older than the one remembered changes nothing."""
    kept = meta.read(conn, place.key)
    if kept is not None and _is_later(kept["delivery"], delivery):
        return False
    this = {"number": number, "header": list(found.header), "keys": list(found.keys)}
    if kept is None or kept["delivery"] != delivery:
        value = {"delivery": delivery, "before": kept["jobs"][-1] if kept else None, "jobs": [this]}
    else:
        others = [one for one in kept["jobs"] if one["number"] != number]
        jobs = sorted([*others, this], key=lambda one: one["number"])
        value = {**kept, "jobs": [one for at, one in enumerate(jobs) if at == 0 or _header(one) != _header(jobs[at - 1])]}
    if value == kept:
        return False
    meta.write(conn, place.key, value, now=now)
    return True


def accept(
    conn: Connection,
    account: str,
    type_slug: str,
    delivery: str,
    number: int,
    pairs: Iterable[tuple[str, str | None]],
    *,
    now: datetime,
) -> None:
    """Counts each (header cell, column's key or None for «left out on purpose») once; a retry of the same job counts nothing."""
    key = _fitting(f"mappings/{account}/{type_slug}")
    kept: dict[str, Any] = meta.read(conn, key) or {"delivery": "", "number": -1, "cells": {}}
    same = kept["delivery"] == delivery
    if (same and number <= kept["number"]) or _is_later(kept["delivery"], delivery):
        return
    cells: dict[str, dict[str, int]] = kept["cells"]
    for header, column in pairs:
        counts = cells.setdefault(header.strip(), {})
        counts[column or _NOT_IMPORTED] = counts.get(column or _NOT_IMPORTED, 0) + 1
    if len(cells) > MOST_CELLS:
        cells = dict(sorted(cells.items(), key=lambda cell: -sum(cell[1].values()))[:MOST_CELLS])
    meta.write(conn, key, {"delivery": delivery, "number": number, "cells": cells}, now=now)


def accepted(conn: Connection, account: str, type_slug: str) -> Sequence[AcceptedMapping]:
    """Every mapping accepted so far for an object type."""
    kept = meta.read(conn, _fitting(f"mappings/{account}/{type_slug}")) or {"cells": {}}
    return [AcceptedMapping(header, column or None, times) for header, counts in kept["cells"].items() for column, times in counts.items()]


def _header(kept: dict[str, Any]) -> KnownHeader:
    return KnownHeader(tuple(kept["header"]), tuple(kept["keys"]))


def _is_later(one: str, other: str) -> bool:
    """Whether a delivery's key was made in a later second."""
    return one[:_MOMENT] > other[:_MOMENT]


def _fitting(key: str) -> str:
    return key if len(key) <= _LONGEST else key[: _LONGEST - 33] + "/" + hashlib.sha256(key.encode()).hexdigest()[:32]
