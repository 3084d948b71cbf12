"""Undo, run again, cancel, approve, reject: each button with what it does to the records, and who may press it.

Belongs here: the buttons of the monitor. Does not belong here: what the pages tell (test_monitor_jobs.py).
"""

import re
from collections.abc import Callable, Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import timedelta

import pytest
from playwright.sync_api import Browser

from import_pipeline.landing.submit import submit
from import_pipeline.landing.watch import new_owner, tick
from import_pipeline.ledger import deliveries, jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline_tests.gateway.http.desk.kit import Person, add_user, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

HEAD = "ExternalDataObjectId,Name,Employees\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The account acme whose imports are held above a fifth of its records; users ann: admin, bob: upload, rea: read."""
    made = Here(tmp_path_factory.mktemp("buttons"))
    made.add_account("acme", [ACCOUNT, CONTACT], title="Acme Field Sales", hold={"changed_above": "20%"})
    add_user(made, "ann", "acme")
    add_user(made, "bob", "acme", "upload")
    add_user(made, "rea", "acme", "read")
    made.deliver("Account_base.csv", HEAD + "".join(f"B{i},Base {i},{i}\n" for i in range(10)))
    yield made
    made.close()


@pytest.fixture(scope="module")
def ann(service: Service) -> Iterator[Person]:
    """An administrator."""
    yield Person(service, "ann")


def employees(site: Here) -> dict[str, int]:
    """External id → employees."""
    return {row["ExternalDataObjectId"]: int(row["Employees"]) for row in site.records("Account") if row["Employees"] is not None}


def fresh(site: Here, job: JobRow) -> JobRow:
    """The job as the ledger holds it at this moment."""
    with site.pipeline.ledger.read() as conn:
        found = jobs.get(conn, job.id)
    assert found
    return found


def held(site: Here, name: str, employees: int) -> JobRow:
    """An import that changes every base record, and waits for approval."""
    job = site.deliver(name, HEAD + "".join(f"B{i},Base {i},{employees}\n" for i in range(10)))
    assert job.state == "held"
    return job


def beside(act: Callable[[], object]) -> None:
    """Runs `act` in a thread of its own: the browser's driver has taken this one's event loop."""
    with ThreadPoolExecutor(1) as pool:
        pool.submit(act).result()


def test_undo_shows_its_plan_first_and_takes_the_import_back_when_told_to(site: Here, ann: Person) -> None:
    """Undoing is for people in a hurry: what goes must be seen before it goes (acceptance B-3)."""
    job = site.deliver("Account_undo.csv", HEAD + "U1,Undone,1\nB0,Base 0,77\n")
    assert employees(site)["U1"] == 1 and employees(site)["B0"] == 77
    waiting = ann.post(f"/jobs/{job.id}/undo")
    plan_path = waiting.url.path.removeprefix("/desk")
    assert plan_path.endswith("/plan") and "Undo now" not in waiting.text and "data-refresh" in waiting.text
    site.work()
    assert employees(site)["U1"] == 1, "the plan writes nothing"
    shown = ann.get(plan_path).text
    assert (
        "Undo now" in shown
        and "Records to remove" in shown
        and '<del class="old">77</del>' in shown
        and '<ins class="new">0</ins>' in shown
    )
    ann.post(f"/jobs/{job.id}/undo", {"now": "1"})
    site.work()
    assert "U1" not in employees(site) and employees(site)["B0"] == 0
    page = ann.get(f"/jobs/{job.id}").text
    assert "Undone" in page and "taken back by" in page and "is undone already" in page
    refused = ann.post(f"/jobs/{job.id}/undo")
    assert refused.status_code == 409 and "is undone already" in refused.text


@pytest.mark.slow
def test_what_was_undone_comes_back_by_undoing_the_undo(site: Here, ann: Person) -> None:
    """An undo is an import like others, and may be a mistake too."""
    job = site.deliver("Account_back.csv", HEAD + "K1,Back,5\n")
    undo = ann.post(f"/jobs/{job.id}/undo", {"now": "1"}).url.path.removeprefix("/desk")
    site.work()
    assert "K1" not in employees(site)
    assert "Bring back …" in ann.get(undo).text
    ann.post(f"{undo}/undo", {"now": "1"})
    site.work()
    assert employees(site)["K1"] == 5


@pytest.mark.slow
def test_an_import_without_effect_cannot_be_undone_and_says_why(site: Here, ann: Person) -> None:
    """A button that did nothing would leave people waiting."""
    job = site.deliver("Account_nothing.csv", HEAD + "N1,Nothing,many\n")
    assert job.state == "failed"
    refused = ann.post(f"/jobs/{job.id}/undo")
    assert refused.status_code == 409 and "it changed nothing" in refused.text
    plan = site.deliver("Account_plan.csv", HEAD + "N2,Planned,1\n", folder="DataObjects/Check/New")
    assert "it changed nothing" in ann.post(f"/jobs/{plan.id}/undo").text
    assert "Undo …" not in ann.get(f"/jobs/{plan.id}").text


@pytest.mark.slow
def test_run_again_imports_the_delivery_under_the_rules_of_today(site: Here, ann: Person) -> None:
    """After a rule was mended just the refused rows come in (acceptance B-7)."""
    job = site.deliver("Contact_late.csv", "ExternalDataObjectId,Name,RelatedTo\nR1,Rob,B1\n")
    with site.pipeline.ledger.read() as conn:
        attempt = deliveries.get(conn, job.delivery).attempt  # type: ignore[union-attr]
    answer = ann.post(f"/jobs/{job.id}/replay")
    assert "It runs again" in answer.text and "Runs again" in answer.text
    assert ann.post(f"/jobs/{job.id}/replay").status_code == 409
    site.work()
    with site.pipeline.ledger.read() as conn:
        assert deliveries.get(conn, job.delivery).attempt == attempt + 1  # type: ignore[union-attr]
    assert "Replay 1 added: nothing new" in ann.get(f"/jobs/{job.id}").text
    assert site.receipt(fresh(site, job))["replay"]["number"] == 1


def test_a_waiting_delivery_is_cancelled_and_its_files_lie_in_failed(site: Here, ann: Person) -> None:
    """Nothing is lost: the original lies where refused ones lie, and the list says who did it."""
    site.deliver("Account_before.csv", HEAD + "C0,Before,1\n")
    site.drop("Account_cancel.csv", HEAD + "C1,Cancelled,1\n")
    key = waiting_delivery(site)
    assert f"/desk/deliveries/{key}/cancel" in ann.get("/jobs").text
    assert "It is cancelled" in ann.post(f"/deliveries/{key}/cancel").text
    site.work()
    assert "C1" not in employees(site)
    assert "Account_cancel.csv" in site.listing("DataObjects/Import/Failed")
    assert "Account_cancel.csv" not in site.listing("DataObjects/Import/New")
    assert "cancelled by ann" in ann.get("/jobs").text
    refused = ann.post(f"/deliveries/{key}/cancel")
    assert refused.status_code == 409 and "finished already" in refused.text


def waiting_delivery(site: Here) -> str:
    """Lets the sensor's own steps make a delivery of what lies in the mailboxes, and no run; its key."""
    account = site.pipeline.account("acme")
    for _ in range(3):
        tick(site.pipeline.ledger, account, site.settings, site.clock, new_owner())
        site.clock.jump(timedelta(seconds=3))
    with site.pipeline.ledger.read() as conn:
        waiting = deliveries.next_waiting(conn, "acme")
    assert waiting
    return waiting.key


def test_a_waiting_undo_is_cancelled_and_the_import_stays(site: Here, ann: Person) -> None:
    """An undo that waits is a mistake that can be stopped."""
    job = site.deliver("Account_stays.csv", HEAD + "T1,Stays,1\n")
    undo = ann.post(f"/jobs/{job.id}/undo", {"now": "1"}).url.path.removeprefix("/desk")
    assert "Cancel</button>" in ann.get(undo).text
    shown = ann.post(f"{undo}/cancel").text
    assert "Cancelled" in shown
    site.work()
    assert employees(site)["T1"] == 1 and fresh(site, job).undone_by is None
    assert ann.post(f"/jobs/{job.id}/undo").status_code == 200, "it can be undone after all"
    site.work()


def test_what_a_run_was_asked_for_is_not_cancelled(site: Here, ann: Person) -> None:
    """A run that begins at this moment would apply half of what was cancelled."""
    path = site.folder / "Account_asked.csv"
    path.write_text(HEAD + "Q1,Asked,1\n")
    account, now = site.pipeline.account("acme"), site.clock.now()
    key = submit(site.pipeline.ledger, account, site.settings, [path], now=now, door="cli")
    with site.pipeline.ledger.begin() as conn:
        deliveries.request(conn, key, now=now)
    refused = ann.post(f"/deliveries/{key}/cancel")
    assert refused.status_code == 409 and "asked for already" in refused.text
    with site.pipeline.ledger.begin() as conn:
        deliveries.start(conn, key, "a run", now=now)
    assert "it can be undone" in ann.post(f"/deliveries/{key}/cancel").text
    with site.pipeline.ledger.begin() as conn:
        deliveries.fail(conn, key, "the run died", now=now)


def test_a_held_import_is_approved_after_its_plan_was_seen_and_only_then_applied(site: Here, ann: Person) -> None:
    """Who approves answers for what changes (acceptance B-13)."""
    before = employees(site)["B3"]
    job = held(site, "Account_approve.csv", 301)
    page = ann.get(f"/jobs/{job.id}").text
    assert "See the plan and decide" in page and "Waiting for approval" in page
    plan = ann.get(f"/jobs/{job.id}/plan").text
    assert "Approve and apply" in plan and '<ins class="new">301</ins>' in plan and "would change, more than the 20 % allowed" in plan
    assert employees(site)["B3"] == before
    stale = ann.post(f"/jobs/{job.id}/approve", {"seen": "2026-01-01T00:00:00+00:00"})
    assert stale.status_code == 409 and "made anew" in stale.text
    seen = re.search(r'name="seen" value="([^"]+)"', plan)
    assert seen
    assert "Approved" in ann.post(f"/jobs/{job.id}/approve", {"seen": seen[1]}).text
    site.work()
    assert employees(site)["B3"] == 301 and fresh(site, job).state == "applied"
    refused = ann.post(f"/jobs/{job.id}/approve")
    assert refused.status_code == 409 and "does not wait for approval" in refused.text


def test_a_held_import_is_rejected_with_a_reason_that_its_receipt_tells(site: Here, ann: Person) -> None:
    """The sender must learn that it was a decision, and why."""
    before = employees(site)
    job = held(site, "Account_reject.csv", 302)
    shown = ann.post(f"/jobs/{job.id}/reject", {"reason": "the wrong\n list"}).text
    assert "Rejected" in shown and "rejected by ann: the wrong list" in shown
    site.work()
    assert employees(site) == before
    assert site.receipt(fresh(site, job))["reason"] == "rejected by ann: the wrong list"
    assert "Account_reject.csv" in site.listing("DataObjects/Import/Failed")
    assert "Account_reject.csv" in ann.get("/jobs?state=ended").text and "Account_reject.csv" not in ann.get("/jobs?state=failed").text


def test_who_may_press_what(site: Here, service: Service, ann: Person) -> None:
    """Hiding a button is help; refusing is the rule."""
    bob, rea = Person(service, "bob"), Person(service, "rea")
    job = held(site, "Account_roles.csv", 303)
    for person in (bob, rea):
        assert "Approve and apply" not in person.get(f"/jobs/{job.id}/plan").text
        assert person.post(f"/jobs/{job.id}/approve").status_code == 403
        assert person.post(f"/jobs/{job.id}/reject").status_code == 403
    assert fresh(site, job).state == "held"
    ann.post(f"/jobs/{job.id}/reject")
    done = next(one for one in site.jobs() if one.state == "applied" and not one.undo_of and not one.undone_by)
    for action in ("undo", "replay", "cancel"):
        assert rea.post(f"/jobs/{done.id}/{action}").status_code == 403, action
    shown = rea.get(f"/jobs/{done.id}").text
    assert "Undo …" not in shown and "Run again …" not in shown and "need the right to import" in shown
    assert "Undo …" in bob.get(f"/jobs/{done.id}").text
    assert 'href="/desk/import"' not in rea.get("/jobs").text


@pytest.mark.slow
def test_a_finished_import_is_undone_in_the_browser(browser: Browser, site: Here, service: Service) -> None:
    """The whole way as people go it."""
    job = site.deliver("Account_clicked.csv", HEAD + "X1,Clicked,1\nB1,Base 1,88\n")
    with window(browser, service) as page:
        sign_in(page, "ann")
        page.get_by_role("link", name="Account_clicked.csv").click()
        page.get_by_text("Undo …").click()
        page.get_by_role("button", name="Show what would be undone").click()
        page.get_by_role("progressbar").first.wait_for()
        beside(site.work)
        page.get_by_role("button", name="Undo now").wait_for()
        assert barriers(page) == []
        shot(page, "undo_plan")
        page.get_by_role("button", name="Undo now").click()
        page.get_by_text("The undo is on its way.").wait_for()
        beside(site.work)
        page.get_by_text(re.compile("is undone:")).wait_for()
    assert "X1" not in employees(site) and fresh(site, job).undone_by


@pytest.mark.slow
def test_a_held_import_is_approved_and_another_rejected_in_the_browser(browser: Browser, site: Here, service: Service) -> None:
    """The whole way as people go it."""
    yes, no = held(site, "Account_yes.csv", 401), held(site, "Account_no.csv", 402)
    with window(browser, service) as page:
        sign_in(page, "ann")
        page.goto(f"/desk/jobs/{yes.id}")
        page.get_by_role("link", name="See the plan and decide").click()
        assert barriers(page) == []
        shot(page, "held_plan")
        page.get_by_role("button", name="Approve and apply").click()
        page.get_by_text("Approved").wait_for()
        page.goto(f"/desk/jobs/{no.id}/plan")
        page.get_by_text("Reject …").click()
        page.get_by_label("Why not?").fill("not this one")
        page.get_by_role("button", name="Reject", exact=True).click()
        page.get_by_text("rejected by ann: not this one").first.wait_for()
    site.work()
    assert employees(site)["B2"] == 401 and fresh(site, yes).state == "applied" and fresh(site, no).state == "failed"


@pytest.mark.slow
def test_what_waits_is_cancelled_and_a_delivery_run_again_in_the_browser(browser: Browser, site: Here, service: Service) -> None:
    """The whole way as people go it, on a phone."""
    done = site.deliver("Account_rerun.csv", HEAD + "Y1,Once,1\n")
    site.drop("Account_unwanted.csv", HEAD + "Y2,Unwanted,1\n")
    waiting_delivery(site)
    with window(browser, service, viewport={"width": 390, "height": 800}) as page:
        sign_in(page, "bob")
        page.get_by_role("button", name="Cancel").click()
        page.get_by_text("It is cancelled: nothing was imported.").wait_for()
        page.goto(f"/desk/jobs/{done.id}")
        page.get_by_text("Run again …").click()
        page.get_by_role("button", name="Run again", exact=True).click()
        page.get_by_text("It runs again as soon as it is its turn.").wait_for()
        assert barriers(page) == []
        beside(site.work)
        page.get_by_text("Replay 1 added: nothing new").wait_for()
    assert "Y2" not in employees(site)
