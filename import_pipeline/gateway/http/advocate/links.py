"""Links to files of a job: signed, good until the job's results expire.

Belongs here: making and checking a link. Does not belong here: what it leads to (routes.py), where the files lie (settling.py).

A link names its job, its file and the moment until which it is good; the signature covers all three and the account. Who has a link can
read that one file until then, without a key.
"""

import hashlib
import hmac
import os
import secrets
from datetime import UTC, datetime
from pathlib import Path
from typing import Literal, get_args
from urllib.parse import quote, urlencode

from import_pipeline.failures import PermanentFailure
from import_pipeline.settings import Settings

Kind = Literal["success", "errors", "file"]
"""What took effect; the errors; the file as it was uploaded."""
KINDS: tuple[Kind, ...] = get_args(Kind)
_BYTES = 32


def key_file(settings: Settings) -> Path:
    """Where the signing key lies; with another one all links that were given out end."""
    return settings.home / "http" / "links.key"


def signing_key(settings: Settings) -> bytes:
    """The instance's key, made at first use. Raises PermanentFailure when the file holds something else."""
    path = key_file(settings)
    if not path.exists():
        path.parent.mkdir(mode=0o700, parents=True, exist_ok=True)
        hidden = path.with_name(f".{path.name}.{secrets.token_hex(4)}")
        opened = os.open(hidden, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600)
        with os.fdopen(opened, "wb") as out:
            out.write(secrets.token_bytes(_BYTES))
            out.flush()
            os.fsync(opened)
        try:
            # Two processes may make one at the same time: the first that links its own has made the key.
            os.link(hidden, path)
        except FileExistsError:
            pass
        finally:
            hidden.unlink()
    key = path.read_bytes()
    if len(key) != _BYTES:
        raise PermanentFailure(f"{path} does not hold a signing key")
    return key


def link(settings: Settings, base: str, tenant: str, account: str, job: str, kind: Kind, until: datetime) -> str:
    """The address of a job's file below `base` (`https://host`)."""
    expires = int(until.timestamp())
    query = urlencode({"expires": expires, "signature": _signature(settings, account, job, kind, expires)})
    return f"{base}/api/v1/{quote(tenant, safe='')}/jobs/{job}/{kind}?{query}"


def is_signed(settings: Settings, account: str, job: str, kind: str, expires: str, signature: str) -> bool:
    """Whether this instance gave the link out, expired or not."""
    if not (expires.isascii() and expires.isdecimal() and len(expires) <= 12 and signature.isascii()):
        return False
    return hmac.compare_digest(_signature(settings, account, job, kind, int(expires)), signature)


def has_expired(expires: str, now: datetime) -> bool:
    """Whether the time of a link with a good signature is over."""
    return now >= datetime.fromtimestamp(int(expires), UTC)


def _signature(settings: Settings, account: str, job: str, kind: str, expires: int) -> str:
    text = "\0".join((account, job, kind, str(expires)))
    return hmac.new(signing_key(settings), text.encode("utf-8", "surrogateescape"), hashlib.sha256).hexdigest()
