"""What all models share: frozen, no unknown keys, and the small value types of the YAML (durations, sizes, names).

Belongs here: a value type that several models use. Does not belong here: anything about one model.
"""

import hashlib
import re
import unicodedata
from datetime import timedelta
from typing import Annotated

from pydantic import BaseModel, BeforeValidator, ConfigDict

_DURATION = re.compile(r"(\d+(?:\.\d+)?)\s*(ms|s|m|h|d|w)")
_SECONDS = {"ms": 0.001, "s": 1, "m": 60, "h": 3600, "d": 86400, "w": 604800}
_SIZE = re.compile(r"(\d+(?:\.\d+)?)\s*(B|KB|MB|GB|TB)", re.IGNORECASE)
_BYTES = {"B": 1, "KB": 10**3, "MB": 10**6, "GB": 10**9, "TB": 10**12}


class Model(BaseModel):
    """Base of all domain models: immutable, and a misspelt key is an error."""

    model_config = ConfigDict(frozen=True, extra="forbid")


def parse_duration(value: object) -> object:
    """'5s', '15m', '36h', '30d', '2w' to a timedelta; a timedelta stays. A number alone is refused: of what, nobody could tell."""
    if isinstance(value, timedelta):
        return value
    found = _DURATION.fullmatch(value.strip()) if isinstance(value, str) else None
    try:
        if found:
            return timedelta(seconds=float(found[1]) * _SECONDS[found[2]])
    except OverflowError:
        raise ValueError(f"{value!r} is longer than a duration can be") from None
    raise ValueError(f"{value!r} is not a duration: write a number and one of ms, s, m, h, d, w, for example 30d")


def parse_size(value: object) -> object:
    """'20MB', '2GB' to bytes (decimal units)."""
    if isinstance(value, str):
        found = _SIZE.fullmatch(value.strip())
        if not found:
            raise ValueError(f"{value!r} is not a size: write a number and one of B, KB, MB, GB, TB, for example 2GB")
        size = float(found[1]) * _BYTES[found[2].upper()]
        if size > 2**63:
            raise ValueError(f"{value!r} is more than a disk can hold")
        return int(size)
    return value


Duration = Annotated[timedelta, BeforeValidator(parse_duration)]
ByteSize = Annotated[int, BeforeValidator(parse_size)]


def fold_name(text: str) -> str:
    """A header or name with case, blanks and punctuation taken away, for comparing: 'House #' and 'house' are equal.

    Letters and digits of every script stay; 'E-Mail', 'e mail' and 'EMAIL' all give 'email'.
    """
    return "".join(c for c in unicodedata.normalize("NFKC", text).casefold() if c.isalnum())


def slug(name: str) -> str:
    """A name as part of an asset key, table or folder: lower-case letters, digits and `_`.

    A name without any Latin letter or digit gets one made from its characters, always the same.
    """
    plain = unicodedata.normalize("NFKD", name).encode("ascii", "ignore").decode()
    words = re.sub(r"(?<=[a-z0-9])(?=[A-Z])", "_", plain)
    found = re.sub(r"[^a-z0-9]+", "_", words.lower()).strip("_")
    return found or "x" + hashlib.sha256(name.encode()).hexdigest()[:8]
