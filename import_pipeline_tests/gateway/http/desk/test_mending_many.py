"""Two hundred thousand failed rows: a page stays as small as with fifty, a rule changes all of them, and one file takes them back in.

Belongs here: what the number of failed rows must not cost. Does not belong here: what mending does (test_mending.py).
"""

import re

import pytest
from playwright.sync_api import Browser

from import_pipeline.ledger import mends
from import_pipeline_tests.gateway.http.desk.kit import Person, barriers, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here

pytestmark = pytest.mark.slow
FAILED, GOOD = 200_000, 20_000
MOST_ELEMENTS = 2_000
"""Elements of a page of 50 rows of five cells, with room to spare."""


def test_two_hundred_thousand_failed_rows_are_paged_changed_by_a_rule_and_sent(browser: Browser, site: Here, service: Service) -> None:
    """A browser holds fifty rows however many failed; a rule and a sending are single presses of a button."""
    rows = (f"q-{n},Name {n},{'New' if n % 11 == 0 else 'Prospct'},5,q{n}@x.example" for n in range(FAILED + GOOD))
    job = site.deliver("Account_many.csv", "ExternalDataObjectId,Name,Stage,Employees,Email\n" + "\n".join(rows) + "\n")
    assert (job.counts.refused, job.counts.good) == (FAILED, GOOD)
    ann = Person(service, "ann")
    pages = FAILED // 50
    sizes = set()
    for number in (1, 2, pages // 2, pages, pages + 9):
        page = ann.get(f"/jobs/{job.id}/mend", params={"page": str(number)}).text
        lines = [int(line) for line in re.findall(r'data-line="(\d+)"', page)]
        assert len(lines) == 50 and f"Page {min(number, pages):,} of {pages:,}" in page
        sizes.add(len(page) // 20_000)
    assert len(sizes) <= 2
    with window(browser, service) as shown:
        sign_in(shown, "ann")
        shown.goto(f"/desk/jobs/{job.id}/mend?page=2000")
        assert shown.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS
        assert barriers(shown) == []
        shown.get_by_role("button", name="Change all 200,000 to «Prospect»").click(timeout=60_000)
        shown.get_by_text("200,000 rows have").wait_for(timeout=60_000)
        assert shown.evaluate("document.querySelectorAll('*').length") < MOST_ELEMENTS
        shown.get_by_role("button", name="Send the mended rows").click(timeout=120_000)
        shown.wait_for_url("**/mend/sent/*", timeout=120_000)
    with site.pipeline.ledger.read() as conn:
        assert [rows for _, rows, _ in mends.sendings(conn, job.id)] == [FAILED]
    site.work("acme")
    assert site.query("SELECT count(*) FROM store.account WHERE \"Stage\" = 'Prospect'") == [(FAILED,)]
    done = next(row for row in site.jobs() if row.id == job.id)
    assert done.resolved == FAILED
    assert "Nothing is left to mend" in ann.get(f"/jobs/{job.id}/mend").text
    assert ann.get(f"/jobs/{job.id}/mend", params={"show": "all", "page": "7"}).text.count(">came in<") == 50
