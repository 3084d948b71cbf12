"""The SFTP server as `up` starts it: on which port, and what people are told about it.

Belongs here: deciding and telling. Does not belong here: processes (services.py), users (users.py), the server (gateway/sftp/).
"""

from typing import TYPE_CHECKING

from import_pipeline.cli.shared import plain
from import_pipeline.failures import PermanentFailure

if TYPE_CHECKING:
    from rich.console import Console

    from import_pipeline.delivering.pipeline import Pipeline


def sftp_port(pipeline: "Pipeline", out: "Console") -> int | None:
    """The port to listen on, or None when no account has the door, or when the port is taken and nobody may log in yet.

    Raises PermanentFailure when the port is taken and somebody may log in: they would stand before a closed door.
    """
    from import_pipeline.cli.services import free_port, require_free
    from import_pipeline.ledger import users

    settings = pipeline.settings
    if not any(account.doors.sftp.enabled for account in pipeline.accounts.values()):
        return None
    port = settings.sftp_port or free_port(settings.sftp_host)
    try:
        require_free(settings.sftp_host, port)
    except PermanentFailure:
        told = f"{settings.sftp_host}:{port} is taken; IMPORT_PIPELINE_SFTP_PORT names another port (0: a free one)"
        with pipeline.ledger.read() as conn:
            somebody = bool(users.listing(conn))
        if somebody:
            raise PermanentFailure(f"the SFTP server cannot start: {told}") from None
        out.print(plain(f"no SFTP    {told}"), soft_wrap=True)
        return None
    return port


def tell_sftp(pipeline: "Pipeline", port: int | None, out: "Console") -> None:
    """How to log in, and the fingerprint that a client shows at its first connection."""
    if port is None:
        return
    from import_pipeline.gateway.sftp.hostkey import fingerprint
    from import_pipeline.ledger import users

    with pipeline.ledger.read() as conn:
        known = users.listing(conn)
    name = known[0].name if known else "NAME"
    hint = "" if known else "; nobody may log in yet: import-pipeline user add NAME --account ACCOUNT"
    out.print(plain(f"SFTP       sftp -P {port} {name}@{pipeline.settings.sftp_host}{hint}"), soft_wrap=True)
    out.print(f"           its host key is {fingerprint(pipeline.settings)}", soft_wrap=True)
