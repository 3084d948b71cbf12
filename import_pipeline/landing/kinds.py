"""What kind of file it is, from its extension and its first bytes.

Belongs here: the kinds that are imported, and the answer to those that are not. Does not belong here: reading rows (parsing/),
members of archives (archives.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.model.job import FileKind
from import_pipeline.model.row_error import FileFault

HEAD_BYTES = 4096
SUPPORTED = "CSV (.csv, .txt, .tsv), JSON lines (.jsonl, .ndjson), Excel (.xlsx), territories (.kml, .kmz) or a ZIP of these"
_BY_EXTENSION: dict[str, FileKind] = {
    "csv": "csv",
    "txt": "csv",
    "tsv": "csv",
    "tab": "csv",
    "jsonl": "jsonl",
    "ndjson": "jsonl",
    "json-lines": "jsonl",
    "jsonlines": "jsonl",
    "json": "jsonl",
    "xlsx": "xlsx",
    "xlsm": "xlsx",
    "kml": "kml",
    "kmz": "kml",
    "zip": "zip",
}
_FOREIGN: tuple[tuple[bytes, str], ...] = (
    (b"\xd0\xcf\x11\xe0", "an old Office document (.xls, .doc) or a workbook with a password; save it as .xlsx without one"),
    (b"%PDF", "a PDF"),
    (b"\x89PNG", "a picture"),
    (b"\xff\xd8\xff", "a picture"),
    (b"GIF8", "a picture"),
    (b"\x1f\x8b", "a gzip archive; send the file itself or a ZIP"),
    (b"7z\xbc\xaf\x27\x1c", "a 7z archive; send the file itself or a ZIP"),
    (b"Rar!", "a RAR archive; send the file itself or a ZIP"),
    (b"PAR1", "a Parquet file"),
    (b"SQLite format 3", "a database"),
    (b"\x7fELF", "a program"),
)
_ZIP_STARTS = (b"PK\x03\x04", b"PK\x05\x06", b"PK\x07\x08")


@dataclass(frozen=True)
class Kind:
    """The kind, and the fault when such a file is not imported."""

    kind: FileKind
    fault: FileFault | None = None


def extension(name: str) -> str:
    """The lower-case extension without its dot, '' when there is none."""
    stem, dot, ending = name.rpartition(".")
    return ending.casefold() if dot and stem else ""


def head_of(path: Path) -> bytes:
    """The first bytes of a file, enough for `kind_of`."""
    with path.open("rb") as source:
        return source.read(HEAD_BYTES)


def is_zip(head: bytes) -> bool:
    """True when a file begins as a ZIP does (so do XLSX and KMZ)."""
    return head.startswith(_ZIP_STARTS)


def kind_of(name: str, head: bytes, members: Sequence[str] = ()) -> Kind:
    """The kind of a file. What it begins with outweighs its extension where the two cannot both be true.

    `members` are the names inside when it begins as a ZIP: a workbook and a KMZ are told apart from an archive by them.
    """
    ending = extension(name)
    for start, what in _FOREIGN:
        if head.startswith(start):
            return Kind("other", _unsupported(name, what))
    if is_zip(head):
        return _zip_based(name, members)
    text = head.lstrip(b"\xef\xbb\xbf \t\r\n").lower()
    if text.startswith((b"<?xml", b"<kml", b"<!doctype", b"<html")):
        return Kind("kml") if ending == "kml" or b"<kml" in text else Kind("other", _unsupported(name, "a web page or XML"))
    known = _BY_EXTENSION.get(ending)
    if known == "jsonl" and ending == "json" and text.startswith(b"["):
        return Kind("other", _unsupported(name, "one JSON list; send one JSON object per line (.jsonl)"))
    if ending == "txt" and text.startswith(b"{"):
        return Kind("jsonl")
    if known:
        return Kind(known)
    if not ending and head and b"\x00" not in head:
        return Kind("jsonl" if text.startswith(b"{") else "csv")
    return Kind("other", _unsupported(name, f"a .{ending} file" if ending else "a file without an extension"))


def _zip_based(name: str, members: Sequence[str]) -> Kind:
    folders = {member.partition("/")[0].casefold() for member in members}
    if "[content_types].xml" in folders:
        if "xl" in folders:
            return Kind("xlsx")
        return Kind("other", _unsupported(name, "an Office document that is no workbook"))
    if extension(name) == "kmz" or any(member.casefold() == "doc.kml" for member in members):
        return Kind("kml")
    return Kind("zip")


def _unsupported(name: str, what: str) -> FileFault:
    message = f"{name!r} is {what}. Files of this kind are not imported here; nothing was imported."
    return FileFault(code="unsupported_kind", message=message, value=extension(name) or None, expected=SUPPORTED)


def taken_here(name: str, found: Kind, *, mailbox: bool, territories: bool) -> Kind:
    """The kind, with a fault when such a file is not imported where it came in.

    `mailbox` tells that it came through a mailbox for territory files, `territories` that its account has territories.
    """
    if found.fault or found.kind == "zip":
        return found
    if found.kind == "kml":
        return found if territories else Kind("kml", _no_territories(name))
    return Kind(found.kind, _no_shapes(name)) if mailbox else found


def _no_territories(name: str) -> FileFault:
    return FileFault(
        code="unsupported_kind",
        message=f"{name!r} holds territories (KML), and this account has none; nothing was imported.",
        value="kml",
        expected="an account whose defs.yaml states `territories: {}`",
    )


def _no_shapes(name: str) -> FileFault:
    return FileFault(
        code="unsupported_kind",
        message=f"{name!r} lies in the folder for territories, which takes KML files only; nothing was imported.",
        value=extension(name) or None,
        expected="record files in DataObjects/Import/New or Leads/Import/New",
    )
