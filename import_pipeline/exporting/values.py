"""How a stored value is written: as text, as JSON, or typed; always so that importing it gives the stored value again.

Belongs here: SQL expressions over one column. Does not belong here: which columns and rows are exported (store/records.py,
export.py).
What a value looks like is decided here, and not left to the writer of a file format: it would write 1e-07, which no import takes.
Text is written as it is, a leading `=` included: whatever is put in front of it would be imported with it.
"""

from import_pipeline.model.columns import Column
from import_pipeline.store.names import literal, sql_type


def typed_sql(column: Column, value: str) -> str:
    """The value in the store's own type; an empty text is null."""
    return f"nullif({value}, '')" if sql_type(column.spec) == "VARCHAR" else value


def text_sql(column: Column, value: str, timezone: str) -> str:
    """The value as the importer reads it, null when there is none.

    Dates are ISO 8601 and moments ISO 8601 in UTC, unless the field states formats without `iso`: then they are in the first of
    them, moments in the account's `timezone`. Numbers are the shortest text that gives the same number, without exponent; amounts
    and numbers with stated decimals keep all their decimals.
    """
    kind = sql_type(column.spec)
    if kind == "VARCHAR":
        return typed_sql(column, value)
    if kind == "DOUBLE":
        return _number_sql(value)
    stated = _stated_format(column)
    if kind == "DATE" and stated:
        return f"strftime({value}, {literal(stated)})"
    if kind == "TIMESTAMPTZ":
        return f"strftime(timezone({literal(timezone)}, {value}), {literal(stated)})" if stated else moment_sql(value)
    return f"CAST({value} AS VARCHAR)"


def json_sql(column: Column, value: str, timezone: str) -> str:
    """The value as JSON text: numbers and booleans as such, everything else as a string, null when there is none."""
    text = text_sql(column, value, timezone)
    bare = sql_type(column.spec) in ("DOUBLE", "BOOLEAN") or sql_type(column.spec).startswith("DECIMAL")
    return f"coalesce({text if bare else f'CAST(to_json({text}) AS VARCHAR)'}, 'null')"


def _stated_format(column: Column) -> str | None:
    """The format that a date is written in, or None for ISO 8601. A year of four digits goes before one of two."""
    formats = column.spec.formats
    if "iso" in formats:
        return None
    return next((f for f in formats if "%Y" in f), formats[0])


def moment_sql(value: str) -> str:
    """2026-11-20T17:05:00Z; a fraction of six digits only where there is one."""
    return f"replace(strftime(timezone('UTC', {value}), '%Y-%m-%dT%H:%M:%S.%fZ'), '.000000Z', 'Z')"


def _number_sql(value: str) -> str:
    """A double without exponent, without `.0`, and without minus zero."""
    text = f"CAST({value} AS VARCHAR)"
    sign = f"CASE WHEN {value} < 0 THEN '-' ELSE '' END"
    digits = f"replace(regexp_extract({text}, '([0-9.]+)e', 1), '.', '')"
    exponent = f"CAST(regexp_extract({text}, 'e(.+)$', 1) AS INTEGER)"
    return (
        f"CASE WHEN {value} = 0 THEN '0' "
        f"WHEN {text} NOT LIKE '%e%' THEN regexp_replace({text}, '\\.0$', '') "
        f"WHEN abs({value}) < 1 THEN {sign} || '0.' || repeat('0', -1 - {exponent}) || {digits} "
        f"ELSE {sign} || {digits} || repeat('0', {exponent} + 1 - length({digits})) END"
    )
