"""The table of failed rows where it is wider than the screen: on a phone, and with more columns than a screen holds.

Belongs here: finding the way inside a wide table. Does not belong here: what mending does (test_mending.py).
"""

from playwright.sync_api import Browser

from import_pipeline_tests.gateway.http.desk.kit import barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here

ROWS = "ExternalDataObjectId,Name,Employees,Email,Revenue\n" + "".join(f"p-{n},Row {n},5,p{n}@x.example,much\n" for n in range(9))


def test_a_link_beside_the_line_leads_to_the_wrong_cell_and_the_page_itself_never_scrolls_aside(
    browser: Browser, site: Here, service: Service
) -> None:
    """An error outside of the screen would not be seen; a page that scrolls in two directions is lost on a phone."""
    job = site.deliver("Account_phone.csv", ROWS)
    with window(browser, service, viewport={"width": 390, "height": 844}, has_touch=True) as page:
        sign_in(page, "bob")
        page.goto(f"/desk/jobs/{job.id}/mend")
        cell = page.get_by_label("Revenue, line 5", exact=True)
        box = cell.bounding_box()
        assert box is not None and box["x"] > 390
        page.get_by_role("link", name="To the wrong cell: Revenue, line 5").tap()
        assert page.evaluate("document.activeElement.name") == "c-5-4"
        box = cell.bounding_box()
        assert box is not None and box["x"] > 0 and box["x"] + box["width"] < 390
        page.keyboard.press("Control+A")
        page.keyboard.type("12.50")
        page.keyboard.press("Enter")
        page.get_by_text("Line 5 is saved.").wait_for()
        assert barriers(page) == []
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        shot(page, "mending_phone")
