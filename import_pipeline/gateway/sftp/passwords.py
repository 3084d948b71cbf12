"""Passwords as argon2id hashes, and public keys as users bring them.

Belongs here: hashing, checking, reading key files. Does not belong here: who may log in (logins.py), where hashes are kept
(ledger/users.py).
"""

from functools import cache

import asyncssh
from argon2 import PasswordHasher
from argon2.exceptions import InvalidHashError, VerificationError
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from import_pipeline.failures import PermanentFailure

SHORTEST = 8
_MOST_KEYS = 20
_LEAST_RSA_BITS = 2048
_TYPES = ("ssh-ed25519", "ssh-rsa")


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


def read_keys(text: str) -> tuple[str, ...]:
    """Public keys of a file in OpenSSH's form, one a line, each as `type base64`. Raises PermanentFailure with the reason."""
    if "PRIVATE KEY" in text:
        raise PermanentFailure("this is a private key, which nobody but its owner may have; give the public one (its name ends with .pub)")
    lines = [line.strip() for line in text.splitlines() if line.strip() and not line.lstrip().startswith("#")]
    if not 0 < len(lines) <= _MOST_KEYS:
        raise PermanentFailure(f"a file of public keys holds 1 to {_MOST_KEYS} of them, one a line")
    return tuple(_read_key(line) for line in lines)


def _read_key(line: str) -> str:
    try:
        key = asyncssh.import_public_key(line)
    except asyncssh.KeyImportError as error:
        raise PermanentFailure(f"this is no public key in OpenSSH's form ({error}): it looks like `ssh-ed25519 AAAA… name`") from None
    kind = key.get_algorithm()
    if kind not in _TYPES:
        raise PermanentFailure(f"a key of the type {kind} is not taken; these are: {', '.join(_TYPES)}")
    public = key.pyca_key
    if isinstance(public, RSAPublicKey) and public.key_size < _LEAST_RSA_BITS:
        raise PermanentFailure(f"the RSA key has {public.key_size} bits, the least are {_LEAST_RSA_BITS}")
    return plain(key)


def plain(key: asyncssh.SSHKey) -> str:
    """`type base64`, without a comment: two files with the same key give the same text."""
    return " ".join(key.export_public_key("openssh").decode().split()[:2])


def fingerprint(key: str) -> str:
    """SHA256:… as ssh shows it."""
    return asyncssh.import_public_key(key).get_fingerprint()
