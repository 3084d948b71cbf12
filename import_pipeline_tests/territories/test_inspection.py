"""What does not fit in a tree of territories."""

from typing import Any

import polars as pl
import pytest
import shapely
from hypothesis import given, settings

from import_pipeline.model.row_error import CODES
from import_pipeline.territories import geometry
from import_pipeline.territories.areas import square_kilometres
from import_pipeline.territories.geometry import TERRITORIES
from import_pipeline.territories.hierarchy import parents
from import_pipeline.territories.inspection import FINDINGS, inspect
from import_pipeline_tests.territories.drawn import Box, box, boxes, common, drawn, territories, wkt

WEST, EAST = box(0, 0, 10, 10), box(10, 0, 20, 10)


def _found(frame: pl.DataFrame, tolerance: float = 0.01) -> list[dict[str, Any]]:
    found = inspect(frame, parents(frame, tolerance), tolerance)
    assert dict(found.schema) == FINDINGS
    assert all(CODES[code].severity == "warning" for code in found.get_column("code"))
    return list(found.iter_rows(named=True))


def _km2(shape: str) -> Any:
    return pytest.approx(square_kilometres(pl.Series([shape])).item(), rel=1e-4)


def test_a_tree_that_fits_has_no_findings() -> None:
    """Neighbours share borders: that alone is neither an overlap nor a gap."""
    frame = territories((1, 1, WEST), (2, 1, EAST), (3, 2, box(0, 0, 4, 10)), (4, 2, box(4, 0, 10, 10)), (5, 2, EAST))
    assert _found(frame, tolerance=0.0) == []


def test_an_orphan_is_told_with_the_best_share_there_is() -> None:
    """Acceptance S-14: a level-2 territory without a level-1 territory around it is reported."""
    away, astride = box(30, 0, 31, 1), box(19, 0, 22, 1)
    frame = territories((1, 1, WEST), (2, 1, EAST), (3, 2, away), (4, 2, astride), (5, 4, box(1, 1, 2, 2)))
    alone = [one for one in _found(frame) if one["code"] == "no_parent_territory"]
    assert [(one["id"], one["other"], one["level"]) for one in alone] == [(3, None, 2), (4, None, 2), (5, None, 4)]
    assert [one["share"] for one in alone] == [0.0, pytest.approx(1 / 3, abs=1e-4), 0.0]
    assert alone[0]["km2"] == _km2(away) and shapely.from_wkt(alone[0]["shape"]).equals(shapely.from_wkt(away))


def test_what_reaches_over_the_parents_border_is_told_with_its_size_and_place() -> None:
    """Somebody has to know where to look."""
    frame = territories((1, 1, WEST), (3, 2, box(0, 0, 11, 10)))
    (told,) = _found(frame)
    assert (told["code"], told["id"], told["other"], told["level"]) == ("outside_parent", 3, 1, 2)
    assert told["km2"] == _km2(box(10, 0, 11, 10)) and told["share"] == pytest.approx(1 / 11, rel=1e-3)
    assert shapely.from_wkt(told["shape"]).equals(shapely.box(10, 0, 11, 10))


def test_two_of_a_level_that_overlap_are_told_once_whatever_their_parents() -> None:
    """A pin in both could belong to either; the share is that of the smaller one."""
    frame = territories((1, 1, WEST), (2, 1, EAST), (8, 2, box(0, 0, 11, 10)), (7, 2, box(9, 0, 20, 10)), (9, 2, box(9, 0, 10, 1)))
    told = [one for one in _found(frame) if one["code"] == "overlap"]
    assert [(one["id"], one["other"], one["level"]) for one in told] == [(7, 8, 2), (7, 9, 2), (8, 9, 2)]
    assert [one["share"] for one in told] == [pytest.approx(2 / 11, rel=1e-3), 1.0, 1.0]
    assert told[0]["km2"] == _km2(box(9, 0, 11, 10)) and shapely.from_wkt(told[0]["shape"]).equals(shapely.box(9, 0, 11, 10))


def test_what_no_child_covers_is_a_gap_of_the_parent() -> None:
    """Records there would stay with the region. Children of others do not fill it, and a territory without children has none."""
    frame = territories((1, 1, WEST), (2, 1, EAST), (3, 2, box(0, 0, 4, 10)), (4, 2, box(6, 0, 10, 10)))
    assert [(one["code"], one["id"], one["other"], one["km2"]) for one in _found(frame)] == [("gap", 1, None, _km2(box(4, 0, 6, 10)))]
    assert _found(frame)[0]["share"] == pytest.approx(0.2, abs=1e-3)


def test_up_to_the_tolerance_nothing_is_told() -> None:
    """Borders drawn by hand: half a percent over the border is nobody's fault."""
    frame = territories(
        (1, 1, WEST), (2, 1, EAST), (3, 2, box(0, 0, 10.05, 10)), (4, 2, box(10.1, 0, 20, 10)), (5, 2, box(10, 0, 10.15, 10))
    )
    assert _found(frame, tolerance=0.5) == []
    assert [(one["code"], one["id"]) for one in _found(frame, tolerance=0.01)] == [("overlap", 3), ("overlap", 4)]
    assert {one["code"] for one in _found(frame, tolerance=0.001)} == {"outside_parent", "overlap"}


def test_slivers_of_rounded_doubles_are_never_told() -> None:
    """A point that one neighbour has on the common border and the other has not lies off it by the rounding of a double."""
    slanted = wkt([(0, 0), (3, 0), (7, 10), (0, 10)])
    # (3.4, 1) and the like are no exact doubles on the line from (3, 0) to (7, 10)
    neighbour = wkt([(3, 0), (10, 0), (10, 10), (7, 10), (5.8, 7), (4.2, 3), (3.4, 1)])
    assert _found(territories((1, 1, WEST), (2, 2, slanted), (3, 2, neighbour)), tolerance=0.0) == []


@pytest.mark.parametrize("shape", [None, "POLYGON EMPTY", "no shape", "POLYGON ((1 1, 3 3, 3 1, 1 3, 1 1))", "LINESTRING (0 0, 9 9)"])
def test_a_strange_shape_costs_no_other_finding(shape: str | None) -> None:
    """The report of a delivery must not fail because of one record in the store."""
    frame = territories((1, 1, WEST), (2, 1, shape), (3, 2, shape), (4, 2, box(0, 0, 4, 10)))
    assert ("gap", 1) in {(one["code"], one["id"]) for one in _found(frame)}


def test_no_territories_have_no_findings() -> None:
    """An account may have the feature and no file yet."""
    assert _found(pl.DataFrame(schema=TERRITORIES)) == []


def test_a_failing_overlay_is_repeated_pair_by_pair_on_a_grid() -> None:
    """GEOS gives up a whole column for one pair that it cannot cut: the others must be cut all the same."""
    calls: list[str] = []

    def fails_on_columns_and_on_the_first(a: Any, b: Any) -> Any:
        calls.append(type(a).__name__)
        if type(a).__name__ == "ndarray" or calls.count("Polygon") == 1:
            raise shapely.errors.GEOSException("TopologyException: side location conflict")
        return shapely.intersection(a, b)

    a, b = (geometry.polygons(pl.Series([shape, shape])) for shape in (WEST, box(5, 0, 15, 10)))
    found = geometry._overlay(fails_on_columns_and_on_the_first, a, b)
    assert calls == ["ndarray", "Polygon", "Polygon", "Polygon"]
    assert all(one.equals(shapely.box(5, 0, 10, 10)) for one in found)


@settings(max_examples=40, deadline=None)
@given(boxes())
def test_overlaps_of_boxes_are_those_that_a_look_at_every_pair_gives(found: list[tuple[int, int, Box]]) -> None:
    """Every pair of a level once, with its very piece; a pair that only touches is none."""
    told = {(one["id"], one["other"]): one for one in _found(drawn(found), tolerance=0.0) if one["code"] == "overlap"}
    expected: dict[tuple[int, int], str] = {}
    for key, level, sides in found:
        for other, same, others in found:
            if key < other and level == same and (piece := common(sides, others)):
                expected[key, other] = box(*piece)
    assert told.keys() == expected.keys()
    for pair, shape in expected.items():
        assert shapely.from_wkt(told[pair]["shape"]).equals(shapely.from_wkt(shape))
        assert told[pair]["km2"] == pytest.approx(square_kilometres(pl.Series([shape])).item(), rel=1e-9)


@settings(max_examples=40, deadline=None)
@given(boxes())
def test_a_parents_children_and_its_gap_make_up_the_parent(found: list[tuple[int, int, Box]]) -> None:
    """On unit squares: each square of a parent lies in the gap or in a child, and no square lies in both."""
    frame = drawn(found)
    children: dict[int, list[int]] = {}
    for key, parent, _ in parents(frame, 0.0).iter_rows():
        if parent is not None:
            children.setdefault(parent, []).append(key)
    sides = {key: box for key, _, box in found}
    gaps = {one["id"]: shapely.from_wkt(one["shape"]) for one in _found(frame, tolerance=0.0) if one["code"] == "gap"}
    assert gaps.keys() <= children.keys()
    for parent, mine in children.items():
        west, south, east, north = sides[parent]
        for x in range(west, east):
            for y in range(south, north):
                covered = any(w <= x < e and s <= y < n for w, s, e, n in (sides[child] for child in mine))
                assert (parent in gaps and gaps[parent].contains(shapely.Point(x + 0.5, y + 0.5))) != covered
