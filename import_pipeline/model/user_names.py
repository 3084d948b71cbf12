"""Names of people who log in: their form, and whom a name may belong to.

Belongs here: rules on names. Does not belong here: users (ledger/users.py), what a role may do (sftp_door.py, desk_door.py).
"""

import re
from collections.abc import Iterable

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account

_NAME = re.compile(r"[a-z0-9][a-z0-9._-]{0,63}")


def check_user_name(name: str, account: Account, accounts: Iterable[Account]) -> None:
    """Raises PermanentFailure for a name of another form, and for the tenant alias of another account (acceptance A-10)."""
    if not _NAME.fullmatch(name):
        raise PermanentFailure(f"{name!r}: a user's name is lower-case letters, digits, '.', '_' and '-', 64 of them at most")
    owner = next((other.name for other in accounts if other.name != account.name and other.doors.sftp.tenant_alias == name), None)
    if owner:
        raise PermanentFailure(f"{name!r} is the tenant alias of the account {owner}")


def may_use_sftp(name: str, account: Account) -> bool:
    """Whether a user of this name gets in through SFTP: of an account with a tenant alias only its namesake (acceptance A-10)."""
    door = account.doors.sftp
    return door.enabled and door.tenant_alias in (None, name)
