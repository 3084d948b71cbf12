"""Which faults pass by themselves and which do not: everything does, but for the few that are named."""

import errno

import asyncssh
import pytest

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.landing.remote.faults import Denied, LoginRefused, Missing, Refusal, Unreachable, fault_of


@pytest.mark.parametrize(
    ("error", "fault"),
    [
        (asyncssh.SFTPNoSuchFile("x"), Missing),
        (asyncssh.SFTPNoSuchPath("x"), Missing),
        (asyncssh.SFTPPermissionDenied("x"), Denied),
        (asyncssh.SFTPWriteProtect("x"), Denied),
        (asyncssh.PermissionDenied("x"), LoginRefused),
        (asyncssh.SFTPFailure("x"), Refusal),
        (asyncssh.SFTPNoSpaceOnFilesystem("x"), Refusal),
        (asyncssh.SFTPConnectionLost("x"), Unreachable),
        (asyncssh.SFTPNoConnection("x"), Unreachable),
        (asyncssh.ConnectionLost("x"), Unreachable),
        (asyncssh.ProtocolError("x"), Unreachable),
        (asyncssh.ChannelOpenError(1, "x"), Unreachable),
        (ConnectionRefusedError(errno.ECONNREFUSED, "refused"), Unreachable),
        (TimeoutError(), Unreachable),
        (ValueError("anything at all"), Unreachable),
    ],
)
def test_an_error_of_the_library_is_one_of_our_faults(error: Exception, fault: type[Exception]) -> None:
    """By subtracting the deterministic ones: what nobody has thought of is tried again."""
    found = fault_of(error, "doing it")
    assert type(found) is fault and str(found).startswith("doing it")
    assert isinstance(found, PermanentFailure if fault in (Missing, Denied, LoginRefused) else TransientFailure)


def test_our_own_faults_stay_as_they_are() -> None:
    """They have their words already."""
    own = Denied("no")
    assert fault_of(own, "doing it") is own
