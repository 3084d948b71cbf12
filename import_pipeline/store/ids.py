"""Record ids as people see them, for whole columns.

Belongs here: names.outward for a polars series. Does not belong here: single ids and SQL (names.py).
"""

from functools import cache

import polars as pl

_LOW = 1 << 16


def outward_series(ids: pl.Series, tag: str) -> pl.Series:
    """16 hex digits behind the store's tag (see names.outward); null stays null. Neighbours share all but their last four digits."""
    if ids.null_count() == len(ids):
        return pl.Series([None], dtype=pl.String).new_from_index(0, len(ids))
    high, low = ids // _LOW, ids % _LOW
    heads = {head: f"{tag}{head:012x}" for head in high.drop_nulls().unique()}
    # `default` is for null only: every other value is among the heads.
    return high.replace_strict(heads, default=None, return_dtype=pl.String) + _tails().gather(low)


@cache
def _tails() -> pl.Series:
    return pl.Series([f"{low:04x}" for low in range(_LOW)])
