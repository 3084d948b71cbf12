"""Names of the files that answer a sender, and how such a file comes to lie in a folder.

Belongs here: safe file names from names that senders chose, and writing a file so that nobody ever sees half of it.
Does not belong here: what stands in the files (receipt.py, answers.py, failed_rows.py).
"""

import os
import re
import unicodedata
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import BinaryIO, Literal

from import_pipeline.model.job import FileKind

AnswerKind = Literal["errors", "failed", "receipt", "plan.csv", "plan.parquet", "plan.html"]
MAX_NAME_BYTES = 255
"""Longest file name of the usual file systems, in bytes."""

_UNSAFE = re.compile(r"[/\\\x00-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")
"""Path separators, control characters, marks that turn the reading direction (they disguise an extension), undecodable bytes."""
_EXTENSION = re.compile(r"\.[A-Za-z0-9]{1,8}")


def readable(text: str) -> str:
    """`text` without lone surrogates, which stand for bytes that are no UTF-8 and can be written to no JSON."""
    return text.encode("utf-8", "surrogateescape").decode("utf-8", "replace")


def safe_name(name: str) -> str:
    """A sender's file name as one that no file system, shell listing or web page can misread; never empty, never hidden."""
    safe = _UNSAFE.sub("_", unicodedata.normalize("NFC", name)).strip()
    return "_" + safe.lstrip(".") if not safe or safe.startswith(".") else safe


def cut_utf8(text: str, limit: int) -> str:
    """The longest beginning of `text` that takes at most `limit` bytes of UTF-8, never half a character."""
    return text.encode()[: max(limit, 0)].decode("utf-8", "ignore")


def answer_name(name: str, job_id: str, kind: AnswerKind, file_kind: FileKind) -> str:
    """`Account_x.csv` of job `ab12cd34` gives `Account_x.ab12cd34.errors.csv` (acceptance, decision 1).

    A failed-rows file keeps the extension that was sent, so that it is read as the same kind when it comes back; where there is
    none, the kind of the file gives it. A long stem is cut at a character's boundary so that the whole takes 255 bytes at most.
    """
    stem, dot, ending = safe_name(name).rpartition(".")
    sent = dot + ending
    if not stem or not _EXTENSION.fullmatch(sent):
        stem, sent = safe_name(name), f".{file_kind}"
    # What failed of a KMZ comes back as the KML that was in it.
    failed = ".kml" if file_kind == "kml" else sent
    extension = {"errors": ".csv", "failed": failed, "receipt": ".json"}.get(kind, "")
    tail = f".{safe_name(job_id)}.{kind}{extension}"
    return cut_utf8(stem, MAX_NAME_BYTES - len(tail.encode())) + tail


def temporary_path(target: Path, job_id: str, kind: AnswerKind) -> Path:
    """Where `target` is written before it is renamed: hidden, in the same folder, the same on every attempt, so none piles up."""
    return target.with_name(cut_utf8(f".{safe_name(job_id)}.{kind}", 200) + ".writing")


@contextmanager
def replacing(target: Path, temporary: Path) -> Iterator[BinaryIO]:
    """A file to write to; when the block ends well it takes the place of `target`, on disk for sure. Else nothing is left.

    The temporary file is made anew and never through a link that somebody has put there. Raises OSError as the machine does.
    """
    target.parent.mkdir(parents=True, exist_ok=True)
    temporary.unlink(missing_ok=True)
    handle = os.open(temporary, os.O_CREAT | os.O_EXCL | os.O_RDWR | getattr(os, "O_NOFOLLOW", 0), 0o666)
    try:
        with os.fdopen(handle, "w+b", buffering=1 << 20) as out:
            yield out
            out.flush()
            os.fsync(out.fileno())
        temporary.replace(target)
    finally:
        temporary.unlink(missing_ok=True)
    _sync_folder(target.parent)


def _sync_folder(folder: Path) -> None:
    handle = os.open(folder, os.O_RDONLY)
    try:
        os.fsync(handle)
    finally:
        os.close(handle)
