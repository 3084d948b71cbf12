"""The words of Engaging Networks: texts of import.service, rows of the job list, the form page (systems.md 1.3, acceptance E-1, E-2).

Belongs here: texts and shapes as this interface has them. Does not belong here: when a text is told (receiving.py), requests (routes.py).
"""

from collections.abc import Sequence
from datetime import datetime
from typing import Any
from zoneinfo import ZoneInfo

from starlette.responses import HTMLResponse, PlainTextResponse, Response

from import_pipeline.landing.submitted import Progress
from import_pipeline.ledger.http_jobs import HttpJob

UNABLE = "Error: Unable to process your import. Please contact support."
NO_NAME = "Error: reference name is a required parameter"
NO_FORMAT = "Error: Import format parameter not found or is invalid"
OTHER_HEADER = (
    "Error: The format you selected does not match the first line of your upload file. "
    "Please verify that the header row in the import is exactly the same as the import format fields."
)
_FIELDS = (
    ("token", "Token", "password"),
    ("name", "Reference name", "text"),
    ("upload", "File (CSV)", "file"),
    ("formatName", "Format name", "text"),
    ("segmentId", "Segment id (optional)", "text"),
    ("segmentName", "Segment name (optional)", "text"),
)


class Told(Exception):
    """An import that is not taken, with the text that says so."""

    def __init__(self, text: str, reason: str) -> None:
        self.text, self.reason = text, reason
        """`reason` is for the log: it names no value that was sent."""
        super().__init__(reason)


def taken(number: int) -> str:
    """The text of an import that is scheduled; clients look for «uploaded successfully» and «# is N»."""
    return (
        f"Your file has been uploaded successfully and scheduled for import. Your job # is {number}. "
        "You will receive an email when your job is complete."
    )


def text(told: str) -> Response:
    """A text of import.service. Its status is always 200: the words decide."""
    return PlainTextResponse(told)


def page() -> Response:
    """The form at import.jsp."""
    rows = "".join(
        f'<p><label>{label}<br><input type="{kind}" name="{name}" autocomplete="off"></label></p>' for name, label, kind in _FIELDS
    )
    return HTMLResponse(
        '<!doctype html><html lang="en"><meta charset="utf-8"><title>Import</title>'
        "<style>body{font:15px/1.5 system-ui,sans-serif;max-width:30rem;margin:2rem auto;padding:0 1rem}input{width:100%}</style>"
        "<h1>Import</h1>"
        f'<form action="import.service" method="post" enctype="multipart/form-data">{rows}<p><button>Import</button></p></form></html>'
    )


def job_row(job: HttpJob, number: int, progress: Progress, timezone: str) -> dict[str, Any]:
    """One row of the job list: `completed` when the job has ended, `percent` before (acceptance E-10). Times are the account's."""
    row: dict[str, Any] = {
        "type": job.type,
        "job": number,
        "name": job.name,
        "started": _local(progress.started_at, timezone),
        "completed": _local(progress.finished_at, timezone) if progress.ended else None,
        "percent": percent(progress),
        "results": results(progress),
    }
    return row


def percent(progress: Progress) -> int:
    """How much is done: packages of those known, 100 only at the end."""
    if progress.ended:
        return 100
    return min(99, 100 * progress.packages_done // progress.packages_total) if progress.packages_total else 0


def results(progress: Progress) -> str | None:
    """What became of the rows, in a line; None while the job runs."""
    if not progress.ended:
        return None
    if progress.reason and (progress.phase == "failed" or all(job.state == "duplicate" for job in progress.jobs)):
        return progress.reason
    told = progress.counts
    planned = "planned only, nothing was written: " if any(job.dry_run for job in progress.jobs) else ""
    return (
        planned
        + f"{told.rows:,} rows: {told.created:,} added, {told.updated:,} updated, {told.unchanged:,} unchanged, {told.refused:,} refused"
    )


def segment_rows(names: dict[str, str], members: Sequence[tuple[str, int]]) -> list[dict[str, Any]]:
    """Segments by id, with how many supporters are in each."""
    counts = dict(members)
    return [{"segmentId": key, "segmentName": names.get(key, key), "members": counts.get(key, 0)} for key in sorted({*names, *counts})]


def _local(moment: datetime | None, timezone: str) -> str | None:
    return moment.astimezone(ZoneInfo(timezone)).isoformat(timespec="seconds") if moment else None
