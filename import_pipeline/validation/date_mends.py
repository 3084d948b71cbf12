"""What a refused date was probably meant to be: other orders and separators, month names, spreadsheet serials.

Belongs here: readings that are certain, in plain Python, since only distinct refused values come here.
Does not belong here: what is accepted (moments.py). A day and a month that could be swapped are never guessed.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime, time, timedelta
from typing import Literal

Order = Literal["day first", "month first"]

_MONTHS = ("january", "february", "march", "april", "may", "june", "july", "august", "september", "october", "november", "december")
_SERIAL_ZERO = datetime(1899, 12, 30)
_SERIALS = range(20_000, 80_000)
"""Spreadsheet serials of the years 1954 to 2119; other numbers of five digits are no dates."""
_YEAR_FIRST = re.compile(r"(\d{4})([/.-])(\d{1,2})\2(\d{1,2})")
_YEAR_LAST = re.compile(r"(\d{1,2})([/.-])(\d{1,2})\2(\d{4})")
_COMPACT = re.compile(r"((?:19|20)\d\d)(\d\d)(\d\d)")
_DAY_NAME = re.compile(r"(\d{1,2})(?:st|nd|rd|th)?[ -]+([A-Za-z]{3,9})[.,]?[ -]+(\d{4})")
_NAME_DAY = re.compile(r"([A-Za-z]{3,9})\.? +(\d{1,2})(?:st|nd|rd|th)?,? +(\d{4})")
_SERIAL = re.compile(r"\d{5}(?:\.\d+)?")
_CLOCK = re.compile(r"(\d{1,2}):(\d\d)(?::(\d\d)(?:[.,]\d+)?)? ?([AaPp][Mm])? ?([Zz]|[+-]\d\d:?\d\d)?")


def stated_order(formats: Sequence[str]) -> Order | None:
    """Whether the formats with the year at the end all put the day or the month first; None when they do not tell."""
    orders: set[Order] = set()
    for stated in formats:
        year, month, day = stated.lower().find("%y"), stated.find("%m"), stated.find("%d")
        if min(month, day) >= 0 and year > max(month, day):
            orders.add("day first" if day < month else "month first")
    return orders.pop() if len(orders) == 1 else None


def _day(year: str | int, month: str | int, day: str | int) -> date | None:
    try:
        return date(int(year), int(month), int(day))
    except ValueError:
        return None


def _month(name: str) -> int:
    """1 to 12 for an English month name or its first three letters (or `Sept`); 0 for another word."""
    word = name.casefold()
    return next((i for i, month in enumerate(_MONTHS, 1) if word in (month, month[:3], month[:4])), 0)


def _year_last(first: str, second: str, year: str, order: Order | None) -> date | None:
    day_first, month_first = _day(year, second, first), _day(year, first, second)
    if order:
        return day_first if order == "day first" else month_first
    return day_first if month_first is None or day_first == month_first else (month_first if day_first is None else None)


def read_day(text: str, order: Order | None) -> date | None:
    """The one day that `text` can mean, or None."""
    if found := _YEAR_FIRST.fullmatch(text):
        return _day(found[1], found[3], found[4])
    if found := _YEAR_LAST.fullmatch(text):
        return _year_last(found[1], found[3], found[4], order)
    if found := _COMPACT.fullmatch(text):
        return _day(found[1], found[2], found[3])
    if found := _DAY_NAME.fullmatch(text):
        return _day(found[3], _month(found[2]), found[1])
    if found := _NAME_DAY.fullmatch(text):
        return _day(found[3], _month(found[1]), found[2])
    serial = _read_serial(text)
    return serial.date() if serial else None


def _read_serial(text: str) -> datetime | None:
    if not _SERIAL.fullmatch(text) or int(float(text)) not in _SERIALS:
        return None
    return _SERIAL_ZERO + timedelta(seconds=round(float(text) * 86_400))


def _split(value: str) -> tuple[str, str]:
    """Day and clock of a text, the clock empty when there is none; a comma or T may stand between them."""
    found = re.search(r"(?:T|,? +)(?=\d{1,2}:\d\d)", value)
    return (value[: found.start()], value[found.end() :]) if found else (value, "")


def _clock(text: str) -> tuple[time, str] | None:
    found = _CLOCK.fullmatch(text)
    if not found:
        return None
    hour, half = int(found[1]), (found[4] or "").lower()
    if half:
        hour = hour % 12 + (12 if half == "pm" else 0) if 1 <= hour <= 12 else 99
    minute, second = int(found[2]), int(found[3] or 0)
    return (time(hour, minute, second), (found[5] or "").upper()) if hour < 24 and minute < 60 and second < 60 else None


def mended_date(value: str, formats: Sequence[str]) -> str | None:
    """The day meant, in the field's first format; also for a day followed by midnight."""
    text, clock = _split(value)
    at = _clock(clock) if clock else (time(), "")
    day = read_day(text, stated_order(formats))
    if day is None or at is None or at[0] != time():
        return None
    return day.isoformat() if formats[0] == "iso" else day.strftime(formats[0])


def mended_moment(value: str, formats: Sequence[str]) -> str | None:
    """The moment meant, in the field's first format; a day alone becomes its midnight."""
    text, clock = _split(value)
    serial = _read_serial(text)
    if serial and not clock:
        return _written(serial, "", formats[0])
    day, at = read_day(text, stated_order(formats)), _clock(clock) if clock else (time(), "")
    return _written(datetime.combine(day, at[0]), at[1], formats[0]) if day and at else None


def _written(moment: datetime, zone: str, stated: str) -> str | None:
    if stated == "iso":
        return moment.isoformat() + zone
    return None if zone else moment.strftime(stated)
