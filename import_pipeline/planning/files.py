"""The files of one job's plan: a page for people, a CSV for spreadsheets, a Parquet file for programs.

Belongs here: which files a plan has, how they are written and put in place. Does not belong here: the plan's rows (rows.py,
undo_rows.py), what the page says (page.py), which folder they lie in.
"""

import shutil
from collections.abc import Sequence
from contextlib import AbstractContextManager
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO, NamedTuple

import polars as pl

from import_pipeline.model.job import Counts, Job, ParsedFile
from import_pipeline.model.plan import PlanSummary
from import_pipeline.planning.page import write_page
from import_pipeline.planning.sections import PageFacts, gather
from import_pipeline.planning.shape import COLUMNS
from import_pipeline.planning.summary import PlanFile, all_rows, summarize
from import_pipeline.reporting.groups import group_errors
from import_pipeline.reporting.messages import guarded, labels_of
from import_pipeline.reporting.names import AnswerKind, answer_name, replacing, temporary_path
from import_pipeline.store.staging import ERRORS, JOB

_OF_PEOPLE = ("external_id", "label", "column", "old", "new", "note")
"""Columns whose text comes from people's files and configuration: a spreadsheet could run it."""


class PlanFiles(NamedTuple):
    """Where the files of a plan lie, and its summary."""

    page: Path
    csv: Path
    parquet: Path
    summary: PlanSummary


@dataclass(frozen=True)
class FilesOrder:
    """Which job's plan is written, and from what.

    `plans` are the Parquet files of import_plan or undo_plan, one per object type, parents first; `also` are earlier jobs whose waiting
    rows this one lets in. `errors` are the findings of all stages as for write_answers. `reason` tells why nothing would be applied,
    where that is so. `how` is the command that applies the plan, as people type it.
    """

    job: Job
    parsed: ParsedFile
    counts: Counts
    plans: Sequence[Path]
    errors: pl.DataFrame | pl.LazyFrame
    folder: Path
    how: str
    account_title: str = ""
    reason: str | None = None
    also: tuple[str, ...] = ()


def write_plan(order: FilesOrder) -> PlanFiles:
    """Writes `NAME.JOB.plan.html`, `.csv` and `.parquet` into the folder and tells where they lie.

    Each file takes its place as a whole; written again from the same input it has the same bytes. The page is written last: where it
    lies, the files it names lie too. Raises OSError as the machine does.
    """
    plans = [PlanFile(path) for path in order.plans]
    jobs = [order.job.id, *order.also]
    rows = all_rows(plans, jobs)
    fault = order.parsed.fault or order.job.fault
    if fault:
        rows = pl.concat([rows, _fault_row(order, fault.message)])
    page, csv, parquet = (_path(order, kind) for kind in ("plan.html", "plan.csv", "plan.parquet"))
    with _writing(order, "plan.csv", csv) as out:
        rows.with_columns(guarded(pl.col(name)).alias(name) for name in _OF_PEOPLE).sink_csv(out)
    with _writing(order, "plan.parquet", parquet) as out:
        if len(plans) == 1 and not fault and plans[0].holds_only(jobs):
            with plans[0].path.open("rb") as whole:
                shutil.copyfileobj(whole, out, 1 << 20)
        else:
            rows.sink_parquet(out, compression="lz4", statistics=False)
    summary = summarize(order.job, plans, order.counts, order.also)
    labels = labels_of(order.parsed)
    facts = PageFacts(
        job=order.job,
        summary=summary,
        groups=group_errors(_of_job(order), labels=labels),
        how=order.how,
        csv=csv.name,
        account_title=order.account_title,
        reason=fault.message if fault else order.reason,
    )
    with _writing(order, "plan.html", page) as out:
        write_page(out, gather(facts, rows))
    return PlanFiles(page, csv, parquet, summary)


def _path(order: FilesOrder, kind: AnswerKind) -> Path:
    return order.folder / answer_name(order.job.name, order.job.id, kind, order.job.kind)


def _writing(order: FilesOrder, kind: AnswerKind, target: Path) -> AbstractContextManager[BinaryIO]:
    return replacing(target, temporary_path(target, order.job.id, kind))


def _fault_row(order: FilesOrder, message: str) -> pl.LazyFrame:
    told = {"job": order.job.id, "type": order.job.object_type, "action": "refuse", "note": message}
    return pl.LazyFrame([told], schema=COLUMNS)


def _of_job(order: FilesOrder) -> pl.DataFrame:
    """The findings of this job."""
    if not order.errors.lazy().collect_schema():
        return pl.DataFrame(schema=ERRORS)
    columns = [pl.col(name).cast(kind) for name, kind in ERRORS.items()]
    return order.errors.lazy().select(columns).filter(pl.col(JOB) == order.job.number).collect()
