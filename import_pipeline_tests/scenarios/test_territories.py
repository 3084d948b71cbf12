"""Territories through the /Territories tree: KML, hierarchy, assignment, plans, maps, exports (acceptance S-14, B-14)."""

import csv
import json
from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.definitions import build_definitions
from import_pipeline.delivering.again import book_undo
from import_pipeline_tests.scenarios.conftest import ACCOUNT
from import_pipeline_tests.scenarios.kml import box, kml, placemark, polygon
from import_pipeline_tests.scenarios.site import Here, Site
from import_pipeline_tests.territory_samples import counties_kml, states_kml

NEW, CHECK = "Territories/New", "Territories/Check/New"
TREE = """
    SELECT t."Title", CAST(t."Level" AS INTEGER), p."Title"
    FROM store.territory t
    JOIN store._tree s ON s.territory = t._id AND s._valid_to IS NULL
    LEFT JOIN store.territory p ON p._id = s.parent
    ORDER BY 1
"""
PLACES = """
    SELECT a."ExternalDataObjectId", t."Title"
    FROM store.account a
    JOIN store._placed p ON p.pin = a._pin_id AND p._valid_to IS NULL
    LEFT JOIN store.territory t ON t._id = p.territory
    ORDER BY 1
"""
ACCOUNTS = "ExternalDataObjectId,Name,Lat,Lng\nA1,One,5,2\nA2,Two,5,8\nA3,Three,50,50\n"


@pytest.fixture
def land(site: Site) -> Site:
    """The site with an account `land` that has territories."""
    daily = {"daily": ["Territory", "Account"]}
    site.add_account("land", [ACCOUNT], territories={}, exports=daily, on_error="skip", timezone="UTC")
    site.account = "land"
    return site


def _undo(site: Site, job: str) -> Any:
    _, key = book_undo(site.pipeline, job, dry_run=False)
    site.work()
    return next(row for row in site.jobs() if row.delivery == key)


def test_kml_files_become_a_tree_of_territories_in_order_of_their_levels(land: Site) -> None:
    """Many polygons a file, many files a delivery; what is bad fails alone, what hangs nowhere is reported, and there is a map."""
    land.drop("2_inner.kml", kml(box("West", 0, 0, 5, 10), placemark("Office", "<Point><coordinates>1,1</coordinates></Point>")), NEW)
    land.drop("1_outer.kml", kml(box("North", 0, 0, 10, 10), box("South", 10, 0, 8, 10)), "Territories")
    land.drop("2_more.kml", kml(box("East", 5, 0, 5, 10), box("Far", 40, 0, 5, 5)), NEW)
    land.work()
    assert land.query(TREE) == [("East", 2, "North"), ("Far", 2, None), ("North", 1, None), ("South", 1, None), ("West", 2, "North")]
    inner, more = land.job("2_inner.kml"), land.job("2_more.kml")
    assert (inner.state, inner.counts.created, inner.counts.refused) == ("applied", 1, 1)
    assert land.errors(inner) == {(4, "Shape", "not_a_polygon")}
    assert [(w["code"], w["lines"]) for w in land.receipt(more)["errors"]] == [("no_parent_territory", [4])]
    success = land.listing("Territories/Success")
    drawn = f"territories.{inner.delivery}.map.html"
    assert {"1_outer.kml", "2_inner.kml", "2_more.kml", drawn} <= set(success)
    assert [name for name in success if name.endswith(".map.html")] == [drawn]
    assert {land.receipt(job)["map_file"] for job in land.jobs()} == {drawn}
    assert f"2_inner.{inner.id}.failed.kml" in land.listing("Territories/Failed")


@pytest.mark.here
def test_the_same_title_replaces_the_shape_and_keeps_id_parent_and_history(land: Site) -> None:
    """Acceptance S-14; equal shapes change nothing, also in another file of other words."""
    land.drop("1_a.kml", kml(box("North", 0, 0, 10, 10)), NEW)
    land.deliver("2_a.kml", kml(box("West", 0, 0, 5, 10)), folder=NEW)
    (before,) = land.query("SELECT _id, _version FROM store.territory WHERE \"Title\" = 'West'")
    job = land.deliver("2_b.kml", kml(box("  West ", 0, 0, 4, 10)), folder=NEW)
    assert (job.counts.created, job.counts.updated) == (0, 1)
    (after,) = land.query("SELECT _id, _version FROM store.territory WHERE \"Title\" = 'West'")
    assert after == (before[0], before[1] + 1)
    assert ("West", 2, "North") in land.query(TREE)
    assert land.query('SELECT "Shape" FROM store._history_territory') == [("POLYGON ((0 0, 5 0, 5 10, 0 10, 0 0))",)]
    same = land.deliver("2_c.kml", kml(box("West", 0.0, 0.0, 4.0, 10.0)).replace(",0 ", ",12.5 "), folder=NEW)
    assert (same.counts.updated, same.counts.unchanged) == (0, 1)


@pytest.mark.here
def test_the_same_title_in_two_files_of_a_delivery_is_reported_and_the_later_one_counts(land: Site) -> None:
    """In one file the second one is refused: which of the two is meant, nobody could tell."""
    land.drop("1_a.kml", kml(box("North", 0, 0, 10, 10), box("North", 20, 0, 1, 1)), NEW)
    land.drop("1_b.kml", kml(box("North", 0, 0, 8, 10)), NEW)
    land.work()
    first, second = land.job("1_a.kml"), land.job("1_b.kml")
    assert land.errors(first) == {(4, "Title", "duplicate_title"), (3, "Title", "title_again")}
    assert first.counts.refused == 1
    assert land.receipt(second)["errors"] == []
    assert land.query('SELECT "Shape" FROM store.territory') == [("POLYGON ((0 0, 8 0, 8 10, 0 10, 0 0))",)]


@pytest.mark.here
def test_records_belong_to_the_deepest_territory_that_holds_their_pin(land: Site) -> None:
    """Acceptance B-14: at their import, in the same delivery as the shapes, and again when shapes change; the past stays as it was."""
    land.drop("Account_1.csv", ACCOUNTS)
    land.drop("1_a.kml", kml(box("North", 0, 0, 10, 10)), NEW)
    land.drop("2_a.kml", kml(box("West", 0, 0, 5, 10)), NEW)
    land.work()
    assert land.query(PLACES) == [("A1", "West"), ("A2", "North"), ("A3", None)]
    land.deliver("2_b.kml", kml(box("West", 6, 0, 4, 10)), folder=NEW)
    assert land.query(PLACES) == [("A1", "North"), ("A2", "West"), ("A3", None)]
    assert land.query("SELECT DISTINCT _version FROM store.account") == [(1,)]


@pytest.mark.here
def test_a_plan_of_shapes_tells_which_records_would_move_from_where_to_where(land: Site) -> None:
    """Acceptance B-14: nothing is written, and the import does exactly these moves."""
    land.drop("Account_1.csv", ACCOUNTS)
    land.drop("1_a.kml", kml(box("North", 0, 0, 10, 10)), NEW)
    land.deliver("2_a.kml", kml(box("West", 0, 0, 5, 10)), folder=NEW)
    shapes = kml(box("West", 6, 0, 4, 10), box("Island", 45, 45, 10, 10))
    job = land.deliver("2_b.kml", shapes, folder=CHECK)
    assert job.state == "planned"
    assert land.query(PLACES) == [("A1", "West"), ("A2", "North"), ("A3", None)]
    assert job.plan_file
    rows = pl.read_parquet(Path(job.plan_file).with_suffix(".parquet")).filter(pl.col("action") == "move")
    assert rows.select("type", "external_id", "column", "old", "new").rows() == [
        ("Account", "A1", "Territory", "West", "North"),
        ("Account", "A2", "Territory", "North", "West"),
        ("Account", "A3", "Territory", None, "Island"),
    ]
    page = Path(job.plan_file).read_text()
    assert "West → North" in page
    assert "no territory → Island" in page
    assert land.receipt(job)["plan"]["actions"]["move"] == 3
    land.deliver("2_b.kml", shapes, folder=NEW)
    assert land.query(PLACES) == [("A1", "North"), ("A2", "West"), ("A3", "Island")]


@pytest.mark.here
def test_an_undo_of_shapes_puts_everything_back_where_it_hung(land: Site) -> None:
    """Acceptance B-3, and the undo can be undone."""
    land.drop("Account_1.csv", ACCOUNTS)
    land.deliver("1_a.kml", kml(box("North", 0, 0, 10, 10)), folder=NEW)
    before = land.query(PLACES), land.query(TREE)
    job = land.deliver("1_b.kml", kml(box("North", 0, 0, 5, 10), box("Isles", 40, 40, 20, 20)), folder=NEW)
    after = land.query(PLACES), land.query(TREE)
    assert after[0] == [("A1", "North"), ("A2", None), ("A3", "Isles")]
    undo = _undo(land, job.id)
    assert (land.query(PLACES), land.query(TREE)) == before
    _undo(land, undo.id)
    assert (land.query(PLACES), land.query(TREE)) == after


def _export(land: Site, day: str) -> None:
    with land.instance() as instance:
        job = build_definitions(pipeline=land.pipeline).resolve_job_def("export_daily_land")
        assert job.execute_in_process(instance=instance, partition_key=day).success


@pytest.fixture
def past(tmp_path: Path) -> Here:
    """An account with territories, some days ago."""
    made = Here(tmp_path)
    exports = {"daily": ["Territory", "Account"]}
    made.add_account("land", [ACCOUNT], territories={"accept_multipolygons": True}, exports=exports, timezone="UTC")
    made.clock.since = timedelta(days=4)
    return made


def test_an_exported_kml_imported_back_changes_nothing(past: Here) -> None:
    """Acceptance S-16: one KML per level and a GeoJSON with a manifest; a past day reproduces its bytes after later changes."""
    hole = "<innerBoundaryIs><LinearRing><coordinates>1.1,1 2,1 2,2 1.1,2 1.1,1</coordinates></LinearRing></innerBoundaryIs>"
    ring = "0.1,-33.3333333333333 7,0 7.000000000000001,7 0,7 0.1,-33.3333333333333"
    past.drop("1_a.kml", kml(box("North &amp; &lt;West&gt;", 0, 0, 10, 10), polygon("Ring", ring, hole)), NEW)
    past.drop("2_a.kml", kml(box("Ünder", 0.123456789012345, 1e-3, 5, 9)), NEW)
    past.deliver("Account_1.csv", ACCOUNTS)
    day = past.clock.now().date().isoformat()
    past.clock.jump(timedelta(days=1))
    past.deliver("2_b.kml", kml(box("Ünder", 0, 0, 1, 1)), folder=NEW)
    _export(past, day)
    folder = past.path("Exports/Daily")
    names = [f"1_Territory_{day}.kml", f"2_Territory_{day}.kml", f"Territory_{day}.geojson"]
    first = {name: (folder / name).read_bytes() for name in names}
    manifest = json.loads((folder / f"Territory_{day}.geojson.manifest.json").read_text())
    assert [(f["file"], f["rows"]) for f in manifest["files"]] == [(names[0], 2), (names[1], 1), (names[2], 3)]
    found = json.loads(first[names[2]])["features"]
    assert {(f["properties"]["Title"], f["properties"]["Parent"]) for f in found} == {
        ("North & <West>", None), ("Ring", None), ("Ünder", "North & <West>"),
    }  # fmt: skip
    _export(past, day)
    assert {name: (folder / name).read_bytes() for name in names} == first
    back = past.deliver(names[0], first[names[0]], folder=NEW)
    assert (back.counts.unchanged, back.counts.updated, back.counts.created, back.counts.refused) == (2, 0, 0, 0)
    # Level 2 was exported as it was the day before: sent back it is that shape again.
    assert past.deliver(names[1], first[names[1]], folder=NEW).counts.updated == 1
    assert past.deliver(names[1].replace(".kml", "_again.kml"), first[names[1]] + b"\n", folder=NEW).counts.unchanged == 1
    with (folder / f"Account_{day}.csv").open(newline="") as lines:
        told = [(row["ExternalDataObjectId"], row["Territory"]) for row in csv.DictReader(lines)]
    assert told == [("A1", "Ünder"), ("A2", "North & <West>"), ("A3", "")]


@pytest.mark.here
def test_failed_placemarks_mended_and_dropped_back_close_what_was_open(land: Site) -> None:
    """Acceptance B-1 for shapes: the failed file is KML, holds only what failed, and re-links under any name."""
    crossed = polygon("Bow", "0,0 2,2 2,0 0,2 0,0")
    job = land.deliver("1_a.kml", kml(box("North", 0, 0, 10, 10), crossed), folder=NEW)
    assert land.errors(job) == {(4, "Shape", "ring_crosses")}
    assert job.failed_file and job.failed_file.endswith(".failed.kml")
    text = Path(job.failed_file).read_text()
    assert ("North" in text, "Bow" in text) == (False, True)
    mended = land.deliver("1_mended.kml", text.replace("0,0 2,2 2,0 0,2 0,0", "0,0 2,0 2,2 0,2 0,0"), folder=NEW)
    assert (mended.counts.created, mended.counts.refused) == (1, 0)
    assert land.receipt(land.job("1_a.kml"))["resolved"]["rows"] == 1


@pytest.mark.here
@pytest.mark.parametrize(
    ("content", "code"),
    [
        (kml(box("North", 0, 0, 10, 10))[:-20], "cut_off"),
        (kml(box("North", 0, 0, 10, 10)).replace("</Document>", "</Folder>"), "bad_xml"),
        ('<!DOCTYPE kml [<!ENTITY a "b">]>' + kml(box("&a;", 0, 0, 10, 10)).split("\n", 1)[1], "forbidden_xml"),
        ("<?xml version='1.0'?><rows xmlns='kml'><kml/></rows>", "not_kml"),
    ],
)
def test_a_refused_file_applies_nothing_and_the_rest_of_its_delivery_goes_on(land: Site, content: str, code: str) -> None:
    """A fault behind good placemarks refuses them too."""
    land.drop("1_bad.kml", content, NEW)
    land.drop("1_good.kml", kml(box("South", 0, -10, 10, 10)), NEW)
    land.work()
    bad, good = land.job("1_bad.kml"), land.job("1_good.kml")
    assert (bad.state, good.state) == ("failed", "applied")
    assert land.receipt(bad)["fault"]["code"] == code
    assert land.query('SELECT "Title" FROM store.territory') == [("South",)]
    assert "1_bad.kml" in land.listing("Territories/Failed")


@pytest.mark.here
def test_without_territories_an_account_says_so(site: Site) -> None:
    """A KML is never taken without an answer."""
    job = site.deliver("1_a.kml", kml(box("North", 0, 0, 10, 10)), folder=NEW)
    assert (job.state, site.receipt(job)["fault"]["code"]) == ("failed", "unsupported_kind")
    assert "this account has none" in (job.reason or "")


@pytest.mark.here
@pytest.mark.slow
def test_all_states_and_counties_strict_refuses_each_multipolygon_and_kind_takes_them(site: Site, tmp_path: Path) -> None:
    """Real borders (US Census): simple ones come in, several polygons and holes are reported one by one, or come in where stated."""
    states, counties = states_kml(tmp_path), counties_kml(tmp_path)
    for name, stated in (("strict", {}), ("kind", {"accept_multipolygons": True})):
        site.add_account(name, [ACCOUNT], territories=stated)
    for name in ("strict", "kind"):
        site.drop("1_states.kml", states.read_bytes(), NEW, account=name)
        site.drop("2_counties.kml", counties.read_bytes(), NEW, account=name)
        site.work(name)
    found = {(n, j.name): (j.counts.created, j.counts.refused) for n in ("strict", "kind") for j in site.jobs(n)}
    assert found == {
        ("strict", "1_states.kml"): (44, 7),
        ("strict", "2_counties.kml"): (3118, 115),
        ("kind", "1_states.kml"): (51, 0),
        ("kind", "2_counties.kml"): (3233, 0),
    }
    site.account = "strict"
    codes = [code for *_, code in site.errors(site.job("2_counties.kml")) if code in ("several_polygons", "polygon_with_hole")]
    assert (codes.count("several_polygons"), codes.count("polygon_with_hole")) == (77, 38)
    hanging = "SELECT count(*) FILTER (s.parent IS NOT NULL), count(*) FROM store._tree s WHERE s._valid_to IS NULL"
    (inside, of) = site.query(hanging, account="kind")[0]
    assert of == 3284
    assert inside > 3100
