"""Bytes of uploads whose server died: nobody will complete them.

Belongs here: clearing the hidden folder of an account's tree. Does not belong here: uploads under way (uploads.py).
"""

import fcntl
import os
from contextlib import suppress
from datetime import timedelta

from import_pipeline.gateway.sftp.disk import Disk
from import_pipeline.gateway.sftp.layout import STAGING, NotThere


def sweep(disk: Disk, older_than: timedelta, *, now: float) -> int:
    """Deletes what lies in the hidden folder unchanged for so long and nobody holds; how many files. `now` is seconds since 1970.

    An upload under way holds a lock on its file, however long its client is silent. A link in the folder's place is not followed.
    """
    done = 0
    with suppress(NotThere), disk.folder(STAGING) as staging, os.scandir(staging) as listing:
        for item in listing:
            with suppress(OSError):
                status = item.stat(follow_symlinks=False)
                if now - status.st_mtime >= older_than.total_seconds():
                    _delete(staging, item.name)
                    done += 1
    return done


def _delete(staging: int, name: str) -> None:
    opened = os.open(name, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC, dir_fd=staging)
    try:
        fcntl.flock(opened, fcntl.LOCK_EX | fcntl.LOCK_NB)
        os.unlink(name, dir_fd=staging)
    finally:
        os.close(opened)
