"""Dates and moments: a strict pattern beside each cast.

Belongs here: what text is a Date or a DateTime, in ISO 8601 or in the formats a field states, and how it is cast.
Does not belong here: what to propose for a refused one (calendar_mends.py).

polars reads '2021-2-3' with '%Y-%m-%d' and signs or blanks before any number (reference/performance.md section 2). Here a regular
expression decides alone for ISO, leap years included; a stated format must fit its own expression and then the calendar.
"""

import re
from collections.abc import Sequence
from datetime import date, datetime
from functools import partial

import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.field import FieldSpec
from import_pipeline.validation.calendar_mends import mended_date, mended_moment
from import_pipeline.validation.rules import ColumnJudge, Rule, matches, stated_rules

_YEAR = r"(?:[1-9][0-9]{3}|0(?:[1-9][0-9]{2}|0(?:[1-9][0-9]|0[1-9])))"
_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|0[48]|[13579][26])00)"
_MONTH_DAY = r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_DAY = rf"(?:{_YEAR}-{_MONTH_DAY}|{_LEAP}-02-29)"
ISO_DATE = rf"\A{_DAY}\z"
"""Every day of the years 0001 to 9999, and nothing else."""
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}0*)?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
ISO_MOMENT = rf"\A{_DAY}[T ]{_CLOCK}(?: ?{_ZONE})?\z"
_PIECES = r"\A(.{10})[T ](..):(..)(?::(..)(?:\.([0-9]+))?)?(?: ?(Z)| ?([+-])(..):?(..)?)?\z"
UNORDERED = r"\A(?:0?[1-9]|1[0-2])[/.-](?:0?[1-9]|1[0-2])[/.-](?:[0-9]{4}|[0-9]{2})\z"
"""Day and month could be swapped; equal ones (03/03/2021) are taken out by `_ambiguous`."""
DIRECTIVES = {
    "%Y": "[0-9]{4}",
    "%y": "[0-9]{2}",
    "%m": "[0-9]{2}",
    "%d": "[0-9]{2}",
    "%b": "[A-Za-z]{3}",
    "%B": "[A-Za-z]{3,9}",
    "%H": "[0-9]{2}",
    "%I": "[0-9]{2}",
    "%M": "[0-9]{2}",
    "%S": "[0-9]{2}",
    "%p": "[AaPp][Mm]",
}
_UNPADDED = ("%m", "%d", "%H", "%I")
_SHAPES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
"""Whole forms of ISO 8601 that files hold most; each is read in one go, what fits none piece by piece."""


def format_pattern(stated: str, where: str) -> str:
    """The regular expression of a strptime format. Day, month and hour may lack their leading zero unless digits follow or precede
    directly ('%m/%d/%Y' takes 3/4/2021, '%Y%m%d' takes eight digits). PermanentFailure for a directive that is not supported."""
    tokens = re.findall(r"%.|[^%]", stated)
    parts = []
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if token.startswith("%") and token not in DIRECTIVES:
            raise PermanentFailure(f"{where}: the format {stated!r} holds {token}; known: {', '.join(DIRECTIVES)}")
        alone = not (before.startswith("%") or after.startswith("%") or before.isdigit() or after.isdigit())
        loose = token in _UNPADDED and alone
        parts.append("[0-9]{1,2}" if loose else DIRECTIVES.get(token) or re.escape(token))
    return rf"\A{''.join(parts)}\z"


def _only_dates(values: pl.Series, stated: str, pattern: str) -> pl.Series:
    """Dates of the values that fit this one format and the calendar; null for the others."""
    fitting = values.set(~values.str.contains(pattern), None)
    dates = fitting.str.to_date(stated, strict=False, cache=False)
    return dates.set(dates < date(1, 1, 1), None)


def _first(readings: Sequence[pl.Series]) -> pl.Series:
    return pl.select(pl.coalesce([pl.lit(reading) for reading in readings])).to_series()


class DateFormats:
    """The formats of a Date field: `iso`, or strptime patterns in the order in which they are tried."""

    def __init__(self, spec: FieldSpec) -> None:
        self.stated = spec.formats
        self.patterns = {
            f: ISO_DATE if f == "iso" else format_pattern(f, f"field {spec.name}") for f in spec.formats
        }
        self.only_iso = set(spec.formats) == {"iso"}

    def readings(self, values: pl.Series) -> list[pl.Series]:
        """What each format makes of the values, in order."""
        return [_only_dates(values, "%Y-%m-%d" if f == "iso" else f, pattern) for f, pattern in self.patterns.items()]

    def fits(self, values: pl.Series) -> pl.Series:
        """True for what at least one format reads; for ISO alone the pattern decides."""
        if self.only_iso:
            return values.str.contains(ISO_DATE)
        return _first(self.readings(values)).is_not_null() | values.is_null()

    def cast(self, values: pl.Series) -> pl.Series:
        """Dates of proven values."""
        if self.only_iso:
            return values.str.to_date("%Y-%m-%d", cache=False)
        return _first(self.readings(values))

    def settled(self, values: pl.Series) -> pl.Series | bool:
        """False for a value that two of the field's formats read as two days."""
        readings = self.readings(values)
        same = [(a == b).fill_null(True) for i, a in enumerate(readings) for b in readings[i + 1 :]]
        verdict: pl.Series | bool = True
        for one in same:
            verdict = one & verdict
        return verdict
