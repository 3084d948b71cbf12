"""Random KML files whose maker knows what must come out of them, line by line.

Belongs here: hypothesis strategies for files with good and bad placemarks. Does not belong here: reading them.

A file is written piece by piece, and each piece knows its line ends, so that the maker knows the line of every placemark without parsing.
"""

from dataclasses import dataclass, field

from hypothesis import strategies as st

GAPS = st.sampled_from(["", "", "\n", "\n\n", " \n\t ", "<!-- a\n<Placemark/> -->", "<?pi x?>\n", "\r\n"])
TITLES = st.sampled_from(["North", "South", "Zoë", "A &amp; B", "  East \n Side ", "<![CDATA[<West>]]>", "x" * 40, "", " "])
CLEAN = {"A &amp; B": "A & B", "  East \n Side ": "East Side", "<![CDATA[<West>]]>": "<West>", "": None, " ": None}
NUMBERS = st.sampled_from(["0", "1.50", "-96.123456", "+3", ".5", "1e1", "200", "-0"])
WRONG_NUMBERS = st.sampled_from(["NaN", "inf", "0x1", "1,2", "", "a", "1.2.3"])


@dataclass
class Made:
    """A file's text and what must come of it: rows (line, title, shape) and errors (line, code)."""

    text: str = ""
    rows: list[tuple[int, str, str]] = field(default_factory=list)
    errors: set[tuple[int, str]] = field(default_factory=set)
    count: int = 0

    @property
    def line(self) -> int:
        """The line on which the next piece begins."""
        return self.text.count("\n") + 1


@st.composite
def files(draw: st.DrawFn, several: bool) -> Made:
    """A file in any namespace, with any prefix, nested in folders, with placemarks of which some are bad."""
    made = Made()
    prefix = draw(st.sampled_from(["", "k:", "kml:"]))
    space = draw(st.sampled_from(["http://www.opengis.net/kml/2.2", "http://earth.google.com/kml/2.1", "urn:x"]))
    root = draw(st.sampled_from(["kml", "Document", "Folder"]))
    declared = draw(st.sampled_from(['<?xml version="1.0" encoding="UTF-8"?>\n', "", '<?xml version="1.0"?>\n<!-- c\n -->']))
    made.text = f'{declared}<{prefix}{root} xmlns{":" + prefix[:-1] if prefix else ""}="{space}">'
    folders = draw(st.integers(0, 3))
    made.text += f"<{prefix}Folder><{prefix}name>F</{prefix}name>" * folders
    for _ in range(draw(st.integers(1, 6))):
        made.text += draw(GAPS)
        _placemark(draw, made, prefix, several)
    made.text += draw(GAPS) + f"</{prefix}Folder>" * folders + f"</{prefix}{root}>\n"
    return made


def _placemark(draw: st.DrawFn, made: Made, prefix: str, several: bool) -> None:
    line, title = made.line, draw(TITLES)
    kind = draw(st.sampled_from(["polygon"] * 6 + ["hole", "multi", "point", "mixed", "number", "nothing"]))
    texts, rings = [], []
    for _ in range(2 if kind in ("hole", "multi") else 1):
        text, ring = _ring(draw, wrong=kind == "number")
        texts.append(text)
        rings.append(ring)
    shape, error = None, None
    body, point = _polygon(texts[0], *texts[1:]), "<Point><coordinates>1,2</coordinates></Point>"
    if kind == "multi":
        body = f"<MultiGeometry>{draw(GAPS)}{_polygon(texts[0])}{draw(GAPS)}{_polygon(texts[1])}</MultiGeometry>"
    if kind in ("point", "mixed", "nothing"):
        body = {"point": point, "mixed": f"<MultiGeometry>{body}{point}</MultiGeometry>", "nothing": ""}[kind]
        error = "not_a_polygon"
    elif kind == "number":
        error = "bad_coordinate"
    elif kind in ("hole", "multi") and not several:
        error = "polygon_with_hole" if kind == "hole" else "several_polygons"
    elif kind == "multi":
        shape = f"MULTIPOLYGON ((({rings[0]})), (({rings[1]})))"
    else:
        shape = "POLYGON (" + ", ".join(f"({ring})" for ring in rings) + ")"
    parts = [f"<name>{title}</name>", "<styleUrl>#s</styleUrl>", body]
    if draw(st.booleans()):
        parts.reverse()
    text = "<Placemark>" + "".join(draw(GAPS) + part for part in parts) + "</Placemark>"
    made.text += _prefixed(text, prefix)
    made.count += 1
    _expect(made, line, CLEAN.get(title, title), shape, error)


def _expect(made: Made, line: int, title: str | None, shape: str | None, error: str | None) -> None:
    if error:
        made.errors.add((line, error))
    if title is None:
        made.errors.add((line, "required"))
    elif shape is not None and title in {known for _, known, _ in made.rows}:
        made.errors.add((line, "duplicate_title"))
    elif shape is not None:
        made.rows.append((line, title, shape))


def _ring(draw: st.DrawFn, *, wrong: bool) -> tuple[str, str]:
    """Coordinates as a file may write them, and as well-known text."""
    comma = draw(st.sampled_from([",", " ,", ", ", "\n,\t"]))
    points = draw(st.lists(st.tuples(NUMBERS, NUMBERS, st.sampled_from([None, "0", "12.5"])), min_size=1, max_size=5))
    texts = [comma.join(n for n in point if n is not None) for point in points]
    if wrong:
        texts.insert(draw(st.integers(0, len(texts))), f"1,2,{draw(WRONG_NUMBERS)}")
    blank = draw(st.sampled_from([" ", "\n", "\r\n\t", "   "]))
    return draw(st.sampled_from(["", "\n "])) + blank.join(texts) + draw(st.sampled_from(["", "\n"])), ", ".join(
        f"{x} {y}" for x, y, _ in points
    )


def _polygon(border: str, *holes: str) -> str:
    ring = "<{0}><LinearRing><coordinates>{1}</coordinates></LinearRing></{0}>".format
    inner = "".join(ring("innerBoundaryIs", hole) for hole in holes)
    return f"<Polygon><tessellate>1</tessellate>{ring('outerBoundaryIs', border)}\n{inner}</Polygon>"


def _prefixed(text: str, prefix: str) -> str:
    """The elements of a placemark with a prefix; comments, instructions and CDATA stay."""
    made = text.replace("</", "\1").replace("<!", "\2").replace("<?", "\3").replace("<West>", "\4").replace("<", f"<{prefix}")
    return made.replace("\1", f"</{prefix}").replace("\2", "<!").replace("\3", "<?").replace("\4", "<West>")
