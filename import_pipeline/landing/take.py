"""Claimed files into the vault: opened safely, refused while a writer has them open, copied, compared again.

Belongs here: step 2 and 3 of the landing protocol (reference/intake.md section 4). Does not belong here: which files are stable
(decide.py), how the vault keeps bytes (vault.py).
"""

import errno
import os
import stat
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from pathlib import Path

from import_pipeline.failures import TransientFailure
from import_pipeline.landing import names, tree, vault
from import_pipeline.landing.clock import Clock
from import_pipeline.landing.leases import open_for_writing
from import_pipeline.landing.look import fingerprint
from import_pipeline.ledger import Ledger, files
from import_pipeline.ledger.files import File
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

LEASE = timedelta(minutes=5)
BATCH = 50


class _ChangedError(Exception):
    """The file is not, or no longer, the one that was looked at."""


class _BusyError(Exception):
    """Somebody still has the file open for writing."""


@dataclass
class Taken:
    """Names by what became of them."""

    vaulted: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    busy: list[str] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)
    left_over: bool = False
    """True when the time was over before all stable files were taken."""


@dataclass
class _Work:
    ledger: Ledger
    root: Path
    vault: Path
    clock: Clock
    owner: str
    until: float


def take(ledger: Ledger, account: Account, settings: Settings, clock: Clock, owner: str, *, until: float) -> Taken:
    """Claims stable files, oldest first, and vaults them until the monotonic time `until`; the rest waits for the next tick.

    A file that was begun is finished: its claim is renewed while it is copied. Raises TransientFailure when the vault is full;
    all claims are given back first.
    """
    work = _Work(ledger, tree.root(account, settings), settings.vault, clock, owner, until)
    taken = Taken()
    while not taken.left_over:
        with ledger.begin() as conn:
            claimed = files.claim(conn, account.name, owner, now=clock.now(), lease=LEASE, limit=BATCH)
        if not claimed:
            break
        _batch(work, claimed, taken)
    return taken


def _batch(work: _Work, claimed: list[File], taken: Taken) -> None:
    for position, file in enumerate(claimed):
        if work.clock.monotonic() >= work.until:
            taken.left_over = True
            _give_back(work, claimed[position:])
            return
        try:
            _one(work, file, taken)
        except TransientFailure:
            _give_back(work, claimed[position:])
            raise


def _give_back(work: _Work, rest: list[File]) -> None:
    with work.ledger.begin() as conn:
        for file in rest:
            files.release(conn, file.id, work.owner)


def _one(work: _Work, file: File, taken: Taken) -> None:
    try:
        stored = _copy(work, file)
    except FileNotFoundError:
        _lose(work, file, "gone", taken.gone)
    except _ChangedError:
        _lose(work, file, "changed", taken.changed)
    except _BusyError:
        taken.busy.append(file.name)
        _wait(work, file, "somebody still has it open for writing")
    except OSError as error:
        note = f"it cannot be read: {error.strerror}"
        if file.note != note:
            taken.issues.append(f"{file.name}: {note}")
        _wait(work, file, note)
    else:
        with work.ledger.begin() as conn:
            if files.vaulted(conn, file.id, work.owner, sha256=stored.sha256, size=stored.size):
                taken.vaulted.append(file.name)


def _lose(work: _Work, file: File, state: "files.Lost", told: list[str]) -> None:
    told.append(file.name)
    with work.ledger.begin() as conn:
        files.lost(conn, file.id, work.owner, state)


def _wait(work: _Work, file: File, note: str) -> None:
    with work.ledger.begin() as conn:
        files.release(conn, file.id, work.owner, note=note, look_again=work.clock.monotonic())


def _copy(work: _Work, file: File) -> vault.Stored:
    opened = _open(names.in_tree(work.root, file.path or ""))
    try:
        _same(opened, file)
        if open_for_writing(opened):
            raise _BusyError
        renewed = _renewing(work, file, vault.chunks(opened))
        return vault.put(work.vault, file.id, renewed, check=lambda: _same(opened, file))
    finally:
        os.close(opened)


def _open(path: Path) -> int:
    try:
        # O_NONBLOCK: a pipe that took the file's place must not hold us; O_NOFOLLOW: nor a link lead us elsewhere.
        return os.open(path, os.O_RDONLY | os.O_NOFOLLOW | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        if error.errno in (errno.ELOOP, errno.ENXIO, errno.ENOTDIR):
            raise _ChangedError from error
        raise


def _same(opened: int, file: File) -> None:
    status = os.fstat(opened)
    if not stat.S_ISREG(status.st_mode) or fingerprint(status) != file.fingerprint:
        raise _ChangedError


def _renewing(work: _Work, file: File, content: Iterator[bytes]) -> Iterator[bytes]:
    begun = work.clock.monotonic()
    for chunk in content:
        yield chunk
        if work.clock.monotonic() - begun > LEASE.total_seconds() / 3:
            begun = work.clock.monotonic()
            with work.ledger.begin() as conn:
                if not files.renew(conn, file.id, work.owner, until=work.clock.now() + LEASE):
                    raise _ChangedError
