"""What follows from one look: a pure function of the listing, what the ledger knows, and the clocks.

Belongs here: the rules of settling (reference/intake.md section 4). Does not belong here: listing (look.py), booking (watch.py).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime, timedelta

from import_pipeline.landing.look import Entry, without_ctime
from import_pipeline.ledger.files import File
from import_pipeline.model.account import TreeDoor
from import_pipeline.model.remote_door import RemoteDoor

STALE = timedelta(hours=24)
"""An upload under a temporary name that has not changed for this long is told to people."""
_BLOCKS = (32_768, 261_120)


@dataclass
class Decision:
    """Sets of what is to be booked. `new` and `skipped` are entries, the others ids of arrivals."""

    new: list[Entry] = field(default_factory=list)
    skipped: list[Entry] = field(default_factory=list)
    restarted: list[tuple[str, Entry]] = field(default_factory=list)
    stable: list[str] = field(default_factory=list)
    rewound: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    told: list[str] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)
    waiting: list[str] = field(default_factory=list)
    """Names of files that are not still yet."""


def cut_suspect(size: int) -> bool:
    """True when the last write may have been a full block: the upload may have been cut off (reference/intake.md, fact 1)."""
    return size > 0 and any(size % block == 0 for block in _BLOCKS)


def settle(size: int, door: TreeDoor | RemoteDoor, *, told: bool = False) -> float:
    """Seconds between two equal looks. A suspect size and an empty file wait longer, and are then taken: they get an answer.

    So does a file of which a door `told` that its end looks cut off (ledger/cut_off.py).
    """
    return (door.cut_settle if told or size == 0 or cut_suspect(size) else door.settle).total_seconds()


def decide(listing: Sequence[Entry], known: Sequence[File], *, now: datetime, monotonic: float, door: TreeDoor | RemoteDoor) -> Decision:
    """What to book. `known` are the live arrivals of the account; each entry is settled by our own monotonic clock."""
    decision = Decision()
    by_path: dict[str, list[File]] = {}
    for file in known:
        by_path.setdefault(file.path or "", []).append(file)
    for entry in listing:
        _one(entry, by_path.get(entry.path, []), decision, now, monotonic, door)
    present = {entry.path for entry in listing}
    decision.gone = [f.id for f in known if f.state in ("seen", "skipped") and f.path not in present]
    return decision


def _one(entry: Entry, rows: list[File], decision: Decision, now: datetime, monotonic: float, door: TreeDoor | RemoteDoor) -> None:
    if any(_is(entry, row) for row in rows if row.state not in ("seen", "skipped")):
        # Its bytes are with us; what lies there waits for its move to Success or Failed.
        decision.gone += [row.id for row in rows if row.state in ("seen", "skipped")]
        return
    row = next((row for row in rows if row.state in ("seen", "skipped")), None)
    takes = entry.kind == "file" and entry.standing == "take"
    if row is not None and (row.state == "seen") is not takes:
        decision.gone.append(row.id)
        row = None
    if row is None:
        (decision.new if takes else decision.skipped).append(entry)
        if takes:
            decision.waiting.append(entry.name)
        elif entry.kind != "file":
            decision.issues.append(f"{entry.name} is a {entry.kind}, not a file: it was left alone")
    elif row.fingerprint != entry.fingerprint:
        decision.restarted.append((row.id, entry))
        decision.waiting.append(entry.name)
    elif takes:
        _still(entry, row, decision, monotonic, door)
    elif entry.kind == "file" and row.told_at is None and now - row.arrived_at >= STALE:
        decision.told.append(row.id)
        decision.issues.append(f"{entry.name} is an unfinished upload that has not changed for 24 hours: send it again or delete it")


def _is(entry: Entry, row: File) -> bool:
    if row.fingerprint is None:
        return False
    if row.state == "answered" and row.door == "tree":
        # Moving it to Success or Failed changes its ctime.
        return without_ctime(row.fingerprint) == without_ctime(entry.fingerprint)
    return row.fingerprint == entry.fingerprint


def _still(entry: Entry, row: File, decision: Decision, monotonic: float, door: TreeDoor | RemoteDoor) -> None:
    first = row.first_look if row.first_look is not None else monotonic
    if first > monotonic:
        decision.rewound.append(row.id)
        decision.waiting.append(entry.name)
    elif row.looks >= 2:
        return
    elif monotonic - first >= settle(entry.size, door, told=row.cut_suspect):
        decision.stable.append(row.id)
    else:
        decision.waiting.append(entry.name)
