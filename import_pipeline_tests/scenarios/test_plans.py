"""Plans before an import and approval of large ones, through the folder and the sensor (acceptance B-2, B-13)."""

import hashlib
from datetime import timedelta
from pathlib import Path

import polars as pl
import pytest
import yaml

from import_pipeline.delivering.again import book_approval, decide_overdue, reject
from import_pipeline.failures import PermanentFailure
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here, Site

NEW, CHECK = "DataObjects/Import/New", "DataObjects/Check/New"
FIRST = "ExternalDataObjectId,Name,Employees\nA1,Acme,5\nA2,Bolt,7\n"
SECOND = "ExternalDataObjectId,Name,Employees\nA1,Acme,6\nA2,Bolt,7\nA3,Cord,1\nA4,,x\n"


def _bytes_of_store(site: Site) -> dict[str, str]:
    folder = site.settings.store_file(site.account).parent
    return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in sorted(folder.glob("*"))}


def _plan(site: Site, name: str) -> pl.DataFrame:
    job = site.job(name)
    assert job.plan_file
    return pl.read_parquet(Path(job.plan_file).with_suffix(".parquet"))


def test_a_file_in_check_is_planned_and_nothing_is_written(site: Site) -> None:
    """Acceptance B-2: the same stages, the answer is a plan, and the record store stays as it is, byte for byte."""
    site.deliver("Account_1.csv", FIRST)
    before = _bytes_of_store(site)
    job = site.deliver("Account_2.csv", SECOND, folder=CHECK)
    assert _bytes_of_store(site) == before
    assert (job.state, job.dry_run) == ("planned", True)
    assert (job.counts.created, job.counts.updated, job.counts.unchanged, job.counts.refused) == (1, 1, 1, 1)
    assert f"Account_2.{job.id}.plan.html" in site.listing("DataObjects/Check/Success")
    assert f"Account_2.{job.id}.plan.csv" in site.listing("DataObjects/Check/Success")
    assert f"Account_2.{job.id}.errors.csv" in site.listing("DataObjects/Check/Failed")
    assert "Account_2.csv" in site.listing("DataObjects/Check/Success")
    assert "nothing was written" in site.receipt(job)["outcome"]
    changed = _plan(site, "Account_2.csv").filter(pl.col("action") == "update")
    assert changed.select("line", "external_id", "column", "old", "new").rows() == [(2, "A1", "Employees", "5", "6")]


@pytest.mark.here
def test_what_was_planned_is_what_the_import_does(site: Site) -> None:
    """The same file dropped into New afterwards is no duplicate, and has the planned counts and record ids."""
    site.deliver("Account_1.csv", FIRST)
    planned = site.deliver("Account_2.csv", SECOND, folder=CHECK)
    done = site.deliver("Account_2.csv", SECOND)
    assert done.state == "applied"
    assert done.counts == planned.counts
    assert [r["ExternalDataObjectId"] for r in site.records("Account")] == ["A1", "A2", "A3"]


@pytest.mark.here
def test_a_plan_of_children_sees_the_parents_planned_with_them(site: Site) -> None:
    """Parents and children in one delivery: the plan links them, and an empty store stays without a file."""
    site.drop("Account_1.csv", FIRST, folder=CHECK)
    site.drop("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A1\nC2,Bob,A9\n", folder=CHECK)
    site.work()
    job = site.job("Contact_1.csv")
    assert (job.counts.created, job.counts.parked) == (1, 1)
    parked = _plan(site, "Contact_1.csv").filter(pl.col("action") == "park")
    assert "A9" in parked["note"].item()
    assert not site.settings.store_file(site.account).exists()


@pytest.mark.here
def test_files_to_plan_and_files_to_import_never_share_a_delivery(site: Site) -> None:
    """Dropped together, each does what its folder says."""
    site.drop("Account_1.csv", FIRST)
    site.drop("Account_2.csv", SECOND, folder=CHECK)
    site.drop("Account_3.csv", "ExternalDataObjectId,Name\nA9,Zed\n")
    site.work()
    assert [(job.name, job.state) for job in sorted(site.jobs(), key=lambda j: j.name)] == [
        ("Account_1.csv", "applied"),
        ("Account_2.csv", "planned"),
        ("Account_3.csv", "applied"),
    ]
    assert {r["ExternalDataObjectId"] for r in site.records("Account")} == {"A1", "A2", "A9"}


@pytest.fixture
def careful(tmp_path: Path) -> Here:
    """An account that holds what would change more than half of a type."""
    made = Here(tmp_path)
    made.add_account("acme", [ACCOUNT, CONTACT], hold={"changed_above": "50%", "wait": "2d"})
    made.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,5\nA2,Bolt,7\nA3,Cord,1\n")
    return made


LARGE = "ExternalDataObjectId,Employees\nA1,50\nA2,70\n"


def test_an_import_that_would_change_too_much_waits_with_its_plan(careful: Here) -> None:
    """Acceptance B-13: nothing is applied, the plan lies in Held, and the job says until when it waits."""
    job = careful.deliver("Account_2.csv", LARGE)
    assert job.state == "held"
    assert job.held_until and timedelta(days=1) < job.held_until - careful.clock.now() <= timedelta(days=2)
    assert "2 of 3 records (66.7%) would change, more than the 50 % allowed" in (job.reason or "")
    assert [r["Employees"] for r in careful.records("Account")] == [5, 7, 1]
    assert f"Account_2.{job.id}.plan.html" in careful.listing("DataObjects/Import/Held")
    small = careful.deliver("Account_3.csv", "ExternalDataObjectId,Employees\nA3,2\n")
    assert small.state == "applied"


def test_an_approved_import_does_what_its_plan_said(careful: Here) -> None:
    """Approving applies it; the file goes to Success and Held is empty again."""
    held = careful.deliver("Account_2.csv", LARGE)
    book_approval(careful.pipeline, held.id)
    careful.work()
    job = careful.job("Account_2.csv")
    assert (job.state, job.counts.updated) == ("applied", 2)
    assert [r["Employees"] for r in careful.records("Account")] == [50, 70, 1]
    assert careful.listing("DataObjects/Import/Held") == []
    assert "Account_2.csv" in careful.listing("DataObjects/Import/Success")
    with pytest.raises(PermanentFailure, match="is applied, it does not wait for approval"):
        book_approval(careful.pipeline, held.id)


def test_approving_late_never_overwrites_what_was_set_meanwhile(careful: Here) -> None:
    """The held rows speak for the day they came: a value set since stays, field by field, and the changed plan is held again."""
    held = careful.deliver("Account_2.csv", LARGE)
    careful.deliver("Account_3.csv", "ExternalDataObjectId,Employees\nA1,99\n")
    book_approval(careful.pipeline, held.id)
    careful.work()
    job = careful.job("Account_2.csv")
    if job.state == "held":
        book_approval(careful.pipeline, held.id)
        careful.work()
    assert careful.job("Account_2.csv").state == "applied"
    assert [r["Employees"] for r in careful.records("Account")] == [99, 70, 1]


def test_a_rejected_import_goes_to_failed_with_the_reason(careful: Here) -> None:
    """Rejecting ends it; the rows never reach the store."""
    held = careful.deliver("Account_2.csv", LARGE)
    (told,) = reject(careful.pipeline, held.id, "rejected: wrong column")
    assert (told.state, told.reason) == ("failed", "rejected: wrong column")
    careful.work()
    assert "Account_2.csv" in careful.listing("DataObjects/Import/Failed")
    assert careful.listing("DataObjects/Import/Held") == []
    assert [r["Employees"] for r in careful.records("Account")] == [5, 7, 1]


def test_what_nobody_decides_in_time_is_decided_by_the_policy(careful: Here) -> None:
    """After `wait` the job is rejected, or approved where the account says so."""
    careful.deliver("Account_2.csv", LARGE)
    careful.clock.jump(timedelta(days=2, minutes=1))
    careful.work()
    assert (careful.job("Account_2.csv").state, careful.job("Account_2.csv").reason) == ("failed", "nobody approved it in time")
    path = careful.accounts / "acme" / "defs.yaml"
    stated = yaml.safe_load(path.read_text())
    stated["attributes"]["hold"]["then"] = "approve"
    path.write_text(yaml.safe_dump(stated))
    careful.reload()
    careful.deliver("Account_4.csv", LARGE + "A3,1\n")
    assert careful.job("Account_4.csv").state == "held"
    careful.clock.jump(timedelta(days=2, minutes=1))
    careful.work()
    assert careful.job("Account_4.csv").state == "applied"
    assert [r["Employees"] for r in careful.records("Account")] == [50, 70, 1]


def test_two_held_types_of_one_delivery_are_both_approved_when_their_time_is_over(tmp_path: Path) -> None:
    """One run serves both, and a tick that comes before it does not fail on what is approved already."""
    site = Here(tmp_path)
    site.add_account("acme", [ACCOUNT, CONTACT], hold={"changed_above": "10%", "wait": "1d", "then": "approve"})
    site.drop("Account_1.csv", FIRST)
    site.drop("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A1\n")
    site.work()
    site.drop("Account_2.csv", "ExternalDataObjectId,Employees\nA1,50\nA2,70\n")
    site.drop("Contact_2.csv", "ExternalDataObjectId,Title\nC1,Head\n")
    site.work()
    assert {job.state for job in site.jobs() if job.name.endswith("_2.csv")} == {"held"}
    site.clock.jump(timedelta(days=1, minutes=1))
    account = site.pipeline.account("acme")
    assert len(decide_overdue(site.pipeline, account)) == 1
    assert decide_overdue(site.pipeline, account) == []
    for _ in range(3):
        site.work()
        site.clock.jump(timedelta(days=1, minutes=1))
    assert {job.state for job in site.jobs()} == {"applied"}
