"""Outlines on a flat sheet: nothing is lost, nothing lies elsewhere."""

from typing import Any

import numpy as np
import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st
from numpy.typing import NDArray
from pyproj import Geod

from import_pipeline.reporting.map_shapes import Plane, boxes, paths, read, rooms, simplified
from import_pipeline_tests.reporting.maps_kit import box, rings

Array = NDArray[Any]
DEGREES = st.tuples(st.floats(-179, 170), st.floats(-80, 75), st.floats(0.001, 9), st.floats(0.001, 5))


def shapes(*wkt: str | None) -> Array:
    """WKT texts as the maps read them."""
    return read(pl.Series(wkt, dtype=pl.String))


@given(places=st.lists(DEGREES, min_size=1, max_size=6))
@settings(max_examples=40, deadline=None)
def test_a_sheet_just_holds_its_shapes_wherever_they_lie(places: list[tuple[float, float, float, float]]) -> None:
    """One side is filled, nothing is outside, north is up, and a parallel is found again from its place."""
    found = shapes(*(box(x, y, x + w, y + h) for x, y, w, h in places))
    plane = Plane.around(found, 800, 600)
    left, top, right, bottom = shapely.total_bounds(plane.project(found))
    assert (left, top) == pytest.approx((0, 0), abs=1e-6)
    assert right <= plane.width + 1e-6
    assert bottom <= plane.height + 1e-6
    assert plane.width == 800 or plane.height == 600
    for x, y, w, h in places:
        north, south = (shapely.get_coordinates(plane.project(np.array([shapely.Point(x + w / 2, lat)])))[0, 1] for lat in (y + h, y))
        assert north < south
        assert plane.latitude(north) == pytest.approx(y + h)


def test_islands_beyond_the_180th_meridian_stay_beside_their_land() -> None:
    """Alaska reaches from 172° east to 130° west: its map is not one of the whole world."""
    plane = Plane.around(shapes(box(172, 51, 180, 53), box(-180, 51, -160, 60)), 1000, 1000)
    (islands,), (land,) = (plane.project(shapes(wkt)) for wkt in (box(172, 51, 180, 53), box(-180, 51, -160, 60)))
    assert shapely.bounds(islands)[2] == pytest.approx(shapely.bounds(land)[0])
    assert shapely.bounds(islands)[0] == pytest.approx(0)
    around_zero = Plane.around(shapes(box(-10, 0, 0, 5), box(0, 0, 20, 5)), 1000, 1000)
    assert around_zero.cut == -180


@pytest.mark.parametrize("latitude", [0, 41, -60, 75])
def test_a_unit_is_as_long_as_on_the_ground(latitude: float) -> None:
    """The scale bar holds at the middle of the map; the ellipsoid's difference to a sphere is below one per cent."""
    plane = Plane.around(shapes(box(10, latitude - 2, 14, latitude + 2)), 4000, 4000)
    (_, y), (x, _) = shapely.get_coordinates(plane.project(np.array([shapely.Point(10, latitude), shapely.Point(11, latitude)])))
    metres = Geod(ellps="WGS84").inv(10, latitude, 11, latitude)[2]
    assert plane.km(y) * x == pytest.approx(metres / 1000, rel=0.01)


def test_poles_lie_on_the_sheet() -> None:
    """Mercator's lie at infinity."""
    plane = Plane.around(shapes(box(-180, -90, 180, 90)), 1000, 1000)
    assert plane.width == 1000
    assert 990 < plane.height <= 1000


def test_only_polygons_are_read() -> None:
    """What cannot be drawn is None; pieces of a collection that are polygons are drawn."""
    mixed = "GEOMETRYCOLLECTION (POLYGON ((0 0, 1 0, 1 1, 0 0)), LINESTRING (0 0, 5 5), POINT (9 9))"
    found = shapes(
        None, "", "POINT (1 1)", "POLYGON ((0 0, 1", "POLYGON ((inf 0, 1 0, 1 1, inf 0))", "POLYGON EMPTY", mixed, box(0, 0, 1, 1)
    )
    assert [shape is not None for shape in found] == [False] * 6 + [True, True]
    assert shapely.area(found[6]) == 0.5


@given(
    corners=st.lists(st.tuples(st.integers(-40, 40), st.integers(-40, 40)), min_size=3, max_size=12),
    hole=st.booleans(),
    shift=st.floats(-0.49, 0.49),
)
@settings(max_examples=60, deadline=None)
def test_a_path_text_has_the_corners_of_its_shape(corners: list[tuple[int, int]], hole: bool, shift: float) -> None:
    """In whole units, point by point, without the closing one and without points that fall on the one before."""
    inner = [[(0, 0), (1, 0), (1, 1), (0, 0)]] if hole else []
    polygon = shapely.Polygon([(x + shift, y + shift) for x, y in corners], inner)
    twice = shapely.MultiPolygon([polygon, shapely.box(100, 100, 102, 103)])
    found = [rings(text) for text in paths(np.array([polygon, None, twice], dtype=object))]
    expected = [
        [corners[n] for n in range(len(corners)) if n == 0 or corners[n] != corners[n - 1]],
        *([[(0, 0), (1, 0), (1, 1)]] if hole else []),
    ]
    if len(expected[0]) == 1:
        expected[0].append((expected[0][0][0] + 1, expected[0][0][1]))
    assert found[0] == expected
    assert found[1] == []
    assert found[2][: len(expected)] == expected
    assert set(found[2][-1]) == {(100, 100), (102, 100), (102, 103), (100, 103)}


def coast(corners: int, radius: float = 1000) -> Array:
    """A round island with a rough coast, and a small one beside it."""
    turn = np.linspace(0, 2 * np.pi, corners)[:-1]
    far = radius * (1 + 0.02 * np.sin(37 * turn) + 0.001 * np.cos(911 * turn))
    island = shapely.Polygon(np.column_stack([far * np.cos(turn), far * np.sin(turn)]))
    return np.array([island, None, shapely.box(2 * radius, 0, 2 * radius + 0.1, 0.1)], dtype=object)


@pytest.mark.parametrize("most", [50, 500, 100_000])
def test_simplified_shapes_have_few_points_and_stay_within_the_tolerance(most: int) -> None:
    """The smallest shape is not lost, none stays none."""
    given_shapes = coast(5_000)
    drawn, needed = simplified(given_shapes, most, 0.5)
    assert shapely.get_num_coordinates(drawn).sum() <= most
    assert shapely.hausdorff_distance(drawn[0], given_shapes[0]) <= needed * 1.01
    assert drawn[1] is None
    assert shapely.bounds(drawn[2]).tolist() == shapely.bounds(given_shapes[2]).tolist()
    assert (needed == 0.5) == (most == 100_000)


def test_so_many_small_shapes_that_no_budget_holds_them_keep_five_points_each() -> None:
    """The simplification ends."""
    tiny = shapely.box(np.arange(100), 0, np.arange(100) + 0.3, 0.3)
    drawn, _ = simplified(tiny, 10, 1.0)
    assert shapely.get_num_coordinates(drawn).tolist() == [5] * 100


@given(places=st.lists(DEGREES, min_size=1, max_size=5), cut=st.floats(0.1, 0.9))
@settings(max_examples=40, deadline=None)
def test_the_room_for_a_title_lies_inside_the_shape(places: list[tuple[float, float, float, float]], cut: float) -> None:
    """Its middle line from end to end; for an L as for a box, for the larger one of two parts."""
    found = []
    for x, y, w, h in places:
        corner = shapely.box(x + cut * w, y + cut * h, x + w, y + h)
        found.append(
            shapely.MultiPolygon([shapely.box(x, y, x + w, y + h).difference(corner), shapely.box(x + 20, y, x + 20 + w / 9, y + h / 9)])
        )
    flat = shapely.transform(np.array([*found, None], dtype=object), lambda xy: xy * 1000)
    for shape, (x, y, wide, high), (_, _, w, h) in zip(flat[:-1], rooms(flat)[:-1], places, strict=True):
        line = shapely.LineString([(x - wide / 2 + 1, y), (x + wide / 2 - 1, y)])
        assert shape.buffer(2).covers(line)
        assert wide >= 0.9 * high - 2
        assert high > 0 or min(w, h) * 1000 < 20
    assert rooms(flat)[-1].tolist() == [0, 0, 0, 0]


def test_boxes_hold_the_corners_that_the_path_text_has() -> None:
    """What lies outside of the view is not drawn: a box that is too small would make borders vanish."""
    found = np.array([shapely.box(0.4, 1.6, 2.2, 3.0), None], dtype=object)
    corners = rings(paths(found)[0])[0]
    assert boxes(found).tolist() == [[*map(min, zip(*corners, strict=True)), *map(max, zip(*corners, strict=True))], [0, 0, 0, 0]]
    assert boxes(np.array([], dtype=object)).shape == (0, 4)
