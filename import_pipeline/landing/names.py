"""Names: which wait or are ignored, which object type a name tells, how any name is kept as text and made to fit.

Belongs here: pure functions on names (acceptance S-3, S-4; reference/readers/README.md «Landing folders»).
Does not belong here: what a file holds (kinds.py), listing folders (look.py). Wrong bytes travel in paths as surrogates.
"""

import os
import re
import unicodedata
from pathlib import Path
from typing import Literal
from urllib.parse import quote_from_bytes, unquote_to_bytes

from import_pipeline.failures import nearest
from import_pipeline.model.account import Account
from import_pipeline.model.base import fold_name
from import_pipeline.model.row_error import FileFault

Standing = Literal["take", "wait", "ignore"]
MAX_NAME_BYTES = 255
_IGNORED = re.compile(r"~\$.*|.*~|\.DS_Store|Thumbs\.db|desktop\.ini|__MACOSX|\.~lock\..*#", re.IGNORECASE | re.DOTALL)
_WAITING = re.compile(
    r".*\.(filepart|part|partial|tmp|temp|swp|crdownload|download|writing|lftp|uploading|upload)|\.in\..*",
    re.IGNORECASE | re.DOTALL,
)


def standing(name: str) -> Standing:
    """`take` a file of this name, `wait` until its sender renames it, or `ignore` it: junk that systems leave, hidden files."""
    if _WAITING.fullmatch(name):
        return "wait"
    return "ignore" if name.startswith(".") or _IGNORED.fullmatch(name) else "take"


def pack(raw: bytes) -> str:
    """Any file path as plain text, reversibly: bytes that are not common ASCII are percent-encoded."""
    return quote_from_bytes(raw, safe="/ ()[]{}+,;=@#&!'$~")


def unpack(text: str) -> bytes:
    """The bytes that `pack` was given."""
    return unquote_to_bytes(text)


def in_tree(root: Path, text: str) -> Path:
    """The path below `root` that `pack` made `text` of."""
    return root / os.fsdecode(unpack(text))


def display(raw: bytes) -> str:
    """A name for people, reports and the screen: valid text, control characters and wrong bytes as \\x0a, \\xff."""
    text = raw.decode("utf-8", "backslashreplace")
    return "".join(c if unicodedata.category(c) not in ("Cc", "Cf", "Zl", "Zp") else _escaped(c) for c in text)


def _escaped(char: str) -> str:
    return "".join(f"\\x{byte:02x}" for byte in char.encode())


def fitting(stem: bytes, tail: bytes) -> bytes:
    """`stem` + `tail`, the stem cut at a character's boundary so that the whole is at most 255 bytes."""
    room = MAX_NAME_BYTES - len(tail)
    if len(stem) <= room:
        return stem + tail
    while room > 0 and stem[room] & 0xC0 == 0x80:
        room -= 1
    return stem[:room] + tail


def split(name: bytes) -> tuple[bytes, bytes]:
    """Stem and extension: (b'Contact_x', b'.csv'). A leading dot and an ending longer than 10 bytes are no extension."""
    stem, dot, extension = name.rpartition(b".")
    if not dot or not stem or len(extension) > 10:
        return name, b""
    return stem, dot + extension


def object_type_of(account: Account, name: str) -> str | FileFault:
    """The configured object type that a file's name begins with: `{Type}_{anything}.csv` (acceptance S-3).

    The longest type wins; case, blanks and underscores inside the type do not count. A classic account's file is its one type
    (Lead) whatever its name (acceptance S-4). Where formats state prefixes, these alone tell (acceptance A-10). Otherwise a fault that
    lists the known types, or the prefixes, and the nearest.
    """
    of_prefix = account.format_of_name(name)
    if of_prefix:
        return of_prefix.object_type
    prefixes = [prefix for known_format in account.formats for prefix in known_format.prefixes]
    if prefixes:
        return _unknown_prefix(name, prefixes)
    if account.mode == "classic" and account.object_types:
        leads = [t.name for t in account.object_types if t.name.casefold() == "lead"]
        return (leads or [account.object_types[0].name])[0]
    known = [t.name for t in account.object_types]
    for end in sorted((m.start() for m in re.finditer(r"[_.]|$", name)), reverse=True):
        found = _same_type(name[:end], known)
        if found:
            return found
    return _unknown_type(name, known)


def _unknown_prefix(name: str, prefixes: list[str]) -> FileFault:
    """The answer of an account whose files are told by the prefixes of its formats."""
    head = re.split(r"[_.]", name, maxsplit=1)[0]
    near = nearest(head + "_", prefixes) if head else None
    hint = f" Did you mean {near}?" if near else ""
    return FileFault(
        code="unknown_object_type",
        message=f"The name {name!r} begins with no known prefix. Known: {', '.join(sorted(prefixes))}.{hint} Nothing was imported.",
        value=head,
        expected=f"a name such as {sorted(prefixes)[-1]}{{YourFileName}}.csv",
        suggestion=near,
    )


def _same_type(prefix: str, known: list[str]) -> str | None:
    def exact(text: str) -> str:
        return text.casefold()

    def spaced(text: str) -> str:
        return " ".join(text.casefold().replace("_", " ").split())

    for fold in (exact, spaced, fold_name):
        for name in known:
            if fold(prefix) and fold(prefix) == fold(name):
                return name
    return None


def _unknown_type(name: str, known: list[str]) -> FileFault:
    head = re.split(r"[_.]", name, maxsplit=1)[0]
    near = nearest(head, known) if head else None
    shape = " or ".join(f"{t}_{{YourFileName}}" for t in sorted(known)[:3]) or "{ObjectType}_{YourFileName}"
    listed = ", ".join(sorted(known)) or "none are configured"
    hint = f" Did you mean {near}?" if near else ""
    return FileFault(
        code="unknown_object_type",
        message=f"The name {name!r} begins with no known object type. Known: {listed}.{hint} Nothing was imported.",
        value=head,
        expected=f"a name such as {shape}",
        suggestion=near,
    )


def projected(raw: bytes, job: str, number: int) -> bytes:
    """The original's own name, then `<stem>.<JOB><ext>`, then `<stem>.<JOB>.2<ext>` …, at most 255 bytes."""
    if number == 0:
        return raw
    stem, extension = split(raw)
    again = f".{number}" if number > 1 else ""
    return fitting(stem, f".{job}{again}".encode() + extension)
