"""Numbers, amounts and booleans: a strict pattern beside each cast.

Belongs here: what text is a Number, Currency or Boolean, and how it is cast. Does not belong here: dates, choices.

The casts of polars are lax in silence ('1e3', 'NaN', rounded and cut decimals: reference/performance.md section 2); they are
applied to values that the patterns here have proven.
"""

import re
from decimal import Decimal
from functools import partial
from itertools import product

import polars as pl

from import_pipeline.failures import nearest
from import_pipeline.model.field import FieldSpec
from import_pipeline.validation.rules import ColumnJudge, Rule, all_within, matches, stated_rules

NUMBER = r"\A[+-]?[0-9]+(?:\.[0-9]+)?\z"
CURRENCY = r"\A[+-]?(?:[$€£] ?)?[0-9]+(?:\.[0-9]+)?\z"
"""One of three symbols may stand between sign and amount. Other symbols, codes and symbols behind the amount are refused with the
bare amount as suggestion: the field does not keep a currency, and dropping an unexpected one would change the amount's meaning."""
PRECISION = 18
"""Digits of a Decimal column in all."""
FLOAT_DIGITS = 15
"""As many significant digits as every double keeps exactly."""
TRUE = ("true", "yes", "y", "1")
FALSE = ("false", "no", "n", "0")


def _spellings(words: tuple[str, ...]) -> pl.Series:
    """Every spelling of the words in upper and lower case, as one list: looking one up costs half of lower-casing a column."""
    spelt = {"".join(letters) for word in words for letters in product(*zip(word.lower(), word.upper(), strict=True))}
    return pl.Series(sorted(spelt), dtype=pl.String).implode()


def _cast(values: pl.Series, kind: pl.DataType) -> pl.Series:
    """Null for what is no number or amount. A currency symbol is looked for only where the plain cast fails."""
    numbers = values.cast(kind, strict=False)
    if numbers.null_count() == values.null_count():
        return numbers
    return values.str.replace("[$€£] ?", "").cast(kind, strict=False)


def as_float(values: pl.Series) -> pl.Series:
    """Float64; minus zero is zero, for both are one number and would be two values to the store."""
    numbers = _cast(values, pl.Float64())
    return numbers.set(numbers == 0.0, 0.0) if values.str.starts_with("-0").any() else numbers


def as_decimal(values: pl.Series, decimals: int) -> pl.Series:
    """Decimal(18, decimals)."""
    return _cast(values, pl.Decimal(PRECISION, decimals))


def _exact_as_float(values: pl.Series) -> pl.Series | bool:
    """At most 15 significant digits, or a text that the double prints again (what programs write out for a double, as map
    coordinates of 17 digits are)."""
    if all_within(values, FLOAT_DIGITS):
        return True
    bare = values.str.strip_chars_start("+-").str.strip_chars_start("0")
    frame = bare.alias("bare").to_frame()
    tidy = pl.when(pl.col("bare").str.contains(".", literal=True)).then(pl.col("bare").str.strip_chars_end("0"))
    tidied = tidy.otherwise(pl.col("bare"))
    digits = tidied.str.replace(".", "", literal=True).str.strip_chars_start("0").str.len_bytes()
    printed = pl.col("bare").cast(pl.Float64, strict=False).cast(pl.String).str.strip_chars_start("0")
    return frame.select((digits <= FLOAT_DIGITS) | (tidied == printed)).to_series()


def _whole_digits(limit: int) -> Rule:
    pattern = rf"\A[^0-9]*0*[0-9]{{0,{limit}}}(?:\.|\z)"

    def fits(values: pl.Series) -> pl.Series | bool:
        return all_within(values, limit) or values.str.contains(pattern)

    return Rule("too_many_digits", f"a number of at most {limit} digits before the decimal point", fits)


def _decimals(limit: int) -> Rule:
    """Zeros at the end change nothing and are no decimals; anything else beyond the limit would have to be rounded."""
    pattern = rf"\A[^.]*\.[0-9]{{{limit}}}[0-9]*[1-9]"
    expected = f"a number with at most {limit} decimals" if limit else "a whole number"
    return Rule("too_many_decimals", expected, lambda values: ~values.str.contains(pattern))


def plain(number: float) -> str:
    """A limit in words, without the `.0` of a whole number."""
    return f"{number:.15g}"


def _range_words(spec: FieldSpec) -> str:
    if spec.min is not None and spec.max is not None:
        return f"a number from {plain(spec.min)} to {plain(spec.max)}"
    return f"a number of at least {plain(spec.min)}" if spec.min is not None else f"a number of at most {plain(spec.max or 0.0)}"


def _surely_inside(values: pl.Series, low: float | None, high: float | None) -> bool:
    """True when sign and length alone show it: no number below zero, and none with as many digits as the upper limit."""
    digits = len(str(int(high))) - 1 if high is not None and 0 < high < 10**FLOAT_DIGITS else 0
    if (low is not None and low > 0) or (high is not None and not (digits and all_within(values, digits))):
        return False
    return low is None or not values.str.contains("-", literal=True).any()


def _range(spec: FieldSpec) -> tuple[Rule, ...]:
    low, high = spec.min, spec.max
    if low is None and high is None:
        return ()

    def inside(values: pl.Series) -> pl.Series | bool:
        if _surely_inside(values, low, high):
            return True
        numbers = as_float(values)
        if high is None:
            return numbers >= low
        return numbers <= high if low is None else numbers.is_between(low, high)

    return (Rule("out_of_range", _range_words(spec), inside),)


def number(spec: FieldSpec) -> ColumnJudge:
    """Number: Float64 of at most 15 significant digits, or Decimal(18, decimals) when the field states `decimals`."""
    judged = Rule("not_a_number", "a number such as 1234.5", matches(NUMBER))
    if spec.decimals is None:
        digits = Rule("too_many_digits", f"a number of at most {FLOAT_DIGITS} significant digits", _exact_as_float)
        return ColumnJudge((judged, digits, *_range(spec), *stated_rules(spec)), as_float, mended_number)
    return _exact(spec, judged, spec.decimals)


def currency(spec: FieldSpec) -> ColumnJudge:
    """Currency: Decimal(18, 2), or as many decimals as the field states. `$`, `€` or `£` may stand before the amount."""
    judged = Rule("not_a_number", "an amount such as 1234.50; $, € or £ may stand before it", matches(CURRENCY))
    return _exact(spec, judged, 2 if spec.decimals is None else spec.decimals)


def _exact(spec: FieldSpec, judged: Rule, decimals: int) -> ColumnJudge:
    cast = partial(as_decimal, decimals=decimals)
    exact = (_decimals(decimals), _whole_digits(PRECISION - decimals))
    return ColumnJudge((judged, *exact, *_range(spec), *stated_rules(spec)), cast, mended_number)


_GROUPED = re.compile(r"([+-]?\d{1,3}(?:[ \u00a0\u2009\u202f'’]\d{3})+)([.,]\d+)?")
_COMMAS = re.compile(r"[+-]?\d{1,3}(?:,\d{3})+\.\d+|[+-]?\d{1,3}(?:,\d{3}){2,}")
_DOTS = re.compile(r"[+-]?\d{1,3}(?:\.\d{3})+,\d+|[+-]?\d{1,3}(?:\.\d{3}){2,}")
_ONE_COMMA = re.compile(r"([+-]?)(\d+),(\d+)")
_SCIENTIFIC = re.compile(r"[+-]?\d+(?:\.\d+)?[eE][+-]?\d{1,2}")
_MONEY = re.compile(r"([+-]?)(?:[$€£¥]|[A-Z]{3})?\s?([+-]?[\d.,'’\s]*\d)\s?(?:[$€£¥]|[A-Z]{3})?")


def _without_separators(text: str) -> str | None:
    """The number without thousands separators and with a decimal point; None when it could be read in two ways ('1,234')."""
    if grouped := _GROUPED.fullmatch(text):
        return re.sub(r"[^\d+-]", "", grouped[1]) + (grouped[2] or "").replace(",", ".")
    if _COMMAS.fullmatch(text):
        return text.replace(",", "")
    if _DOTS.fullmatch(text):
        return text.replace(".", "").replace(",", ".")
    if one := _ONE_COMMA.fullmatch(text):
        thousands = len(one[3]) == 3 and len(one[2]) <= 3 and not one[2].startswith("0")
        return None if thousands else f"{one[1]}{one[2]}.{one[3]}"
    return text


def mended_number(value: str) -> str | None:
    """The number meant, when that is certain: '1,234.50' → '1234.50', '12,5' → '12.5', '(7)' → '-7', '1e3' → '1000', '.5' → '0.5'."""
    text = value.replace("\u2212", "-")
    if accounting := re.fullmatch(r"\((.+)\)|(.+)-", text):
        text = "-" + (accounting[1] or accounting[2])
    if money := _MONEY.fullmatch(text):
        text = money[1] + money[2]
    if _SCIENTIFIC.fullmatch(text):
        return format(Decimal(text), "f")
    text = re.sub(r"^([+-]?)\.(?=\d)", r"\g<1>0.", text).removesuffix(".")
    return _without_separators(text)


def boolean(spec: FieldSpec) -> ColumnJudge:
    """Boolean: true, yes, y, 1 or false, no, n, 0; case does not count."""
    true, known = _spellings(TRUE), _spellings(TRUE + FALSE)
    judged = Rule("not_a_boolean", "true or false (also yes, no, y, n, 1, 0)", lambda values: values.is_in(known))
    return ColumnJudge(
        (judged, *stated_rules(spec)),
        lambda values: values.is_in(true),
        lambda value: nearest(value, ("true", "false", "yes", "no"), cutoff=75.0),
        effort=4,
    )
