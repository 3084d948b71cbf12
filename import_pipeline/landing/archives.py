"""ZIP archives: what they list, which members may be read, and their bytes, streamed and counted.

Belongs here: reading ZIP files as the hostile things they may be (acceptance S-13, reference/readers/README.md «ZIP»).
Does not belong here: what a member's name means (names.py, kinds.py), where its bytes go (vault.py). Nothing is extracted by path.
"""

import re
import stat
import struct
import zipfile
import zlib
from collections.abc import Iterator
from dataclasses import dataclass
from itertools import pairwise
from pathlib import Path
from typing import BinaryIO

from import_pipeline.landing import names
from import_pipeline.model.row_error import FileFault

CHUNK = 1 << 18
_END, _END_BYTES = b"PK\x05\x06", 22
_LOCAL = struct.Struct("<4s2xHH16xHH")
_NESTED = (".zip", ".kmz", ".7z", ".rar", ".gz", ".tgz", ".tar", ".bz2", ".xz")
_BROKEN = (
    zipfile.BadZipFile,
    zlib.error,
    EOFError,
    NotImplementedError,
    RuntimeError,
    OSError,
    ValueError,
    IndexError,
    struct.error,
    UnicodeError,
    OverflowError,
)


@dataclass(frozen=True)
class Limits:
    """What an archive may be. `ratio` counts for members above `ratio_from` bytes."""

    members: int = 10_000
    total: int = 2 << 30
    ratio: int = 200
    ratio_from: int = 1 << 20
    directory: int = 64 << 20


@dataclass(frozen=True)
class Member:
    """One file inside an archive. `name` is its base name, `path` the name as listed; `fault` tells why it is not read."""

    name: str
    path: str
    size: int
    fault: FileFault | None
    _info: zipfile.ZipInfo

    def content(self, archive: BinaryIO) -> Iterator[bytes]:
        """Its bytes, unpacked; raises MemberError at the first thing that is not as its directory says."""
        return _inflate(archive, self._info)


@dataclass(frozen=True)
class Listing:
    """An archive's members in the order of its directory; `skipped` are those that systems add by themselves."""

    members: tuple[Member, ...]
    skipped: tuple[str, ...]


class ArchiveError(Exception):
    """The archive as a whole is not read; the message says why."""


class MemberError(Exception):
    """A member's bytes are not what its directory says."""


def fault(reason: str) -> FileFault:
    """The fault of an archive or member; nothing of it was imported."""
    return FileFault(code="archive", message=f"{reason}; nothing of it was imported.", expected="a plain ZIP of record files")


def inner_paths(path: Path, limits: Limits | None = None) -> tuple[str, ...]:
    """Names as the directory lists them, to tell a workbook from an archive; empty when it cannot be read."""
    limits = limits or Limits()
    try:
        with path.open("rb") as archive:
            return tuple(_name(info) for info in _directory(archive, limits))
    except ArchiveError:
        return ()


def listing(archive: BinaryIO, limits: Limits | None = None) -> Listing:
    """Judges the directory. Raises ArchiveError for a damaged, cut, overlapping or far too large archive."""
    limits = limits or Limits()
    infos = _directory(archive, limits)
    total = sum(info.file_size for info in infos)
    if total > limits.total:
        raise ArchiveError(f"the archive unpacks to {total:,} bytes, more than the {limits.total:,} allowed")
    _refuse_overlaps(archive, infos)
    members: list[Member] = []
    skipped: list[str] = []
    seen: set[str] = set()
    for info in infos:
        path = _name(info)
        reason = _reason(info, path, limits)
        if reason is None and (path.endswith("/") or _junk(path)):
            if not path.endswith("/"):
                skipped.append(names.display(path.encode("utf-8", "surrogateescape")))
            continue
        base = names.display(path.rpartition("/")[2].encode("utf-8", "surrogateescape")) or "(no name)"
        if reason is None and path.casefold() in seen:
            reason = "the name occurs twice in the archive, and this is not the first"
        seen.add(path.casefold())
        members.append(Member(base, path, info.file_size, fault(f"{base!r}: {reason}") if reason else None, info))
    return Listing(tuple(members), tuple(skipped))


def _directory(archive: BinaryIO, limits: Limits) -> list[zipfile.ZipInfo]:
    _check_end(archive, limits)
    try:
        infos = zipfile.ZipFile(archive).infolist()
    except _BROKEN as error:
        raise ArchiveError(f"the archive cannot be read ({error or type(error).__name__})") from error
    if len(infos) > limits.members:
        raise ArchiveError(f"the archive lists {len(infos):,} files, more than the {limits.members:,} allowed")
    return infos


def _check_end(archive: BinaryIO, limits: Limits) -> None:
    """Reads the end record by itself: a directory of gigabytes must not be loaded to be counted."""
    size = archive.seek(0, 2)
    archive.seek(max(0, size - _END_BYTES - 65_535))
    tail = archive.read()
    at = tail.rfind(_END)
    if at < 0 or len(tail) - at < _END_BYTES:
        raise ArchiveError("the archive looks cut off: its end record is missing")
    count, length = struct.unpack_from("<HI", tail, at + 10)
    if length == 0xFFFFFFFF or count == 0xFFFF:
        length = _long_directory(archive, max(0, size - _END_BYTES - 65_535) + at) or length
    if length > limits.directory:
        raise ArchiveError(f"the directory of the archive has {length:,} bytes, more than the {limits.directory:,} allowed")
    if count == 0 and length == 0 and size > _END_BYTES + struct.unpack_from("<H", tail, at + 20)[0]:
        raise ArchiveError("the directory of the archive lists nothing, but the file holds data")


def _long_directory(archive: BinaryIO, end: int) -> int | None:
    """The directory's length as the 64-bit end record tells it, which a locator of 20 bytes before the plain one points to."""
    if end < 20:
        return None
    archive.seek(end - 20)
    mark, at = struct.unpack("<4s4xQ4x", archive.read(20))
    if mark != b"PK\x06\x07":
        return None
    archive.seek(at)
    record = archive.read(56)
    return int(struct.unpack_from("<Q", record, 40)[0]) if len(record) == 56 and record[:4] == b"PK\x06\x06" else None


def _refuse_overlaps(archive: BinaryIO, infos: list[zipfile.ZipInfo]) -> None:
    """Each member's bytes are its own: overlapping ones are the mark of a bomb. Spans are read from the local headers."""
    size = archive.seek(0, 2)
    spans = sorted((info.header_offset, _end_of(archive, info, size)) for info in infos)
    for (_, end), (start, _) in pairwise(spans):
        if start < end:
            raise ArchiveError("files overlap inside the archive (a zip bomb)")


def _end_of(archive: BinaryIO, info: zipfile.ZipInfo, size: int) -> int:
    end = _data_offset(archive, info) + info.compress_size
    if end > size:
        raise ArchiveError(f"the archive looks cut off: {_name(info)!r} ends behind the end of the file")
    return end


def _data_offset(archive: BinaryIO, info: zipfile.ZipInfo) -> int:
    if info.header_offset < 0:
        raise ArchiveError("the archive looks cut off: its directory points before its beginning")
    archive.seek(info.header_offset)
    header = archive.read(_LOCAL.size)
    if len(header) < _LOCAL.size:
        raise ArchiveError("the archive looks cut off: a member's header is missing")
    mark, _, _, name_length, extra_length = _LOCAL.unpack(header)
    if mark != b"PK\x03\x04":
        raise ArchiveError(f"the archive is damaged: no member begins where {_name(info)!r} should")
    return info.header_offset + _LOCAL.size + int(name_length) + int(extra_length)


def _name(info: zipfile.ZipInfo) -> str:
    """The listed name: UTF-8 where its flag or its bytes say so, cp437 otherwise, with forward slashes."""
    name = info.orig_filename
    if not info.flag_bits & 0x800:
        try:
            name = name.encode("cp437").decode("utf-8")
        except UnicodeError:
            name = info.orig_filename
    return name.replace("\\", "/")


def _junk(path: str) -> bool:
    return any(names.standing(part) == "ignore" for part in path.split("/") if part)


def _reason(info: zipfile.ZipInfo, path: str, limits: Limits) -> str | None:
    """Why a member is not read, from its directory entry alone."""
    base = path.rpartition("/")[2]
    checks = (
        (not path, "it has no name"),
        (path.startswith("/") or ".." in path.split("/") or re.match(r"[A-Za-z]:", path), "its path leaves the archive's folder"),
        ("\x00" in path, "its name holds a NUL byte"),
        (stat.S_IFMT(info.external_attr >> 16) not in (0, stat.S_IFREG, stat.S_IFDIR), "it is a link or a device, not a file"),
        (info.flag_bits & 0x41, "it is encrypted"),
        (info.compress_type not in (0, 8), f"it is packed with a method (number {info.compress_type}) that is not read here"),
        (base.casefold().endswith(_NESTED), "it is an archive inside the archive"),
        (
            info.file_size > limits.ratio_from and info.file_size > limits.ratio * max(1, info.compress_size),
            f"it is compressed more than {limits.ratio}:1 (a zip bomb)",
        ),
    )
    return next((reason for holds, reason in checks if holds), None)


def _inflate(archive: BinaryIO, info: zipfile.ZipInfo) -> Iterator[bytes]:
    """Unpacks by hand: zipfile stops at the declared size without a word when more follows."""
    try:
        archive.seek(_data_offset(archive, info))
        packed = _exactly(archive, info.compress_size)
        size, crc = 0, 0
        for chunk in packed if info.compress_type == 0 else _deflated(packed):
            size, crc = size + len(chunk), zlib.crc32(chunk, crc)
            if size > info.file_size:
                raise MemberError("it is longer than the archive's directory says")
            yield chunk
    except (ArchiveError, *_BROKEN) as error:
        raise MemberError(f"it is damaged ({error or type(error).__name__})") from error
    if size != info.file_size:
        raise MemberError(f"it has {size:,} bytes, the archive's directory says {info.file_size:,}")
    if crc != info.CRC:
        raise MemberError("its checksum is wrong")


def _exactly(archive: BinaryIO, length: int) -> Iterator[bytes]:
    while length:
        chunk = archive.read(min(CHUNK, length))
        if not chunk:
            raise EOFError("the archive ends inside it")
        length -= len(chunk)
        yield chunk


def _deflated(packed: Iterator[bytes]) -> Iterator[bytes]:
    stream = zlib.decompressobj(-zlib.MAX_WBITS)
    for chunk in packed:
        while chunk and not stream.eof:
            yield stream.decompress(chunk, CHUNK)
            chunk = stream.unconsumed_tail
        if stream.unused_data or (stream.eof and chunk):
            raise MemberError("it holds bytes behind its end")
    yield stream.flush()
    if not stream.eof:
        raise EOFError("its end is missing")
