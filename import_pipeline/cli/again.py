"""`undo`, `replay`, `approve` and `reject`: what people do after an import.

Belongs here: these commands. Does not belong here: what they book (delivering/again.py), how a job or a plan is shown
(jobview.py, planning/screen.py).
"""

from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from import_pipeline.cli.importing import VerboseOption, quiet, run_booked, show_jobs
from import_pipeline.cli.jobview import job_object
from import_pipeline.cli.shared import REFUSED, JsonOption, console, opened, print_json

if TYPE_CHECKING:
    from import_pipeline.delivering.pipeline import Pipeline
    from import_pipeline.ledger.jobs import JobRow

JobArgument = Annotated[str, typer.Argument(metavar="JOB", help="A job's id, as `jobs` lists it; or its file's name; or `latest`.")]
DeliveryArgument = Annotated[
    str, typer.Argument(metavar="DELIVERY", help="A delivery's key; or one of its jobs: id, file name or `latest`.")
]
YesOption = Annotated[bool, typer.Option("--yes", "-y", help="Do it; without this only the plan is made and shown.")]
ReasonOption = Annotated[str, typer.Option("--reason", metavar="TEXT", help="Why; it stands in the receipt.")]


def undo(job: JobArgument, yes: YesOption = False, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Takes an import back: shows what would be removed, restored and kept, and with --yes does it.

    Records that were edited since stay as they are and are named. An undo is a job of its own, and can be undone.
    """
    with opened() as pipeline:
        planned = _undone(pipeline, job, dry_run=True, verbose=verbose)
        done = _undone(pipeline, job, dry_run=False, verbose=verbose) if yes else []
        if json:
            for row in done or planned:
                print_json(job_object(row))
        else:
            show_jobs(pipeline, planned)
            if done:
                show_jobs(pipeline, done)
            else:
                console().print(f"Nothing was written. To do it: import-pipeline undo {job} --yes", soft_wrap=True)
    _exit(done or planned)


def replay(delivery: DeliveryArgument, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Runs the originals of a delivery again under the rules of today.

    Rows that were refused and are good now come in, rows that are in already change nothing, and what later deliveries set stays.
    """
    with opened() as pipeline:
        with quiet(_log(pipeline, verbose)):
            from import_pipeline.delivering.again import book_replay

            account, key = book_replay(pipeline, delivery)
        _told(pipeline, run_booked(pipeline, account, key, verbose=verbose), json=json)


def approve(job: JobArgument, json: JsonOption = False, verbose: VerboseOption = False) -> None:
    """Approves a held job, with all jobs of its type and delivery, and applies what its plan says."""
    with opened() as pipeline:
        with quiet(_log(pipeline, verbose)):
            from import_pipeline.delivering.again import book_approval

            account, key, together = book_approval(pipeline, job)
        rows = run_booked(pipeline, account, key, verbose=verbose)
        _told(pipeline, [row for row in rows if row.id in {held.id for held in together}], json=json)


def reject(job: JobArgument, reason: ReasonOption = "rejected", json: JsonOption = False) -> None:
    """Rejects a held job, with all jobs of its type and delivery: nothing of it is applied, and its file goes to Failed."""
    with opened() as pipeline:
        with quiet(_log(pipeline, False)):
            from import_pipeline.delivering.again import reject as reject_job

            rows = reject_job(pipeline, job, reason if reason == "rejected" else f"rejected: {reason}")
        if json:
            for row in rows:
                print_json(job_object(row))
        else:
            show_jobs(pipeline, rows)


def _undone(pipeline: "Pipeline", job: str, *, dry_run: bool, verbose: bool) -> "list[JobRow]":
    with quiet(_log(pipeline, verbose)):
        from import_pipeline.delivering.again import book_undo

        account, key = book_undo(pipeline, job, dry_run=dry_run)
    return run_booked(pipeline, account, key, verbose=verbose)


def _told(pipeline: "Pipeline", rows: "list[JobRow]", *, json: bool) -> None:
    if json:
        for row in rows:
            print_json(job_object(row))
    else:
        show_jobs(pipeline, rows)
    _exit(rows)


def _exit(rows: "list[JobRow]") -> None:
    from import_pipeline.model.job import GOOD_STATES

    if any(row.state not in GOOD_STATES for row in rows):
        raise typer.Exit(REFUSED)


def _log(pipeline: "Pipeline", verbose: bool) -> Path | None:
    return None if verbose else pipeline.settings.home / "logs" / "import.log"
