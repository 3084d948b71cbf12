"""Coordinates as KML writes them (`lng,lat[,altitude] …`) to well-known text, for a whole column of rings at once.

Belongs here: the grammar of coordinates, naming the first that breaks it, building the text of a shape. Does not belong here: ranges,
closed rings, crossings (validation/shapes.py), which elements hold coordinates (kml_placemark.py).

Numbers are xsd:double without its words: no NaN, no INF, no hexadecimal; they stay as they are written. Blanks beside a comma are
forgiven, as Google Earth forgives them.
"""

import re

import numpy as np
import polars as pl

EXPECTED = "longitude,latitude[,altitude] as numbers, coordinates separated by blanks"
_BLANKS = " \t\r\n"
_NUMBER = r"[-+]?(?:[0-9]+(?:\.[0-9]*)?|\.[0-9]+)(?:[eE][-+]?[0-9]{1,3})?"
_FLAT = f"{_NUMBER},{_NUMBER}"
_HIGH = f"{_FLAT},{_NUMBER}"
_EITHER = f"{_FLAT}(?:,{_NUMBER})?"
_COORDINATE = re.compile(_EITHER)
_MOST_COMMAS = 2
_TO_BLANK = {9: " ", 13: " "}


def ring_texts(coordinates: pl.Series) -> pl.DataFrame:
    """Of each text of coordinates its `ring` as in well-known text, `x y, x y`, and how many `points` it has.

    `ring` is null where a coordinate breaks the grammar; a text without any coordinate is an empty ring of 0 points.
    """
    tidy = _tidied(coordinates)
    high = tidy.str.contains(_sequence(_HIGH))
    readable = high | tidy.str.contains(_sequence(_FLAT)) | (tidy == "")
    pairs = tidy
    if high.any():
        # In a sequence of triples the only number with a comma before it and a blank behind it is the altitude.
        dropped = (tidy + " ").str.replace_all(",[^, ]+ ", " ").str.strip_chars_end(" ")
        pairs = dropped if high.all() else dropped.zip_with(high, pairs)
    if not readable.all() and (mixed := ~readable & tidy.str.contains(_sequence(_EITHER))).any():
        pairs = tidy.str.replace_all("(,[^, ]+),[^, ]+", "$1").zip_with(mixed, pairs)
        readable = readable | mixed
    points = pl.Series("points", tidy.str.count_matches(" ", literal=True) + (tidy != ""), dtype=pl.Int64)
    ring = pairs.str.replace_many([" ", ","], [", ", " "])
    if not readable.all():
        ring = pl.select(pl.when(readable).then(ring)).to_series()
    return pl.DataFrame({"ring": ring, "points": points})


def shape_texts(rings: pl.DataFrame) -> pl.DataFrame:
    """The `shape` of each `placemark` as well-known text, in the order of the placemarks.

    `rings` has a row per ring, in the order of the file: `placemark`, `polygon` (numbers that never fall) and `ring` (`x y, x y`). The
    first ring of a polygon is its border, the others are holes; a placemark with one polygon gives POLYGON, with more MULTIPOLYGON.
    """
    number = rings.get_column("placemark").to_numpy()
    alone = np.ones(len(number), dtype=np.bool_)
    same = number[1:] == number[:-1]
    alone[1:] &= ~same
    alone[:-1] &= ~same
    # Grouping long texts costs several times what all else here costs, and most placemarks have one ring.
    simple = rings.filter(pl.Series(alone)).select("placemark", pl.format("POLYGON (({}))", "ring").alias("shape"))
    if alone.all():
        return simple
    return pl.concat((simple, _grouped(rings.filter(pl.Series(~alone))))).sort("placemark")


def _grouped(rings: pl.DataFrame) -> pl.DataFrame:
    bracketed = rings.lazy().with_columns(pl.format("({})", "ring").alias("ring"))
    whole = pl.format("({})", pl.col("ring").str.join(", "))
    polygons = bracketed.group_by("placemark", "polygon", maintain_order=True).agg(whole.alias("ring"))
    several = pl.format("MULTIPOLYGON ({})", pl.col("ring").str.join(", "))
    shape = pl.when(pl.len() == 1).then(pl.format("POLYGON {}", pl.col("ring").first())).otherwise(several)
    return polygons.group_by("placemark", maintain_order=True).agg(shape.alias("shape")).collect()


def wrong_coordinate(text: str) -> tuple[int, str, int]:
    """The first coordinate of a text that breaks the grammar: its number from 1 on, what is written there, the lines before it."""
    number, joined, at = 0, "", 0
    for down, row in enumerate(text.split("\n")):
        for piece in filter(None, row.translate(_TO_BLANK).split(" ")):
            if joined and (joined.endswith(",") or piece.startswith(",")) and joined.count(",") <= _MOST_COMMAS:
                joined += piece
                continue
            if joined:
                number += 1
                if not _COORDINATE.fullmatch(joined):
                    return number, joined, at
            joined, at = piece, down
    return number + 1, joined, at


def _tidied(coordinates: pl.Series) -> pl.Series:
    """Single blanks, and only between two coordinates."""
    tidy = coordinates.str.strip_chars(_BLANKS)
    loose = tidy.str.contains(r"[\t\r\n]|  | ,|, ")
    if loose.any():
        mended = tidy.str.replace_all(rf"[{_BLANKS}]+", " ").str.replace_all(" ?, ?", ",")
        tidy = mended if loose.all() else mended.zip_with(loose, tidy)
    return tidy


def _sequence(one: str) -> str:
    return f"^{one}(?: {one})*$"
