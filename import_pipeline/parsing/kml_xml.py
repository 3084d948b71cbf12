"""The placemarks of a KML file as XML elements, read so that no file can do harm: nothing fetched, expanded, recovered or kept.

Belongs here: everything about XML that is hostile or broken, and where in the file an element stands. Does not belong here: what a
placemark holds (kml_placemark.py).

The tree is cut back after every chunk, so that memory depends on the largest placemark and not on the file. `collect_ids=False`, which
others use to save memory, must never be set: with it this lxml opens the external DTD of a file, whatever `load_dtd` says.
"""

import re
from collections import Counter
from collections.abc import Iterator
from functools import lru_cache
from pathlib import Path
from typing import Any

from lxml import etree

from import_pipeline.parsing.batch import Refused

CHUNK = 1 << 16
PROLOG_LIMIT = 1 << 20
"""Bytes within which the root element must begin."""
PLACEMARK_LIMIT, ELEMENTS_LIMIT = 32 << 20, 100_000
"""Bytes of one placemark, about, and elements and attributes in it. Of a larger one only the name is read."""
NAMES_LIMIT = 4 << 20
"""Bytes of different element and attribute names in the chunks that are looked at; libxml2 keeps all names as long as the process lives."""
ROOTS = ("kml", "Document", "Folder", "Placemark")
LEFT_OUT = ("NetworkLink", "GroundOverlay", "PhotoOverlay", "ScreenOverlay", "Tour")
"""Features that are no placemarks; how many there were is told."""
_NAMES_EVERY = 8
_INCLUDES = ("http://www.w3.org/2001/XInclude", "http://www.w3.org/2003/XInclude")
_OPTIONS: dict[str, Any] = {
    "resolve_entities": False,
    "load_dtd": False,
    "dtd_validation": False,
    "attribute_defaults": False,
    "no_network": True,
    "recover": False,
    "huge_tree": False,
    "remove_comments": True,
    "remove_pis": True,
}
_BIG_LINE = 65_535
"""libxml2 keeps 16 bits of an element's line."""
_ENCODING_CODES = (
    etree.ErrorTypes.ERR_UNSUPPORTED_ENCODING,
    etree.ErrorTypes.ERR_INVALID_ENCODING,
    etree.ErrorTypes.ERR_UNKNOWN_ENCODING,
)
_REFERENCE_CODES = (
    etree.ErrorTypes.ERR_NAME_REQUIRED,
    etree.ErrorTypes.ERR_ENTITYREF_SEMICOL_MISSING,
    etree.ErrorTypes.ERR_UNDECLARED_ENTITY,
    etree.ErrorTypes.ERR_INVALID_HEX_CHARREF,
    etree.ErrorTypes.ERR_INVALID_DEC_CHARREF,
    etree.ErrorTypes.ERR_INVALID_CHARREF,
)
_OPEN_END = re.compile(rb"[&<][^;&<>\s]*\Z")
_SIZE = etree.XPath("count(.//*) + count(.//@*)")
_WIDE = re.compile(rb"^\s*<\?xml[^>]{0,200}?encoding\s*=\s*[\"'](?:utf-?16|utf-?32|ucs-?[24]|iso-10646-ucs)[^\"']*", re.IGNORECASE)
_TAG = re.compile(rb"<[^<>!?/][^<>]*")
_VALUE = re.compile(rb"\"[^\"]*\"|'[^']*'")


@lru_cache(maxsize=1024)
def local_name(tag: str) -> str:
    """An element's name without its namespace."""
    return tag.rpartition("}")[2]


def line_of(element: Any) -> int:
    """The 1-based line on which an element's start tag ends; asked while the element still has its content.

    Beyond line 65,535 libxml2 knows the line of texts only, and of a text the line on which it ends.
    """
    line: int = element.sourceline
    if line < _BIG_LINE:
        return line
    node = element
    while not node.text and len(node):
        node = node[0]
    text: str = node.text or node.tail or ""
    return max(line - text.count("\n"), _BIG_LINE)


def end_of(element: Any, line: int) -> int:
    """The last line with text of an element that begins at `line`; comments and tags on several lines are not counted."""
    text: str = etree.tostring(element, encoding="unicode", method="text", with_tail=False)
    return line + text.count("\n")


def line_inside(placemark: Any, line: int, element: Any) -> int:
    """The line on which the text of an element begins, inside of a placemark that begins at `line`."""
    told: int = element.sourceline
    wanted = element.text or ""
    if told < _BIG_LINE or "\n" not in wanted:
        return told
    for text in placemark.itertext():
        if text == wanted:
            break
        line += text.count("\n")
    return line


class Placemarks:
    """The placemarks of one file, in its order. Making it looks at the beginning; iterating reads the file once, from the start.

    Raises Refused at any time: empty_file, bad_xml, encoding, cut_off, forbidden_xml (a document type, an inclusion), not_kml.
    """

    def __init__(self, path: Path) -> None:
        self.path = path
        self.left_out: Counter[str] = Counter()
        """Other features that were met, by name."""
        self.encoding: str | None = None
        """Known when the file is read to its end."""
        self._root = self._head()
        self._names: set[bytes] = set()
        self._names_size = 0

    def __iter__(self) -> Iterator[tuple[Any, int, bool]]:
        """Each placemark with its line and whether it is whole; it must be read before the next one is asked for.

        A placemark inside of another one belongs to the outer one. One that is too large comes as soon as that is known, with what had
        been read of it.
        """
        tags = [self._root, "{*}Placemark", *(f"{{{space}}}*" for space in _INCLUDES), *(f"{{*}}{name}" for name in LEFT_OUT)]
        parser = etree.XMLPullParser(events=("start", "end"), tag=tags, **_OPTIONS)
        root = placemark = None
        chunk = b""
        depth = held = last = 0
        closed = given_up = False
        for number, chunk in enumerate(self._chunks()):
            if number % _NAMES_EVERY == 0:
                self._count_names(chunk)
            _fed(parser, chunk)
            for event, element in parser.read_events():
                name = local_name(element.tag)
                if root is None:
                    root = element
                if name == "Placemark":
                    depth += 1 if event == "start" else -1
                    if event == "start" and depth == 1:
                        placemark, held, given_up = element, 0, False
                    elif depth == 0:
                        if not given_up:
                            last = max(last, line_of(element))
                            yield element, last, True
                        placemark = None
                elif event == "end" and name in LEFT_OUT:
                    self.left_out[name] += 1
                elif element.tag.startswith("{http://www.w3.org/") and element.tag[1:].partition("}")[0] in _INCLUDES:
                    raise _forbidden("an element of XInclude, which would include another file", line_of(element))
                closed = closed or (event == "end" and element is root)
            element = None
            held += len(chunk) if placemark is not None else 0
            if placemark is not None and not given_up and _too_large(placemark, held):
                given_up, last = True, max(last, line_of(placemark))
                yield placemark, last, False
            if root is not None:
                _cut_back(root, None if given_up else placemark)
        _closed(parser, closed, chunk)
        self.encoding = root.getroottree().docinfo.encoding if root is not None else None

    def _chunks(self) -> Iterator[bytes]:
        with self.path.open("rb") as stream:
            while chunk := stream.read(CHUNK):
                yield chunk

    def _head(self) -> str:
        """The root's tag, from the beginning of the file; a document type is refused before anything behind it is read."""
        parser = etree.XMLPullParser(events=("start",), **_OPTIONS)
        seen = b""
        try:
            for chunk in self._chunks():
                seen += chunk
                _check_width(seen)
                _fed(parser, chunk)
                if (first := next(iter(parser.read_events()), None)) is not None:
                    return _checked_root(first[1])
                if len(seen) > PROLOG_LIMIT:
                    raise Refused("bad_xml", f"no element begins within the first {PROLOG_LIMIT:,} bytes", expected="a <kml> element")
            if not seen.strip(b"\xef\xbb\xbf\xff\xfe\0 \t\r\n"):
                raise Refused("empty_file", "the file is empty" if not seen else "the file holds nothing but blanks")
            _closed(parser, False, seen)
        except Refused as refusal:
            if refusal.fault.code != "forbidden_xml" and b"<!DOCTYPE" in seen.replace(b"\0", b""):
                raise _forbidden("a document type (<!DOCTYPE …>)", refusal.fault.line) from refusal
            raise
        raise Refused("bad_xml", "the file has no root element")

    def _count_names(self, chunk: bytes) -> None:
        """Refuses a file of ever new names. Only some chunks are looked at: a file that hides its names from that gains little."""
        narrow = chunk.replace(b"\0", b"") if b"\0" in chunk else chunk
        first, *others = narrow.split(b"<![CDATA[")
        tags = set(_TAG.findall(first + b"".join(part.partition(b"]]>")[2] for part in others)))
        for tag in {tag if b"xmlns" in tag else _VALUE.sub(b"", tag) for tag in tags}:
            for name in tag.split():
                if name not in self._names:
                    self._names.add(name)
                    self._names_size += len(name) + 50
        if self._names_size > NAMES_LIMIT:
            raise Refused("bad_xml", "the file has far more different element and attribute names than KML has", expected="KML")


def has_template_mark(path: Path) -> bool:
    """True for a file without placemarks that is our own empty template: a Document with texts and the mark `_import_template`."""
    if path.stat().st_size > CHUNK:
        return False
    root = etree.fromstring(path.read_bytes(), etree.XMLParser(**_OPTIONS))
    document = root[0] if local_name(root.tag) == "kml" and len(root) == 1 else root
    if local_name(document.tag) != "Document" or {local_name(child.tag) for child in document} - {"name", "description", "ExtendedData"}:
        return False
    return any(data.get("name") == "_import_template" for data in document.iterfind("{*}ExtendedData/{*}Data"))


def _fed(parser: Any, chunk: bytes) -> None:
    try:
        parser.feed(chunk)
    except etree.XMLSyntaxError as fault:
        raise _broken(parser, fault) from fault
    for entry in parser.feed_error_log:
        # Some faults, such as an unknown entity, are told by the log alone until the file ends.
        if entry.level >= etree.ErrorLevels.ERROR:
            raise _bad(entry.type, entry.message, entry.line, entry.column)


def _closed(parser: Any, root_closed: bool, end: bytes) -> None:
    """Ends a file that ends with these bytes; what stops before its root is closed is cut off."""
    try:
        parser.close()
    except etree.XMLSyntaxError as fault:
        # A lone & is met only here: the parser waits for the semicolon of a reference as long as there is more to come.
        lone = fault.code in _REFERENCE_CODES and not _OPEN_END.search(end.replace(b"\0", b""))
        if root_closed or lone or fault.code == etree.ErrorTypes.ERR_INTERNAL_ERROR:
            raise _broken(parser, fault) from fault
        line = fault.position[0] or None
        message = f"the file ends on line {line}, before its XML does: it looks cut off, nothing was imported"
        raise Refused("cut_off", message, line=line, expected="a whole file, up to </kml>") from fault


def _broken(parser: Any, fault: Any) -> Refused:
    entry = next((e for e in parser.feed_error_log if e.level >= etree.ErrorLevels.ERROR), None)
    if entry is not None:
        return _bad(entry.type, entry.message, entry.line, entry.column)
    return _bad(fault.code, fault.msg, *fault.position)


def _bad(code: int, message: str, line: int, column: int) -> Refused:
    text = " ".join(message.split()).replace(", use XML_PARSE_HUGE option", "").replace(", try XML_PARSE_HUGE", "")
    place = f"line {line}, column {column}: " if line else ""
    if code in _ENCODING_CODES:
        expected = "the encoding that the first line names, or UTF-8"
        return Refused(
            "encoding", f"{place}the characters are not in the encoding that the file states ({text})", line=line, expected=expected
        )
    return Refused("bad_xml", f"{place}{text}; nothing was imported", line=line or None, value=text, expected="well-formed XML")


def _forbidden(what: str, line: int | None) -> Refused:
    return Refused("forbidden_xml", f"the file has {what}; nothing was imported", line=line, expected="KML without it")


def _check_width(head: bytes) -> None:
    """Refuses what says that it is UTF-16 and has one byte a character; libxml2 would look for the fault elsewhere."""
    if _WIDE.match(head[:400].removeprefix(b"\xef\xbb\xbf")):
        raise Refused("encoding", "line 1: the file states another encoding than it has", line=1, expected="UTF-8")


def _checked_root(root: Any) -> str:
    about = root.getroottree().docinfo
    if about.internalDTD is not None or about.doctype:
        raise _forbidden("a document type (<!DOCTYPE …>)", line_of(root))
    if local_name(root.tag) not in ROOTS:
        message = f"the file is XML, but not KML: it begins with <{local_name(root.tag)[:100]}>"
        raise Refused("not_kml", message, line=root.sourceline, value=local_name(root.tag)[:100], expected="<kml>")
    return str(root.tag)


def _too_large(placemark: Any, held: int) -> bool:
    """Of an unfinished placemark of which `held` bytes have come."""
    return held > PLACEMARK_LIMIT or (held > PROLOG_LIMIT and _SIZE(placemark) > ELEMENTS_LIMIT)


def _cut_back(root: Any, keep: Any) -> None:
    """Removes all that is read: whatever stands before the element read last, on every level, but nothing of `keep`."""
    node = root
    while node is not keep and len(node):
        del node[:-1]
        node.text = None
        node = node[-1]
