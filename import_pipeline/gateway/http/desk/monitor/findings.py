"""The row errors of a job, in pages: from the stages' Parquet, or from the list of errors when staging is past its retention.

Belongs here: reading, filtering and paging errors for one page. Does not belong here: the words of an error (reporting/messages.py),
groups of errors (reporting/groups.py), the rows themselves (the pages for mending).
"""

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any

from import_pipeline.gateway.http.gate import Gate
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account

if TYPE_CHECKING:
    import polars as pl

    from import_pipeline.reporting.receipt import ErrorGroup

PER_PAGE = 50


@dataclass(frozen=True)
class Findings:
    """One page of errors: dicts of line, severity, column, value, expected, suggestion and said. `source` tells where they come from:
    the stages, the list of errors, or '' when neither is kept; `page` is the one that is shown."""

    rows: Sequence[Mapping[str, Any]]
    total: int
    source: str
    page: int = 1

    @property
    def pages(self) -> int:
        """How many pages there are; at least one."""
        return max(1, -(-self.total // PER_PAGE))


def findings(
    gate: Gate, account: Account, job: JobRow, errors_file: Path | None, labels: Mapping[str, str], group: "pl.Expr | None", page: int
) -> Findings:
    """The errors of `job` on this page (from 1; the last when there are fewer), by line; only those of `group` when there is one.

    Blocking. Of 200,000 errors a page takes some tens of milliseconds. A file that cannot be read has no errors here.
    """
    from polars.exceptions import PolarsError

    staged = _staged(gate, account, job)
    for source, frame in (("stages", staged), ("list", _listed(errors_file) if staged is None else None)):
        if frame is None:
            continue
        try:
            return _paged(frame if group is None else frame.filter(group), labels, page, source)
        except (OSError, PolarsError):
            # A run replaces its stages; a list of errors may have been edited by people.
            continue
    return Findings((), 0, "")


def _paged(frame: "pl.LazyFrame", labels: Mapping[str, str], page: int, source: str) -> Findings:
    import polars as pl

    from import_pipeline.reporting.messages import column_label, finding
    from import_pipeline.store.staging import LINE

    total = int(frame.select(pl.len()).collect().item())
    page = min(page, max(1, -(-total // PER_PAGE)))
    sorted_by = [LINE, "severity", "column", "code", "value"]
    shown = frame.sort(sorted_by, nulls_last=False).slice((page - 1) * PER_PAGE, PER_PAGE).collect()
    told = shown.with_columns(said=finding(pl.lit(None, pl.String)), label=column_label(labels)).rename({LINE: "line"})
    return Findings(told.to_dicts(), total, source, page)


def _staged(gate: Gate, account: Account, job: JobRow) -> "pl.LazyFrame | None":
    import polars as pl

    from import_pipeline.lineage.rows import ERROR_STAGES
    from import_pipeline.store.staging import JOB, DeliveryStaging, scan_errors

    known = account.types_by_name.get(job.object_type)
    if known is None:
        return None
    folder = DeliveryStaging(gate.settings.staging, account.name, job.delivery)
    stages = [folder.stage(known.slug, name) for name in ERROR_STAGES]
    if not any(stage.exists for stage in stages):
        return None
    found = scan_errors(stages)
    return None if found is None else found.filter(pl.col(JOB) == job.number)


def _listed(path: Path | None) -> "pl.LazyFrame | None":
    """errors.csv as findings; None when it is not there or has other columns."""
    import polars as pl

    from import_pipeline.store.staging import ERRORS, LINE

    if path is None:
        return None
    wanted = [name for name in ERRORS if not name.startswith("_")]
    try:
        listed = pl.scan_csv(path, infer_schema=False)
        if not {"line", *wanted} <= set(listed.collect_schema().names()):
            return None
    except (OSError, pl.exceptions.PolarsError):
        return None
    return listed.select(pl.col("line").cast(pl.Int64, strict=False).alias(LINE), *wanted)


def group_filter(groups: "Sequence[ErrorGroup]", number: int) -> "pl.Expr | None":
    """What the errors of the group at this place (from 0) have in common; None when there is no such group.

    A group of several values holds what the groups of one value of its column leave over.
    """
    import polars as pl

    if not 0 <= number < len(groups):
        return None
    group = groups[number]
    same = (pl.col("code") == group.code) & (pl.col("severity") == group.severity) & pl.col("column").eq_missing(pl.lit(group.column))
    if group.values <= 1:
        return same & pl.col("value").eq_missing(pl.lit(group.value))
    told = (group.code, group.severity, group.column)
    alone = [one.value for one in groups if one.values <= 1 and (one.code, one.severity, one.column) == told]
    for value in alone:
        same = same & pl.col("value").ne_missing(pl.lit(value))
    return same
