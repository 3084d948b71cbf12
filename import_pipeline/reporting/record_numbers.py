"""Which record of its file a line belongs to: blank lines, lines before the header and rows of several lines make the two differ.

Belongs here: counting records. Does not belong here: files with errors (answers.py, api_errors.py).
"""

import polars as pl

from import_pipeline.store.staging import JOB, LINE, StageFolder

RECORD = "record"


def record_numbers(parsed: StageFolder, job: int, lines: pl.Series) -> pl.DataFrame:
    """`_line` and `record` (1 for the first record of the job's file, refused ones counted) of these first lines of records."""
    wanted = pl.DataFrame({LINE: lines.drop_nulls().cast(pl.Int64).unique().sort()})
    refused = _lines(parsed, "errors", job, pl.col("severity") == "error")
    read = pl.concat([_lines(parsed, "rows", job, pl.lit(True)), refused]).unique().sort()
    place = read.search_sorted(wanted.get_column(LINE), side="left")
    return wanted.with_columns(place.cast(pl.Int64).alias(RECORD) + 1)


def _lines(parsed: StageFolder, part: str, job: int, where: pl.Expr) -> pl.Series:
    parts = parsed.parts(part)
    if not parts:
        return pl.Series(LINE, [], dtype=pl.Int64)
    needed = {JOB, LINE, *where.meta.root_names()}
    found = [pl.read_parquet(path, columns=sorted(needed)).filter((pl.col(JOB) == job) & where).get_column(LINE) for path in parts]
    return pl.concat(found)
