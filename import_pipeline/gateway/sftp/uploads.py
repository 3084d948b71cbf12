"""One upload: bytes in a hidden file, which gets its name by a rename when it is complete.

Belongs here: writing, completing, giving up, going on with a file that was cut off. Does not belong here: who may do it (layout.py), what
the client hears (door.py).

All that gives or takes names runs in the event loop and never waits in between, so two sessions cannot interleave there; only the syncs
to disk run in a thread.
"""

import asyncio
import errno
import fcntl
import os
import secrets
from contextlib import suppress
from dataclasses import dataclass

from import_pipeline.gateway.sftp.disk import exists, regular
from import_pipeline.gateway.sftp.layout import STAGING, Denied, NotThere, Place
from import_pipeline.gateway.sftp.site import Site
from import_pipeline.gateway.sftp.writes import Writes

_NEW = os.O_RDWR | os.O_CREAT | os.O_EXCL | os.O_NOFOLLOW | os.O_CLOEXEC
_OLD = os.O_RDWR | os.O_NOFOLLOW | os.O_CLOEXEC
SEND_WHOLE = "send the whole file again"


@dataclass(frozen=True)
class Wanted:
    """How the client opened the file."""

    truncate: bool
    exclusive: bool
    append: bool
    create: bool


class Upload:
    """An upload under way. After `complete` or `give_up` no call may follow."""

    def __init__(self, site: Site, place: Place, wanted: Wanted) -> None:
        """Makes the hidden file. Raises Denied when the name is taken or the account is full, NotThere without its file."""
        self.place, self._site, self._wanted = place, site, wanted
        self._name = place.name or b""
        self._staged = secrets.token_hex(8).encode()
        self._writes = Writes()
        self._failure: str | None = None
        self._resumed: os.stat_result | None = None
        with site.disk.folder(place.folder.path) as folder:
            before = regular(folder, self._name)
            if before is None and exists(folder, self._name):
                raise Denied("something that is no file has this name")
        if before is None and not wanted.create:
            raise NotThere("no such file")
        if before is not None and wanted.exclusive:
            raise Denied("a file of this name exists")
        self._undecided = None if wanted.truncate else before
        site.quota.begin()
        self._booked, self._file = 0, -1
        try:
            self._file = self._open_staged(_NEW)
        except (OSError, NotThere) as error:
            site.quota.end(0)
            raise Denied(f"nothing can be stored now ({error}): {SEND_WHOLE} later") from error

    def _open_staged(self, flags: int) -> int:
        with self._site.disk.folder(STAGING) as staging:
            opened = os.open(self._staged, flags, 0o644, dir_fd=staging)
        # The lock tells the sweeper that somebody is at it (sweep.py).
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        return opened

    @property
    def size(self) -> int:
        """Bytes so far; for a file that was opened without being emptied its old ones, until it is written to."""
        return self._undecided.st_size if self._undecided is not None else self._writes.size

    async def write(self, offset: int, data: bytes) -> None:
        """Writes at `offset`. Raises Denied; after that the upload cannot be completed."""
        if self._failure:
            raise Denied(self._failure)
        try:
            if self._wanted.append:
                offset = self.size
            if self._undecided is not None:
                await self._decide(offset)
            self._check(offset + len(data))
            self._put(offset, data)
        except Denied as denied:
            self._failure = str(denied)
            raise

    async def _decide(self, offset: int) -> None:
        """A file that exists was opened without being emptied: from its first byte on it is replaced, from its end on resumed."""
        before, self._undecided = self._undecided, None
        if before is None or offset == 0:
            return
        if offset != before.st_size:
            raise Denied(f"a file can be replaced from its first byte on or resumed at its end, not from byte {offset:,} on: {SEND_WHOLE}")
        if not await asyncio.to_thread(self._site.waits_for_more, self.place, before):
            raise Denied(f"the file cannot be resumed: it is complete, or taken already: {SEND_WHOLE}")
        self._take_back(before)

    def _take_back(self, before: os.stat_result) -> None:
        """Takes the file out of the mailbox: while it grows nobody can take half of it."""
        with self._site.disk.folder(self.place.folder.path) as folder, self._site.disk.folder(STAGING) as staging:
            now = regular(folder, self._name)
            if now is None or (now.st_ino, now.st_size, now.st_mtime_ns) != (before.st_ino, before.st_size, before.st_mtime_ns):
                raise Denied(f"the file cannot be resumed: it has changed or was taken: {SEND_WHOLE}")
            os.rename(self._name, self._staged, src_dir_fd=folder, dst_dir_fd=staging)
            try:
                opened = self._open_staged(_OLD)
            except OSError as error:
                os.rename(self._staged, self._name, src_dir_fd=staging, dst_dir_fd=folder)
                raise Denied(f"the file cannot be resumed ({error.strerror}): {SEND_WHOLE}") from error
        os.close(self._file)
        self._file, self._resumed = opened, before
        self._writes = Writes(start=before.st_size)
        self._site.quota.left(before.st_size)
        self._book(before.st_size)

    def _check(self, end: int) -> None:
        most = self._site.limits.max_file_bytes
        if end > most:
            raise Denied(f"the file is larger than the {most:,} bytes that are taken: send it in parts")
        if end > self._booked:
            self._book(end - self._booked)

    def _book(self, more: int) -> None:
        self._site.quota.grow(more)
        self._booked += more

    def _put(self, offset: int, data: bytes) -> None:
        view, at = memoryview(data), offset
        try:
            while view:
                done = os.pwrite(self._file, view, at)
                view, at = view[done:], at + done
        except OSError as error:
            told = "the disk is full" if error.errno in (errno.ENOSPC, errno.EDQUOT) else f"the disk fails ({error.strerror})"
            raise Denied(f"{told}: {SEND_WHOLE} later") from error
        if not self._writes.add(offset, len(data)):
            raise Denied(f"too many pieces lie apart: {SEND_WHOLE}, from its first byte to its last")

    def truncate(self, size: int) -> None:
        """Cuts the file to `size` bytes; some clients do so at the end. Raises Denied when it would grow: those bytes were never sent."""
        if self._undecided is not None:
            if size == self._undecided.st_size:
                return
            if size > 0:
                raise Denied(f"a file that is here already cannot be cut: {SEND_WHOLE}")
            self._undecided = None
        if size > self._writes.size:
            raise Denied("a file cannot be made longer than what was sent of it")
        os.ftruncate(self._file, size)
        self._writes.truncate(size)

    async def complete(self) -> int | None:
        """Gives the file its name; its size, or None when the client opened a file and sent nothing. A refusal leaves nothing."""
        try:
            self._check_complete()
            if self._undecided is not None:
                self._drop()
                return None
            await asyncio.to_thread(os.fsync, self._file)
            status = self._appear()
        except (Denied, NotThere, OSError):
            await self.give_up()
            raise
        finally:
            self._end()
        with self._site.disk.folder(self.place.folder.path) as folder:
            await asyncio.to_thread(os.fsync, folder)
        if self._writes.looks_cut:
            await asyncio.to_thread(self._site.book_cut, self.place, status)
        return status.st_size

    def _check_complete(self) -> None:
        if self._failure:
            raise Denied(self._failure)
        if not self._writes.whole:
            raise Denied(f"bytes in the middle of the file were never sent: {SEND_WHOLE}")

    def _appear(self) -> os.stat_result:
        with self._site.disk.folder(self.place.folder.path) as folder, self._site.disk.folder(STAGING) as staging:
            before = regular(folder, self._name)
            if before is not None and self._wanted.exclusive:
                raise Denied("a file of this name came meanwhile")
            if before is None and exists(folder, self._name):
                raise Denied("something that is no file has this name")
            os.rename(self._staged, self._name, src_dir_fd=staging, dst_dir_fd=folder)
            status = os.fstat(self._file)
        self._site.quota.appeared(status.st_size, before.st_size if before else None)
        return status

    async def give_up(self) -> None:
        """The session is lost or the upload failed: nothing of it is left. A file that was resumed lies there again, as far as it came."""
        if self._file < 0:
            return
        status = None
        with suppress(NotThere, OSError):
            status = self._put_back() if self._resumed is not None else None
        with suppress(NotThere, OSError):
            self._drop()
        self._end()
        if status is not None:
            await asyncio.to_thread(self._site.book_cut, self.place, status)

    def _put_back(self) -> os.stat_result | None:
        with self._site.disk.folder(self.place.folder.path) as folder, self._site.disk.folder(STAGING) as staging:
            if exists(folder, self._name) or not self._writes.whole:
                return None
            os.rename(self._staged, self._name, src_dir_fd=staging, dst_dir_fd=folder)
        status = os.fstat(self._file)
        self._site.quota.appeared(status.st_size, None)
        return status

    def _drop(self) -> None:
        with self._site.disk.folder(STAGING) as staging, suppress(FileNotFoundError):
            os.unlink(self._staged, dir_fd=staging)

    def _end(self) -> None:
        if self._file >= 0:
            os.close(self._file)
            self._file = -1
            self._site.quota.end(self._booked)
