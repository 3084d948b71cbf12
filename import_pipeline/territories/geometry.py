"""Shapes as GEOS geometries, and overlays of them that never raise.

Belongs here: the frame that this room takes, reading its WKT, cutting geometries. Does not belong here: areas (areas.py), what is
concluded from overlays (hierarchy, inspection, assignment).

Borders are straight lines in degrees, here as on the map and in validation: whether a point or a territory lies inside is decided
in the plane of longitude and latitude. No shape reaches over the 180th meridian (validation refuses it).
"""

from collections.abc import Callable

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely
from shapely.errors import GEOSException

Geometries = npt.NDArray[np.object_]
Numbers = npt.NDArray[np.float64]
Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
TERRITORIES: dict[str, pl.DataType] = {"id": pl.Int64(), "title": pl.String(), "level": pl.Int64(), "shape": pl.String()}
"""The frame of territories: `shape` is WKT in degrees, longitude first; ids are unique."""
GRID = 1e-9
"""Degrees, a tenth of a millimetre: the grid that an overlay is snapped to when GEOS fails on the doubles as they are."""
_POLYGON, _MULTIPOLYGON = 3, 6
_NOTHING = shapely.Polygon()


def polygons(shapes: pl.Series) -> Geometries:
    """Valid polygons or multipolygons of a column of WKT. What is null, no WKT or has no area becomes an empty polygon; what crosses
    itself is mended (validation lets no such shape pass)."""
    texts = np.array(shapes.to_list(), dtype=object)
    found: Geometries = np.asarray(shapely.from_wkt(texts, on_invalid="ignore"), dtype=object)
    found[shapely.is_missing(found)] = _NOTHING
    broken = np.flatnonzero(~shapely.is_valid(found))
    found[broken] = _each(_mended, found[broken])
    return polygonal(found)


def _mended(geometries: object) -> object:
    """Valid geometries that cover what any of their parts covers. (GEOS's other way of mending takes out what two parts cover.)"""
    return shapely.make_valid(geometries, method="structure", keep_collapsed=False)


def polygonal(geometries: Geometries) -> Geometries:
    """The parts that have an area: an overlay of neighbours also gives the lines and points that they share."""
    found = geometries.copy()
    for place in np.flatnonzero(~np.isin(shapely.get_type_id(found), (_POLYGON, _MULTIPOLYGON))):
        parts = shapely.get_parts(shapely.get_parts(found[place]))
        areas = parts[shapely.get_type_id(parts) == _POLYGON]
        found[place] = shapely.multipolygons(areas) if areas.size > 1 else areas[0] if areas.size else _NOTHING
    return found


def _each(make: Callable[..., object], *columns: Geometries) -> Geometries:
    """`make` of each row alone; where GEOS fails, of mended geometries on a grid; where that fails as well, nothing."""
    made = np.full(columns[0].size, _NOTHING, dtype=object)
    for place in range(made.size):
        row = [column[place] for column in columns]
        try:
            made[place] = make(*row)
        except GEOSException:
            try:
                made[place] = make(*(shapely.set_precision(_mended(one), GRID) for one in row))
            except GEOSException:
                made[place] = _NOTHING
    return made


def _overlay(make: Callable[..., Geometries], a: Geometries, b: Geometries) -> Geometries:
    try:
        return polygonal(np.asarray(make(a, b), dtype=object))
    except GEOSException:
        return polygonal(_each(make, a, b))


def _asked(predicate: Callable[..., Flags], a: Geometries, b: Geometries, unknown: bool) -> Flags:
    """A predicate pair by pair, with `a` prepared; `unknown` for all of them where GEOS fails."""
    shapely.prepare(a)
    try:
        return np.asarray(predicate(a, b), dtype=np.bool_)
    except GEOSException:
        return np.full(a.size, unknown, dtype=np.bool_)


def shared(a: Geometries, b: Geometries) -> Geometries:
    """Pair by pair, what lies in both. Most neighbours share a border only: that is found in half the time that cutting takes.
    Prepares `a`: sort pairs by it."""
    found = np.full(a.size, _NOTHING, dtype=object)
    cut = ~_asked(shapely.touches, a, b, unknown=False)
    found[cut] = _overlay(shapely.intersection, a[cut], b[cut])
    return found


def outside(a: Geometries, b: Geometries) -> Geometries:
    """Pair by pair, what of `a` does not lie in `b`."""
    return _overlay(shapely.difference, a, b)


def together(geometries: Geometries) -> object:
    """One geometry that covers what any of them covers."""
    try:
        return shapely.union_all(geometries)
    except GEOSException:
        return shapely.union_all(_mended(geometries), grid_size=GRID)


def covering(outer: Geometries, inner: Geometries) -> Flags:
    """Pair by pair, whether `inner` lies wholly in `outer`, border included. Prepares the outer ones: sort pairs by them."""
    return _asked(shapely.covers, outer, inner, unknown=False)


def touching(tree: shapely.STRtree, geometries: Geometries) -> tuple[Ints, Ints]:
    """The pairs that have a point in common: (number in `geometries`, number in the tree), sorted. Prepares `geometries`."""
    mine, theirs = tree.query(geometries, predicate="intersects")
    order = np.lexsort((theirs, mine))
    return mine[order], theirs[order]
