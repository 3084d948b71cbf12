"""The HTTP doors and webhooks: what an account's defs.yaml may state about them, and what a program's key may do.

Belongs here: limits and addresses of one account. Does not belong here: the service (gateway/http/), keys (the ledger, hashed).
"""

import re
from datetime import timedelta
from typing import Literal, get_args

from pydantic import Field, field_validator

from import_pipeline.model.base import ByteSize, Duration, Model

Interface = Literal["spotio", "advocate", "engaging_networks"]
"""The documented interfaces that the service speaks; each is a folder of gateway/http/."""
Scope = Literal["import", "read"]
SCOPES: tuple[Scope, ...] = get_args(Scope)
"""import: sends files, starts and cleans up jobs. read: sees progress and results."""
Event = Literal["job.completed", "job.failed", "job.held", "export.completed"]
EVENTS: tuple[Event, ...] = get_args(Event)


_ADDRESS = re.compile(
    r"""https?://(?:[A-Za-z0-9](?:[A-Za-z0-9.-]*[A-Za-z0-9])?|\[[0-9A-Fa-f:.]+\])(?::([0-9]{1,5}))?(?:[/?][!"$-~]*)?""",
)
"""Without user name, blanks and `#`; a host is a name or an address, IPv6 in brackets."""


class HttpDoor(Model):
    """The account's part of the HTTP service. It is open as soon as the account has a key: without one nobody can call."""

    enabled: bool = True
    interfaces: tuple[Interface, ...] = ("spotio",)
    max_file_bytes: ByteSize = Field(default=2 * 10**9, ge=1)
    max_files: int = Field(default=100, ge=1)
    """Data files of one job."""
    quota_bytes: ByteSize = Field(default=20 * 10**9, ge=1)
    """How much may lie uploaded and not yet taken by a job that was started."""
    requests_per_minute: int = Field(default=600, ge=1)
    keep_uploads: Duration = timedelta(days=7)
    """How long an uploaded file waits for a job to be started."""


class Webhook(Model):
    """An address that is told what became of a job. Each message is signed with the secret in the environment variable `secret_env`.

    Messages go to public addresses only, unless `allow_private` says otherwise; redirects are not followed.
    """

    url: str
    events: tuple[Event, ...] = EVENTS
    secret_env: str
    allow_private: bool = False

    @field_validator("url")
    @classmethod
    def _url_can_be_called(cls, value: str) -> str:
        found = _ADDRESS.fullmatch(value)
        usable = found is not None and (found[1] is None or 0 < int(found[1]) < 65536)
        if not usable:
            raise ValueError(f"{value!r} is not an address such as 'https://example.com/hook', without user name and without '#'")
        return value

    @field_validator("secret_env")
    @classmethod
    def _secret_is_named(cls, value: str) -> str:
        if not re.fullmatch(r"[A-Z_][A-Z0-9_]*", value):
            raise ValueError(f"{value!r} is not the name of an environment variable such as 'FIELD_SALES_WEBHOOK_SECRET'")
        return value
