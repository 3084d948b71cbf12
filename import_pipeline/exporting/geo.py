"""Territories as KML and as GeoJSON: what people open in a map program, edit and send back (acceptance S-16, B-14).

Belongs here: rows to the text of these two formats. Does not belong here: which territories are written, names of files, renaming
(files.py), judging shapes (validation/).

The same rows give the same bytes. Every coordinate is written as the shortest text of its double, so a file that is imported again
gives the same doubles. Rows go through in slices: beside the frame only one slice is in memory.
"""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import shapely
from fastkml.data import Data, ExtendedData
from fastkml.features import Placemark
from fastkml.geometry import Coordinates, InnerBoundaryIs, LinearRing, MultiGeometry, OuterBoundaryIs, Polygon
from lxml import etree

from import_pipeline.failures import PermanentFailure

KML_NAMESPACE = "http://www.opengis.net/kml/2.2"
GEO_COLUMNS = ("RecordID", "Title", "Level", "Description", "Parent", "Shape", "km2")
"""Columns of the rows that are written: `Parent` is a title or null, `Shape` WKT, `km2` square kilometres."""
KML_DATA = ("RecordID", "Parent")
"""Columns that stand as ExtendedData in KML; the level stands in the file's name."""

_SLICE = 200
"""Rows whose shapes are in memory as objects at once; a territory may have hundreds of thousands of points."""
_NOT_XML = r"[^\t\n\r\x20-\x{D7FF}\x{E000}-\x{FFFD}\x{10000}-\x{10FFFF}]"
_UNQUALIFIED = ""
"""Namespace of the objects of fastkml: they are written inside an element whose default namespace is KML's, and so need no prefix."""


class _Given:
    """Objects of fastkml that are there as they were given: without this each asks a geometry it has to build first, five times a ring."""

    def __bool__(self) -> bool:
        return True


class _Ring(_Given, LinearRing):
    @classmethod
    def get_tag_name(cls) -> str:
        return "LinearRing"


class _Outer(_Given, OuterBoundaryIs):
    pass


class _Hole(_Given, InnerBoundaryIs):
    pass


class _Several(_Given, MultiGeometry):
    @classmethod
    def get_tag_name(cls) -> str:
        return "MultiGeometry"


def write_kml(rows: pl.DataFrame, path: Path, *, name: str) -> None:
    """Writes one KML 2.2 file: a Document called `name` with one Placemark per row, in the rows' order.

    `rows` has GEO_COLUMNS. A polygon with holes has inner boundaries, a MULTIPOLYGON is a MultiGeometry. Characters that XML cannot
    hold become U+FFFD. Raises PermanentFailure for a shape that is no polygon, and OSError as the machine does; a file that is not
    finished is the caller's to remove (files.hidden).
    """
    texts = [pl.col(c).str.replace_all(_NOT_XML, "\ufffd") for c in ("RecordID", "Title", "Description", "Parent")]
    with etree.xmlfile(str(path), encoding="utf-8") as out:
        out.write_declaration()
        with out.element(f"{{{KML_NAMESPACE}}}kml", nsmap={None: KML_NAMESPACE}), out.element(f"{{{KML_NAMESPACE}}}Document"):
            with out.element(f"{{{KML_NAMESPACE}}}name"):
                out.write(_xml_text(name))
            out.write("\n")
            for part, shapes in _slices(rows.with_columns(texts)):
                for row, shape in zip(part.iter_rows(named=True), shapes, strict=True):
                    out.write(_placemark(row, shape).etree_element(), pretty_print=True)


def write_geojson(rows: pl.DataFrame, path: Path) -> None:
    """Writes a FeatureCollection of RFC 7946, one feature a line, in the rows' order.

    `rows` has GEO_COLUMNS; all but Shape are properties, and RecordID is the feature's `id` too. Outer rings run
    counterclockwise and holes clockwise, as RFC 7946 (3.1.6) would have them: the doubles stay, a ring may be turned round.
    Raises PermanentFailure for a shape that is no polygon, and OSError as the machine does.
    """
    properties = pl.struct(c for c in GEO_COLUMNS if c != "Shape").struct.json_encode()
    number = pl.struct(id="RecordID").struct.json_encode().str.slice(1).str.head(-1)
    feature = pl.concat_str(pl.lit('{"type":"Feature",'), number, pl.lit(',"properties":'), properties, pl.lit(',"geometry":'))
    with path.open("w", encoding="utf-8", newline="\n") as out:
        out.write('{"type":"FeatureCollection","features":[')
        comma = "\n"
        for part, shapes in _slices(rows):
            turned = shapely.to_geojson(shapely.orient_polygons(shapes, exterior_cw=False))
            for start, geometry in zip(part.select(feature).to_series(), turned, strict=True):
                out.write(f"{comma}{start}{geometry}}}")
                comma = ",\n"
        out.write("\n]}\n")


def _slices(rows: pl.DataFrame) -> Iterator[tuple[pl.DataFrame, Any]]:
    """Slices of the rows, each with an array of its polygons and multipolygons without heights."""
    for part in rows.select(GEO_COLUMNS).iter_slices(_SLICE):
        shapes = shapely.force_2d(shapely.from_wkt(part["Shape"].to_numpy(), on_invalid="ignore"))
        kinds = shapely.get_type_id(shapes)
        for wrong in (~((kinds == shapely.GeometryType.POLYGON) | (kinds == shapely.GeometryType.MULTIPOLYGON))).nonzero()[0]:
            raise PermanentFailure(f"the shape of {part['Title'][int(wrong)]!r} is no polygon: {str(part['Shape'][int(wrong)])[:60]}")
        yield part, shapes


def _placemark(row: dict[str, Any], shape: Any) -> Placemark:
    """One territory as KML. Texts are set after the object is made, because its constructor strips them."""
    told = {column: Data(ns=_UNQUALIFIED, name=column) for column in KML_DATA if row[column] is not None}
    for column, data in told.items():
        data.value = row[column]
    parts = [_polygon(part) for part in shapely.get_parts(shape)]
    several = shapely.get_type_id(shape) == shapely.GeometryType.MULTIPOLYGON
    made = Placemark(
        ns=_UNQUALIFIED,
        kml_geometry=_Several(ns=_UNQUALIFIED, kml_geometries=parts) if several else parts[0],
        extended_data=ExtendedData(ns=_UNQUALIFIED, elements=list(told.values())) if told else None,
    )
    made.name, made.description = row["Title"], row["Description"]
    return made


def _polygon(shape: Any) -> Polygon:
    """One polygon with its holes; rings keep their direction and their first point."""
    return Polygon(
        ns=_UNQUALIFIED,
        outer_boundary=_Outer(ns=_UNQUALIFIED, kml_geometry=_ring(shape.exterior)),
        inner_boundaries=[_Hole(ns=_UNQUALIFIED, kml_geometry=_ring(hole)) for hole in shape.interiors],
    )


def _ring(shape: Any) -> LinearRing:
    points = [(x, y) for x, y in shapely.get_coordinates(shape).tolist()]
    return _Ring(ns=_UNQUALIFIED, kml_coordinates=Coordinates(ns=_UNQUALIFIED, coords=points))


def _xml_text(text: str) -> str:
    """`text` with U+FFFD for every character that XML cannot hold."""
    return str(pl.select(pl.lit(text).str.replace_all(_NOT_XML, "\ufffd")).item())
