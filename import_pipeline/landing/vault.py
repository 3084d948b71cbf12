"""The vault: originals by SHA-256, written once, never changed.

Belongs here: putting bytes in, the temporary files on the way, sweeping those of processes that died.
Does not belong here: where bytes come from (take.py, archives.py, submit.py), what the ledger says about them.

A temporary file is locked (flock) by the process that writes it; the lock dies with the process, so that a temporary file
without a lock belongs to nobody and goes.
"""

import errno
import fcntl
import hashlib
import os
import secrets
from collections.abc import Callable, Iterable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.failures import TransientFailure

CHUNK = 1 << 20
_FULL = (errno.ENOSPC, errno.EDQUOT, errno.EFBIG, errno.EROFS, errno.EIO)


@dataclass(frozen=True)
class Stored:
    """What lies in the vault now."""

    sha256: str
    size: int


def path_of(vault: Path, sha256: str) -> Path:
    """Where the bytes of this hash lie."""
    return vault / sha256[:2] / sha256


def chunks(source: int) -> Iterator[bytes]:
    """The bytes of an open file descriptor from where it stands."""
    while chunk := os.read(source, CHUNK):
        yield chunk


class Incoming:
    """Bytes on their way into the vault, hashed as they come. Made by `incoming`."""

    def __init__(self, vault: Path, file: int, temporary: Path) -> None:
        self._vault, self._file, self._temporary = vault, file, temporary
        self._digest = hashlib.sha256()
        self.size = 0

    def write(self, chunk: bytes) -> None:
        """Takes the next bytes. Raises TransientFailure when the disk cannot take more."""
        with _told(self._vault):
            self._digest.update(chunk)
            self.size += len(chunk)
            _write(self._file, chunk)

    def finish(self, check: Callable[[], None] | None = None) -> Stored:
        """Makes the bytes durable and gives them their place; `check` runs before they count, and what it raises goes through."""
        with _told(self._vault):
            os.fchmod(self._file, 0o444)
            os.fsync(self._file)
            if check is not None:
                check()
            stored = Stored(self._digest.hexdigest(), self.size)
            _place(self._vault, self._temporary, stored)
            return stored


@contextmanager
def incoming(vault: Path, name: str) -> Iterator[Incoming]:
    """A place for bytes that come piece by piece. What is not finished when the block ends leaves nothing behind.

    `name` begins the temporary file's name. Every call may be made by another thread, one at a time.
    """
    with _told(vault), _temporary(vault, name) as (file, temporary):
        yield Incoming(vault, file, temporary)


def put(vault: Path, name: str, content: Iterable[bytes], *, check: Callable[[], None] | None = None) -> Stored:
    """Writes `content` into the vault, durable when this returns. `name` begins the temporary file's name.

    `check` runs when all bytes are written, before they count: what it raises leaves nothing behind. A full disk and the like
    raise TransientFailure, and what `content` raises goes through.
    """
    with incoming(vault, name) as new:
        for chunk in content:
            new.write(chunk)
        return new.finish(check)


@contextmanager
def _told(vault: Path) -> Iterator[None]:
    try:
        yield
    except OSError as error:
        if error.errno in _FULL:
            raise TransientFailure(f"the vault {vault} cannot take more: {error.strerror}") from error
        raise


def sync_folder(folder: Path) -> None:
    """Makes the names in a folder durable."""
    opened = os.open(folder, os.O_RDONLY | os.O_DIRECTORY)
    try:
        os.fsync(opened)
    finally:
        os.close(opened)


def sweep(vault: Path) -> int:
    """Removes temporary files that no living process writes; how many there were."""
    removed = 0
    for path in (vault / ".tmp").glob("*") if (vault / ".tmp").is_dir() else ():
        with suppress(FileNotFoundError):
            opened = os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_CLOEXEC)
            try:
                fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
                path.unlink()
                removed += 1
            except BlockingIOError:
                continue
            finally:
                os.close(opened)
    return removed


@contextmanager
def _temporary(vault: Path, name: str) -> Iterator[tuple[int, Path]]:
    folder = vault / ".tmp"
    folder.mkdir(parents=True, exist_ok=True)
    path = folder / f"{name}.{secrets.token_hex(4)}"
    file = os.open(path, os.O_WRONLY | os.O_CREAT | os.O_EXCL | os.O_CLOEXEC, 0o600)
    try:
        # A sweeper that came between the two calls has removed the file; renaming it then fails and the work is done again.
        fcntl.flock(file, fcntl.LOCK_EX)
        yield file, path
    finally:
        with suppress(FileNotFoundError):
            path.unlink()
        os.close(file)


def _write(file: int, chunk: bytes) -> None:
    rest = memoryview(chunk)
    while rest:
        rest = rest[os.write(file, rest) :]


def _place(vault: Path, temporary: Path, stored: Stored) -> None:
    final = path_of(vault, stored.sha256)
    if not final.parent.is_dir():
        final.parent.mkdir(exist_ok=True)
        sync_folder(vault)
    try:
        temporary.rename(final)
    except FileNotFoundError as error:
        raise TransientFailure(f"the temporary file {temporary.name} of the vault was removed while it was written") from error
    sync_folder(final.parent)
