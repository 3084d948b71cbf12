"""A format with values of its own for one job: `deleteUsers {"doNotTrack":"true"}` is the format deleteUsers with that default.

Belongs here: writing and reading such names. Does not belong here: which values a door takes (gateway/http/), formats (format.py).

What a job states for all its rows travels in the name of its format, so that a run, its retries and a replay all see it, and so that the
same bytes with other values are another import (B-5).
"""

import json
from collections.abc import Mapping

from import_pipeline.failures import PermanentFailure

LONGEST = 200
"""Characters of such a name: the ledger keeps no longer one."""


def with_values(name: str, values: Mapping[str, str]) -> str:
    """The name of the format `name` with these defaults; `name` itself without any. Raises PermanentFailure when it grows too long."""
    if not values:
        return name
    made = f"{name} {json.dumps(dict(sorted(values.items())), ensure_ascii=False, separators=(',', ':'))}"
    if len(made) > LONGEST:
        raise PermanentFailure(f"what is stated for all rows takes {len(made)} characters; {LONGEST} are possible")
    return made


def split_name(name: str) -> tuple[str, dict[str, str]]:
    """The format's own name, and the defaults; none for a name that holds none."""
    base, brace, rest = name.partition(" {")
    if not brace or not rest.endswith("}"):
        return name, {}
    try:
        values = json.loads("{" + rest)
    except ValueError:
        return name, {}
    good = all(isinstance(value, str) for value in values.values())
    return (base, values) if good else (name, {})
