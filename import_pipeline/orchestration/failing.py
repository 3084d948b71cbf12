"""Ending a delivery that no run could finish: its jobs are failed with the reason, its files go to Failed.

Belongs here: the answers of a delivery whose runs failed. Does not belong here: deciding that it failed (sensor.py).
"""

from import_pipeline.ledger import deliveries, jobs
from import_pipeline.model.account import Account
from import_pipeline.model.job import Counts, ParsedFile
from import_pipeline.model.row_error import FileFault
from import_pipeline.orchestration.answering import Found, book, project_answers, write
from import_pipeline.orchestration.flow import DeliveryRun
from import_pipeline.orchestration.pipeline import Pipeline


def fail_delivery(pipeline: Pipeline, account: Account, key: str, reason: str) -> None:
    """Every job without a final state is failed with `reason`; nothing of the record store is touched.

    Packages that were applied before the fault stay: the same file sent again finds them unchanged.
    """
    run, nothing = DeliveryRun(pipeline, account, key), Found({}, {}, {}, {})
    with pipeline.ledger.read() as conn:
        rows = {row.id: row for row in jobs.by_delivery(conn, key)}
    for job in run.jobs:
        row = rows.get(job.id)
        if row is None or row.state in ("applied", "failed", "duplicate"):
            continue
        fault = FileFault(code="machine", message=reason)
        answer = write(run, job, row, ParsedFile(job=job.number, fault=fault), Counts(), nothing, "failed", reason)
        with pipeline.ledger.begin() as conn:
            book(conn, run, job, answer, Counts(), "failed", reason)
    project_answers(run)
    with pipeline.ledger.begin() as conn:
        deliveries.fail(conn, key, reason, now=pipeline.clock.now())
