"""Which territory lies below which."""

from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.territories.areas import square_kilometres
from import_pipeline.territories.geometry import TERRITORIES
from import_pipeline.territories.hierarchy import PARENTS, parents
from import_pipeline_tests.territories.drawn import Box, box, boxes, common, drawn, territories, wkt

EAST, WEST = box(10, 0, 20, 10), box(0, 0, 10, 10)


def _parent(*rows: tuple[int, int, str | None], tolerance: float = 0.01) -> dict[int, Any]:
    return {key: (parent, share) for key, parent, share in parents(territories(*rows), tolerance).iter_rows()}


def test_a_territory_lies_below_the_one_that_contains_it() -> None:
    """Acceptance S-14."""
    found = _parent((1, 1, WEST), (2, 1, EAST), (3, 2, box(12, 1, 13, 2)), (4, 3, box(12, 1, 12.5, 2)))
    assert found == {1: (None, None), 2: (None, None), 3: (2, 1.0), 4: (3, 1.0)}


def test_only_the_level_right_above_counts() -> None:
    """A level-3 territory within a level-1 territory has no parent while nobody drew the level-2 one."""
    assert _parent((1, 1, WEST), (2, 3, box(1, 1, 2, 2))) == {1: (None, None), 2: (None, 0.0)}


def test_a_territory_across_a_border_lies_below_the_one_that_has_most_of_it() -> None:
    """Borders drawn by hand never fit; the share tells by how much."""
    found = _parent((1, 1, WEST), (2, 1, EAST), (3, 2, box(8, 0, 11, 1)))
    assert found[3] == (1, pytest.approx(2 / 3, abs=1e-4))


def test_less_than_half_of_it_is_no_parent_but_its_share_is_told() -> None:
    """Somebody has to draw a border anew, and wants to know how far it is off."""
    assert _parent((1, 1, WEST), (3, 2, box(9, 0, 12, 1)))[3] == (None, pytest.approx(1 / 3, abs=1e-4))


def test_exactly_half_is_enough_and_the_smaller_id_wins() -> None:
    """A territory halved by a border belongs somewhere, and always to the same one."""
    assert _parent((7, 1, WEST), (5, 1, EAST), (6, 2, box(9, 0, 11, 1)))[6][0] == 5


def test_within_the_tolerance_the_older_parent_stays() -> None:
    """Two overlapping parents that both hold all of it: a hair's breadth of a new border must not move it."""
    wide, narrow = box(0, 0, 10, 10), box(0, 0, 9.995, 10)
    child = box(8, 0, 10, 10)
    assert _parent((1, 1, narrow), (2, 1, wide), (3, 2, child), tolerance=0.01)[3] == (1, pytest.approx(0.9975, abs=1e-5))
    assert _parent((1, 1, narrow), (2, 1, wide), (3, 2, child), tolerance=0.001)[3] == (2, 1.0)


def test_a_hole_of_the_parent_holds_nothing() -> None:
    """Accepted multipolygons have holes: an enclave belongs to who lies in it."""
    ring = wkt([(0, 0), (9, 0), (9, 9), (0, 9)], [(3, 3), (6, 3), (6, 6), (3, 6)])
    assert _parent((1, 1, ring), (2, 1, box(3, 3, 6, 6)), (3, 2, box(4, 4, 5, 5)))[3] == (2, 1.0)


@pytest.mark.parametrize("shape", [None, "POLYGON EMPTY", "no shape", "POLYGON ((0 0, 1 0, 2 0, 0 0))"])
def test_without_a_shape_there_is_no_parent_and_no_failure(shape: str | None) -> None:
    """One strange record must not cost the hierarchy of all others."""
    found = _parent((1, 1, WEST), (2, 2, shape), (3, 2, box(1, 1, 2, 2)), (4, 3, box(1, 1, 2, 2)))
    assert found == {1: (None, None), 2: (None, 0.0), 3: (1, 1.0), 4: (3, 1.0)}


def test_a_shape_that_crosses_itself_is_mended_before_it_is_cut() -> None:
    """GEOS refuses to cut such a shape; validation refuses it, too, but a store may hold what came before a rule."""
    bow_tie = "POLYGON ((1 1, 3 3, 3 1, 1 3, 1 1))"
    found = _parent((1, 1, box(0, 0, 2, 4)), (2, 1, bow_tie), (3, 2, bow_tie))
    assert found[3] == (2, 1.0)


def test_no_territories_have_no_parents() -> None:
    """The first delivery of an account starts from nothing."""
    found = parents(pl.DataFrame(schema=TERRITORIES), 0.01)
    assert found.is_empty() and dict(found.schema) == PARENTS


@settings(max_examples=50, deadline=None)
@given(boxes(), st.sampled_from([0.0, 0.01, 0.2]))
def test_boxes_get_the_parent_that_a_look_at_every_pair_gives(found: list[tuple[int, int, Box]], tolerance: float) -> None:
    """The tree and the prepared shapes are there for speed alone."""
    frame = drawn(found)
    sides = {key: box for key, _, box in found}
    shapes: dict[Box, float] = {}

    def km2(of: Box) -> float:
        if of not in shapes:
            shapes[of] = square_kilometres(pl.Series([box(*of)])).item()
        return shapes[of]

    for key, parent, share in parents(frame, tolerance).iter_rows():
        level = next(lv for k, lv, _ in found if k == key)
        shares = {}
        for other, lv, _ in found:
            piece = common(sides[key], sides[other])
            if lv == level - 1 and piece:
                shares[other] = km2(piece) / km2(sides[key])
        equal = {other: 1.0 if s >= 1 - tolerance else round(s, 6) for other, s in shares.items()}
        best = min(equal, key=lambda other: (-equal[other], other)) if equal else None
        if level == 1:
            assert (parent, share) == (None, None)
        else:
            assert parent == (best if best is not None and equal[best] >= 0.5 else None)
            assert share == pytest.approx(shares[best] if best is not None else 0.0, abs=1e-6)
