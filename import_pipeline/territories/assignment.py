"""Which territory a pin belongs to (acceptance B-14).

Belongs here: the deepest territory that holds a point. Does not belong here: which records have moved (relating and applying).
"""

from dataclasses import dataclass

import numpy as np
import polars as pl
import shapely

from import_pipeline.territories.areas import measured
from import_pipeline.territories.geometry import Flags, Geometries, Ints, Numbers, polygons

CHUNK = 100_000
"""Points looked at together. A chunk's geometries and candidates take some tens of MB, however many points there are."""
ASSIGNED: dict[str, pl.DataType] = {"id": pl.Int64(), "territory": pl.Int64()}


@dataclass(frozen=True)
class _Level:
    """The territories of one level, the one that goes first at the front, and a tree of them."""

    ids: Ints
    shapes: Geometries
    tree: shapely.STRtree


def _levels(territories: pl.DataFrame) -> list[_Level]:
    """The deepest level first. Shapes are prepared: each is asked about many points."""
    shapes = polygons(territories.get_column("shape"))
    frame = territories.select("id", "level", area=pl.Series(measured(shapes))).with_row_index("row").sort("level", "area", "id")
    found = []
    for part in frame.filter(pl.col("area") > 0, pl.col("level").is_not_null()).partition_by("level", maintain_order=True):
        chosen = shapes[part.get_column("row").to_numpy()]
        shapely.prepare(chosen)
        found.append(_Level(part.get_column("id").to_numpy(), chosen, shapely.STRtree(chosen)))
    return found[::-1]


def assign(points: pl.DataFrame, territories: pl.DataFrame) -> pl.DataFrame:
    """The territory of each point, in the order of `points` (id, lng and lat in degrees): id, territory (or null).

    That is the territory of the highest level number that holds the point, a point on the border included; among several of that
    level the smaller one (geodesic area), then the smaller id. Points without coordinates or outside of all territories get null.
    """
    levels = _levels(territories)
    lng, lat = (points.get_column(name).cast(pl.Float64).fill_null(float("nan")).to_numpy() for name in ("lng", "lat"))
    found = np.full(len(points), -1, dtype=np.int64)
    held = np.zeros(len(points), dtype=np.bool_)
    for start in range(0, len(points), CHUNK):
        chunk = slice(start, start + CHUNK)
        found[chunk], held[chunk] = _holders(lng[chunk], lat[chunk], levels)
    territory = pl.Series("territory", found, dtype=pl.Int64).set(pl.Series(~held), None)
    return pl.DataFrame([points.get_column("id"), territory])


def _holders(lng: Numbers, lat: Numbers, levels: list[_Level]) -> tuple[Ints, Flags]:
    """The territory of each point and whether there is one. What a deeper level holds is not asked of the levels above it."""
    found = np.full(lng.size, -1, dtype=np.int64)
    held = np.zeros(lng.size, dtype=np.bool_)
    open_ = np.flatnonzero(np.isfinite(lng) & np.isfinite(lat))
    places = shapely.points(lng[open_], lat[open_])
    for level in levels:
        first = _first_holder(lng[open_], lat[open_], places, level)
        hit = first < level.ids.size
        found[open_[hit]], held[open_[hit]] = level.ids[first[hit]], True
        open_, places = open_[~hit], places[~hit]
    return found, held


def _first_holder(lng: Numbers, lat: Numbers, places: Geometries, level: _Level) -> Ints:
    """The number of the first territory of a level that holds each point, or how many there are.

    The tree gives the candidates by their boxes; sorted by territory, each prepared shape answers for all its points in a row. That
    is faster than to let the tree ask every point whether it intersects, which would prepare the points.
    """
    point, shape = level.tree.query(places)
    order = np.argsort(shape, kind="stable")
    point, shape = point[order], shape[order]
    inside = shapely.intersects_xy(level.shapes[shape], lng[point], lat[point])
    first = np.full(lng.size, level.ids.size, dtype=np.int64)
    np.minimum.at(first, point[inside], shape[inside])
    return first
