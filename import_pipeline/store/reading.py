"""A reader's own hold on a store's file, which the other sessions of its process cannot take away.

Belongs here: locks of open files. Does not belong here: connections, patience (session.py).

DuckDB's locks belong to the process: when one of two sessions ends, the other one's lock is gone, and a run could write beneath a
reader. A lock of the open file description (Linux) ends only with its own descriptor, and DuckDB's lock for writing conflicts with it.
But closing any descriptor of a file ends the process's own locks on it: so no reader may open the file while this process writes to it.
"""

import fcntl
import os
import struct
from collections import Counter
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock

_GATE = Lock()
_WRITING: Counter[Path] = Counter()
"""Files that sessions of this process write to, or wait to write to."""
_FLOCK = struct.Struct("hhxxxxqqixxxx")
_SHARED = _FLOCK.pack(fcntl.F_RDLCK, os.SEEK_SET, 0, 0, 0)
"""The whole file, as DuckDB locks it."""


class Busy(Exception):
    """Somebody writes to the file."""


@contextmanager
def announced_writer(file: Path) -> Iterator[None]:
    """While a session of this process writes to the file, or waits for it."""
    with _GATE:
        _WRITING[file] += 1
    try:
        yield
    finally:
        with _GATE:
            _WRITING[file] -= 1


def hold(file: Path) -> int:
    """A descriptor that keeps writers of other processes out until `release`. Raises Busy while somebody writes."""
    with _GATE:
        if _WRITING[file]:
            raise Busy(f"this process writes to {file}")
        descriptor = os.open(file, os.O_RDONLY | os.O_CLOEXEC)
        try:
            fcntl.fcntl(descriptor, fcntl.F_OFD_SETLK, _SHARED)
        except BlockingIOError:
            os.close(descriptor)
            raise Busy(f"another process writes to {file}") from None
        except BaseException:
            os.close(descriptor)
            raise
        return descriptor


def release(descriptor: int) -> None:
    """Lets writers in, when nobody else holds the file."""
    os.close(descriptor)
