"""Windows of time: days, weeks and months of an account's calendar as stretches of UTC.

Belongs here: pure functions from a partition's key or a moment to a window. Does not belong here: what is exported (export.py),
partitions and schedules (orchestration/).
A window holds its start and not its end, and ends where the next begins: no moment is in two, none in neither.
"""

import re
from dataclasses import dataclass
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Cadence

TICK = timedelta(microseconds=1)
"""The store's smallest unit of time: the last moment of a window is its end less one tick."""
_EXAMPLES: dict[Cadence, str] = {
    "daily": "a day such as 2026-11-20",
    "weekly": "a week such as 2026-W47, or the Monday that it begins with, such as 2026-11-16",
    "monthly": "a month such as 2026-11, or its first day, such as 2026-11-01",
}


@dataclass(frozen=True)
class Window:
    """`start` ≤ moment < `end`, both in UTC. `label` names it in files: 2026-11-20, 2026-W47, 2026-11."""

    cadence: Cadence
    start: datetime
    end: datetime
    label: str


def window_of(cadence: Cadence, key: str, timezone: str) -> Window:
    """The window of a partition: its first day as YYYY-MM-DD, or its label. Weeks begin on Monday.

    A day is as long as the time zone makes it: 23 or 25 hours when the clock is set. PermanentFailure for a key that begins no window.
    """
    first = _first_day(cadence, key)
    if first is None or first != _floor(cadence, first):
        raise PermanentFailure(f"{key!r} names no {cadence} export; expected {_EXAMPLES[cadence]}")
    return _window(cadence, first, ZoneInfo(timezone))


def last_closed(cadence: Cadence, now: datetime, timezone: str) -> Window:
    """The latest window that has ended by `now`, a moment with time zone."""
    zone = ZoneInfo(timezone)
    first = _floor(cadence, now.astimezone(zone).date())
    window = _window(cadence, first, zone)
    while window.end > now:
        first = _floor(cadence, first - timedelta(days=1))
        window = _window(cadence, first, zone)
    return window


def _first_day(cadence: Cadence, key: str) -> date | None:
    """The day that a key or label names; None when it names none."""
    try:
        if cadence == "weekly" and (week := re.fullmatch(r"(\d{4})-W(\d{2})", key)):
            return date.fromisocalendar(int(week[1]), int(week[2]), 1)
        if cadence == "monthly" and re.fullmatch(r"\d{4}-\d{2}", key):
            return date.fromisoformat(f"{key}-01")
        return date.fromisoformat(key) if re.fullmatch(r"\d{4}-\d{2}-\d{2}", key) else None
    except ValueError:
        return None


def _floor(cadence: Cadence, day: date) -> date:
    """The first day of the window that `day` lies in."""
    if cadence == "weekly":
        return day - timedelta(days=day.weekday())
    return day.replace(day=1) if cadence == "monthly" else day


def _window(cadence: Cadence, first: date, zone: ZoneInfo) -> Window:
    if cadence == "monthly":
        following = _floor("monthly", first + timedelta(days=31))
        label = f"{first:%Y-%m}"
    else:
        following = first + timedelta(days=7 if cadence == "weekly" else 1)
        label = f"{first.isocalendar().year}-W{first.isocalendar().week:02d}" if cadence == "weekly" else first.isoformat()
    return Window(cadence, _midnight(first, zone), _midnight(following, zone), label)


def _midnight(day: date, zone: ZoneInfo) -> datetime:
    """The day's first moment in UTC: where the clock skips midnight, the moment it skips; where midnight comes twice, the first."""
    return datetime(day.year, day.month, day.day, tzinfo=zone, fold=0).astimezone(UTC)
