"""An export as a workbook for spreadsheets: one sheet, every row, nothing that a spreadsheet would run.

Belongs here: an export's CSV file to XLSX. Does not belong here: which records and columns (export.py), tables of results
(reporting/tables.py).

Texts are text cells, so ids and ZIP codes keep their zeros and a leading `=` is shown and not run. A number is a number cell where the
cell gives the same number back, and a text cell where a spreadsheet would round it. So the workbook imported back changes nothing.
"""

from collections.abc import Collection
from pathlib import Path

import polars as pl
import xlsxwriter

from import_pipeline.failures import PermanentFailure

MOST_ROWS = 1_048_575
"""Rows below the header that one sheet holds."""
MOST_CHARS = 32_767
"""Characters that one cell holds."""
DIGITS = 15
"""Digits that a spreadsheet keeps of a number."""
_BATCH = 20_000


def write_workbook(source: Path, target: Path, name: str, numbers: Collection[str]) -> int:
    """Writes the CSV file `source` as the sheet `name` to `target` and returns its rows. `numbers` are its columns of numbers.

    Raises PermanentFailure for more rows, or longer texts, than a sheet holds; what was written by then is the caller's to remove.
    Memory does not grow with the rows.
    """
    book = xlsxwriter.Workbook(target, {"constant_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"title": name})
    sheet = book.add_worksheet(_sheet_name(name))
    sheet.freeze_panes(1, 0)
    frames = pl.scan_csv(source, infer_schema=False).collect_batches(chunk_size=_BATCH, maintain_order=True)
    header = list(pl.scan_csv(source, infer_schema=False).collect_schema())
    sheet.write_row(0, 0, header, book.add_format({"bold": True}))
    sheet.set_column(0, len(header) - 1, 16)
    number = 0
    for frame in frames:
        if number + frame.height > MOST_ROWS:
            raise PermanentFailure(f"a sheet holds at most {MOST_ROWS:,} records; choose CSV for more")
        _check_lengths(frame)
        exact = [_is_exact(frame.get_column(column)).to_list() if column in numbers else None for column in header]
        for row, cells in enumerate(frame.iter_rows()):
            number += 1
            for place, cell in enumerate(cells):
                if cell is None:
                    continue
                plain = exact[place]
                if plain is not None and plain[row]:
                    sheet.write_number(number, place, float(cell))
                else:
                    sheet.write_string(number, place, cell)
    book.close()
    return number


def _check_lengths(frame: pl.DataFrame) -> None:
    longest = frame.select(pl.all().str.len_chars().max()).row(0) if frame.height else ()
    for column, length in zip(frame.columns, longest, strict=False):
        if (length or 0) > MOST_CHARS:
            raise PermanentFailure(f"a text of {column} has {length:,} characters, and a cell holds {MOST_CHARS:,}; choose CSV")


def _is_exact(texts: pl.Series) -> pl.Series:
    """Whether a number cell gives each number back: a plain decimal of at most DIGITS digits."""
    digits = texts.str.replace_all(r"[^0-9]", "").str.strip_chars_start("0").str.len_chars()
    return texts.str.contains(r"^-?[0-9]+(\.[0-9]+)?$") & (digits <= DIGITS)


def _sheet_name(name: str) -> str:
    """`name` as a sheet may be called."""
    plain = "".join("_" if c in "[]:*?/\\" else c for c in name)[:31].strip("'")
    return plain if plain and plain.casefold() != "history" else "Records"
