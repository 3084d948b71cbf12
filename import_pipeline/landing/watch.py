"""One tick of an account's landing tree: clear up, look, claim and vault, project what is left, form a delivery.

Belongs here: the order of the steps, booking what decide.py decided, the tick's report. Does not belong here: each step itself,
requesting runs (orchestration/).
"""

import os
import secrets
import socket
from dataclasses import dataclass, field

from sqlalchemy import Connection

from import_pipeline.landing import tree
from import_pipeline.landing.clock import Clock
from import_pipeline.landing.decide import Decision, cut_suspect, decide
from import_pipeline.landing.deliveries import form_delivery
from import_pipeline.landing.look import Entry, look
from import_pipeline.landing.project import project_pending
from import_pipeline.landing.recover import recover
from import_pipeline.landing.take import take
from import_pipeline.ledger import Ledger, files
from import_pipeline.ledger.files import Arrival
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

BUDGET = 40.0
"""Seconds of one tick; Dagster ends a sensor's evaluation after 60 (DESIGN section 7)."""


@dataclass(frozen=True)
class TickReport:
    """What one tick did. Names are for people; `issues` are lines to show, each told once."""

    listed: int = 0
    new: tuple[str, ...] = ()
    waiting: tuple[str, ...] = ()
    vaulted: tuple[str, ...] = ()
    changed: tuple[str, ...] = ()
    gone: int = 0
    projected: tuple[str, ...] = ()
    issues: tuple[str, ...] = field(default=())
    delivery: str | None = None
    left_over: bool = False


def new_owner() -> str:
    """A name for this process in claims: host, process and a random part."""
    return f"{socket.gethostname()[:60]}-{os.getpid()}-{secrets.token_hex(4)}"


def tick(ledger: Ledger, account: Account, settings: Settings, clock: Clock, owner: str, *, budget: float = BUDGET) -> TickReport:
    """One round for one account. Any number of processes may tick at once; each file is taken by one of them.

    Raises TransientFailure when a mailbox cannot be listed or the vault is full; what was done until then is booked.
    """
    until = clock.monotonic() + budget
    tree.create_tree(account, settings)
    issues = recover(ledger, account, settings)
    decision, listed = _look(ledger, account, settings, clock)
    taken = take(ledger, account, settings, clock, owner, until=until)
    projected = project_pending(ledger, account, settings, clock.now(), owner)
    key = form_delivery(ledger, account, settings, clock.now())
    return TickReport(
        listed=listed,
        new=tuple(entry.name for entry in decision.new),
        waiting=tuple(decision.waiting + taken.busy),
        vaulted=tuple(taken.vaulted),
        changed=tuple(taken.changed),
        gone=len(decision.gone) + len(taken.gone),
        projected=tuple(done.name for done in projected if done.path is not None),
        issues=(*issues, *decision.issues, *taken.issues, *(f"{done.name}: {done.note}" for done in projected if done.note)),
        delivery=key,
        left_over=taken.left_over,
    )


def _look(ledger: Ledger, account: Account, settings: Settings, clock: Clock) -> tuple[Decision, int]:
    # Listed before the transaction: a slow disk must not hold the ledger. Whatever changed meanwhile is met at the next look.
    if not account.doors.tree.enabled:
        return Decision(), 0  # files of other doors still become deliveries here
    listing = look(account, settings)
    with ledger.begin() as conn:
        known = files.live(conn, account.name)
        decision = decide(listing, known, now=clock.now(), monotonic=clock.monotonic(), door=account.doors.tree)
        _book(conn, account, decision, clock)
    return decision, len(listing)


def _book(conn: Connection, account: Account, decision: Decision, clock: Clock) -> None:
    now, monotonic = clock.now(), clock.monotonic()
    files.gone(conn, decision.gone)
    files.stable(conn, decision.stable)
    files.rewind(conn, decision.rewound, monotonic)
    files.told(conn, decision.told, now=now)
    for file_id, entry in decision.restarted:
        files.restart(
            conn,
            file_id,
            fingerprint=entry.fingerprint,
            size=entry.size,
            cut_suspect=cut_suspect(entry.size),
            first_look=monotonic,
            now=now,
        )
    files.book(conn, account.name, "tree", "seen", [_arrival(entry, monotonic) for entry in decision.new], now=now)
    files.book(conn, account.name, "tree", "skipped", [_arrival(entry, monotonic) for entry in decision.skipped], now=now)


def _arrival(entry: Entry, monotonic: float) -> Arrival:
    return Arrival(
        name=entry.name,
        size=entry.size,
        path=entry.path,
        fingerprint=entry.fingerprint,
        first_look=monotonic,
        cut_suspect=entry.kind == "file" and cut_suspect(entry.size),
    )
