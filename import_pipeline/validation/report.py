"""What validation tells about each job: counts, a halt, and its errors in groups.

Belongs here: the models of report.json and the tally of errors over parts. Does not belong here: the rows of errors themselves
(the stage's `errors` parts), the receipt (reporting/).
"""

from collections import defaultdict
from dataclasses import dataclass

import polars as pl

from import_pipeline.model.base import Model
from import_pipeline.model.row_error import CODES, FileFault
from import_pipeline.store.staging import ERRORS, JOB, LINE

GROUPS = 50
"""Groups of errors that the report keeps per job."""
_VALUES = 200
"""Distinct values that one part adds to a tally, the most frequent first: what keeps it small when every row is refused."""
_COSTLY = tuple(code for code, told in CODES.items() if told.severity == "error")
"""Codes that cost a row."""
_BY_VALUE = ("unknown_choice", "unknown_stage", "unknown_loss_reason", "unknown_owner")
"""Codes where the value says what is wrong for many rows at once («812 rows: unknown stage Prospct»); others are one group a column."""


_KIND = [JOB, "code", "column"]
_VALUE = [*_KIND, "value"]
_WORDS = ["severity", "expected", "suggestion"]
_COUNTS: dict[str, pl.DataType] = {**{name: ERRORS[name] for name in _KIND}, "count": pl.Int64(), "first_line": pl.Int64()}
_TALLY: dict[str, pl.DataType] = {**_COUNTS, **{name: ERRORS[name] for name in ("value", *_WORDS)}}
_LARGEST, _DESCENDING = ["count", "first_line", "value"], [True, False, False]


@dataclass(frozen=True)
class First:
    """The first error of a file: its line, its column's key (None for the whole row) and its code."""

    line: int
    column: str | None
    code: str

    def __str__(self) -> str:
        what = CODES[self.code].help if self.code in CODES else self.code
        return f"line {self.line}: {f'{self.column}: ' if self.column else ''}{what}"


class ErrorGroup(Model):
    """Errors of one job that are of a kind. `value` is the most frequent one, `first_line` the first line of the group."""

    code: str
    severity: str
    column: str | None
    value: str | None
    count: int
    first_line: int
    expected: str | None
    suggestion: str | None


class JudgedFile(Model):
    """What became of one job: rows = good + refused.

    `rows` and `refused` include what parsing refused. `written` is how many rows go on: `good`, or 0 when the job is halted or
    its file refused as a whole (`fault`); of a halted job of a strict account those before its first error.
    """

    job: int
    rows: int
    good: int
    refused: int
    written: int
    halted: str | None = None
    fault: FileFault | None = None
    groups: tuple[ErrorGroup, ...] = ()


class Tally:
    """Counts errors over the parts of a delivery: exactly by job, code and column, and within these by value."""

    def __init__(self) -> None:
        self._kinds = pl.DataFrame(schema=_COUNTS)
        self._values = pl.DataFrame(schema=_TALLY)

    def add(self, errors: pl.DataFrame) -> None:
        """Adds a part of errors (columns of ERRORS)."""
        count, first = pl.len().cast(pl.Int64).alias("count"), pl.col(LINE).min().alias("first_line")
        kinds = errors.group_by(_KIND).agg(count, first).select(*_COUNTS)
        self._kinds = pl.concat([self._kinds, kinds]).group_by(_KIND).agg(pl.col("count").sum(), pl.col("first_line").min())
        values = pl.concat([self._values, _frequent_values(errors)]).group_by(_VALUE, maintain_order=True)
        words = pl.col(_WORDS).first()
        self._values = _top(values.agg(pl.col("count").sum(), pl.col("first_line").min(), words).select(*_TALLY))

    def firsts(self) -> dict[int, First]:
        """The first error of each job, warnings left aside."""
        costly = self._kinds.filter(pl.col("code").is_in(_COSTLY)).sort("first_line", "column", "code", nulls_last=True)
        found = costly.group_by(JOB, maintain_order=True).first()
        return {row[JOB]: First(row["first_line"], row["column"], row["code"]) for row in found.iter_rows(named=True)}

    def groups(self) -> dict[int, tuple[ErrorGroup, ...]]:
        """The 50 largest groups of each job: errors before warnings, then the most rows, then the first line."""
        by_value = pl.col("code").is_in(_BY_VALUE)
        values = self._values.sort(_LARGEST, descending=_DESCENDING)
        most_frequent = values.filter(~by_value).unique(_KIND, keep="first", maintain_order=True).drop("count", "first_line")
        whole = most_frequent.join(self._kinds, on=_KIND, how="left", nulls_equal=True).select(*_TALLY)
        order = ["severity", *_LARGEST, "code", "column"]
        told = pl.concat([values.filter(by_value), whole]).sort(order, descending=[False, *_DESCENDING, False, False])
        found: dict[int, list[ErrorGroup]] = defaultdict(list)
        for row in told.group_by(JOB, maintain_order=True).head(GROUPS).iter_rows(named=True):
            found[row.pop(JOB)].append(ErrorGroup.model_validate(row))
        return {job: tuple(groups) for job, groups in found.items()}


def _frequent_values(errors: pl.DataFrame) -> pl.DataFrame:
    """The most frequent values of each kind in one part.

    Values that occur once come in the order of their rows and are cut before anything is sorted or looked up: where a million values
    are refused, nearly all of them are different.
    """
    count, first, row = pl.len().cast(pl.Int64).alias("count"), pl.col(LINE).min().alias("first_line"), pl.col("_row").first()
    values = errors.with_row_index("_row").group_by(_VALUE, maintain_order=True).agg(count, first, row)
    once = values.filter(pl.col("count") == 1).group_by(_KIND, maintain_order=True).head(_VALUES).select(values.columns)
    top = _top(pl.concat([values.filter(pl.col("count") > 1), once]))
    return pl.concat([top.drop("_row"), errors[top.get_column("_row")].select(_WORDS)], how="horizontal").select(*_TALLY)


def _top(groups: pl.DataFrame) -> pl.DataFrame:
    """The most frequent values of each kind, in an order that depends on nothing else than the groups."""
    ordered = groups.sort(*_LARGEST, *_KIND, descending=_DESCENDING + [False] * len(_KIND))
    return ordered.group_by(_KIND, maintain_order=True).head(_VALUES).select(groups.columns)
