"""One look at a remote folder: list it, decide, book. Nothing is downloaded.

Belongs here: which things there are meant, and booking what landing/decide.py decided. Does not belong here: the rules of settling
(landing/decide.py), downloading (collect.py).

A listing is whole or it is a fault: a failed one is never taken for an empty one. What was seen is remembered by fingerprint, however
much it is; no clock of the server decides anything.
"""

from collections.abc import Mapping
from dataclasses import dataclass, field

from import_pipeline.landing import names
from import_pipeline.landing.clock import Clock
from import_pipeline.landing.decide import Decision, cut_suspect, decide
from import_pipeline.landing.look import Entry, EntryKind
from import_pipeline.landing.remote import paths, state
from import_pipeline.landing.remote.client import Peer, Status, connected
from import_pipeline.ledger import Ledger, files, remotes
from import_pipeline.ledger.files import Arrival
from import_pipeline.model.account import Account
from import_pipeline.model.remote_door import RemoteDoor

BUDGET = 40.0
"""Seconds of one look; dagster ends a sensor's evaluation after 60 (DESIGN section 7)."""
INSECURE = "insecure_host_key is on: whoever answers at the address gets the password and chooses the files"
_KINDS: dict[str, EntryKind] = {"file": "file", "link": "link", "folder": "folder"}


@dataclass(frozen=True)
class RemoteLook:
    """What one look saw. Names are for people; `issues` are lines to show."""

    listed: int = 0
    new: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    gone: int = 0
    issues: tuple[str, ...] = field(default=())


def look_at(
    ledger: Ledger,
    account: Account,
    door: RemoteDoor,
    clock: Clock,
    *,
    environment: Mapping[str, str] | None = None,
    budget: float = BUDGET,
) -> RemoteLook:
    """Looks once and books what it saw, within `budget` seconds. A fault is booked with its pause, and raised."""
    until = clock.monotonic() + budget
    try:
        with connected(door, environment) as peer:
            seen = listed(peer, door, seconds=max(1.0, until - clock.monotonic()))
    except Exception as error:
        state.failed(ledger, account, door, "look", error, now=clock.now())
        raise
    entries = meant(seen, door)
    decision = _book(ledger, account, door, clock, entries, {path for path, _, _ in seen})
    looked = RemoteLook(
        listed=len(entries),
        new=tuple(entry.name for entry in decision.new),
        waiting=tuple(decision.waiting),
        gone=len(decision.gone),
        issues=(*([INSECURE] if door.insecure_host_key else []), *decision.issues),
    )
    state.succeeded(ledger, account, door, "look", now=clock.now(), listed=looked.listed, waiting=len(looked.waiting))
    return looked


def listed(peer: Peer, door: RemoteDoor, *, seconds: float = BUDGET) -> list[tuple[str, bytes, Status]]:
    """(path in the ledger, name, status) of everything in the door's folder, oldest first where the server's clock can be believed."""
    folder = door.address.folder
    found = sorted(peer.listing(folder, seconds=seconds), key=lambda item: (item[1].mtime, item[0]))
    return [(paths.pack(door.name, paths.join(folder, name)), name, status) for name, status in found]


def meant(seen: list[tuple[str, bytes, Status]], door: RemoteDoor) -> list[Entry]:
    """What the door's patterns mean: not folders, not hidden files, not junk. A name under which an upload is under way is meant when
    its final name may be."""
    entries = []
    for path, raw, status in seen:
        name = names.display(raw)
        standing = names.standing(name)
        if status.kind == "folder" or standing == "ignore" or (standing == "take" and door.pattern_of(name) is None):
            continue
        entries.append(Entry(path, name, _KINDS.get(status.kind, "device"), status.fingerprint, status.size, standing))
    return entries


def _book(ledger: Ledger, account: Account, door: RemoteDoor, clock: Clock, entries: list[Entry], present: set[str]) -> Decision:
    now, monotonic = clock.now(), clock.monotonic()
    with ledger.begin() as conn:
        left = remotes.left(conn, account.name, door.door)
        lying = {(entry.path, entry.fingerprint) for entry in entries}
        # Only what this folder's listing has no more, or has anew, is forgotten: patterns and folders may be changed and changed back.
        listed_here = f"{paths.pack(door.name, paths.join(door.address.folder, b''))}"
        anew = {path for path, print_ in lying if (path, print_) not in left}
        remotes.forget(
            conn,
            [i for (path, _), i in left.items() if path.startswith(listed_here) and (path not in present or path in anew)],
        )
        open_entries = [entry for entry in entries if (entry.path, entry.fingerprint) not in left]
        known = remotes.live(conn, account.name, door.door)
        decision = decide(open_entries, known, now=now, monotonic=monotonic, door=door)
        files.gone(conn, decision.gone)
        files.stable(conn, decision.stable)
        files.rewind(conn, decision.rewound, monotonic)
        files.told(conn, decision.told, now=now)
        for file_id, entry in decision.restarted:
            suspect = cut_suspect(entry.size)
            files.restart(conn, file_id, fingerprint=entry.fingerprint, size=entry.size, cut_suspect=suspect, first_look=monotonic, now=now)
        remotes.rested(conn, [file_id for file_id, _ in decision.restarted])
        files.book(conn, account.name, door.door, "seen", [_arrival(entry, door, account, monotonic) for entry in decision.new], now=now)
        skipped = [_arrival(entry, door, account, monotonic) for entry in decision.skipped]
        files.book(conn, account.name, door.door, "skipped", skipped, now=now)
    return decision


def _arrival(entry: Entry, door: RemoteDoor, account: Account, monotonic: float) -> Arrival:
    """What the pattern states of type and format goes with the file; without, its name tells (acceptance S-3)."""
    pattern = door.pattern_of(entry.name)
    stated, format_ = (pattern.type, pattern.format) if pattern else (None, None)
    if format_ is not None:
        stated = account.format(format_).object_type
    return Arrival(
        name=entry.name,
        size=entry.size,
        path=entry.path,
        fingerprint=entry.fingerprint,
        first_look=monotonic,
        cut_suspect=entry.kind == "file" and cut_suspect(entry.size),
        object_type=account.object_type(stated).name if stated else None,
        format=format_,
    )
