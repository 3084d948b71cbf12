"""What the service asks a process beside it to make, and what that process answers.

Belongs here: the two sides' common words. Does not belong here: making (worker.py), waiting for it (making.py).
"""

from dataclasses import dataclass, field
from datetime import datetime
from pathlib import Path
from typing import Any, Literal

from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

Kind = Literal["export", "difference", "map", "map_page"]


@dataclass(frozen=True)
class Order:
    """Something to make in `folder`. `at` and `until` are moments as exporting/moments.py reads them; of a difference they are the
    earlier and the later one. `form` is csv, jsonl, parquet or xlsx."""

    kind: Kind
    settings: Settings
    account: Account
    now: datetime
    folder: Path
    object_type: str = ""
    at: str = "now"
    until: str = "now"
    form: str = "csv"
    packed: bool = False


@dataclass(frozen=True)
class Answer:
    """`file` is the name of what was made. If nothing was, `wrong` tells why by the order's field, or `busy` that it may be tried
    again."""

    file: str = ""
    facts: dict[str, Any] = field(default_factory=dict)
    wrong: dict[str, str] = field(default_factory=dict)
    busy: str = ""
