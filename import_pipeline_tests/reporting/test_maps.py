"""The picture of territories, and what it shares with the page: every input gives one, well formed, small, the same each time."""

import re

import numpy as np
import polars as pl
import pytest

from import_pipeline.reporting.map_content import content
from import_pipeline.reporting.map_picture import COLOURS, FOUND_COLOURS, LEVELS, WIDTH, nice_length
from import_pipeline.reporting.maps import territory_map_html, territory_map_svg
from import_pipeline_tests.reporting.maps_kit import FOUND, HOSTILE, PINS, REGION, SVG, box, counts, drawn, findings, territories, words


def many(columns: int, rows: int, corners: int) -> pl.DataFrame:
    """Neighbouring round territories of so many corners each on a grid, in one level, with every third one changed."""
    turn = np.linspace(0, 2 * np.pi, corners)
    ring = ", ".join(["{:.7f} {:.7f}"] * corners)
    x, y = np.meshgrid(np.linspace(-120, -70, columns), np.linspace(25, 49, rows))
    wide, high = 25 / columns, 12 / rows
    shapes = []
    for a, b in zip(x.ravel(), y.ravel(), strict=True):
        points = np.column_stack([a + wide * np.cos(turn), b + high * np.sin(turn)])
        points[-1] = points[0]
        shapes.append(f"POLYGON (({ring.format(*points.ravel())}))")
    return pl.DataFrame(
        {
            "id": range(1, len(shapes) + 1),
            "title": [f"Territory {n}" for n in range(len(shapes))],
            "level": [1] * len(shapes),
            "shape": shapes,
            "km2": [1.0] * len(shapes),
            "change": ["updated" if n % 3 == 0 else None for n in range(len(shapes))],
        }
    )


def test_the_picture_tells_levels_changes_and_findings_with_their_numbers() -> None:
    """Who looks at a run sees at once what it did; a deleted territory is none of those that there are."""
    picture = drawn(territory_map_svg(REGION, FOUND, pins=PINS, title="Territories of acme"))
    shown = words(picture)
    assert shown[:2] == [
        "Territories of acme",
        "5 territories in 2 levels. 1 created, 1 updated, 1 deleted. 1 overlap, 1 gap, 1 has no parent.",
    ]
    assert {"level 1: 2", "level 2: 3", "created: 1", "updated: 1", "deleted: 1", "overlap: 1", "gap: 1", "no parent: 1"} <= set(shown)
    assert {"West", "East", "Birch", "pins in a territory", "50 km"} <= set(shown)
    assert "Dogwood" not in shown


def test_levels_differ_in_weight_and_colour_and_upper_ones_are_drawn_over_lower_ones() -> None:
    """A border of a region must stay in one piece where borders of its districts meet it."""
    lines = [use.attrib for use in drawn(territory_map_svg(REGION)).iter(f"{SVG}use") if use.attrib.get("fill") == "none"]
    plain = [line for line in lines if line["stroke"] not in COLOURS.values()]
    assert [line["href"][1:8] for line in plain] == sorted((line["href"][1:8] for line in plain), reverse=True)
    assert {line["href"][1:8]: line["stroke"] for line in plain} == {"level-1": LEVELS[0][0], "level-2": LEVELS[1][0]}
    assert len({line["stroke-width"] for line in plain}) == 2


def test_what_most_territories_have_in_common_is_tinted_and_not_highlighted() -> None:
    """The first delivery creates all of them: their levels must stay to be seen."""
    uses = [use.attrib for use in drawn(territory_map_svg(REGION.with_columns(change=pl.lit("created")))).iter(f"{SVG}use")]
    assert {use["fill-opacity"] for use in uses if use.get("fill") == COLOURS["created"]} == {"0.15"}
    assert not [use for use in uses if use.get("stroke") == COLOURS["created"]]
    few = [use.attrib for use in drawn(territory_map_svg(REGION)).iter(f"{SVG}use")]
    assert {use["fill-opacity"] for use in few if use.get("fill") == COLOURS["created"]} == {"0.34"}
    assert [use for use in few if use.get("stroke") == COLOURS["created"]]


def test_overlaps_are_red_gaps_hatched_and_pieces_too_small_to_see_have_a_ring() -> None:
    """An overlap of some metres matters as much as the eye would miss it."""
    picture = drawn(territory_map_svg(REGION, FOUND))
    fills = {path.attrib["class"]: path.attrib["fill"] for path in picture.iter(f"{SVG}path") if "class" in path.attrib}
    assert fills == {"overlap": FOUND_COLOURS["overlap"], "no_parent_territory": "none"}
    assert {circle.attrib["class"] for circle in picture.iter(f"{SVG}circle") if "class" in circle.attrib} == {"gap"}
    wide = drawn(territory_map_svg(REGION, FOUND.with_columns(shape=pl.lit(box(-97.5, 41, -97, 41.5)))))
    assert {path.attrib["class"]: path.attrib["fill"] for path in wide.iter(f"{SVG}path") if "class" in path.attrib}[
        "gap"
    ] == "url(#gap-on-map)"
    assert "gap-on-map" in {pattern.attrib["id"] for pattern in wide.iter(f"{SVG}pattern")}


@pytest.mark.parametrize("frame", [REGION.clear(), territories({"title": "Nowhere", "shape": None}), pl.DataFrame(schema={"id": pl.Int64})])
def test_nothing_to_draw_gives_a_picture_and_a_page_all_the_same(frame: pl.DataFrame) -> None:
    """An account begins without territories, and a report that breaks on that is no report."""
    picture = drawn(territory_map_svg(frame, findings()))
    assert words(picture)[1].startswith("1 territory in 1 level." if frame.height else "No territories yet.")
    page = territory_map_html(frame, findings())
    assert ("No territories yet." in page) == (not frame.height)


def test_shapes_that_cannot_be_read_are_left_out_and_the_others_are_drawn() -> None:
    """One bad text must not cost people the whole map."""
    bad = ["POLYGON ((1 2", "POINT (1 2)", "POLYGON EMPTY", "POLYGON ((nan 0, 1 0, 1 1, nan 0))", "", "LINESTRING (0 0, 1 1)"]
    frame = territories(*({"title": f"bad {n}", "shape": wkt} for n, wkt in enumerate(bad)), {"title": "Good", "shape": box(0, 0, 1, 1)})
    assert territory_map_svg(frame).count("M") == territory_map_svg(frame.tail(1)).count("M") > 0
    assert "Good" in words(drawn(territory_map_svg(frame)))
    assert "bad 3" in territory_map_html(frame)


def test_hostile_titles_stay_text_in_the_picture() -> None:
    """Titles come from files that anybody may send."""
    frame = territories({"title": HOSTILE, "shape": box(-170, -60, 170, 60)}, {"title": "&<>\"'", "shape": box(0, 60.1, 170, 80)})
    picture = drawn(territory_map_svg(frame, title=HOSTILE))
    names = {element.tag.removeprefix(SVG) for element in picture.iter()}
    assert names <= {"svg", "title", "rect", "text", "defs", "pattern", "path", "use", "g"}
    assert words(picture)[0] == HOSTILE.replace("\u202e", "\ufffd").replace("\x1b", "\ufffd").replace("\x00", "\ufffd")
    assert "&<>\"'" in words(picture)


def test_the_picture_asks_for_nothing_from_outside() -> None:
    """It is shown in a page of another server and must not tell anybody about it."""
    svg = territory_map_svg(REGION, FOUND, pins=PINS)
    assert set(re.findall(r"(?:href|src)=\"(.)", svg)) == {"#"}
    assert set(re.findall(r"url\((.)", svg)) == {"#"}
    assert re.findall(r"https?://[^\"]*", svg) == ["http://www.w3.org/2000/svg"]
    targets = set(re.findall(r"(?:href=\"|url\()#([\w-]+)", svg))
    assert targets <= set(re.findall(r' id="([\w-]+)"', svg))


def test_the_same_rows_in_any_order_give_the_same_picture_and_page() -> None:
    """A run that is repeated writes the same bytes (DESIGN section 3)."""
    numbers = counts(t1=5, t3=2)
    pictures = {
        territory_map_svg(REGION.sample(fraction=1, shuffle=True, seed=n), FOUND.reverse() if n % 2 else FOUND, pins=PINS.reverse())
        for n in range(4)
    }
    pages = {
        territory_map_html(REGION.sample(fraction=1, shuffle=True, seed=n), FOUND.reverse() if n % 2 else FOUND, pins=PINS, counts=numbers)
        for n in range(4)
    }
    assert len(pictures) == len(pages) == 1


def test_many_territories_give_a_small_picture() -> None:
    """It stands in the metadata of a run, which is kept and sent around."""
    svg = territory_map_svg(many(50, 30, 60))
    assert len(svg.encode()) < 500_000
    assert drawn(svg).attrib["width"] == str(WIDTH)
    assert "level 1: 1,500" in words(drawn(svg))


@pytest.mark.slow
def test_even_the_worst_picture_stays_below_its_bound() -> None:
    """Twenty thousand territories, one border of 400,000 corners, thousands of findings, pins and long titles."""
    turn = np.linspace(0, 2 * np.pi, 400_000)
    coast = np.column_stack([(60 + np.sin(900 * turn)) * np.cos(turn), (60 + np.sin(900 * turn)) * np.sin(turn)])
    coast[-1] = coast[0]
    big = territories({"id": 0, "title": "Coast", "shape": "POLYGON ((" + ", ".join(f"{x} {y}" for x, y in coast) + "))"})
    frame = pl.concat([big, many(200, 100, 12)], how="diagonal")
    found = frame.filter(pl.col("id") > 0).select(
        "id", "shape", code=pl.lit("overlap"), other=pl.lit(1), km2=pl.lit(2.0), share=pl.lit(0.1)
    )
    dots = pl.DataFrame({"lng": np.linspace(-100, 50, 9000), "lat": np.linspace(25, 49, 9000), "territory": [None] * 9000})
    svg = territory_map_svg(frame, pl.concat([found, found.with_columns(code=pl.lit("gap"))]), pins=dots)
    assert len(svg.encode()) < 500_000
    assert drawn(svg) is not None


@pytest.mark.parametrize(("longest", "expected"), [(1, 1), (1.99, 1), (2, 2), (4.9, 2), (7, 5), (10, 10), (0.03, 0.02), (1234, 1000)])
def test_the_scale_bar_has_a_round_length(longest: float, expected: float) -> None:
    """One, two or five times a power of ten, and never longer than there is room."""
    assert nice_length(longest) == pytest.approx(expected)


def test_a_parent_that_is_gone_and_an_unknown_finding_are_told_as_they_are() -> None:
    """The map shows what it gets; judging it is the work of others."""
    made = content("x", territories({"title": "A", "level": 2, "parent": 99}), findings({"code": "new_kind", "id": 99, "other": 1}))
    assert made.territories["parent_title"].to_list() == [None]
    assert made.findings.select("title", "other_title").row(0) == (None, "A")
    assert made.sentences() == ["1 territory in 1 level.", "1 new kind."]
