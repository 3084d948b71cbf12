"""Ending a delivery that no run could finish: its jobs are failed with the reason, its files go to Failed.

Belongs here: the answers of a delivery whose runs failed. Does not belong here: deciding that it failed (sensor.py).
"""

from import_pipeline.delivering.answering import Found, book, project_answers, write
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.ledger import deliveries, jobs, meta
from import_pipeline.model.account import Account
from import_pipeline.model.job import FINAL_STATES, Counts, ParsedFile
from import_pipeline.model.row_error import FileFault
from import_pipeline.store.schema import prepare_store
from import_pipeline.store.session import open_store


def fail_delivery(pipeline: Pipeline, account: Account, key: str, reason: str) -> None:
    """Every job without a final state is failed with `reason`.

    Packages that were applied before the fault stay, and their change sets are closed, so that exports go on: the same file sent
    again, or the delivery materialized again, brings the rest.
    """
    run, nothing = DeliveryRun(pipeline, account, key), Found({}, {}, {}, {})
    booked = run.jobs  # opens the delivery where no run came that far
    with pipeline.ledger.read() as conn:
        rows = {row.id: row for row in jobs.by_delivery(conn, key)}
    for job in booked:
        row = rows.get(job.id)
        if row is None or row.state in FINAL_STATES:
            continue
        fault = FileFault(code="machine", message=reason)
        answer = write(run, job, row, ParsedFile(job=job.number, fault=fault), Counts(), nothing, "failed", reason)
        with pipeline.ledger.begin() as conn:
            book(conn, run, job, answer, Counts(), "failed", reason)
    project_answers(run)
    _close_change_sets(run)
    with pipeline.ledger.begin() as conn:
        deliveries.fail(conn, key, reason, now=pipeline.clock.now())


def _close_change_sets(run: DeliveryRun) -> None:
    if not run.pipeline.settings.store_file(run.account.name).exists():
        return
    with open_store(run.pipeline.settings, run.account.name, writable=True) as session:
        prepare_store(session, run.account.name, ())
        open_sets = "UPDATE store._change_sets SET finished_at = ? WHERE delivery = ? AND finished_at IS NULL"
        session.run(open_sets, [run.now, run.key])
    with run.pipeline.ledger.begin() as conn:
        meta.write(conn, f"answers/{run.key}", run.pass_number, now=run.now)
