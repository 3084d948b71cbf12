"""Dates and moments: a strict pattern beside each cast.

Belongs here: what text is a Date or a DateTime, in ISO 8601 or in the formats a field states, and how it is cast.
Does not belong here: what to propose for a refused one (date_mends.py).

polars reads '2021-2-3' with '%Y-%m-%d', and signs or blanks before any number (reference/performance.md section 2). For ISO a
regular expression decides alone, leap years included; other formats must fit their own expression and then the calendar.
"""

import re
from collections.abc import Callable, Sequence
from datetime import date
from functools import partial, reduce

import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.field import FieldSpec
from import_pipeline.validation.date_mends import mended_date, mended_moment
from import_pipeline.validation.rules import ColumnJudge, Passes, Rule, matches, stated_rules

_YEAR = r"(?:[1-9][0-9]{3}|0(?:[1-9][0-9]{2}|0(?:[1-9][0-9]|0[1-9])))"
_LEAP = r"(?:[0-9]{2}(?:0[48]|[2468][048]|[13579][26])|(?:[2468][048]|0[48]|[13579][26])00)"
_MONTH_DAY = r"(?:(?:0[13578]|1[02])-(?:0[1-9]|[12][0-9]|3[01])|(?:0[469]|11)-(?:0[1-9]|[12][0-9]|30)|02-(?:0[1-9]|1[0-9]|2[0-8]))"
_DAY = rf"(?:{_YEAR}-{_MONTH_DAY}|{_LEAP}-02-29)"
_CLOCK = r"(?:[01][0-9]|2[0-3]):[0-5][0-9](?::[0-5][0-9](?:\.[0-9]{1,6}0*)?)?"
_ZONE = r"(?:Z|[+-](?:0[0-9]|1[0-4])(?::?[0-5][0-9])?)"
ISO_DATE = rf"\A{_DAY}\z"
"""Every day of the years 0001 to 9999, and nothing else."""
ISO_MOMENT = rf"\A{_DAY}[T ]{_CLOCK}(?: ?{_ZONE})?\z"
"""Day, `T` or a blank, hours and minutes; seconds, fraction and offset may follow. Beyond microseconds only zeros: nothing is cut."""
_PIECES = r"\A(?<day>.{10}).(?<h>..):(?<m>..)(?::(?<s>..)(?:\.(?<us>[0-9]+))?)?(?: ?(?:(?<z>Z)|(?<sign>[+-])(?<zh>..):?(?<zm>..)?))?\z"
_SHAPES = ("%Y-%m-%dT%H:%M:%SZ", "%Y-%m-%d %H:%M:%S", "%Y-%m-%dT%H:%M:%S")
"""Forms of ISO 8601 that files hold most; each is read in one go, what fits none of them piece by piece."""
UNORDERED = r"\A([0-9]{1,2})[/.-]([0-9]{1,2})[/.-](?:[0-9]{4}|[0-9]{2})\z"
DIRECTIVES = {
    "%Y": ("[0-9]{4}", "YYYY"),
    "%y": ("[0-9]{2}", "YY"),
    "%m": ("[0-9]{2}", "MM"),
    "%d": ("[0-9]{2}", "DD"),
    "%b": ("[A-Za-z]{3}", "Jan"),
    "%B": ("[A-Za-z]{3,9}", "January"),
    "%H": ("[0-9]{2}", "hh"),
    "%I": ("[0-9]{2}", "hh"),
    "%M": ("[0-9]{2}", "mm"),
    "%S": ("[0-9]{2}", "ss"),
    "%p": ("[AaPp][Mm]", "AM/PM"),
}
"""What a stated format may hold: its strict pattern, and how it is told to people."""
_UNPADDED = ("%m", "%d", "%H", "%I")
Reading = Callable[[pl.Series], pl.Series]
"""Strings to dates or moments; null for what does not fit."""


def format_pattern(stated: str) -> str:
    """The regular expression of a strptime format. Day, month and hour may lack their leading zero where no digits stand beside
    them ('%m/%d/%Y' takes 3/4/2021, '%Y%m%d' takes eight digits). PermanentFailure for a directive that is not supported."""
    tokens = re.findall(r"%.|.", stated)
    if not {"%d", "%Y"} <= set(tokens) and not {"%d", "%y"} <= set(tokens):
        raise PermanentFailure(f"the date format {stated!r} needs a day and a year, such as %m/%d/%Y")
    parts = []
    for before, token, after in zip(["", *tokens], tokens, [*tokens[1:], ""], strict=False):
        if token.startswith("%") and token not in DIRECTIVES:
            raise PermanentFailure(f"the date format {stated!r} holds {token!r}; known: iso, and {' '.join(DIRECTIVES)}")
        crowded = any(beside.startswith("%") or beside.isdigit() for beside in (before, after))
        loose = token in _UNPADDED and not crowded
        parts.append("[0-9]{1,2}" if loose else DIRECTIVES[token][0] if token in DIRECTIVES else re.escape(token))
    return rf"\A{''.join(parts)}\z"


def _fitting(values: pl.Series, pattern: str) -> pl.Series:
    return values.set(~values.str.contains(pattern), None)


def _first(readings: Sequence[Reading]) -> Reading:
    """What the first reading that fits makes of each value."""

    def read(values: pl.Series) -> pl.Series:
        found = [reading(values) for reading in readings]
        return reduce(lambda before, after: before.zip_with(before.is_not_null(), after), found)

    return read


def _dates(stated: str) -> Reading:
    """Dates of what fits one format."""
    pattern, directives = (ISO_DATE, "%Y-%m-%d") if stated == "iso" else (format_pattern(stated), stated)

    def read(values: pl.Series) -> pl.Series:
        dates = _fitting(values, pattern).str.to_date(directives, strict=False, cache=False)
        return dates.set(dates < date(1, 1, 1), None)

    return read


def _undecided(values: pl.Series) -> pl.Series:
    """True where day and month could be swapped: both at most 12 and not the same."""
    suspects = values.str.contains(UNORDERED)
    if not suspects.any():
        return suspects
    numbers = _fitting(values, UNORDERED).str.extract_groups(UNORDERED).struct
    one, other = (numbers.field(group).cast(pl.Int16) for group in ("1", "2"))
    return (one.is_between(1, 12) & other.is_between(1, 12) & (one != other)).fill_null(False)


def _iso_or_undecided(values: pl.Series) -> pl.Series:
    fits = values.str.contains(ISO_DATE)
    return fits if fits.all() else fits | _undecided(values)


def _agreed(readings: Sequence[Reading], values: pl.Series) -> pl.Series:
    """False where two of the field's formats read two different things."""
    found = [reading(values) for reading in readings]
    pairs = [(one == other).fill_null(True) for i, one in enumerate(found) for other in found[i + 1 :]]
    return reduce(lambda x, y: x & y, pairs)


def _agreement(readings: Sequence[Reading], words: str) -> tuple[Rule, ...]:
    passes = partial(_agreed, readings)
    return (Rule("ambiguous_date", f"{words}, in a way that only one of them fits", passes),) if len(readings) > 1 else ()


def _words_of(stated: str) -> str:
    return re.sub("%.", lambda found: DIRECTIVES[found[0]][1], stated)


def _wanted(formats: Sequence[str], iso: str) -> str:
    """The formats for people: YYYY-MM-DD or MM/DD/YYYY."""
    return " or ".join(iso if stated == "iso" else _words_of(stated) for stated in formats)


def date_field(spec: FieldSpec) -> ColumnJudge:
    """Date: ISO unless the field states formats. Without a stated order of day and month 03/04/2021 is ambiguous and refused
    (acceptance, decision 3); where several stated formats fit, they have to agree."""
    readings = [_dates(stated) for stated in spec.formats]
    words = f"a date {_wanted(spec.formats, 'YYYY-MM-DD')}"
    mend = partial(mended_date, formats=spec.formats)
    if set(spec.formats) == {"iso"}:
        rules = (
            Rule("not_a_date", words, _iso_or_undecided),
            Rule("ambiguous_date", f"{words}: day and month could be swapped", lambda values: ~_undecided(values)),
        )
        return ColumnJudge((*rules, *stated_rules(spec)), lambda values: values.str.to_date("%Y-%m-%d", cache=False), mend)
    read = _first(readings)
    fits = Rule("not_a_date", words, lambda values: read(values).is_not_null() | values.is_null())
    return ColumnJudge((fits, *_agreement(readings, words), *stated_rules(spec)), read, mend)


def _in_utc(naive: pl.Series, timezone: str) -> pl.Series:
    """Local times as moments; null where the clock was set forward or back, so that a time does not exist or exists twice."""
    return naive.dt.replace_time_zone(timezone, ambiguous="null", non_existent="null").dt.convert_time_zone("UTC")


def _in_years(moments: pl.Series) -> pl.Series:
    """Null outside the years 1 to 9999, where an offset may lead."""
    return moments.set(~moments.dt.year().is_between(1, 9999), None)


def _by_pieces(values: pl.Series, timezone: str) -> pl.Series:
    """Proven ISO values of any form, taken apart."""
    piece = values.str.extract_groups(_PIECES).struct
    numbers = {name: piece.field(name).cast(pl.Int64).fill_null(0) for name in ("h", "m", "s", "zh", "zm")}
    micros = piece.field("us").str.pad_end(6, "0").str.head(6).cast(pl.Int64).fill_null(0)
    clock = ((numbers["h"] * 60 + numbers["m"]) * 60 + numbers["s"]) * 1_000_000 + micros
    naive = piece.field("day").str.to_date("%Y-%m-%d", cache=False).cast(pl.Datetime("us")) + clock.cast(pl.Duration("us"))
    ahead = (numbers["zh"] * 60 + numbers["zm"]) * 60_000_000
    shift = ahead.zip_with((piece.field("sign") == "+").fill_null(False), -ahead).cast(pl.Duration("us"))
    absolute = piece.field("z").is_not_null() | piece.field("sign").is_not_null()
    return (naive - shift).dt.replace_time_zone("UTC").zip_with(absolute, _in_utc(naive, timezone))


def _iso_moments(values: pl.Series, timezone: str) -> pl.Series:
    """Moments of proven ISO values: the common forms in one go each, the rest by pieces."""
    moments = pl.Series(values.name, [None], dtype=pl.Datetime("us", "UTC")).new_from_index(0, values.len())
    open_ = values.is_not_null().arg_true()
    for shape in (*_SHAPES, None):
        if open_.is_empty():
            break
        texts = values if open_.len() == values.len() else values.gather(open_)
        if shape is None:
            read = _by_pieces(texts, timezone)
        else:
            naive = texts.str.to_datetime(shape, time_unit="us", strict=False, cache=False)
            read = naive.dt.replace_time_zone("UTC") if shape.endswith("Z") else _in_utc(naive, timezone)
        moments = read if texts is values else moments.scatter(open_, read)
        open_ = open_.filter(read.is_null())
    return _in_years(moments)


def _moments(stated: str, timezone: str) -> Reading:
    """Moments of what fits one format."""
    if stated == "iso":
        return lambda values: _iso_moments(_fitting(values, ISO_MOMENT), timezone)
    pattern = format_pattern(stated)

    def read(values: pl.Series) -> pl.Series:
        naive = _fitting(values, pattern).str.to_datetime(stated, time_unit="us", strict=False, cache=False)
        return _in_years(_in_utc(naive, timezone))

    return read


def _naive(stated: str) -> Passes:
    """Fits one format and the calendar, wherever in the world."""
    if stated == "iso":
        return matches(ISO_MOMENT)
    return lambda values: _moments(stated, "UTC")(values).is_not_null() | values.is_null()


def moment_field(spec: FieldSpec, timezone: str) -> ColumnJudge:
    """DateTime, in UTC: ISO 8601 unless the field states formats; without an offset it is the local time of `timezone`. A local time
    that exists twice or never, when the clock is set, is refused: it could mean two moments or none."""
    readings = [_moments(stated, timezone) for stated in spec.formats]
    words = f"a date and time {_wanted(spec.formats, 'YYYY-MM-DDThh:mm:ss, with or without an offset such as Z or -05:00')}"
    read = _first(readings)
    only_iso = set(spec.formats) == {"iso"}

    def fits(values: pl.Series) -> pl.Series | bool:
        return reduce(lambda x, y: x | y, [_naive(stated)(values) for stated in spec.formats])

    def cast(values: pl.Series) -> pl.Series:
        return _iso_moments(values, timezone) if only_iso else read(values)

    def exists_once(values: pl.Series) -> pl.Series | bool:
        edge = (values < "0001-01-02") | (values >= "9999-12-31")
        absolute = timezone == "UTC" or bool(values.str.ends_with("Z").all())
        if only_iso and absolute and not edge.any():
            return True
        return read(values).is_not_null() | values.is_null()

    once = f"a time that exists exactly once in {timezone}, or one with its offset, such as 2021-11-07T01:30:00-05:00"
    rules = (Rule("not_a_datetime", words, fits), Rule("not_a_datetime", once, exists_once), *_agreement(readings, words))
    return ColumnJudge((*rules, *stated_rules(spec)), cast, partial(mended_moment, formats=spec.formats))
