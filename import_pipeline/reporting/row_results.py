"""What became of each line of a job's file: the record it made or met, or why it was refused; for programs that ask line by line.

Belongs here: reading outcomes and errors of one job, and its original lines beside them. Does not belong here: the shape of an answer
(the doors), receipts and files for people (receipt.py, answers.py).

Outcomes are read from the staging of the job's own delivery, so that a store which a run is writing to is not asked. The store is
opened for a moment only where staging cannot tell: after its retention, for a delivery that failed half-way, and for rows that had
waited for their parent.
"""

from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from import_pipeline.ledger import Ledger, meta
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing.doctor import bom_length
from import_pipeline.parsing.lines import LINE_LIMIT, Blocks, find_lines
from import_pipeline.reporting.messages import row_sentence
from import_pipeline.settings import Settings
from import_pipeline.store.ids import outward_series
from import_pipeline.store.names import outward_sql
from import_pipeline.store.session import open_store
from import_pipeline.store.staging import ERRORS, JOB, LINE, DeliveryStaging

DONE: dict[str, pl.DataType] = {LINE: pl.Int64(), "record": pl.String(), "action": pl.String()}
REFUSED: dict[str, pl.DataType] = {LINE: pl.Int64(), "error": pl.String()}
_STAGES = ("parsed", "validated", "related", "expired")
_EFFECTS = ("create", "update", "unchanged")
_BLOCK = 4 << 20


@dataclass(frozen=True)
class RowResults:
    """`done`: columns of DONE, by line; `record` is null in a dry run where a record would be made. `refused`: columns of REFUSED.

    `rest` is why all other lines were not imported; None when they wait for a parent, or are blank.
    """

    done: pl.DataFrame
    refused: pl.DataFrame
    rest: str | None


def tag_key(account: str) -> str:
    """Where the ledger keeps the beginning of the account's record ids (store.names.outward)."""
    return f"store_tag/{account}"


def results_of(settings: Settings, ledger: Ledger, account: Account, job: JobRow) -> RowResults:
    """The results of an answered job. Raises TransientFailure when the store has to be asked and is in use."""
    object_type = account.object_type(job.object_type) if job.object_type in account.types_by_name else None
    rest = (job.reason or (job.fault.message if job.fault else "the file was refused")) if job.state == "failed" else None
    if object_type is None:
        return RowResults(pl.DataFrame(schema=DONE), pl.DataFrame(schema=REFUSED), rest)
    staging = DeliveryStaging(settings.staging, account.name, job.delivery)
    return RowResults(_done(settings, ledger, staging, object_type, job), _refused(staging, object_type, job), rest)


def _done(settings: Settings, ledger: Ledger, staging: DeliveryStaging, object_type: ObjectType, job: JobRow) -> pl.DataFrame:
    parts = staging.stage(object_type.slug, "related").parts("outcomes")
    if job.state == "planned":
        return _from_staging(parts, job, None)
    if job.state == "failed" and job.fault is None and job.counts.rows == 0 and parts:
        return _from_store(settings, object_type, job)
    if job.state != "applied":
        return pl.DataFrame(schema=DONE)
    with ledger.read() as conn:
        tag = meta.read(conn, tag_key(job.account))
    if not parts or tag is None:
        return _from_store(settings, object_type, job)
    found = _from_staging(parts, job, str(tag))
    # Rows that found their parent since then are known to the store only.
    linked = job.counts.good - job.counts.parked > found.height
    return _from_store(settings, object_type, job) if linked else found


def _from_staging(parts: list[Path], job: JobRow, tag: str | None) -> pl.DataFrame:
    if not parts:
        return pl.DataFrame(schema=DONE)
    mine = (pl.col("job") == job.id) & pl.col("action").is_in(_EFFECTS) & (pl.col(JOB) >= 0)
    found = pl.scan_parquet(parts).filter(mine).select(LINE, "record", "action").sort(LINE).collect()
    told = (
        outward_series(found["record"], tag) if tag is not None else pl.Series("record", [None], pl.String).new_from_index(0, found.height)
    )
    return found.with_columns(told.alias("record")).cast(dict(DONE))  # type: ignore[arg-type]


def _from_store(settings: Settings, object_type: ObjectType, job: JobRow) -> pl.DataFrame:
    with open_store(settings, job.account) as session:
        rows = session.run(
            f"""
            SELECT line, {outward_sql("record")}, action
            FROM (
                SELECT line, arg_max(record, pos) AS record, arg_max(action, pos) AS action
                FROM store._lineage
                WHERE type = ? AND job = ? AND record IS NOT NULL AND action IN ('create', 'update', 'unchanged')
                GROUP BY line
            )
            ORDER BY line
            """,
            [object_type.slug, job.id],
        )
    return pl.DataFrame(rows, schema=DONE, orient="row")


def _refused(staging: DeliveryStaging, object_type: ObjectType, job: JobRow) -> pl.DataFrame:
    """One text per refused line: all its errors."""
    parts = [part for stage in _STAGES for part in staging.stage(object_type.slug, stage).parts("errors")]
    frames = [pl.read_parquet(part, columns=list(ERRORS)) for part in parts]
    frames = [frame.cast(dict(ERRORS)) for frame in frames if frame.height]  # type: ignore[arg-type]
    if not frames:
        return pl.DataFrame(schema=REFUSED)
    costs = (pl.col(JOB) == job.number) & (pl.col("severity") == "error") & pl.col(LINE).is_not_null()
    found = pl.concat(frames).filter(costs).with_columns(row_sentence().alias("error"))
    told = found.group_by(LINE, maintain_order=True).agg(pl.col("error").unique(maintain_order=True).str.join(" | "))
    return told.sort(LINE).cast(dict(REFUSED))  # type: ignore[arg-type]


def original_lines(path: Path) -> Iterator[pl.DataFrame]:
    """The lines of a text file as they were sent, block by block: `_line`, `data` (text without its line end). UTF-8; other bytes become �.

    A line that is too long to be read is empty.
    """
    number, used = 1, 0
    with path.open("rb") as raw:
        raw.seek(bom_length(raw.read(4), "utf-8"))
        blocks = Blocks(raw, _BLOCK)
        while blocks.next(used):
            lines = find_lines(blocks.block, blocks.final)
            used = lines.complete
            texts = [
                blocks.block[start:end].decode("utf-8", "replace")
                for start, end in zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)
            ]
            if not blocks.final and len(blocks.block) - used > LINE_LIMIT:
                blocks.next(used)
                blocks.skip_line()
                used = 0
                texts.append("")
            yield pl.DataFrame({LINE: range(number, number + len(texts)), "data": texts}, schema={LINE: pl.Int64, "data": pl.String})
            number += len(texts)


def json_or_text(text: pl.Expr) -> pl.Expr:
    """`text` as it is where it is JSON, else as a JSON string."""
    encoded = pl.struct(text.alias("t")).struct.json_encode().str.strip_prefix('{"t":').str.strip_suffix("}")
    return pl.when(text.str.json_path_match("$").is_not_null()).then(text).otherwise(encoded)
