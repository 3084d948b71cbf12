"""Public keys as users bring them.

Belongs here: reading key files, fingerprints. Does not belong here: passwords (gateway/passwords.py), who may log in (logins.py), where
keys are kept (ledger/users.py).
"""

import asyncssh
from cryptography.hazmat.primitives.asymmetric.rsa import RSAPublicKey

from import_pipeline.failures import PermanentFailure

_MOST_KEYS = 20
_LEAST_RSA_BITS = 2048
_TYPES = ("ssh-ed25519", "ssh-rsa")


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
