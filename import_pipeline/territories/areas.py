"""How large a shape is on the ground.

Belongs here: square kilometres, the one measure that this room compares sizes and shares by. Does not belong here: cutting shapes.

The area is geodesic, on the ellipsoid of WGS 84 (pyproj.Geod). Geod joins two points by the shortest way over the ground, while a
border is straight in degrees; so steps longer than half a degree are first cut into shorter ones, and the two differ by less than
a ten-thousandth. That way the areas of the parts of a territory add up to its own.
"""

import numpy as np
import polars as pl
import shapely
from pyproj import Geod

from import_pipeline.territories.geometry import Geometries, Numbers, polygons

STEP = 0.5
"""Degrees: the longest step of a border that is measured as it is."""
_GEOD = Geod(ellps="WGS84")
_SQUARE_METRES = 1e6


def measured(geometries: Geometries) -> Numbers:
    """Square kilometres of polygons and multipolygons; 0 for empty ones. Holes count off, the direction of a ring does not matter."""
    parts, owner = shapely.get_parts(geometries, return_index=True)
    rings, part = shapely.get_rings(shapely.segmentize(parts, STEP), return_index=True)
    xy, ring = shapely.get_coordinates(rings, return_index=True)
    ends = np.searchsorted(ring, np.arange(len(rings) + 1))
    found = np.zeros(len(rings))
    for number in range(len(rings)):
        points = xy[ends[number] : ends[number + 1]]
        found[number] = abs(_GEOD.polygon_area_perimeter(points[:, 0], points[:, 1])[0])
    hole = np.diff(part, prepend=-1) == 0
    signed = np.where(hole, -found, found) / _SQUARE_METRES
    return np.bincount(owner[part], weights=signed, minlength=len(geometries)).astype(np.float64)


def square_kilometres(wkt: pl.Series) -> pl.Series:
    """Square kilometres (Float64) of a column of WKT in degrees; null for null. A shape is taken to be smaller than half the earth."""
    found = pl.Series("km2", measured(polygons(wkt)), dtype=pl.Float64)
    return found.set(wkt.is_null(), None)
