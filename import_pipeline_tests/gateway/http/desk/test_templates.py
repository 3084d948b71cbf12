"""The empty files to fill in, on the desk (acceptance S-15).

Belongs here: the page and its downloads. Does not belong here: what a template holds (reporting/test_templates.py).
"""

from playwright.sync_api import Browser

from import_pipeline.reporting.templates import kinds_of, template, template_file_name
from import_pipeline_tests.gateway.http.desk.kit import Person, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here


def test_everybody_of_the_account_gets_every_template_as_the_command_writes_it(site: Here, service: Service) -> None:
    """Whatever the role: who sends files needs them, who reads exports knows the columns by them."""
    account = site.pipeline.account("acme")
    for name in ("bob", "rea"):
        person = Person(service, name)
        for object_type in account.object_types:
            for kind in kinds_of(object_type):
                answer = person.get(f"/templates/{object_type.slug}/{kind}")
                assert answer.content == template(object_type, kind)
                assert f'filename="{template_file_name(object_type, kind)}"' in answer.headers["content-disposition"]
                assert answer.headers["x-content-type-options"] == "nosniff"


def test_a_template_that_there_is_not_is_not_found(service: Service) -> None:
    """Neither a kind that the type does not have nor a path."""
    person = Person(service, "rea")
    for path in ("account/kml", "account/exe", "lead/csv", "..%2f..%2fetc/csv", "account/..%2fcsv"):
        assert person.get(f"/templates/{path}").status_code == 404, path


def test_the_page_tells_what_each_column_takes(browser: Browser, service: Service) -> None:
    """Choices, what is needed, which column holds ids; light, dark and on a phone."""
    with window(browser, service, viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as page:
        sign_in(page, "bob")
        page.goto("/desk/templates")
        card = page.get_by_role("region", name="Account", exact=True)
        card.locator("summary").first.click()
        row = card.get_by_role("row").filter(has=page.get_by_role("rowheader", name="Last Visit Result"))
        assert "Home, Not home" in row.inner_text() and "is ignored" in row.inner_text()
        assert "needed" in card.get_by_role("rowheader", name="Name needed").inner_text()
        assert "external id" in card.get_by_role("rowheader", name="ExternalDataObjectId").inner_text()
        assert barriers(page) == []
        with page.expect_download() as begun:
            card.get_by_role("link", name="Excel").click()
        assert begun.value.suggested_filename == "Account_template.xlsx"
        shot(page, "templates")
        page.emulate_media(color_scheme="dark")
        assert barriers(page) == []
        shot(page, "templates_dark")
        page.set_viewport_size({"width": 390, "height": 800})
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shot(page, "templates_phone")
