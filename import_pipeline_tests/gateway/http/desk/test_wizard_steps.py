"""The forms of the wizard one by one: files that cannot be read, two windows, rights, formats, hostile names.

Belongs here: rules of single steps, over HTTP. Does not belong here: whole imports in a browser (test_wizard.py).
"""

import html
import re
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import uploads
from import_pipeline_tests.gateway.http.desk.kit import Person
from import_pipeline_tests.gateway.http.desk.wizard_kit import CLIENT, Steps, cases, make_site, mapped_in, sheet
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts cases, strict and acme."""
    made = make_site(tmp_path_factory.mktemp("steps"))
    yield made
    made.close()


@pytest.fixture(scope="module")
def ann(service: Service) -> Person:
    """An admin of cases."""
    return Person(service, "ann")


@pytest.fixture(scope="module")
def typed(ann: Person) -> Steps:
    """One import for many examples."""
    return Steps(ann)


def test_a_file_that_cannot_be_read_tells_its_fault_and_what_was_typed_stays(ann: Person, site: Here) -> None:
    """Without scripts the page is made anew: it has to hold what was typed."""
    steps = Steps(ann)
    for content, name, words in (
        (b"%PDF-1.7", "orders.pdf", "a PDF"),
        (b"", "empty.csv", "empty"),
        (b"PK\x03\x04broken", "orders.zip", "archive"),
        (b"1,2,3\n4,5,6\n", "numbers.csv", "looks like a header"),
        (b"<html><body>", "page.csv", "a web page"),
        (b'<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"/>', "areas.kml", "KML"),
    ):
        answer = steps.file(content, name, **{"fixed.Client": "Northwind Mutual", "defaults.Notes": "keep «me»"})
        assert answer.status_code == 422 and words in answer.text, (name, answer.text[:3000])
        assert "keep «me»" in answer.text and 'value="Northwind Mutual" selected' in answer.text
        assert steps.draft(site).upload is None


def test_a_script_gets_the_fault_as_words_and_the_same_form_can_be_sent_again(ann: Person) -> None:
    """The page stays as it is, so nothing may be saved: the version in its form has to stay the newest."""
    steps = Steps(ann)
    version = steps.version()
    ahead = {"X-Desk-Upload": "1", "X-CSRF-Token": ann.csrf}
    data = {"csrf": ann.csrf, "version": version, **CLIENT}
    answer = ann.client.post(f"/desk{steps.path}/file", data=data, files={"file": ("x.pdf", b"%PDF-1.7")}, headers=ahead)
    assert answer.status_code == 422 and answer.headers["content-type"].startswith("text/plain") and "a PDF" in answer.text
    answer = ann.client.post(f"/desk{steps.path}/file", data=data, files={"file": ("x.csv", cases("again", 2).encode())}, headers=ahead)
    assert answer.headers["x-desk-location"] == f"/desk{steps.path}/columns"


def test_a_file_with_the_token_of_another_session_is_not_taken(ann: Person, service: Service, site: Here) -> None:
    """A page of another site cannot know the token."""
    steps, eve = Steps(ann), Person(service, "eve")
    for ahead in ({}, {"X-CSRF-Token": eve.csrf}):
        data = {"csrf": eve.csrf, "version": steps.version(), **CLIENT}
        answer = ann.client.post(f"/desk{steps.path}/file", data=data, files={"file": ("x.csv", b"Claim\nA\n")}, headers=ahead)
        assert answer.status_code == 403
    assert steps.draft(site).upload is None and steps.draft(site).body["fixed"] == {}


def test_a_refused_files_bytes_are_kept_for_nobody(ann: Person, site: Here) -> None:
    """They lie in the vault already; the next tidying up finds them by their upload."""
    steps = Steps(ann)
    steps.file(b"%PDF-1.7 a file that nobody asked for", "orders.pdf")
    with site.pipeline.ledger.read() as conn:
        over = [one for one, needed in uploads.expired(conn, now=site.clock.now() + timedelta(seconds=1)) if not needed]
    assert "orders.pdf" in {one.name for one in over}


def test_a_file_that_is_not_chosen_is_asked_for_and_a_wrong_default_is_told_beside_its_field(ann: Person) -> None:
    """A default that no row could have would refuse every row that needs it."""
    answer = Steps(ann).file(**{**CLIENT, "defaults.Due On": "tomorrow", "defaults.Budget Hours": "1,5x"})
    assert "choose a file to import" in answer.text
    for key in ("Due On", "Budget Hours"):
        at = answer.text.index(f'name="defaults.{key}"')
        assert 'aria-invalid="true"' in answer.text[at : at + 300], key
    assert 'value="tomorrow"' in answer.text


def test_choices_of_several_come_back_as_they_were_sent(ann: Person, site: Here) -> None:
    """Boxes are fields of their own; the value is one text."""
    steps = Steps(ann)
    steps.file(cases("boxes", 1), **CLIENT, **{"defaults.Flags#0": "1", "defaults.Flags#2": "1"})
    assert steps.draft(site).body["defaults"] == {"Flags": "Rush;High Profile"}
    page = ann.get(f"{steps.path}/file").text
    assert [int(n) for n in re.findall(r'name="defaults.Flags#(\d)" value="1" checked', page)] == [0, 2]


def test_columns_are_suggested_with_samples_and_saved_as_chosen_even_when_they_are_wrong(ann: Person, site: Here) -> None:
    """What is wrong is told; what was chosen is never thrown away (acceptance T-1)."""
    steps = Steps(ann)
    steps.file(cases("cols", 3), **CLIENT)
    assert mapped_in(steps.last.text)["Claim"] == "Reference 1"
    assert "cols-1" in steps.last.text and "100 %" in steps.last.text
    answer = steps.columns({"Claim": "Reference 1", "First": "Reference 1", "Last": ""})
    assert str(answer.url).endswith("/columns?check=1")
    assert "is mapped to Reference 1 already" in answer.text and "Subject Last Name is required" in answer.text
    assert mapped_in(answer.text) | {"Claim": "Reference 1", "First": "Reference 1", "Last": ""} == mapped_in(answer.text)
    answer = steps.columns({"First": "Subject First Name", "Last": "Subject Last Name"}, go="back")
    assert str(answer.url).endswith("/file")
    assert steps.draft(site).body["columns"]["Last"] == "Subject Last Name"


def test_workbooks_and_json_lines_are_mapped_like_csv(ann: Person, tmp_path: Path) -> None:
    """The wizard takes what the importer takes."""
    import xlsxwriter

    book = xlsxwriter.Workbook(tmp_path / "orders.xlsx")
    sheet_ = book.add_worksheet()
    for line, cells in enumerate((("Claim", "Last"), ("X-1", "Abbott"), ("X-2", "Bell"))):
        sheet_.write_row(line, 0, cells)
    book.close()
    for name, content in (
        ("orders.xlsx", (tmp_path / "orders.xlsx").read_bytes()),
        ("orders.jsonl", b'{"Claim": "X-1", "Last": "Abbott"}\n'),
    ):
        steps = Steps(ann)
        steps.file(content, name, **CLIENT)
        assert set(mapped_in(steps.last.text)) == {"Claim", "Last"} and "X-1" in steps.last.text, name
        assert str(steps.columns({"Claim": "Reference 1", "Last": "Subject Last Name"}).url).endswith("/review")


def test_a_header_that_could_never_be_imported_is_told_in_the_first_step(ann: Person) -> None:
    """It cannot be mended by mapping, only in the file."""
    steps = Steps(ann)
    answer = steps.file("Claim,Last,Last\nA,B,C\n", **CLIENT)
    assert "/file" in str(answer.url) and "twice" in answer.text


def test_what_is_left_for_later_is_saved(ann: Person, site: Here) -> None:
    """Leaving is no way to lose something."""
    steps = Steps(ann)
    answer = steps.file(go="later", **{"defaults.Notes": "not finished"})
    assert str(answer.url).endswith("/desk/import") and steps.id in answer.text
    assert steps.draft(site).body["defaults"] == {"Notes": "not finished"}


def test_a_client_that_is_fixed_after_its_column_was_mapped_is_told_at_the_column(ann: Person) -> None:
    """Acceptance T-5: one of the two has to go, and people decide which."""
    steps = Steps(ann)
    steps.file("Claim,Last,Who\nA,B,Northwind Mutual\n", **{"fixed.Case Type": "Surveillance"})
    steps.columns({"Last": "Subject Last Name", "Who": "Client"}, go="back")
    answer = steps.file(**CLIENT)
    assert str(answer.url).endswith("/columns") and "Client is &#39;Northwind Mutual&#39; for the whole import" in answer.text


def test_a_step_that_is_not_possible_yet_leads_to_the_one_that_is(ann: Person) -> None:
    """Addresses are kept in bookmarks and histories."""
    steps = Steps(ann)
    for step in ("columns", "review", "start", ""):
        assert "/file" in str(ann.get(f"{steps.path}/{step}".rstrip("/")).url)
    steps.file("Claim,Colour\nA,red\n", **CLIENT)
    for step in ("review", "start", ""):
        assert "/columns" in str(ann.get(f"{steps.path}/{step}".rstrip("/")).url)


def test_hostile_names_and_cells_are_shown_as_they_are(ann: Person, site: Here) -> None:
    """Files come from strangers."""
    long = "x" * 3000
    header = ('"<script>alert(1)</script>"', '"a ""quoted"" & \'b\'"', f'"{long}"', "=cmd|'/c calc'!A1", "Last")
    steps = Steps(ann)
    answer = steps.file(
        sheet(f'<img src=x onerror=alert(2)>,"{{{{7*7}}}}",{long},"</select>",Evil', header=header),
        '"><script>alert(3)</script>.csv',
        **CLIENT,
    )
    assert str(answer.url).endswith("/columns"), answer.text
    for raw in ("<script>alert", "<img src=x", '</select>"', "><script>alert"):
        assert raw not in answer.text
    assert "&lt;script&gt;alert(1)&lt;/script&gt;" in answer.text and "{{7*7}}" in answer.text
    cells = {"<script>alert(1)</script>": "Reference 1", "a \"quoted\" & 'b'": "Notes", long: "Reference 2", "Last": "Subject Last Name"}
    answer = steps.columns(cells)
    assert str(answer.url).endswith("/review"), answer.text[-4000:]
    assert steps.draft(site).body["columns"]["<script>alert(1)</script>"] == "Reference 1"
    assert "<script>alert" not in answer.text
    steps.start()
    site.work("cases")
    done = ann.get(steps.path)
    assert "<script>alert" not in done.text and "1 row" in done.text


@settings(max_examples=30, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(notes=st.text(st.characters(exclude_categories=("Cs", "Cc")), max_size=40), region=st.sampled_from(["", "Plains", "nowhere"]))
def test_whatever_is_typed_is_on_the_page_when_one_comes_back(typed: Steps, site: Here, notes: str, region: str) -> None:
    """Right or wrong, in any script of the world."""
    steps = typed
    steps.file(**{"defaults.Notes": notes, "defaults.Region": region})
    body = steps.draft(site).body["defaults"]
    assert body.get("Notes", "") == notes.strip() and body.get("Region", "") == region
    page = steps.person.get(f"{steps.path}/file").text
    area = re.search(r'name="defaults.Notes".*?>\n(.*?)</textarea>', page, re.DOTALL)
    assert area and html.unescape(area[1]) == notes.strip()


def test_the_whole_plan_can_be_downloaded_and_is_no_page(ann: Person, site: Here) -> None:
    """A browser must not take a sender's cells for a page of the desk."""
    steps = Steps(ann).ready(cases("plan", 3, bad=(2,)))
    assert ann.get(f"{steps.path}/review/plan.csv").status_code == 404
    part = ann.get(f"{steps.path}/review/progress", headers={"X-Desk-Fragment": "1"})
    assert "Waiting" in part.text and "<html" not in part.text and "x-desk-done" not in part.headers
    site.work("cases")
    part = ann.get(f"{steps.path}/review/progress", headers={"X-Desk-Fragment": "1"})
    assert part.headers["x-desk-done"] == "1"
    answer = ann.get(f"{steps.path}/review/plan.csv")
    assert answer.headers["content-type"].startswith("text/csv") and "attachment" in answer.headers["content-disposition"]
    assert answer.text.count("create") == 2 and answer.text.count("refuse") == 1


def test_progress_tells_waiting_then_done(ann: Person, site: Here) -> None:
    """Acceptance T-3: the part that refreshes itself knows when to end."""
    steps = Steps(ann).ready(cases("prog", 3))
    steps.start()
    part = ann.get(f"{steps.path}/progress", headers={"X-Desk-Fragment": "1"})
    assert "Waiting" in part.text and "x-desk-done" not in part.headers
    site.work("cases")
    part = ann.get(f"{steps.path}/progress", headers={"X-Desk-Fragment": "1"})
    assert "Complete" in part.text and part.headers["x-desk-done"] == "1"
    assert ann.post(f"{steps.path}/stop").status_code == 409


def test_an_import_with_all_files_waiting_beyond_the_quota_is_refused(service: Service, site: Here, tmp_path: Path) -> None:
    """Uploads that nobody starts may not fill the disk."""
    sue = Person(service, "sue")
    gate_limit = site.pipeline.account("strict").doors.http.quota_bytes
    assert gate_limit == 20 * 10**9
    steps = Steps(sue)
    now = site.clock.now()
    big = uploads.Upload(
        "0" * 16, "strict", "desk", "0" * 16, None, None, "big.csv", "0" * 64, gate_limit, "", now, now + timedelta(days=1)
    )
    with site.pipeline.ledger.begin() as conn:
        uploads.book(conn, big)
    try:
        answer = steps.file(cases("quota", 1), **CLIENT)
        assert answer.status_code == 413 and "may have 20,000,000,000 bytes together" in answer.text
    finally:
        with site.pipeline.ledger.begin() as conn:
            uploads.remove(conn, big.id)
    assert not path_of(site.settings.vault, "0" * 64).exists()


def test_a_file_that_is_larger_than_allowed_is_refused(service: Service, site: Here) -> None:
    """By its length, before its bytes are read."""
    steps = Steps(Person(service, "oto"), type="Account")
    answer = steps.file("Name\n" + "A long name of a company\n" * 100_000, "large.csv")
    assert answer.status_code == 413 and "at most 2.0 MB are taken" in answer.text
    assert steps.draft(site).upload is None
