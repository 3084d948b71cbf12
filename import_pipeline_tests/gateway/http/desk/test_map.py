"""The map of territories on the desk (acceptance B-14).

Belongs here: what the page shows, how it is used. Does not belong here: overlaps and gaps (territories/), drawing (reporting/).
"""

import io
import re
import zipfile
from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from import_pipeline_tests.gateway.http.desk.kit import Person, add_user, barriers, shot, sign_in, window
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.conftest import ACCOUNT
from import_pipeline_tests.scenarios.kml import box, kml
from import_pipeline_tests.scenarios.site import Here
from import_pipeline_tests.territory_samples import CUT

STATES = kml(box("North", 0, 0, 10, 10), box("South &lt;b&gt;", 0, -10, 10, 10))
PARTS = kml(box("West", 0, 0, 6, 10), box("East", 5, 0, 4, 10))
ACCOUNTS = "ExternalDataObjectId,Name,Lat,Lng\nA-1,One,5,2\nA-2,Two,5,5.5\nA-3,Three,50,50\nA-4,Four,6,3\n"


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """acme has two states, of which one is cut into two parts that overlap and leave a gap; plain has no territories; empty none yet."""
    made = Here(tmp_path_factory.mktemp("map"))
    made.add_account("acme", [ACCOUNT], title="Acme Field Sales", territories={})
    made.add_account("plain", [ACCOUNT])
    made.add_account("empty", [ACCOUNT], territories={})
    for name, account, role in (("rea", "acme", "read"), ("bob", "acme", "upload"), ("pia", "plain", "admin"), ("eve", "empty", "admin")):
        add_user(made, name, account, role)  # type: ignore[arg-type]
    made.deliver("Account_1.csv", ACCOUNTS)
    made.deliver("1_states.kml", STATES, folder="Territories/New")
    made.deliver("2_parts.kml", PARTS, folder="Territories/New")
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(site: Here) -> Iterator[Service]:
    """The server."""
    with Service(site) as running:
        yield running


def rows_of(page: str) -> dict[str, list[str]]:
    """Place in the tree, size and records in the table of territories, by their titles."""
    table = page[page.index('id="h-territories"') :]
    cells = re.compile(r"<(?:td|a|span)[^>]*>(.*?)</(?:td|a|span)>", re.S)
    found = [cells.findall(row) for row in re.findall(r"<tr id=.*?</tr>", table, re.S)]
    return {row[0]: row[1:] for row in found}


def test_the_map_lists_parents_sizes_and_the_records_placed_in_each(service: Service) -> None:
    """A hostile title is text; nothing in the page needs a style of its own."""
    page = Person(service, "rea").get("/map").text
    found = rows_of(page)
    assert found == {
        "North": ["level 1", "1,224,840", "3"],
        "South &lt;b&gt;": ["level 1", "1,224,840", "0"],
        "West": ["level 2 in North", "734,904", "2"],
        "East": ["level 2 in North", "489,936", "1"],
    }
    assert "<b>" not in page[page.index("<svg") : page.index("</svg>")]
    assert "West and East" in page and "Overlap: West and East" in page and "Gap: North" in page
    assert page.count('class="area level-1"') == 2 + 1 and page.count('class="area level-2"') == 2 + 1
    assert "style=" not in page and "<style" not in page


@pytest.mark.slow
def test_the_map_of_a_past_moment_shows_what_was_there_then(site: Here, service: Service) -> None:
    """Acceptance B-9 for territories; a moment that cannot be read is told beside its field."""
    rea = Person(service, "rea")
    parts = site.job("2_parts.kml").id
    then = rea.get(f"/map?at_kind=before&at_job={parts}")
    assert set(rows_of(then.text)) == {"North", "South &lt;b&gt;"} and "As of 20" in then.text
    assert rows_of(then.text)["North"][2] == "3"
    refused = rea.get("/map?at_kind=time&at_time=2999-01-01T00:00")
    assert refused.status_code == 422 and "has not come yet" in refused.text


@pytest.mark.slow
def test_the_map_is_drawn_anew_when_the_records_have_changed(tmp_path_factory: pytest.TempPathFactory) -> None:
    """Maps are kept for as long as the store stays as it is, and no longer."""
    made = Here(tmp_path_factory.mktemp("anew"))
    made.add_account("acme", [ACCOUNT], territories={})
    add_user(made, "rea", "acme", "read")
    made.deliver("1_states.kml", STATES, folder="Territories/New")
    with Service(made) as service:
        rea = Person(service, "rea")
        assert set(rows_of(rea.get("/map").text)) == {"North", "South &lt;b&gt;"}
        made.deliver("2_parts.kml", PARTS, folder="Territories/New")
        assert set(rows_of(rea.get("/map").text)) == {"North", "South &lt;b&gt;", "West", "East"}
    made.close()


def test_the_map_is_for_accounts_with_territories_and_people_who_may_read(service: Service) -> None:
    """An account that may have some, but has none yet, is told how to begin."""
    assert Person(service, "bob").get("/map").status_code == 403
    pia = Person(service, "pia")
    assert pia.get("/map").status_code == 404 and pia.post("/map").status_code == 404
    assert ">Map<" not in pia.get("/templates").text
    eve = Person(service, "eve").get("/map")
    assert eve.status_code == 200 and "No territories yet" in eve.text and "<svg" not in eve.text


@pytest.mark.slow
def test_the_map_is_taken_along_as_a_page_and_territories_as_maps(service: Service) -> None:
    """Whatever format is chosen for territories, they come as KML and GeoJSON."""
    rea = Person(service, "rea")
    kept = rea.post("/map", {"at_kind": "now"})
    assert kept.headers["content-disposition"].startswith('attachment; filename="Territories_20')
    assert "sandbox" in kept.headers["content-security-policy"] and "West" in kept.text
    names = zipfile.ZipFile(io.BytesIO(rea.post("/exports", {"type": "Territory", "form": "xlsx"}).content)).namelist()
    assert [re.sub(r"_2.*Z", "", name) for name in names] == ["1_Territory.kml", "2_Territory.kml", "Territory.geojson"]


def test_map_and_tables_are_tied_and_the_map_is_moved_with_buttons_and_keys(browser: Browser, service: Service) -> None:
    """What is focused or pointed at lights up on both sides; what is followed is gone to."""
    with window(browser, service, viewport={"width": 1280, "height": 900}, reduced_motion="reduce") as page:
        sign_in(page, "rea")
        page.get_by_role("link", name="Map").click()
        svg = page.locator("#map > svg")

        def view() -> list[float]:
            page.wait_for_timeout(60)
            return [float(n) for n in (svg.get_attribute("viewBox") or "").split()]

        whole = view()
        assert barriers(page) == []
        page.get_by_role("button", name="Zoom in").click()
        assert view()[2] < whole[2]
        page.locator("#map").focus()
        before = view()
        page.keyboard.press("ArrowDown")
        assert view()[1] > before[1]
        page.keyboard.press("0")
        assert view() == whole
        link = page.get_by_role("link", name="West and East")
        link.focus()
        assert page.locator("path.piece.overlap.lit").count() == 1
        link.click()
        assert page.locator("path.piece.overlap.picked").count() == 1 and view()[2] < whole[2]
        page.get_by_role("button", name="Show all").click()
        page.get_by_role("link", name="East", exact=True).hover()
        assert page.locator("path.area.lit").count() == 1
        shot(page, "map")
        page.emulate_media(color_scheme="dark")
        assert barriers(page) == []
        shot(page, "map_dark")


@pytest.mark.slow
def test_the_map_works_without_scripts_and_on_a_phone(browser: Browser, service: Service) -> None:
    """The whole map is there, and links lead to shapes."""
    with window(browser, service, viewport={"width": 390, "height": 800}, java_script_enabled=False) as page:
        sign_in(page, "rea")
        page.goto("/desk/map")
        assert page.locator("#map > svg").is_visible() and not page.get_by_role("button", name="Zoom in").count()
        page.get_by_role("link", name="West and East").click()
        assert page.url.endswith("#piece-0") or "#piece-" in page.url
        shot(page, "map_phone_without_scripts")
    with window(browser, service, viewport={"width": 390, "height": 800}) as page:
        sign_in(page, "rea")
        page.goto("/desk/map")
        assert page.evaluate("document.documentElement.scrollWidth") <= 390
        assert barriers(page) == []
        shot(page, "map_phone")


@pytest.mark.slow
def test_the_map_of_the_samples_shows_states_and_counties(browser: Browser, tmp_path_factory: pytest.TempPathFactory) -> None:
    """The shipped samples: a county that reaches over its state, one without a state."""
    made = Here(tmp_path_factory.mktemp("samples"))
    made.add_account("acme", [ACCOUNT], title="Field sales", territories={})
    add_user(made, "rea", "acme", "read")
    for name in ("1_states.kml", "2_counties.kml"):
        made.deliver(name, (CUT / name).read_bytes(), folder="Territories/New")
    with Service(made) as service, window(browser, service, viewport={"width": 1280, "height": 900}) as page:
        sign_in(page, "rea")
        page.goto("/desk/map")
        assert page.locator("path.area").count() >= 10
        page.get_by_label("Search territories").fill("a")
        assert barriers(page) == []
        shot(page, "map_samples")
    made.close()
