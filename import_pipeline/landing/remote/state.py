"""How it stands with a server: the last fault, since when, and when it is tried again. Kept in the ledger, since processes end.

Belongs here: pauses between tries. Does not belong here: which fault is which (faults.py), tries within one run (collect.py).
"""

import hashlib
from dataclasses import asdict, dataclass, replace
from datetime import datetime, timedelta
from typing import Literal

from import_pipeline.failures import PermanentFailure
from import_pipeline.ledger import Ledger, meta
from import_pipeline.model.account import Account
from import_pipeline.model.remote_door import RemoteDoor

Step = Literal["look", "collect", "answer"]
FIRST_PAUSE, LONGEST_PAUSE = timedelta(seconds=30), timedelta(minutes=15)
PERMANENT_PAUSE = timedelta(hours=1)
"""A deterministic fault is told once, clearly, and tried again at long intervals; a changed configuration is tried at once."""


@dataclass(frozen=True)
class State:
    """One step of one server. `tries` are failures in a row; moments are ISO 8601; `listed` and `waiting` are of the last look."""

    config: str
    fault: str | None = None
    permanent: bool = False
    tries: int = 0
    since: str | None = None
    next: str | None = None
    at: str | None = None
    listed: int = 0
    waiting: int = 0


def config_of(door: RemoteDoor) -> str:
    """Changes with anything that the YAML states about the server."""
    return hashlib.sha256(door.model_dump_json().encode()).hexdigest()[:16]


def load(ledger: Ledger, account: Account, door: RemoteDoor, step: Step) -> State:
    """How it stands; as new when the configuration is another one."""
    with ledger.read() as conn:
        value = meta.read(conn, _key(account, door, step))
    fresh = State(config_of(door))
    return State(**value) if value and value.get("config") == fresh.config else fresh


def pause_left(state: State, now: datetime) -> timedelta:
    """How long it is not tried; zero when it may be. A moment further ahead than any pause is of a clock that was turned back."""
    if state.next is None:
        return timedelta()
    left = datetime.fromisoformat(state.next) - now
    return left if timedelta() < left <= max(LONGEST_PAUSE, PERMANENT_PAUSE) else timedelta()


def failed(ledger: Ledger, account: Account, door: RemoteDoor, step: Step, error: Exception, *, now: datetime) -> State:
    """Books a failure: a deterministic one pauses for an hour, others from 30 seconds, doubled each time, to 15 minutes."""
    before = load(ledger, account, door, step)
    permanent = isinstance(error, PermanentFailure)
    pause = PERMANENT_PAUSE if permanent else min(FIRST_PAUSE * 2 ** min(before.tries, 20), LONGEST_PAUSE)
    state = replace(
        before,
        fault=str(error),
        permanent=permanent,
        tries=before.tries + 1,
        since=before.since if before.fault else now.isoformat(),
        next=(now + pause).isoformat(),
    )
    _save(ledger, account, door, step, state, now)
    return state


def succeeded(ledger: Ledger, account: Account, door: RemoteDoor, step: Step, *, now: datetime, listed: int = 0, waiting: int = 0) -> None:
    """Books that it worked; the next failure begins anew."""
    _save(ledger, account, door, step, State(config_of(door), at=now.isoformat(), listed=listed, waiting=waiting), now)


def forget(ledger: Ledger, account: Account, door: RemoteDoor, *, now: datetime) -> None:
    """Whatever failed is tried at once: somebody has just seen that the server answers."""
    steps: tuple[Step, ...] = ("look", "collect", "answer")
    for step in steps:
        state = load(ledger, account, door, step)
        if state.fault:
            _save(ledger, account, door, step, replace(state, fault=None, permanent=False, tries=0, since=None, next=None), now)


def _key(account: Account, door: RemoteDoor, step: Step) -> str:
    return f"remote/{account.name}/{door.name}/{step}"


def _save(ledger: Ledger, account: Account, door: RemoteDoor, step: Step, state: State, now: datetime) -> None:
    with ledger.begin() as conn:
        meta.write(conn, _key(account, door, step), asdict(state), now=now)
