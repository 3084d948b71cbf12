"""KML as a program reads it that knows nothing of ours: placemarks with their texts and rings, by lxml alone.

Belongs here: the reader that tests compare with. Does not belong here: rules on what is accepted (parsing/).
"""

from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from lxml import etree

Ring = list[tuple[float, ...]]


@dataclass
class Placemark:
    """One placemark: texts as they stand, its Data by name, each polygon as its rings (the outer one first), and its line."""

    name: str | None
    description: str | None
    data: dict[str, str | None]
    polygons: list[list[Ring]]
    several: bool
    """True when the polygons stand in a MultiGeometry."""
    line: int
    others: list[str] = field(default_factory=list)
    """Names of further child elements."""


def placemarks(path: Path) -> list[Placemark]:
    """All placemarks of a file, in its order."""
    root = etree.parse(str(path)).getroot()
    return [_placemark(element) for element in root.iter("{*}Placemark")]


def _placemark(element: Any) -> Placemark:
    known = {"name", "description", "ExtendedData", "Polygon", "MultiGeometry"}
    polygons = [[_ring(part) for part in polygon.iter("{*}coordinates")] for polygon in element.iter("{*}Polygon")]
    children = [etree.QName(child).localname for child in element]
    return Placemark(
        name=element.findtext("{*}name"),
        description=element.findtext("{*}description"),
        data={data.get("name"): data.findtext("{*}value") for data in element.iter("{*}Data")},
        polygons=polygons,
        several="MultiGeometry" in children,
        line=element.sourceline,
        others=[child for child in children if child not in known],
    )


def _ring(element: Any) -> Ring:
    return [tuple(float(number) for number in point.split(",")) for point in element.text.split()]
