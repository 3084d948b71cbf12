"""Scheduled exports: written below /Exports, the same bytes again, and no change when imported back (acceptance S-16)."""

import hashlib
import json
from datetime import datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import dagster as dg
import pytest

from import_pipeline.definitions import build_definitions
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

DAILY = "Exports/Daily"
VERSIONS = """
    SELECT _id, _version, _valid_from FROM store.account
    UNION ALL
    SELECT _id, _version, _valid_from FROM store.contact
    ORDER BY ALL
"""


@pytest.fixture
def shop(tmp_path: Path) -> Here:
    """An account in New York that exports daily and weekly."""
    made = Here(tmp_path)
    made.add_account(
        "acme", [ACCOUNT, CONTACT], timezone="America/New_York", exports={"daily": ["Account", "Contact"], "weekly": ["Account"]}
    )
    made.clock.since = timedelta(days=4)
    made.drop(
        "Account_1.csv",
        "ExternalDataObjectId,Name,Revenue,Customer Since,Interests,House Number,Street\nA1,Acme,10.50,2021-02-03,Solar;Roof,1,Main St\n",
    )
    made.drop("Contact_1.csv", 'ExternalDataObjectId,Name,Title,RelatedTo\nC1,"Ann ""A"" Lee","=1+1",A1\n')
    made.work()
    return made


def _export(shop: Here, cadence: str, key: str) -> None:
    with shop.instance() as instance:
        job = build_definitions(pipeline=shop.pipeline).resolve_job_def(f"export_{cadence}_acme")
        assert job.execute_in_process(instance=instance, partition_key=key).success


def test_a_closed_day_is_exported_with_a_manifest_and_the_same_bytes_again(shop: Here) -> None:
    """A past partition materialized again reproduces exactly, whatever was imported since."""
    day = shop.clock.now().astimezone(ZoneInfo("America/New_York")).date().isoformat()
    shop.clock.jump(timedelta(days=2))
    _export(shop, "daily", day)
    path = shop.path(DAILY, f"Account_{day}.csv")
    before = path.read_bytes()
    manifest = json.loads(shop.path(DAILY, f"Account_{day}.csv.manifest.json").read_text())
    assert (manifest["rows"], manifest["sha256"]) == (1, hashlib.sha256(before).hexdigest())
    assert shop.listing(DAILY) == [f"{t}_{day}.csv{end}" for t in ("Account", "Contact") for end in ("", ".manifest.json")]
    shop.deliver("Account_2.csv", "ExternalDataObjectId,Name,Revenue\nA1,,99\nA2,Beta,1\n")
    _export(shop, "daily", day)
    assert path.read_bytes() == before


def test_an_export_imported_back_unchanged_gives_no_changes(shop: Here) -> None:
    """Record ids, parents, pins, choices, dates and amounts come back as they went."""
    day = shop.clock.now().astimezone(ZoneInfo("America/New_York")).date().isoformat()
    shop.clock.jump(timedelta(days=2))
    _export(shop, "daily", day)
    versions = shop.query(
        "SELECT _id, _version, _valid_from FROM store.account UNION ALL SELECT _id, _version, _valid_from FROM store.contact ORDER BY ALL"
    )
    for name in (f"Account_{day}.csv", f"Contact_{day}.csv"):
        job = shop.deliver(name, shop.path(DAILY, name).read_bytes())
        assert (job.state, job.counts.unchanged, job.counts.refused, job.counts.rows) == ("applied", 1, 0, 1)
        assert job.errors_file is None
    assert shop.query(VERSIONS) == versions


def test_the_schedule_requests_the_last_closed_day_of_the_accounts_time_zone(shop: Here) -> None:
    """Exports run on plain schedules, one partition each."""
    schedule = build_definitions(pipeline=shop.pipeline).resolve_schedule_def("daily_exports_acme")
    at = datetime(2026, 11, 21, 2, 0, tzinfo=ZoneInfo("America/New_York"))
    with shop.instance() as instance, dg.build_schedule_context(instance=instance, scheduled_execution_time=at) as context:
        data = schedule.evaluate_tick(context)
    assert [request.partition_key for request in data.run_requests or []] == ["2026-11-20"]
