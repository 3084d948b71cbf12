"""Filters of a list of jobs: timeframes in a zone, offsets, what means nothing."""

from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.advocate.filters import condition, timeframe, zone_of

NEW_YORK = ZoneInfo("America/New_York")
NOW = datetime(2026, 3, 11, 2, 30, tzinfo=UTC)  # a Tuesday evening in New York, where clocks changed on Sunday


@pytest.mark.parametrize(
    ("text", "begin", "end"),
    [
        ("today", (3, 10), (3, 11)),
        ("yesterday", (3, 9), (3, 10)),
        ("this_7_days", (3, 4), (3, 11)),
        ("previous_2_days", (3, 8), (3, 10)),
        ("this_week", (3, 9), (3, 16)),
        ("previous_week", (3, 2), (3, 9)),
        ("this_month", (3, 1), (4, 1)),
        ("previous_2_months", (1, 1), (3, 1)),
    ],
)
def test_a_timeframe_is_whole_days_of_its_zone(text: str, begin: tuple[int, int], end: tuple[int, int]) -> None:
    """Midnight there, also where a day has 23 hours."""
    assert timeframe(text, NOW, NEW_YORK) == tuple(datetime(2026, *day, tzinfo=NEW_YORK).astimezone(UTC) for day in (begin, end))


def test_years_hours_and_minutes_are_timeframes_too() -> None:
    """Each ends with its unit."""
    assert timeframe("previous_year", NOW, UTC) == (datetime(2025, 1, 1, tzinfo=UTC), datetime(2026, 1, 1, tzinfo=UTC))
    assert timeframe("this_hour", NOW, UTC) == (datetime(2026, 3, 11, 2, tzinfo=UTC), datetime(2026, 3, 11, 3, tzinfo=UTC))
    assert timeframe("previous_5_minutes", NOW, UTC) == (NOW - timedelta(minutes=5), NOW)


@settings(max_examples=60)
@given(
    which=st.sampled_from(["this", "previous"]),
    count=st.integers(1, 9999),
    unit=st.sampled_from(["minutes", "hours", "days", "weeks", "months", "years"]),
    now=st.datetimes(datetime(1990, 1, 1), datetime(2100, 1, 1), timezones=st.just(UTC)),
)
def test_a_timeframe_of_this_holds_the_moment_and_one_of_previous_ends_before_it(which: str, count: int, unit: str, now: datetime) -> None:
    """Or it reaches too far, and says so."""
    try:
        begin, end = timeframe(f"{which}_{count}_{unit}", now, NEW_YORK)
    except PermanentFailure as failure:
        assert "too far" in str(failure)
        return
    assert begin < end and ((begin <= now < end) if which == "this" else end <= now)


@pytest.mark.parametrize("text", ["", "soon", "this_0_days", "this_-1_days", "next_day", "this_99999_days", "this day"])
def test_other_words_are_no_timeframe(text: str) -> None:
    """The refusal shows some."""
    with pytest.raises(PermanentFailure, match="this_7_days"):
        timeframe(text, NOW, UTC)


def test_a_zone_is_a_name_or_an_offset() -> None:
    """UTC without both."""
    assert zone_of("America/New_York", None) == NEW_YORK
    assert zone_of(None, "-05:30").utcoffset(None) == -timedelta(hours=5, minutes=30) and zone_of(None, "Z") is UTC is zone_of(None, None)
    for name, offset in (("../../etc/passwd", None), ("Mars/Base", None), ("\x00", None), (None, "5"), (None, "+25:00")):
        with pytest.raises(PermanentFailure):
            zone_of(name, offset)


def test_a_filter_is_bounded_in_depth() -> None:
    """Whoever nests it."""
    with pytest.raises(PermanentFailure, match="5 levels"):
        condition({"AND": [{"OR": [{"AND": [{"OR": [{"AND": [{}]}]}]}]}]}, NOW, UTC)
