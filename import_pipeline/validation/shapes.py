"""Shapes of territories: polygons in degrees, longitude first, as WKT (acceptance S-14, decision 7).

Belongs here: what a Shape field takes, in which words it is refused, and its one way of being written. Does not belong here: reading
WKT (wkt.py), reading KML (parsing/), how shapes lie to each other (territories/).

A column is judged once and as a whole; each rule then asks that verdict whether it was its own that was broken first.
"""

from collections.abc import Callable
from dataclasses import dataclass
from functools import partial

import numpy as np
import numpy.typing as npt
import polars as pl
import shapely

from import_pipeline.model.field import FieldSpec
from import_pipeline.model.territory import RING_POINTS
from import_pipeline.validation.rules import ColumnJudge, Rule, stated_rules
from import_pipeline.validation.wkt import Flags, Ints, Rings, first_bad_point, numbers_text, read_rings, write_rings

Objects = npt.NDArray[np.object_]
SHOWN = 60
"""Characters of a value that is no polygon at all."""
_WORDS = {
    "not_a_polygon": "a polygon such as POLYGON ((-96.1 41.2, -96.0 41.2, -96.0 41.3, -96.1 41.2))",
    "several_polygons": "one polygon: give each its own title, or let the account accept several (accept_multipolygons)",
    "polygon_with_hole": "a polygon without holes, or an account that accepts them (accept_multipolygons)",
    "bad_coordinate": "longitude and latitude as plain numbers such as -96.1 41.2",
    "too_many_points": f"rings of at most {RING_POINTS:,} points",
    "coordinate_range": "longitude -180 to 180, then latitude -90 to 90",
    "ring_too_short": "a ring of at least four points, the last one equal to the first (equal neighbours count once)",
    "ring_not_closed": "a ring whose last point is equal to its first",
    "crosses_antimeridian": "a border without steps of more than 180 degrees: part the polygon at the 180th meridian",
    "ring_crosses": "a border that does not cross or touch itself",
}
"""The rules in the order in which they count."""
_CODES = list(_WORDS)
_NONE = len(_CODES)


def points_text(xy: npt.NDArray[np.float64]) -> pl.Series:
    """Points (n × 2) as people write them: `-96.1,41`."""
    return pl.select(pl.concat_str(numbers_text(xy[:, 0]), numbers_text(xy[:, 1]), separator=",")).to_series()


@dataclass(frozen=True)
class Verdict:
    """What is to be said of a column of shapes.

    `fault`: per value the number of the first rule it breaks, `_NONE` where it breaks none. `shapes`: the geometry of values without
    a fault, else None. The words of what is wrong are made when they are asked for.
    """

    values: pl.Series
    rings: Rings
    fault: Ints
    ring: Ints
    """The ring that breaks the rule, -1 where it is none."""
    point: Ints
    """The point that breaks the rule, -1 where it is none."""
    shapes: Objects
    crossing: Objects
    """Geometries that cross themselves, else None."""

    def keeps(self, code: str) -> pl.Series | bool:
        """True for values that do not break this rule first, or plain True for all of them."""
        broken = self.fault == _CODES.index(code)
        return not broken.any() or pl.Series(~broken)

    def _first_point(self, ring: Ints) -> pl.Series:
        known = np.searchsorted(self.rings.ring, ring)
        return points_text(self.rings.xy[np.minimum(known, len(self.rings.xy) - 1)])

    def found(self) -> pl.Series:
        """What was found in each value, in few words: the wrong coordinate, or which ring it is."""
        told = self.values.str.head(SHOWN)
        for number, code in enumerate(_CODES):
            rows = np.flatnonzero(self.fault == number)
            if rows.size and code != "not_a_polygon":
                told = told.scatter(rows, self._found_by(code, rows))
        good = np.flatnonzero((self.fault == _NONE) & self.values.is_not_null().to_numpy())
        return told.scatter(good, self._described(good)) if good.size else told

    def _found_by(self, code: str, rows: Ints) -> pl.Series:
        ring, point = self.ring[rows], self.point[rows]
        match code:
            case "several_polygons":
                of_row = np.bincount(self.rings.row[self.rings.first], minlength=self.fault.size)
                return _text(pl.format("{} polygons", "n"), n=of_row[rows])
            case "polygon_with_hole":
                holes = np.bincount(self.rings.row[~self.rings.first], minlength=self.fault.size)
                return _text(pl.format("polygon with {} holes", "n"), n=holes[rows]).str.replace("with 1 holes", "with a hole")
            case "bad_coordinate":
                return first_bad_point(self.rings.text.gather(ring)).str.replace(" ", ",", literal=True).str.head(SHOWN)
            case "too_many_points":
                return _text(pl.format("ring of {} points", "n"), n=self.rings.points[ring])
            case "coordinate_range":
                return points_text(self.rings.xy[point])
            case "ring_too_short":
                return _text(pl.format("ring of {} points, first {}", "n", "a"), n=self.rings.points[ring], a=self._first_point(ring))
            case "ring_not_closed":
                ends = points_text(self.rings.xy[point])
                return _text(pl.format("ring from {} to {}", "a", "b"), a=self._first_point(ring), b=ends)
            case "crosses_antimeridian":
                a, b = (points_text(self.rings.xy[at]) for at in (point, point + 1))
                return _text(pl.format("{} to {}", "a", "b"), a=a, b=b)
            case _:
                return self._described(rows)

    def _described(self, rows: Ints) -> pl.Series:
        """`polygon of 31 points, first -96.1,41.2`; points of all rings together."""
        points = np.bincount(self.rings.row, weights=self.rings.points, minlength=self.fault.size).astype(np.int64)
        polygons = np.bincount(self.rings.row[self.rings.first], minlength=self.fault.size)
        first = self._first_point(np.searchsorted(self.rings.row, rows))
        what = pl.when(pl.col("p") == 1).then(pl.lit("polygon")).otherwise(pl.format("{} polygons", "p"))
        return _text(pl.format("{} of {} points, first {}", what, "n", "a"), p=polygons[rows], n=points[rows], a=first)

    def hint(self, code: str) -> pl.Series:
        """What was expected of each value that breaks this rule, where it can be told more closely."""
        words = pl.Series([_WORDS[code]]).new_from_index(0, len(self.fault))
        if code == "coordinate_range":
            swapped = self._fit_when_swapped() & (self.fault == _CODES.index(code))
            return words.set(pl.Series(swapped), f"{_WORDS[code]}; latitude and longitude swapped?")
        if code == "ring_crosses":
            rows = np.flatnonzero([shape is not None for shape in self.crossing])
            reasons = pl.Series(shapely.is_valid_reason(self.crossing[rows]), dtype=pl.String)
            parts = reasons.to_frame("r").select(
                kind=pl.col("r").str.extract(r"\A([^\[]*)").str.strip_chars().str.to_lowercase(),
                place=pl.col("r").str.extract(r"\[([^\]]*)\]").str.replace(" ", ",", literal=True),
            )
            told = parts.select(pl.format(f"{_WORDS[code]}; {{}} at {{}}", "kind", "place")).to_series()
            return words.scatter(rows, told) if rows.size else words
        return words

    def _fit_when_swapped(self) -> Flags:
        x, y = np.abs(self.rings.xy[:, 0]), np.abs(self.rings.xy[:, 1])
        misfits = self.rings.row[self.rings.ring][~((y <= 180) & (x <= 90))]
        return np.asarray(np.bincount(misfits, minlength=self.fault.size) == 0, dtype=np.bool_)


def _text(words: pl.Expr, **columns: Ints | pl.Series) -> pl.Series:
    return pl.DataFrame(columns).select(words.alias("")).to_series()


class _Judging:
    """One column on its way to a verdict: each step marks the values that break its rule and did not break an earlier one."""

    def __init__(self, values: pl.Series, several: bool) -> None:
        self.values, self.rings = values, read_rings(values)
        size = len(values)
        self.fault: Ints = np.full(size, _NONE, dtype=np.int64)
        self.ring: Ints = np.full(size, -1, dtype=np.int64)
        self.point: Ints = np.full(size, -1, dtype=np.int64)
        self._mark("not_a_polygon", np.flatnonzero(~self.rings.readable & values.is_not_null().to_numpy()))
        if not several:
            polygons = np.bincount(self.rings.row[self.rings.first], minlength=size)
            self._mark("several_polygons", np.flatnonzero(polygons > 1))
            self._mark_rings("polygon_with_hole", ~self.rings.first)
        self._mark_rings("bad_coordinate", ~self.rings.parsed)
        self._mark_rings("too_many_points", self.rings.points > RING_POINTS)
        self._judge_points()

    def _mark(self, code: str, rows: Ints, ring: Ints | None = None, point: Ints | None = None) -> None:
        """Marks `rows` (ascending, maybe repeated: the first counts)."""
        fresh = self.fault[rows] == _NONE
        rows, first = np.unique(rows[fresh], return_index=True)
        self.fault[rows] = _CODES.index(code)
        if ring is not None:
            self.ring[rows] = ring[fresh][first]
        if point is not None:
            self.point[rows] = point[fresh][first]

    def _mark_rings(self, code: str, bad: Flags) -> None:
        found = np.flatnonzero(bad)
        self._mark(code, self.rings.row[found], found)

    def _mark_points(self, code: str, found: Ints) -> None:
        self._mark(code, self.rings.row[self.rings.ring[found]], self.rings.ring[found], found)

    def _judge_points(self) -> None:
        """Range, length and closure of rings, and steps over the antimeridian. Equal points in a row count once."""
        xy, ring = self.rings.xy, self.rings.ring
        starts = np.flatnonzero(np.concatenate([[True], np.diff(ring) != 0])[: ring.size])
        ends = np.append(starts[1:], ring.size)[: starts.size] - 1
        self._mark_points("coordinate_range", np.flatnonzero(~((np.abs(xy[:, 0]) <= 180) & (np.abs(xy[:, 1]) <= 90))))
        inner = np.diff(ring) == 0
        moves = inner & (xy[1:] != xy[:-1]).any(axis=1)
        steps = np.bincount(ring[:-1][moves], minlength=self.rings.row.size)
        self._mark_rings("ring_too_short", self.rings.parsed & (steps < 3))
        open_ = (xy[starts] != xy[ends]).any(axis=1)
        self._mark_points("ring_not_closed", ends[open_])
        self._mark_points("crosses_antimeridian", np.flatnonzero(inner & (np.abs(xy[1:, 0] - xy[:-1, 0]) > 180)))

    def verdict(self) -> Verdict:
        """The last rule, which needs geometries: GEOS judges what no other rule refuses."""
        shapes = self._geometries()
        rows = np.flatnonzero([shape is not None for shape in shapes])
        bad = rows[~shapely.is_valid(shapes[rows])]
        self._mark("ring_crosses", bad)
        crossing = np.full(shapes.size, None, dtype=object)
        crossing[bad], shapes[bad] = shapes[bad], None
        return Verdict(self.values, self.rings, self.fault, self.ring, self.point, shapes, crossing)

    def _geometries(self) -> Objects:
        """Polygons, and multipolygons where there are several, of the values without a fault; None for the others."""
        made = np.full(self.fault.size, None, dtype=object)
        wanted = self.fault[self.rings.row] == _NONE
        if not wanted.any():
            return made
        points = wanted[self.rings.ring]
        number = np.cumsum(wanted) - 1
        rings = shapely.linearrings(self.rings.xy[points], indices=number[self.rings.ring[points]])
        _, polygon = np.unique(self.rings.polygon[wanted], return_inverse=True)
        polygons = shapely.polygons(rings, indices=polygon)
        rows = self.rings.row[wanted & self.rings.first]
        several = np.bincount(rows, minlength=made.size)[rows] > 1
        made[rows[~several]] = polygons[~several]
        if several.any():
            owners, member = np.unique(rows[several], return_inverse=True)
            made[owners] = shapely.multipolygons(polygons[several], indices=member)
        return made


def judge_shapes(values: pl.Series, several: bool) -> Verdict:
    """Judges a column of WKT; `several` takes holes and several polygons, too. Null values break no rule."""
    return _Judging(values, several).verdict()


class _Remembered:
    """The verdict on the column looked at last: all rules, the cast and the words of errors ask about the same one in turn."""

    def __init__(self, several: bool) -> None:
        self._several = several
        self._last: Verdict | None = None

    def __call__(self, values: pl.Series) -> Verdict:
        if self._last is None or not self._last.values.equals(values, null_equal=True):
            self._last = judge_shapes(values, self._several)
        return self._last


def _canonical(ask: Callable[[pl.Series], Verdict], values: pl.Series) -> pl.Series:
    """The same doubles always give the same text: shortest numbers that give the double again, `POLYGON` where there is one polygon.
    The order of rings and points is kept as given."""
    return write_rings(ask(values).rings)


def _rule(code: str, ask: Callable[[pl.Series], Verdict]) -> Rule:
    closer = code in ("coordinate_range", "ring_crosses")
    return Rule(
        code,
        _WORDS[code],
        lambda values: ask(values).keeps(code),
        explain=(lambda values: ask(values).hint(code)) if closer else None,
    )


def shape(spec: FieldSpec) -> ColumnJudge:
    """Shape: one polygon without holes, or with `multipolygons` any; kept as canonical WKT. GEOS says what crosses itself (OGC)."""
    ask = _Remembered(spec.multipolygons)
    rules = tuple(_rule(code, ask) for code in _CODES if not spec.multipolygons or code not in ("several_polygons", "polygon_with_hole"))
    return ColumnJudge((*rules, *stated_rules(spec)), partial(_canonical, ask), shown=lambda values: ask(values).found())
