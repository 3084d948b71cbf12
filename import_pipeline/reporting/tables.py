"""A table of results as CSV, XLSX or JSONL, written block by block: memory does not grow with the number of rows.

Belongs here: writing rows. Does not belong here: which rows and columns (api_results.py), the failed rows of a file (failed_rows.py).

Texts that a spreadsheet would run get an apostrophe in front in CSV, and are text cells in XLSX (docs/security.md).
"""

import json
import secrets
from collections.abc import Collection, Iterator, Sequence
from pathlib import Path
from typing import BinaryIO, Literal

import polars as pl
import xlsxwriter

from import_pipeline.reporting.messages import guarded

TableFormat = Literal["CSV", "XLSX", "JSONL"]
MEDIA: dict[TableFormat, str] = {
    "CSV": "text/csv; charset=utf-8",
    "XLSX": "application/vnd.openxmlformats-officedocument.spreadsheetml.sheet",
    "JSONL": "application/x-ndjson",
}
SHEET_ROWS = 1_048_575
"""Rows below the header that one sheet of a workbook holds; the next ones lie in another sheet."""
_CELL_CHARS = 32_767


def write_table(
    path: Path, columns: Sequence[str], frames: Iterator[pl.DataFrame], output: TableFormat, objects: Collection[str] = ()
) -> None:
    """Writes the rows to `path`, which appears when it is complete. `objects` are columns whose texts are JSON objects: in JSONL they
    stand as objects. Every frame has the columns in this order."""
    path.parent.mkdir(parents=True, exist_ok=True)
    hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}.part")
    with hidden.open("wb") as out:
        if output == "CSV":
            _csv(out, columns, frames)
        elif output == "JSONL":
            _jsonl(out, columns, frames, objects)
        else:
            _xlsx(out, columns, frames)
    hidden.rename(path)


def _csv(out: BinaryIO, columns: Sequence[str], frames: Iterator[pl.DataFrame]) -> None:
    pl.DataFrame(schema=dict.fromkeys(columns, pl.String())).write_csv(out)
    for frame in frames:
        safe = [guarded(pl.col(name)).alias(name) for name, kind in frame.schema.items() if kind == pl.String]
        frame.with_columns(safe).write_csv(out, include_header=False)


def _jsonl(out: BinaryIO, columns: Sequence[str], frames: Iterator[pl.DataFrame], objects: Collection[str]) -> None:
    for frame in frames:
        if frame.is_empty():
            continue
        pairs = [pl.concat_str(pl.lit(_key(name) + ":"), _value(name, frame.schema[name], objects)) for name in columns]
        lines = frame.select(
            pl.concat_str(pl.lit("{"), pl.concat_str(pairs, separator=",", ignore_nulls=True), pl.lit("}\n")).alias("line")
        )
        out.write("".join(lines["line"].to_list()).encode())


def _key(name: str) -> str:
    return json.dumps(name, ensure_ascii=False)


def _value(name: str, kind: pl.DataType, objects: Collection[str]) -> pl.Expr:
    """The value as JSON; null where there is none: then its key is left out."""
    column = pl.col(name)
    if name in objects:
        return column
    if kind == pl.String:
        encoded = pl.struct(column.alias("t")).struct.json_encode().str.strip_prefix('{"t":').str.strip_suffix("}")
        return pl.when(column.is_not_null()).then(encoded)
    return column.cast(pl.String)


def _xlsx(out: BinaryIO, columns: Sequence[str], frames: Iterator[pl.DataFrame]) -> None:
    book = xlsxwriter.Workbook(out, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    bold = book.add_format({"bold": True})
    sheet, number = book.add_worksheet(), 0
    sheet.write_row(0, 0, columns, bold)
    for frame in frames:
        for row in frame.iter_rows():
            if number == SHEET_ROWS:
                sheet, number = book.add_worksheet(), 0
                sheet.write_row(0, 0, columns, bold)
            number += 1
            for place, value in enumerate(row):
                if isinstance(value, bool):
                    sheet.write_boolean(number, place, value)
                elif isinstance(value, int) and abs(value) < 10**15:
                    sheet.write_number(number, place, value)
                elif value is not None:
                    sheet.write_string(number, place, str(value)[:_CELL_CHARS])
    book.close()
