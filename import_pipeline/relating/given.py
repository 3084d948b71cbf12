"""What a row gave, as bits: the entry `given` of the store's lineage (acceptance B-7).

Belongs here: the order of the bits, the SQL that makes a mask, and reading masks of change sets that had other columns. Does not
belong here: which rows are asked (compare.py), what follows from it (late.py).

A row *gives* the columns that an update may set, and the parent, where it is not blank. A change set tells in `columns` the keys in the
order of its bits: the parent first, then the type's columns. A type's columns may change, so a mask is read by its own change set's keys.
"""

import json
from collections.abc import Iterable, Sequence

from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.work import Work
from import_pipeline.store.names import data_columns, ident, updatable

PARENT = "_parent_id"
LAST_BIT = 62
"""The last bit of a BIGINT below its sign. All columns from the 63rd on share it: who gives one of them is taken to give them all."""


def mask_columns(object_type: ObjectType) -> list[str]:
    """The keys in the order of their bits."""
    return [PARENT, *(c.key for c in data_columns(object_type) if updatable(c))]


def mask_sql(work: Work, row: str, parent: str) -> str:
    """SQL for the mask of what `row` (an alias with the data columns) gives; `parent` is SQL for the parent that it found."""
    by_bit: dict[int, list[str]] = {}
    for place, key in enumerate(mask_columns(work.object_type)):
        value = parent if key == PARENT else f"{row}.{ident(key)}"
        if work.parent_column if key == PARENT else key in work.given:
            by_bit.setdefault(_bit(place), []).append(f"{value} IS NOT NULL")
    zero = "CAST(0 AS BIGINT)"
    return " | ".join(f"CASE WHEN {' OR '.join(given)} THEN {bit} ELSE {zero} END" for bit, given in by_bit.items()) or zero


def bits_of(listed: str | None, keys: Sequence[str]) -> list[int]:
    """The bit of each key in masks of a change set with these `columns`; 0 for a column that it did not have."""
    known: Iterable[str] = json.loads(listed) if listed else ()
    bits = {key.casefold(): _bit(place) for place, key in enumerate(known)}
    return [bits.get(key.casefold(), 0) for key in keys]


def _bit(place: int) -> int:
    return 1 << min(place, LAST_BIT)
