"""What a file's name says about territories (acceptance S-14)."""

import pytest

from import_pipeline.model.territory import level_of


@pytest.mark.parametrize(
    ("name", "level"),
    [
        ("1_states.kml", 1),
        ("2_counties.kml", 2),
        ("9_x.kml", 9),
        ("3_1_x.kml", 3),
        ("Regions 2_north.kmz", 2),
        ("area4_b.kml", 4),
        ("2024_5_x.kml", 5),
        ("12_x.kml", 1),
        ("0_x.kml", 1),
        ("2x.kml", 1),
        ("2-x.kml", 1),
        ("territories.kml", 1),
        ("2_", 2),
        ("", 1),
    ],
)
def test_the_level_is_the_first_single_digit_before_an_underscore(name: str, level: int) -> None:
    """A year or a number of two digits tells no level, and a name that tells none is of the highest."""
    assert level_of(name) == level
