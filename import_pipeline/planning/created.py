"""The created records of a plan, as a stream of batches: there may be millions, and nothing has to be asked of the store.

Belongs here: joining new records with the rows that make them, part by part of the validated stage. Does not belong here: records that
several rows make, and everything else of a plan (rows.py).
Both sides are in order of `_seq`, so a part meets one stretch of the change set: no sort, no large join, and a fixed order.
"""

from collections.abc import Iterator, Sequence
from pathlib import Path

import polars as pl
from polars.io.plugins import register_io_source

from import_pipeline.planning.shape import COLUMNS, LABEL_CHARS, PlanOrder, label_key
from import_pipeline.relating.rows import SEQ_STEP
from import_pipeline.store.ids import outward_series
from import_pipeline.store.overlay import UNBORN
from import_pipeline.store.staging import JOB, LINE, PART_ROWS, POS


def single_creates(order: PlanOrder) -> pl.DataFrame:
    """The changes that one row makes a record by: `_seq`, `_job`, `_line`, `id`, in order of `_seq`."""
    found = pl.scan_parquet(order.related.parts("changes")).filter((pl.col("action") == "create") & ~pl.col("folded"))
    return found.select("_seq", JOB, LINE, "id").collect(engine="streaming")


def created_rows(order: PlanOrder, creates: pl.DataFrame, tag: str) -> pl.LazyFrame:
    """The plan rows of `creates` (columns of COLUMNS); `tag` is the store's, with which record ids begin."""
    jobs = dict(order.related.read("jobs").iter_rows())
    parts = order.validated.parts() if order.validated else []

    def batches(columns: list[str] | None, predicate: pl.Expr | None, most: int | None, _: int | None) -> Iterator[pl.DataFrame]:
        for rows in _gathered(parts, order):
            first, last = rows.item(0, "_seq"), rows.item(-1, "_seq")
            low, high = creates["_seq"].search_sorted(first, "left"), creates["_seq"].search_sorted(last, "right")
            made = rows.join(creates.slice(low, high - low), on="_seq", how="inner", maintain_order="left")
            told = _told(made, order, jobs, tag)
            told = told.filter(predicate) if predicate is not None else told
            told = told.head(most) if most is not None else told
            most = most - told.height if most is not None else None
            yield told.select(columns) if columns is not None else told

    return register_io_source(batches, schema=pl.Schema(COLUMNS))


def _gathered(parts: Sequence[Path], order: PlanOrder) -> Iterator[pl.DataFrame]:
    """The validated rows with `_seq`, `external_id` and `label`, some PART_ROWS at a time: small files have small parts."""
    waiting: list[pl.DataFrame] = []
    for part in parts:
        rows = _read(part, order)
        if rows.height:
            waiting.append(rows)
        if sum(found.height for found in waiting) >= PART_ROWS:
            yield pl.concat(waiting)
            waiting = []
    if waiting:
        yield pl.concat(waiting)


def _read(part: Path, order: PlanOrder) -> pl.DataFrame:
    present = pl.read_parquet_schema(part)
    named = {"external_id": order.object_type.external_id, "label": label_key(order.object_type)}
    given = {name: key for name, key in named.items() if key in present}
    rows = pl.read_parquet(part, columns=[JOB, POS, *given.values()])
    texts = [(pl.col(given[name]) if name in given else pl.lit(None, pl.String)).alias(name) for name in named]
    return rows.select((pl.col(JOB).cast(pl.Int64) * SEQ_STEP + pl.col(POS)).alias("_seq"), *texts)


def _told(made: pl.DataFrame, order: PlanOrder, jobs: dict[int, str], tag: str) -> pl.DataFrame:
    label = pl.col("label")
    long = label.str.len_bytes() > LABEL_CHARS
    told: dict[str, pl.Expr | pl.Series] = {
        "job": pl.col(JOB).replace_strict(jobs, return_dtype=pl.String),
        "type": pl.lit(order.object_type.name),
        "line": pl.col(LINE),
        "action": pl.lit("create"),
        "record": outward_series(made["id"], tag) if tag != UNBORN else pl.lit(None, pl.String),
        "external_id": pl.col("external_id"),
        "label": label if not made.select(long.any()).item() else _short(label),
    }
    return made.select(**{name: told.get(name, pl.lit(None, kind)) for name, kind in COLUMNS.items()})


def _short(text: pl.Expr) -> pl.Expr:
    """`text` as shape.short_sql cuts it."""
    return pl.when(text.str.len_chars() > LABEL_CHARS).then(text.str.slice(0, LABEL_CHARS - 1) + "…").otherwise(text)
