"""The filter of a list of jobs, as the documents name it, to a condition of the ledger.

Belongs here: JobFilterInput, timeframes, time zones. Does not belong here: SQL (ledger/http_jobs.py).
"""

import re
import zoneinfo
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any

from import_pipeline.failures import PermanentFailure, UnknownValue
from import_pipeline.ledger.http_jobs import Column, Test, Where

MOST_VALUES = 500
_DEEPEST = 5
_COLUMNS: dict[str, Column] = {
    "id": "id",
    "type": "type",
    "dateCreated": "created_at",
    "dateCompleted": "completed_at",
    "status": "status",
}
_TESTS: dict[str, Test] = {"eq": "eq", "ne": "ne", "in": "in", "gte": "gte", "lt": "lt"}
_FRAME = re.compile(r"(this|previous)_(?:([1-9][0-9]{0,3})_)?(minute|hour|day|week|month|year)s?")
_DAY_FRAMES = {"today": "this_day", "yesterday": "previous_day"}


def condition(given: Mapping[str, Any] | None, now: datetime, zone: tzinfo, depth: int = 1) -> Where:
    """The condition that a filter means; all of its parts must hold. Raises PermanentFailure for one that means nothing."""
    if depth > _DEEPEST:
        raise PermanentFailure(f"a filter may be at most {_DEEPEST} levels deep")
    parts: list[Where] = []
    for name, value in (given or {}).items():
        if value is None:
            continue
        if name in ("AND", "OR"):
            inner = tuple(condition(one, now, zone, depth + 1) for one in value)
            parts.append(Where(every=inner) if name == "AND" else Where(any=inner))
            continue
        field, _, test = name.rpartition("_")
        column = _COLUMNS[field]
        if test == "timeframe":
            begin, end = timeframe(value, now, zone)
            parts += [Where(column, "gte", begin), Where(column, "lt", end)]
            continue
        if test == "in" and len(value) > MOST_VALUES:
            raise PermanentFailure(f"{name} takes at most {MOST_VALUES} values")
        parts.append(Where(column, _TESTS[test], moment(value) if field.startswith("date") else value))
    return Where(every=tuple(parts))


def moment(millis: int) -> datetime:
    """The moment of epoch milliseconds."""
    try:
        return datetime(1970, 1, 1, tzinfo=UTC) + timedelta(milliseconds=millis)
    except OverflowError:
        raise PermanentFailure(f"{millis} is no moment in milliseconds since 1970") from None


def zone_of(name: str | None, offset: str | None) -> tzinfo:
    """The time zone of a name, or at an offset such as +02:00; UTC without both."""
    if name:
        try:
            return zoneinfo.ZoneInfo(name)
        except (ValueError, OSError, zoneinfo.ZoneInfoNotFoundError):
            raise UnknownValue("time zone", name, ("UTC", "Europe/Berlin", "America/New_York")) from None
    if not offset or offset == "Z":
        return UTC
    found = re.fullmatch(r"([+-])([01]\d|2[0-3]):?([0-5]\d)", offset)
    if not found:
        raise PermanentFailure(f"timeZoneOffset {offset!r} is not an offset such as +02:00")
    by = timedelta(hours=int(found[2]), minutes=int(found[3]))
    return timezone(by if found[1] == "+" else -by)


def timeframe(text: str, now: datetime, zone: tzinfo) -> tuple[datetime, datetime]:
    """[begin, end) of a timeframe: `this_…` ends with the unit that runs, `previous_…` with the one before it."""
    found = _FRAME.fullmatch(_DAY_FRAMES.get(text, text))
    if not found:
        raise PermanentFailure(f"{text!r} is not a timeframe such as today, this_7_days or previous_month")
    which, count, unit = found[1], int(found[2] or 1), found[3]
    begin = _floor(now.astimezone(zone), unit)
    try:
        last = _add(begin, unit, 1) if which == "this" else begin
        first = _add(last, unit, -count)
        return first.astimezone(UTC), last.astimezone(UTC)
    except (ValueError, OverflowError):
        raise PermanentFailure(f"{text!r} reaches too far") from None


def _floor(moment: datetime, unit: str) -> datetime:
    if unit == "minute":
        return moment.replace(second=0, microsecond=0)
    if unit == "hour":
        return moment.replace(minute=0, second=0, microsecond=0)
    day = moment.replace(hour=0, minute=0, second=0, microsecond=0)
    if unit == "week":
        return day - timedelta(days=day.weekday())
    return day if unit == "day" else day.replace(day=1) if unit == "month" else day.replace(month=1, day=1)


def _add(moment: datetime, unit: str, count: int) -> datetime:
    """Local time goes on by calendar units; what a change of clocks adds or takes is part of its day."""
    if unit in ("month", "year"):
        months = moment.year * 12 + moment.month - 1 + count * (12 if unit == "year" else 1)
        return moment.replace(year=months // 12, month=months % 12 + 1)
    return (
        moment
        + {"minute": timedelta(minutes=1), "hour": timedelta(hours=1), "day": timedelta(days=1), "week": timedelta(weeks=1)}[unit] * count
    )
