"""Failed rows mended in the desk's table and sent again.

Belongs here: the table, saving, two people on one row, sending, over HTTP and in a browser. Does not belong here: how a changed cell is
written (import_pipeline_tests/reporting/test_mended_rows.py), many rows (test_mending_many.py).
"""

import io
import re
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path

import pytest
import xlsxwriter
from playwright.sync_api import Browser

from import_pipeline.delivering.again import book_undo
from import_pipeline.landing import vault
from import_pipeline.ledger import jobs, mends
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.store.session import open_store
from import_pipeline_tests.gateway.http.desk.kit import Person, add_user, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

HEADER = "ExternalDataObjectId,Name,Stage,Employees,Email\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts acme (ann, bea: admin, bob: upload, rea: read) and other (oto)."""
    made = Here(tmp_path_factory.mktemp("mending"))
    made.add_account("acme", [ACCOUNT, CONTACT], title="Acme Field Sales")
    made.add_account("other", [ACCOUNT, CONTACT])
    add_user(made, "ann", "acme")
    add_user(made, "bea", "acme")
    add_user(made, "bob", "acme", "upload")
    add_user(made, "rea", "acme", "read")
    add_user(made, "oto", "other")
    yield made
    made.close()


def deliver(site: Here, name: str, *rows: str) -> JobRow:
    """A file of these rows, whose ids and addresses begin with the name; line 2 is a good one."""
    lines = [f"{name}-1,Good,New,5,{name}-1@x.example", *(row.replace("*", name) for row in rows)]
    return site.deliver(f"Account_{name}.csv", HEADER + "\n".join(lines) + "\n")


def sent_bytes(site: Here, answer_url: str) -> bytes:
    """The file that a sending made."""
    delivery = answer_url.rpartition("/")[2]
    site.work("acme")
    with site.pipeline.ledger.read() as conn:
        (job,) = jobs.by_delivery(conn, delivery)
    return vault.path_of(site.settings.vault, job.sha256).read_bytes()


def again(site: Here, job: JobRow) -> JobRow:
    """The job as the ledger has it by now."""
    with site.pipeline.ledger.read() as conn:
        found = jobs.get(conn, job.id)
    assert found
    return found


def mends_of(site: Here, job: JobRow) -> dict[int, dict[int, str]]:
    """The saved changes by line."""
    with site.pipeline.ledger.read() as conn:
        return {one.line: one.cells for one in mends.of_job(conn, job.id)}


def test_rows_are_mended_by_keyboard_a_suggestion_is_taken_and_all_come_in(browser: Browser, site: Here, service: Service) -> None:
    """The desk's promise for people with failed rows, from the first key to the receipt, without a mouse."""
    job = deliver(site, "kb", "*-2,Two,Prospct,5,*-2@x.example", "*-3,,New,6,*-3@x.example", "*-4,Four,New,many,*-4@x.example")
    with window(browser, service, viewport={"width": 1280, "height": 900}) as page:
        sign_in(page, "ann")
        page.goto(f"/desk/jobs/{job.id}/mend")
        assert barriers(page) == []
        shot(page, "mending_grid")
        page.get_by_role("button", name="Take Prospect for Stage, line 3").press("Enter")
        page.get_by_text("Line 3 is saved.").wait_for()
        assert page.get_by_label("Stage, line 3", exact=True).input_value() == "Prospect"
        page.get_by_label("Name, line 4", exact=True).focus()
        page.keyboard.type("Three")
        page.keyboard.press("Enter")
        assert page.evaluate("document.activeElement.getAttribute('aria-label')") == "Name, line 5"
        page.get_by_text("Line 4 is saved.").wait_for()
        page.get_by_label("Employees, line 5", exact=True).focus()
        page.keyboard.press("Control+A")
        page.keyboard.type("40")
        # The button is pressed while the last cell is still being saved: the sending waits for it.
        page.get_by_role("button", name="Send the mended rows").click()
        page.wait_for_url("**/mend/sent/*")
        page.get_by_text("The rows wait for their turn.").wait_for()
        site.work("acme")
        page.get_by_text("came in").wait_for()
        assert barriers(page) == []
        shot(page, "mending_sent")
        page.get_by_role("link", name="Back to the failed rows").click()
        page.get_by_text("Nothing is left to mend").wait_for()
        page.get_by_role("link", name="All failed rows").click()
        assert page.locator(".badge", has_text="came in").count() == 3
        page.set_viewport_size({"width": 390, "height": 844})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shot(page, "mending_grid_phone")
    names = {row["Name"]: (row["Stage"], row["Employees"]) for row in site.records("Account") if row["Email"].startswith("kb-")}
    assert names == {"Good": ("New", 5), "Two": ("Prospect", 5), "Three": ("New", 6), "Four": ("New", 40)}
    told = site.receipt(again(site, job))["resolved"]
    assert (told["rows"], told["open"]) == (3, 0) and again(site, job).resolved == 3


def test_whoever_saves_on_top_of_somebody_elses_change_sees_both_texts_and_overwrites_nothing(site: Here, service: Service) -> None:
    """Two people mend one file; the later one must not undo the work of the earlier without knowing."""
    job = deliver(site, "two", "*-2,Two,Prospct,5,*-2@x.example")
    ann, bea = Person(service, "ann"), Person(service, "bea")
    form = {"v-3": "0"}
    assert "1 row saved" in ann.post(f"/jobs/{job.id}/mend/save", form | {"c-3-2": "Customer"}).text
    answer = bea.post(f"/jobs/{job.id}/mend/save", form | {"c-3-2": "Prospect", "c-3-1": "<b>Two"})
    assert answer.status_code == 409
    box = re.sub(r"\s+", " ", re.sub("<[^>]+>", " ", answer.text.split('class="notice warn conflict"')[1].split("<form")[0]))
    assert "ann changed this row at" in box and "saved: Customer yours: Prospect" in box and "yours: &lt;b&gt;Two" in box
    assert mends_of(site, job) == {3: {2: "Customer"}}
    own = answer.text.split('class="notice warn conflict"')[1].split("</form>")[0]
    version = re.findall(r'name="v-3" value="(\d+)"', own)
    assert version == ["1"]
    told = bea.post(f"/jobs/{job.id}/mend/save", form | {"c-3-1": "<b>Two"}, headers={"X-Desk-Fragment": "1"}).json()
    assert told["versions"] == {} and "&lt;b&gt;Two" in told["conflicts"]["3"] and "<b>Two" not in told["conflicts"]["3"]
    mine = {"v-3": "1", "o-3-2": "Customer", "c-3-2": "Prospect", "o-3-1": "Two", "c-3-1": "Two Ltd"}
    assert bea.post(f"/jobs/{job.id}/mend/save", mine).status_code == 200
    assert mends_of(site, job) == {3: {1: "Two Ltd", 2: "Prospect"}}
    assert bea.post(f"/jobs/{job.id}/mend/save", mine | {"c-3-1": "Three"}).status_code == 409


def test_a_conflict_is_told_where_somebody_types_and_is_settled_by_a_button(browser: Browser, site: Here, service: Service) -> None:
    """The same where a script saves: the text that was typed stays in its cell until somebody decides."""
    job = deliver(site, "box", "*-2,Two,Prospct,5,*-2@x.example")
    with window(browser, service) as page:
        sign_in(page, "bea")
        page.goto(f"/desk/jobs/{job.id}/mend")
        Person(service, "ann").post(f"/jobs/{job.id}/mend/save", {"v-3": "0", "c-3-2": "Customer"})
        page.get_by_label("Stage, line 3", exact=True).fill("Prospect")
        page.get_by_label("Name, line 3", exact=True).focus()
        page.get_by_role("alert").filter(has_text="ann changed this row").wait_for()
        assert mends_of(site, job) == {3: {2: "Customer"}}
        assert barriers(page) == []
        shot(page, "mending_conflict")
        page.get_by_role("button", name="Save mine instead").click()
        page.get_by_text("1 row saved").wait_for()
        assert page.get_by_label("Stage, line 3", exact=True).input_value() == "Prospect"
    assert mends_of(site, job) == {3: {2: "Prospect"}}


@pytest.mark.slow
def test_a_page_without_scripts_saves_what_was_changed_and_nothing_else(browser: Browser, site: Here, service: Service) -> None:
    """Such a form sends every cell of the page, also those that another person has changed meanwhile."""
    job = deliver(site, "plain", "*-2,Two,Prospct,5,*-2@x.example", "*-3,,New,6,*-3@x.example", "*-4,Four,Nw,6,*-4@x.example")
    with window(browser, service, java_script_enabled=False) as page:
        sign_in(page, "ann")
        page.goto(f"/desk/jobs/{job.id}/mend")
        # Somebody else changes another row of this page: whoever did not touch it overwrites nothing.
        Person(service, "bea").post(f"/jobs/{job.id}/mend/save", {"v-5": "0", "c-5-1": "Four Ltd"})
        page.get_by_label("Name, line 4", exact=True).fill("Three")
        page.get_by_role("button", name="Save this page").click()
        page.get_by_text("1 row saved").wait_for()
        page.get_by_role("button", name="Take Prospect for Stage, line 3").click()
        page.get_by_text("1 row saved").wait_for()
        page.get_by_label("Name, line 4", exact=True).press("Enter")
        page.get_by_text("Nothing was changed").wait_for()
    assert mends_of(site, job) == {3: {2: "Prospect"}, 4: {1: "Three"}, 5: {1: "Four Ltd"}}


def test_a_suggestion_is_taken_for_all_rows_of_a_group_but_those_that_were_changed(site: Here, service: Service) -> None:
    """One wrong word in a thousand rows is mended once, and nobody's own choice is lost by it."""
    rows = [f"*-{n},Row {n},{'Prospct' if n % 2 else 'Nw'},5,*-{n}@x.example" for n in range(2, 40)]
    job = deliver(site, "all", *rows)
    ann = Person(service, "ann")
    page = ann.get(f"/jobs/{job.id}/mend").text
    assert "Change all 19 to «Prospect»" in page
    ann.post(f"/jobs/{job.id}/mend/save", {"v-4": "0", "c-4-2": "Customer"})
    group = re.search(r'name="group" value="(\w{10})">\s*<button class="button small">Change all 19 to «Prospect»', page)
    assert group
    answer = ann.post(f"/jobs/{job.id}/mend/apply", {"group": group[1]})
    assert "18 rows have &#39;Prospect&#39; now. 1 had been changed before" in answer.text
    found = mends_of(site, job)
    assert found.pop(4) == {2: "Customer"}
    assert found == {line: {2: "Prospect"} for line in range(6, 41, 2)}
    assert ann.post(f"/jobs/{job.id}/mend/apply", {"group": "0123456789"}).status_code == 409
    only = ann.get(f"/jobs/{job.id}/mend", params={"group": group[1], "show": "open"}).text
    assert set(re.findall(r'data-line="(\d+)"', only)) == {str(line) for line in range(4, 41, 2)}
    changed = ann.get(f"/jobs/{job.id}/mend", params={"show": "changed"}).text
    assert len(re.findall(r'data-line="(\d+)"', changed)) == 19


def test_a_double_click_sends_the_rows_once(site: Here, service: Service) -> None:
    """Otherwise the same rows would be imported twice."""
    job = deliver(site, "once", "*-2,Two,Prospct,5,*-2@x.example")
    people = [Person(service, "ann") for _ in range(4)]
    people[0].post(f"/jobs/{job.id}/mend/save", {"v-3": "0", "c-3-2": "Prospect"})
    with ThreadPoolExecutor(4) as pool:
        answers = list(pool.map(lambda one: one.post(f"/jobs/{job.id}/mend/send", {"which": "changed"}), people))
    assert [answer.status_code for answer in answers] == [200] * 4
    with site.pipeline.ledger.read() as conn:
        sendings = mends.sendings(conn, job.id)
    assert [rows for _, rows, _ in sendings] == [1]
    site.work("acme")
    named = [one for one in site.jobs() if "once" in one.name]
    assert [(one.name, one.counts.created) for one in named] == [("Account_once.csv", 1), (f"Account_once.{job.id}.mended.csv", 1)]
    late = people[1].post(f"/jobs/{job.id}/mend/save", {"v-3": "1", "c-3-2": "Customer"})
    assert "Nothing was changed" in late.text and mends_of(site, job) == {3: {2: "Prospect"}}


@pytest.mark.slow
def test_rows_that_fail_again_say_why_and_are_mended_where_they_failed(site: Here, service: Service) -> None:
    """A second mistake is as likely as the first, and its reasons are those of the second import."""
    job = deliver(site, "again", "*-2,Two,Prospct,5,*-2@x.example", "*-3,,New,6,*-3@x.example")
    ann = Person(service, "ann")
    ann.post(f"/jobs/{job.id}/mend/save", {"v-3": "0", "c-3-2": "Prospekt?"})
    sent = ann.post(f"/jobs/{job.id}/mend/send", {"which": "open"})
    assert "2 rows, sent by ann" in sent.text and "wait for their turn" in sent.text
    grid = ann.get(f"/jobs/{job.id}/mend", params={"show": "sent"}).text
    assert grid.count("being imported") == 2 and 'name="c-3-2"' not in grid
    site.work("acme")
    told = ann.get(str(sent.url).partition("/desk")[2])
    assert "Prospekt?" in told.text and "Mend what failed again" in told.text
    (later,) = [one for one in site.jobs() if one.name == f"Account_again.{job.id}.mended.csv"]
    grid = ann.get(f"/jobs/{job.id}/mend", params={"show": "all"}).text
    assert grid.count("failed again") == 2 and f"/desk/jobs/{later.id}/mend" in grid
    assert "Nothing is left to mend" in ann.get(f"/jobs/{job.id}/mend").text
    ann.post(f"/jobs/{later.id}/mend/save", {"v-2": "0", "c-2-2": "Prospect", "v-3": "0", "c-3-1": "Three"})
    final = sent_bytes(site, str(ann.post(f"/jobs/{later.id}/mend/send", {"which": "changed"}).url))
    first, *rows = final.decode().splitlines()
    assert first == HEADER.strip() + ",_import_job,_import_line,_import_errors"
    assert [row.split(",")[:7] for row in rows] == [
        ["again-2", "Two", "Prospect", "5", "again-2@x.example", later.id, "2"],
        ["again-3", "Three", "New", "6", "again-3@x.example", later.id, "3"],
    ]
    assert again(site, job).resolved == 2 and again(site, later).resolved == 2
    assert ann.get(f"/jobs/{job.id}/mend", params={"show": "all"}).text.count(">came in<") == 2


@pytest.mark.slow
def test_hostile_cells_go_through_the_table_and_the_file_byte_for_byte(browser: Browser, site: Here, service: Service) -> None:
    """What a browser, HTML or CSV would bend must come back as it was sent."""
    texts = ['=cmd|"/c calc"!A1', "<script>alert(1)</script>", '5" pipe; half', "two\nlines;x", "  blanks  ", "&amp; &#39;", "\ta\u2028b"]
    quoted = ['"' + text.replace('"', '""') + '"' if set(text) & set(';"\n') else text for text in texts]
    rows = [f"h-{n};{text};Prospct;5;h-{n}@x.example" for n, text in enumerate(quoted)]
    content = (
        (HEADER.replace(",", ";") + "\n".join(rows) + "\nh-9;Good;New;5;h-9@x.example\n").replace("\n", "\r\n").replace("two\r\n", "two\n")
    )
    job = site.deliver("Account_hostile.csv", content)
    assert job.counts.refused == len(texts)
    with window(browser, service) as page:
        sign_in(page, "ann")
        page.goto(f"/desk/jobs/{job.id}/mend")
        lines = page.locator("tr[data-line]").evaluate_all("rows => rows.map(row => row.dataset.line)")
        for line, text in zip(lines, texts, strict=True):
            assert page.get_by_label(f"Name, line {line}", exact=True).input_value() == text
        page.get_by_role("button", name="Change all 7 to «Prospect»").click()
        page.get_by_text("7 rows have").wait_for()
        page.get_by_label(f"Name, line {lines[0]}", exact=True).fill('=1+1;"<b>"')
        page.get_by_label(f"Email, line {lines[0]}", exact=True).focus()
        page.get_by_text(f"Line {lines[0]} is saved.").wait_for()
        page.get_by_role("button", name="Send the mended rows").click()
        page.wait_for_url("**/mend/sent/*")
        made = sent_bytes(site, page.url)
    quoted[0] = '"=1+1;""<b>"""'
    head, *parts = made.replace(b"two\n", b"two|").split(b"\r\n")
    assert head == HEADER.replace(",", ";").strip().encode() + b";_import_job;_import_line;_import_errors"
    for n, (line, text) in enumerate(zip(lines, quoted, strict=True)):
        expected = f"h-{n};{text};Prospect;5;h-{n}@x.example;{job.id};{line};".replace("two\n", "two|").encode()
        assert parts[n].startswith(expected), parts[n]
    assert len(parts) == len(texts) + 1 and parts[-1] == b""


@pytest.mark.slow
def test_a_character_that_the_file_cannot_hold_is_refused_and_the_typed_text_is_kept(site: Here, service: Service) -> None:
    """A question mark in its place would be somebody's wrong name."""
    content = "ExternalDataObjectId,Name,Stage\nw-1,M\xfcller & S\xf6hne,Prospct\nw-2,Z\xfcrich,New\n".encode("cp1252")
    job = site.deliver("Account_latin.csv", content)
    ann = Person(service, "ann")
    answer = ann.post(f"/jobs/{job.id}/mend/save", {"v-2": "0", "c-2-1": "Müller → Söhne", "c-2-2": "Prospect"})
    assert answer.status_code == 400 and "windows-1252" in answer.text.lower().replace("cp1252", "windows-1252")
    assert "which has no &#39;→&#39;" in answer.text and 'value="Müller → Söhne"' in answer.text
    assert mends_of(site, job) == {2: {2: "Prospect"}}
    made = sent_bytes(site, str(ann.post(f"/jobs/{job.id}/mend/send", {"which": "changed"}).url))
    assert "w-1,M\xfcller & S\xf6hne,Prospect,".encode("cp1252") in made


@pytest.mark.slow
def test_json_lines_and_workbooks_are_mended_too(site: Here, service: Service) -> None:
    """All kinds whose rows have cells go the same way."""
    ann = Person(service, "ann")
    line = '{"ExternalDataObjectId": "j-1",  "Name":"J, \\u00e9", "Stage": "Prospct", "Employees": 5}\n'
    job = site.deliver("Account_json.jsonl", line + '{"ExternalDataObjectId": "j-2", "Name": "K", "Stage": "New"}\n')
    page = ann.get(f"/jobs/{job.id}/mend").text
    assert 'value="J, é"' in page
    ann.post(f"/jobs/{job.id}/mend/save", {"v-1": "0", "c-1-2": "Prospect", "c-1-3": "7"})
    made = sent_bytes(site, str(ann.post(f"/jobs/{job.id}/mend/send", {"which": "changed"}).url)).decode()
    assert made.startswith('{"ExternalDataObjectId": "j-1",  "Name":"J, \\u00e9", "Stage": "Prospect", "Employees": 7, "_import_job": ')
    buffer = io.BytesIO()
    book = xlsxwriter.Workbook(buffer)
    sheet = book.add_worksheet()
    for at, row in enumerate((["ExternalDataObjectId", "Name", "Stage"], ["x-1", "=Sum", "Prospct"], ["x-2", "Fine", "New"])):
        for place, text in enumerate(row):
            sheet.write_string(at, place, text)
    book.close()
    job = site.deliver("Account_book.xlsx", buffer.getvalue())
    ann.post(f"/jobs/{job.id}/mend/save", {"v-2": "0", "c-2-2": "Prospect"})
    made = sent_bytes(site, str(ann.post(f"/jobs/{job.id}/mend/send", {"which": "changed"}).url)).decode("latin-1")
    assert made.startswith("PK") and again(site, job).resolved == 1
    assert {row["Name"]: row["Stage"] for row in site.records("Account") if row["Name"] in ("J, é", "=Sum")} == {
        "J, é": "Prospect",
        "=Sum": "Prospect",
    }


def test_a_row_that_cannot_be_divided_shows_its_text_and_the_way_out(site: Here, service: Service) -> None:
    """Guessed cells would be wrong cells."""
    job = deliver(site, "raw", "*-2,<b>Two</b>,New", "*-3,Three,Prospct,5,*-3@x.example")
    page = Person(service, "ann").get(f"/jobs/{job.id}/mend").text
    assert "raw-2,&lt;b&gt;Two&lt;/b&gt;,New" in page and "could not be divided" in page
    assert f'href="/desk/jobs/{job.id}/files/failed"' in page
    assert 'name="c-3-' not in page and 'name="c-4-2"' in page
    answer = Person(service, "ann").post(f"/jobs/{job.id}/mend/save", {"v-3": "0", "c-3-1": "x"})
    assert "Nothing was changed" in answer.text and mends_of(site, job) == {}


def test_a_page_tells_why_rows_cannot_be_mended(site: Here, service: Service) -> None:
    """A dead end must say where the way goes on."""
    ann = Person(service, "ann")
    good = deliver(site, "good")
    assert "No row of this import failed" in ann.get(f"/jobs/{good.id}/mend").text
    whole = site.deliver("Account_empty.csv", "")
    assert "refused as a whole" in ann.get(f"/jobs/{whole.id}/mend").text
    refused = ann.post(f"/jobs/{good.id}/mend/save", {"v-2": "0", "c-2-1": "x"})
    assert refused.status_code == 409 and "No row of this import failed" in refused.text


def test_mending_is_for_those_who_may_import_and_for_the_imports_own_account(site: Here, service: Service) -> None:
    """Another account's rows do not exist; a reader's role changes nothing."""
    job = deliver(site, "mine", "*-2,Two,Prospct,5,*-2@x.example")
    pages = [("get", ""), ("post", "/save"), ("post", "/apply"), ("post", "/send"), ("get", "/sent/x")]
    for name, status in (("oto", 404), ("rea", 403)):
        person = Person(service, name)
        for method, path in pages:
            answer = getattr(person, method)(f"/jobs/{job.id}/mend{path}")
            assert answer.status_code == status, (name, path, answer.text[-500:])
            assert "Two" not in answer.text and "Account_mine" not in answer.text
    assert "Mend failed rows" in Person(service, "bob").get(f"/jobs/{job.id}/mend").text
    assert mends_of(site, job) == {}


@pytest.mark.slow
def test_while_an_import_writes_the_table_says_what_it_cannot_tell_and_sends_nothing_twice(site: Here, service: Service) -> None:
    """A row that came in by another way must not be sent a second time because nobody could look."""
    job = deliver(site, "busy", "*-2,Two,Prospct,5,*-2@x.example", "*-3,,New,6,*-3@x.example")
    ann = Person(service, "ann")
    with site.pipeline.ledger.read() as conn:
        before = len(mends.sendings(conn, job.id))
    # The first row comes in as a file of failed rows that somebody has mended by hand: only the store knows.
    assert job.failed_file
    mended = [row for row in Path(job.failed_file).read_text().splitlines() if "busy-3" not in row]
    site.deliver("Account_busy_again.csv", "\n".join(mended).replace("busy-2,Two,Prospct", "busy-2,Two,Prospect") + "\n")
    with open_store(site.settings, "acme", writable=True):
        page = ann.get(f"/jobs/{job.id}/mend").text
        assert "An import is being written at this moment" in page
        assert ann.post(f"/jobs/{job.id}/mend/send", {"which": "open"}).status_code == 503
    page = ann.get(f"/jobs/{job.id}/mend", params={"show": "all"}).text
    assert page.count(">came in<") == 1 and 'name="c-3-2"' not in page and 'name="c-4-1"' in page
    assert "1 row, sent by ann" in ann.post(f"/jobs/{job.id}/mend/send", {"which": "open"}).text
    with site.pipeline.ledger.read() as conn:
        assert before == 0 and mends.sent_lines(conn, job.id) == [4]


@pytest.mark.slow
def test_rows_whose_import_was_undone_can_be_sent_once_more_as_they_were_mended(site: Here, service: Service) -> None:
    """An undo takes back what was imported, not the work of mending it."""
    job = deliver(site, "undone", "*-2,Two,Prospct,5,*-2@x.example")
    ann = Person(service, "ann")
    ann.post(f"/jobs/{job.id}/mend/save", {"v-3": "0", "c-3-2": "Prospect"})
    for _ in range(2):
        answer = ann.post(f"/jobs/{job.id}/mend/send", {"which": "changed"})
        assert "1 row, sent by ann" in answer.text
        site.work("acme")
        later = site.job(f"Account_undone.{job.id}.mended.csv")
        assert (later.state, later.counts.created, again(site, job).resolved) == ("applied", 1, 1)
        assert "Nothing is left to mend" in ann.get(f"/jobs/{job.id}/mend").text
        book_undo(site.pipeline, later.id, dry_run=False)
        site.work("acme")
        assert again(site, job).resolved == 0
        page = ann.get(f"/jobs/{job.id}/mend").text
        assert 'name="c-3-2" value="Prospect"' in page and "Only the rows that were changed" in page
