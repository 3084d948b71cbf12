"""The refused rows of an import as rows of its plan: one per error, with its sentence.

Belongs here: row errors of the stages to plan rows. Does not belong here: the words (reporting/messages.py), groups (page.py), rows
that waited too long (rows.py).
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from tempfile import TemporaryDirectory

import polars as pl

from import_pipeline.model.job import ParsedFile
from import_pipeline.planning.shape import AT_THE_END, PlanOrder, row_sql
from import_pipeline.reporting.messages import labels_of, row_sentence
from import_pipeline.store.names import ident, literal
from import_pipeline.store.session import Session
from import_pipeline.store.staging import END, JOB, LINE

_REFUSED = AT_THE_END + 1


@contextmanager
def refused_rows(session: Session, order: PlanOrder) -> Iterator[list[str]]:
    """SELECTs of the refused rows of all stages, by job and line; they can be read inside the block."""
    with TemporaryDirectory(prefix="plan-", dir=_folder(order)) as folder:
        parts = list(_write(order, Path(folder)))
        if not parts:
            yield []
            return
        listed = ", ".join(literal(str(part)) for part in parts)
        session.run(f"CREATE OR REPLACE TEMP TABLE plan_refused AS SELECT * FROM read_parquet([{listed}])")
    ranked = 'row_number() OVER (ORDER BY _job, _line, _end, code, "column", value)'
    source = f"(SELECT {_REFUSED} AS _seq, {ranked} AS _rank, * FROM plan_refused)"
    yield [
        row_sql(
            source,
            "refuse",
            record="NULL",
            external_id="NULL",
            label="NULL",
            rank="_rank",
            column=ident("column"),
            old="value",
            note="message",
        )
    ]
    session.run("DROP TABLE plan_refused")


def _folder(order: PlanOrder) -> Path:
    order.target.parent.mkdir(parents=True, exist_ok=True)
    return order.target.parent


def _write(order: PlanOrder, folder: Path) -> Iterator[Path]:
    """Parquet files with the errors and their sentences, part by part, so that many errors need little memory."""
    stages = [stage for stage in (order.parsed, order.validated, order.related) if stage]
    files = [part for stage in stages for part in stage.parts("errors")]
    jobs = dict(order.related.read("jobs").iter_rows())
    labels = _labels(order)
    for number, part in enumerate(files):
        errors = pl.read_parquet(part).filter(pl.col("severity") == "error")
        if errors.is_empty():
            continue
        told = [_told(found, labels.get(job, {}), jobs[job]) for job, found in _by_job(errors)]
        target = folder / f"{number:05d}.parquet"
        pl.concat(told).write_parquet(target, compression="lz4")
        yield target


def _by_job(errors: pl.DataFrame) -> Iterator[tuple[int, pl.DataFrame]]:
    for key, found in errors.partition_by(JOB, as_dict=True, maintain_order=True).items():
        yield int(str(key[0])), found


def _told(errors: pl.DataFrame, labels: dict[str, str], job: str) -> pl.DataFrame:
    told = row_sentence(labels).alias("message")
    return errors.select(JOB, LINE, END, "code", "column", "value", told, pl.lit(job).alias("job"))


def _labels(order: PlanOrder) -> dict[int, dict[str, str]]:
    """By job number the header cells that people wrote."""
    if order.parsed is None:
        return {}
    files = [ParsedFile.model_validate(file) for file in order.parsed.load_report().get("files", [])]
    return {file.job: labels_of(file) for file in files}
