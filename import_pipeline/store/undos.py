"""Which undos were applied to a store, and which jobs therefore count no more.

Belongs here: reading `_undos`, and what a chain of undos, undos of undos included, comes to. Does not belong here: computing an undo
(relating/undo.py), writing one (applying/images.py), what the ledger tells about jobs.

A job is undone as long as an undo of it is in force, and an undo is in force as long as it is not undone itself. So every undo switches
the import at the root of its chain off, or on again. The events of an undo itself never count: a restored value is the value of the
event that counts again.
"""

from collections.abc import Iterable
from dataclasses import dataclass
from datetime import datetime

from import_pipeline.store.session import Session


@dataclass(frozen=True)
class Undo:
    """One undo: the job `job` took back the job `undone` of the delivery `undone_delivery`, at `stamp` (its first change set's)."""

    job: str
    undone: str
    undone_delivery: str
    stamp: datetime


def undos_of(session: Session) -> list[Undo]:
    """Every undo that was applied, in the order of their moments."""
    return [Undo(*row) for row in session.run("SELECT job, undone, undone_delivery, stamp FROM store._undos ORDER BY stamp, job")]


def root_of(undos: Iterable[Undo], undo: Undo) -> tuple[str, str]:
    """The import that the chain of this undo leads down to, and its delivery, given the undos that were applied before it."""
    known = {other.job: other for other in undos if other.job != undo.job}
    while undo.undone in known:
        undo = known[undo.undone]
    return undo.undone, undo.undone_delivery


def cancelled_jobs(undos: Iterable[Undo]) -> frozenset[str]:
    """The jobs whose events do not count: every undo, and every import that an undo in force took back."""
    applied = sorted(undos, key=lambda undo: undo.stamp)
    undone: dict[str, bool] = {}
    # An undo is younger than what it takes back: whether it is in force is known before its target is looked at.
    for undo in reversed(applied):
        undone[undo.undone] = undone.get(undo.undone, False) or not undone.get(undo.job, False)
    return frozenset({job for job, is_undone in undone.items() if is_undone} | {undo.job for undo in applied})
