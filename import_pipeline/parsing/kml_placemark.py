"""What one placemark holds: title, description, rings, the link of a placemark sent again, and what is wrong with how it is built.

Belongs here: which elements mean what. Does not belong here: coordinates (kml_shapes.py), XML as such (kml_xml.py).

A shape is a Polygon, or a MultiGeometry of polygons, with one outer boundary each. What else a placemark may hold (styles, views, times,
data of other programs) is passed over; a geometry in a place where KML has none is refused, for nothing may be lost in silence.
"""

from dataclasses import dataclass, field
from typing import Any, NamedTuple

from import_pipeline.model.columns import REASON_COLUMNS, reason_places
from import_pipeline.model.territory import SHAPE, TITLE
from import_pipeline.parsing.kml_xml import ELEMENTS_LIMIT, PLACEMARK_LIMIT, end_of, line_inside, local_name

SHOWN = 100
"""Characters of a title, and of what was found, that an error shows."""
_MULTI = ("MultiGeometry", "GeometryCollection")
_OTHERS = ("Point", "LineString", "LinearRing", "Model", "Track", "MultiTrack", "MultiPoint", "MultiLineString", "MultiPolygon")
_CONTAINERS = ("Placemark", "Document", "Folder")
_GEOMETRIES = frozenset(("Polygon", *_MULTI, *_OTHERS))
_PASSED_OVER = """
    visibility open author link address AddressDetails phoneNumber Snippet snippet LookAt Camera TimeStamp TimeSpan
    styleUrl Style StyleMap Region Metadata balloonVisibility
"""
_WITHOUT_SHAPES = frozenset(_PASSED_OVER.split())
_ONE = "one polygon in a placemark (accept_multipolygons would take several)"
_BORDER = "one outerBoundaryIs with one LinearRing in a Polygon"
_WHOLE = "a polygon without holes (accept_multipolygons would take them)"


class Wrong(NamedTuple):
    """Why a placemark is refused: code, column, what was found, what was expected."""

    code: str
    column: str | None
    value: str | None
    expected: str


class Ring(NamedTuple):
    """The coordinates of a ring as they are written, the line on which they begin, and the number of the ring's polygon."""

    polygon: int
    text: str
    line: int


@dataclass(slots=True)
class Placemark:
    """One placemark as it was read; `rings` are complete only while nothing is `wrong` with its shape."""

    line: int
    end: int
    title: str | None = None
    description: str | None = None
    rings: list[Ring] = field(default_factory=list)
    wrong: list[Wrong] = field(default_factory=list)
    link: tuple[str, str] | None = None
    """Job and line of the refused placemark that this one mends, as text."""

    def refuse(self, code: str, found: str, expected: str) -> None:
        """Notes what is wrong with the shape; errors about shapes name the placemark, for a line alone is hard to find on a map."""
        found = found if len(found) <= SHOWN else found[:SHOWN] + "…"
        self.wrong.append(Wrong(code, SHAPE, f"{self.shown}: {found}" if self.title else found, expected))

    @property
    def shown(self) -> str:
        """The title, short enough for an error."""
        title = self.title or ""
        return title if len(title) <= SHOWN else title[:SHOWN] + "…"


class _Broken(Exception):
    """Why the shape of a placemark cannot be taken: code, what was found, what was expected."""


def read_placemark(element: Any, line: int, whole: bool, *, multipolygons: bool) -> Placemark:
    """Reads a placemark that begins at `line`. Faults of title and shape are told side by side; coordinates are not judged here."""
    made = Placemark(line, line)
    shapes: list[Any] = []
    strange: str | None = None
    names: list[str] = []
    for child in element:
        name = local_name(child.tag)
        if name == "name":
            names.append(_text(child))
        elif name in _GEOMETRIES:
            shapes.append(child)
        elif name == "description":
            made.description = _text(child).strip() or made.description
        elif name == "ExtendedData":
            made.link = _link(child)
        elif name not in _WITHOUT_SHAPES:
            strange = strange or _hidden(child, name)
    titles = [" ".join(text.split()) for text in names]
    made.title = titles[0] if titles and titles[0] else None
    if len(titles) > 1:
        made.wrong.append(Wrong("bad_placemark", TITLE, "; ".join(titles)[:SHOWN], "one name in a placemark"))
    elif made.title is None:
        made.wrong.append(Wrong("required", TITLE, None, "a <name>, which becomes the title"))
    try:
        if not whole:
            expected = f"at most {PLACEMARK_LIMIT >> 20} MB and {ELEMENTS_LIMIT:,} elements in a placemark"
            raise _Broken("bad_placemark", "too large", expected)
        if strange:
            raise _Broken("bad_placemark", strange, "geometry as a child of the placemark or of its MultiGeometry")
        made.end = end_of(element, line)
        made.rings = _rings(element, line, _polygons(shapes), multipolygons)
    except _Broken as broken:
        made.refuse(*broken.args)
    return made


def _text(element: Any) -> str:
    return "".join(element.itertext()) if len(element) else element.text or ""


def _hidden(element: Any, name: str) -> str | None:
    """What stands in an element that a placemark should not have: another feature, or a geometry; None for data of other programs."""
    if name in _CONTAINERS:
        return f"{name} inside of a placemark"
    inside = next((local_name(e.tag) for e in element.iter() if local_name(e.tag) in _GEOMETRIES), None)
    return f"{inside} inside of {name}" if inside else None


def _polygons(shapes: list[Any]) -> list[Any]:
    """The polygons among geometries and in their multi-geometries, in order; anything else beside them is refused."""
    if len(shapes) == 1 and local_name(shapes[0].tag) == "Polygon":
        return shapes
    found = []
    waiting = list(reversed(shapes))
    while waiting:
        shape = waiting.pop()
        name = local_name(shape.tag)
        if name == "Polygon":
            found.append(shape)
        elif name in _MULTI:
            waiting.extend(reversed([child for child in shape if local_name(child.tag) in _GEOMETRIES]))
        else:
            raise _Broken("not_a_polygon", name + (" beside polygons" if len(shapes) + len(found) > 1 else ""), "polygons only")
    if not found:
        what = local_name(shapes[0].tag) + " without polygons" if shapes else "no geometry"
        raise _Broken("not_a_polygon", what, "a Polygon")
    return found


def _rings(placemark: Any, line: int, polygons: list[Any], multipolygons: bool) -> list[Ring]:
    if len(polygons) > 1 and not multipolygons:
        raise _Broken("several_polygons", f"{len(polygons)} polygons", _ONE)
    rings = []
    for number, polygon in enumerate(polygons):
        borders, holes = _boundaries(polygon)
        if holes and not multipolygons:
            raise _Broken("polygon_with_hole", f"{len(holes)} {'hole' if len(holes) == 1 else 'holes'}", _WHOLE)
        for ring in (*borders, *holes):
            coordinates = _coordinates(ring)
            rings.append(Ring(number, coordinates.text or "", line_inside(placemark, line, coordinates)))
    return rings


def _boundaries(polygon: Any) -> tuple[list[Any], list[Any]]:
    """The one LinearRing of a polygon's border, and those of its holes."""
    borders: list[Any] = []
    holes: list[Any] = []
    for child in polygon:
        name = local_name(child.tag)
        if name == "outerBoundaryIs":
            borders += _linear_rings(child)
        elif name == "innerBoundaryIs":
            holes += _linear_rings(child)
        elif name in _GEOMETRIES:
            raise _Broken("bad_placemark", f"{name} inside of Polygon", "outerBoundaryIs, and innerBoundaryIs for holes")
    if len(borders) != 1:
        raise _Broken("bad_placemark", f"{len(borders)} outer boundaries", _BORDER)
    return borders, holes


def _linear_rings(boundary: Any) -> list[Any]:
    rings = []
    for child in boundary:
        name = local_name(child.tag)
        if name == "LinearRing":
            rings.append(child)
        elif name in _GEOMETRIES:
            raise _Broken("bad_placemark", f"{name} as a boundary", "a LinearRing")
    if not rings:
        raise _Broken("bad_placemark", "a boundary without LinearRing", _BORDER)
    return rings


def _coordinates(ring: Any) -> Any:
    found = [child for child in ring if local_name(child.tag) == "coordinates"]
    if len(found) != 1 or len(found[0]):
        what = "elements inside of coordinates" if len(found) == 1 else f"{len(found)} times coordinates in a ring"
        raise _Broken("bad_placemark", what, "one element coordinates with text in a LinearRing")
    return found[0]


def _link(extended: Any) -> tuple[str, str] | None:
    """Job and line of the failed placemark that this one mends, from the data that our files of failed placemarks carry."""
    told: dict[str, str] = {}
    for data in extended.iter("{*}Data", "{*}SimpleData"):
        for reason in reason_places((data.get("name") or "",), (None,)):
            value = data.find("{*}value")
            told[reason] = _text(data if value is None else value)
    job, number = (told.get(name) for name in REASON_COLUMNS[:2])
    return (job, number) if job is not None and number is not None else None
