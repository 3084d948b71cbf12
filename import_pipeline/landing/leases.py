"""Does anybody still have a file open for writing? Asked of the kernel by a read lease, held for an instant.

Belongs here: F_SETLEASE and its traps. Does not belong here: what follows from the answer (take.py, moving.py).
"""

import errno
import fcntl
import signal
from contextlib import suppress


def open_for_writing(opened: int) -> bool:
    """True when some process has the file of this read-only descriptor open for writing.

    A read lease is granted only while nobody has (tried against a live sshd upload: reference/intake.md section 4). Where leases do
    not exist (NFS, another owner's file without CAP_LEASE, other systems) the answer is False, and the looks must do.
    """
    if not hasattr(fcntl, "F_SETLEASE"):
        return False
    # A writer that comes while the lease is held sends a signal, by default one that ends the process; this one is ignored.
    with suppress(OSError):
        fcntl.fcntl(opened, fcntl.F_SETSIG, signal.SIGURG)
    try:
        fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_RDLCK)
    except OSError as error:
        return error.errno == errno.EAGAIN
    fcntl.fcntl(opened, fcntl.F_SETLEASE, fcntl.F_UNLCK)
    return False
