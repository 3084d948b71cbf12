"""Answered originals to Success or Failed: step 5 of the landing protocol (reference/intake.md section 4).

Belongs here: which way a file goes and trying again. Does not belong here: moving in the file system (moving.py), reports about
files (reporting/).

The order is: write down the target in the ledger, place the original there, take it out of the mailbox, book it. Every step can
be done again after a crash; whatever fails leaves a note, is tried again with growing pauses and blocks nothing.
"""

import os
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from pathlib import Path

from import_pipeline.failures import TransientFailure
from import_pipeline.landing import moving, names, tree, vault
from import_pipeline.landing.remote import paths as remote_paths
from import_pipeline.ledger import Ledger, files, jobs
from import_pipeline.ledger.files import File, Outcome
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.model.job import FINAL_STATES, GOOD_STATES
from import_pipeline.settings import Settings

LEASE = timedelta(minutes=5)
_FIRST_PAUSE, _LONGEST_PAUSE = timedelta(seconds=30), timedelta(hours=1)
_MAX_NAMES = 1000


@dataclass(frozen=True)
class Projected:
    """Where an original went. `path` is None when it was submitted, or could not be moved: then `note` tells why."""

    file_id: str
    name: str
    outcome: Outcome
    path: Path | None
    note: str | None = None


def outcome_of(of_file: Sequence[JobRow]) -> Outcome:
    """Success when one job of the file applied a row, or its bytes were imported before; otherwise Failed (acceptance, decision 1)."""
    return "Success" if any(job.state in GOOD_STATES for job in of_file) else "Failed"


def project_delivery(ledger: Ledger, account: Account, settings: Settings, key: str, now: datetime, owner: str) -> list[Projected]:
    """Answers every file of a delivery whose jobs are finished and moves its original. Done again, it only does what is left.

    A file with a job that is still waiting or running is left as it is. Originals of other servers are theirs (remote/answer.py).
    """
    with ledger.begin() as conn:
        for file in files.by_delivery(conn, key):
            of_file = jobs.by_file(conn, file.id)
            if of_file and all(job.state in FINAL_STATES for job in of_file):
                files.answered(conn, file.id, outcome_of(of_file), _note(of_file))
        here = [f for f in files.by_delivery(conn, key) if remote_paths.unpack(f.path) is None]
        waiting = [f for f in here if f.state == "answered" and f.projected_at is None]
    return [done for file in waiting if (done := project(ledger, account, settings, file.id, now, owner))]


def project_pending(ledger: Ledger, account: Account, settings: Settings, now: datetime, owner: str) -> list[Projected]:
    """Moves originals that could not be moved before, and those of a process that died."""
    with ledger.read() as conn:
        waiting = files.unprojected(conn, account.name, now=now)
    return [done for file in waiting if (done := project(ledger, account, settings, file.id, now, owner))]


def project(ledger: Ledger, account: Account, settings: Settings, file_id: str, now: datetime, owner: str) -> Projected | None:
    """Moves one answered original; None when it is moved already or another process does it."""
    with ledger.begin() as conn:
        file = files.claim_projection(conn, file_id, owner, now=now, lease=LEASE)
        of_file = jobs.by_file(conn, file_id)
    if file is None or file.outcome is None:
        return None
    if file.path is None:
        with ledger.begin() as conn:
            files.projected(conn, file.id, owner, None, now=now)
        return Projected(file.id, file.name, file.outcome, None)
    try:
        target = _place(ledger, account, settings, file, of_file, owner)
    except (OSError, TransientFailure) as error:
        return _failed(ledger, file, owner, now, error)
    with ledger.begin() as conn:
        files.projected(conn, file.id, owner, target, now=now)
    return Projected(file.id, file.name, file.outcome, names.in_tree(tree.root(account, settings), target))


def _note(of_file: Sequence[JobRow]) -> str | None:
    return next((job.fault.message for job in of_file if job.state == "duplicate" and job.fault), None)


def _failed(ledger: Ledger, file: File, owner: str, now: datetime, error: Exception) -> Projected:
    assert file.outcome is not None
    why = error.strerror if isinstance(error, OSError) else str(error)
    note = f"it could not be moved to {file.outcome}: {why}; this is tried again"
    pause = min(_FIRST_PAUSE * 2 ** min(file.project_tries, 20), _LONGEST_PAUSE)
    with ledger.begin() as conn:
        files.projection_failed(conn, file.id, owner, note, next_try=now + pause)
    return Projected(file.id, file.name, file.outcome, None, note)


def _place(ledger: Ledger, account: Account, settings: Settings, file: File, of_file: Sequence[JobRow], owner: str) -> str:
    """Places the original and takes it out of the mailbox; its new path relative to the tree, packed."""
    assert file.path is not None and file.outcome is not None and file.sha256 is not None
    root = tree.root(account, settings)
    mailbox = tree.mailbox_of(file.path)
    tree.create_tree(account, settings)
    move = moving.Move(
        mail=names.in_tree(root, file.path),
        taken=root / tree.TAKEN / file.id,
        fingerprint=file.fingerprint or "",
        sha256=file.sha256,
        size=file.size,
        original=vault.path_of(settings.vault, file.sha256),
    )
    target = file.project_to
    if target is None or not moving.lies_at(move, names.in_tree(root, target)):
        job = of_file[0].id if of_file else file.id
        target = _first_free(ledger, move, file, (root, f"{mailbox.base}/{file.outcome}"), job, owner)
    moving.empty_mailbox(move, names.in_tree(root, target))
    return target


def _first_free(ledger: Ledger, move: moving.Move, file: File, where: tuple[Path, str], job: str, owner: str) -> str:
    root, folder = where
    for number in range(_MAX_NAMES):
        target = names.pack(folder.encode() + b"/" + names.projected(os.fsencode(move.mail.name), job, number))
        if moving.exists(names.in_tree(root, target)):
            continue
        with ledger.begin() as conn:
            if not files.intend(conn, file.id, owner, target):
                raise TransientFailure("another process moves it")
        if moving.place(move, names.in_tree(root, target)):
            return target
    raise TransientFailure(f"{_MAX_NAMES} files of this name lie there")
