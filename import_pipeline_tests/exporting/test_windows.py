"""Windows: which moments a day, a week and a month hold."""

from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.exporting.windows import Window, last_closed, window_of
from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Cadence

CADENCES: tuple[Cadence, ...] = ("daily", "weekly", "monthly")
ZONES = ("UTC", "America/New_York", "Europe/Berlin", "Asia/Kathmandu", "Australia/Lord_Howe", "Africa/Cairo", "Pacific/Kiritimati")
moments = st.datetimes(datetime(2015, 1, 1), datetime(2035, 1, 1), timezones=st.just(UTC))


def utc(text: str) -> datetime:
    return datetime.fromisoformat(text).replace(tzinfo=UTC)


def test_a_day_is_the_account_s_day_and_holds_its_start_but_not_its_end() -> None:
    """People look for what happened on Friday where they live, not in Greenwich."""
    assert window_of("daily", "2026-11-20", "America/New_York") == Window(
        "daily", utc("2026-11-20T05:00"), utc("2026-11-21T05:00"), "2026-11-20"
    )


def test_a_week_begins_on_monday_and_a_month_on_its_first_day() -> None:
    """The labels go into file names; a week has ISO 8601's number."""
    assert window_of("weekly", "2026-11-16", "UTC") == Window("weekly", utc("2026-11-16"), utc("2026-11-23"), "2026-W47")
    assert window_of("monthly", "2026-12-01", "UTC") == Window("monthly", utc("2026-12-01"), utc("2027-01-01"), "2026-12")


def test_the_first_week_of_a_year_has_the_number_of_the_year_that_holds_most_of_it() -> None:
    """A label made of the Monday's year and the week's number would name a week eleven months away."""
    assert window_of("weekly", "2024-12-30", "UTC").label == "2025-W01"
    assert window_of("weekly", "2025-W01", "UTC").start == utc("2024-12-30")


@pytest.mark.parametrize(("day", "hours"), [("2026-03-08", 23), ("2026-11-01", 25), ("2026-07-01", 24)])
def test_a_day_on_which_the_clock_is_set_has_23_or_25_hours(day: str, hours: int) -> None:
    """An export of 24 hours would lose an hour's records in spring and send one's twice in autumn."""
    window = window_of("daily", day, "America/New_York")
    assert window.end - window.start == timedelta(hours=hours)


def test_a_day_without_a_midnight_begins_when_the_clock_jumps() -> None:
    """In Cairo the clock goes from 23:59 to 01:00: there is no midnight to begin at."""
    window = window_of("daily", "2024-04-26", "Africa/Cairo")
    assert window.start == utc("2024-04-25T22:00")
    assert window.start == window_of("daily", "2024-04-25", "Africa/Cairo").end


@pytest.mark.parametrize(
    ("cadence", "key", "expected"),
    [
        ("weekly", "2026-11-17", "Monday"),
        ("monthly", "2026-11-02", "first day"),
        ("daily", "2026-02-29", "a day such as"),
        ("daily", "20.11.2026", "a day such as"),
        ("weekly", "2026-W54", "a week such as"),
        ("monthly", "2026-13", "a month such as"),
        ("daily", "2026-11", "a day such as"),
    ],
)
def test_a_key_that_begins_no_window_is_refused_with_what_was_expected(cadence: Cadence, key: str, expected: str) -> None:
    """Taking the week around a Tuesday would write a file whose name says another week than was asked for."""
    with pytest.raises(PermanentFailure, match=expected) as refused:
        window_of(cadence, key, "UTC")
    assert repr(key) in str(refused.value)


@given(st.sampled_from(CADENCES), moments, st.sampled_from(ZONES))
def test_the_last_closed_window_has_ended_and_the_next_one_has_not(cadence: Cadence, now: datetime, zone: str) -> None:
    """The schedule exports it: one that still runs would be incomplete, an older one would be sent twice."""
    window = last_closed(cadence, now, zone)
    following = (window.end + timedelta(hours=3)).astimezone(ZoneInfo(zone)).date()
    assert window.start < window.end <= now < window_of(cadence, following.isoformat(), zone).end


@given(st.sampled_from(CADENCES), moments, st.sampled_from(ZONES))
def test_windows_follow_each_other_without_gap_or_overlap(cadence: Cadence, now: datetime, zone: str) -> None:
    """A record that changes at midnight belongs to exactly one file."""
    window = last_closed(cadence, now, zone)
    assert last_closed(cadence, window.start, zone).end == window.start
    assert window_of(cadence, window.label, zone) == window


@given(st.dates(date(2015, 1, 1), date(2034, 12, 31)), st.sampled_from(ZONES))
def test_a_window_holds_just_the_moments_whose_local_day_it_names(day: date, zone: str) -> None:
    """However the clock is set, a record is in the file of the day that its people's clocks showed."""
    window = window_of("daily", day.isoformat(), zone)
    for moment in (window.start, window.end - timedelta(microseconds=1), window.start + (window.end - window.start) / 2):
        assert moment.astimezone(ZoneInfo(zone)).date() == day
