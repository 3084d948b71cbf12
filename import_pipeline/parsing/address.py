"""Addresses in one cell: house number and street, and the five parts of a full address, as polars expressions.

Belongs here: splitting text. Does not belong here: geocoding, pins, judging the parts.
"""

from collections.abc import Collection

import polars as pl

from import_pipeline.model.columns import ADDRESS_LINE
from import_pipeline.model.object_type import ObjectType

HOUSE, STREET = "House Number", "Street"
FULL_PARTS = ("Street", "City", "State", "Zip", "Country")
"""Parts of a full address in their order (acceptance T-6)."""
_NUMBER = r"^(\d\S*?(?:\s+\d+/\d+)?),?(?:\s|$)"
_ORDINAL = r"(?i)^\d+(?:st|nd|rd|th)$"
_PART = r'\s*("(?:[^"]|"")*"|[^,]*?)\s*'
_FULL = "(?s)^" + _PART + (r"(?:," + _PART) * 3 + r"(?:,(.*))?" + ")?" * 3 + "$"


def split_line(frame: pl.DataFrame) -> pl.DataFrame:
    """Replaces the column Address Line by House Number and Street; a frame without that column is given back as it is.

    A first word that begins with a digit is the house number (`12B`, `12-14`, `12 1/2`), unless it is an ordinal (`5th Avenue`).
    House number and street that were given stay; a line whose number is another one than the given stays whole in the street.
    """
    if ADDRESS_LINE not in frame.columns:
        return frame
    missing = [pl.lit(None, dtype=pl.String).alias(key) for key in (HOUSE, STREET) if key not in frame.columns]
    line = pl.col(ADDRESS_LINE).str.strip_chars()
    number = line.str.extract(_NUMBER)
    number = pl.when(~number.str.contains(_ORDINAL)).then(number)
    street = pl.when(number.is_null()).then(line).otherwise(line.str.replace(_NUMBER, "").str.strip_chars())
    house = pl.col(HOUSE).str.strip_chars()
    fits = _blank(HOUSE) | house.eq_missing(number)
    return (
        frame.with_columns(missing)
        .with_columns(
            pl.when(_blank(HOUSE)).then(pl.coalesce(number, pl.col(HOUSE))).otherwise(pl.col(HOUSE)).alias(HOUSE),
            pl.when(_blank(STREET)).then(pl.when(fits).then(street).otherwise(line)).otherwise(pl.col(STREET)).alias(STREET),
        )
        .drop(ADDRESS_LINE)
    )


def split_full(frame: pl.DataFrame, object_type: ObjectType) -> pl.DataFrame:
    """Replaces each whole address by the columns of its parts (acceptance T-6); a part that a column of its own gives stays."""
    for whole, targets in object_type.addresses.items():
        if whole not in frame.columns:
            continue
        missing = [pl.lit(None, dtype=pl.String).alias(key) for key in targets.values() if key not in frame.columns]
        parts = split_full_address(pl.col(whole))
        filled = [
            pl.when(_blank(key)).then(pl.coalesce(parts[part], pl.col(key))).otherwise(pl.col(key)).alias(key)
            for part, key in targets.items()
        ]
        frame = frame.with_columns(missing).with_columns(filled).drop(whole)
    return frame


def split_keys(keys: Collection[str], object_type: ObjectType) -> set[str]:
    """The column keys that rows with these keys have once addresses are split."""
    found = set(keys)
    for whole in object_type.addresses.keys() & found:
        found |= set(object_type.addresses[whole].values())
    if ADDRESS_LINE in found:
        found |= {HOUSE, STREET}
    return found - object_type.split - {ADDRESS_LINE}


def split_full_address(text: pl.Expr) -> dict[str, pl.Expr]:
    """The parts of `Street, City, State/Province, Zip, Country`, keyed by FULL_PARTS (acceptance T-6).

    Read from left to right: leading commas keep their place, parts at the end may be missing (null); a part in quotes may hold commas;
    what follows a fifth comma stays in the country.
    """
    groups = text.str.extract_groups(_FULL)
    return {part: _unquoted(groups.struct.field(str(i + 1))).alias(part) for i, part in enumerate(FULL_PARTS)}


def _unquoted(part: pl.Expr) -> pl.Expr:
    plain = part.str.strip_chars()
    inner = plain.str.slice(1, plain.str.len_chars() - 2).str.replace_all('""', '"', literal=True).str.strip_chars()
    quoted = plain.str.contains(r'(?s)^".*"$') & (plain.str.len_chars() >= 2)
    value = pl.when(quoted).then(inner).otherwise(plain)
    return pl.when(value != "").then(value)


def _blank(key: str) -> pl.Expr:
    return pl.col(key).str.strip_chars().fill_null("") == ""
