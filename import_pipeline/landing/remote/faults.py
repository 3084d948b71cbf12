"""What can go wrong with somebody else's server, told apart: what a retry may cure, and what it cannot.

Belongs here: the exceptions of this room, and from asyncssh's errors to them. Does not belong here: when it is tried again (state.py).

The deterministic faults are the few that are named here: another host key, a refused log-in, no such folder, permission denied, a
wrong configuration. Everything else may pass.
"""

from import_pipeline.failures import PermanentFailure, TransientFailure


class HostKeyRefused(PermanentFailure):
    """The server's key is not the one that was stated, or none was."""


class LoginRefused(PermanentFailure):
    """The server does not take the user with these means."""


class Missing(PermanentFailure):
    """There is no such file or folder."""


class Denied(PermanentFailure):
    """The server does not permit it."""


class Refusal(TransientFailure):
    """The server said no to one request, for another reason; the connection goes on."""


class Unreachable(TransientFailure):
    """No connection, or it was lost, or the server does not answer in time."""


def fault_of(error: BaseException, doing: str) -> PermanentFailure | TransientFailure:
    """The fault that an error of asyncssh, of the socket or of the clock stands for. `doing` is what was tried, for people."""
    import asyncssh

    if isinstance(error, (PermanentFailure, TransientFailure)):
        return error
    if isinstance(error, (asyncssh.SFTPNoSuchFile, asyncssh.SFTPNoSuchPath)):
        return Missing(f"{doing}: there is no such file or folder")
    if isinstance(error, (asyncssh.SFTPPermissionDenied, asyncssh.SFTPWriteProtect)):
        return Denied(f"{doing}: permission denied")
    if isinstance(error, asyncssh.SFTPError) and not isinstance(error, (asyncssh.SFTPConnectionLost, asyncssh.SFTPNoConnection)):
        return Refusal(f"{doing}: the server says {error.reason or type(error).__name__!r}")
    if isinstance(error, asyncssh.PermissionDenied):
        return LoginRefused(f"{doing}: the log-in was refused ({error.reason})")
    if isinstance(error, TimeoutError):
        return Unreachable(f"{doing}: no answer in time")
    if isinstance(error, OSError):
        return Unreachable(f"{doing}: {error.strerror or error}")
    if isinstance(error, asyncssh.Error):
        return Unreachable(f"{doing}: {error.reason or type(error).__name__}")
    return Unreachable(f"{doing}: {type(error).__name__}: {error}")
