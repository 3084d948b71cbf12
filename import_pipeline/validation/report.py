"""What validation tells about each job: counts, a halt, and its errors in groups.

Belongs here: the models of report.json and the tally of errors over parts. Does not belong here: the rows of errors themselves
(the stage's `errors` parts), the receipt (reporting/).
"""

from collections import defaultdict

import polars as pl

from import_pipeline.model.base import Model
from import_pipeline.model.row_error import CODES, FileFault
from import_pipeline.store.staging import JOB, LINE

GROUPS = 50
"""Groups of errors that the report keeps per job."""
_VALUES = 200
"""Distinct values that one part adds to a tally, the most frequent first: what keeps it small when every row is refused."""
_BY_VALUE = ("unknown_choice", "unknown_stage", "unknown_loss_reason", "unknown_owner")
"""Codes where the value says what is wrong for many rows at once («812 rows: unknown stage Prospct»); others are one group a column."""


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
    its file refused as a whole (`fault`).
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
    """Counts errors over the parts of a delivery, by job, code and column."""

    def __init__(self) -> None:
        self._counts: dict[tuple[int, str, str | None], tuple[int, int]] = {}
        self._values: dict[tuple[int, str, str | None], dict[str | None, ErrorGroup]] = defaultdict(dict)

    def add(self, errors: pl.DataFrame) -> None:
        """Adds a part of errors (columns of ERRORS)."""
        kinds = [JOB, "code", "column"]
        count, first = pl.len().alias("count"), pl.col(LINE).min().alias("first")
        for job, code, column, number, line in errors.group_by(kinds).agg(count, first).iter_rows():
            before, earliest = self._counts.get((job, code, column), (0, line))
            self._counts[job, code, column] = (before + number, min(earliest, line))
        values = (
            errors.group_by([*kinds, "value"])
            .agg(count, first, pl.col("severity", "expected", "suggestion").first())
            .sort("count", "first", "value", descending=[True, False, False])
            .group_by(kinds, maintain_order=True)
            .head(_VALUES)
        )
        for row in values.iter_rows(named=True):
            self._add_value(row[JOB], row)

    def _add_value(self, job: int, row: dict[str, object]) -> None:
        first, count = row.pop("first"), row.pop("count")
        group = ErrorGroup.model_validate({**{k: v for k, v in row.items() if k != JOB}, "count": count, "first_line": first})
        seen = self._values[job, group.code, group.column]
        if before := seen.get(group.value):
            merged = {"count": before.count + group.count, "first_line": min(before.first_line, group.first_line)}
            group = before.model_copy(update=merged)
        seen[group.value] = group

    def groups(self, job: int) -> tuple[ErrorGroup, ...]:
        """The 50 largest groups of a job, errors before warnings, largest first, then by their first line."""
        found: list[ErrorGroup] = []
        for (number, code, column), (count, first) in self._counts.items():
            if number != job:
                continue
            values = sorted(self._values[number, code, column].values(), key=_largest)
            if code in _BY_VALUE:
                found += values
            else:
                found.append(values[0].model_copy(update={"count": count, "first_line": first}))
        return tuple(sorted(found, key=_largest)[:GROUPS])


def _largest(group: ErrorGroup) -> tuple[bool, int, int, str, str, str]:
    warning = CODES[group.code].severity == "warning" if group.code in CODES else group.severity == "warning"
    return (warning, -group.count, group.first_line, group.code, group.column or "", group.value or "")
