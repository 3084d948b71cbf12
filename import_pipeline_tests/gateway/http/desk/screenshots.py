"""`make screenshots`: the pictures of the README, taken from the real pages with the sample files in them.

Belongs here: which pages, with which samples. Does not belong here: assertions (test_screenshots.py), how pages are opened (kit.py).
"""

import shutil
import sys
import tempfile
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from playwright.sync_api import Page

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.gateway.http.desk.kit import add_user, chromium, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.site import Here

ROOT = Path(__file__).resolve().parents[4]
SAMPLES, IMAGES = ROOT / "data" / "samples", ROOT / "docs" / "images"
NAMES = ("desk_wizard", "desk_plan", "desk_monitor", "desk_job", "desk_mend", "desk_map")
_SIZE = {"width": 1280, "height": 860}


def main(folder: Path = IMAGES) -> list[Path]:
    """Takes every picture anew; the files."""
    with tempfile.TemporaryDirectory(prefix="screenshots-") as home, _site(Path(home)) as site, Service(site) as service:
        with chromium() as browser, window(browser, service, viewport=_SIZE) as page:
            sign_in(page, "ann")
            _of_cases(page, site, folder)
        with chromium() as browser, window(browser, service, viewport=_SIZE) as page:
            sign_in(page, "pat")
            _of_field_sales(page, site, folder)
    return [folder / f"{name}.png" for name in NAMES]


@contextmanager
def _site(home: Path) -> Iterator[Here]:
    """The shipped accounts `field_sales`, with its samples imported, and `cases`."""
    site = Here(home)
    for name in ("field_sales", "cases"):
        shutil.copytree(PACKAGE / "defs" / name, site.accounts / name)
    site.account = "field_sales"
    add_user(site, "pat", "field_sales")
    add_user(site, "ann", "cases")
    try:
        for wave in ("1_first", "2_later"):
            for file in sorted((SAMPLES / "field_sales" / wave).iterdir()):
                if file.is_file():
                    site.drop(file.name, file.read_bytes())
            for file in sorted((SAMPLES / "field_sales" / wave / "Territories").glob("*")):
                site.drop(file.name, file.read_bytes(), folder="Territories")
            site.work()
        for file in sorted((SAMPLES / "cases" / "1_first").iterdir()):
            site.drop(file.name, file.read_bytes(), account="cases")
        site.work("cases")
        yield site
    finally:
        site.close()


def _of_cases(page: Page, site: Here, folder: Path) -> None:
    page.goto("/desk/import")
    if "/desk/import/" not in page.url:
        page.get_by_role("button", name="Case", exact=False).first.click()
    page.get_by_label("Client", exact=True).select_option("Northwind Mutual")
    page.get_by_label("Case Type", exact=True).select_option("Surveillance")
    page.locator("input[type=file]").set_input_files(SAMPLES / "cases" / "desk" / "northwind_weekly.csv")
    page.get_by_role("button", name="Continue").click()
    page.wait_for_url("**/columns")
    _take(page, folder, "desk_wizard")
    page.get_by_role("button", name="Save & review").click()
    site.work("cases")
    page.get_by_role("heading", name="Created records").wait_for()
    _take(page, folder, "desk_plan")


def _of_field_sales(page: Page, site: Here, folder: Path) -> None:
    job = site.job("Account_2026-11-01_dirty.csv")
    of_job = {"desk_job": f"/jobs/{job.id}", "desk_mend": f"/jobs/{job.id}/mend"}
    for name, address in ({"desk_monitor": "/jobs"} | of_job | {"desk_map": "/map"}).items():
        page.goto(f"/desk{address}")
        page.wait_for_load_state("networkidle")
        if name == "desk_mend":
            page.get_by_role("link", name="To the wrong cell").first.click()
        _take(page, folder, name)


def _take(page: Page, folder: Path, name: str) -> None:
    folder.mkdir(parents=True, exist_ok=True)
    page.evaluate("window.scrollTo(0, 0)")
    page.wait_for_timeout(300)
    page.screenshot(path=folder / f"{name}.png")


if __name__ == "__main__":
    for made in main(*(Path(given) for given in sys.argv[1:2])):
        print(made)
