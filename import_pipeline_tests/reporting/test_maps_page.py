"""The page of territories: complete, escaped, and closed to the outside."""

import base64
import hashlib
import re

import polars as pl
import pytest

from import_pipeline.reporting.map_content import percent, square_km
from import_pipeline.reporting.map_html import MOST_TERRITORIES
from import_pipeline.reporting.maps import territory_map_html
from import_pipeline_tests.reporting.maps_kit import FOUND, HOSTILE, PINS, REGION, Page, box, counts, findings, rings, territories

FULL = territory_map_html(REGION, FOUND, pins=PINS, counts=counts(t1=1200, t3=7), title="Territories of acme", note="As of job ab12cd34.")


def test_the_list_tells_title_level_parent_area_pins_and_change() -> None:
    """All that the map shows can be read without it: by a screen reader, or where scripts do not run."""
    rows = Page(FULL).rows
    assert ["Territory", "km²", "Pins"] in rows
    assert ["Westlevel 1", "37,000", "1,200"] in rows
    assert ["Alder createdlevel 2 · in West", "18,500", "7"] in rows
    assert ["Cedarlevel 2", "4,700", "0"] in rows
    assert ["Dogwood deletedlevel 2 · in East", "9,400", "0"] in rows


def test_findings_are_a_table_of_links_the_gravest_kind_and_the_largest_first() -> None:
    """Each link leads to the place on the map."""
    page = Page(FULL)
    assert page.rows[1:4] == [
        ["Overlap", "Alder and Birch", "3,700", "20\u00a0%"],
        ["Gap", "East", "<\u00a00.01", "<\u00a00.1\u00a0%"],
        ["No parent", "Cedar", "4,700", "0\u00a0%"],
    ]
    assert {"#f0", "#f1", "#f2"} <= {a.get("href") for tag, a in page.tags if tag == "a"}


def test_every_link_and_label_leads_to_something_on_the_page() -> None:
    """A link into nothing is worse than none, for a screen reader most of all."""
    page = Page(FULL)
    ids = [a["id"] for _, a in page.tags if "id" in a]
    assert len(ids) == len(set(ids))
    for name in ("aria-labelledby", "aria-describedby", "aria-controls"):
        assert {a[name] for _, a in page.tags if name in a} <= set(ids)
    assert {(a.get("href") or "#")[1:] for tag, a in page.tags if tag == "a"} <= set(ids)
    assert all(a.get("aria-label") for tag, a in page.tags if tag in ("button", "canvas"))


def test_the_script_gets_numbers_only_and_rows_in_the_order_of_the_tables() -> None:
    """No text of a sender ever stands in a script element."""
    page = Page(FULL)
    numbers = page.numbers
    titles = [row[0] for row in page.rows if "level" in row[0]]
    assert len(numbers["territories"]) == len(titles) == REGION.height
    assert re.sub(
        r'"(overlap|gap|outside_parent|no_parent_territory|territories|findings|pins|plain|width|height|unit|top)"', "", page.scripts[0]
    ).count('"') == 2 * (REGION.height + FOUND.height)
    levels = [int(title.split("level ")[1][0]) for title in titles]
    assert [t[0] for t in numbers["territories"]] == levels
    alder, west = (next(n for n, title in enumerate(titles) if title.startswith(name)) for name in ("Alder", "West"))
    assert numbers["territories"][alder][5] == west
    assert numbers["territories"][west][5] == -1
    overlap = numbers["findings"][0]
    assert [titles[n][:5] for n in overlap[3]] == ["Alder", "Birch"]
    assert len(numbers["pins"]) == 3 * PINS.height


def test_outlines_lie_on_the_sheet_and_neighbours_share_their_border() -> None:
    """West ends where East begins; north is up."""
    numbers = Page(FULL).numbers
    boxes = {tuple(t[3]) for t in numbers["territories"] if t[0] == 1}
    (left, right) = sorted(boxes)
    assert left[2] == right[0]
    assert left[:2] == (0, 0)
    for t in numbers["territories"]:
        corners = [corner for ring in rings(t[2]) for corner in ring]
        assert all(0 <= x <= numbers["width"] and 0 <= y <= numbers["height"] for x, y in corners)
        assert (min(x for x, _ in corners), min(y for _, y in corners), max(x for x, _ in corners), max(y for _, y in corners)) == tuple(
            t[3]
        )


def test_the_page_asks_for_nothing_from_outside_and_runs_its_own_script_only() -> None:
    """It lies beside receipts and is sent by mail: what it shows must stay with the reader."""
    page = Page(FULL)
    (policy,) = (a["content"] or "" for tag, a in page.tags if a.get("http-equiv") == "Content-Security-Policy")
    rules = dict(rule.strip().split(" ", 1) for rule in policy.split(";"))
    assert rules.keys() == {"default-src", "style-src", "script-src", "base-uri", "form-action"}
    assert {rules["default-src"], rules["base-uri"], rules["form-action"]} == {"'none'"}
    for name, text in (("script-src", page.scripts[1]), ("style-src", page.inside["style"][0])):
        assert rules[name] == f"'sha256-{base64.b64encode(hashlib.sha256(text.encode()).digest()).decode()}'"
    assert not [(tag, name) for tag, a in page.tags for name in a if name in ("src", "srcset", "action", "style") or name.startswith("on")]
    assert all((a["href"] or "").startswith("#") for _, a in page.tags if "href" in a)
    assert not {tag for tag, _ in page.tags} & {"link", "iframe", "img", "object", "embed", "base", "form", "svg"}
    assert "url(" not in FULL
    assert "@import" not in FULL
    assert not re.findall(r"https?:|//\w+\.\w", FULL)
    assert not re.findall(r"innerHTML|insertAdjacent|document\.write|eval\(|fetch\(|XMLHttp|WebSocket|import\(", FULL)


def test_hostile_titles_stay_text_on_the_page() -> None:
    """Titles come from files that anybody may send; a mark that turns the reading direction is shown as unknown."""
    frame = territories(
        {"title": HOSTILE, "shape": box(0, 0, 1, 1)}, {"title": HOSTILE + "2", "level": 2, "parent": 1, "shape": box(0, 0, 0.5, 1)}
    )
    page = Page(territory_map_html(frame, findings({"code": HOSTILE, "id": 1, "other": 2}), title=HOSTILE, note=HOSTILE))
    clean = Page(
        territory_map_html(frame.with_columns(title=pl.lit("a")), findings({"code": "a", "id": 1, "other": 2}), title="a", note="b")
    )
    assert [tag for tag, _ in page.tags] == [tag for tag, _ in clean.tags]
    seen = HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd").replace("\x00", "\ufffd")
    assert page.inside["h1"] == [seen]
    assert sum(seen in row[0] for row in page.rows) == 2
    assert len(page.scripts) == 2


def test_columns_and_layers_appear_only_where_there_is_something_in_them() -> None:
    """Without pins no column of zeros; without findings no empty table."""
    page = Page(territory_map_html(REGION.with_columns(change=None), None))
    assert ["Territory", "km²"] in page.rows
    layers = [a["data-layer"] for _, a in page.tags if "data-layer" in a]
    assert layers == ["level-1", "level-2", "titles"]
    assert "overlap" not in " ".join(page.inside["p"])
    full = [a["data-layer"] for _, a in Page(FULL).tags if "data-layer" in a]
    assert full == ["level-1", "level-2", "created", "updated", "deleted", "overlap", "gap", "no_parent_territory", "pins", "titles"]


def test_light_dark_and_small_screens_are_provided_for() -> None:
    """People look at it on the phone in the field."""
    style = Page(FULL).inside["style"][0]
    assert "prefers-color-scheme: dark" in style
    assert "min-width: 56rem" in style
    assert {a.get("content") for tag, a in Page(FULL).tags if a.get("name") == "viewport"} == {"width=device-width, initial-scale=1"}
    light, dark = (set(re.findall(r"(--[\w-]+):", block)) for block in re.findall(r":root \{(.*?)\}", style, re.DOTALL))
    assert light == dark
    assert set(re.findall(r"var\((--[\w-]+)", style)) <= light | {"--c"}


@pytest.mark.slow
def test_a_page_shows_what_changed_or_was_found_first_when_there_are_too_many() -> None:
    """A page of a hundred thousand rows opens nowhere; what it leaves out is said."""
    number = MOST_TERRITORIES + 30
    frame = pl.DataFrame(
        {
            "id": range(1, number + 1),
            "title": [f"T{n}" for n in range(1, number + 1)],
            "level": [2] * number,
            "shape": [box(n % 90, n // 90 % 80, n % 90 + 0.9, n // 90 % 80 + 0.9) for n in range(number)],
            "km2": [float(number - n) for n in range(number)],
            "change": [None] * (number - 1) + ["updated"],
        }
    )
    text = territory_map_html(frame, findings({"code": "gap", "id": number - 1}))
    page = Page(text)
    shown = {row[0] for row in page.rows if "level 2" in row[0]}
    assert len(shown) == MOST_TERRITORIES == len(page.numbers["territories"])
    assert {f"T{number} updatedlevel 2", f"T{number - 1}level 2", "T1level 2"} <= shown
    assert f"T{number - 2}level 2" not in shown
    assert "30 more are not on this page" in text


@pytest.mark.parametrize(
    ("area", "expected"),
    [(None, ""), (0.0, "0.00"), (0.004, "<\u00a00.01"), (0.27, "0.27"), (34.56, "34.6"), (1234.5, "1,234"), (1e7, "10,000,000")],
)
def test_areas_have_as_many_digits_as_they_deserve(area: float | None, expected: str) -> None:
    """A tenth of a square kilometre of Alaska is noise, of a town it is a street."""
    assert square_km(area) == expected


@pytest.mark.parametrize(
    ("share", "expected"), [(None, ""), (0.0, "0\u00a0%"), (0.0004, "<\u00a00.1\u00a0%"), (0.1236, "12.4\u00a0%"), (1.0, "100\u00a0%")]
)
def test_shares_are_told_in_per_cent(share: float | None, expected: str) -> None:
    """A share that is not nothing never reads as nothing."""
    assert percent(share) == expected
