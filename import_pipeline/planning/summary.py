"""Counting a plan: records by action and by field, and their share of the type's records.

Belongs here: reading the Parquet files that import_plan and undo_plan wrote. Does not belong here: the shape of the summary
(model/plan.py), showing it (page.py, screen.py).
"""

from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import cast

import polars as pl

from import_pipeline.model.job import Counts, Job
from import_pipeline.model.plan import PlanAction, PlanSummary, TypePlan
from import_pipeline.planning.shape import COLUMNS

BY_FIELD: tuple[PlanAction, ...] = ("update", "keep")
"""Actions of which a record may have several rows."""
SMALL_ROWS = 200_000
"""Rows of a plan that are read at once: a delivery of many small files asks one file many times."""


class PlanFile:
    """A Parquet file of plan rows, and what it says about itself: the object type, and how many records of it are stored."""

    def __init__(self, path: Path) -> None:
        self.path = path
        told = pl.read_parquet_metadata(path)
        self.type, self.stored = told["type"], int(told["stored"])

    def rows(self, jobs: Iterable[str]) -> pl.LazyFrame:
        """The rows of these jobs, in order."""
        found = pl.scan_parquet(self.path).filter(pl.col("job").is_in(list(jobs)))
        small = pl.scan_parquet(self.path).select(pl.len()).collect().item() <= SMALL_ROWS
        return found.collect().lazy() if small else found

    def holds_only(self, jobs: Iterable[str]) -> bool:
        """True when every row is of these jobs."""
        found = pl.scan_parquet(self.path).select(pl.col("job").unique()).collect(engine="streaming")["job"]
        return set(found) <= set(jobs)


def all_rows(plans: Sequence[PlanFile], jobs: Iterable[str]) -> pl.LazyFrame:
    """The rows of these jobs in all plans, one type after the other."""
    wanted = list(jobs)
    return pl.concat([plan.rows(wanted) for plan in plans]) if plans else pl.LazyFrame(schema=COLUMNS)


def summarize(job: Job, plans: Sequence[PlanFile], counts: Counts, also: Iterable[str] = ()) -> PlanSummary:
    """The summary of one job's plan. `counts` are those of its rows, `also` names earlier jobs whose rows it lets in."""
    types = tuple(_type(plan, plan.rows([job.id, *also])) for plan in plans)
    actions: dict[PlanAction, int] = {}
    for found in types:
        for action, number in found.actions.items():
            actions[action] = actions.get(action, 0) + number
    return PlanSummary(
        kind="undo" if job.undo_of else "import",
        job=job.id,
        undo_of=job.undo_of,
        rows=counts.rows,
        unchanged=counts.unchanged,
        refused=counts.refused,
        actions=actions,
        types=types,
    )


def _type(plan: PlanFile, rows: pl.LazyFrame) -> TypePlan:
    told = rows.filter(pl.col("action") != "refuse")
    counted = told.group_by("action", "column").agg(rows=pl.len()).sort("action", "column").collect(engine="streaming")
    actions = {cast(PlanAction, a): int(n) for a, n in counted.group_by("action").agg(pl.col("rows").sum()).sort("action").iter_rows()}
    actions |= {action: _records(told, action) for action in BY_FIELD if action in actions}

    def share(action: PlanAction) -> float:
        return round(min(1.0, actions.get(action, 0) / plan.stored), 6) if plan.stored else float(action in actions)

    return TypePlan(
        type=plan.type,
        stored=plan.stored,
        actions=actions,
        fields=dict(counted.filter(pl.col("action") == "update").select("column", "rows").iter_rows()),
        changed_share=share("update"),
        deleted_share=share("delete"),
    )


def _records(rows: pl.LazyFrame, action: PlanAction) -> int:
    """How many records the rows of an action are about; those of one record follow each other."""
    begins = pl.col("record").ne_missing(pl.col("record").shift()).sum()
    return int(rows.filter(pl.col("action") == action).select(begins).collect().item())
