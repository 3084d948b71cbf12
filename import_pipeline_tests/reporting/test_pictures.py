"""The picture of an account's deliveries."""

import struct
import subprocess
import sys
from datetime import UTC, datetime, timedelta

import pytest

from import_pipeline.model.job import Counts
from import_pipeline.reporting.pictures import MOST_BARS, DeliveryPoint, rows_per_delivery, short_number

START = datetime(2024, 3, 1, 8, tzinfo=UTC)


def points(number: int) -> list[DeliveryPoint]:
    """Deliveries every nine hours."""
    return [DeliveryPoint(f"d{n}", START + timedelta(hours=9 * n), created=100 * n, refused=n % 3) for n in range(number)]


@pytest.mark.parametrize("number", [0, 1, 12, MOST_BARS + 20])
def test_any_number_of_deliveries_gives_a_picture(number: int) -> None:
    """None, one, and more than fit: always a PNG of the same size."""
    png = rows_per_delivery(points(number), title="Rows <of> $acme$")
    assert png[:8] == b"\x89PNG\r\n\x1a\n"
    assert struct.unpack(">II", png[16:24]) == (1500, 675)


def test_equal_numbers_give_equal_bytes_in_any_order() -> None:
    """A stage that is run again gives the same bytes (DESIGN section 3)."""
    assert rows_per_delivery(points(4)) == rows_per_delivery(points(4)[::-1])


def test_other_numbers_give_another_picture() -> None:
    """Refused rows are seen: the same total, but one row refused."""
    one, other = DeliveryPoint("d", START, created=10), DeliveryPoint("d", START, created=5, refused=5)
    assert one.rows == other.rows and rows_per_delivery([one]) != rows_per_delivery([other])


def test_a_point_takes_its_rows_from_the_counts_of_its_jobs() -> None:
    """rows = good + refused, each row in one part of the bar."""
    counts = Counts(rows=21, good=15, created=1, updated=2, unchanged=3, deleted=4, parked=5, refused=6)
    assert DeliveryPoint.of("d", START, counts).rows == counts.rows


@pytest.mark.parametrize(("value", "told"), [(0, "0"), (950, "950"), (1000, "1k"), (13_640, "13.6k"), (1_234_567, "1.2M"), (2e9, "2G")])
def test_large_numbers_are_shortened(value: float, told: str) -> None:
    """Labels of neighbouring bars must not touch."""
    assert short_number(value) == told


def test_matplotlib_is_loaded_only_for_a_picture() -> None:
    """It costs half a second that no import of a file should pay."""
    code = "import import_pipeline.reporting.pictures, sys; sys.exit('matplotlib' in sys.modules)"
    assert subprocess.run([sys.executable, "-c", code], check=False).returncode == 0
