"""Why each failed row was refused: its line, the text of all its errors, ready to stand in the reason columns.

Belongs here: findings to one text per row. Does not belong here: the words (messages.py), the failed file (failed_rows.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass

import polars as pl

from import_pipeline.reporting.messages import guarded, row_sentence
from import_pipeline.store.staging import END, LINE

SLICE_ROWS = 50_000
"""Failed rows whose texts are in memory at once."""
UNSPLICEABLE = ("bad_json", "not_an_object")
"""Codes of JSONL rows that are no object to which keys could be added."""
UNRETURNABLE = "line_too_long"
"""Code of rows that are too long to be read, and so to be sent back: the list of errors tells them."""


@dataclass(frozen=True)
class FailedRows:
    """The failed rows of one job in the order of the file: spans of physical lines, and their findings by `_line`."""

    lines: pl.DataFrame
    """Columns `_line`, `_end`, ascending."""
    findings: pl.DataFrame
    """Findings of severity `error`, ordered by `_line`."""
    labels: Mapping[str, str]

    @classmethod
    def of(cls, errors: pl.DataFrame, labels: Mapping[str, str]) -> "FailedRows":
        """From all findings of a job (columns of ERRORS, ordered by line): a row with an error is failed, warnings cost no row.

        Rows that are too long to be read are left out.
        """
        costs = (pl.col("severity") == "error") & pl.col(LINE).is_not_null()
        costly = errors.lazy().filter(costs).select(LINE, END, "code", "column", "value", "expected", "suggestion").collect()
        if (unread := costly.filter(pl.col("code") == UNRETURNABLE)[LINE]).len():
            costly = costly.filter(~pl.col(LINE).is_in(unread.implode()))
        end = pl.max_horizontal(pl.col(END).max(), pl.col(LINE).first())
        lines = costly.lazy().group_by(LINE).agg(end.alias(END)).sort(LINE).select(LINE, END).collect()
        return cls(lines, costly, labels)

    @property
    def spans(self) -> list[tuple[int, int]]:
        """(first, last) physical line of each failed row, 1-based, inclusive, sorted."""
        return list(zip(self.lines[LINE].to_list(), self.lines[END].to_list(), strict=True))

    def slices(self) -> Iterator[pl.DataFrame]:
        """Frames with `_line`, `errors` (one text, one line) and `whole` (the row can take no keys), in order, slice by slice."""
        for offset in range(0, self.lines.height, SLICE_ROWS):
            lines = self.lines[LINE].slice(offset, SLICE_ROWS)
            mine = self.findings.filter(pl.col(LINE).is_between(lines[0], lines[-1]))
            said = mine.select(LINE, row_sentence(self.labels).alias("sentence"), pl.col("code").is_in(UNSPLICEABLE).alias("whole"))
            told = said.group_by(LINE, maintain_order=True).agg(pl.col("sentence").unique(maintain_order=True), pl.col("whole").any())
            yield told.select(LINE, guarded(pl.col("sentence").list.join(" | ")).alias("errors"), "whole")
