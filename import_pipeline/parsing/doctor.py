"""The file doctor's first look: which encoding a file is in, and a UTF-8 text of it that the readers can read.

Belongs here: byte order marks, encodings, transcoding, signs of text decoded twice. Does not belong here: delimiters and headers
(header.py), records.

Rules (reference/readers, acceptance B-11): a byte order mark decides; else UTF-16 by its NUL pattern; else strict UTF-8; else strict
Windows-1252 with a notice that names the first line that is not UTF-8; else the file is refused. Never lossy.
"""

import codecs
from dataclasses import dataclass
from pathlib import Path

import numpy as np

from import_pipeline.model.row_error import Notice
from import_pipeline.parsing.batch import Refused

_BOMS = (
    (codecs.BOM_UTF32_LE, "utf-32-le"),
    (codecs.BOM_UTF32_BE, "utf-32-be"),
    (codecs.BOM_UTF8, "utf-8-sig"),
    (codecs.BOM_UTF16_LE, "utf-16-le"),
    (codecs.BOM_UTF16_BE, "utf-16-be"),
)
_SAMPLE = 4096
_CHUNK = 1 << 20
_FOREIGN = {b"PK\x03\x04": "a ZIP archive or an Excel workbook", b"%PDF": "a PDF", b"\xd0\xcf\x11\xe0": "an old Office document"}


@dataclass(frozen=True)
class Text:
    """A file ready to read as UTF-8 from byte `start` of `path` on. `encoding` is the original's, `path` the original or a copy."""

    path: Path
    start: int
    encoding: str
    notices: tuple[Notice, ...] = ()
    copied: bool = False


def bom_length(head: bytes, encoding: str) -> int:
    """Bytes of the byte order mark that the file's first bytes begin with, 0 when there is none."""
    for bom, name in _BOMS:
        if name.removesuffix("-sig") == encoding.removesuffix("-sig") and head.startswith(bom):
            return len(bom)
    return 0


def prepare(path: Path, copy: Path, encoding: str | None = None) -> Text:
    """The file as UTF-8 text: itself, or transcoded to `copy`, which the caller removes. `encoding` is one that a format demands.

    Raises Refused: empty_file, unreadable (another kind of file), encoding.
    """
    size = path.stat().st_size
    with path.open("rb") as stream:
        head = stream.read(_SAMPLE)
    if not head.strip():
        _refuse_empty(path, size)
    for magic, what in _FOREIGN.items():
        if head.startswith(magic):
            raise Refused("unreadable", f"the file is {what}, not text", expected="a text file: CSV or JSON lines")
    name = _stated(head, encoding) if encoding else _told_by_bytes(head)
    notices: tuple[Notice, ...] = ()
    if name in (None, "utf-8", "utf-8-sig"):
        start = bom_length(head, "utf-8")
        notices, wrong = _look_through(path, start)
        if wrong is None:
            return Text(path, start, "utf-8-sig" if start else "utf-8", notices)
        if name is not None:
            raise Refused("encoding", f"line {wrong}: not UTF-8", line=wrong, expected="UTF-8 throughout")
        text = f"line {wrong} is not UTF-8; the file was read as Windows-1252"
        name, notices = "cp1252", (Notice(code="encoding_assumed", message=text, line=wrong),)
    _transcode(path, copy, name, bom_length(head, name))
    doubtful, _ = _look_through(copy, 0)
    return Text(copy, 0, name, (*notices, *doubtful), copied=True)


def _refuse_empty(path: Path, size: int) -> None:
    with path.open("rb") as stream:
        if size < 1 << 24 and not stream.read().strip():
            raise Refused("empty_file", "the file is empty" if size == 0 else "the file holds nothing but blank lines")


def _told_by_bytes(head: bytes) -> str | None:
    """The encoding that the first bytes prove, or None when the whole file must be looked at."""
    for bom, name in _BOMS:
        if head.startswith(bom):
            return name
    if len(head) > 3 and head.count(0) > len(head) // 4:
        return "utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be"
    return None


def _stated(head: bytes, encoding: str) -> str:
    """The codec of an encoding that a format states; UTF-16 and UTF-32 take their byte order from the mark."""
    name = codecs.lookup(encoding).name
    if name in ("utf-16", "utf-32"):
        return next((n for bom, n in _BOMS if head.startswith(bom) and n.startswith(name)), f"{name}-le")
    return name


def _look_through(path: Path, start: int) -> tuple[tuple[Notice, ...], int | None]:
    """Notices about doubtful characters, and the first line that is not UTF-8 (None when all are)."""
    decoder = codecs.getincrementaldecoder("utf-8")("strict")
    place, doubtful, plain = start, None, True
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(_CHUNK):
            if not (plain and chunk.isascii()):
                try:
                    decoder.decode(chunk)
                except UnicodeDecodeError as fault:
                    return (), _line_at(path, start, place + fault.start - (len(fault.object) - len(chunk)))
                plain = not decoder.getstate()[0]
                if doubtful is None and (at := _doubtful(chunk)) is not None:
                    doubtful = place + at
            place += len(chunk)
    if not plain:
        return (), _line_at(path, start, place)
    if doubtful is None:
        return (), None
    line = _line_at(path, start, doubtful)
    text = f"line {line} holds characters such as «Ã©» or control characters, which look like text decoded twice; kept as sent"
    return (Notice(code="mojibake", message=text, line=line),), None


def _line_at(path: Path, start: int, place: int) -> int:
    """The 1-based line of the byte at `place`, counted from `start` on; read again, because hardly any file needs it."""
    line, last = 1, b""
    with path.open("rb") as stream:
        stream.seek(start)
        while chunk := stream.read(min(_CHUNK, place - stream.tell())):
            line += _line_ends(last + chunk) - _line_ends(last)
            last = chunk[-1:]
    return line


def _line_ends(chunk: bytes) -> int:
    """Line ends in a chunk: CRLF counts once."""
    if b"\r" not in chunk:
        return chunk.count(b"\n")
    return chunk.count(b"\n") + chunk.count(b"\r") - chunk.count(b"\r\n")


def _doubtful(chunk: bytes) -> int | None:
    """Where UTF-8 bytes first look decoded twice: `Ã` before another Latin-1 sign, `â€`, or a C1 control character."""
    if b"\xc2" not in chunk and b"\xe2" not in chunk:
        return None
    codes = np.frombuffer(chunk + b"    ", dtype=np.uint8)
    at = np.flatnonzero(codes > 0x7F)
    first, second, third = (codes[at + i] for i in range(3))
    control = (first == 0xC2) & (second < 0xA0)
    sign = (first == 0xC3) & (second == 0x83) & (third == 0xC2)
    euro = (first == 0xC3) & (second == 0xA2) & (third == 0xE2) & (codes[at + 3] == 0x82)
    found = at[control | sign | euro]
    return int(found[0]) if len(found) else None


def _transcode(path: Path, copy: Path, encoding: str, start: int) -> None:
    """Writes the file as UTF-8; raises Refused with the line where the bytes are not of `encoding`. Line ends are kept as they are."""
    decoder = codecs.getincrementaldecoder(encoding)("strict")
    line = 1
    with path.open("rb") as source, copy.open("wb") as target:
        source.seek(start)
        last = b""
        while True:
            chunk = source.read(_CHUNK)
            try:
                text = decoder.decode(chunk, final=not chunk).encode()
            except UnicodeError as fault:
                raise _not_of(encoding, line) from fault
            target.write(text)
            if not chunk:
                return
            line += _line_ends(last + text) - _line_ends(last)
            last = text[-1:]


def _not_of(encoding: str, line: int) -> Refused:
    what = "neither UTF-8 nor Windows-1252" if encoding == "cp1252" else f"not {encoding}, which its first bytes say it is"
    return Refused("encoding", f"from line {line} on the file is {what}", line=line, expected="UTF-8, UTF-16 or Windows-1252")
