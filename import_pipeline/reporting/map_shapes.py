"""Shapes on a flat sheet: WKT to projected, simplified outlines, their path texts, and where a title has room.

Belongs here: geometry that only a picture needs. Does not belong here: what is drawn and how (map_picture.py, maps.py), the geometry of
the rules (territories/).
The projection is Mercator, as on the maps people know: every place keeps its form at every zoom, and north is up.
"""

from dataclasses import dataclass
from typing import Any

import numpy as np
import polars as pl
import shapely
from numpy.typing import NDArray

Array = NDArray[Any]
"""Of shapely geometries (None where there is none) or of numbers."""
MOST_LATITUDE = 85.05
"""Degrees: Mercator's poles lie at infinity; nothing is sold there."""
EARTH_KM = 6378.137
"""Equatorial radius, WGS84."""
_POLYGON, _MULTIPOLYGON, _COLLECTION = 3, 6, 7


@dataclass(frozen=True)
class Plane:
    """A sheet: `width` × `height` units, y down, `unit` radians at the equator per unit.

    Longitudes west of `cut` degrees are drawn 360° further east, so that islands beyond the 180th meridian stay beside their land.
    """

    cut: float
    left: float
    top: float
    unit: float
    width: int
    height: int

    @classmethod
    def around(cls, shapes: Array, width: int, height: int) -> "Plane":
        """The sheet that holds all `shapes` (degrees) and just fits into so many units; one without shapes is the equator's."""
        if shapely.is_missing(shapes).all():
            return cls(-180.0, 0.0, 0.0, 1 / width, width, height)
        cut = _cut(shapes)
        west, south, east, north = shapely.total_bounds(_flat(shapes, cut))
        unit = max((east - west) / width, (north - south) / height, 1e-12)
        size = [max(1, int(np.ceil(round(span / unit, 6)))) for span in (east - west, north - south)]
        return cls(cut, west, -north, unit, *size)

    def project(self, shapes: Array) -> Array:
        """Shapes in degrees as shapes in units."""
        units: Array = shapely.transform(_flat(shapes, self.cut), lambda xy: (xy * (1, -1) - (self.left, self.top)) / self.unit)
        return units

    def latitude(self, y: float) -> float:
        """Degrees of the parallel at `y` units."""
        return float(np.degrees(np.arctan(np.sinh(-(self.top + y * self.unit)))))

    def km(self, y: float) -> float:
        """Kilometres of a unit at `y` units: Mercator grows towards the poles."""
        return float(EARTH_KM * self.unit * np.cos(np.radians(self.latitude(y))))


def read(wkt: pl.Series) -> Array:
    """The polygons of each WKT text; None where there is none, or none that can be drawn."""
    with np.errstate(invalid="ignore"):
        shapes: Array = shapely.from_wkt(np.array(wkt.to_list(), dtype=object), on_invalid="ignore")
        mixed = shapely.get_type_id(shapes) == _COLLECTION
        shapes[mixed] = [_polygons(shape) for shape in shapes[mixed]]
        drawable = np.isfinite(shapely.area(shapes)) & ~shapely.is_empty(shapes)
    return only(shapes, drawable & np.isin(shapely.get_type_id(shapes), (_POLYGON, _MULTIPOLYGON)))


def only(shapes: Array, which: Array) -> Array:
    """The shapes where `which` is true, None elsewhere."""
    kept = shapes.copy()
    kept[~which] = None
    return kept


def simplified(shapes: Array, most_points: int, tolerance: float) -> tuple[Array, float]:
    """Shapes without bends, islands and holes below `tolerance` units, and the tolerance that was needed for at most `most_points`.

    No shape is lost: one of which nothing would be left is the box around its largest part, so five points each are the least that
    can be had. Exteriors run in one direction and holes in the other.
    """
    drawn, needed = _without_bends(shapes, tolerance), tolerance
    least = 5 * int((~shapely.is_missing(shapes)).sum())
    while int(shapely.get_num_coordinates(drawn).sum()) > max(most_points, least):
        needed *= 1.6
        drawn = _without_bends(shapes, needed)
    return shapely.orient_polygons(drawn), needed


def paths(shapes: Array) -> list[str]:
    """Each shape as the text of an SVG path in whole units; nothing for None. Points that fall on one another are drawn once."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    rings, part = shapely.get_rings(parts, return_index=True)
    points, ring = shapely.get_coordinates(rings, return_index=True)
    x, y = np.rint(points).astype(np.int64).T
    frame = pl.DataFrame({"owner": owner[part][ring], "ring": ring, "x": x, "y": y})
    first = pl.col("ring").ne_missing(pl.col("ring").shift(1))
    last = pl.col("ring").ne_missing(pl.col("ring").shift(-1))
    steps = frame.with_columns(first.alias("first"), last.alias("last"), pl.col("x", "y").diff().name.prefix("d"))
    steps = steps.filter(pl.col("first") | (~pl.col("last") & ((pl.col("dx") != 0) | (pl.col("dy") != 0))))
    move = pl.format("M{} {}", "x", "y")
    after_move = pl.col("first").shift(1, fill_value=False)
    lead = pl.when(after_move).then(pl.lit("l")).when(pl.col("dx") < 0).then(pl.lit("")).otherwise(pl.lit(" "))
    between = pl.when(pl.col("dy") < 0).then(pl.lit("")).otherwise(pl.lit(" "))
    line = lead + pl.col("dx").cast(pl.String) + between + pl.col("dy").cast(pl.String)
    texts = steps.with_columns(pl.when("first").then(move).otherwise(line).alias("text"))
    dot = pl.when(pl.len() == 1).then(pl.lit("h1z")).otherwise(pl.lit("z"))
    of_ring = texts.group_by("owner", "ring", maintain_order=True).agg(pl.col("text").str.join("") + dot.first())
    of_shape = of_ring.group_by("owner", maintain_order=True).agg(pl.col("text").str.join(""))
    found = dict(of_shape.iter_rows())
    return [found.get(number, "") for number in range(len(shapes))]


def boxes(shapes: Array) -> Array:
    """Left, top, right and bottom of each shape as its path text draws it, in whole units; zeros for None."""
    whole: Array = np.rint(np.nan_to_num(shapely.bounds(shapes))).astype(np.int64)
    return whole


def rooms(shapes: Array) -> Array:
    """Where a title has room in the largest part of each shape: middle x, middle y, width, height, in whole units; zeros for None.

    The height is that of the largest circle inside; the width reaches from border to border through its middle.
    """
    found = np.zeros((len(shapes), 4), dtype=np.int64)
    parts, owner = _largest(shapes)
    sound = shapely.is_valid(parts) & (shapely.area(parts) > 0)
    parts, owner = parts[sound], owner[sound]
    if not len(parts):
        return found
    circles = shapely.maximum_inscribed_circle(parts, tolerance=np.sqrt(shapely.area(parts)) / 20)
    x, y = shapely.get_coordinates(shapely.get_point(circles, 0)).T
    radius = shapely.length(circles)
    west, _, east, _ = shapely.bounds(parts).T
    across = shapely.linestrings(np.stack([np.column_stack([west - 1, y]), np.column_stack([east + 1, y])], axis=1))
    chords, of = shapely.get_parts(shapely.intersection(parts, across), return_index=True)
    ends = shapely.bounds(chords)
    here = (ends[:, 0] <= x[of]) & (ends[:, 2] >= x[of])
    left, right = x - radius, x + radius
    left[of[here]], right[of[here]] = ends[here, 0], ends[here, 2]
    middle = np.clip((left + right) / 2, x - radius, x + radius)
    width = 2 * np.minimum(middle - left, right - middle)
    found[owner] = np.rint(np.column_stack([middle, y, width, 2 * radius])).astype(np.int64)
    return found


def _without_bends(shapes: Array, tolerance: float) -> Array:
    drawn: Array = shapely.simplify(shapes, tolerance, preserve_topology=False)
    lost = np.flatnonzero(shapely.is_empty(drawn) & ~shapely.is_missing(drawn))
    parts, owner = _largest(shapes[lost])
    drawn[lost[owner]] = shapely.box(*shapely.bounds(parts).T)
    return drawn


def _largest(shapes: Array) -> tuple[Array, Array]:
    """The largest polygon of each shape, and the shape's number; None has none."""
    parts, owner = shapely.get_parts(shapes, return_index=True)
    order = np.lexsort((shapely.area(parts), owner))
    last = np.append(np.diff(owner[order]) > 0, True)[: len(order)]
    return parts[order[last]], owner[order[last]]


def _polygons(collection: Any) -> Any:
    parts = shapely.get_parts(collection)
    return shapely.multipolygons(parts[shapely.get_type_id(parts) == _POLYGON])


def _flat(shapes: Array, cut: float) -> Array:
    """Degrees as radians of Mercator's plane, y up."""

    def mercator(lng_lat: Array) -> Array:
        lng = lng_lat[:, 0] + np.where(lng_lat[:, 0] < cut, 360.0, 0.0)
        lat = np.radians(np.clip(lng_lat[:, 1], -MOST_LATITUDE, MOST_LATITUDE))
        return np.column_stack([np.radians(lng), np.arcsinh(np.tan(lat))])

    flat: Array = shapely.transform(shapes, mercator)
    return flat


def _cut(shapes: Array) -> float:
    """The middle of the widest range of longitudes without a shape; -180 where that is the one around the 180th meridian."""
    bounds = shapely.bounds(shapely.get_parts(shapes))
    if not len(bounds):
        return -180.0
    bounds = bounds[np.argsort(bounds[:, 0], kind="stable")]
    west, east = bounds[:, 0], np.maximum.accumulate(bounds[:, 2])
    gaps = west[1:] - east[:-1]
    if not gaps.size or gaps.max() <= west[0] + 360 - east[-1]:
        return -180.0
    widest = int(gaps.argmax())
    return float((east[widest] + west[widest + 1]) / 2)
