"""The failed placemarks of a KML file: those that were refused, as they were sent, with the reasons, ready to be mended and sent again.

Belongs here: copying placemarks out of an original. Does not belong here: which placemarks failed and why (reasons.py), rows of
other kinds of file (failed_rows.py), judging KML (parsing/).

The original is read as the import read it (parsing/kml_xml.py): what lies in the vault may be years old. Memory holds one placemark at
a time.
"""

import re
from collections.abc import Mapping
from itertools import chain
from pathlib import Path
from typing import Any, BinaryIO

from lxml import etree

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import REASON_COLUMNS
from import_pipeline.parsing.batch import Refused
from import_pipeline.parsing.kml_xml import Placemarks

_NOT_XML = re.compile("[^\t\n\r\x20-\ud7ff\ue000-\ufffd\U00010000-\U0010ffff]")
_BEHIND_DATA = frozenset(("Point", "LineString", "LinearRing", "Polygon", "MultiGeometry", "Model", "Track", "MultiTrack"))
"""Elements that KML 2.2 wants behind a placemark's ExtendedData: its geometry."""


def write_failed_placemarks(original: Path, lines: Mapping[int, str], path: Path | BinaryIO, job: str) -> int:
    """Writes a KML file with the placemarks of `original` that begin at these lines, and returns how many they are.

    `lines` are placemarks' lines (1-based, as parsing/kml_xml.py tells them) with the text of their errors. Each placemark keeps
    everything it was sent with (CDATA as plain text), and has `_import_job`, `_import_line` and `_import_errors` as ExtendedData in
    place of earlier ones of these names. What stands outside of placemarks (shared styles, folders) and comments are left out. Of
    several placemarks that begin on one line all are written. The file is UTF-8, the same input gives the same bytes; without `lines`
    no file is written.

    Raises PermanentFailure when the original is not well-formed, declares a document type, or holds no placemark at one of the
    lines: no file is better than a wrong one.
    """
    try:
        return _written(original, lines, path, job) if lines else 0
    except (PermanentFailure, Refused) as error:
        if isinstance(path, Path):
            path.unlink(missing_ok=True)
        if isinstance(error, PermanentFailure):
            raise
        raise PermanentFailure(f"{original}: {error}; is it whole?") from error


def _written(original: Path, lines: Mapping[int, str], path: Path | BinaryIO, job: str) -> int:
    missing, count = set(lines), 0
    found = ((placemark, line, whole) for placemark, line, whole in Placemarks(original) if line in lines)
    first = next(found, None)
    if first is None:
        raise PermanentFailure(f"{original}: no placemark begins at line {min(missing)}; is it whole?")
    namespace = etree.QName(first[0]).namespace
    names = {prefix: uri for prefix, uri in first[0].nsmap.items() if prefix != "xml"}
    with etree.xmlfile(str(path) if isinstance(path, Path) else path, encoding="utf-8") as out:
        out.write_declaration()
        with out.element(_tag(namespace, "kml"), nsmap=names), out.element(_tag(namespace, "Document")):
            for placemark, line, whole in chain((first,), found):
                missing.discard(line)
                # One that was too large to be read whole is not sent back: the list of errors tells it.
                if whole:
                    told = zip(REASON_COLUMNS, (job, str(line), _NOT_XML.sub("\ufffd", lines[line])), strict=True)
                    out.write("\n")
                    out.write(_with_reasons(placemark, dict(told)), with_tail=False)
                    count += 1
            out.write("\n")
    if missing:
        raise PermanentFailure(f"{original}: no placemark begins at line {min(missing)}; is it whole?")
    return count


def _with_reasons(placemark: Any, told: Mapping[str, str]) -> Any:
    """The placemark with these names and values as Data, in the placemark's own namespace."""
    namespace = etree.QName(placemark).namespace
    holders = [child for child in placemark if _name(child) == "ExtendedData"]
    for holder in holders:
        for data in [child for child in holder if _name(child) == "Data" and child.get("name") in told]:
            holder.remove(data)
    if not holders:
        holders = [placemark.makeelement(_tag(namespace, "ExtendedData"))]
        place = next((at for at, child in enumerate(placemark) if _name(child) in _BEHIND_DATA), len(placemark))
        placemark.insert(place, holders[0])
    for name, value in told.items():
        data = etree.SubElement(holders[0], _tag(namespace, "Data"), name=name)
        etree.SubElement(data, _tag(namespace, "value")).text = value
    return placemark


def _name(element: Any) -> str:
    """An element's name without its namespace; nothing for what is no element (an entity that stays unresolved)."""
    return element.tag.rpartition("}")[2] if isinstance(element.tag, str) else ""


def _tag(namespace: str | None, name: str) -> str:
    return f"{{{namespace}}}{name}" if namespace else name
