"""Looking things up on the desk, both ways: from a record to rows of files, and from a file or line to records (acceptance B-6).

Belongs here: the pages of look-up. Does not belong here: what lineage finds (import_pipeline_tests/lineage).
"""

import re
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from import_pipeline.delivering.again import book_undo
from import_pipeline.store.session import open_store
from import_pipeline_tests.gateway.http.desk.kit import Person, add_user, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

HEADER = "ExternalDataObjectId,Name,Stage,Employees,Email"
FIRST = f"{HEADER}\nl1,Long <b>Name</b>,New,5,l1@x.example\nl2,Two,Prospct,5,l2@x.example\n"
SECOND = f"{HEADER}\nl1,,Customer,12,l1@x.example\n"
CONTACTS = "ExternalDataObjectId,Name,RelatedTo\nlc1,Carl,l1\nlc2,Dora,l1\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts acme (ann: admin, rea: read) with a record of two versions, and other (oto) with a file of the same name."""
    made = Here(tmp_path_factory.mktemp("lookup"))
    made.add_account("acme", [ACCOUNT, CONTACT], title="Acme Field Sales")
    made.add_account("other", [ACCOUNT, CONTACT])
    add_user(made, "ann", "acme")
    add_user(made, "rea", "acme", "read")
    add_user(made, "oto", "other")
    made.deliver("Account_first.csv", FIRST)
    made.deliver("Account_second.csv", SECOND)
    made.deliver("Contact_first.csv", CONTACTS)
    made.drop("Account_theirs.csv", FIRST, account="other")
    made.work("other")
    yield made
    made.close()


def text_of(page: str) -> str:
    """What a page says, without its tags."""
    return re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", page.split("<main")[1]))


def record_of(site: Here) -> str:
    """The record id as people see it."""
    ((found,),) = site.query(
        "SELECT (SELECT tag FROM store._lock) || printf('%016x', _id) FROM store.account WHERE \"ExternalDataObjectId\" = 'l1'"
    )
    return str(found)


def test_everything_that_a_text_may_name_is_found(site: Here, service: Service) -> None:
    """People have one of these names at hand, and do not know which kind it is; a path of the machine is none of them."""
    ann, job, record = Person(service, "ann"), site.job("Account_first.csv"), record_of(site)
    for text in (record, "l1"):
        assert f'href="/desk/records/account/{record}"' in ann.get("/find", params={"q": text}).text
    for text in (job.id, job.name, job.sha256, job.sha256[:12].upper(), f" {job.name} "):
        assert f'href="/desk/jobs/{job.id}"' in ann.get("/find", params={"q": text}).text, text
    nothing = ann.get("/find", params={"q": '<img src=x>"'}).text
    assert "Nothing is known of «&lt;img src=x&gt;" in nothing and "<img src=x" not in nothing
    for path in (str(site.settings.home / "ledger.sqlite"), "/etc/hostname", "../../etc/passwd"):
        assert "Nothing is known of" in ann.get("/find", params={"q": path}).text


def test_nothing_of_another_account_is_found_by_any_of_its_names(site: Here, service: Service) -> None:
    """Accounts share one ledger and one vault of bytes."""
    oto, job, record = Person(service, "oto"), site.job("Account_first.csv"), record_of(site)
    theirs = site.jobs("other")[0]
    for text in (job.id, job.name, record, "lc1"):
        page = oto.get("/find", params={"q": text}).text
        assert "Nothing is known of" in page and "/desk/jobs/" not in page.split("<main")[1], text
    # The same bytes are in both accounts: each finds its own import of them.
    by_sha = oto.get("/find", params={"q": job.sha256}).text
    assert theirs.sha256 == job.sha256 and theirs.id in by_sha and job.id not in by_sha
    for path in (f"/records/account/{record}", f"/jobs/{job.id}/lines/2", "/records/nothing/x", f"/records/account/{'a' * 24}"):
        assert oto.get(path).status_code == 404, path


def test_a_record_shows_its_values_its_history_and_the_rows_that_gave_them(browser: Browser, site: Here, service: Service) -> None:
    """Lineage both ways, by clicking (acceptance B-6)."""
    first, second, record = site.job("Account_first.csv"), site.job("Account_second.csv"), record_of(site)
    with window(browser, service, viewport={"width": 1280, "height": 900}) as page:
        sign_in(page, "rea")
        page.get_by_role("link", name="Look up", exact=True).click()
        page.get_by_label("A record's id").fill("l1")
        page.keyboard.press("Enter")
        page.get_by_role("heading", name="1 record").wait_for()
        assert barriers(page) == []
        shot(page, "lookup_found")
        page.get_by_role("link", name=record).click()
        page.get_by_role("heading", name="Long <b>Name</b>").wait_for()
        assert barriers(page) == []
        newest = page.locator(".versions > li").first
        row = newest.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Employees"))
        assert [cell.inner_text() for cell in row.get_by_role("cell").all()] == ["5", "12", "Account_second.csv, line 2"]
        assert row.get_by_role("link", name="Account_second.csv").get_attribute("href") == f"/desk/jobs/{second.id}"
        assert "l1,,Customer,12,l1@x.example" in newest.inner_text()
        assert page.locator(".versions > li").count() == 2
        assert "2 Contact records below it" in page.inner_text("main")
        shot(page, "lookup_record")
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shot(page, "lookup_record_phone")
        page.get_by_role("link", name="lc1").click()
        page.get_by_role("heading", name="Carl").wait_for()
        assert "Belongs to the Account l1" in page.inner_text("main")
        page.goto(f"/desk/jobs/{first.id}/lines/2")
        assert barriers(page) == []
        assert page.locator("pre.raw").inner_text() == "l1,Long <b>Name</b>,New,5,l1@x.example"
        page.get_by_role("link", name="l1").click()
        page.wait_for_url(f"**/desk/records/account/{record}")


def test_a_line_tells_what_became_of_it(site: Here, service: Service) -> None:
    """The question of whoever holds the file: what became of this line?"""
    ann, job = Person(service, "ann"), site.job("Account_first.csv")
    refused = ann.get(f"/jobs/{job.id}/lines/3").text
    assert "l2,Two,Prospct,5,l2@x.example" in refused and f"/desk/jobs/{job.id}/mend" in refused
    assert "Prospct" in text_of(refused) and "is not a configured stage" in text_of(refused)
    assert "a header, a blank line" in ann.get(f"/jobs/{job.id}/lines/1").text
    assert "no such line" in ann.get(f"/jobs/{job.id}/lines/999").text
    for wrong in ("0", "x", "-1", "9" * 30, "²"):
        assert ann.get(f"/jobs/{job.id}/lines/{wrong}").status_code == 404, wrong


@pytest.mark.slow
def test_a_record_that_was_taken_back_says_so(site: Here, service: Service) -> None:
    """Values that do not hold any more must not look as if they did."""
    gone = site.deliver("Account_gone.csv", f"{HEADER}\nl9,Gone,New,5,l9@x.example\n")
    book_undo(site.pipeline, gone.id, dry_run=False)
    site.work("acme")
    ann = Person(service, "ann")
    found = ann.get("/find", params={"q": "l9"}).text
    link = re.search(r'href="/desk(/records/account/\w+)"', found)
    assert link
    page = text_of(ann.get(link[1]).text)
    assert "This record is not there any more. It was taken back by the undo" in page and "Last values" in page


def test_while_an_import_writes_a_page_says_to_try_again(site: Here, service: Service) -> None:
    """The store has one writer; a reader waits a moment and never shows half a truth."""
    ann, record = Person(service, "ann"), record_of(site)
    with open_store(site.settings, "acme", writable=True):
        answer = ann.get(f"/records/account/{record}")
    assert answer.status_code == 503 and "try again" in answer.text and str(site.settings.home) not in answer.text
    assert ann.get(f"/records/account/{record}").status_code == 200
