"""KML files written by the test, and what the parsed stage makes of them.

Belongs here: making KML and reading the stage's output. Does not belong here: assertions, random files (kml_makers.py).
"""

from pathlib import Path

from import_pipeline.model.job import ParsedFile
from import_pipeline.model.row_error import FileFault
from import_pipeline.model.territory import Territories
from import_pipeline_tests.parsing.lab import Parsed, job, parse

STRICT = Territories().object_type()
SEVERAL = Territories(accept_multipolygons=True).object_type()
SQUARE = "0,0 1,0 1,1 0,0"
SQUARE_WKT = "POLYGON ((0 0, 1 0, 1 1, 0 0))"
NAMESPACE = "http://www.opengis.net/kml/2.2"


def polygon(border: str = SQUARE, *holes: str) -> str:
    """A Polygon element."""
    inner = "".join(f"<innerBoundaryIs><LinearRing><coordinates>{h}</coordinates></LinearRing></innerBoundaryIs>" for h in holes)
    outer = f"<outerBoundaryIs><LinearRing><coordinates>{border}</coordinates></LinearRing></outerBoundaryIs>"
    return f"<Polygon>{outer}{inner}</Polygon>"


def placemark(name: str | None = "North", content: str | None = None) -> str:
    """A Placemark element on one line."""
    return f"<Placemark>{'' if name is None else f'<name>{name}</name>'}{polygon() if content is None else content}</Placemark>"


def kml(*placemarks: str, before: str = "") -> bytes:
    """A KML file: the first placemark stands on line 3, each further one a line below."""
    lines = "".join(f"{one}\n" for one in placemarks)
    return f'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="{NAMESPACE}"><Document>{before}\n{lines}</Document></kml>\n'.encode()


def read(folder: Path, *contents: bytes, several: bool = False, name: str | None = None) -> Parsed:
    """Parses KML files of these contents as one delivery; `name` is the name of the only file."""
    object_type = SEVERAL if several else STRICT
    if name is None:
        return parse(folder, *contents, kind="kml", object_type=object_type)
    path = folder / name
    path.write_bytes(contents[0])
    return parse(folder, kind="kml", object_type=object_type, jobs=[job(path, kind="kml")])


def fault(folder: Path, content: bytes) -> FileFault:
    """Why a file is refused as a whole; nothing of it may be left."""
    got = read(folder, content)
    file: ParsedFile = got.file
    assert file.fault is not None, f"read: {got.rows}"
    assert got.rows.height == got.errors.height == file.rows == 0
    return file.fault
