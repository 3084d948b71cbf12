"""`jobs` and `job` tell how many refused rows came in since (acceptance B-1)."""

import io
from dataclasses import replace
from datetime import UTC, datetime

from rich.console import Console, RenderableType

from import_pipeline.cli.jobview import job_object, job_panel, jobs_table
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.job import Counts

ROW = JobRow(
    id="ab12cd34",
    number=0,
    delivery="d",
    account="acme",
    file_id="f",
    object_type="Account",
    format=None,
    name="a.csv",
    archive=None,
    member=None,
    sha256="0" * 64,
    size=1,
    kind="csv",
    state="applied",
    dry_run=False,
    fault=None,
    notices=(),
    reason=None,
    parked_open=0,
    packages_done=1,
    packages_total=1,
    receipt=None,
    errors_file=None,
    failed_file=None,
    created_at=datetime(2026, 1, 1, tzinfo=UTC),
    started_at=None,
    finished_at=None,
    resolved=3,
    counts=Counts(rows=9, good=4, refused=5, created=4),
)


def shown(what: RenderableType) -> str:
    """What a wide terminal shows."""
    out = io.StringIO()
    Console(width=200, file=out).print(what)
    return out.getvalue()


def test_a_job_whose_refused_rows_came_in_tells_how_many() -> None:
    """For people and for machines; a list where no row was resolved has no such column."""
    assert "resolved" in shown(jobs_table([ROW])) and "resolved" not in shown(jobs_table([replace(ROW, resolved=0)]))
    assert "3 of 5 refused rows came in since" in shown(job_panel(ROW, {}))
    assert job_object(ROW)["resolved"] == 3
