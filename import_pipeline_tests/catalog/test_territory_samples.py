"""The territory samples are what their script makes, and what is wrong in them is what was meant to be.

Belongs here: the samples as files. Does not belong here: what an import of them does (scenarios/).
"""

import csv
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path

import pytest
import shapely

from import_pipeline.model.row_error import CODES
from import_pipeline_tests.plain_kml import Placemark, placemarks
from import_pipeline_tests.territory_samples import CUT, SAMPLES, counties_kml, states_kml

STATES, COUNTIES = "1_states.kml", "2_counties.kml"


def expected_errors() -> dict[tuple[str, int], str]:
    """(file, line) → code, as the file beside the samples has them."""
    with (SAMPLES / "expected_territory_errors.csv").open(newline="") as lines:
        rows = list(csv.DictReader(lines))
    assert {row["column"] for row in rows} == {"Shape"}
    return {(row["file"], int(row["line"])): row["code"] for row in rows}


def shape_of(placemark: Placemark) -> shapely.Geometry:
    """What a placemark draws."""
    parts = [shapely.Polygon(outer, holes) for outer, *holes in placemark.polygons]
    return shapely.MultiPolygon(parts) if placemark.several else parts[0]


def fault_of(placemark: Placemark) -> str:
    """What is wrong with a placemark where simple polygons are taken, judged by shapely and by counting."""
    if not placemark.polygons or placemark.others != ["styleUrl"]:
        return "not_a_polygon"
    if len(placemark.polygons) > 1:
        return "several_polygons"
    if len(placemark.polygons[0]) > 1:
        return "polygon_with_hole"
    if placemark.polygons[0][0][0] != placemark.polygons[0][0][-1]:
        return "ring_not_closed"
    return "" if shapely.is_valid(shape_of(placemark)) else "ring_crosses"


def sound(found: Sequence[Placemark]) -> dict[str, shapely.Geometry]:
    """Title → shape of the placemarks that nothing is wrong with."""
    return {p.name or "": shape_of(p) for p in found if not fault_of(p)}


def test_the_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    """A sample that was changed by hand would be lost with the next run of the script."""
    command = [sys.executable, "-B", str(SAMPLES / "make_territories.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = {p.relative_to(tmp_path).as_posix(): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    names = [*(p.relative_to(SAMPLES).as_posix() for p in CUT.iterdir()), "expected_territory_errors.csv"]
    assert made == {name: (SAMPLES / name).read_bytes() for name in names}
    assert sum(p.stat().st_size for p in CUT.iterdir()) < 100_000


def test_each_refused_placemark_of_the_cut_is_promised_with_its_line_and_code() -> None:
    """The demonstration and the scenario tests compare an import with these promises."""
    found = {
        (f"{CUT.relative_to(SAMPLES).as_posix()}/{name}", p.line): fault
        for name in (STATES, COUNTIES)
        for p in placemarks(CUT / name)
        if (fault := fault_of(p))
    }
    assert found == expected_errors()
    assert {*found.values()} == {"several_polygons", "ring_crosses", "ring_not_closed", "not_a_polygon"} <= CODES.keys()


def test_the_counties_of_the_cut_lie_in_their_state_and_one_lies_in_no_state() -> None:
    """The warnings that the sample is to show: no_parent_territory for one, outside_parent for one, no overlap and no gap."""
    ((title, state),) = sound(placemarks(CUT / STATES)).items()
    counties = sound(placemarks(CUT / COUNTIES))
    outside = {name: 1 - shapely.intersection(shape, state).area / shape.area for name, shape in counties.items()}
    inside = [shape for name, shape in counties.items() if outside[name] < 0.5]
    assert title == "Connecticut" and len(counties) == 9
    assert [name for name, share in outside.items() if share > 0.99] == ["Providence County, Rhode Island"]
    assert [name for name, share in outside.items() if 0.01 < share < 0.5] == ["Fairfield County, Connecticut"]
    assert 0 < shapely.difference(state, shapely.union_all(inside)).area < 0.01 * state.area
    overlaps = [shapely.intersection(a, b).area / min(a.area, b.area) for a in counties.values() for b in counties.values() if a is not b]
    assert max(overlaps) < 0.01


@pytest.mark.slow
def test_all_states_and_counties_are_made_as_their_source_has_them(tmp_path: Path) -> None:
    """Real input (issue 4): islands are a MultiGeometry, lakes and independent cities are holes, titles are unique."""
    from bokeh_sampledata import us_counties, us_states

    states, counties = us_states.records(), us_counties.records()
    for path, titles, shapes in (
        (states_kml(tmp_path), [r["name"] for r in states], [r["geometry"] for r in states]),
        (counties_kml(tmp_path), [r["detailed_name"] for r in counties], [r["geometry"] for r in counties]),
    ):
        found = placemarks(path)
        assert [p.name for p in found] == titles
        assert len({p.name for p in found}) == len(found) == {STATES: 51, COUNTIES: 3233}[path.name]
        assert {fault_of(p) for p in found} <= {"", "several_polygons", "polygon_with_hole"}
        heights = {point[2:] for p in found for polygon in p.polygons for ring in polygon for point in ring}
        assert heights == {(0.0,)}
        drawn = [shapely.force_2d(shape_of(p)).normalize() for p in found]
        assert drawn == [shape.normalize() for shape in shapes]
