"""The map of territories as numbers and path texts that a page can draw: SVG with classes, no style of its own.

Belongs here: what the desk's map page gets to draw. Does not belong here: outlines and projection (reporting/map_shapes.py), what is
shown and its words (reporting/map_content.py), the page itself (templates/exports/map.html.j2).
"""

from collections.abc import Mapping
from typing import Any

import numpy as np
import polars as pl
import shapely

from import_pipeline.exporting.territory_map import MapFrames
from import_pipeline.reporting.map_content import FINDINGS, content, percent, square_km
from import_pipeline.reporting.map_picture import nice_length, text_width
from import_pipeline.reporting.map_shapes import Array, Plane, boxes, paths, read, rooms, simplified

WIDTH, HEIGHT = 100_000, 70_000
"""Units of the sheet: about a hundred to a pixel on a wide screen, so there is much to zoom into."""
MOST_TERRITORIES, MOST_FINDINGS = 2_500, 500
"""Those with findings first, then the larger ones of each level."""
MOST_POINTS = 80_000
_TITLE = 1_800.0
"""Units that a title's letters are high at first."""
_SMALL = 900
"""Units below which a piece gets a mark to be seen by."""


def drawn(frames: MapFrames, records: Mapping[int, int]) -> dict[str, Any]:
    """The page's facts, as JSON can hold them. Rows name one another by their places in the list (`n`), not by ids."""
    found = content("", frames.territories, frames.findings, frames.pins, frames.counts)
    rows = _chosen(found.territories, found.findings)
    shapes = read(rows["shape"])
    plane = Plane.around(shapes, WIDTH, HEIGHT)
    outlines, tolerance = simplified(plane.project(shapes), MOST_POINTS, 30.0)
    place = {record: n for n, record in enumerate(rows["id"])}
    outward = dict(frames.territories.select("id", "record").iter_rows())
    held = _with_those_inside(found.territories, records)
    placed = zip(rows.iter_rows(named=True), paths(outlines), boxes(outlines).tolist(), rooms(outlines).tolist(), strict=True)
    territories = [
        {
            "n": n,
            "record": outward[row["id"]],
            "title": row["title"],
            "level": row["level"],
            "parent": place.get(row["parent"]),
            "parent_title": row["parent_title"],
            "km2": square_km(row["km2"]),
            "records": held[row["id"]],
            "path": path,
            "box": box,
            "room": room,
        }
        for n, (row, path, box, room) in enumerate(placed)
    ]
    _choose_titles(territories)
    return {
        "width": plane.width,
        "height": plane.height,
        "sentence": " ".join(found.sentences()),
        "levels": found.levels,
        "found": found.found,
        "territories": territories,
        "total": found.territories.height,
        "findings": _pieces(found.findings.head(MOST_FINDINGS), plane, tolerance, place),
        "findings_total": found.findings.height,
        "pins": _pins(found.pins, plane),
        "scale": _scale(plane) if len(territories) else None,
    }


def _with_those_inside(territories: pl.DataFrame, records: Mapping[int, int]) -> dict[int, int]:
    """Records of each territory, by its id, with those of all territories below it; a parent's level is above its children's."""
    held = {record: records.get(record, 0) for record in territories["id"]}
    for record, parent in territories.sort("level", descending=True).select("id", "parent").iter_rows():
        if parent in held:
            held[parent] += held[record]
    return held


def _chosen(rows: pl.DataFrame, findings: pl.DataFrame) -> pl.DataFrame:
    if rows.height <= MOST_TERRITORIES:
        return rows
    named = pl.concat([findings["id"], findings["other"]]).drop_nulls().unique()
    ranked = rows.with_row_index("at").sort(~pl.col("id").is_in(named.implode()), "level", -pl.col("km2").fill_null(0.0), "id")
    return ranked.head(MOST_TERRITORIES).sort("at").drop("at")


def _pieces(findings: pl.DataFrame, plane: Plane, tolerance: float, place: Mapping[int, int]) -> list[dict[str, Any]]:
    """The findings with their outlines; `marked` ones are too small to be seen without a mark."""
    pieces, _ = simplified(plane.project(read(findings["shape"])), MOST_POINTS // 4, tolerance)
    made = []
    for n, (row, path, box) in enumerate(zip(findings.iter_rows(named=True), paths(pieces), boxes(pieces).tolist(), strict=True)):
        title, other = (row[name] or "(no title)" for name in ("title", "other_title"))
        code = row["code"]
        where = {
            "overlap": f"{title} and {other}",
            "outside_parent": f"{title}, beyond {other}",
            "no_parent_territory": f"{title}, nearest {other}" if row["other"] is not None else title,
        }.get(code, title)
        made.append(
            {
                "n": n,
                "code": code,
                "kind": FINDINGS.get(code, code.replace("_", " ")),
                "where": where,
                "km2": square_km(row["km2"]),
                "share": percent(row["share"]),
                "path": path,
                "box": box,
                "marked": bool(path) and max(box[2] - box[0], box[3] - box[1]) < _SMALL,
                "territories": [place[record] for record in (row["id"], row["other"]) if record in place],
            }
        )
    return made


def _choose_titles(territories: list[dict[str, Any]]) -> None:
    """`titled`: the title fits into its shape when the whole map is seen, and touches no other one; higher levels first."""
    taken = np.empty((0, 4))
    for row in sorted(territories, key=lambda one: (one["level"] or 0, -one["room"][2] * one["room"][3], one["n"])):
        x, y, wide, high = row["room"]
        half = text_width(row["title"], _TITLE) / 2
        box = np.array([x - half, y - _TITLE * 0.7, x + half, y + _TITLE * 0.7])
        fits = 0 < 2 * half <= wide and high >= _TITLE
        row["titled"] = bool(fits and not ((taken[:, :2] < box[2:]) & (taken[:, 2:] > box[:2])).all(axis=1).any())
        if row["titled"]:
            taken = np.vstack([taken, box])


def _pins(pins: pl.DataFrame, plane: Plane) -> dict[str, str]:
    """Path texts of dots: of pins in a territory, and of those in none."""
    points: Array = np.rint(shapely.get_coordinates(plane.project(shapely.points(pins.select("lng", "lat").to_numpy())))).astype(np.int64)
    inside = ((points >= 0) & (points <= (plane.width, plane.height))).all(axis=1)
    held = pins["territory"].is_not_null().to_numpy()
    return {name: "".join(f"M{x} {y}h0" for x, y in points[inside & which]) for name, which in (("held", held), ("lost", ~held))}


def _scale(plane: Plane) -> dict[str, Any]:
    """A bar of a round length at the middle of the map: its units and its words."""
    km = plane.km(plane.height / 2)
    length = nice_length(plane.width * 0.16 * km)
    return {"units": round(length / km), "words": f"{length:,g} km" if length >= 1 else f"{length * 1000:g} m"}
