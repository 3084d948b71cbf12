"""The web desk: what an account's defs.yaml may state about its pages, and what a role may do on them.

Belongs here: limits and rights of one account's desk. Does not belong here: the pages (gateway/http/desk/), users and their secrets (the
ledger).
"""

from datetime import timedelta
from typing import Literal, get_args

from import_pipeline.model.base import Duration, Model
from import_pipeline.model.sftp_door import Role

Right = Literal["import", "read", "manage"]
"""import: sends files, mends and sends rows again, undoes and replays. read: takes exports out, looks at records and maps. manage: decides
held jobs, saves formats, and manages users. Jobs and their receipts are shown to everybody of the account."""
RIGHTS: tuple[Right, ...] = get_args(Right)
OF_ROLE: dict[Role, frozenset[Right]] = {
    "upload": frozenset({"import"}),
    "read": frozenset({"read"}),
    "both": frozenset({"import", "read"}),
    "admin": frozenset(RIGHTS),
}


class DeskDoor(Model):
    """The account's pages. They are open as soon as the account has a user with a password: without one nobody can sign in."""

    enabled: bool = True
    idle: Duration = timedelta(hours=8)
    """A session in which nothing is asked for so long ends."""
    longest: Duration = timedelta(days=7)
    """A session ends after so long in any case."""
    keep_drafts: Duration = timedelta(days=30)
    """How long an import that was begun and never started is kept."""
