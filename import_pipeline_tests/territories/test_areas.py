"""How large a shape is on the ground."""

import math

import polars as pl
import pytest
from pyproj import Geod

from import_pipeline.territories.areas import square_kilometres
from import_pipeline_tests.territories.drawn import box, corners, wkt

A, F = 6378137.0, 1 / 298.257223563


def _zone(south: float, north: float, width: float) -> float:
    """Square kilometres between two parallels over `width` degrees: the closed formula for the ellipsoid of WGS 84."""
    e = math.sqrt(F * (2 - F))

    def q(latitude: float) -> float:
        s = math.sin(math.radians(latitude))
        return s / (1 - e * e * s * s) + math.log((1 + e * s) / (1 - e * s)) / (2 * e)

    return A * A * (1 - e * e) / 2 * math.radians(width) * (q(north) - q(south)) / 1e6


def _km2(*shapes: str) -> list[float]:
    return square_kilometres(pl.Series(shapes, dtype=pl.String)).to_list()


@pytest.mark.parametrize("sides", [(0, 0, 1, 1), (-100, 40, -95, 45), (-120, -50, -60, 10), (10, 70, 40, 89), (-180, -90, -90, 90)])
def test_a_box_of_degrees_is_as_large_as_the_formula_for_zones_says(sides: tuple[float, float, float, float]) -> None:
    """A border along a parallel is straight in degrees and no shortest way: taken as one, a box of 60 degrees would be far off."""
    west, south, east, north = sides
    assert _km2(box(*sides)) == [pytest.approx(_zone(south, north, east - west), rel=2e-4)]


def test_a_small_shape_has_the_geodesic_area_of_pyproj() -> None:
    """A second library's number for the same thing is what people compare ours to."""
    ring = [(-96.10, 41.20), (-95.90, 41.25), (-95.95, 41.40), (-96.20, 41.35)]
    lngs, lats = [x for x, _ in ring], [y for _, y in ring]
    expected = abs(Geod(ellps="WGS84").polygon_area_perimeter(lngs, lats)[0]) / 1e6
    assert _km2(wkt(ring)) == [pytest.approx(expected, rel=1e-9)]


def test_holes_count_off_and_the_direction_of_a_ring_does_not_matter() -> None:
    """KML says nothing about directions, and a negative area would turn every comparison around."""
    outer, hole = corners((0, 0, 4, 4)), corners((1, 1, 2, 2))
    whole, cut = _km2(wkt(outer), wkt(hole))
    expected = pytest.approx(whole - cut, rel=1e-12)
    assert _km2(wkt(outer, hole), wkt(outer[::-1], hole), wkt(outer, hole[::-1])) == [expected] * 3
    island = corners((10, 10, 11, 11))
    several = f"MULTIPOLYGON ({wkt(outer, hole)[8:]}, {wkt(island)[8:]})"
    assert _km2(several) == [pytest.approx(whole - cut + sum(_km2(wkt(island))), rel=1e-12)]


def test_no_shape_has_no_area() -> None:
    """Null in, null out, so that a missing shape never counts as an empty one."""
    assert square_kilometres(pl.Series([None, "POLYGON EMPTY"])).to_list() == [None, 0.0]
    assert _km2() == []
