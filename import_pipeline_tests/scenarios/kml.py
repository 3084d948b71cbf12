"""KML files for scenario tests, written by hand as small tools write them.

Belongs here: texts of files. Does not belong here: assertions.
"""


def box(title: str, x: float, y: float, width: float, height: float) -> str:
    """A placemark with a rectangle."""
    ring = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    return polygon(title, " ".join(f"{a},{b},0" for a, b in ring))


def polygon(title: str, coordinates: str, more: str = "") -> str:
    """A placemark with a polygon of one ring."""
    ring = f"<LinearRing><coordinates>{coordinates}</coordinates></LinearRing>"
    return placemark(title, f"<Polygon><outerBoundaryIs>{ring}</outerBoundaryIs>{more}</Polygon>")


def placemark(title: str, content: str) -> str:
    """A placemark on one line."""
    return f"<Placemark><name>{title}</name>{content}</Placemark>"


def kml(*placemarks: str) -> str:
    """A file in which the n-th placemark (from 1) stands on line n + 2."""
    head = '<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="http://www.opengis.net/kml/2.2"><Document>\n'
    return head + "".join(f"{p}\n" for p in placemarks) + "</Document></kml>\n"
