"""What a client may ask for: each SFTP request on the account's tree, granted or refused in clear words.

Belongs here: the requests of one session. Does not belong here: the protocol (session.py), log-ins (logins.py), how an upload becomes a
file (uploads.py).

Nothing is inherited that touches a path: the stock class of asyncssh follows links and can be escaped (reference/intake.md, fact 3).
"""

import os
import stat
import time
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

import asyncssh
from asyncssh.constants import FXF_APPEND, FXF_CREAT, FXF_EXCL, FXF_READ, FXF_TRUNC, FXF_WRITE

from import_pipeline.gateway.sftp.audit import Audit, Event
from import_pipeline.gateway.sftp.disk import exists, regular
from import_pipeline.gateway.sftp.layout import Denied, Folder, NotThere, Place, Wish, absolute, check_new_name, check_right, folders, place
from import_pipeline.gateway.sftp.site import Site
from import_pipeline.gateway.sftp.uploads import Upload, Wanted
from import_pipeline.ledger.users import User

if TYPE_CHECKING:
    _Channel = asyncssh.SSHServerChannel[bytes]

MOST_READ = 261_120
"""Bytes of one answer, as OpenSSH's server has it."""
_FIXED = "the folders are fixed: none can be made, renamed or deleted, and there are no links"


@dataclass
class Download:
    """A file opened for reading."""

    place: Place
    file: int
    sent: int = 0


@dataclass(frozen=True)
class Session:
    """Who asks, from where; `tell` shows a sentence to people whose program does not show the server's answers."""

    user: User
    address: str
    site: Site
    audit: Audit
    tell: Callable[[str], None]


class Door(asyncssh.SFTPServer):
    """One session's requests. Raises SFTPError with a sentence for whatever is not granted."""

    def __init__(self, channel: "_Channel", session: Session) -> None:
        super().__init__(channel)
        self._session, self._site = session, session.site

    # what is refused

    @contextmanager
    def _granting(self, what: str, path: bytes, *, audited: bool = True) -> Iterator[None]:
        try:
            yield
        except NotThere as refusal:
            raise asyncssh.SFTPNoSuchFile(str(refusal)) from None
        except (Denied, OSError) as refusal:
            reason = str(refusal) if isinstance(refusal, Denied) else f"the disk fails: {refusal.strerror}"
            shown = path.decode("utf-8", "backslashreplace")
            if audited:
                self._log("denied", path=shown, reason=f"{what}: {reason}")
                self._session.tell(f"{what} {shown}: {reason}")
            raise asyncssh.SFTPPermissionDenied(reason) from None

    def _log(self, event: Event, **facts: str | int | None) -> None:
        session = self._session
        session.audit.write(event, account=session.user.account, user=session.user.name, address=session.address, **facts)

    def _check(self, folder: Folder, wish: Wish) -> None:
        check_right(folder, wish, self._session.user.role, allow_delete=self._site.limits.allow_delete)

    def _file(self, path: bytes, wish: Wish) -> tuple[Place, bytes]:
        found = place(path)
        if found.name is None:
            raise Denied(_FIXED if wish != "read" else "this is a folder, not a file")
        self._check(found.folder, wish)
        return found, found.name

    def _refuse(self, what: str, path: bytes) -> None:
        with self._granting(what, path):
            raise Denied(_FIXED)

    # files

    def open(self, path: bytes, pflags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """A file for reading, or an upload."""
        if not pflags & (FXF_WRITE | FXF_APPEND | FXF_CREAT | FXF_TRUNC):
            with self._granting("read", path):
                found, name = self._file(path, "read")
                return Download(found, self._site.disk.open_file(found.folder, name))
        with self._granting("send", path):
            found, name = self._file(path, "write")
            check_new_name(name)
            if pflags & FXF_READ:
                raise Denied("a file cannot be read while it is sent: open it for writing only")
            flags = {"truncate": FXF_TRUNC, "exclusive": FXF_EXCL, "append": FXF_APPEND, "create": FXF_CREAT}
            return Upload(self._site, found, Wanted(**{name: bool(pflags & flag) for name, flag in flags.items()}))

    def open56(self, path: bytes, desired_access: int, flags: int, attrs: asyncssh.SFTPAttrs) -> object:
        """Of SFTP 5 and 6, which this server does not speak."""
        raise asyncssh.SFTPOpUnsupported("this server speaks SFTP 3")

    def read(self, file_obj: object, offset: int, size: int) -> bytes:
        """Bytes of a file that was opened for reading; none at its end."""
        if not isinstance(file_obj, Download):
            raise asyncssh.SFTPPermissionDenied("this file was opened for writing")
        data = os.pread(file_obj.file, min(size, MOST_READ), min(offset, 2**63 - 1))
        file_obj.sent += len(data)
        return data

    async def write(self, file_obj: object, offset: int, data: bytes) -> int:
        """Bytes of an upload."""
        if not isinstance(file_obj, Upload):
            raise asyncssh.SFTPPermissionDenied("this file was opened for reading")
        try:
            await file_obj.write(offset, data)
        except Denied as refusal:
            raise asyncssh.SFTPFailure(str(refusal)) from None
        return len(data)

    async def close(self, file_obj: object) -> None:
        """The client closes a file: an upload gets its name by that. A refusal is the upload's end; nothing of it is left."""
        if isinstance(file_obj, Download):
            os.close(file_obj.file)
            self._log("download", path=file_obj.place.shown, bytes=file_obj.sent)
        elif isinstance(file_obj, Upload):
            sent = file_obj.size
            try:
                size = await file_obj.complete()
            except (Denied, NotThere, OSError) as refusal:
                self._log("upload_lost", path=file_obj.place.shown, bytes=sent, reason=str(refusal))
                self._session.tell(f"{file_obj.place.shown} was not stored: {refusal}")
                raise asyncssh.SFTPFailure(str(refusal)) from None
            if size is not None:
                self._log("upload", path=file_obj.place.shown, bytes=size)

    async def abandon(self, file_obj: object) -> None:
        """The session ended and the client had not closed the file. Never raises: others wait behind."""
        if isinstance(file_obj, Download):
            with suppress(OSError):
                os.close(file_obj.file)
            self._log("download", path=file_obj.place.shown, bytes=file_obj.sent, reason="the session ended before the client closed it")
        elif isinstance(file_obj, Upload):
            sent = file_obj.size
            await file_obj.give_up()
            self._log("upload_lost", path=file_obj.place.shown, bytes=sent, reason="the session ended before the client closed it")

    def remove(self, path: bytes) -> None:
        """Deletes a file."""
        with self._granting("delete", path):
            found, name = self._file(path, "delete")
            size = self._site.disk.remove(found.folder, name)
        if found.folder.kind == "mailbox":
            self._site.quota.left(size)
        self._log("delete", path=found.shown, bytes=size)

    def rename(self, oldpath: bytes, newpath: bytes) -> None:
        """Gives a file that waits another name; refused when a file of that name exists."""
        self._rename(oldpath, newpath, replace=False)

    def posix_rename(self, oldpath: bytes, newpath: bytes) -> None:
        """The same; a file of that name is replaced as a whole."""
        self._rename(oldpath, newpath, replace=True)

    def _rename(self, oldpath: bytes, newpath: bytes, *, replace: bool) -> None:
        with self._granting("rename", oldpath):
            old, old_name = self._file(oldpath, "write")
            new, new_name = self._file(newpath, "write")
            check_new_name(new_name)
            disk = self._site.disk
            with disk.folder(old.folder.path) as source, disk.folder(new.folder.path) as target:
                if regular(source, old_name) is None:
                    raise NotThere("no such file")
                before = regular(target, new_name)
                if exists(target, new_name) and (before is None or not replace):
                    raise Denied(f"{new.shown} exists")
                os.rename(old_name, new_name, src_dir_fd=source, dst_dir_fd=target)
        if before is not None and old.shown != new.shown:
            self._site.quota.left(before.st_size)
        self._log("rename", path=old.shown, to=new.shown)

    # what is known of files and folders

    def stat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """Of a folder or a regular file; links are never followed because they are never seen."""
        with self._granting("look at", path, audited=False):
            found = place(path)
            if found.name is not None:
                self._check(found.folder, "list")
            return _attributes(self._site.disk.status(found.folder, found.name))

    def lstat(self, path: bytes) -> asyncssh.SFTPAttrs:
        """The same."""
        return self.stat(path)

    def fstat(self, file_obj: object) -> asyncssh.SFTPAttrs:
        """Of an opened file; of an upload its size so far."""
        if isinstance(file_obj, Download):
            return _attributes(os.fstat(file_obj.file))
        size = file_obj.size if isinstance(file_obj, Upload) else 0
        now = int(time.time())
        return asyncssh.SFTPAttrs(size=size, uid=0, gid=0, permissions=stat.S_IFREG | 0o644, atime=now, mtime=now)

    def setstat(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Modes, owners and times are accepted and ignored: clients set them after an upload and fail otherwise."""
        self.stat(path)
        if attrs.size is not None:
            raise asyncssh.SFTPPermissionDenied("a file that is here already cannot be cut")

    lsetstat = setstat

    def fsetstat(self, file_obj: object, attrs: asyncssh.SFTPAttrs) -> None:
        """The same for an opened file; an upload may be cut to what was sent, as scp does."""
        if attrs.size is None:
            return
        if not isinstance(file_obj, Upload):
            raise asyncssh.SFTPPermissionDenied("this file was opened for reading")
        try:
            file_obj.truncate(attrs.size)
        except Denied as refusal:
            raise asyncssh.SFTPPermissionDenied(str(refusal)) from None

    def fsync(self, file_obj: object) -> None:
        """Every upload is on disk before its close is answered."""

    def scandir(self, path: bytes) -> AsyncIterator[asyncssh.SFTPName]:
        """Names in a folder. Refused before the first is asked for."""
        with self._granting("list", path):
            found = place(path)
            if found.name is not None:
                raise NotThere("no such folder")
            self._check(found.folder, "list")
            listed = self._listed(found.folder)
        return _each(listed)

    def _listed(self, folder: Folder) -> list[asyncssh.SFTPName]:
        above = folders()[folder.path.rpartition("/")[0]]
        listed = [(b".", folder), (b"..", above)]
        listed += [(name.encode(), folders()[f"{folder.path}/{name}".lstrip("/")]) for name in folder.children]
        names = []
        for name, inner in listed:
            with suppress(NotThere):
                names.append(asyncssh.SFTPName(name, attrs=_attributes(self._site.disk.status(inner, None))))
        return names + [asyncssh.SFTPName(name, attrs=_attributes(status)) for name, status in self._site.disk.files(folder)]

    def realpath(self, path: bytes) -> bytes:
        """The path from the root on, as text."""
        return absolute(path)

    def statvfs(self, path: bytes) -> asyncssh.SFTPVFSAttrs:
        """The account's quota, or what the disk has left when that is less."""
        with self._granting("look at", path, audited=False):
            place(path)
            return self._space()

    def fstatvfs(self, file_obj: object) -> asyncssh.SFTPVFSAttrs:
        """The same."""
        return self._space()

    def _space(self) -> asyncssh.SFTPVFSAttrs:
        disk, used, limits = self._site.disk.free(), self._site.quota.used(), self._site.limits
        block = 4096
        free = max(0, min(disk.f_bavail * disk.f_frsize, limits.quota_bytes - used.size)) // block
        files = max(0, limits.quota_files - used.files)
        size: dict[str, Any] = {"bsize": block, "frsize": block, "blocks": limits.quota_bytes // block, "bfree": free, "bavail": free}
        return asyncssh.SFTPVFSAttrs(**size, files=limits.quota_files, ffree=files, favail=files, fsid=0, flags=0, namemax=240)

    def format_user(self, uid: int | None) -> str:
        """The machine's own names are nobody's business."""
        return "-"

    def format_group(self, gid: int | None) -> str:
        """The same."""
        return "-"

    # what there is not

    def mkdir(self, path: bytes, attrs: asyncssh.SFTPAttrs) -> None:
        """Refused."""
        self._refuse("make folder", path)

    def rmdir(self, path: bytes) -> None:
        """Refused."""
        self._refuse("delete folder", path)

    def readlink(self, path: bytes) -> bytes:
        """Refused."""
        self._refuse("read link", path)
        return b""

    def symlink(self, oldpath: bytes, newpath: bytes) -> None:
        """Refused."""
        self._refuse("link", newpath)

    def link(self, oldpath: bytes, newpath: bytes) -> None:
        """Refused."""
        self._refuse("link", newpath)

    def exit(self) -> None:
        """The session ends. Without an exit status `scp` would call a stored file a failure (reference/intake.md section 3, g)."""
        if not self.channel.is_closing():
            self.channel.exit(0)


def _attributes(status: os.stat_result) -> asyncssh.SFTPAttrs:
    mode = (stat.S_IFDIR | 0o755) if stat.S_ISDIR(status.st_mode) else (stat.S_IFREG | 0o644)
    return asyncssh.SFTPAttrs(size=status.st_size, uid=0, gid=0, permissions=mode, atime=int(status.st_atime), mtime=int(status.st_mtime))


async def _each(names: list[asyncssh.SFTPName]) -> AsyncIterator[asyncssh.SFTPName]:
    for name in names:
        yield name
