"""The result files of a job as the Advocate interface gives them: what took effect, and the errors file (acceptance A-8).

Belongs here: which rows and columns the two files hold. Does not belong here: how a table becomes CSV, XLSX or JSONL (tables.py), links
to them and how long they last (gateway/http/advocate/).

They are made of the staging of the job's own delivery, soon after its end: staging goes earlier than the links to the results.
"""

from collections.abc import Iterator
from pathlib import Path

import polars as pl

from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.model.format import Format
from import_pipeline.model.job import ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.reward import REDEEMED
from import_pipeline.reporting.api_errors import COLUMNS, api_errors
from import_pipeline.reporting.messages import labels_of
from import_pipeline.reporting.record_numbers import record_numbers
from import_pipeline.reporting.tables import TableFormat, write_table
from import_pipeline.settings import Settings
from import_pipeline.store.ids import outward_series
from import_pipeline.store.staging import ERRORS, JOB, LINE, DeliveryStaging

_STAGES = ("parsed", "validated", "related")
_EFFECTS = ("create", "update", "unchanged", "delete")
_EVENT = (
    *("user.accountId", "user.id", "event.id", "event.key"),
    *("event.dateTriggered", "event.dateReceived", "event.dateProcessed", "event.fields"),
)
"""The columns of the documents for events."""


def write_results(
    settings: Settings, account: Account, job: JobRow, success: Path, errors: Path, output: TableFormat, *, tag: str = ""
) -> bool:
    """Writes the success file, and the errors file where a row was refused; returns whether one was.

    `success` has the rows that took effect or were as stored already, in the file's order; for events the columns of the documents.
    Files appear under their name when they are complete, and replace what lies there. A job whose staging is gone, or whose file was
    refused as a whole, gives a success file without rows. `tag` is how the account's record ids begin (row_results.tag_key).
    """
    known = account.format(job.format) if job.format else None
    object_type = account.object_type(job.object_type)
    staging = DeliveryStaging(settings.staging, account.name, job.delivery)
    told = _errors(staging, object_type, job)
    if told.height:
        write_table(errors, COLUMNS, iter([told]), output)
    columns, frames = _succeeded(staging, object_type, known, job, tag)
    write_table(success, columns, frames, output, objects=tuple(f.name for f in object_type.fields if f.type == "Map"))
    return told.height > 0


def _errors(staging: DeliveryStaging, object_type: ObjectType, job: JobRow) -> pl.DataFrame:
    stages = {name: staging.stage(object_type.slug, name) for name in _STAGES}
    mine = pl.col(JOB) == job.number
    frames = [pl.read_parquet(part, columns=list(ERRORS)).filter(mine) for stage in stages.values() for part in stage.parts("errors")]
    frames = [frame.cast(dict(ERRORS)) for frame in frames if frame.height]  # type: ignore[arg-type]
    found = pl.concat(frames) if frames else pl.DataFrame(schema=ERRORS)
    parsed = stages["parsed"]
    files = parsed.load_report()["files"] if parsed.exists else []
    labels = next((labels_of(ParsedFile.model_validate(file)) for file in files if file["job"] == job.number), None)
    return api_errors(found, record_numbers(parsed, job.number, found[LINE]), labels)


def _succeeded(
    staging: DeliveryStaging, object_type: ObjectType, known: Format | None, job: JobRow, tag: str
) -> tuple[tuple[str, ...], Iterator[pl.DataFrame]]:
    """The columns, and the rows block by block."""
    validated, related = staging.stage(object_type.slug, "validated"), staging.stage(object_type.slug, "related")
    operation = known.operation if known else "upsert"
    parts = validated.parts() if related.exists and job.state != "held" else []
    given = [c for c in dict.fromkeys(c for part in parts for c in pl.read_parquet_schema(part)) if not c.startswith("_")]
    keys = [c.key for c in (known.row_type(object_type) if known else object_type).columns]
    own = [key for key in keys if key in given and key not in object_type.compose]
    done = _done(related.parts("outcomes"), job)
    if operation == "append":
        return _EVENT, (_events(_joined(part, job, done), job, tag) for part in parts)
    if operation == "redeem":
        redeemed = _redeemed(related.parts("changes"), related.parts("folded"))
        with_value = (_joined(part, job, done).join(redeemed, on=LINE, how="left", maintain_order="left") for part in parts)
        return (*own, REDEEMED), (_shown(frame, (*own, REDEEMED)) for frame in with_value)
    return tuple(own), (_shown(_joined(part, job, done), tuple(own)) for part in parts)


def _done(parts: list[Path], job: JobRow) -> pl.DataFrame:
    """`_line` and `record` of the job's rows that took effect."""
    if not parts:
        return pl.DataFrame(schema={LINE: pl.Int64(), "record": pl.Int64()})
    mine = (pl.col("job") == job.id) & (pl.col(JOB) == job.number) & pl.col("action").is_in(_EFFECTS)
    return pl.scan_parquet(parts).filter(mine).select(LINE, "record").unique(LINE, keep="last").collect()


def _redeemed(changes: list[Path], folded: list[Path]) -> pl.DataFrame:
    """`_line` and what was redeemed for it."""
    if not changes or not folded:
        return pl.DataFrame(schema={LINE: pl.Int64(), REDEEMED: pl.String()})
    lines = pl.scan_parquet(changes).select("_seq", LINE)
    return lines.join(pl.scan_parquet(folded).select("_seq", REDEEMED), on="_seq").select(LINE, REDEEMED).collect()


def _joined(part: Path, job: JobRow, done: pl.DataFrame) -> pl.DataFrame:
    rows = pl.read_parquet(part).filter(pl.col(JOB) == job.number)
    return rows.join(done, on=LINE, how="inner", maintain_order="left")


def _shown(frame: pl.DataFrame, columns: tuple[str, ...]) -> pl.DataFrame:
    """The columns in order; one that a part does not have is blank. Decimals without zeros at the end."""
    return frame.select(
        (_plain(pl.col(name), frame.schema[name]) if name in frame.columns else pl.lit(None, pl.String)).alias(name) for name in columns
    )


def _plain(column: pl.Expr, kind: pl.DataType) -> pl.Expr:
    if isinstance(kind, pl.Decimal) and kind.scale:
        return column.cast(pl.String).str.strip_chars_end("0").str.strip_suffix(".")
    return column.cast(pl.Int64) if isinstance(kind, pl.Decimal) else column


def _events(frame: pl.DataFrame, job: JobRow, tag: str) -> pl.DataFrame:
    def own(name: str, kind: pl.DataType) -> pl.Expr:
        return (pl.col(name).cast(kind) if name in frame.columns else pl.lit(None, kind)).alias(name)

    processed = round(job.finished_at.timestamp() * 1000) if job.finished_at else None
    return frame.select(
        own("accountId", pl.String()).alias("user.accountId"),
        own("userId", pl.String()).alias("user.id"),
        outward_series(frame["record"], tag).alias("event.id"),
        own("event.key", pl.String()),
        own("event.dateTriggered", pl.Int64()),
        pl.lit(round(job.created_at.timestamp() * 1000), pl.Int64()).alias("event.dateReceived"),
        pl.lit(processed, pl.Int64()).alias("event.dateProcessed"),
        own("event.fields", pl.String()),
    )
