"""Undo: an import taken back, shown as a plan first (acceptance B-3)."""

from pathlib import Path
from typing import Any

import pytest

from import_pipeline.definitions import build_definitions
from import_pipeline.delivering.again import book_replay, book_undo
from import_pipeline.failures import PermanentFailure
from import_pipeline_tests.scenarios.site import Site

FIRST = "ExternalDataObjectId,Name,Employees,Street,City\nA1,Acme,5,1 Main St,Utica\nA2,Bolt,7,,\n"
SECOND = "ExternalDataObjectId,Name,Employees,Street,City\nA1,Acme,6,,\nA3,Cord,1,9 Elm St,Rome\n"


def _undo(site: Site, job: str, *, dry_run: bool = False) -> Any:
    _, key = book_undo(site.pipeline, job, dry_run=dry_run)
    site.work()
    return next(row for row in site.jobs() if row.delivery == key)


def _state(site: Site) -> list[tuple[Any, ...]]:
    columns = '"ExternalDataObjectId", "Name", "Employees"'
    shown = site.query(f"SELECT {columns} FROM store.account ORDER BY _id")
    pins = site.query('SELECT a."ExternalDataObjectId", p."Street" FROM store.account a JOIN store._pins p ON p._id = a._pin_id ORDER BY 1')
    people = site.query('SELECT c."Name", a."Name" FROM store.contact c LEFT JOIN store.account a ON a._id = c._parent_id ORDER BY 1')
    waiting = site.query("SELECT _job, _pos FROM store._parked_contact ORDER BY ALL")
    live = site.query("SELECT count(*) FROM store._pins WHERE _valid_to IS NULL")
    return [*shown, *pins, *people, *waiting, *live]


@pytest.mark.here
def test_an_undo_is_planned_first_and_the_plan_writes_nothing(site: Site) -> None:
    """The plan names what would be removed and restored; the store stays as it is."""
    site.deliver("Account_1.csv", FIRST)
    job = site.deliver("Account_2.csv", SECOND)
    before = _state(site)
    planned = _undo(site, job.id, dry_run=True)
    assert _state(site) == before
    assert (planned.state, planned.undo_of, planned.counts.deleted, planned.counts.updated) == ("planned", job.id, 1, 1)
    assert planned.plan_file
    page = Path(planned.plan_file).read_text()
    assert "A3" in page
    assert "Employees" in page


def test_import_then_undo_gives_the_state_before_and_undoing_the_undo_the_state_after(site: Site) -> None:
    """Created records go, changed values come back, pins that were made end; the receipts tell; the file may be sent again."""
    site.deliver("Account_1.csv", FIRST)
    before = _state(site)
    job = site.deliver("Account_2.csv", SECOND)
    after = _state(site)
    undo = _undo(site, job.id)
    assert (undo.state, undo.kind, undo.counts.deleted, undo.counts.updated) == ("applied", "undo", 1, 1)
    assert _state(site) == before
    undone = site.job("Account_2.csv")
    assert undone.undone_by == undo.id
    assert site.receipt(undone)["outcome"].startswith(f"Taken back by job {undo.id}.")
    assert site.receipt(undo)["undo_of"] == job.id
    again = _undo(site, undo.id)
    assert again.counts.created == 1
    assert _state(site) == after
    assert site.job("Account_2.csv").undone_by is None
    assert site.deliver("Account_2.csv", SECOND).state == "duplicate"


@pytest.mark.here
def test_after_an_undo_the_same_bytes_may_be_imported_again(site: Site) -> None:
    """The content key is forgotten with the job."""
    job = site.deliver("Account_1.csv", FIRST)
    _undo(site, job.id)
    assert site.records("Account") == []
    again = site.deliver("Account_1.csv", FIRST)
    assert (again.state, again.counts.created) == ("applied", 2)


def _by_hand(site: Site, key: str) -> None:
    """Materializes a delivery's partition again, as a click in the UI does: every asset of the account, no word of what it was."""
    job = build_definitions(pipeline=site.pipeline).resolve_job_def("import_acme")
    with site.instance() as instance:
        assert job.execute_in_process(instance=instance, partition_key=key).success


def _told(site: Site, *jobs: str) -> list[tuple[Any, ...]]:
    """What the ledger and the receipts say of jobs."""
    shown = ("id", "outcome", "counts", "undone_by", "undo_of")
    rows = [row for row in site.jobs() if row.id in jobs]
    return [(r.id, r.state, r.counts, r.undone_by, {k: v for k, v in site.receipt(r).items() if k in shown}) for r in rows]


@pytest.mark.here
def test_an_undo_materialized_again_by_hand_stays_what_it_was(site: Site) -> None:
    """It is no replay: it takes nothing back a second time, whatever came since, and its answers stay."""
    site.deliver("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A3\n")
    site.deliver("Account_1.csv", FIRST)
    job = site.deliver("Account_2.csv", SECOND)
    undo = _undo(site, job.id)
    before, told = _state(site), _told(site, job.id, undo.id)
    changes = site.query("SELECT * FROM store._undos ORDER BY ALL"), site.query("SELECT * FROM store._change_sets ORDER BY ALL")
    _by_hand(site, undo.delivery)
    assert (_state(site), _told(site, job.id, undo.id)) == (before, told)
    assert (site.query("SELECT * FROM store._undos ORDER BY ALL"), site.query("SELECT * FROM store._change_sets ORDER BY ALL")) == changes
    later = site.deliver("Account_3.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,9\nA3,Dorn,2\n")
    changed = _state(site)
    _by_hand(site, undo.delivery)
    assert (_state(site), later.undone_by) == (changed, None)
    assert _told(site, job.id, undo.id) == told


@pytest.mark.here
def test_an_undo_that_is_undone_and_then_materialized_again_by_hand_does_not_come_back(site: Site) -> None:
    """Neither in the store nor in the ledger: the import counts, and its bytes are known."""
    site.deliver("Account_1.csv", FIRST)
    job = site.deliver("Account_2.csv", SECOND)
    after = _state(site)
    undo = _undo(site, job.id)
    again = _undo(site, undo.id)
    told = _told(site, job.id, undo.id, again.id)
    for key in (undo.delivery, again.delivery, undo.delivery):
        _by_hand(site, key)
        assert _state(site) == after
        assert _told(site, job.id, undo.id, again.id) == told
    assert site.job("Account_2.csv").undone_by is None
    assert site.deliver("Account_2.csv", SECOND).state == "duplicate"


@pytest.mark.here
def test_what_was_edited_since_stays_and_is_named(site: Site) -> None:
    """A created record with a later edit stays as it is; of a changed record only untouched fields come back."""
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Email,Employees\nA1,Acme,a@acme.example,5\n")
    job = site.deliver("Account_2.csv", "ExternalDataObjectId,Name,Email,Employees\nA1,Acme,b@acme.example,6\nA2,Bolt,,7\n")
    later = site.deliver("Account_3.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,9\nA2,Bolt,8\n")
    planned = _undo(site, job.id, dry_run=True)
    assert later.id in Path(planned.plan_file).read_text()
    _undo(site, job.id)
    assert [(r["ExternalDataObjectId"], r["Email"], r["Employees"]) for r in site.records("Account")] == [
        ("A1", "a@acme.example", 9),
        ("A2", None, 8),
    ]


def test_rows_that_waited_for_a_parent_wait_again_when_its_import_is_undone(site: Site) -> None:
    """Orphans, parents, undo: the child is parked as before; a child with a life of its own only loses its parent."""
    site.deliver("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A1\n")
    before = _state(site)
    job = site.deliver("Account_1.csv", FIRST)
    site.deliver("Contact_2.csv", "ExternalDataObjectId,Name,RelatedTo\nC2,Bob,A1\n")
    undo = _undo(site, job.id)
    people = site.query('SELECT "Name", _parent_id FROM store.contact ORDER BY 1')
    assert people == [("Bob", None)]
    assert site.job("Contact_1.csv").counts.parked == 1
    assert site.query("SELECT count(*) FROM store._parked_contact") == [(1,)]
    _undo(site, undo.id)
    linked = site.query('SELECT c."Name", a."Name" FROM store.contact c JOIN store.account a ON a._id = c._parent_id ORDER BY 1')
    assert linked == [("Ann", "Acme"), ("Bob", "Acme")]
    assert before != _state(site)


@pytest.mark.here
def test_a_replay_leaves_undone_jobs_out(site: Site) -> None:
    """What was taken back stays back until the undo is undone.

    A record that two files of one delivery made together stays as it is when one of them is undone; a replay then gives it the values
    of the other.
    """
    site.drop("Account_1.csv", FIRST)
    site.drop("Account_2.csv", SECOND)
    site.work()
    undone = site.job("Account_2.csv")
    undo = _undo(site, undone.id)
    assert (undo.counts.deleted, undo.counts.unchanged) == (1, 1)
    shown = 'SELECT "ExternalDataObjectId", CAST("Employees" AS INTEGER) FROM store.account ORDER BY 1'
    assert site.query(shown) == [("A1", 6), ("A2", 7)]
    book_replay(site.pipeline, undone.delivery)
    site.work()
    assert site.query(shown) == [("A1", 5), ("A2", 7)]
    left_out = site.job("Account_2.csv")
    assert (left_out.state, left_out.undone_by) == ("applied", undo.id)


@pytest.mark.here
def test_what_cannot_be_undone_is_refused_with_the_reason(site: Site) -> None:
    """An unknown job, a plan, a failed job, one that is undone already: a clear error, nothing booked."""
    job = site.deliver("Account_1.csv", FIRST)
    failed = site.deliver("Account_2.csv", "ExternalDataObjectId,Name\nA7,\n")
    plan = site.deliver("Account_3.csv", SECOND, folder="DataObjects/Check/New")
    booked = len(site.jobs())
    for named, why in ((job.id[:-1], "there is no job"), (failed.id, "is failed"), (plan.id, "was a plan")):
        with pytest.raises(PermanentFailure, match=why):
            book_undo(site.pipeline, named, dry_run=False)
    assert len(site.jobs()) == booked
    undo = _undo(site, job.id)
    with pytest.raises(PermanentFailure, match=f"is undone already, by job {undo.id}"):
        book_undo(site.pipeline, job.id, dry_run=True)
