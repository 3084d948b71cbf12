"""The past from the UI, and upkeep that prunes it, on a site that works in this process."""

import csv
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from import_pipeline.definitions import build_definitions
from import_pipeline.ledger import deliveries
from import_pipeline.orchestration.upkeep import prune_versions
from import_pipeline.store.session import open_store
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

HISTORY = "SELECT _version FROM store._history_account ORDER BY ALL"


@pytest.fixture
def site(tmp_path: Path) -> Here:
    """An account that keeps history for thirty days, with two versions of one record."""
    made = Here(tmp_path)
    made.add_account("acme", [ACCOUNT, CONTACT], retention={"history": "30d"}, exports={"daily": ["Account"]})
    made.clock.since = timedelta(days=40)
    for revenue in (1, 2):
        made.deliver(f"Account_{revenue}.csv", f"ExternalDataObjectId,Name,Revenue\nA1,Acme,{revenue}\n")
    return made


def ran(site: Here, name: str, op: str = "", **config: str) -> dg.ExecuteInProcessResult:
    """One run of a job of the instance."""
    run_config: dict[str, Any] = {"ops": {op: {"config": config}}} if op else {}
    with site.instance() as instance:
        job = build_definitions(pipeline=site.pipeline).resolve_job_def(name)
        return job.execute_in_process(instance=instance, run_config=run_config, raise_on_error=False)


def lines(site: Here, pattern: str) -> list[dict[str, str]]:
    (path,) = (site.settings.home / "exports" / "acme").glob(pattern)
    with path.open(newline="") as file:
        return list(csv.DictReader(file))


def fault(result: dg.ExecuteInProcessResult) -> str:
    (event,) = (e for e in result.all_events if e.is_step_failure)
    return str(event.step_failure_data.error)


def test_a_past_state_is_exported_from_the_ui(site: Here) -> None:
    """By a job's id, for one type or for all."""
    job = site.job("Account_1.csv").id
    done = ran(site, "export_as_of", "write_export", account="acme", as_of=job)
    assert done.success
    assert [r["Revenue"] for r in lines(site, "Account_*.csv")] == ["1.00"]
    assert lines(site, "Contact_*.csv") == []
    (metadata,) = (e.step_output_data.metadata for e in done.all_events if e.is_successful_output)
    assert metadata["Account records"].value == 1
    assert ran(site, "export_as_of", "write_export", account="acme", as_of="now", object_type="account", format="jsonl").success


def test_a_difference_is_written_from_the_ui(site: Here) -> None:
    """What the second import did."""
    job = site.job("Account_2.csv").id
    assert ran(site, "diff_moments", "write_difference", account="acme", start=f"before:{job}", object_type="Account").success
    assert [(r["column"], r["old"], r["new"], r["job"]) for r in lines(site, "diff_Account_*.csv")] == [("Revenue", "1.00", "2.00", job)]


def test_a_moment_that_cannot_be_read_fails_the_run_with_the_reason_and_writes_nothing(site: Here) -> None:
    """The run's page tells what the command line tells."""
    failed = ran(site, "export_as_of", "write_export", account="acme", as_of="nojobid1")
    assert not failed.success and "unknown moment, job or delivery 'nojobid1'" in fault(failed)
    assert not (site.settings.home / "exports").exists()


def test_what_an_import_writes_is_later_than_every_state_that_was_read_while_it_waited(site: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Otherwise a state that was exported «as of now» would be another one when it is exported again."""
    exported: list[datetime] = []

    def slow(*arguments: Any, **more: Any) -> Any:
        if more.get("writable"):
            site.clock.jump(timedelta(minutes=1))
            exported.append(site.clock.now())
        return open_store(*arguments, **more)

    monkeypatch.setattr("import_pipeline.delivering.flow.open_store", slow)
    site.deliver("Account_3.csv", "ExternalDataObjectId,Name,Revenue\nA1,Acme,3\n")
    ((stamp,),) = site.query("SELECT max(stamp) FROM store._change_sets")
    assert stamp > max(exported)


def test_upkeep_drops_versions_past_their_retention_and_the_past_before_it_is_refused(site: Here) -> None:
    """The day of the two imports is exported, kept thirty days, and then told to be gone; the record itself stays."""
    first, day = site.job("Account_1.csv").id, site.clock.now().date().isoformat()
    site.clock.jump(timedelta(days=2))

    def exported() -> dg.ExecuteInProcessResult:
        with site.instance() as instance:
            job = build_definitions(pipeline=site.pipeline).resolve_job_def("export_daily_acme")
            return job.execute_in_process(instance=instance, partition_key=day, raise_on_error=False)

    assert exported().success
    assert ran(site, "upkeep").success
    assert site.query(HISTORY) == [(1,)]
    site.clock.jump(timedelta(days=29))
    assert ran(site, "upkeep").success
    assert site.query(HISTORY) == []
    assert [str(r["Revenue"]) for r in site.records("Account")] == ["2.00"]
    refused = exported()
    assert not refused.success and "History is kept for 30 days" in fault(refused)
    gone = ran(site, "export_as_of", "write_export", account="acme", as_of=first)
    assert not gone.success and "stated in defs.yaml of the account acme" in fault(gone)
    assert ran(site, "export_as_of", "write_export", account="acme", as_of="1d").success


def test_upkeep_leaves_history_alone_while_a_delivery_is_under_way_or_the_store_is_in_use(
    site: Here, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It has an hour until the next time; an import has somebody who waits."""
    site.clock.jump(timedelta(days=31))
    account = site.pipeline.account("acme")
    monkeypatch.setattr("import_pipeline.orchestration.upkeep._PATIENCE", 0.05)
    with open_store(site.settings, "acme"):
        assert "tried again in an hour" in str(prune_versions(site.pipeline, account, site.clock.now()))
    now = site.clock.now()
    with site.pipeline.ledger.begin() as conn:
        deliveries.create(conn, "k", "acme", "test", types=["Account"], files=1, size=1, dry_run=False, now=now)
        deliveries.request(conn, "k", now=now)
    assert prune_versions(site.pipeline, account, now) == "delivery k is under way; tried again in an hour"
    assert site.query(HISTORY) == [(1,)]
    with site.pipeline.ledger.begin() as conn:
        deliveries.finish(conn, "k", now=now)
    assert prune_versions(site.pipeline, account, now) == {"Account": 1}
