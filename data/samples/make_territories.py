"""Makes KML of US states and counties: `.venv/bin/python data/samples/make_territories.py [FOLDER]`, and all of them with `--full`.

Belongs here: which territories there are, how a sender writes them, and what is wrong with some. Does not belong here: files of other
types (make_samples.py), what an import of them does (the tests).

Without `--full`: a small cut, which is committed, and `expected_territory_errors.csv` beside it; a test compares the bytes. The
borders are those of the U.S. Census Bureau's TIGER/Line Shapefiles as the package bokeh-sampledata holds them (README.md tells more).
"""

import csv
import io
import sys
from collections.abc import Iterable, Sequence
from pathlib import Path
from typing import NamedTuple
from xml.sax.saxutils import escape

import shapely
from bokeh_sampledata import us_counties, us_states

CUT = Path("field_sales") / "1_first" / "Territories"
STATES, COUNTIES = "1_states.kml", "2_counties.kml"
EXPECTED = "expected_territory_errors.csv"
SOURCE = "Borders: U.S. Census Bureau, Geography Division, TIGER/Line Shapefiles (simplified). For statistical purposes only."
Ring = Sequence[tuple[float, float]]


class Place(NamedTuple):
    """One placemark: its title, what is told about it, its geometry as KML, and the code of the row error it must give."""

    title: str
    told: str
    geometry: str
    code: str = ""


def ring(points: Iterable[Sequence[float]]) -> str:
    """A ring as Google Earth writes it: longitude, latitude, height 0, blanks between the points."""
    return "<LinearRing><coordinates>" + " ".join(f"{x!r},{y!r},0" for x, y in points) + "</coordinates></LinearRing>"


def polygon(outer: Ring, holes: Iterable[Ring] = ()) -> str:
    """A polygon with its holes."""
    inner = "".join(f"<innerBoundaryIs>{ring(hole)}</innerBoundaryIs>" for hole in holes)
    return f"<Polygon><tessellate>1</tessellate><outerBoundaryIs>{ring(outer)}</outerBoundaryIs>{inner}</Polygon>"


def geometry(shape: shapely.Geometry) -> str:
    """A polygon as such, several in a MultiGeometry."""
    parts = [
        polygon(shapely.get_coordinates(part.exterior).tolist(), [shapely.get_coordinates(hole).tolist() for hole in part.interiors])
        for part in shapely.get_parts(shape)
    ]
    return parts[0] if len(parts) == 1 else f"<MultiGeometry>{''.join(parts)}</MultiGeometry>"


def strict_code(shape: shapely.Geometry) -> str:
    """What is wrong with a shape where an account takes simple polygons only (acceptance, decision 7)."""
    if shapely.get_num_geometries(shape) > 1:
        return "several_polygons"
    return "polygon_with_hole" if shapely.get_num_interior_rings(shape) else ""


def states(codes: Sequence[str] = ()) -> list[Place]:
    """The states of these postal codes; without any, all of them and the District of Columbia."""
    found = (record for record in us_states.records() if not codes or record["code"] in codes)
    return [Place(r["name"], f"{r['region']}, {r['code']}", geometry(r["geometry"]), strict_code(r["geometry"])) for r in found]


def counties(state: str | None = None) -> list[Place]:
    """The counties of one state, or of all states and areas, by their FIPS codes. The titles name the state, and so are unique."""
    found = us_counties.records(state)
    return [Place(r["detailed_name"], f"FIPS {r['fips']}", geometry(r["geometry"]), strict_code(r["geometry"])) for r in found]


def damaged() -> list[Place]:
    """Placemarks as people draw them by hand, each wrong in one way."""
    crossed = polygon([(-72.75, 41.7), (-72.65, 41.8), (-72.65, 41.7), (-72.75, 41.8), (-72.75, 41.7)])
    opened = polygon([(-73.2, 41.15), (-73.0, 41.15), (-73.0, 41.25), (-73.2, 41.25)])
    point = "<Point><coordinates>-72.6734,41.7658,0</coordinates></Point>"
    return [
        Place("Hartford & East Hartford", "drawn by hand", crossed, "ring_crosses"),
        Place("Shoreline (draft)", "drawn by hand", opened, "ring_not_closed"),
        Place("Head office", "the pin of our building", point, "not_a_polygon"),
    ]


def kml(name: str, places: Iterable[Place]) -> tuple[str, list[tuple[int, str]]]:
    """A KML file as a map program saves it, and (line, code) of each placemark that is wrong."""
    lines = [
        '<?xml version="1.0" encoding="UTF-8"?>',
        '<kml xmlns="http://www.opengis.net/kml/2.2" xmlns:gx="http://www.google.com/kml/ext/2.2">',
        "<Document>",
        f"\t<name>{name}</name>",
        f"\t<description>{SOURCE}</description>",
        '\t<Style id="area"><LineStyle><color>ff0055ff</color><width>2</width></LineStyle></Style>',
        f"\t<Folder><name>{name[2:-4].capitalize()}</name>",
    ]
    wrong = []
    for place in places:
        if place.code:
            wrong.append((len(lines) + 1, place.code))
        lines += [
            "\t\t<Placemark>",
            f"\t\t\t<name>{escape(place.title)}</name>",
            f"\t\t\t<description>{escape(place.told)}</description>",
            "\t\t\t<styleUrl>#area</styleUrl>",
            f"\t\t\t{place.geometry}",
            "\t\t</Placemark>",
        ]
    return "\n".join([*lines, "\t</Folder>", "</Document>", "</kml>", ""]), wrong


def states_kml(folder: Path) -> Path:
    """Writes `1_states.kml` with the 51 states into `folder`; those on several islands or with a lake are no simple polygons."""
    path = folder / STATES
    path.write_text(kml(STATES, states())[0], encoding="utf-8", newline="")
    return path


def counties_kml(folder: Path) -> Path:
    """Writes `2_counties.kml` with all 3,233 counties and county equivalents into `folder`."""
    path = folder / COUNTIES
    path.write_text(kml(COUNTIES, counties())[0], encoding="utf-8", newline="")
    return path


def cut(target: Path) -> None:
    """Writes the small cut below `target`: Connecticut with its counties, what is wrong beside them, and a neighbour that has no parent.

    Rhode Island lies on two parts and is refused by an account that takes simple polygons only; so Providence County has no parent.
    """
    files = {
        STATES: states(("CT", "RI")),
        COUNTIES: [*counties("CT"), *damaged(), *(p for p in counties("RI") if p.title.startswith("Providence "))],
    }
    folder = target / CUT
    folder.mkdir(parents=True, exist_ok=True)
    out = io.StringIO()
    writer = csv.writer(out, lineterminator="\n")
    writer.writerow(("file", "line", "column", "code"))
    for name, places in files.items():
        text, wrong = kml(name, places)
        (folder / name).write_text(text, encoding="utf-8", newline="")
        writer.writerows(((CUT / name).as_posix(), line, "Shape", code) for line, code in wrong)
    (target / EXPECTED).write_text(out.getvalue(), encoding="utf-8")


def main(arguments: Sequence[str]) -> None:
    """Makes the cut, or with `--full` all states and counties, in the folder that is named, else in this one."""
    folder = next((Path(a) for a in arguments if a != "--full"), None)
    if "--full" not in arguments:
        cut(folder or Path(__file__).resolve().parent)
    elif folder:
        folder.mkdir(parents=True, exist_ok=True)
        states_kml(folder)
        counties_kml(folder)
    else:
        sys.exit("--full needs a folder: these files are not for the repository")


if __name__ == "__main__":
    main(sys.argv[1:])
