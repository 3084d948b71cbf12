"""Territories drawn by hand for the tests of this room, and oracles in plain Python.

Belongs here: what several tests share. Does not belong here: assertions.
"""

from collections.abc import Iterable, Sequence
from fractions import Fraction

import polars as pl
from hypothesis import strategies as st

from import_pipeline.territories.geometry import TERRITORIES

Ring = Sequence[tuple[float, float]]
Box = tuple[int, int, int, int]
"""West, south, east, north in degrees."""


def wkt(*rings: Ring) -> str:
    """A polygon: its border and its holes, closed here."""
    return f"POLYGON ({', '.join('(' + ', '.join(f'{x!r} {y!r}' for x, y in [*ring, ring[0]]) + ')' for ring in rings)})"


def corners(box: tuple[float, float, float, float]) -> Ring:
    """The four corners of a box."""
    west, south, east, north = box
    return [(west, south), (east, south), (east, north), (west, north)]


def box(west: float, south: float, east: float, north: float) -> str:
    """A box as WKT."""
    return wkt(corners((west, south, east, north)))


def territories(*rows: tuple[int, int, str | None]) -> pl.DataFrame:
    """The frame of (id, level, WKT)."""
    return pl.DataFrame([(key, f"T{key}", level, shape) for key, level, shape in rows], schema=TERRITORIES, orient="row")


@st.composite
def boxes(draw: st.DrawFn, most: int = 9) -> list[tuple[int, int, Box]]:
    """Some (id, level, box) on a small grid, so that borders, corners and equal shapes meet often."""
    found = []
    for key in draw(st.lists(st.integers(1, 99), min_size=1, max_size=most, unique=True)):
        west, south = draw(st.integers(0, 6)), draw(st.integers(0, 6))
        east, north = west + draw(st.integers(1, 5)), south + draw(st.integers(1, 5))
        found.append((key, draw(st.integers(1, 3)), (west, south, east, north)))
    return found


def drawn(found: Iterable[tuple[int, int, Box]]) -> pl.DataFrame:
    """The frame of boxes."""
    return territories(*((key, level, box(*sides)) for key, level, sides in found))


def common(a: Box, b: Box) -> Box | None:
    """What two boxes share, if that has an area."""
    west, south, east, north = max(a[0], b[0]), max(a[1], b[1]), min(a[2], b[2]), min(a[3], b[3])
    return (west, south, east, north) if west < east and south < north else None


def holds(rings: Sequence[Ring], x: Fraction, y: Fraction) -> bool:
    """Whether a point lies in a polygon or on its border: a ray to the east, in exact arithmetic."""
    inside = False
    for ring in rings:
        points = [(Fraction(a), Fraction(b)) for a, b in ring]
        for (ax, ay), (bx, by) in zip(points, [*points[1:], points[0]], strict=True):
            cross = (bx - ax) * (y - ay) - (by - ay) * (x - ax)
            if cross == 0 and min(ax, bx) <= x <= max(ax, bx) and min(ay, by) <= y <= max(ay, by):
                return True
            if (ay > y) != (by > y) and (cross > 0) == (by > ay):
                inside = not inside
    return inside
