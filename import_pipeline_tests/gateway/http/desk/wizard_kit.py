"""Imports through the wizard's pages: over HTTP, form by form, and in a browser.

Belongs here: what several tests of the wizard need. Does not belong here: assertions on what came of an import.
"""

import html
import re
import shutil
from pathlib import Path
from typing import Any

import httpx
from playwright.sync_api import Page

from import_pipeline.ledger import drafts
from import_pipeline.ledger.drafts import Draft
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.settings import PACKAGE
from import_pipeline_tests.gateway.http.desk.kit import Person, add_user
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

HEADER = ("Claim", "First", "Last", "Where", "Hours", "What to do")
MAP = {
    "Claim": "Reference 1",
    "First": "Subject First Name",
    "Last": "Subject Last Name",
    "Where": "Subject Address",
    "Hours": "Budget Hours",
}
SMALL = {"tree": {"settle": "1s", "interval": "1s", "cut_settle": "2s"}, "http": {"max_file_bytes": "2MB"}}
CLIENT = {"fixed.Client": "Northwind Mutual", "fixed.Case Type": "Surveillance"}


def make_site(folder: Path) -> Here:
    """The shipped account `cases`, the same as `strict` to the letter of the documents, and `acme`.

    Users: ann, eve (admin), bob (upload), rea (read) of cases; sue of strict; oto of acme.
    """
    made = Here(folder)
    shutil.copytree(PACKAGE / "defs" / "cases", made.accounts / "cases")
    shutil.copytree(PACKAGE / "defs" / "cases", made.accounts / "strict")
    defs = made.accounts / "strict" / "defs.yaml"
    text = defs.read_text()
    assert "name: cases" in text and "strict: false" in text
    defs.write_text(text.replace("name: cases", "name: strict").replace("strict: false", "strict: true"))
    made.account = "cases"
    made.add_account("acme", [ACCOUNT, CONTACT], title="Acme Field Sales", doors=SMALL)
    for name, account, role in (
        *(("ann", "cases", "admin"), ("eve", "cases", "admin"), ("bob", "cases", "upload"), ("rea", "cases", "read")),
        *(("sue", "strict", "admin"), ("oto", "acme", "admin")),
    ):
        add_user(made, name, account, role)  # type: ignore[arg-type]
    return made


def sheet(*rows: str, header: tuple[str, ...] = HEADER) -> str:
    """A spreadsheet as CSV."""
    return "".join(f"{line}\n" for line in (",".join(header), *rows))


def cases(claim: str, count: int, *, bad: tuple[int, ...] = ()) -> str:
    """`count` cases; the hours of those numbered in `bad` (from 1) are no number."""
    return sheet(
        *(f'{claim}-{n},Ann,Abbott{n},"{n} Main St,Denver,CO,80202",{"many" if n in bad else n},watch' for n in range(1, count + 1))
    )


class Steps:
    """One import of somebody, form by form."""

    def __init__(self, person: Person, **begun: str) -> None:
        self.person = person
        self.last = person.post("/import", begun or {"type": "Case"})
        self.id = draft_in(str(self.last.url))

    @classmethod
    def of(cls, person: Person, draft: str) -> "Steps":
        """An import that was begun another way."""
        made = cls.__new__(cls)
        made.person, made.id = person, draft
        return made

    @property
    def path(self) -> str:
        """Its address below /desk."""
        return f"/import/{self.id}"

    def version(self, step: str = "file") -> str:
        """The version that a step's page shows."""
        return version_in(self.person.get(f"{self.path}/{step}").text)

    def file(self, content: str | bytes | None = None, name: str = "may.csv", *, version: str = "", **typed: str) -> httpx.Response:
        """The first step: `typed` are fields of its form such as `defaults.Region`."""
        data = {"csrf": self.person.csrf, "version": version or self.version(), **typed}
        sent = content.encode() if isinstance(content, str) else content
        file = {"file": (name, sent) if sent is not None else ("", b"")}
        self.last = self.person.client.post(f"/desk{self.path}/file", data=data, files=file)
        return self.last

    def columns(self, chosen: dict[str, str], *, go: str = "on", version: str = "") -> httpx.Response:
        """The second step: what is not chosen stays as the page shows it."""
        page = self.person.get(f"{self.path}/columns").text
        data = selected_in(page)
        places = {header: name for name, header in headers_in(page).items()}
        data |= {places[header]: key for header, key in chosen.items()}
        upload = re.search(r'name="upload" value="([0-9a-f]*)"', page)
        assert upload, page
        data |= {"upload": upload[1], "version": version or version_in(page), "go": go}
        self.last = self.person.post(f"{self.path}/columns", data)
        return self.last

    def start(self, on_error: str = "skip", *, version: str = "") -> httpx.Response:
        """The fourth step."""
        data = {"version": version or self.version("start"), "on_error": on_error}
        self.last = self.person.post(f"{self.path}/start", data)
        return self.last

    def ready(self, content: str | bytes, name: str = "may.csv", **typed: str) -> "Steps":
        """The first two steps with MAP, for one client and case type."""
        self.file(content, name, **(CLIENT | typed))
        self.columns(MAP)
        return self

    def draft(self, site: Here) -> Draft:
        """What the ledger holds of it."""
        with site.pipeline.ledger.read() as conn:
            found = next((one for account in site.pipeline.accounts if (one := drafts.get(conn, account, self.id))), None)
        assert found
        return found

    def job(self, site: Here) -> JobRow:
        """Its job, when it was started and has run."""
        draft = self.draft(site)
        return next(job for job in site.jobs(draft.account) if job.delivery == draft.delivery)


def draft_in(address: str) -> str:
    """The draft that an address names."""
    found = re.search(r"/import/([0-9a-f]{16})", address)
    assert found, address
    return found[1]


def version_in(page: str) -> str:
    """The version in a page's form."""
    found = re.search(r'name="version" value="(\d+)"', page)
    assert found, page
    return found[1]


def headers_in(page: str) -> dict[str, str]:
    """Field of the form → header cell, of the page of columns."""
    return {f"c.{place}": html.unescape(text) for place, text in re.findall(r'id="h-(\d+)"><bdi>(.*?)</bdi>', page, re.DOTALL)}


def selected_in(page: str) -> dict[str, str]:
    """Field of the form → chosen column («» for none), of the page of columns."""
    found: dict[str, str] = {}
    for name, options in re.findall(r'<select name="(c\.\d+)".*?>(.*?)</select>', page, re.DOTALL):
        chosen = re.search(r'<option value="([^"]*)" selected>', options)
        found[name] = html.unescape(chosen[1]) if chosen else ""
    return found


def mapped_in(page: str) -> dict[str, str]:
    """Header cell → chosen column, of the page of columns."""
    return {headers_in(page)[name]: key for name, key in selected_in(page).items()}


def choose(page: Page, content: str | bytes, name: str = "may.csv") -> None:
    """Chooses a file in the browser and continues."""
    sent = content.encode() if isinstance(content, str) else content
    page.locator("input[type=file]").set_input_files({"name": name, "mimeType": "text/csv", "buffer": sent})
    page.get_by_role("button", name="Continue").click()


def begin(page: Page, object_type: str = "Case") -> None:
    """Begins an import in the browser."""
    page.goto("/desk/import")
    page.get_by_role("button", name=f"Import {object_type}", exact=True).click()


def map_columns(page: Page, chosen: dict[str, str]) -> None:
    """Chooses columns in the browser, and goes on to the review."""
    for header, key in chosen.items():
        page.get_by_label(header, exact=True).select_option(key)
    page.get_by_role("button", name="Save & review").click()
    page.wait_for_url("**/review")


def fits(page: Page) -> bool:
    """Whether nothing sticks out of a phone's window."""
    size = page.viewport_size
    page.set_viewport_size({"width": 390, "height": 800})
    wide: Any = page.evaluate("document.documentElement.scrollWidth")
    if size:
        page.set_viewport_size(size)
    return int(wide) <= 390


def prepare(page: Page, content: str | bytes, name: str = "may.csv", **more: str) -> None:
    """The first two steps for cases of one client in the browser, up to the review; `more` are columns beside MAP."""
    begin(page)
    page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
    page.get_by_label("Case Type", exact=True).select_option("Surveillance")
    choose(page, content, name)
    page.wait_for_url("**/columns")
    map_columns(page, MAP | more)


def run(page: Page, site: Here, account: str = "cases", on_error: str = "Skip Row and Continue") -> str:
    """From the review on: the start, and what is shown at the end of the import: its status."""
    page.get_by_role("link", name="Continue").first.click()
    page.get_by_label(on_error).check()
    page.get_by_role("button", name="Start import").click()
    page.get_by_text("The import waits for its turn").wait_for()
    site.work(account)
    page.get_by_role("heading", name="Exception Log").wait_for()
    return page.locator(".state .badge").inner_text()
