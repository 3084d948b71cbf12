"""Keys of programs: making one, and finding whose key a request carries, in the same time whether there is such a key or not.

Belongs here: the form of a key and its check. Does not belong here: where keys are kept (ledger/tokens.py), in which header a door takes
them (its door.py).

A key holds 256 random bits, so one round of SHA-256 is enough: nobody can try them out, and a slow hash would cost every request 25 to
50 ms (reference/intake.md section 5).
"""

import hashlib
import hmac
import re
import secrets
from datetime import datetime

from import_pipeline.ledger import Ledger, tokens
from import_pipeline.ledger.tokens import Token

_FORM = re.compile(r"ipk_([0-9a-f]{16})[0-9a-f]{64}")
_NOBODY = "0" * 16
_NOTHING = hashlib.sha256(b"").hexdigest()
LONGEST = 200
"""Characters of a key that are looked at; none that we made is longer."""


def make_key() -> tuple[str, str]:
    """(id, key) of a new key. The key is shown once; what is kept of it is `digest`."""
    key_id = secrets.token_hex(8)
    return key_id, f"ipk_{key_id}{secrets.token_hex(32)}"


def digest(key: str) -> str:
    """What is kept of a key."""
    return hashlib.sha256(key.encode("utf-8", "surrogateescape")).hexdigest()


def find_key(ledger: Ledger, given: str, now: datetime) -> Token | None:
    """Whose key this is; None for an unknown, revoked or expired one. A key that does not exist is looked up and compared as well."""
    form = _FORM.fullmatch(given[:LONGEST])
    with ledger.read() as conn:
        token = tokens.get(conn, form[1] if form else _NOBODY)
    same = hmac.compare_digest(digest(given[:LONGEST]), token.secret if token else _NOTHING)
    return token if token and same and token.valid_at(now) else None
