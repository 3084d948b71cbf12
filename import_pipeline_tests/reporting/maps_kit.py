"""What the tests of maps share: frames of territories on a grid, and readers of the two files.

Belongs here: helpers of test_maps*.py. Does not belong here: tests.
"""

import json
import re
from html.parser import HTMLParser
from typing import Any
from xml.etree import ElementTree

import polars as pl

from import_pipeline.reporting.map_content import COUNTS_SCHEMA, FINDINGS_SCHEMA, PINS_SCHEMA, TERRITORIES_SCHEMA

SVG = "{http://www.w3.org/2000/svg}"
HOSTILE = "</script><script>alert(1)</script>\"><img src=x onerror='y'> {{ 7*7 }} & ]]> \u202egpj.exe \x1b[31m\x00"


def box(west: float, south: float, east: float, north: float) -> str:
    """A rectangle in degrees as WKT."""
    return f"POLYGON (({west} {south}, {east} {south}, {east} {north}, {west} {north}, {west} {south}))"


def territories(*rows: dict[str, Any]) -> pl.DataFrame:
    """A frame as the maps take it; `id` counts when it is not given."""
    return pl.DataFrame(
        [dict.fromkeys(TERRITORIES_SCHEMA) | {"id": n, "level": 1} | row for n, row in enumerate(rows, 1)], TERRITORIES_SCHEMA
    )


def findings(*rows: dict[str, Any]) -> pl.DataFrame:
    """A frame of findings as the maps take it."""
    return pl.DataFrame([dict.fromkeys(FINDINGS_SCHEMA) | row for row in rows], FINDINGS_SCHEMA)


def pins(*rows: tuple[float, float, int | None]) -> pl.DataFrame:
    """Pins: longitude, latitude, territory."""
    return pl.DataFrame(list(rows), PINS_SCHEMA, orient="row")


def counts(**numbers: int) -> pl.DataFrame:
    """Pins per territory: `t1=5` is five pins in territory 1."""
    return pl.DataFrame([(int(name[1:]), number) for name, number in numbers.items()], COUNTS_SCHEMA, orient="row")


REGION = territories(
    {"title": "West", "shape": box(-100, 40, -98, 42), "km2": 37_000.5},
    {"title": "East", "shape": box(-98, 40, -96, 42), "km2": 37_000.5, "change": "updated"},
    {"title": "Alder", "level": 2, "parent": 1, "shape": box(-100, 40, -99, 42), "km2": 18_500.25, "change": "created"},
    {"title": "Birch", "level": 2, "parent": 1, "shape": box(-99.2, 40, -98, 42), "km2": 22_200.0},
    {"title": "Cedar", "level": 2, "parent": None, "shape": box(-95.5, 40, -95, 41), "km2": 4_700.0},
    {"title": "Dogwood", "level": 2, "parent": 2, "shape": box(-97, 40, -96, 41), "km2": 9_400.0, "change": "deleted"},
)
FOUND = findings(
    {"code": "no_parent_territory", "id": 5, "level": 2, "km2": 4_700.0, "share": 0.0, "shape": box(-95.5, 40, -95, 41)},
    {"code": "overlap", "id": 3, "other": 4, "level": 2, "km2": 3_700.0, "share": 0.2, "shape": box(-99.2, 40, -99, 42)},
    {"code": "gap", "id": 2, "level": 1, "km2": 0.004, "share": 0.0004, "shape": box(-97.001, 41, -97, 41.001)},
)
PINS = pins((-99.5, 41, 3), (-98.5, 41, 4), (-80, 41, None), (-95.2, 40.5, 5))


class Page(HTMLParser):
    """Elements, texts and the numbers of a page."""

    def __init__(self, text: str) -> None:
        super().__init__()
        self.tags: list[tuple[str, dict[str, str | None]]] = []
        self.inside: dict[str, list[str]] = {}
        self.rows: list[list[str]] = []
        self._open: list[str] = []
        self.feed(text)

    def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
        """Keeps the element and begins a row or a cell."""
        self.tags.append((tag, dict(attrs)))
        self._open.append(tag)
        if tag == "tr":
            self.rows.append([])
        if tag in ("td", "th"):
            self.rows[-1].append("")

    def handle_endtag(self, tag: str) -> None:
        """Closes the element, and those in it that are never closed."""
        while self._open and self._open.pop() != tag:
            pass

    def handle_data(self, data: str) -> None:
        """Keeps the text for its element and its cell."""
        if not self._open:
            return
        self.inside.setdefault(self._open[-1], []).append(data)
        if {"td", "th"} & set(self._open):
            self.rows[-1][-1] += data

    def count(self, tag: str) -> int:
        """How many elements of a name there are."""
        return sum(name == tag for name, _ in self.tags)

    @property
    def scripts(self) -> list[str]:
        """Texts of the script elements: the numbers first, then the script."""
        return self.inside["script"]

    @property
    def numbers(self) -> dict[str, Any]:
        """What the script draws."""
        found = json.loads(self.scripts[0])
        assert isinstance(found, dict)
        return found


def drawn(svg: str) -> ElementTree.Element:
    """The picture as XML; what is not well formed raises."""
    return ElementTree.fromstring(svg)


def words(picture: ElementTree.Element) -> list[str]:
    """All texts of a picture."""
    return [element.text or "" for element in picture.iter(f"{SVG}text")]


def rings(path: str) -> list[list[tuple[int, int]]]:
    """The corners of a path text of moves, relative lines, `h1` and closings; anything else raises."""
    found = []
    assert re.fullmatch(r"(M-?\d+ -?\d+(l-?\d+[ -]\d+( ?-?\d+[ -]\d+)*|h1)z)*", path), path
    for ring in path.split("z")[:-1]:
        begin, _, steps = ring.partition("l") if "l" in ring else ring.partition("h")
        corners = [tuple(int(n) for n in re.findall(r"-?\d+", begin))]
        numbers = [int(n) for n in re.findall(r"-?\d+", steps)] if "l" in ring else [1, 0]
        for dx, dy in zip(numbers[::2], numbers[1::2], strict=True):
            corners.append((corners[-1][0] + dx, corners[-1][1] + dy))
        found.append(corners)
    return found  # type: ignore[return-value]
