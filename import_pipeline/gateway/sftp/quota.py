"""How much waits in an account's New folders and is under way, against what the account may use.

Belongs here: counting. Does not belong here: the limits themselves (model/sftp_door.py), the size of one file (uploads.py).
"""

import time
from collections.abc import Callable
from dataclasses import dataclass

from import_pipeline.gateway.sftp.disk import Disk
from import_pipeline.gateway.sftp.layout import Denied, folders
from import_pipeline.model.sftp_door import SftpDoor

FRESH = 2.0
"""Seconds after which the folders are counted again: the landing takes files out of them all the time."""


@dataclass
class Use:
    """Bytes and files."""

    size: int = 0
    files: int = 0


class Quota:
    """One account's use. Every upload is booked while it is under way, and as waiting when it is there."""

    def __init__(self, door: SftpDoor, disk: Disk, monotonic: Callable[[], float] = time.monotonic) -> None:
        self._door, self._disk, self._monotonic = door, disk, monotonic
        self._waiting, self._counted = Use(), -FRESH
        self._under_way = Use()

    def used(self) -> Use:
        """What is used now, counted at most `FRESH` seconds ago."""
        now = self._monotonic()
        if now - self._counted >= FRESH:
            sizes = [status.st_size for f in folders().values() if f.kind == "mailbox" for _, status in self._disk.files(f)]
            self._waiting, self._counted = Use(sum(sizes), len(sizes)), now
        return Use(self._waiting.size + self._under_way.size, self._waiting.files + self._under_way.files)

    def begin(self) -> None:
        """One more upload. Raises Denied when there are too many files."""
        if self.used().files >= self._door.quota_files:
            raise Denied(f"{self._door.quota_files:,} files wait or are under way, more are not taken: try again when they were imported")
        self._under_way.files += 1

    def grow(self, more: int) -> None:
        """An upload grows by `more` bytes. Raises Denied when that is too much."""
        if more > 0 and self.used().size + more > self._door.quota_bytes:
            raise Denied(f"the account's {self._door.quota_bytes:,} bytes are used up: try again when what waits was imported")
        self._under_way.size += more

    def end(self, size: int) -> None:
        """An upload that was booked with `size` bytes is not under way any more."""
        self._under_way.size -= size
        self._under_way.files -= 1

    def appeared(self, size: int, replaced: int | None) -> None:
        """A file of `size` bytes lies in New, in the place of one of `replaced` bytes if there was one."""
        self._waiting.size += size - (replaced or 0)
        self._waiting.files += 1 if replaced is None else 0

    def left(self, size: int) -> None:
        """A waiting file of `size` bytes was deleted."""
        self._waiting.size -= size
        self._waiting.files -= 1
