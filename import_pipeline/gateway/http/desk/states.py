"""What a job's state is called on the desk, and in which colour (acceptance T-3: Processing, Complete, Error).

Belongs here: the words of states. Does not belong here: the state machine (model/job.py), how a badge looks (macros.html.j2).
"""

from dataclasses import dataclass
from typing import Literal

from import_pipeline.ledger.job_list import CANCELLED, REJECTED
from import_pipeline.ledger.jobs import JobRow

Kind = Literal["ok", "bad", "warn", "busy", ""]


@dataclass(frozen=True)
class State:
    """A state as people read it; `kind` is the colour of its badge."""

    kind: Kind
    text: str


def state_of(job: JobRow) -> State:
    """The state of one job."""
    match job.state:
        case "waiting":
            return State("", "Waiting")
        case "running":
            return State("busy", "Processing")
        case "held":
            return State("warn", "Waiting for approval")
        case "planned":
            return State("", "Plan")
        case "duplicate":
            return State("ok", "Complete, imported before")
        case "failed":
            return _failed(job)
        case "applied":
            return _applied(job)


def _failed(job: JobRow) -> State:
    reason = job.reason or ""
    if reason.startswith(REJECTED):
        return State("", "Rejected")
    if reason.startswith(CANCELLED):
        return State("", "Cancelled")
    return State("bad", "Error")


def _applied(job: JobRow) -> State:
    if job.undone_by:
        return State("", "Undone")
    if job.reason:
        # Halted on its way: the rows before the error are in (acceptance T-2, strict).
        return State("bad", "Error")
    still = max(0, job.counts.refused - job.resolved)
    if still:
        return State("warn", f"Complete with {still:,} {'error' if still == 1 else 'errors'}")
    return State("ok", "Complete")
