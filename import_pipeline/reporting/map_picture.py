"""The picture of an account's territories, as SVG: what a run shows.

Belongs here: drawing prepared content. Does not belong here: what is shown (map_content.py), outlines (map_shapes.py), the page (maps.py).
The picture is an image on white, like the one of deliveries (pictures.py); colours are of the Okabe-Ito set, grey tells levels.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from html import escape
from unicodedata import east_asian_width

import numpy as np
import polars as pl
import shapely

from import_pipeline.reporting.map_content import CHANGES, FINDINGS, MapContent
from import_pipeline.reporting.map_shapes import Array, Plane, boxes, only, paths, read, rooms, simplified

WIDTH = 1000
_LEFT, _TOP, _MAP_WIDTH, _MAP_HEIGHT, _LEAST_HEIGHT = 20, 62, 770, 640, 330
_LEGEND = 812
_SHARP = 10
"""Units of a pixel: a tenth of one is drawn."""
MOST_POINTS = 40_000
"""Corners of all outlines together: about 210 KB of path texts."""
_MOST_PIECES, _MOST_MARKS, _MOST_LABELS, _MOST_PINS = 1_000, 150, 300, 2_500
_LONGEST_LABEL = 80
"""Characters of a title that can be a label."""
_DOT = 1.2 * _SHARP
"""Shapes that are smaller in both directions are drawn as a dot: many fall on the same place, which is drawn once."""
LEVELS = (("#1F2937", 2.2, 13.0), ("#55606E", 1.1, 10.5), ("#8A94A1", 0.7, 9.0), ("#B4BBC5", 0.5, 8.5))
"""Colour and weight of a level's outline, and the size of its titles; deeper levels take the last."""
COLOURS = {"created": "#009E73", "updated": "#0072B2", "deleted": "#CC79A7"}
FOUND_COLOURS = {"overlap": "#D0021B", "gap": "#4B0082", "outside_parent": "#D55E00", "no_parent_territory": "#B06A00"}
_PATTERNS = {"gap": "M-2 2l4-4M-1 8l9-9M5 9l4-4", "outside_parent": "M-2 5l4 4M-1-1l9 9M5-2l4 4"}
_PIN, _LOST_PIN = "#111827", "#E69F00"


@dataclass(frozen=True)
class _Sheet:
    """The content on a plane of tenths of pixels: one path text per level and change, and the weight of each level's outlines.

    `plain` are the changes that are not highlighted, only tinted."""

    plane: Plane
    outlines: dict[tuple[int, str | None], str]
    shapes: Array
    weights: dict[int, float]
    plain: frozenset[str]


def picture(content: MapContent) -> str:
    """SVG of 1000 units' width; as high as the territories need. Well-formed XML, below half a megabyte."""
    shapes = read(content.territories["shape"])
    plane = Plane.around(shapes, _MAP_WIDTH * _SHARP, _MAP_HEIGHT * _SHARP)
    sheet = _sheet(content, plane, shapes)
    high = max(plane.height / _SHARP, _LEAST_HEIGHT) if sheet.outlines else _LEAST_HEIGHT
    legend = len(content.levels) + len(content.changes) + len(content.found) + 2 * bool(content.pins.height)
    height = round(_TOP + max(high + 44, 40 + 22 * legend))
    x, y = _LEFT + (_MAP_WIDTH - plane.width / _SHARP) / 2, _TOP + (high - plane.height / _SHARP) / 2
    parts = [
        f'<svg xmlns="http://www.w3.org/2000/svg" width="{WIDTH}" height="{height}" viewBox="0 0 {WIDTH} {height}" role="img" '
        'font-family="DejaVu Sans, Verdana, Helvetica, Arial, sans-serif" font-size="12">',
        f"<title>{escape(content.title)}</title>",
        f'<rect width="{WIDTH}" height="{height}" fill="#fff"/>',
        *_titles(content),
        *_definitions(sheet),
    ]
    if sheet.outlines:
        parts += [
            f'<g transform="translate({x:.1f} {y:.1f}) scale({1 / _SHARP})" stroke-linejoin="round">',
            *_areas(sheet),
            *_lines(sheet),
            *_findings(content, plane),
            *_pins(content, plane),
            "</g>",
            f'<g transform="translate({x:.1f} {y:.1f})" text-anchor="middle" stroke="#fff" stroke-width="2.6" paint-order="stroke" '
            'stroke-linejoin="round">',
            *_labels(content, sheet),
            "</g>",
            *_scale(plane, height - 18),
        ]
    return "\n".join([*parts, *_legend(content), "</svg>\n"])


def text_width(words: str, size: float) -> float:
    """About how wide `words` are in a sans-serif type of `size`; wide scripts take a full square."""
    return size * sum(1.0 if east_asian_width(c) in "WF" else 0.62 for c in words)


def nice_length(longest: float) -> float:
    """The longest of 1, 2 and 5 times a power of ten that is not above `longest`."""
    power = 10.0 ** np.floor(np.log10(longest))
    return float(power * max(step for step in (1, 2, 5) if step * power <= longest * 1.000001))


def _sheet(content: MapContent, plane: Plane, shapes: Array) -> _Sheet:
    flat = plane.project(shapes)
    drawn, tolerance = simplified(_without_dots(flat, _DOT), MOST_POINTS, 0.4 * _SHARP)
    while int(shapely.get_num_coordinates(drawn).sum()) > MOST_POINTS:
        tolerance *= 2
        drawn, _ = simplified(_without_dots(flat, 3 * tolerance), MOST_POINTS, tolerance)
    texts = np.array(paths(drawn), dtype=object)
    dots = ~shapely.is_missing(flat) & shapely.is_missing(drawn)
    grid = max(_DOT, 2 * tolerance)
    x, y = (np.nan_to_num((shapely.bounds(flat)[:, :2] + shapely.bounds(flat)[:, 2:]) / 2).T // grid * grid).astype(np.int64)
    texts[dots] = [f"M{a} {b}h1z" for a, b in zip(x[dots], y[dots], strict=True)]
    rows = content.territories.select("level", "change").with_columns(pl.Series("path", list(texts), pl.String))
    grouped = rows.filter(pl.col("path") != "").group_by("level", "change").agg(pl.col("path").unique(maintain_order=True).str.join(""))
    outlines = {(level, change): path for level, change, path in grouped.sort("level", "change").iter_rows()}
    return _Sheet(plane, outlines, drawn, _weights(content, flat), content.plain)


def _weights(content: MapContent, flat: Array) -> dict[int, float]:
    """Of each level's outlines: thinner where its shapes are small, or the map would be all outline."""
    left, top, right, bottom = shapely.bounds(flat).T
    sizes = content.territories.select("level", size=np.maximum(right - left, bottom - top)).drop_nans().group_by("level")
    return {
        level: _SHARP * _style(level)[1] * min(1.0, max(0.2, size / (26 * _SHARP)))
        for level, size in sizes.agg(pl.col("size").median()).iter_rows()
    }


def _without_dots(flat: Array, size: float) -> Array:
    left, top, right, bottom = shapely.bounds(flat).T
    return only(flat, (right - left > size) | (bottom - top > size))


def _titles(content: MapContent) -> Iterator[str]:
    yield _text(_LEFT, 24, content.title, more=' font-size="18" font-weight="bold"')
    yield _text(_LEFT, 45, " ".join(content.sentences()), more=' font-size="13" fill="#555"')


def _definitions(sheet: _Sheet) -> Iterator[str]:
    yield "<defs>"
    for name, hatch in _PATTERNS.items():
        line = f'<path d="{hatch}" stroke="{FOUND_COLOURS[name]}" stroke-width="1.5"/>'
        yield f'<pattern id="{name}" width="7" height="7" patternUnits="userSpaceOnUse">{line}</pattern>'
        big = f'patternTransform="scale({_SHARP})"'
        yield f'<pattern id="{name}-on-map" width="7" height="7" patternUnits="userSpaceOnUse" {big}>{line}</pattern>'
    for (level, change), path in sheet.outlines.items():
        yield f'<path id="{_name(level, change)}" d="{path}"/>'
    yield "</defs>"


def _name(level: int, change: str | None) -> str:
    return f"level-{level}-{change or 'same'}"


def _style(level: int) -> tuple[str, float, float]:
    return LEVELS[min(max(level, 1), len(LEVELS)) - 1]


def _areas(sheet: _Sheet) -> Iterator[str]:
    """What lies inside: grey, darker with each level; what changed in its colour above all of them."""
    for level, change in sheet.outlines:
        if change != "deleted":
            yield f'<use href="#{_name(level, change)}" fill="#64748B" fill-opacity="0.1"/>'
    for level, change in sheet.outlines:
        if change in COLOURS:
            strength = 0.12 if change == "deleted" else 0.15 if change in sheet.plain else 0.34
            yield f'<use href="#{_name(level, change)}" fill="{COLOURS[change]}" fill-opacity="{strength}"/>'


def _lines(sheet: _Sheet) -> Iterator[str]:
    """Outlines, the deepest first, so that those of higher levels stay in one piece; what changed once more in its colour."""
    for level, change in sorted(sheet.outlines, key=lambda key: (-key[0], key[1] or "")):
        if change != "deleted":
            more = f'stroke="{_style(level)[0]}" stroke-width="{sheet.weights[level]:.1f}"'
            yield f'<use href="#{_name(level, change)}" fill="none" {more}/>'
    for level, change in sheet.outlines:
        if change in COLOURS and change not in sheet.plain - {"deleted"}:
            dashes = f' stroke-dasharray="{4 * _SHARP} {3 * _SHARP}"' if change == "deleted" else ""
            more = f'stroke="{COLOURS[change]}" stroke-width="{sheet.weights[level] * 0.5 + 0.4 * _SHARP:.1f}"{dashes}'
            yield f'<use href="#{_name(level, change)}" fill="none" {more}/>'


def _findings(content: MapContent, plane: Plane) -> Iterator[str]:
    """The pieces that were found, hatched or red; those too small to be seen in a ring."""
    for code in reversed(FINDINGS):
        pieces = plane.project(read(content.findings.filter(pl.col("code") == code).head(_MOST_PIECES)["shape"]))
        drawn, _ = simplified(_without_dots(pieces, 0.5 * _SHARP), 5 * _MOST_PIECES, 0.4 * _SHARP)
        path, colour = "".join(paths(drawn)), FOUND_COLOURS[code]
        fill = f"url(#{code}-on-map)" if code in _PATTERNS else colour if code == "overlap" else "none"
        dashes = f' stroke-dasharray="{6 * _SHARP} {4 * _SHARP}"' if code == "no_parent_territory" else ""
        if path:
            yield f'<path d="{path}" fill="{fill}" fill-opacity="0.8" stroke="{colour}" stroke-width="{_SHARP}"{dashes} class="{code}"/>'
        box = boxes(pieces)
        small = ~shapely.is_missing(pieces) & (np.maximum(box[:, 2] - box[:, 0], box[:, 3] - box[:, 1]) < 9 * _SHARP)
        for left, top, right, bottom in box[small][:_MOST_MARKS]:
            place = f'cx="{(left + right) // 2}" cy="{(top + bottom) // 2}" r="{6 * _SHARP}"'
            yield f'<circle {place} fill="none" stroke="{colour}" stroke-width="{1.6 * _SHARP:g}" class="{code}"/>'


def _pins(content: MapContent, plane: Plane) -> Iterator[str]:
    """Dots, those in no territory above the others; what lies outside of the sheet is left out."""
    pins = content.pins.gather_every(max(1, -(-content.pins.height // _MOST_PINS)))
    points = np.rint(shapely.get_coordinates(plane.project(shapely.points(pins.select("lng", "lat").to_numpy())))).astype(np.int64)
    inside = ((points >= 0) & (points <= (plane.width, plane.height))).all(axis=1)
    held = pins["territory"].is_not_null().to_numpy()
    for which, colour in ((held, _PIN), (~held, _LOST_PIN)):
        dots = "".join(f"M{x} {y}h1" for x, y in points[inside & which])
        if dots:
            yield f'<path d="{dots}" stroke="{colour}" stroke-width="{3 * _SHARP}" stroke-linecap="round" stroke-opacity="0.8"/>'


def _labels(content: MapContent, sheet: _Sheet) -> Iterator[str]:
    """Titles where they fit into their shape and touch no other one; higher levels first, then the larger ones."""
    living = (content.territories["change"].ne_missing("deleted") & (content.territories["title"] != "")).to_numpy()
    room = rooms(only(sheet.shapes, living)) / _SHARP
    levels, titles = content.territories["level"].to_list(), content.territories["title"].to_list()
    taken = np.empty((0, 4))
    for number in np.lexsort((-room[:, 2] * room[:, 3], levels)):
        x, y, wide, high = room[number]
        colour, _, size = _style(levels[number])
        if high < 0.8 * size or wide < size or len(taken) >= _MOST_LABELS:
            continue
        lines = _fitting(titles[number], size, wide, high)
        if not lines:
            size *= 0.8
            lines = _fitting(titles[number], size, wide, high)
        half = max((text_width(line, size) for line in lines), default=0) / 2
        box = np.array([x - half - 3, y - size * 0.6 * len(lines) - 1, x + half + 3, y + size * 0.6 * len(lines) + 1])
        if not lines or ((taken[:, :2] < box[2:]) & (taken[:, 2:] > box[:2])).all(axis=1).any():
            continue
        taken = np.vstack([taken, box])
        weight = ' font-weight="bold"' if levels[number] <= 1 else ""
        first = y + size * 0.36 - (len(lines) - 1) * size * 0.58
        for line_number, line in enumerate(lines):
            yield _text(x, first + line_number * size * 1.16, line, more=f' font-size="{size:g}" fill="{colour}"{weight}')


def _fitting(title: str, size: float, wide: float, high: float) -> Sequence[str]:
    """The title in one line or in two that are about as long, whichever fits; nothing when neither does."""
    words = title.split()
    if high < size or len(title) > _LONGEST_LABEL:
        return []
    if text_width(title, size) <= wide:
        return [title]
    if len(words) < 2 or high < 2.2 * size:
        return []
    cuts = [(" ".join(words[:n]), " ".join(words[n:])) for n in range(1, len(words))]
    best = min(cuts, key=lambda pair: max(text_width(line, size) for line in pair))
    return best if max(text_width(line, size) for line in best) <= wide * 0.92 else []


def _scale(plane: Plane, y: float) -> Iterator[str]:
    """A bar of a round length; it holds at the middle of the map."""
    km = plane.km(plane.height / 2) * _SHARP
    length = nice_length(160 * km)
    end = _LEFT + length / km
    name = f"{length:,g} km" if length >= 1 else f"{length * 1000:g} m"
    yield f'<path d="M{_LEFT} {y - 5}v5H{end:.1f}v-5" fill="none" stroke="#222" stroke-width="1.2"/>'
    yield _text(end + 8, y + 1, name, more=' font-size="11" fill="#444"')


def _legend(content: MapContent) -> Iterator[str]:
    """What occurs: levels, changes, findings, pins, each with its number."""
    y = float(_TOP + 8)
    for level, count in content.levels.items():
        colour, weight, _ = _style(level)
        fill = f'fill="#64748B" fill-opacity="0.1" stroke="{colour}" stroke-width="{weight}"'
        yield f'<rect x="{_LEGEND}" y="{y}" width="26" height="13" {fill}/>'
        yield _text(_LEGEND + 36, y + 11, f"level {level}: {count:,}")
        y += 22
    y += 8 * bool(content.changes)
    for change, count in content.changes.items():
        more = ' stroke-dasharray="4 3"' if change == CHANGES[2] else ""
        fill = f'fill="{COLOURS[change]}" fill-opacity="0.34" stroke="{COLOURS[change]}"{more}'
        yield f'<rect x="{_LEGEND}" y="{y}" width="26" height="13" {fill}/>'
        yield _text(_LEGEND + 36, y + 11, f"{change}: {count:,}")
        y += 22
    y += 8 * bool(content.found)
    for code, count in content.found.items():
        colour = FOUND_COLOURS.get(code, "#555")
        fill = f"url(#{code})" if code in _PATTERNS else colour if code == "overlap" else "none"
        more = ' stroke-dasharray="6 4"' if code == "no_parent_territory" else ""
        yield f'<rect x="{_LEGEND}" y="{y}" width="26" height="13" fill="{fill}" fill-opacity="0.8" stroke="{colour}"{more}/>'
        yield _text(_LEGEND + 36, y + 11, f"{FINDINGS.get(code, code).lower()}: {count:,}")
        y += 22
    lost = content.pins["territory"].null_count()
    for colour, name, there in ((_PIN, "pins in a territory", content.pins.height - lost), (_LOST_PIN, "pins in none", lost)):
        if there:
            y += 4
            yield f'<circle cx="{_LEGEND + 13}" cy="{y + 6}" r="3" fill="{colour}"/>'
            yield _text(_LEGEND + 36, y + 11, name)
            y += 20


def _text(x: float, y: float, words: str, *, more: str = "") -> str:
    return f'<text x="{x:.1f}" y="{y:.1f}"{more}>{escape(words)}</text>'
