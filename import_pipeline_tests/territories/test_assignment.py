"""Which territory a pin belongs to."""

from fractions import Fraction

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.territories import assignment
from import_pipeline.territories.assignment import ASSIGNED, assign
from import_pipeline.territories.geometry import TERRITORIES
from import_pipeline_tests.territories.drawn import Ring, box, holds, territories, wkt


def _points(*places: tuple[float | None, float | None]) -> pl.DataFrame:
    rows = [(number, *place) for number, place in enumerate(places)]
    return pl.DataFrame(rows, schema={"id": pl.Int64, "lng": pl.Float64, "lat": pl.Float64}, orient="row")


def _held(frame: pl.DataFrame, *places: tuple[float | None, float | None]) -> list[int | None]:
    found = assign(_points(*places), frame)
    assert dict(found.schema) == ASSIGNED and found.get_column("id").to_list() == list(range(len(places)))
    return found.get_column("territory").to_list()


NESTED = territories((1, 1, box(0, 0, 10, 10)), (2, 2, box(0, 0, 5, 10)), (3, 3, box(1, 1, 2, 2)), (4, 1, box(10, 0, 20, 10)))


def test_a_pin_belongs_to_the_deepest_territory_that_holds_it() -> None:
    """Acceptance B-14: who works the smallest area gets the record."""
    assert _held(NESTED, (1.5, 1.5), (3, 3), (7, 7), (15, 5), (30, 30)) == [3, 2, 1, 4, None]


def test_a_border_belongs_to_the_territory() -> None:
    """Otherwise the pins on the border of two neighbours would belong to nobody."""
    assert _held(NESTED, (2, 1.5), (1, 1), (5, 5), (20, 10)) == [3, 3, 2, 4]


def test_among_several_of_a_level_the_smaller_one_then_the_smaller_id_holds_it() -> None:
    """A rule that depends on nothing but the shapes, so that a second run moves nobody."""
    large, small = box(0, 0, 10, 10), box(0, 0, 4, 4)
    assert _held(territories((1, 1, large), (2, 1, small)), (1, 1), (9, 9)) == [2, 1]
    assert _held(territories((9, 1, small), (3, 1, small)), (1, 1)) == [3]
    assert _held(territories((5, 1, large), (4, 1, box(10, 0, 20, 10))), (10, 5)) == [4]


@pytest.mark.parametrize("place", [(None, 1.0), (1.0, None), (float("nan"), 1.0), (float("inf"), 1.0), (None, None)])
def test_a_pin_without_coordinates_belongs_to_none(place: tuple[float | None, float | None]) -> None:
    """An address that nobody has located yet is no error."""
    assert _held(NESTED, place, (1.5, 1.5)) == [None, 3]


def test_holes_and_second_polygons_are_seen() -> None:
    """For accounts that accept them."""
    ring = [(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)]
    several = f"MULTIPOLYGON ({wkt(*ring)[8:]}, {box(20, 0, 21, 1)[8:]})"
    assert _held(territories((1, 1, several)), (1, 1), (4, 4), (3, 4), (20.5, 0.5), (15, 0.5)) == [1, None, 1, 1, None]


def test_without_territories_or_pins_nothing_is_assigned() -> None:
    """The first territories and the first pins may come in any order."""
    assert _held(pl.DataFrame(schema=TERRITORIES), (1, 1)) == [None]
    assert _held(NESTED) == []
    assert _held(territories((1, 1, None), (2, 1, "POLYGON EMPTY")), (1, 1)) == [None]


def test_chunks_leave_no_pin_out(monkeypatch: pytest.MonkeyPatch) -> None:
    """Memory is bounded by looking at some pins at a time; where one chunk ends must not show."""
    places = [(x / 4, y / 4) for x in range(-2, 45) for y in range(-2, 45)]
    whole = _held(NESTED, *places)
    monkeypatch.setattr(assignment, "CHUNK", 7)
    assert _held(NESTED, *places) == whole


@st.composite
def _triangles(draw: st.DrawFn) -> list[tuple[int, int, Ring]]:
    found: list[tuple[int, int, Ring]] = []
    coordinate = st.integers(0, 8)
    for key in range(1, draw(st.integers(1, 6)) + 1):
        a, b, c = (draw(st.tuples(coordinate, coordinate)) for _ in range(3))
        if (b[0] - a[0]) * (c[1] - a[1]) != (c[0] - a[0]) * (b[1] - a[1]):
            found.append((key, draw(st.integers(1, 3)), [a, b, c]))
    return found


@settings(max_examples=30, deadline=None)
@given(_triangles())
def test_pins_on_a_grid_are_held_as_rays_in_exact_arithmetic_say(found: list[tuple[int, int, Ring]]) -> None:
    """Every third point of such a grid lies on a border or a corner: where doubles would round, the answer must not."""
    frame = territories(*((key, level, wkt(ring)) for key, level, ring in found))
    places = [(x / 2, y / 2) for x in range(-1, 18) for y in range(-1, 18)]
    held = _held(frame, *places)
    for (x, y), territory in zip(places, held, strict=True):
        around = {key: level for key, level, ring in found if holds([ring], Fraction(x), Fraction(y))}
        deepest = {key for key, level in around.items() if level == max(around.values())}
        assert territory in deepest if deepest else territory is None
        if len(deepest) == 1:
            assert {territory} == deepest
