"""Bodies of the SPOTIO bulk job API: jobs, progress, result lines (systems.md 1.1, acceptance S-17).

Belongs here: shapes and states as this interface names them. Does not belong here: requests (routes.py), where results are read
(reporting/row_results.py).
"""

from collections.abc import Iterator, Sequence
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal

from import_pipeline.landing.submitted import Phase, Progress, job_of
from import_pipeline.landing.vault import path_of
from import_pipeline.ledger.bulk_jobs import BulkJob
from import_pipeline.ledger.uploads import Upload

if TYPE_CHECKING:
    import polars as pl

    from import_pipeline.gateway.http.gate import Gate

State = Literal["Open", "UploadComplete", "InProgress", "Ingested", "JobComplete", "Failed", "Aborted"]
_STATES: dict[Phase, State] = {
    "waiting": "UploadComplete",
    "running": "InProgress",
    "applied": "Ingested",
    "held": "InProgress",
    "finished": "JobComplete",
    "failed": "Failed",
}
NDJSON = "application/x-ndjson"
MOST_NOTICES = 50


def state_of(job: BulkJob, progress: Progress | None) -> State:
    """The state as this interface names it: Open until it is started, Aborted once it is cleaned up."""
    if job.state == "cleaned":
        return "Aborted"
    return _STATES[progress.phase] if progress else "Open"


def job_body(job: BulkJob, progress: Progress | None) -> dict[str, Any]:
    """One job."""
    return {
        "id": job.id,
        "state": state_of(job, progress),
        "operation": job.operation,
        "dataObjectTypeId": job.object_type,
        "dryRun": job.dry_run,
        "createdAt": iso(job.created_at),
        "startedAt": iso(job.started_at),
        "finishedAt": iso(progress.finished_at) if progress else None,
    }


def progress_body(job: BulkJob, progress: Progress | None, held: Sequence[Upload]) -> dict[str, Any]:
    """A job with its counters. Rows are counted when their file is answered; packages of 10,000 rows as they are applied (S-12)."""
    counts = progress.counts if progress else None
    answered = [job for job in progress.jobs if job.finished_at] if progress else []
    return job_body(job, progress) | {
        "filesTotal": len(held),
        "filesProcessed": len(answered),
        "bytesTotal": sum(upload.size for upload in held),
        "packagesTotal": progress.packages_total if progress else 0,
        "packagesProcessed": progress.packages_done if progress else 0,
        "rowsTotal": counts.rows if counts else 0,
        "rowsSucceeded": counts.good - counts.parked if counts else 0,
        "rowsFailed": counts.refused if counts else 0,
        "rowsWaiting": counts.parked if counts else 0,
        "rowsCreated": counts.created if counts else 0,
        "rowsUpdated": counts.updated if counts else 0,
        "rowsUnchanged": counts.unchanged if counts else 0,
        "reason": progress.reason if progress else None,
        "notices": notices_of(progress) if progress and progress.ended else [],
        "importJobs": [job.id for job in progress.jobs] if progress else [],
    }


def notices_of(progress: Progress) -> list[str]:
    """What the receipts tell beside the rows, such as a field that the type does not have; each once."""
    from import_pipeline.reporting.answers import read_receipt

    receipts = [read_receipt(Path(job.receipt)) for job in progress.jobs if job.receipt]
    told = dict.fromkeys(notice.message for receipt in receipts if receipt for notice in receipt.notices)
    return list(told)[:MOST_NOTICES]


def file_body(upload: Upload) -> dict[str, Any]:
    """One data file."""
    return {"fileId": upload.id, "partNumber": upload.part, "size": upload.size, "sha256": upload.sha256}


def iso(moment: datetime | None) -> str | None:
    """A moment in UTC."""
    return moment.isoformat(timespec="milliseconds").replace("+00:00", "Z") if moment else None


def succeeded_lines(gate: "Gate", progress: Progress, held: Sequence[Upload]) -> Iterator[bytes]:
    """A line {FileId, DataObjectId, Data} for each line that made, changed or met a record; in a dry run of a new one the id is null."""
    import polars as pl

    for upload, found in _results(gate, progress, held):
        for lines in _lines_of(gate, upload, found.done):
            head = pl.struct(pl.lit(upload.id).alias("FileId"), pl.col("record").alias("DataObjectId"))
            yield from _written(lines, head, pl.col("data"))


def failed_lines(gate: "Gate", progress: Progress, held: Sequence[Upload]) -> Iterator[bytes]:
    """A line {FileId, Error, Data} for each line that was refused; a line that is not JSON stands as text."""
    import polars as pl

    from import_pipeline.reporting.row_results import json_or_text, original_lines

    for upload, found in _results(gate, progress, held):
        head = pl.struct(pl.lit(upload.id).alias("FileId"), pl.col("error").alias("Error"))
        if found.rest is None:
            blocks = _lines_of(gate, upload, found.refused)
        else:
            rest = pl.lit(found.rest)
            done = found.done.select("_line")
            blocks = (
                lines.filter(pl.col("data").str.strip_chars() != "")
                .join(done, on="_line", how="anti")
                .join(found.refused, on="_line", how="left")
                .with_columns(pl.col("error").fill_null(rest))
                .sort("_line")
                for lines in original_lines(path_of(gate.vault, upload.sha256))
            )
        for lines in blocks:
            yield from _written(lines, head, json_or_text(pl.col("data")))


def _results(gate: "Gate", progress: Progress, held: Sequence[Upload]) -> Iterator[Any]:
    from import_pipeline.reporting.row_results import results_of

    for upload in held:
        job = job_of(progress, upload)
        if job:
            yield upload, results_of(gate.settings, gate.ledger, gate.accounts[job.account], job)


def _lines_of(gate: "Gate", upload: Upload, wanted: "pl.DataFrame") -> Iterator["pl.DataFrame"]:
    """The original lines with what is told about them, block by block; both sides are in order of lines."""
    from import_pipeline.reporting.row_results import original_lines

    if wanted.is_empty():
        return
    numbers = wanted["_line"]
    for lines in original_lines(path_of(gate.vault, upload.sha256)):
        if lines.is_empty():
            continue
        first, last = lines.item(0, "_line"), lines.item(-1, "_line")
        low, high = numbers.search_sorted(first, "left"), numbers.search_sorted(last, "right")
        yield lines.join(wanted.slice(low, high - low), on="_line", how="inner", maintain_order="left")


def _written(lines: "pl.DataFrame", head: "pl.Expr", data: "pl.Expr") -> Iterator[bytes]:
    """JSON lines: the head's keys, and the line as it was sent behind them."""
    import polars as pl

    if lines.is_empty():
        return
    opened = head.struct.json_encode().str.strip_suffix("}")
    told = lines.select(pl.concat_str(opened, pl.lit(',"Data":'), data, pl.lit("}\n")).alias("line"))
    yield "".join(told["line"].to_list()).encode()
