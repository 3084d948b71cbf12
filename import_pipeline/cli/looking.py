"""`jobs` and `job`: what was imported, and everything about one import.

Belongs here: these two commands; they read the ledger only, never the record store. Does not belong here: how a job looks (jobview.py).
"""

from typing import Annotated, cast, get_args

import typer

from import_pipeline.cli.jobview import job_object, job_panel, jobs_table, receipt_of
from import_pipeline.cli.shared import AccountOption, JsonOption, chosen_account, console, one_of, opened, plain, print_json
from import_pipeline.failures import UnknownValue

StateOption = Annotated[str | None, typer.Option("--state", metavar="STATE", help="waiting, running, applied, failed or duplicate.")]
LimitOption = Annotated[int, typer.Option("--limit", "-n", min=1, help="How many, the newest first.")]
JobArgument = Annotated[str, typer.Argument(metavar="ID", help="A job's id of eight characters.")]


def jobs(account: AccountOption = None, state: StateOption = None, limit: LimitOption = 20, json: JsonOption = False) -> None:
    """Lists the latest jobs, newest first."""
    from import_pipeline.ledger import jobs as ledger_jobs
    from import_pipeline.model.job import JobState

    with opened() as pipeline:
        name = chosen_account(pipeline, account).name if account else None
        wanted = cast(JobState, one_of("state", state, get_args(JobState))) if state else None
        with pipeline.ledger.read() as conn:
            rows = ledger_jobs.listing(conn, name, wanted, limit)
    if json:
        for row in rows:
            print_json(job_object(row))
    elif rows:
        console().print(jobs_table(rows))
    else:
        console().print("No jobs yet: drop a file into a landing tree, or `import-pipeline import FILE`.")


def job(job_id: JobArgument, json: JsonOption = False) -> None:
    """Tells all about one job: file, counts, progress, grouped errors, and where the answers lie."""
    from import_pipeline.ledger import files
    from import_pipeline.ledger import jobs as ledger_jobs

    with opened() as pipeline, pipeline.ledger.read() as conn:
        row = ledger_jobs.find(conn, job_id)
        file = files.get(conn, row.file_id) if row else None
        latest = [] if row else [found.id for found in ledger_jobs.listing(conn, limit=10)]
    if row is None:
        raise UnknownValue("job", job_id, latest, where="among the latest")
    receipt = receipt_of(row)
    if json:
        print_json(
            job_object(row)
            | {"outcome": receipt.get("outcome"), "errors": receipt.get("errors", []), "notices": receipt.get("notices", [])}
        )
    else:
        console().print(job_panel(row, receipt))
        if file and file.note and file.state == "answered" and file.project_next:
            console().print(plain(file.note), soft_wrap=True)
