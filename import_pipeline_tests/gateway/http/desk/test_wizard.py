"""An import through the pages of the wizard in a real browser: the lines T-1 to T-8 of the acceptance list.

Belongs here: what a person with a mouse or a keyboard does. Does not belong here: single forms (test_wizard_steps.py), what stands below
the pages (scenarios/test_cases.py).
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser, Page, expect

from import_pipeline_tests.gateway.http.desk.kit import barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.desk.wizard_kit import (
    MAP,
    begin,
    cases,
    choose,
    draft_in,
    fits,
    make_site,
    map_columns,
    prepare,
    run,
    sheet,
)
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts cases, strict and acme."""
    made = make_site(tmp_path_factory.mktemp("wizard"))
    yield made
    made.close()


def seen(page: Page, name: str) -> None:
    """Every page is fine for a screen reader and on a phone, and there is a picture of it."""
    shot(page, f"wizard_{name}")
    assert barriers(page) == []
    assert fits(page)


def test_an_import_goes_through_four_steps_and_edit_goes_back_without_loss(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-1, T-3."""
    with window(browser, service) as page:
        sign_in(page, "ann")
        page.goto("/desk/import")
        seen(page, "1_choose")
        begin(page)
        page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
        page.get_by_label("Case Type", exact=True).select_option("Surveillance")
        page.get_by_text("More defaults").click()
        page.get_by_label("Region", exact=True).select_option("Mountain")
        page.get_by_label("Due On", exact=True).fill("2026-12-24")
        page.get_by_label("Video Required").check()
        seen(page, "2_file")
        choose(page, cases("T1", 12, bad=(5,)))
        page.wait_for_url("**/columns")
        expect(page.get_by_label("Claim", exact=True)).to_have_value("Reference 1")
        seen(page, "3_columns")
        map_columns(page, MAP | {"What to do": "Notes"})
        seen(page, "4_planning")
        page.get_by_role("link", name="Edit the columns").click()
        expect(page.get_by_label("What to do", exact=True)).to_have_value("Notes")
        page.get_by_role("button", name="Back to defaults and file").click()
        page.get_by_text("More defaults").click() if not page.get_by_label("Region", exact=True).is_visible() else None
        expect(page.get_by_label("Region", exact=True)).to_have_value("Mountain")
        expect(page.get_by_label("Due On", exact=True)).to_have_value("2026-12-24")
        expect(page.get_by_label("Video Required")).to_be_checked()
        expect(page.get_by_text("may.csv")).to_be_visible()
        page.get_by_role("button", name="Continue").click()
        page.get_by_role("button", name="Save & review").click()
        site.work("cases")
        page.get_by_role("heading", name="Created records").wait_for()
        assert page.get_by_text("'many' is not a number").first.is_visible()
        seen(page, "5_review")
        page.get_by_role("link", name="Continue").first.click()
        seen(page, "6_start")
        page.get_by_label("Skip Row and Continue").check()
        page.get_by_role("button", name="Start import").click()
        page.get_by_text("The import waits for its turn").wait_for()
        seen(page, "7_waiting")
        site.work("cases")
        page.get_by_text("Complete with 1 error").wait_for()
        log = page.get_by_role("region", name="Exception Log")
        assert log.get_by_role("row").nth(1).inner_text().split("\t")[:3] == ["6", "Hours", "many"]
        seen(page, "8_done")
    found = site.records("Case", '"Reference 1", "Region", "Due On", "Flags", "Subject City", "Notes"')
    assert len(found) == 11
    assert {str(value) for value in found[0].values()} >= {"T1-1", "Mountain", "2026-12-24", "Denver", "watch"}


@pytest.mark.slow
def test_a_duplicated_import_asks_for_nothing_but_its_file(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-7."""
    with window(browser, service) as page:
        sign_in(page, "ann")
        prepare(page, cases("T7a", 3), "first.csv", **{"What to do": ""})
        assert run(page, site) == "Complete"
        page.get_by_role("button", name="Duplicate").click()
        expect(page.get_by_label("Client", exact=True)).to_have_value("Northwind Mutual")
        seen(page, "9_duplicate")
        choose(page, cases("T7b", 4), "second.csv")
        page.wait_for_url("**/columns")
        for header, key in MAP.items():
            expect(page.get_by_label(header, exact=True)).to_have_value(key)
        expect(page.get_by_label("What to do", exact=True)).to_have_value("")
        page.get_by_role("button", name="Save & review").click()
        page.wait_for_url("**/review")
        assert run(page, site) == "Complete"
    assert len([one for one in site.records("Case", '"Reference 1"') if one["Reference 1"].startswith("T7b")]) == 4


@pytest.mark.slow
def test_halt_on_error_ends_with_error_and_the_line_and_imports_nothing(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-2, the kind default."""
    with window(browser, service) as page:
        sign_in(page, "ann")
        prepare(page, cases("T2k", 6, bad=(4, 5)))
        assert run(page, site, on_error="Halt on Error") == "Error"
        assert page.locator(".state").get_by_text("line 5").is_visible(), page.locator(".state").inner_text()
        seen(page, "10_halted")
    assert not [one for one in site.records("Case", '"Reference 1"') if one["Reference 1"].startswith("T2k")]


@pytest.mark.slow
def test_a_strict_halt_keeps_the_rows_before_the_error(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-2, to the letter."""
    with window(browser, service) as page:
        sign_in(page, "sue")
        prepare(page, cases("T2s", 6, bad=(4, 5)))
        assert run(page, site, "strict", on_error="Halt on Error") == "Error"
        assert page.locator(".state").get_by_text("line 5").is_visible(), page.locator(".state").inner_text()
    kept = [one["Reference 1"] for one in site.records("Case", '"Reference 1"', account="strict") if one["Reference 1"].startswith("T2s")]
    assert kept == ["T2s-1", "T2s-2", "T2s-3"]


@pytest.mark.slow
def test_defaults_fill_what_the_file_leaves_blank_and_its_values_win(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-4."""
    rows = ("T4-1,Ann,Abbott,,1,,Plains", "T4-2,Bea,Bell,,2,,", "T4-3,Cyd,Cole,,3,,Pacific")
    with window(browser, service) as page:
        sign_in(page, "ann")
        begin(page)
        page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
        page.get_by_label("Case Type", exact=True).select_option("Surveillance")
        page.get_by_text("More defaults").click()
        page.get_by_label("Region", exact=True).select_option("Mountain")
        page.get_by_label("Primary Contact", exact=True).fill("Dora")
        header = ("Claim", "First", "Last", "Where", "Hours", "What to do", "District")
        choose(page, sheet(*rows, header=header))
        page.wait_for_url("**/columns")
        map_columns(page, MAP | {"District": "Region"})
        assert run(page, site) == "Complete"
    found = [one for one in site.records("Case", '"Reference 1", "Region", "Primary Contact", "Client"') if one["Reference 1"][:2] == "T4"]
    assert [one["Region"] for one in found] == ["Plains", "Mountain", "Pacific"]
    assert {one["Primary Contact"] for one in found} == {"Dora"} and {one["Client"] for one in found} == {"Northwind Mutual"}


@pytest.mark.slow
def test_a_file_has_one_client_and_one_case_type(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-5: a client that is stated cannot be mapped; one of the file must be the same in every row."""
    header = ("Claim", "First", "Last", "Who ordered")
    rows = ("T5-1,Ann,Abbott,Northwind Mutual", "T5-2,Bea,Bell,Granite State Adjusters")
    with window(browser, service) as page:
        sign_in(page, "ann")
        begin(page)
        page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
        page.get_by_label("Case Type", exact=True).select_option("Surveillance")
        choose(page, sheet(*rows, header=header))
        page.wait_for_url("**/columns")
        offered = page.get_by_label("Who ordered", exact=True).locator("option").all_inner_texts()
        assert not [text for text in offered if text.startswith(("Client", "Case Type"))] and "Reference 1" in offered
        page.get_by_role("button", name="Back to defaults and file").click()
        page.get_by_label("Client", exact=True).select_option("")
        page.get_by_role("button", name="Continue").click()
        map_columns(page, {"Claim": "Reference 1", "First": "Subject First Name", "Last": "Subject Last Name", "Who ordered": "Client"})
        assert run(page, site) == "Error"
        assert page.locator(".state").get_by_text("Granite State Adjusters").is_visible(), page.locator(".state").inner_text()
    assert not [one for one in site.records("Case", '"Reference 1"') if one["Reference 1"].startswith("T5")]


@pytest.mark.slow
def test_an_address_column_is_read_from_left_to_right(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-6: the printed examples."""
    given = (",Denver,CO,80202", ",,CO,80202", ",,,80202", "123 Main St,Denver,CO,80202,US")
    rows = [f'T6-{number},Ann,Abbott{number},"{address}",1,' for number, address in enumerate(given)]
    with window(browser, service) as page:
        sign_in(page, "ann")
        prepare(page, sheet(*rows))
        assert run(page, site) == "Complete"
    columns = ("Subject Street", "Subject City", "Subject State", "Subject Zip", "Subject Country")
    listed = ", ".join(f'"{name}"' for name in ("Reference 1", *columns))
    found = [tuple(one[name] for name in columns) for one in site.records("Case", listed) if one["Reference 1"].startswith("T6")]
    assert found == [
        (None, "Denver", "CO", "80202", None),
        (None, None, "CO", "80202", None),
        (None, None, None, "80202", None),
        ("123 Main St", "Denver", "CO", "80202", "US"),
    ]


@pytest.mark.slow
@pytest.mark.parametrize(("account", "user", "records"), [("cases", "ann", 3), ("strict", "sue", 6)])
def test_the_same_file_again_is_recognised_or_strictly_imported_again(
    browser: Browser, service: Service, site: Here, account: str, user: str, records: int
) -> None:
    """Acceptance T-8."""
    content = cases("T8", 3)
    with window(browser, service) as page:
        sign_in(page, user)
        prepare(page, content)
        assert run(page, site, account) == "Complete"
        page.get_by_role("button", name="Duplicate").click()
        choose(page, content)
        page.get_by_role("button", name="Save & review").click()
        page.wait_for_url("**/review")
        site.work(account)
        page.get_by_role("button", name="Make the plan anew").wait_for()
        if account == "cases":
            assert page.get_by_text("Starting it again would change nothing").is_visible()
        assert run(page, site, account).startswith("Complete")
        if account == "cases":
            assert page.locator(".state").get_by_text("imported before").is_visible()
            seen(page, "11_again")
    found = site.records("Case", '"Reference 1"', account=account)
    assert len([one for one in found if one["Reference 1"].startswith("T8")]) == records


@pytest.mark.slow
def test_contacts_go_through_the_same_steps_with_the_parent_they_name(browser: Browser, service: Service, site: Here) -> None:
    """The wizard is for every object type (issue 7)."""
    site.drop("Account_a.csv", "ExternalDataObjectId,Name\nA-1,Acme\n", account="acme")
    site.work("acme")
    with window(browser, service) as page:
        sign_in(page, "oto")
        begin(page, "Contact")
        choose(page, "Person,Function,Company\nAda,Boss,A-1\nBob,Clerk,A-9\n", "people.csv")
        page.wait_for_url("**/columns")
        map_columns(page, {"Person": "Name", "Function": "Title", "Company": "RelatedTo"})
        site.work("acme")
        page.get_by_role("heading", name="Rows that wait for their parent").wait_for()
        assert run(page, site, "acme") == "Complete"
        assert page.get_by_text("wait for their parent").is_visible()
    found = site.records("Contact", "*", account="acme")
    assert [one["Name"] for one in found] == ["Ada"] and found[0]["_parent_id"]


@pytest.mark.slow
def test_a_closed_browser_goes_on_where_it_was(browser: Browser, service: Service, site: Here) -> None:
    """People are called away in the middle of their work."""
    with window(browser, service) as page:
        sign_in(page, "eve")
        begin(page)
        page.get_by_label("Client", exact=True).select_option("Blue Harbor Insurance")
        choose(page, cases("closed", 2), "closed.csv")
        page.wait_for_url("**/columns")
        draft = draft_in(page.url)
    with window(browser, service) as page:
        sign_in(page, "eve")
        page.goto("/desk/import")
        page.get_by_role("link", name="Continue with Case, closed.csv").click()
        assert draft_in(page.url) == draft and page.url.endswith("/columns")
        page.get_by_role("link", name="Defaults and file").click()
        expect(page.get_by_label("Client", exact=True)).to_have_value("Blue Harbor Insurance")
        page.once("dialog", lambda asked: asked.accept())
        page.get_by_role("button", name="Throw this import away").click()
        page.wait_for_url("**/import")
        assert page.get_by_text("closed.csv").count() == 0


_DROP = """text => {
  const carried = new DataTransfer();
  carried.items.add(new File([text], "dropped.csv", { type: "text/csv" }));
  const told = { dataTransfer: carried, bubbles: true, cancelable: true };
  document.querySelector("form[data-drop]").dispatchEvent(new DragEvent("drop", told));
}"""


@pytest.mark.slow
def test_a_file_may_be_dropped_and_a_late_window_keeps_it_when_it_goes_on(browser: Browser, service: Service, site: Here) -> None:
    """What was chosen is not chosen again because another window was quicker."""
    with window(browser, service) as page:
        sign_in(page, "ann")
        begin(page)
        page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
        page.evaluate(_DROP, cases("drop", 2))
        assert page.get_by_text("dropped.csv is chosen").is_visible()
        other = page.context.new_page()
        other.goto(page.url)
        other.get_by_label("Case Type", exact=True).select_option("Locate")
        other.get_by_role("button", name="Leave it for later").click()
        page.get_by_role("button", name="Continue").click()
        page.get_by_text("Press Continue again to keep what stands here").wait_for()
        page.get_by_role("button", name="Continue").click()
        page.wait_for_url("**/columns")
        assert page.get_by_text("dropped.csv").is_visible()
        page.get_by_role("link", name="Defaults and file").click()
        expect(page.get_by_label("Client", exact=True)).to_have_value("Northwind Mutual")
        expect(page.get_by_label("Case Type", exact=True)).to_have_value("")


@pytest.mark.slow
def test_everything_can_be_done_with_the_keyboard_alone(browser: Browser, service: Service, site: Here) -> None:
    """Some people have no mouse."""
    with window(browser, service) as page:
        sign_in(page, "ann")

        def to(name: str, limit: int = 90) -> None:
            for _ in range(limit):
                page.keyboard.press("Tab")
                at = page.evaluate("(document.activeElement.labels?.[0]?.innerText || document.activeElement.innerText || '').trim()")
                if at == name:
                    return
            raise AssertionError(f"{name} cannot be reached")

        page.goto("/desk/import")
        to("Import Case")
        page.keyboard.press("Enter")
        page.wait_for_url("**/file")
        to("Client")
        page.keyboard.type("North")
        to("Case Type")
        page.keyboard.type("Surv")
        # A browser's own window for files cannot be driven by keys from here.
        page.locator("input[type=file]").set_input_files({"name": "k.csv", "mimeType": "text/csv", "buffer": cases("keys", 2).encode()})
        to("Continue")
        page.keyboard.press("Enter")
        page.wait_for_url("**/columns")
        page.get_by_label("Last", exact=True).focus()
        page.keyboard.type("Subject Last")
        page.get_by_label("First", exact=True).focus()
        page.keyboard.type("Subject First")
        to("Save & review")
        page.keyboard.press("Enter")
        page.wait_for_url("**/review")
        to("Continue")
        page.keyboard.press("Enter")
        page.wait_for_url("**/start")
        to("Start import")
        page.keyboard.press("Enter")
        page.get_by_text("The import waits for its turn").wait_for()


@pytest.mark.slow
def test_the_wizard_works_without_scripts(browser: Browser, service: Service, site: Here) -> None:
    """Scripts make it quicker, never possible."""
    with window(browser, service, java_script_enabled=False) as page:
        sign_in(page, "ann")
        prepare(page, cases("plain", 2), "plain.csv")
        page.get_by_role("link", name="Continue").first.click()
        page.get_by_role("button", name="Start import").click()
        assert page.get_by_text("The import waits for its turn").is_visible()
        site.work("cases")
        page.reload()
        assert page.locator(".state .badge").inner_text() == "Complete"
        # A file that cannot be read is told on the page, with what was typed.
        begin(page)
        page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
        choose(page, b"%PDF-1.7 not a sheet", "sheet.pdf")
        assert page.get_by_text("a PDF").first.is_visible()
        expect(page.get_by_label("Client", exact=True)).to_have_value("Northwind Mutual")


@pytest.mark.slow
def test_the_pages_are_readable_in_the_dark(browser: Browser, service: Service, site: Here) -> None:
    """The colours of the dark are others: contrast is checked for them too."""
    with window(browser, service, color_scheme="dark") as page:
        sign_in(page, "ann")
        prepare(page, cases("dark", 3, bad=(2,)))
        for name, title in (("start", "start"), ("review", "review"), ("columns", "columns"), ("file", "file")):
            page.goto(page.url.rsplit("/", 1)[0] + f"/{name}")
            seen(page, f"dark_{title}")
        page.goto("/desk/formats")
        seen(page, "dark_formats")
