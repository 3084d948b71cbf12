"""What a Shape field takes, how it is kept, and in which words it is refused."""

import struct
from typing import Any

import polars as pl
import pytest
import shapely
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.territory import Territories
from import_pipeline.validation import shapes
from import_pipeline.validation.shapes import judge_shapes
from import_pipeline.validation.wkt import read_rings, write_rings
from import_pipeline_tests.validation.stages import found, judged, verdict

STRICT: dict[str, Any] = {"type": "Shape"}
SEVERAL = STRICT | {"multipolygons": True}
TRIANGLE = "POLYGON ((0 0, 1 0, 1 1, 0 0))"
HOLE = "POLYGON ((0 0, 9 0, 9 9, 0 9, 0 0), (1 1, 2 1, 2 2, 1 1))"
TWO = "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)), ((5 5, 6 5, 6 6, 5 5)))"


@pytest.mark.parametrize(
    ("spec", "text", "kept"),
    [
        (STRICT, TRIANGLE, TRIANGLE),
        (STRICT, "polygon((0 0,1 0,1 1,0 0))", TRIANGLE),
        (STRICT, " POLYGON\n( (\t0  0 ,1 0\r\n, 1 1 , 0 0 ) ) ", TRIANGLE),
        (STRICT, "POLYGON ((+0.0 -0, 1. 0e5, 10e-1 1.000, 0 0))", TRIANGLE),
        (STRICT, "MULTIPOLYGON (((0 0, 1 0, 1 1, 0 0)))", TRIANGLE),
        (
            STRICT,
            "POLYGON ((-5e-324 0, 1e-7 1e-7, 1.7976931348623157e1 1, -5e-324 0))",
            "POLYGON ((-5e-324 0, 1e-7 1e-7, 17.976931348623157 1, -5e-324 0))",
        ),
        (STRICT, "POLYGON ((-180 -90, 0 -90, 180 -90, 180 90, 0 90, -180 90, -180 -90))", None),
        (STRICT, "POLYGON ((0 0, 1 1, 1 0, 0 0))", None),
        (STRICT, "POLYGON ((0 0, 1 0, 1 0, 1 1, 0 0))", None),
        (STRICT, "POLYGON ((0.1 1e-7, 0.30000000000000004 0, 100.12345678901234 1, 0.1 0.0000001))", None),
        (SEVERAL, HOLE, HOLE),
        (SEVERAL, TWO, TWO),
        (SEVERAL, TWO.replace(", ", " ,").lower(), TWO),
        (SEVERAL, f"MULTIPOLYGON ({HOLE[8:]})", HOLE),
        (SEVERAL, f"MULTIPOLYGON ({HOLE[8:]}, ((20 0, 21 0, 21 1, 20 0)))", None),
    ],
)
def test_a_shape_is_kept_as_it_was_drawn(spec: dict[str, Any], text: str, kept: str | None) -> None:
    """Order, direction and start of rings stay, numbers are the doubles that were given: an export must give back what came."""
    expected = kept or text.replace("0.0000001", "1e-7")
    assert verdict(spec, text) == expected
    assert verdict(spec, expected) == expected


POLYGON = "a polygon such as "
RANGE = "longitude -180 to 180, then latitude -90 to 90"
SWAPPED = f"{RANGE}; latitude and longitude swapped?"
CROSSES = "a border that does not cross or touch itself; "


@pytest.mark.parametrize(
    ("spec", "text", "code", "value", "expected"),
    [
        (SEVERAL, "POINT (1 2)", "not_a_polygon", "POINT (1 2)", POLYGON),
        (SEVERAL, "Nebraska", "not_a_polygon", "Nebraska", POLYGON),
        (SEVERAL, "POLYGON EMPTY", "not_a_polygon", "POLYGON EMPTY", POLYGON),
        (SEVERAL, "POLYGON ((0 0, 1 0, 1 1, 0 0)", "not_a_polygon", "POLYGON ((0 0, 1 0, 1 1, 0 0)", POLYGON),
        (SEVERAL, "POLYGON (0 0, 1 0, 1 1, 0 0)", "not_a_polygon", "POLYGON (0 0, 1 0, 1 1, 0 0)", POLYGON),
        (SEVERAL, f"POLYGON ({HOLE[8:]})", "not_a_polygon", f"POLYGON ({HOLE[8:]})"[:60], POLYGON),
        (SEVERAL, "MULTIPOLYGON ((0 0, 1 0, 1 1, 0 0))", "not_a_polygon", "MULTIPOLYGON ((0 0, 1 0, 1 1, 0 0))", POLYGON),
        (SEVERAL, "POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))", "not_a_polygon", "POLYGON Z ((0 0 1, 1 0 1, 1 1 1, 0 0 1))", POLYGON),
        (SEVERAL, f"SRID=4326;{TRIANGLE}", "not_a_polygon", f"SRID=4326;{TRIANGLE}", POLYGON),
        (SEVERAL, f"{TRIANGLE} POLYGON", "not_a_polygon", f"{TRIANGLE} POLYGON", POLYGON),
        (STRICT, TWO, "several_polygons", "2 polygons", "one polygon: "),
        (STRICT, HOLE, "polygon_with_hole", "polygon with a hole", "a polygon without holes"),
        (STRICT, f"{HOLE[:-1]}, (3 3, 4 3, 4 4, 3 3))", "polygon_with_hole", "polygon with 2 holes", "a polygon without holes"),
        (STRICT, "POLYGON ((0 0, 1 nan, 1 x, 0 0))", "bad_coordinate", "1,nan", "longitude and latitude as plain numbers"),
        (STRICT, "POLYGON ((0 0, 0x1 0, 1 1, 0 0))", "bad_coordinate", "0x1,0", "longitude and latitude"),
        (STRICT, "POLYGON ((0 0, inf 0, 1 1, 0 0))", "bad_coordinate", "inf,0", "longitude and latitude"),
        (STRICT, "POLYGON ((0 0, 1 0 7, 1 1, 0 0))", "bad_coordinate", "1,0 7", "longitude and latitude"),
        (STRICT, "POLYGON ((0 0, 1, 1 1, 0 0))", "bad_coordinate", "1", "longitude and latitude"),
        (STRICT, "POLYGON ((0 0, ١ 0, 1 1, 0 0))", "bad_coordinate", "١,0", "longitude and latitude"),
        (STRICT, "POLYGON ((0 0, 1,5 0, 1 1, 0 0))", "bad_coordinate", "1", "longitude and latitude"),
        (STRICT, "POLYGON (())", "bad_coordinate", "", "longitude and latitude"),
        (STRICT, "POLYGON ((0 0, 200.5 41.2, 1 1, 0 0))", "coordinate_range", "200.5,41.2", SWAPPED[: len(RANGE)]),
        (STRICT, "POLYGON ((41.2 -96.1, 41.2 -96, 41.3 -96, 41.2 -96.1))", "coordinate_range", "41.2,-96.1", SWAPPED),
        (STRICT, "POLYGON ((0 0, 1e999 0, 1 1, 0 0))", "coordinate_range", "inf,0", RANGE),
        (STRICT, "POLYGON ((0 0, 1 1, 0 0))", "ring_too_short", "ring of 3 points, first 0,0", "a ring of at least four points"),
        (STRICT, "POLYGON ((0 0, 1 0, 1 0, 0 0))", "ring_too_short", "ring of 4 points, first 0,0", "a ring of at least four points"),
        (STRICT, "POLYGON ((7 7, 7 7, 7 7, 7 7))", "ring_too_short", "ring of 4 points, first 7,7", "a ring of at least four points"),
        (STRICT, "POLYGON ((0 0, 1 0, 1 1, 0 0.5))", "ring_not_closed", "ring from 0,0 to 0,0.5", "a ring whose last point"),
        (STRICT, "POLYGON ((179 0, -179.5 0, -179 1, 179 0))", "crosses_antimeridian", "179,0 to -179.5,0", "a border without steps"),
        (
            STRICT,
            "POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))",
            "ring_crosses",
            "polygon of 5 points, first 0,0",
            CROSSES + "self-intersection at 0.5,0.5",
        ),
        (STRICT, "POLYGON ((0 0, 1 0, 2 0, 0 0))", "ring_crosses", "polygon of 4 points, first 0,0", CROSSES),
        (SEVERAL, TWO.replace("5 5", "0.5 0.2"), "ring_crosses", "2 polygons of 8 points, first 0,0", CROSSES + "self-intersection at "),
        (SEVERAL, HOLE.replace("(1 1", "(20 1").replace("1 1))", "20 1))"), "ring_crosses", "polygon of 9 points, first 0,0", CROSSES),
    ],
)
def test_a_shape_that_is_none_is_refused_in_few_words(spec: dict[str, Any], text: str, code: str, value: str, expected: str) -> None:
    """People see the wrong coordinate, not a thousand right ones, and what would have been right."""
    refused = verdict(spec, text)
    assert (refused["code"], refused["value"], refused["suggestion"]) == (code, value, None)
    assert refused["expected"].startswith(expected)


def test_only_a_range_that_swapping_would_mend_asks_whether_they_are_swapped() -> None:
    """A hint that is wrong sends people the wrong way."""
    assert verdict(STRICT, "POLYGON ((41 -96, 41 -195, 42 -95, 41 -96))")["expected"] == RANGE
    assert verdict(STRICT, "POLYGON ((41 -96, 100 -50, 42 -95, 41 -96))")["expected"] == RANGE
    assert verdict(STRICT, "POLYGON ((41 -96, 41 -95, 42 -95, 41 -96))")["expected"] == SWAPPED


def test_a_ring_may_have_half_a_million_points_and_no_more(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded; a real border has some thousands."""
    monkeypatch.setattr(shapes, "RING_POINTS", 4)
    assert verdict(STRICT, TRIANGLE) == TRIANGLE
    refused = verdict(STRICT, "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))")
    assert (refused["code"], refused["value"]) == ("too_many_points", "ring of 5 points")


def test_the_error_of_a_shape_begins_with_the_title() -> None:
    """A line number in a KML file tells nobody which territory it is."""
    bad = "POLYGON ((0 0, 200.5 41.2, 1 1, 0 0))"
    rows: list[dict[str, str | None]] = [
        {"Title": "North", "Level": "1", "Shape": bad},
        {"Title": None, "Level": "1", "Shape": bad},
        {"Title": "South", "Level": "one", "Shape": TRIANGLE},
        {"Title": "T" * 255, "Level": "1", "Shape": bad},
        {"Title": "Good", "Level": "2", "Shape": TRIANGLE},
    ]
    result = judged(Territories().object_type(), rows)
    assert result.errors.get_column("value").to_list() == ["North: 200.5,41.2", "200.5,41.2", "one", f"{'T' * 100}: 200.5,41.2"]
    assert found(result.errors) == {(2, "Shape", "coordinate_range"), (3, "Shape", "coordinate_range"), (4, "Level", "not_a_number")} | {
        (5, "Shape", "coordinate_range")
    }
    assert result.rows.get_column("Title").to_list() == ["Good"]


def test_several_faults_in_one_column_are_told_each_by_its_own_row() -> None:
    """The column is judged as a whole: what is wrong with one shape must never be told of its neighbour."""
    texts = {
        TRIANGLE: None,
        "POINT (1 1)": "not_a_polygon",
        "POLYGON ((0 0, 1 nan, 1 1, 0 0))": "bad_coordinate",
        "POLYGON ((0 0, 1 0, 1 1, 0 1, 0 0))": None,
        HOLE: "polygon_with_hole",
        "POLYGON ((0 0, 1 1, 1 0, 0 1, 0 0))": "ring_crosses",
        "POLYGON ((0 0, 0 95, 1 1, 0 0))": "coordinate_range",
        "POLYGON ((0 0, 2 0, 2 2, 0 0))": None,
        "POLYGON ((0 0, 2 2, 3 0, 0 2, 0 0))": "ring_crosses",
    }
    result = judged(Territories().object_type(), [{"Title": str(n), "Level": "1", "Shape": text} for n, text in enumerate(texts)])
    assert found(result.errors) == {(n + 2, "Shape", code) for n, code in enumerate(texts.values()) if code}
    assert result.rows.get_column("Shape").to_list() == [text for text, code in texts.items() if code is None]
    crossing = result.errors.filter(pl.col("code") == "ring_crosses").get_column("expected").str.extract(r" at (.*)").to_list()
    assert crossing == ["0.5,0.5", "1.2,1.2"]


def test_no_shape_breaks_no_rule() -> None:
    """Whether a shape is required is decided where updates are known."""
    assert verdict(STRICT, None) is None and verdict(STRICT, " ") is None
    assert judge_shapes(pl.Series([], dtype=pl.String), False).shapes.tolist() == []


_NUMBERS = st.one_of(
    st.floats(-90, 90, allow_nan=False),
    st.integers(-90, 90).map(float),
    st.floats(-1e-300, 1e-300, allow_nan=False),
    st.decimals(-90, 90, places=6, allow_nan=False).map(float),
)
_RINGS = st.lists(st.tuples(_NUMBERS, _NUMBERS), min_size=1, max_size=6)
_SHAPES = st.lists(st.lists(_RINGS, min_size=1, max_size=3), min_size=1, max_size=3)


def _bits(number: float) -> bytes:
    return struct.pack("<d", number + 0.0)


@settings(max_examples=50, deadline=None)
@given(st.lists(_SHAPES, min_size=1, max_size=4), st.sampled_from([", ", ",", " ,\n"]), st.sampled_from(["r", ".17g", ".20e"]))
def test_every_double_of_every_ring_is_read_and_written_to_the_last_bit(column: list[Any], comma: str, style: str) -> None:
    """Were one ring counted wrong, all rings behind it would belong to the wrong territory."""

    def number(value: float) -> str:
        return repr(value) if style == "r" else format(value, style)

    def text(shape: list[list[list[tuple[float, float]]]]) -> str:
        polygons = [
            "(" + comma.join("(" + comma.join(f"{number(x)} {number(y)}" for x, y in ring) + ")" for ring in rings) + ")" for rings in shape
        ]
        return f"POLYGON {polygons[0]}" if len(shape) == 1 else f"MULTIPOLYGON ({comma.join(polygons)})"

    values = [None, *map(text, column), "POLYGON"]
    read = read_rings(pl.Series(values, dtype=pl.String))
    assert read.readable.tolist() == [False, *[True] * len(column), False]
    flat = [(row, ring) for row, shape in enumerate(column, 1) for rings in shape for ring in rings]
    assert read.row.tolist() == [row for row, _ in flat] and read.parsed.all()
    assert read.first.tolist() == [n == 0 for shape in column for rings in shape for n in range(len(rings))]
    assert read.ring.tolist() == [n for n, (_, ring) in enumerate(flat) for _ in ring]
    bits = [_bits(x) + _bits(y) for _, ring in flat for x, y in ring]
    assert [_bits(x) + _bits(y) for x, y in read.xy.tolist()] == bits
    written = write_rings(read)
    assert written.is_not_null().to_list() == read.readable.tolist()
    again = read_rings(written)
    assert [_bits(x) + _bits(y) for x, y in again.xy.tolist()] == bits
    assert (again.row.tolist(), again.polygon.tolist(), again.ring.tolist()) == (
        read.row.tolist(),
        read.polygon.tolist(),
        read.ring.tolist(),
    )
    assert write_rings(again).equals(written, null_equal=True)


@settings(max_examples=50, deadline=None)
@given(st.lists(st.lists(st.tuples(st.integers(0, 4), st.integers(0, 4)), min_size=4, max_size=7), min_size=1, max_size=5))
def test_a_column_is_judged_as_its_values_alone_would_be(rings: list[list[tuple[int, int]]]) -> None:
    """And what passes is what GEOS calls valid, with the same corners."""
    texts = [f"POLYGON (({', '.join(f'{x} {y}' for x, y in [*ring, ring[0]])}))" for ring in rings]
    whole = judge_shapes(pl.Series(texts), False)
    for row, text in enumerate(texts):
        alone = judge_shapes(pl.Series([text]), False)
        assert (alone.fault[0], alone.found()[0]) == (whole.fault[row], whole.found()[row])
        given_ = shapely.from_wkt(text)
        assert (whole.shapes[row] is not None) == bool(shapely.is_valid(given_))
        if whole.shapes[row] is not None:
            assert shapely.equals_exact(whole.shapes[row], given_)
