"""The HTTP service as `up` starts it: on which port, and what people are told about it.

Belongs here: deciding and telling. Does not belong here: processes (services.py), keys (tokens.py), the service (gateway/http/).
"""

from typing import TYPE_CHECKING

from import_pipeline.cli.shared import plain
from import_pipeline.failures import PermanentFailure

if TYPE_CHECKING:
    from rich.console import Console

    from import_pipeline.delivering.pipeline import Pipeline


def http_port(pipeline: "Pipeline", out: "Console") -> int | None:
    """The port to listen on, or None when no account has the door, or when the port is taken and nothing needs the service yet.

    Raises PermanentFailure when the port is taken and somebody has a key or a password, or an account has webhooks.
    """
    from import_pipeline.cli.services import free_port, require_free
    from import_pipeline.ledger import tokens, users

    settings, accounts = pipeline.settings, pipeline.accounts.values()
    if not any(account.doors.http.enabled or account.doors.desk.enabled or account.webhooks for account in accounts):
        return None
    port = settings.http_port or free_port(settings.http_host)
    try:
        require_free(settings.http_host, port)
    except PermanentFailure:
        told = f"{settings.http_host}:{port} is taken; IMPORT_PIPELINE_HTTP_PORT names another port (0: a free one)"
        with pipeline.ledger.read() as conn:
            needed = bool(tokens.listing(conn)) or any(user.password for user in users.listing(conn))
            needed = needed or any(account.webhooks for account in accounts)
        if needed:
            raise PermanentFailure(f"the HTTP service cannot start: {told}") from None
        out.print(plain(f"no HTTP    {told}"), soft_wrap=True)
        return None
    return port


def tell_http(pipeline: "Pipeline", port: int | None, out: "Console") -> None:
    """Where the service is, and how to get a key."""
    if port is None:
        return
    from import_pipeline.ledger import tokens, users

    with pipeline.ledger.read() as conn:
        known, people = tokens.listing(conn), [user for user in users.listing(conn) if user.password]
    nobody = "" if people else "; nobody may sign in yet: import-pipeline user add NAME --account ACCOUNT --role admin"
    out.print(plain(f"desk       http://{pipeline.settings.http_host}:{port}/desk{nobody}"), style="bold", soft_wrap=True)
    hint = "" if known else "; no program may call yet: import-pipeline token add NAME --account ACCOUNT"
    out.print(plain(f"HTTP       http://{pipeline.settings.http_host}:{port}/docs{hint}"), soft_wrap=True)
