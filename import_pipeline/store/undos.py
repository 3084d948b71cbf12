"""Which undos were applied to a store, and which jobs therefore count no more.

Belongs here: reading `_undos`, and what a chain of undos, undos of undos included, comes to. Does not belong here: computing an undo
(relating/undo.py), writing one (applying/images.py), what the ledger tells about jobs.

Every undo switches the import at the root of its chain off, or on again; the latest one rules. The events of an undo itself never count: a restored value is
the value of the event that counts again.
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


@dataclass(frozen=True)
class Chain:
    """From an undo down to the import at its root: `undos` with the latest first, and the root's job and delivery."""

    undos: tuple[str, ...]
    root: str
    root_delivery: str

    @property
    def off(self) -> bool:
        """True when the undo at the top switches the root off, false when it brings it back."""
        return len(self.undos) % 2 == 1


def undos_of(session: Session) -> list[Undo]:
    """Every undo that was applied, in the order of their moments."""
    return [Undo(*row) for row in session.run("SELECT job, undone, undone_delivery, stamp FROM store._undos ORDER BY stamp, job")]


def chain_of(undos: Iterable[Undo], job: str, undone: str, undone_delivery: str) -> Chain:
    """The chain of the undo `job` of `undone`, given the undos that were applied before it."""
    known = {undo.job: undo for undo in undos if undo.job != job}
    jobs, root, delivery = [job], undone, undone_delivery
    while root in known:
        jobs.append(root)
        root, delivery = known[root].undone, known[root].undone_delivery
    return Chain(tuple(jobs), root, delivery)


def cancelled_jobs(undos: Iterable[Undo]) -> frozenset[str]:
    """The jobs whose events do not count: every undo, and every import that an undo in force took back."""
    applied = sorted(undos, key=lambda undo: undo.stamp)
    off: set[str] = set()
    for undo in applied:
        chain = chain_of(applied, undo.job, undo.undone, undo.undone_delivery)
        (off.add if chain.off else off.discard)(chain.root)
    return frozenset(off | {undo.job for undo in applied})
