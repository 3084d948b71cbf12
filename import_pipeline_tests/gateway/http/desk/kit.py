"""People who sign in on the desk, over HTTP or in Debian's Chromium.

Belongs here: what several test files of the desk need. Does not belong here: assertions on pages.
"""

import re
import shutil
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import httpx
from axe_playwright_python.sync_playwright import Axe
from playwright.sync_api import Browser, BrowserContext, Page, sync_playwright

from import_pipeline.gateway.passwords import hash_password
from import_pipeline.ledger import users
from import_pipeline.model.sftp_door import Role
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.programs import install
from import_pipeline_tests.scenarios.site import Site

PASSWORD = "a good password"
_HASH = ""
SHOTS = Path(__file__).resolve().parents[4] / "test-output" / "desk"
"""Where pictures of the pages are kept, as the output of a test run."""
_FLAGS = [
    *("--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run", "--disable-background-networking"),
    *("--disable-component-update", "--disable-sync"),
]


def add_user(site: Site, name: str, account: str, role: Role = "admin") -> None:
    """Lets somebody in, with PASSWORD."""
    global _HASH
    _HASH = _HASH or hash_password(PASSWORD)
    with site.pipeline.ledger.begin() as conn:
        users.remove(conn, name)
        users.add(conn, name, account, password=_HASH, keys=[], role=role, now=site.clock.now())


class Person:
    """Somebody who is signed in, as a plain HTTP client: forms are sent with the token of the page."""

    def __init__(self, service: Service, name: str) -> None:
        self.client = httpx.Client(base_url=service.address, timeout=60, follow_redirects=True)
        answer = self.client.post("/desk/sign-in", data={"name": name, "password": PASSWORD})
        assert "Sign out" in answer.text, answer.text
        self.csrf = csrf_of(answer.text)

    def get(self, path: str, **options: Any) -> httpx.Response:
        """A page."""
        return self.client.get(f"/desk{path}", **options)

    def post(self, path: str, data: dict[str, Any] | None = None, **options: Any) -> httpx.Response:
        """A form, with its token."""
        return self.client.post(f"/desk{path}", data={"csrf": self.csrf, **(data or {})}, **options)


def csrf_of(page: str) -> str:
    """The token that the forms of a page carry."""
    found = re.search(r'name="csrf" value="([0-9a-f]{64})"', page)
    assert found, page[:2000]
    return found[1]


@contextmanager
def chromium() -> Iterator[Browser]:
    """Debian's Chromium, installed when it is missing and we may."""
    if not shutil.which("chromium"):
        install("chromium")
    program = shutil.which("chromium")
    assert program, "Chromium is needed for these tests: apt-get install chromium"
    with sync_playwright() as driver:
        browser = driver.chromium.launch(executable_path=program, args=_FLAGS)
        try:
            yield browser
        finally:
            browser.close()


@contextmanager
def window(browser: Browser, service: Service, **options: Any) -> Iterator[Page]:
    """A new window without cookies. What it asks of other hosts, and faults of its scripts, fail the test at the end."""
    context: BrowserContext = browser.new_context(base_url=service.address, **options)
    page = context.new_page()
    page.set_default_timeout(20_000)
    faults: list[str] = []
    page.on("pageerror", lambda error: faults.append(f"script: {error}"))
    page.on("console", lambda told: faults.append(f"console: {told.text}") if "Content Security Policy" in told.text else None)
    page.on(
        "request",
        lambda asked: faults.append(f"asked {asked.url}") if not asked.url.startswith((service.address, "data:", "blob:")) else None,
    )
    try:
        yield page
        assert faults == []
    finally:
        context.close()


def sign_in(page: Page, name: str) -> None:
    """Through the form."""
    page.goto("/desk/sign-in")
    page.get_by_label("Name").fill(name)
    page.get_by_label("Password").fill(PASSWORD)
    page.get_by_role("button", name="Sign in").click()
    page.get_by_role("button", name="Sign out").wait_for()


def shot(page: Page, name: str) -> Path:
    """A picture of the whole page, kept as test output."""
    SHOTS.mkdir(parents=True, exist_ok=True)
    path = SHOTS / f"{name}.png"
    page.screenshot(path=path, full_page=True)
    return path


def barriers(page: Page) -> list[str]:
    """What axe finds serious or critical for people who use a keyboard or a screen reader."""
    found: list[dict[str, Any]] = Axe().run(page).response["violations"]
    return [f"{one['id']}: {one['nodes'][0]['html'][:200]}" for one in found if one["impact"] in ("serious", "critical")]
