"""Properties of the judgement: rows do not influence each other, numbers keep their value, and pandera agrees with plain Python.

The oracle judges one cell at a time with Python's own tools (Decimal, datetime, str), written from the rules and not from the code.
"""

import re
import string
from collections.abc import Callable
from datetime import date, datetime
from decimal import Decimal, InvalidOperation

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.validation.date_mends import mended_date
from import_pipeline.validation.judging import PartJudge
from import_pipeline.validation.moments import ISO_DATE
from import_pipeline.validation.numeric import mended_number
from import_pipeline.validation.suggestions import Suggestions
from import_pipeline_tests.validation.stages import Cells, found, frame, judged, type_of

FIELDS = (
    {"name": "Text", "max_length": 6},
    {"name": "Email", "type": "Email"},
    {"name": "Phone", "type": "Phone"},
    {"name": "Number", "type": "Number", "min": -5, "max": 2000},
    {"name": "Money", "type": "Currency"},
    {"name": "Flag", "type": "Boolean"},
    {"name": "Day", "type": "Date"},
    {"name": "USDay", "type": "Date", "formats": "%m/%d/%Y"},
    {"name": "Moment", "type": "DateTime"},
    {"name": "One", "type": "SingleChoice", "choices": ["A", "B c"]},
    {"name": "Many", "type": "MultiChoice", "choices": ["A", "B", "C"]},
)
THING = type_of(*FIELDS)
KEYS = tuple(str(field["name"]) for field in FIELDS)
WHITE = " \t\n\r\x0b\x0c\x85\xa0\u1680\u2000\u2001\u2002\u2003\u2004\u2005\u2006\u2007\u2008\u2009\u200a\u2028\u2029\u202f\u205f\u3000"
"""Unicode's White_Space; Python's own strip() takes four separators (\\x1c to \\x1f) with it."""

# --- the oracle ---------------------------------------------------------------------------------------------------------------


def _digits(text: str) -> bool:
    return text != "" and all(c in "0123456789" for c in text)


def _number(text: str) -> Decimal | None:
    bare = text[1:] if text[0] in "+-" else text
    whole, dot, fraction = bare.partition(".")
    if not _digits(whole) or (dot and not _digits(fraction)):
        return None
    try:
        return Decimal(text)
    except InvalidOperation:
        return None


def _text(text: str) -> str | None:
    if any(ord(c) < 32 and c not in "\t\n\r" for c in text):
        return "control_character"
    return "too_long" if len(text) > 6 else None


def _email(text: str) -> str | None:
    local, at, domain = text.partition("@")
    labels = domain.split(".")
    allowed = string.ascii_letters + string.digits + "!#$%&'*+/=?^_`{|}~-."
    fine = (
        at == "@"
        and len(labels) > 1
        and all(part for part in local.split("."))
        and all(c in allowed for c in local)
        and all(label and all(c.isascii() and (c.isalnum() or c == "-") for c in label) for label in labels)
        and all(not label.startswith("-") and not label.endswith("-") for label in labels)
        and ((labels[-1].isalpha() and len(labels[-1]) >= 2) or labels[-1].startswith("xn--"))
    )
    return None if fine else "not_an_email"


def _phone(text: str) -> str | None:
    letters = [i for i, c in enumerate(text) if c.isalpha()]
    body, tail = (text[: letters[0]], text[letters[0] :].lower()) if letters else (text, "")
    marker = next((m for m in ("extension", "ext.", "ext", "x") if tail.startswith(m)), "")
    number = tail[len(marker) :].removeprefix(" ")
    if tail and (not marker or not _digits(number) or len(number) > 6):
        return "not_a_phone"
    fine = all(c in "0123456789 +()-./" for c in body) and "+" not in body.lstrip(" (")[1:]
    return None if fine and 5 <= sum(c.isdigit() for c in body) <= 20 else "not_a_phone"


def _significant(text: str) -> str:
    """The digits that count, with the point: neither sign, nor zeros that lead, nor zeros at the end of a fraction."""
    bare = text.lstrip("+-").lstrip("0")
    return bare.rstrip("0") if "." in bare else bare


def _limited(text: str) -> str | None:
    value = _number(text)
    if value is None:
        return "not_a_number"
    digits = _significant(text)
    if len(digits.replace(".", "").lstrip("0")) > 15 and digits != repr(abs(float(text))).lstrip("0"):
        return "too_many_digits"
    return None if -5 <= value <= 2000 else "out_of_range"


def _money(text: str) -> str | None:
    sign = text[0] if text[0] in "+-" else ""
    bare = text[len(sign) :]
    if bare[:1] in ("$", "€", "£"):
        bare = bare[1:].removeprefix(" ")
    value = _number(bare) if bare and bare[0] not in "+-" else None
    if value is None:
        return "not_a_number"
    if value != value.quantize(Decimal("0.01")):
        return "too_many_decimals"
    return "too_many_digits" if abs(value) >= 10**16 else None


def _flag(text: str) -> str | None:
    return None if text.lower() in ("true", "false", "yes", "no", "y", "n", "1", "0") else "not_a_boolean"


def _day(text: str) -> str | None:
    try:
        if date.fromisoformat(text).isoformat() == text:
            return None
    except ValueError:
        pass
    parts = re.split(r"[/.-]", text)
    if len(parts) == 3 and all(_digits(p) for p in parts) and len(parts[0]) <= 2 and len(parts[1]) <= 2 and len(parts[2]) in (2, 4):
        first, second = int(parts[0]), int(parts[1])
        if 1 <= first <= 12 and 1 <= second <= 12 and first != second:
            return "ambiguous_date"
    return "not_a_date"


def _us_day(text: str) -> str | None:
    parts = text.split("/")
    if len(parts) != 3 or not all(_digits(p) for p in parts) or len(parts[2]) != 4 or max(len(parts[0]), len(parts[1])) > 2:
        return "not_a_date"
    try:
        datetime.strptime(text, "%m/%d/%Y")
    except ValueError:
        return "not_a_date"
    return None


def _moment(text: str) -> str | None:
    shape = re.fullmatch(r"(.{10})[T ](\d\d:\d\d(?::\d\d)?)(?:\.(\d+))?( ?(?:Z|[+-]\d\d(?::?\d\d)?))?", text, re.ASCII | re.DOTALL)
    if not shape or _day(shape[1]) or (shape[3] and (shape[3][6:].strip("0") or len(shape[2]) != 8)):
        return "not_a_datetime"
    try:
        datetime.fromisoformat(f"2000-01-01T{shape[2]}")
    except ValueError:
        return "not_a_datetime"
    zone = (shape[4] or "").strip().replace(":", "").lstrip("+-")
    return "not_a_datetime" if zone not in ("", "Z") and (int(zone[:2]) > 14 or int(zone[2:] or 0) > 59) else None


def _one(text: str) -> str | None:
    return None if text in ("A", "B c") else "unknown_choice"


def _many(text: str) -> str | None:
    return None if all(part.strip(WHITE) in ("A", "B", "C", "") for part in text.split(";")) else "unknown_choice"


ORACLE: dict[str, Callable[[str], str | None]] = dict(
    zip(KEYS, (_text, _email, _phone, _limited, _money, _flag, _day, _us_day, _moment, _one, _many), strict=True)
)


def oracle(rows: list[Cells]) -> set[tuple[int, str, str]]:
    """(line, column, code) of every cell that breaks a rule."""
    return {
        (line, key, code)
        for line, row in enumerate(rows, 2)
        for key in KEYS
        if (text := (row.get(key) or "").strip(WHITE)) and (code := ORACLE[key](text))
    }


# --- examples -----------------------------------------------------------------------------------------------------------------

SEEDS: dict[str, tuple[str, ...]] = {
    "Text": ("abc", "abcdefg", "äöüäöü", "a\x00", "\x1fx", "a\nb"),
    "Email": ("a@b.de", "a.b@c-d.org", "x@y", "@", "a@b.c.xn--p1"),
    "Phone": ("12345", "+1 (555) 123", "555-1234 x9", "555.1234ext. 12", "1234", "12 34 5"),
    "Number": ("1", "-4.50", "2000.0", "2000.1", "1e3", ".5", "+7", "0001", "0.1234567890123456", "1,5", "NaN"),
    "Money": ("1.00", "$2", "-£ 3.1", "4.005", "12345678901234567", "1.200", "€-1"),
    "Flag": ("YES", "n", "1", "maybe", "TrUe"),
    "Day": ("2024-02-29", "2023-02-29", "03/04/2021", "2021-1-1", "31.12.1999", "7-7-21", "0000-01-01"),
    "USDay": ("2/29/2024", "02/29/2023", "13/01/2021", "1/1/21", "01/01/2021", "2021-01-01"),
    "Moment": ("2021-01-01T00:00", "2021-01-01 10:00:00Z", "2021-01-01T10:00:00.123+02:00", "2021-01-01", "2021-01-01 24:00"),
    "One": ("A", "B c", "b c", "B  c"),
    "Many": ("A", "A;B", " C ;;A", "A,B", ";", "D"),
}


def _cell(key: str) -> st.SearchStrategy[str | None]:
    """Valid and broken values of one column, mutated by a character here and there, with blanks around them."""
    seed = st.sampled_from(SEEDS[key])
    alphabet = "".join(SEEDS[key])
    mutated = st.builds(
        lambda text, at, extra, cut: text[: at % (len(text) + 1)] + extra + text[at % (len(text) + 1) + cut :],
        seed,
        st.integers(0, 40),
        st.text(alphabet, max_size=2),
        st.integers(0, 2),
    )
    around = st.sampled_from(["", "", "", " ", "\t", "\u3000", "\u00a0"])
    return st.none() | st.sampled_from(["", " "]) | st.builds(lambda a, v, b: a + v + b, around, seed | mutated, around)


ROWS: st.SearchStrategy[list[Cells]] = st.lists(st.fixed_dictionaries({key: _cell(key) for key in KEYS}), min_size=1, max_size=25)


@settings(max_examples=100)
@given(ROWS)
def test_pandera_finds_exactly_the_cells_that_plain_python_refuses(rows: list[Cells]) -> None:
    """A vectorised check, a regular expression or a shortcut that is subtly off would be right in number and wrong in place."""
    assert found(judged(THING, rows).errors) == oracle(rows)


@settings(max_examples=25)
@given(ROWS)
def test_the_verdict_on_a_row_does_not_depend_on_its_neighbours(rows: list[Cells]) -> None:
    """The same file split in other parts gives the same errors and the same typed rows (acceptance S-12)."""
    together = judged(THING, rows)
    judge = PartJudge(THING, KEYS, "UTC", Suggestions())
    alone = [judge.judge(frame([row], KEYS)) for row in rows]
    assert found(together.errors) == {(i + 2, column, code) for i, one in enumerate(alone) for _, column, code in found(one.errors)}
    values = [one.rows.select(KEYS) for one in alone if len(one.rows)]
    assert together.rows.select(KEYS).equals(pl.concat(values) if values else together.rows.select(KEYS).clear())


NUMERALS = st.lists(st.from_regex(r"[+-]?[0-9]{1,15}(\.[0-9]{1,15})?", fullmatch=True), min_size=1, max_size=30)


@settings(max_examples=20)
@given(NUMERALS)
def test_a_number_that_passes_keeps_its_exact_value(texts: list[str]) -> None:
    """Neither rounding nor cutting: what is stored, written out again, is the number that was sent."""
    for spec in ({"type": "Number"}, {"type": "Number", "decimals": 4}, {"type": "Currency"}):
        result = judged(type_of({"name": "F", **spec}), [{"F": text} for text in texts])
        assert {code for _, _, code in found(result.errors)} <= {"too_many_digits", "too_many_decimals"}
        for line, value in result.rows.select("_line", "F").iter_rows():
            assert Decimal(repr(value) if isinstance(value, float) else value) == Decimal(texts[line - 2])


@settings(max_examples=20)
@given(st.lists(st.decimals(allow_nan=False, places=3, min_value=-(10**11), max_value=10**11), min_size=1, max_size=40))
def test_every_number_of_15_digits_passes(numbers: list[Decimal]) -> None:
    """The limit is told as 15 significant digits: none below it may be refused."""
    result = judged(type_of({"name": "F", "type": "Number"}), [{"F": format(number, "f")} for number in numbers])
    assert result.rows.get_column("F").to_list() == [float(number) for number in numbers]


def test_the_iso_pattern_is_the_calendar() -> None:
    """The pattern alone decides about ISO dates, leap years included; it must know every day from year 1 to 9999, and no other."""
    days = pl.date_range(date(1, 1, 1), date(9999, 12, 31), eager=True).dt.to_string("%Y-%m-%d")
    assert days.str.contains(ISO_DATE).all()
    odd = pl.Series([f"{y:04d}-{m:02d}-{d:02d}" for y in range(2500) for m in range(14) for d in (0, 1, 29, 30, 31, 32)])
    assert odd.filter(odd.str.contains(ISO_DATE)).to_list() == odd.filter(odd.is_in(days.implode())).to_list()


@given(st.dates(min_value=date(1, 1, 1)), st.sampled_from(["%d.%m.%Y", "%Y%m%d", "%m/%d/%Y", "%Y/%m/%d"]))
def test_a_suggested_date_is_the_day_that_was_written_or_none(day: date, style: str) -> None:
    """A suggestion that swaps day and month would be worse than none."""
    text = style.replace("%d", f"{day:%d}").replace("%m", f"{day:%m}").replace("%Y", f"{day.year:04d}")
    assert mended_date(text, ("iso",)) in (day.isoformat(), None)


TYPOS = st.lists(st.text("0123456789.,-+ $€eE/@abM'\u2212()", min_size=1, max_size=14), min_size=1, max_size=60, unique=True)


@pytest.mark.parametrize("kind", ["Number", "Currency", "Date", "DateTime", "Phone", "Email", "Boolean"])
@settings(max_examples=10)
@given(texts=TYPOS)
def test_what_is_suggested_would_be_accepted(kind: str, texts: list[str]) -> None:
    """«Did you mean» followed by a value that is refused again would send people in circles."""
    thing = type_of({"name": "F", "type": kind})
    suggested = judged(thing, [{"F": text} for text in texts]).errors.get_column("suggestion").drop_nulls()
    assert judged(thing, [{"F": None}, *({"F": text} for text in suggested)]).errors.is_empty()


@given(st.integers(0, 10**9), st.integers(0, 99))
def test_a_grouped_number_is_mended_to_its_value_or_left_alone(whole: int, cents: int) -> None:
    """Separators of thousands are dropped only when they cannot be a decimal mark."""
    for group, point in ((",", "."), (".", ","), (" ", "."), (" ", ","), ("'", ".")):
        text = f"{whole:,}".replace(",", group) + f"{point}{cents:02d}"
        assert mended_number(text) == f"{whole}.{cents:02d}"
    bare = mended_number(f"{whole:,}")
    assert bare in (str(whole), None) and (bare is None) == (1000 <= whole < 10**6)


LIMITS = st.none() | st.floats(-1e6, 1e6) | st.sampled_from([0.0, 9.0, 10.0, 99.5, 100.0, 1e15, 1e300])
AMOUNTS = st.lists(st.from_regex(r"\A[+-]?[0-9]{1,7}(\.[0-9]{1,2})?\Z") | st.sampled_from(["-0", "0", "9", "10", "100"]), max_size=20)


@given(low=LIMITS, high=LIMITS, texts=AMOUNTS)
def test_a_range_refuses_exactly_the_numbers_outside(low: float | None, high: float | None, texts: list[str]) -> None:
    """Length and sign may settle it for a whole column at once; that must never let a number through."""
    thing = type_of({"name": "F", "type": "Number", "min": low, "max": high})
    outside = [t for t in texts if (low is not None and float(t) < low) or (high is not None and float(t) > high)]
    refused = judged(thing, [{"F": text} for text in texts]).errors.filter(pl.col("code") == "out_of_range")
    assert refused.get_column("value").to_list() == outside
