"""Texts such as `POLYGON ((lng lat, …))` to rings of doubles, for a whole column at once.

Belongs here: the grammar of polygon WKT and the arrays it is read into. Does not belong here: what a territory's shape may be
(shapes.py).

GEOS reads WKT, too, but refuses an open ring with the same error as a missing bracket, and takes `nan`, `0x1` and numbers that end
in letters. People need to know which it was, so the text is read by strict patterns.
"""

from dataclasses import dataclass

import numpy as np
import numpy.typing as npt
import polars as pl

Ints = npt.NDArray[np.int64]
Flags = npt.NDArray[np.bool_]
NUMBER = r"[+-]?(?:[0-9]+\.?[0-9]*|\.[0-9]+)(?:[eE][+-]?[0-9]+)?"
_PAIR = rf"{NUMBER} {NUMBER}"
_RING = rf"\A(?:{_PAIR},)*{_PAIR}\z"
_HEAD = r"(?i)\A(?:MULTI)?POLYGON\s*"
_LOOSE = r"\s[(),]|[(),]\s|\s\s|[^\S ]"
_POLYGON = r"\(\([^()]*\)(?:,\([^()]*\))*\)"
_BODY = rf"\A\({_POLYGON}(?:,{_POLYGON})*\)\z"
"""A multipolygon without its name; a single polygon gets the outermost brackets before it is looked at."""


@dataclass(frozen=True)
class Rings:
    """The rings of a column's values, in order: of each value its polygons, of each polygon its border and then its holes.

    `readable`: a flag per value (null values count as not readable). Per ring: `row` (position of its value), `polygon` (number
    over all values), `points` (how many), `text` (the points as given, `x y,x y`) and `parsed` (all its coordinates are pairs of
    numbers). Per point of a parsed ring: `xy` (n × 2, maybe infinite) and `ring` (its number).
    """

    readable: Flags
    row: Ints
    polygon: Ints
    points: Ints
    text: pl.Series
    parsed: Flags
    xy: npt.NDArray[np.float64]
    ring: Ints

    @property
    def first(self) -> Flags:
        """Of each ring: is it its polygon's border (and no hole)?"""
        return np.concatenate([[True], np.diff(self.polygon) != 0])[: self.polygon.size].astype(np.bool_)


def _bodies(values: pl.Series) -> pl.Series:
    """`(((x y,x y),(hole)),(…))`: without the name, with single blanks and only between two numbers; null where it is no polygon."""
    texts = values.str.replace_all(", ", ",", literal=True)
    bodies = texts.str.replace(_HEAD, "")
    if (loose := bodies.str.contains(_LOOSE).fill_null(False)).any():
        tidied = bodies.filter(loose).str.replace_all(r"\s+", " ").str.replace_all(r" ?([(),]) ?", "$1")
        bodies = bodies.scatter(loose.arg_true(), tidied)
    frame = pl.DataFrame({"text": texts, "body": bodies})
    single = ~pl.col("text").str.contains(r"(?i)\AMULTI")
    whole = pl.when(single).then(pl.concat_str(pl.lit("("), "body", pl.lit(")"))).otherwise("body")
    known = pl.col("text").str.contains(_HEAD) & whole.str.contains(_BODY)
    return frame.select(pl.when(known).then(whole).alias("body")).to_series()


def read_rings(values: pl.Series) -> Rings:
    """Reads every value that is a polygon or a multipolygon in two dimensions; numbers are read as the nearest double."""
    bodies = _bodies(values)
    inner = pl.col("body").str.slice(3, pl.col("body").str.len_chars() - 6)
    rings = (
        bodies.alias("body")
        .to_frame()
        .with_row_index("row")
        .filter(pl.col("body").is_not_null())
        .select("row", inner.str.split(")),((").alias("text"))
        .explode("text")
        .with_row_index("polygon")
        .with_columns(pl.col("text").str.split("),("))
        .explode("text")
    )
    text = rings.get_column("text")
    parsed = text.str.contains(_RING)
    points = text.str.count_matches(",", literal=True).cast(pl.Int64) + 1
    numbers = text.filter(parsed).str.replace_all(",", " ", literal=True).str.split(" ").explode().cast(pl.Float64)
    known = parsed.to_numpy()
    counts = points.to_numpy()
    return Rings(
        readable=bodies.is_not_null().to_numpy(),
        row=rings.get_column("row").cast(pl.Int64).to_numpy(),
        polygon=rings.get_column("polygon").cast(pl.Int64).to_numpy(),
        points=counts,
        text=text,
        parsed=known,
        xy=numbers.to_numpy().reshape(-1, 2) + 0.0,  # minus zero is zero
        ring=np.repeat(np.flatnonzero(known), counts[known]),
    )


def numbers_text(numbers: npt.NDArray[np.float64]) -> pl.Series:
    """Each double as the shortest text that gives the same double again, whole numbers without a decimal point."""
    return pl.Series(numbers).cast(pl.String).str.replace(r"\.0$", "")


def write_rings(rings: Rings) -> pl.Series:
    """The one way in which the values that `rings` was read from are written; null where a value has a ring that was not parsed.

    `POLYGON ((x y, …), (hole …))`, or `MULTIPOLYGON (((…)), …)` where there are several. (GEOS writes at most 16 digits of a number:
    not every double would come back.)
    """
    x, y = (numbers_text(rings.xy[:, axis]) for axis in (0, 1))
    points = pl.DataFrame({"ring": rings.ring, "text": pl.select(pl.concat_str(x, y, separator=" ")).to_series()})
    places = pl.DataFrame({"ring": np.arange(rings.row.size), "polygon": rings.polygon, "row": rings.row})
    drawn = places.join(_joined(points, "ring"), on="ring", how="left", maintain_order="left").select("polygon", "row", "text")
    polygons = places.unique("polygon", keep="first", maintain_order=True).select("polygon", "row")
    members = polygons.join(_joined(drawn, "polygon"), on="polygon", how="left", maintain_order="left").select("row", "text")
    rows = members.group_by("row", maintain_order=True).agg(pl.len().alias("polygons"), pl.col("text").str.join(", ", ignore_nulls=False))
    name = pl.when(pl.col("polygons") > 1).then(pl.format("MULTIPOLYGON ({})", "text")).otherwise(pl.format("POLYGON {}", "text"))
    every = pl.DataFrame({"row": np.arange(rings.readable.size)})
    return every.join(rows.select("row", name.alias("text")), on="row", how="left", maintain_order="left").get_column("text")


def _joined(frame: pl.DataFrame, key: str) -> pl.DataFrame:
    """The texts of each key in brackets, in order."""
    inner = pl.concat_str(pl.lit("("), pl.col("text").str.join(", ", ignore_nulls=False), pl.lit(")"))
    return frame.group_by(key, maintain_order=True).agg(inner.alias("text"))


def first_bad_point(text: pl.Series) -> pl.Series:
    """Of each ring's text the first point that is no pair of numbers, as given; null where there is none."""
    bad = pl.element().filter(~pl.element().str.contains(rf"\A{_PAIR}\z"))
    return text.to_frame("text").select(pl.col("text").str.split(",").list.eval(bad).list.first()).to_series()
