"""The picture of an account's deliveries."""

from datetime import UTC, datetime, timedelta
from xml.etree import ElementTree

import pytest
from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.model.job import Counts
from import_pipeline.reporting.pictures import HEIGHT, MOST_BARS, SERIES, WIDTH, DeliveryPoint, rows_per_delivery, short_number, ticks

START = datetime(2024, 3, 1, 8, tzinfo=UTC)


def points(number: int) -> list[DeliveryPoint]:
    """Deliveries every nine hours."""
    return [DeliveryPoint(f"d{n}", START + timedelta(hours=9 * n), created=100 * n + 1, refused=n % 3) for n in range(number)]


def drawn(points: list[DeliveryPoint], title: str = "Rows per delivery") -> ElementTree.Element:
    """The picture as XML; what is not well formed raises."""
    return ElementTree.fromstring(rows_per_delivery(points, title=title))


def texts(picture: ElementTree.Element) -> list[str]:
    """All words in the picture."""
    return [element.text or "" for element in picture.iter("{http://www.w3.org/2000/svg}text")]


def bars(picture: ElementTree.Element) -> list[tuple[str, float, float, float]]:
    """(series, left edge, top, height) of every piece of a bar."""
    found = [rect.attrib for rect in picture.iter("{http://www.w3.org/2000/svg}rect") if "class" in rect.attrib]
    return [(rect["class"], float(rect["x"]), float(rect["y"]), float(rect["height"])) for rect in found]


@pytest.mark.parametrize("number", [0, 1, 12, MOST_BARS + 20])
def test_any_number_of_deliveries_gives_a_picture(number: int) -> None:
    """None, one, and more than fit: always of the same size, and nothing is drawn outside."""
    picture = drawn(points(number), title="Rows <of> & $acme$")
    assert picture.attrib["viewBox"] == f"0 0 {WIDTH} {HEIGHT}"
    assert texts(picture)[0] == "Rows <of> & $acme$"
    assert len({x for _, x, _, _ in bars(picture)}) == min(number, MOST_BARS)
    assert all(0 <= float(text.attrib["x"]) <= WIDTH for text in picture.iter("{http://www.w3.org/2000/svg}text"))


def test_bars_are_as_high_as_their_rows_are_many() -> None:
    """Pieces stand on each other without a gap, in one scale for all bars."""
    picture = drawn([DeliveryPoint("a", START, created=300, refused=100), DeliveryPoint("b", START + timedelta(1), updated=200)])
    (name, x, top, height), (other, same_x, other_top, other_height), (last, _, last_top, last_height) = bars(picture)
    assert (name, other, last) == ("created", "refused", "updated")
    assert x == same_x
    assert height == pytest.approx(3 * other_height, abs=0.02)
    assert last_height == pytest.approx(2 * other_height, abs=0.02)
    assert other_top + other_height == pytest.approx(top, abs=0.02)
    assert top + height == pytest.approx(last_top + last_height, abs=0.02)
    assert {"400", "100 refused", "200", "created", "refused", "updated"} <= set(texts(picture))
    assert not {name for name, _, _ in SERIES if name not in ("created", "refused", "updated")} & set(texts(picture))


@given(most=st.integers(0, 10**12))
def test_the_scale_has_few_round_numbers_and_reaches_near_the_highest_bar(most: int) -> None:
    """Two to seven numbers in equal steps, the last within one step of the highest bar."""
    found = ticks(most)
    step = found[1]
    assert found == [step * n for n in range(len(found))]
    assert len(found) in range(2, 8)
    assert found[-1] <= max(most, 1) < found[-1] + step or most == 0
    assert str(step).rstrip("0") in ("1", "2", "25", "5")


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
