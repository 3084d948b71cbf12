"""Which territory lies below which: derived from shapes and levels, never stated (acceptance S-14).

Belongs here: the parent of each territory. Does not belong here: reporting what does not fit (inspection.py).
"""

import numpy as np
import polars as pl
import shapely

from import_pipeline.territories.areas import measured
from import_pipeline.territories.geometry import Geometries, Ints, Numbers, covering, polygons, shared, touching

PARENTS: dict[str, pl.DataType] = {"id": pl.Int64(), "parent": pl.Int64(), "share": pl.Float64()}
HALF = 0.5
_DIGITS = 9
"""Digits of a share that are compared: what lies beyond comes from the rounding of doubles."""


def parents(territories: pl.DataFrame, tolerance: float) -> pl.DataFrame:
    """The parent of each territory, in the order of `territories` (TERRITORIES): id, parent (or null), share.

    The parent of a territory of level n is the one of level n-1 with the largest share of its area, if that is one half or more.
    `share` is that of the parent, or of the best candidate where none is large enough (0 where nothing overlaps, null on level 1).
    Borders drawn by hand never fit exactly: candidates that hold all of it but `tolerance` (a share) hold it equally well.
    Among equals the smaller id is the parent, so that a small change of a border moves nobody.
    """
    numbered = territories.select(pl.col("id").cast(pl.Int64), "level").with_row_index("row")
    shapes = polygons(territories.get_column("shape"))
    found = [_best(numbered, shapes, level, tolerance) for level in numbered.get_column("level").drop_nulls().unique().sort() if level > 1]
    best = pl.concat([pl.DataFrame(schema=PARENTS), *found])
    told = numbered.join(best, on="id", how="left", maintain_order="left")
    share = pl.when(pl.col("level") > 1).then(pl.col("share").fill_null(0.0))
    return told.select("id", pl.when(pl.col("share").round(_DIGITS) >= HALF).then("parent").alias("parent"), share.alias("share"))


def _best(numbered: pl.DataFrame, shapes: Geometries, level: int, tolerance: float) -> pl.DataFrame:
    """The best candidate of each territory of one level that has any; columns of PARENTS."""
    below, above = numbered.filter(pl.col("level") == level), numbered.filter(pl.col("level") == level - 1)
    inner, outer = shapes[below.get_column("row").to_numpy()], shapes[above.get_column("row").to_numpy()]
    parent, child = touching(shapely.STRtree(inner), outer)
    share = _shares(inner, outer, child, parent)
    pairs = pl.DataFrame(
        {"id": below.get_column("id").gather(child), "parent": above.get_column("id").gather(parent), "share": pl.Series(share)}
    )
    whole = pl.col("share") >= 1 - min(tolerance, HALF)
    equal = pl.when(whole).then(1.0).otherwise(pl.col("share").round(_DIGITS))
    ordered = pairs.filter(pl.col("share") > 0).sort("id", equal, "parent", descending=[False, True, False])
    return ordered.unique("id", keep="first", maintain_order=True).select(*PARENTS)


def _shares(inner: Geometries, outer: Geometries, child: Ints, parent: Ints) -> Numbers:
    """Of each pair the share of the inner area that lies in the outer one. Only where it is not all of it, shapes are cut."""
    share = covering(outer[parent], inner[child]).astype(np.float64)
    cut = np.flatnonzero(share == 0)
    needed, place = np.unique(child[cut], return_inverse=True)
    whole = measured(inner[needed])[place]
    pieces = measured(shared(outer[parent[cut]], inner[child[cut]]))
    share[cut] = np.minimum(np.divide(pieces, whole, out=np.zeros_like(pieces), where=whole > 0), 1.0)
    return share
