"""Damage that spreadsheets do to values: ids rounded to 1.23457E+15, lost leading zeros, dates as serial numbers (acceptance B-11).

Belongs here: telling such damage, and mending it where only one original is possible. Does not belong here: judging values otherwise
(validation/), reading sheets (xlsx.py).
"""

import re
from dataclasses import replace
from datetime import date

import polars as pl

from import_pipeline.model.columns import Column
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import CODES
from import_pipeline.parsing.batch import FINDINGS, Batch

BASE_1900, BASE_1904 = date(1899, 12, 30), date(1904, 1, 1)
_SCIENTIFIC = r"^\s*-?\d(?:\.\d+)?E\+\d+\s*$"
_EXACT_DIGITS = 15
"""Digits that a spreadsheet keeps of a number."""
_FIXED = re.compile(r"\^?(?:\\d|\[0-9\])\{(\d+)\}\$?")
_SERIAL = r"^\d{1,7}(?:\.\d+)?$"
_YEARS = (1900, 2100)
"""A number in this range in a date's cell may be a year: not certain, so not mended."""
_LEAP_FAULT = 60
"""In the 1900 system serial numbers up to this one are off by a day or name a day that never was."""


def mend(batch: Batch, object_type: ObjectType) -> Batch:
    """The batch with damaged rows turned into row errors, and mended values with a warning each."""
    columns = [object_type.column(key) for key in batch.frame.columns]
    for column in columns:
        digits = _fixed_digits(column)
        if digits:
            batch = _pad(batch, column.key, digits)
        if batch.date_base and column.spec.type == "Date" and column.key in batch.numeric:
            batch = _date_from_serial(batch, column.key, batch.date_base)
    return _refuse_rounded(batch, [c.key for c in columns if _holds_ids(c)])


def _holds_ids(column: Column) -> bool:
    """Columns in which a number in scientific notation can only be a rounded id or phone number."""
    return column.role in ("record_id", "external_id", "external_pin_id", "parent") or column.spec.type in ("Text", "Phone")


def _fixed_digits(column: Column) -> int | None:
    """How many digits the column's pattern demands, when that is all it demands."""
    found = _FIXED.fullmatch(column.spec.pattern or "")
    return int(found[1]) if found else None


def _refuse_rounded(batch: Batch, keys: list[str]) -> Batch:
    """Rows whose id was rounded become row errors `number_damaged`."""
    errors = []
    damaged = pl.Series([False]).new_from_index(0, batch.frame.height)
    for key in keys:
        cells = batch.frame[key]
        bad = cells.str.contains(_SCIENTIFIC) if batch.scientific else None
        if key in batch.numeric:
            long = batch.numeric[key] & (cells.str.replace_all(r"\D", "").str.len_chars() > _EXACT_DIGITS)
            bad = long if bad is None else bad | long
        if bad is not None and (bad := bad.fill_null(False)).any():
            errors.append(_told(batch, key, bad, "number_damaged", expected="the id as text, with all its digits"))
            damaged |= bad
    if not errors:
        return batch
    kept = ~damaged
    mask = kept.to_numpy()
    return replace(
        batch,
        frame=batch.frame.filter(kept),
        line=batch.line[mask],
        end=batch.end[mask],
        pos=batch.pos[mask],
        errors=pl.concat([batch.errors, *errors]),
        refused=batch.refused + int(damaged.sum()),
        numeric={key: series.filter(kept) for key, series in batch.numeric.items()},
    )


def _pad(batch: Batch, key: str, digits: int) -> Batch:
    """One lost leading zero is given back where the column's pattern demands a fixed count of digits; in sheets only to numbers."""
    cells = batch.frame[key]
    short = cells.str.contains(rf"^\s*[0-9]{{{digits - 1}}}\s*$") if digits > 1 else None
    if short is not None and batch.date_base:
        short = short & batch.numeric[key] if key in batch.numeric else None
    if short is None or not short.any():
        return batch
    return _mended(batch, key, short.fill_null(False), cells.str.strip_chars().str.zfill(digits))


def _date_from_serial(batch: Batch, key: str, base: date) -> Batch:
    """Serial numbers in a date's cell of a sheet become ISO dates; numbers that may be years and impossible ones stay."""
    cells = batch.frame[key]
    serial = cells.str.extract(r"^(\d+)").cast(pl.Int64, strict=False)
    certain = batch.numeric[key] & cells.str.contains(_SERIAL) & (serial > _LEAP_FAULT) & ~serial.is_between(*_YEARS)
    certain = (certain & (serial < 2_958_466)).fill_null(False)
    days = pl.select(pl.lit(base) + pl.duration(days=pl.lit(serial.fill_null(0)))).to_series().dt.strftime("%Y-%m-%d")
    return _mended(batch, key, certain, days)


def _mended(batch: Batch, key: str, where: pl.Series, by: pl.Series) -> Batch:
    if not where.any():
        return batch
    told = _told(batch, key, where, "mended", suggestion=by)
    cells = pl.select(pl.when(where).then(by).otherwise(batch.frame[key]).alias(key)).to_series()
    return replace(batch, frame=batch.frame.with_columns(cells), errors=pl.concat([batch.errors, told]))


def _told(
    batch: Batch, key: str, where: pl.Series, code: str, *, expected: str | None = None, suggestion: pl.Series | None = None
) -> pl.DataFrame:
    """One finding for each row of `where`, with the cell as it was."""
    constant = {"code": code, "severity": CODES[code].severity, "column": key, "expected": expected}
    return (
        batch.lines.with_columns(
            batch.frame[key].alias("value"),
            *(pl.lit(v, dtype=pl.String).alias(k) for k, v in constant.items()),
            pl.lit(None, dtype=pl.String).alias("suggestion") if suggestion is None else suggestion.alias("suggestion"),
        )
        .filter(where)
        .select(list(FINDINGS))
    )
