"""How an export appears in its folder: complete or not at all, with a manifest beside it.

Belongs here: temporary names, ZIP, hashing, renaming, names of files. Does not belong here: what is in the file (export.py).
A file is written under a hidden name in the same folder, forced to the disk and renamed; its manifest follows in the same way, so
that whoever waits for the manifest finds a complete file.
"""

import hashlib
import json
import os
import re
import time
import zipfile
from collections.abc import Iterator, Mapping
from contextlib import contextmanager, suppress
from glob import escape
from pathlib import Path
from shutil import copyfileobj
from typing import Any

MANIFEST = ".manifest.json"
_BLOCK = 1 << 20
_LEFTOVER = 86_400.0
"""Seconds after which a file under a hidden name belongs to no process any more."""


def file_name(type_name: str, label: str, ending: str) -> str:
    """`Contact_2026-11-20.csv`: begins with the type's name, so that it can be dropped back (acceptance S-3)."""
    safe = re.sub(r"[/\\\x00-\x1f]", "_", type_name)
    return f"{'_' + safe[1:] if safe.startswith('.') else safe}_{label}.{ending}"


@contextmanager
def hidden(path: Path) -> Iterator[Path]:
    """A hidden name beside `path`, of this process, to write to; what still has that name at the end goes.

    The folder is made when it is missing. What a killed process left behind under such a name goes after a day.
    """
    path.parent.mkdir(parents=True, exist_ok=True)
    for left in path.parent.glob(f".{escape(path.name)}.*.writing"):
        with suppress(FileNotFoundError):
            if time.time() - left.stat().st_mtime > _LEFTOVER:
                left.unlink()
    temporary = path.with_name(f".{path.name}.{os.getpid()}.writing")
    try:
        yield temporary
    finally:
        temporary.unlink(missing_ok=True)


def pack(source: Path, member: str, target: Path) -> None:
    """A ZIP with one member; the same content gives the same bytes: no time, no owner, a fixed compression."""
    info = zipfile.ZipInfo(member, date_time=(1980, 1, 1, 0, 0, 0))
    info.compress_type, info.create_system, info.external_attr = zipfile.ZIP_DEFLATED, 3, 0o644 << 16
    info.file_size = source.stat().st_size
    with (
        source.open("rb") as content,
        zipfile.ZipFile(target, "w", zipfile.ZIP_DEFLATED, compresslevel=6) as archive,
        archive.open(info, "w") as packed,
    ):
        copyfileobj(content, packed, _BLOCK)


def sha256_of(path: Path) -> str:
    """The hash of a file's bytes, as hexadecimal text."""
    with path.open("rb") as content:
        return hashlib.file_digest(content, "sha256").hexdigest()


def publish(temporary: Path, path: Path) -> None:
    """Forces `temporary` to the disk and gives it its name, over an older file of that name."""
    with temporary.open("rb") as content:
        os.fsync(content.fileno())
    temporary.replace(path)
    folder = os.open(path.parent, os.O_RDONLY)
    try:
        os.fsync(folder)
    finally:
        os.close(folder)


def write_manifest(path: Path, content: Mapping[str, Any]) -> Path:
    """`<file>.manifest.json` beside `path`; keys stay in the order given."""
    manifest = path.with_name(path.name + MANIFEST)
    with hidden(manifest) as temporary:
        temporary.write_text(json.dumps(content, ensure_ascii=False, indent=2) + "\n", encoding="utf-8")
        publish(temporary, manifest)
    return manifest
