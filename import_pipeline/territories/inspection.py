"""What does not fit in a tree of territories: orphans, borders that reach over, overlaps, gaps (acceptance S-14, B-14).

Belongs here: finding these, with their size and their place. Does not belong here: who is whose parent (hierarchy.py), telling people
(reporting/).
"""

import numpy as np
import polars as pl
import shapely

from import_pipeline.territories.areas import measured
from import_pipeline.territories.geometry import Geometries, Ints, outside, polygons, shared, together, touching

FINDINGS: dict[str, pl.DataType] = {
    "code": pl.String(),
    "id": pl.Int64(),
    "other": pl.Int64(),
    "level": pl.Int64(),
    "km2": pl.Float64(),
    "share": pl.Float64(),
    "shape": pl.String(),
}
SLIVER = 1e-10
"""Square degrees (about a square metre): smaller pieces come from the rounding of doubles, even where nothing is tolerated. They are
told by their area in the plane: the two long sides of a sliver are measured as two slightly different curves."""
PAIRS = 20_000
"""Pairs that are cut together: few of them overlap, so that the pieces of the others can go before the next are made."""


class _Tree:
    """The territories with their parents, shapes and areas."""

    def __init__(self, territories: pl.DataFrame, parents: pl.DataFrame, tolerance: float) -> None:
        known = territories.select(pl.col("id").cast(pl.Int64), pl.col("level").cast(pl.Int64))
        rows = known.with_row_index("row").with_columns(pl.col("row").cast(pl.Int64))
        mothers = rows.select(pl.col("id").alias("parent"), pl.col("row").alias("mother"))
        self.frame = rows.join(parents.select("id", "parent", "share"), on="id", how="left", maintain_order="left").join(
            mothers, on="parent", how="left", maintain_order="left"
        )
        self.shapes: Geometries = polygons(territories.get_column("shape"))
        self.areas = measured(self.shapes)
        self.tolerance = tolerance

    def found(self, code: str, rows: Ints, others: Ints, pieces: Geometries, whole: Ints) -> pl.DataFrame:
        """The findings whose piece is more than the tolerated share of the territories `whole`."""
        km2 = measured(pieces)
        areas = self.areas[whole]
        big = np.flatnonzero((shapely.area(pieces) > SLIVER) & (km2 > self.tolerance * areas))
        ids, levels = self.frame.get_column("id"), self.frame.get_column("level")
        other = ids.gather(np.maximum(others[big], 0)).set(pl.Series(others[big] < 0), None)
        data = {
            "id": ids.gather(rows[big]),
            "other": other,
            "level": levels.gather(rows[big]),
            "km2": km2[big],
            "share": np.minimum(km2[big] / areas[big], 1.0),
            "shape": shapely.to_wkt(pieces[big], rounding_precision=-1).tolist(),
        }
        return pl.DataFrame(data, schema={name: kind for name, kind in FINDINGS.items() if name != "code"}).select(
            pl.lit(code).alias("code"), pl.all()
        )

    def orphans(self) -> pl.DataFrame:
        """Territories below level 1 without a parent: the whole shape, and the best share found."""
        alone = self.frame.filter(pl.col("level") > 1, pl.col("parent").is_null())
        rows = alone.get_column("row").to_numpy()
        return alone.select(
            pl.lit("no_parent_territory").alias("code"),
            "id",
            pl.lit(None, pl.Int64).alias("other"),
            "level",
            pl.Series("km2", self.areas[rows]),
            pl.col("share").fill_null(0.0),
            pl.Series("shape", shapely.to_wkt(self.shapes[rows], rounding_precision=-1).tolist(), dtype=pl.String),
        )

    def reaching_over(self) -> pl.DataFrame:
        """What of a territory lies outside of its parent, as a share of the territory."""
        below = self.frame.filter(pl.col("mother").is_not_null(), pl.col("share") < 1 - self.tolerance)
        rows, mothers = below.get_column("row").to_numpy(), below.get_column("mother").to_numpy()
        return self.found("outside_parent", rows, mothers, outside(self.shapes[rows], self.shapes[mothers]), rows)

    def overlaps(self) -> pl.DataFrame:
        """What two territories of one level share, as a share of the smaller one; the smaller id is told first."""
        told = [pl.DataFrame(schema=FINDINGS)]
        for level in self.frame.partition_by("level"):
            rows = level.sort("id").get_column("row").to_numpy()
            tree = shapely.STRtree(self.shapes[rows])
            mine, theirs = touching(tree, self.shapes[rows])
            once = mine < theirs
            a, b = rows[mine[once]], rows[theirs[once]]
            for start in range(0, a.size, PAIRS):
                one, two = a[start : start + PAIRS], b[start : start + PAIRS]
                smaller = np.where(self.areas[one] <= self.areas[two], one, two)
                told.append(self.found("overlap", one, two, shared(self.shapes[one], self.shapes[two]), smaller))
        return pl.concat(told)

    def gaps(self) -> pl.DataFrame:
        """What of a territory with children none of them covers, as a share of the territory."""
        families = self.frame.filter(pl.col("mother").is_not_null()).sort("mother", "row").group_by("mother", maintain_order=True)
        children = families.agg("row")
        mothers = children.get_column("mother").to_numpy()
        covered = np.full(mothers.size, shapely.Polygon(), dtype=object)
        for place, rows in enumerate(children.get_column("row")):
            covered[place] = together(self.shapes[rows.to_numpy()])
        return self.found("gap", mothers, np.full(mothers.size, -1), outside(self.shapes[mothers], covered), mothers)


def inspect(territories: pl.DataFrame, parents: pl.DataFrame, tolerance: float) -> pl.DataFrame:
    """What does not fit, as a frame of FINDINGS; `parents` is what hierarchy.parents gives for these territories.

    `code`, in this order: no_parent_territory (`share`: the best one found), outside_parent (`other`: the parent), overlap (`other`:
    the other territory of the level, whatever their parents), gap (what no child covers; territories without children have none).
    `km2` is the geodesic area of the piece, `shape` its WKT, `share` its part of the territory, of an overlap its part of the
    smaller one. Pieces of up to the share `tolerance` are not told: borders drawn by hand never fit exactly. Sorted by id and other.
    """
    tree = _Tree(territories, parents, tolerance)
    found = (tree.orphans(), tree.reaching_over(), tree.overlaps(), tree.gaps())
    return pl.concat([part.sort("id", "other") for part in found])
