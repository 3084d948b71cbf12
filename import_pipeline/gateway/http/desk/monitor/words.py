"""Words of the monitor: doors, kinds of imports, ages.

Belongs here: what things of the ledger are called on these pages. Does not belong here: states (../states.py).
"""

from datetime import datetime, timedelta
from typing import get_args

from import_pipeline.ledger.job_list import Kind, Standing

DOORS = {
    "tree": "Folder or SFTP",
    "desk": "Desk",
    "cli": "Command line",
    "ui": "By hand",
    "undo": "Undo",
    "spotio": "Bulk jobs (API)",
    "advocate": "Advocate (API)",
    "engaging_networks": "Engaging Networks (API)",
}
STANDINGS: tuple[tuple[Standing, str], ...] = (
    ("", "All states"),
    ("running", "Processing"),
    ("waiting", "Waiting"),
    ("held", "Waiting for approval"),
    ("complete", "Complete"),
    ("errors", "Complete with errors"),
    ("failed", "Error"),
    ("ended", "Rejected or cancelled"),
    ("undone", "Undone"),
    ("planned", "Plan"),
)
KINDS: tuple[tuple[Kind, str], ...] = (("", "Everything"), ("imports", "Imports only"), ("plans", "Dry runs only"), ("undos", "Undos only"))
_REMOTE = "remote:"


def door_words(door: str) -> str:
    """A door as people know it."""
    if door.startswith(_REMOTE):
        return f"Server {door.removeprefix(_REMOTE)}"
    return DOORS.get(door, door)


def standing_of(text: str) -> Standing:
    """The state that is asked for; any other text asks for all."""
    return next((one for one in get_args(Standing) if one == text), "")


def kind_of(text: str) -> Kind:
    """The kind that is asked for; any other text asks for all."""
    return next((one for one in get_args(Kind) if one == text), "")


def age(at: datetime | None, now: datetime) -> str:
    """How long ago, in one unit: pages that refresh themselves change once a minute only."""
    if at is None:
        return ""
    passed = max(now - at, timedelta())
    for unit, name in ((timedelta(days=1), "d"), (timedelta(hours=1), "h"), (timedelta(minutes=1), "min")):
        if passed >= unit:
            return f"{passed // unit:,} {name} ago"
    return "just now"
