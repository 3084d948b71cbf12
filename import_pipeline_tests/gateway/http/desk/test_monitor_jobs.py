"""The list of imports and the page of one: what they tell, to whom, and what they hand out.

Belongs here: reading. Does not belong here: buttons (test_monitor_buttons.py), large ledgers and files (test_monitor_large.py).
"""

import json
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from typing import Literal

import pytest
from playwright.sync_api import Browser

from import_pipeline.ledger import deliveries, files, jobs
from import_pipeline.ledger.files import Arrival
from import_pipeline.ledger.jobs import JobRow, NewJob
from import_pipeline_tests.gateway.http.desk.kit import Person, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here

HEAD = "ExternalDataObjectId,Name,Stage,Employees\n"
BAD = HEAD + "A1,One,New,5\nA2,Two,Prospct,x\nA3,Three,Prospct,7\n"


@pytest.fixture(scope="module")
def bad(site: Here) -> JobRow:
    """An import with refused rows."""
    return site.deliver("Account_bad.csv", BAD)


@pytest.fixture(scope="module")
def ann(service: Service) -> Iterator[Person]:
    """Signed in once for this file."""
    yield Person(service, "ann")


def names_in(text: str) -> list[str]:
    """The file names of the table, in order."""
    return re.findall(r'id="job-\w+"><bdi>([^<]*)</bdi>', text)


def test_an_account_without_imports_is_told_how_to_send_a_file(service: Service) -> None:
    """Who sees an empty list for the first time needs the next step, not a table without rows."""
    text = Person(service, "oto").get("/jobs").text
    assert "No file has come yet" in text and "DataObjects/Import/New" in text and 'href="/desk/import"' in text
    assert "Account_2026-01-31.csv" in text


def test_the_list_shows_the_imports_of_all_doors_newest_first_with_state_and_counts(site: Here, ann: Person, bad: JobRow) -> None:
    """One list answers «what came in?» whatever way it came."""
    site.deliver("Account_good.csv", HEAD + "G1,Good,New,1\n")
    text = ann.get("/jobs").text
    assert names_in(text)[:2] == ["Account_good.csv", "Account_bad.csv"]
    assert "Complete with 2 errors" in text and "Folder or SFTP" in text
    row = text[text.index(f'id="job-{bad.id}"') :].split("</tr>")[0]
    assert re.findall(r'class="number[^"]*">([^<]*)<', row) == ["3", "1", "·", "2", "·"]


def test_filters_narrow_the_list_and_stand_in_the_form_again(site: Here, ann: Person, bad: JobRow) -> None:
    """Of a thousand imports people look for a few; a list that forgot what was asked for could not be changed a little."""
    site.drop("Contact_people.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Cara,A1\n")
    site.deliver("Contact_planned.csv", "ExternalDataObjectId,Name,RelatedTo\nC2,Cleo,A1\n", folder="DataObjects/Check/New")
    assert names_in(ann.get("/jobs?type=Contact").text) == ["Contact_planned.csv", "Contact_people.csv"]
    assert names_in(ann.get("/jobs?kind=plans").text) == ["Contact_planned.csv"] == names_in(ann.get("/jobs?state=planned").text)
    assert names_in(ann.get("/jobs?state=errors").text) == ["Account_bad.csv"]
    assert names_in(ann.get("/jobs?name=PEOPLE").text) == ["Contact_people.csv"]
    assert names_in(ann.get("/jobs?name=%25").text) == []
    today = f"{bad.created_at:%Y-%m-%d}"
    assert "Account_bad.csv" in names_in(ann.get(f"/jobs?from={today}&to={today}").text)
    assert names_in(ann.get("/jobs?to=2001-01-01").text) == []
    assert "a date is written as" in ann.get("/jobs?from=yesterday").text
    text = ann.get("/jobs?type=Contact&name=people").text
    assert 'value="people"' in text and '<option value="Contact" selected>' in text
    assert "No import fits these filters." in ann.get("/jobs?door=cli").text
    assert "Contact_people.csv" in names_in(ann.get("/jobs?door=tree").text)


def test_what_waits_without_a_job_stands_on_top(site: Here, ann: Person) -> None:
    """A file has no job until its delivery is opened: without this it would seem lost."""
    with site.pipeline.ledger.begin() as conn:
        three = [Arrival(name=f"Account_w{i}.csv", size=1000, sha256="0" * 64) for i in range(3)]
        ids = files.book(conn, "acme", "tree", "vaulted", three, now=site.clock.now())
    text = ann.get("/jobs/now", headers={"X-Desk-Fragment": "1"}).text
    assert "3 files wait" in text and "Account_w1.csv" in text and "<html" not in text
    with site.pipeline.ledger.begin() as conn:
        deliveries.create(conn, "k-1", "acme", "tree", types=["Account"], files=3, size=3000, dry_run=False, now=site.clock.now())
        assert files.deliver(conn, ids, "k-1")
    text = ann.get("/jobs/now").text
    assert "files wait" not in text and "Account_w1.csv" in text and "/desk/deliveries/k-1/cancel" in text
    with site.pipeline.ledger.begin() as conn:
        deliveries.start(conn, "k-1", "run", now=site.clock.now())
        jobs.create(conn, "acme", "k-1", [new_job("Account_w0.csv", ids[0])], dry_run=False, now=site.clock.now())
        running = jobs.by_delivery(conn, "k-1")[0].id
        jobs.start(conn, running, packages_total=4, now=site.clock.now())
        jobs.progress(conn, running, 3)
    text = ann.get("/jobs").text
    assert text.count('<progress value="3" max="4"') == 2
    live = ann.get(f"/jobs/{running}/progress")
    assert "3 of 4 packages" in live.text and "x-desk-done" not in live.headers
    assert (
        "Processing" in ann.get(f"/jobs/{running}").text
        and f'data-refresh="/desk/jobs/{running}/progress"' in ann.get(f"/jobs/{running}").text
    )
    with site.pipeline.ledger.begin() as conn:
        jobs.finish(conn, running, "failed", now=site.clock.now(), reason="the disk was full")
        deliveries.finish(conn, "k-1", now=site.clock.now())
    assert ann.get(f"/jobs/{running}/progress").headers["x-desk-done"] == "1"
    assert "the disk was full" in ann.get(f"/jobs/{running}").text


def new_job(name: str, file_id: str = "") -> NewJob:
    """A job as a delivery's opening books it."""
    return NewJob(file_id, "Account", None, name, None, None, "0" * 64, 1000, "csv")


def test_the_page_of_an_import_tells_errors_in_groups_first_then_line_by_line(ann: Person, bad: JobRow) -> None:
    """One cause behind many rows is mended once."""
    text = ann.get(f"/jobs/{bad.id}").text
    assert "2 rows: Stage: &#39;Prospct&#39; is not a configured stage" in text and "did you mean &#39;Prospect&#39;" in text
    assert text.index("What is wrong</h2>") < text.index("3 errors, line by line")
    assert [int(line) for line in re.findall(rf'/jobs/{bad.id}/lines/(\d+)"', text)] == [3, 3, 4]
    group = ann.get(f"/jobs/{bad.id}?group=1").text
    assert "1 error, line by line" in group and re.findall(r'data-label="Value">([^<]*)<', group) == ["x"]
    assert "Page 1 of" not in text and ann.get(f"/jobs/{bad.id}?page=99").text.count("/lines/") == 3
    assert bad.sha256 in text and f"/desk/jobs/{bad.id}/mend" in text


def test_answers_and_the_original_can_be_taken_home(site: Here, ann: Person, bad: JobRow) -> None:
    """A browser must save what people sent, never show or run it."""
    original = ann.get(f"/jobs/{bad.id}/files/original")
    assert original.text == BAD and original.headers["content-disposition"].startswith('attachment; filename="Account_bad.csv"')
    assert original.headers["content-type"] == "application/octet-stream"
    assert json.loads(ann.get(f"/jobs/{bad.id}/files/receipt").text)["job"] == bad.id
    assert ann.get(f"/jobs/{bad.id}/files/errors").text.startswith("line,column,code")
    assert "Two,Prospct" in ann.get(f"/jobs/{bad.id}/files/failed").text
    assert ann.get(f"/jobs/{bad.id}/files/plan.csv").status_code == 404
    assert ann.get(f"/jobs/{bad.id}/files/passwd").status_code == 404


def test_the_page_of_a_plan_runs_nothing_and_frames_nothing(site: Here, ann: Person) -> None:
    """It lies where people can write, and it is served under our name."""
    job = site.deliver("Account_check.csv", HEAD + "P1,Planned,New,1\n", folder="DataObjects/Check/New")
    answer = ann.get(f"/jobs/{job.id}/files/plan.html")
    policy = answer.headers["content-security-policy"]
    assert policy.startswith("default-src 'none'") and "sandbox allow-downloads" in policy and "script" not in policy
    assert "<!doctype html>" in answer.text
    name = re.search(r'href="\./([^"]+\.plan\.csv)"', answer.text)
    assert name and ann.get(f"/jobs/{job.id}/files/{name[1]}").text.startswith("job,type,line,action")


def test_an_answer_that_somebody_moved_away_or_replaced_by_a_link_is_not_followed(site: Here, ann: Person, service: Service) -> None:
    """The folders belong to people: a link there must not lead out of their account."""
    job = site.deliver("Account_moved.csv", HEAD + "M1,Moved,Nowhere,1\n")
    assert job.errors_file and job.receipt
    errors = site.path("DataObjects/Import/Failed", job.errors_file.rpartition("/")[2])
    secret = site.folder / "secret.txt"
    secret.write_text("secret")
    errors.unlink()
    assert ann.get(f"/jobs/{job.id}/files/errors").status_code == 410
    errors.symlink_to(secret)
    assert ann.get(f"/jobs/{job.id}/files/errors").status_code == 410
    site.path("DataObjects/Import/Failed", job.receipt.rpartition("/")[2]).unlink()
    assert ann.get(f"/jobs/{job.id}").status_code == 200
    folder = site.path("DataObjects/Import/Failed")
    folder.rename(folder.with_name("Elsewhere"))
    outside = site.folder / "outside"
    outside.mkdir()
    (outside / errors.name).write_text("secret")
    folder.symlink_to(outside)
    try:
        assert ann.get(f"/jobs/{job.id}/files/errors").status_code == 404
        assert ann.get(f"/jobs/{job.id}").status_code == 200
    finally:
        folder.unlink()
        folder.with_name("Elsewhere").rename(folder)


def test_rows_that_wait_are_told_with_the_parent_they_wait_for(site: Here, ann: Person) -> None:
    """Who knows which parent is missing can send it (acceptance B-4)."""
    job = site.deliver("Contact_waits.csv", "ExternalDataObjectId,Name,RelatedTo\nW1,Wes,A999\nW2,Wim,A999\nW3,Wout,A998\n")
    text = ann.get(f"/jobs/{job.id}").text
    assert "3 rows wait for the Account" in text and "<bdi>A999</bdi>" in text and "<bdi>A998</bdi>" in text
    waiting = text[text.index("<bdi>A999</bdi>") :].split("</tr>")[0]
    assert '<td class="number">2</td>' in waiting and f"/jobs/{job.id}/lines/2" in waiting and f"/jobs/{job.id}/lines/3" in waiting


def test_the_same_bytes_and_the_files_of_a_delivery_are_named(site: Here, ann: Person) -> None:
    """«Imported before» is an answer only with the import that did it."""
    once = HEAD + "S1,Same,New,1\n"
    first = site.deliver("Account_first.csv", once)
    again = site.deliver("Account_again.csv", once)
    assert again.state == "duplicate"
    text = ann.get(f"/jobs/{again.id}").text
    assert "Complete, imported before" in text and f'href="/desk/jobs/{first.id}"' in text and "the same bytes:" in text
    site.drop("Account_t1.csv", HEAD + "T1,T,New,1\n")
    site.drop("Account_t2.csv", HEAD + "T2,T,New,1\n")
    site.work()
    assert "1 more file of this delivery" in ann.get(f"/jobs/{site.job('Account_t1.csv').id}").text


def test_hostile_names_are_shown_as_text_and_downloaded_under_a_safe_name(site: Here, ann: Person) -> None:
    """A name is the one text of a file that is shown everywhere."""
    before = {job.id for job in site.jobs()}
    hostile = ["Account_<img src=x onerror=alert(1)>.csv", 'Account_"&\u202egnp.csv', "Account_{{7*7}}.csv", "Account_ä 'ö'.csv"]
    for number, name in enumerate(hostile):
        site.drop(name, HEAD + f"H{number},Hostile,Nowhere,1\n")
    site.work()
    made = [job for job in site.jobs() if job.id not in before]
    assert len(made) == len(hostile)
    for path in ("/jobs", *(f"/jobs/{job.id}" for job in made)):
        text = ann.get(path).text
        assert "<img" not in text.replace('<img src="/desk/static', "") and "\u202e" not in text and ">49" not in text
    for job in made:
        answer = ann.get(f"/jobs/{job.id}/files/original")
        disposition = answer.headers["content-disposition"]
        assert answer.status_code == 200 and disposition.isascii() and "\n" not in disposition and disposition.count('"') == 2


def test_another_accounts_import_is_not_found_at_any_address(service: Service, bad: JobRow) -> None:
    """Not even that it exists is told."""
    oto = Person(service, "oto")
    assert "Account_bad" not in oto.get("/jobs").text
    assert oto.get("/jobs/%00").status_code == 404
    for path in ("", "/progress", "/plan", "/files/original", "/files/receipt"):
        assert oto.get(f"/jobs/{bad.id}{path}").status_code == 404, path
    for action in ("undo", "replay", "cancel", "approve", "reject"):
        assert oto.post(f"/jobs/{bad.id}/{action}").status_code == 404, action
    assert oto.post(f"/deliveries/{bad.delivery}/cancel").status_code == 404


@pytest.mark.slow
def test_pages_stand_in_a_browser_wide_and_narrow_light_and_dark(browser: Browser, service: Service, bad: JobRow) -> None:
    """People work with keyboards, screen readers and phones, by day and by night."""
    looks: list[tuple[Literal["light", "dark"], int]] = [("light", 1280), ("dark", 390)]
    with window(browser, service) as page:
        sign_in(page, "ann")
        for name, path in (("monitor", "/desk/jobs"), ("job_with_errors", f"/desk/jobs/{bad.id}")):
            page.goto(path)
            for scheme, width in looks:
                page.emulate_media(color_scheme=scheme, reduced_motion="reduce")
                page.set_viewport_size({"width": width, "height": 800})
                assert barriers(page) == [], (name, scheme)
                assert page.evaluate("document.documentElement.scrollWidth") <= width, (name, width)
                shot(page, f"{name}_{scheme}_{width}")


@pytest.mark.slow
def test_an_import_that_is_done_meanwhile_appears_without_loading_the_page(browser: Browser, site: Here, service: Service) -> None:
    """Nobody presses reload; and who works with the keyboard must not be thrown back to the top (acceptance T-3)."""
    with window(browser, service) as page:
        sign_in(page, "ann")
        page.goto("/desk/jobs")
        page.get_by_role("link", name="Account_bad.csv").focus()
        with ThreadPoolExecutor(1) as pool:
            pool.submit(site.deliver, "Account_appears.csv", HEAD + "N9,Nine,New,1\n").result()
        page.get_by_role("link", name="Account_appears.csv").wait_for()
        assert page.evaluate("document.activeElement.textContent").strip() == "Account_bad.csv"
