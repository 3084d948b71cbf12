"""What lineage tells about records that an undo deleted, changed or brought back (acceptance B-3, B-6)."""

from import_pipeline.delivering.answering import answer_delivery
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.landing.deliveries import next_request
from import_pipeline.landing.undoing import submit_undo
from import_pipeline.ledger import jobs
from import_pipeline_tests.lineage.kit import Home

HEADER = "ExternalDataObjectId,Name,Employees"


def undo(home: Home, job: str) -> str:
    """Undoes a job; returns the undo's job."""
    pipeline, account = home.pipeline, home.pipeline.account("field_sales")
    key = submit_undo(pipeline.ledger, account, job, now=pipeline.clock.now(), dry_run=False)
    with pipeline.ledger.begin() as conn:
        request = next_request(conn, account, pipeline.clock.now())
    assert request is not None
    run = DeliveryRun(pipeline, account, key)
    run.land("test")
    for object_type in (t for t in account.parents_first if t.name in request.types):
        run.relate(object_type)
        run.apply(object_type)
    answer_delivery(run)
    with pipeline.ledger.read() as conn:
        return jobs.by_delivery(conn, key)[0].id


def test_a_deleted_record_is_told_with_its_versions_and_the_job_that_deleted_it(home: Home) -> None:
    """Who looks for a record that is gone must learn who took it away; when it comes back, that is one story."""
    job = home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5"))["Account_1.csv"]
    undone = undo(home, job.id)
    told = home.record("A-1")
    assert (told.deleted, [(v.job, v.ended_by) for v in told.versions]) == (True, [(job.id, undone)])
    again = undo(home, undone)
    told = home.record("A-1")
    assert (told.deleted, [(v.number, v.job, v.ended_by) for v in told.versions]) == (False, [(1, job.id, undone), (2, again, None)])
    assert (told.versions[0].valid_to or told.versions[1].valid_from) < told.versions[1].valid_from
    assert (told.versions[1].rows, told.versions[1].changes) == ((), ())


def test_a_value_that_came_back_names_the_undo_and_no_row(home: Home) -> None:
    """No file gave it this time."""
    home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5"))
    job = home.deliver(home.csv("Account_2.csv", HEADER, "A-1,Acme,9"))["Account_2.csv"]
    undone = undo(home, job.id)
    last = home.record("A-1").versions[-1]
    assert (last.job, last.rows, last.change_set is not None) == (undone, (), True)
    assert [(c.column, c.old, c.new, c.given_by) for c in last.changes or ()] == [("Employees", "9", "5", ())]
