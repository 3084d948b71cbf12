"""The SFTP door: what an account's defs.yaml may state about our own server, and what a user of it may do.

Belongs here: limits and rights of one account. Does not belong here: the server (gateway/sftp/), users and their secrets (the ledger).
"""

from datetime import timedelta
from typing import Literal

from pydantic import Field

from import_pipeline.model.base import ByteSize, Duration, Model

Role = Literal["upload", "read", "both", "admin"]
"""What a user may do: send files and read their answers, read exports, or both; or both and manage the account on the desk
(model/desk_door.py)."""
ROLES: tuple[Role, ...] = ("upload", "read", "both", "admin")


class SftpDoor(Model):
    """The account's part of the server. It is open as soon as the account has a user: without one nobody can log in."""

    enabled: bool = True
    tenant_alias: str | None = Field(default=None, pattern=r"^[a-z0-9][a-z0-9._-]{0,63}$")
    """The one user name under which this account's files come (acceptance A-10); unique over all accounts. Without it names are free."""
    max_file_bytes: ByteSize = Field(default=2 * 10**9, ge=1)
    quota_bytes: ByteSize = Field(default=20 * 10**9, ge=1)
    """How much may wait in the New folders and be under way at once. What was taken does not count any more."""
    quota_files: int = Field(default=10_000, ge=1)
    allow_delete: bool = True
    """Whether uploaders may delete in Success and Failed. What they sent and nobody took yet they may always delete."""
    idle: Duration = timedelta(minutes=10)
    """A session that asks for nothing for so long is ended."""
    leftovers: Duration = timedelta(hours=1)
    """How long bytes of an upload stay in the hidden place after the server died in the middle of it."""
