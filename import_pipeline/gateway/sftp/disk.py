"""The account's tree on disk: folders opened step by step, files looked at and opened, never through a link.

Belongs here: system calls relative to a folder's descriptor. Does not belong here: who may do it (layout.py), uploads (uploads.py).

Between the check of a path and its use somebody could put a link there. So nothing is ever opened by its whole path: each folder is
opened in the one before, without following links, and files are named relative to the last (reference/intake.md section 3).
"""

import os
import stat
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from import_pipeline.gateway.sftp.layout import STAGING, Folder, NotThere, is_shown

_FOLDER = os.O_RDONLY | os.O_DIRECTORY | os.O_NOFOLLOW | os.O_CLOEXEC
# O_NONBLOCK: a pipe that stands where a file stood must not hold the server.
_FILE = os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC


class Disk:
    """One account's tree. `close` gives its descriptor back."""

    def __init__(self, root: Path) -> None:
        # Where the tree lies is the operator's choice, a link too; what is in it is not.
        root = root.resolve()
        (root / STAGING).mkdir(mode=0o700, exist_ok=True)
        self._root = os.open(root, _FOLDER)

    def close(self) -> None:
        """No call may follow."""
        os.close(self._root)

    @contextmanager
    def folder(self, path: str) -> Iterator[int]:
        """A descriptor of the folder; raises NotThere when it is missing or a link stands in its way."""
        opened = os.dup(self._root)
        try:
            for part in filter(None, path.split("/")):
                try:
                    deeper = os.open(part, _FOLDER, dir_fd=opened)
                except OSError:
                    raise NotThere(f"there is no folder /{path}") from None
                os.close(opened)
                opened = deeper
            yield opened
        finally:
            os.close(opened)

    def status(self, folder: Folder, name: bytes | None) -> os.stat_result:
        """Of the folder, or of a regular file in it. Raises NotThere for anything else: links, pipes and devices are never shown."""
        with self.folder(folder.path) as opened:
            if name is None:
                return os.fstat(opened)
            status = regular(opened, name)
        if status is None:
            raise NotThere("no such file")
        return status

    def files(self, folder: Folder) -> list[tuple[bytes, os.stat_result]]:
        """Regular files that are shown in the folder, with what is known of them."""
        if folder.kind == "passage":
            return []
        found = []
        with self.folder(folder.path) as opened, os.scandir(opened) as listing:
            for item in listing:
                name = os.fsencode(item.name)
                status = regular(opened, name)
                if status is not None:
                    found.append((name, status))
        return found

    def open_file(self, folder: Folder, name: bytes) -> int:
        """A descriptor for reading. Raises NotThere when it is no regular file."""
        with self.folder(folder.path) as opened:
            if not is_shown(name):
                raise NotThere("no such file")
            try:
                descriptor = os.open(name, _FILE, dir_fd=opened)
            except OSError:
                raise NotThere("no such file") from None
        if not stat.S_ISREG(os.fstat(descriptor).st_mode):
            os.close(descriptor)
            raise NotThere("no such file")
        return descriptor

    def remove(self, folder: Folder, name: bytes) -> int:
        """Deletes a regular file; its size in bytes."""
        with self.folder(folder.path) as opened:
            status = regular(opened, name)
            if status is None:
                raise NotThere("no such file")
            os.unlink(name, dir_fd=opened)
        return status.st_size

    def free(self) -> os.statvfs_result:
        """The file system that the tree lies on."""
        return os.fstatvfs(self._root)


def regular(folder: int, name: bytes) -> os.stat_result | None:
    """What is known of a regular file in the opened folder; None when there is none of this name, or it is something else."""
    if not is_shown(name):
        return None
    try:
        status = os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return None
    return status if stat.S_ISREG(status.st_mode) else None


def exists(folder: int, name: bytes) -> bool:
    """Whether anything at all has this name in the opened folder."""
    try:
        os.stat(name, dir_fd=folder, follow_symlinks=False)
    except OSError:
        return False
    return True
