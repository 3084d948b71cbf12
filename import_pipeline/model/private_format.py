"""Formats that belong to single imports: named by what they say, so that equal mappings have one name.

Belongs here: the name of such a format, and what of a format's name tells the mapping. Does not belong here: making one (draft.py).

The name ends with what bad rows do. That is no part of the mapping: the same bytes with the same mapping were imported already, whether
the file was to halt or not (acceptance T-8, B-5).
"""

import hashlib
import json
import re

from import_pipeline.model.format import Format

_NAME = re.compile(r"(desk-[0-9a-f]{12})-(?:halt|skip)")


def private_name(format: Format) -> str:
    """`desk-1f0c3e5a7b9d-halt`: the digest of what the format says about columns and values, and what it does about bad rows."""
    said = format.model_dump(mode="json", exclude_defaults=True, exclude={"name", "title", "prefixes", "on_error"})
    digest = hashlib.sha256(json.dumps(said, sort_keys=True, ensure_ascii=False).encode()).hexdigest()[:12]
    return f"desk-{digest}-{'halt' if format.on_error == 'halt' else 'skip'}"


def is_private(name: str) -> bool:
    """True for the name of such a format; no other format may have one."""
    return _NAME.fullmatch(name) is not None


def mapping_of(name: str | None) -> str:
    """What of a format's name tells the mapping: formats that differ in nothing but this are one for the content key; '' for none."""
    found = _NAME.fullmatch(name or "")
    return found[1] if found else name or ""
