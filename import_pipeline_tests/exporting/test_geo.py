"""Territories as KML and GeoJSON: what is written reads back as what was stored, to the last bit."""

import json
import math
import tempfile
import tracemalloc
from itertools import pairwise
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from fastkml.validator import validate
from hypothesis import given, settings
from hypothesis import strategies as st
from lxml import etree

from import_pipeline.exporting.geo import GEO_COLUMNS, KML_NAMESPACE, write_geojson, write_kml
from import_pipeline.failures import PermanentFailure
from import_pipeline_tests.plain_kml import Placemark, Ring, placemarks

SCHEMA = dict.fromkeys(GEO_COLUMNS, pl.String) | {"Level": pl.Int64, "km2": pl.Float64}
SQUARE = "POLYGON ((0 0, 0 1, 1 1, 1 0, 0 0))"


def frame(*rows: dict[str, Any]) -> pl.DataFrame:
    """Rows with all columns; what a row does not name has a usual value."""
    usual = {"RecordID": "a1", "Title": "North", "Level": 1, "Description": None, "Parent": None, "Shape": SQUARE, "km2": 12.5}
    return pl.DataFrame([usual | row for row in rows], schema=SCHEMA)


def read_kml(rows: pl.DataFrame) -> list[Placemark]:
    """The placemarks of `rows` written as KML."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1_x.kml"
        write_kml(rows, path, name="1_x.kml")
        return placemarks(path)


def read_geojson(rows: pl.DataFrame) -> dict[str, Any]:
    """`rows` written as GeoJSON, read by the standard library, which refuses NaN here."""
    with tempfile.TemporaryDirectory() as folder:
        path = Path(folder) / "1_x.geojson"
        write_geojson(rows, path)

        def refuse(text: str) -> float:
            raise ValueError(text)

        found: dict[str, Any] = json.loads(path.read_text(encoding="utf-8"), parse_constant=refuse)
        return found


def wkt(polygons: list[list[Ring]], several: bool) -> str:
    """Rings as WKT, each number as the shortest text of its double."""
    rings = [["(" + ", ".join(f"{x!r} {y!r}" for x, y in ring) + ")" for ring in polygon] for polygon in polygons]
    texts = [f"({', '.join(polygon)})" for polygon in rings]
    return f"MULTIPOLYGON ({', '.join(texts)})" if several else f"POLYGON {texts[0]}"


def area2(ring: Any) -> float:
    """Twice the signed area (shoelace): positive when the ring runs counterclockwise."""
    return math.fsum(a[0] * b[1] - b[0] * a[1] for a, b in pairwise(ring))


TEXT = st.text(st.characters(exclude_categories=["Cs", "Cc"], exclude_characters="\ufffe\uffff"), min_size=1, max_size=12)
NUMBER = st.floats(-180, 180) | st.sampled_from([0.1 + 0.2, 1e-7, 5e-324, -0.0, 179.99999999999997, -1 / 3])
POINT: st.SearchStrategy[tuple[float, ...]] = st.tuples(NUMBER, NUMBER)
RING = st.lists(POINT, min_size=3, max_size=6, unique=True).map(lambda points: [*points, points[0]])
POLYGON = st.lists(RING, min_size=1, max_size=3)


@st.composite
def territories(draw: st.DrawFn) -> list[tuple[dict[str, Any], list[list[Ring]]]]:
    """Rows with their rings. The writers judge no border, so rings may cross."""
    found: list[tuple[dict[str, Any], list[list[Ring]]]] = []
    for number in range(draw(st.integers(0, 4))):
        several = draw(st.booleans())
        polygons = draw(st.lists(POLYGON, min_size=1, max_size=3)) if several else [draw(POLYGON)]
        row = {
            "RecordID": f"a{number:023d}",
            "Title": draw(TEXT),
            "Description": draw(st.none() | TEXT | st.sampled_from(["  a\n b ", "x\r\ny", "]]> & <b>"])),
            "Parent": draw(st.none() | TEXT),
            "Shape": wkt(polygons, several),
        }
        found.append((row, polygons))
    return found


@settings(max_examples=60, deadline=None)
@given(territories())
def test_kml_reads_back_with_equal_texts_doubles_and_rings(given_rows: list[tuple[dict[str, Any], list[list[Ring]]]]) -> None:
    """An exported file that is imported again must change nothing (acceptance S-16): one bit lost in one corner would be an update."""
    back = read_kml(frame(*(row for row, _ in given_rows)))
    for (row, polygons), found in zip(given_rows, back, strict=True):
        assert (found.name, found.description) == (row["Title"], row["Description"])
        assert found.data == {name: row[name] for name in ("RecordID", "Parent") if row[name] is not None}
        assert found.polygons == polygons
        assert found.several == row["Shape"].startswith("MULTI") and found.others == []


@settings(max_examples=60, deadline=None)
@given(territories())
def test_geojson_reads_back_with_equal_texts_doubles_and_rings(given_rows: list[tuple[dict[str, Any], list[list[Ring]]]]) -> None:
    """A ring may be turned round, as RFC 7946 asks; its points are the same doubles in the same circle."""
    rows = frame(*(row for row, _ in given_rows))
    back = read_geojson(rows)
    assert back["type"] == "FeatureCollection"
    for row, (_, polygons), feature in zip(rows.iter_rows(named=True), given_rows, back["features"], strict=True):
        assert (feature["type"], feature["id"]) == ("Feature", row["RecordID"])
        assert feature["properties"] == {name: row[name] for name in GEO_COLUMNS if name != "Shape"}
        several = feature["geometry"]["type"] == "MultiPolygon"
        assert several == row["Shape"].startswith("MULTI")
        found = feature["geometry"]["coordinates"] if several else [feature["geometry"]["coordinates"]]
        for polygon, stored in zip(found, polygons, strict=True):
            for ring, sent in zip(polygon, stored, strict=True):
                points = [tuple(point) for point in ring]
                assert points in (sent, sent[::-1])


def test_rings_of_geojson_run_as_rfc_7946_has_them() -> None:
    """Outer rings counterclockwise, holes clockwise (3.1.6): some programs take a ring that runs the other way for its outside."""
    hole = "POLYGON ((0 0, 0 9, 9 9, 9 0, 0 0), (2 2, 4 2, 4 4, 2 4, 2 2))"
    for feature in read_geojson(frame({}, {"Shape": hole}))["features"]:
        outer, *holes = feature["geometry"]["coordinates"]
        assert area2(outer) > 0 and all(area2(ring) < 0 for ring in holes)


def test_kml_has_the_standard_namespace_without_a_prefix_and_a_line_for_each_placemark(tmp_path: Path) -> None:
    """Simple readers know neither prefixes nor other namespaces; an error about a placemark names its line."""
    path = tmp_path / "2_x.kml"
    write_kml(frame({}, {"Title": "South", "Parent": "North & Co"}), path, name="2_<x>.kml")
    root = etree.parse(str(path)).getroot()
    assert root.nsmap == {None: KML_NAMESPACE} and b":kml" not in path.read_bytes()
    assert {etree.QName(element).namespace for element in root.iter()} == {KML_NAMESPACE}
    assert root.findtext("{*}Document/{*}name") == "2_<x>.kml"
    first, second = placemarks(path)
    assert first.line < second.line and second.data == {"RecordID": "a1", "Parent": "North & Co"}


def test_kml_is_valid_by_the_schema_of_its_standard(tmp_path: Path) -> None:
    """Elements in another order are dropped in silence by strict map programs. fastkml brings the schema of OGC KML 2.2."""
    several = "MULTIPOLYGON (((0 0, 0 9, 9 9, 9 0, 0 0), (2 2, 4 2, 4 4, 2 4, 2 2)), ((20 20, 20 21, 21 21, 20 20)))"
    write_kml(frame({"Description": "<b>", "Parent": "Top"}, {"Shape": several}), tmp_path / "1_x.kml", name="1_x.kml")
    assert validate(file_to_validate=tmp_path / "1_x.kml") is True


def test_the_same_rows_give_the_same_bytes(tmp_path: Path) -> None:
    """Only then can two exports be compared, and a retry replaces a file by the same file."""
    rows = frame(*({"Title": f"T{n}", "RecordID": f"a{n}"} for n in range(450)))
    for name in ("a", "b"):
        write_kml(rows, tmp_path / f"{name}.kml", name="1_x.kml")
        write_geojson(rows, tmp_path / f"{name}.geojson")
    assert (tmp_path / "a.kml").read_bytes() == (tmp_path / "b.kml").read_bytes()
    assert (tmp_path / "a.geojson").read_bytes() == (tmp_path / "b.geojson").read_bytes()
    assert [found.name for found in placemarks(tmp_path / "a.kml")] == rows["Title"].to_list()


def test_no_territory_gives_a_file_without_placemarks() -> None:
    """An empty export is a file too: whoever fetches it learns that there is nothing."""
    assert read_kml(frame()) == []
    assert read_geojson(frame()) == {"type": "FeatureCollection", "features": []}


def test_a_character_that_xml_cannot_hold_is_replaced() -> None:
    """One such character in one title must not keep all other territories from being exported."""
    (found,) = read_kml(frame({"Title": "No\x01rth\uffff", "Parent": "\x0c"}))
    assert (found.name, found.data["Parent"]) == ("No\ufffdrth\ufffd", "\ufffd")
    assert read_geojson(frame({"Title": "No\x01rth\uffff"}))["features"][0]["properties"]["Title"] == "No\x01rth\uffff"


@pytest.mark.parametrize("shape", ["POINT (1 2)", "POLYGON ((0 0, 1", "", None])
@pytest.mark.parametrize("kind", ["kml", "geojson"])
def test_a_shape_that_is_no_polygon_is_refused_by_its_title(tmp_path: Path, shape: str | None, kind: str) -> None:
    """A territory without a border would be a file that cannot be imported; the store never holds one."""
    rows = frame({}, {"Title": "East", "Shape": shape})
    with pytest.raises(PermanentFailure, match="'East' is no polygon"):
        write_kml(rows, tmp_path / "x", name="x") if kind == "kml" else write_geojson(rows, tmp_path / "x")


def test_heights_are_dropped() -> None:
    """A territory has none."""
    (found,) = read_kml(frame({"Shape": "POLYGON Z ((0 0 5, 0 1 5, 1 1 5, 0 0 5))"}))
    assert found.polygons == [[[(0.0, 0.0), (0.0, 1.0), (1.0, 1.0), (0.0, 0.0)]]]


@pytest.mark.slow
@pytest.mark.parametrize("kind", ["kml", "geojson"])
def test_many_territories_are_written_slice_by_slice(tmp_path: Path, kind: str) -> None:
    """All as objects at once they would take 25 MB beside the frame, and 50,000 of them hundreds."""
    ring = [(-96 + math.cos(n / 5) / 3, 41 + math.sin(n / 5) / 3) for n in range(30)]
    rows = pl.concat([frame({"Shape": wkt([[[*ring, ring[0]]]], False)})] * 4_000, rechunk=True)
    tracemalloc.start()
    try:
        write_kml(rows, tmp_path / "x", name="x") if kind == "kml" else write_geojson(rows, tmp_path / "x")
        peak = tracemalloc.get_traced_memory()[1]
    finally:
        tracemalloc.stop()
    assert peak < 2_000_000
