"""The territories that assignment is measured with."""

import shapely

from benchmarks.territories import SIDES, pins, territories


def test_both_sides_find_the_same_pins_in_valid_territories() -> None:
    """A ratio means something only where both did the same work."""
    frame, points = territories(9, 16), pins(2_000)
    assert shapely.is_valid(shapely.from_wkt(frame.get_column("shape").to_list())).all()
    assert SIDES["bare"](points, frame) == SIDES["assigned"](points, frame) > 1_500
    assert SIDES["hierarchy"](points, frame) == 81
