"""Large files through the wizard: sent with progress and constant memory, imported with live progress.

Belongs here: what takes a while. Does not belong here: limits of bodies (gateway/http/test_bodies.py).
"""

import re
from collections.abc import Iterator
from pathlib import Path

import pytest
from playwright.sync_api import Browser, Page

from import_pipeline_tests.gateway.http.desk.kit import shot, sign_in, window
from import_pipeline_tests.gateway.http.desk.wizard_kit import HEADER, begin, make_site, prepare
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here

pytestmark = pytest.mark.slow
MEGABYTES = 500
_WATCH = """selector => {
  const part = document.querySelector(selector), seen = () => {
    const told = JSON.parse(sessionStorage.getItem("seen") || "[]");
    const text = part.innerText.trim();
    if (text && told[told.length - 1] !== text) sessionStorage.setItem("seen", JSON.stringify([...told, text]));
  };
  new MutationObserver(seen).observe(part, { childList: true, subtree: true, characterData: true });
  seen();
}"""
"""Keeps every text that a part of the page shows, beyond its being loaded anew."""


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts cases, strict and acme."""
    made = make_site(tmp_path_factory.mktemp("large"))
    yield made
    made.close()


def highest() -> float:
    """The most memory that this process has had since the kernel's mark was set back, in megabytes."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path("/proc/self/status").read_text())
    assert found
    return int(found[1]) / 1000


def told(page: Page) -> list[str]:
    """What the watched part has shown."""
    found: list[str] = page.evaluate("JSON.parse(sessionStorage.getItem('seen') || '[]')")
    return found


def test_an_import_tells_package_by_package_how_far_it_is(browser: Browser, service: Service, site: Here) -> None:
    """Acceptance T-3."""
    rows = "".join(f'L-{n},Ann,Abbott{n},"{n} Main St,Denver,CO,80202",{n % 90},watch\n' for n in range(150_000))
    with window(browser, service) as page:
        sign_in(page, "ann")
        prepare(page, ",".join(HEADER) + "\n" + rows, "many.csv")
        page.get_by_role("link", name="Continue").first.click()
        page.get_by_role("button", name="Start import").click()
        page.get_by_text("The import waits for its turn").wait_for()
        page.evaluate(_WATCH, "[data-refresh]")
        site.work("cases")
        page.get_by_role("heading", name="Exception Log").wait_for()
        assert page.locator(".state .badge").inner_text() == "Complete"
        assert page.get_by_text("150,000").first.is_visible()
        seen = told(page)
    assert any("Processing" in text for text in seen), seen


def test_a_file_of_500_megabytes_is_sent_with_progress_and_little_memory(
    browser: Browser, service: Service, site: Here, tmp_path: Path
) -> None:
    """The body goes into the vault as it comes, and people see that something happens."""
    path = tmp_path / "huge.csv"
    block = "".join(
        f'H-{n},Ann,Abbott{n},"{n} Main St,Denver,CO,80202",{n % 90},"{"watch the house " * 20}"\n' for n in range(2_500)
    ).encode()
    with path.open("wb") as out:
        out.write((",".join(HEADER) + "\n").encode())
        while out.tell() < MEGABYTES * 10**6:
            out.write(block)
    try:
        with window(browser, service) as page:
            page.set_default_timeout(300_000)
            sign_in(page, "ann")
            begin(page)
            page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
            page.get_by_label("Case Type", exact=True).select_option("Surveillance")
            page.locator("input[type=file]").set_input_files(path)
            page.evaluate(_WATCH, ".sending")
            Path("/proc/self/clear_refs").write_text("5")
            before = highest()
            page.get_by_role("button", name="Continue").click()
            page.get_by_text("% of 5").wait_for()
            shot(page, "wizard_12_sending")
            page.wait_for_url("**/columns")
            grown = highest() - before
            assert page.get_by_text("huge.csv").is_visible()
            parts = {int(text.partition(" %")[0]) for text in told(page) if " % of 5" in text}
            page.get_by_role("link", name="Defaults and file").click()
            page.once("dialog", lambda asked: asked.accept())
            page.get_by_role("button", name="Throw this import away").click()
            page.wait_for_url("**/import")
        assert len(parts) > 3, parts
        assert grown < 200, f"{grown:.0f} MB more"
    finally:
        path.unlink()
        for stored in site.settings.vault.rglob("*"):
            if stored.is_file() and stored.stat().st_size > MEGABYTES * 10**6:
                stored.unlink()


def test_a_file_that_is_too_large_is_told_before_it_is_sent(browser: Browser, service: Service, site: Here, tmp_path: Path) -> None:
    """Nobody wants to hear it after ten minutes of sending."""
    path = tmp_path / "large.csv"
    path.write_text("Name\n" + "A long name of a company\n" * 100_000)
    with window(browser, service) as page:
        sign_in(page, "oto")
        begin(page, "Account")
        page.locator("input[type=file]").set_input_files(path)
        assert page.locator(".sending").inner_text() == "large.csv has 2.5 MB; at most 2.0 MB are taken"
        asked: list[str] = []
        page.on("request", lambda request: asked.append(request.method))
        page.get_by_role("button", name="Continue").click()
        page.wait_for_timeout(300)
        assert "POST" not in asked and page.url.endswith("/file")
