"""Passwords as argon2id hashes, for every door where people log in.

Belongs here: hashing and checking. Does not belong here: who may log in (sftp/logins.py, http/desk/sessions.py), where hashes are kept
(ledger/users.py).
"""

from functools import cache

from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError

from import_pipeline.failures import PermanentFailure

SHORTEST = 8


@cache
def _hasher() -> PasswordHasher:
    # 24 to 51 ms on the machine of reference/intake.md section 3.
    return PasswordHasher(time_cost=2, memory_cost=19 * 1024, parallelism=1)


@cache
def _of_nobody() -> str:
    return _hasher().hash("nobody has this password")


def hash_password(password: str) -> str:
    """The argon2id hash. Raises PermanentFailure for a password that is too short."""
    if len(password) < SHORTEST:
        raise PermanentFailure(f"a password has at least {SHORTEST} characters")
    return _hasher().hash(password)


def is_right(hashed: str | None, password: str) -> bool:
    """Whether the password is the hashed one. Without a hash the same work is done: the time must not tell who exists."""
    try:
        return _hasher().verify(hashed or _of_nobody(), password) and hashed is not None
    except (VerificationError, InvalidHashError):
        return False
