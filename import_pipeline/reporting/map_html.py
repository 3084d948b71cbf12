"""The page of a map: one HTML file that needs nothing else, with the map, a searchable list and the findings.

Belongs here: rendering the template (map_page.html.j2) with its style and script, and the numbers that the script draws.
Does not belong here: what is shown (map_content.py), outlines (map_shapes.py).
Texts stand in the tables only, escaped by the template engine; the script reads them there and gets numbers beside. The page itself
forbids requests, and every script and style but its own, by their hashes.
"""

import base64
import hashlib
import json
from collections.abc import Mapping
from functools import cache
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
import shapely
from jinja2 import Environment, FileSystemLoader, StrictUndefined, Template
from markupsafe import Markup

from import_pipeline.reporting.map_content import CHANGES, FINDINGS, MapContent, clean_text, percent, square_km
from import_pipeline.reporting.map_shapes import Array, Plane, boxes, paths, read, rooms, simplified

MOST_TERRITORIES = 5_000
"""Territories that a page shows; changed ones and those with findings first, then the larger ones of each level."""
MOST_FINDINGS = 1_000
MOST_POINTS = 140_000
"""Corners of all outlines together: about 750 KB of path texts."""
_SIDE = 100_000
"""Units of the sheet's longer side: a hundred to a pixel when all is shown on a wide screen, so there is much to zoom into."""
_PARTS = {"style": ("map_page.css",), "script": ("map_view.js", "map_drawing.js", "map_page.js")}
_MEANING = {
    "overlap": "of the smaller one",
    "gap": "of the territory",
    "outside_parent": "of the territory",
    "no_parent_territory": "of the territory lies in the one named",
}


def page(content: MapContent, note: str = "") -> str:
    """The page, HTML. `note` is a sentence below the title. The same content gives the same text."""
    territories = _chosen(content)
    findings = content.findings.head(MOST_FINDINGS)
    files = _files()
    template = _template()
    return template.render(
        content=content,
        note=clean_text(note),
        territories=territories.to_dicts(),
        listed=set(territories["id"]),
        findings=[_told(number, row) for number, row in enumerate(findings.iter_rows(named=True))],
        words=lambda code: FINDINGS.get(code, code.replace("_", " ")),
        known=FINDINGS,
        changes=CHANGES,
        data=Markup(json.dumps(_numbers(content, territories, findings), separators=(",", ":"))),
        policy=_policy(files),
        **{name: Markup(text) for name, text in files.items()},
    )


@cache
def _template() -> Template:
    environment = Environment(
        loader=FileSystemLoader(Path(__file__).parent),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters |= {"number": lambda value: f"{value:,}", "percent": percent, "area": square_km}
    return environment.get_template("map_page.html.j2")


@cache
def _files() -> Mapping[str, str]:
    folder = Path(__file__).parent
    return {name: "".join((folder / file).read_text(encoding="utf-8") for file in files) for name, files in _PARTS.items()}


def _policy(files: Mapping[str, str]) -> str:
    hashes = {name: base64.b64encode(hashlib.sha256(text.encode()).digest()).decode() for name, text in files.items()}
    allowed = "; ".join(f"{name}-src 'sha256-{digest}'" for name, digest in hashes.items())
    return f"default-src 'none'; {allowed}; base-uri 'none'; form-action 'none'"


def _chosen(content: MapContent) -> pl.DataFrame:
    """At most `MOST_TERRITORIES` of them, in their order."""
    rows = content.territories
    if rows.height <= MOST_TERRITORIES:
        return rows
    named = pl.concat([content.findings["id"], content.findings["other"]]).drop_nulls().unique()
    plain = pl.col("change").is_null() & ~pl.col("id").is_in(named.implode())
    return rows.with_row_index("at").sort(plain, "level", -pl.col("km2").fill_null(0.0), "id").head(MOST_TERRITORIES).sort("at").drop("at")


def _told(number: int, row: Mapping[str, Any]) -> dict[str, Any]:
    """A finding as a row of the table: where it is, in words."""
    title, other = (row[name] if row[name] else "(no title)" for name in ("title", "other_title"))
    where = {
        "overlap": f"{title} and {other}",
        "outside_parent": f"{title}, parent {other}",
        "no_parent_territory": f"{title}, best {other}" if row["other"] is not None else title,
    }.get(row["code"], title)
    return {"number": number, "where": where, "meaning": _MEANING.get(row["code"], ""), **row}


def _numbers(content: MapContent, territories: pl.DataFrame, findings: pl.DataFrame) -> dict[str, Any]:
    """What the script draws: outlines in whole units of the sheet, boxes, rooms for titles, and row numbers instead of names.

    `plain` are the changes that are not highlighted, only tinted;
    `territories`: [level, change, path, box, room, parent's row]; `findings`: [code, path, box, rows]; `pins`: x, y, held, x, y, held …
    """
    shapes = read(territories["shape"])
    plane = Plane.around(shapes, _SIDE, _SIDE)
    drawn, tolerance = simplified(plane.project(shapes), MOST_POINTS, 1.0)
    pieces, _ = simplified(plane.project(read(findings["shape"])), MOST_POINTS // 4, tolerance)
    row_of = {record: number for number, record in enumerate(territories["id"])}
    changes = {name: number for number, name in enumerate(CHANGES, 1)}
    columns = (
        territories["level"],
        territories["change"],
        paths(drawn),
        boxes(drawn).tolist(),
        rooms(drawn).tolist(),
        territories["parent"],
    )
    found = (findings["code"], paths(pieces), boxes(pieces).tolist(), findings["id"], findings["other"])
    return {
        "width": plane.width,
        "height": plane.height,
        "unit": plane.unit,
        "top": plane.top,
        "plain": [name for name in CHANGES if name in content.plain],
        "territories": [
            [level, changes.get(change, 0), path, box, room, row_of.get(parent, -1)]
            for level, change, path, box, room, parent in zip(*columns, strict=True)
        ],
        "findings": [
            [code if code in FINDINGS else "", path, box, [row_of[record] for record in (one, other) if record in row_of]]
            for code, path, box, one, other in zip(*found, strict=True)
        ],
        "pins": _pins(content, plane).ravel().tolist(),
    }


def _pins(content: MapContent, plane: Plane) -> Array:
    places = shapely.get_coordinates(plane.project(shapely.points(content.pins.select("lng", "lat").to_numpy())))
    return np.column_stack([np.rint(places), content.pins["territory"].is_not_null().to_numpy()]).astype(np.int64)
