"""Taking what is complete: claimed with leases, downloaded into the vault while hashing, compared before and after.

Belongs here: downloads and their tries within one run. Does not belong here: which files are complete (look.py), what happens to a
file that was answered (answer.py), pauses between runs (state.py).
"""

import time
from collections import deque
from collections.abc import Callable, Iterator, Mapping
from concurrent.futures import ThreadPoolExecutor
from contextlib import closing
from dataclasses import dataclass, field
from datetime import timedelta
from threading import Event, Lock

from tenacity import RetryCallState, Retrying, retry_if_exception_type, stop_after_attempt, wait_exponential_jitter

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import vault
from import_pipeline.landing.clock import Clock
from import_pipeline.landing.remote import answer, paths, state
from import_pipeline.landing.remote.client import Peer, connected
from import_pipeline.landing.remote.faults import Denied, Missing, Refusal, Unreachable
from import_pipeline.ledger import Ledger, files, remotes
from import_pipeline.ledger.files import File
from import_pipeline.model.account import Account
from import_pipeline.model.remote_door import RemoteDoor
from import_pipeline.settings import Settings

LEASE = timedelta(minutes=5)
LONGEST = 3600.0
"""Seconds after which a run begins no further file; the next run goes on."""
TRIES = 3
"""Connections of one run. What goes wrong then waits for a later run, with pauses that outlive it."""
BATCH_FILES, BATCH_BYTES = 64, 8 << 20
"""What is claimed and booked in one transaction: a small file costs less to fetch than a transaction that is durable."""
SMALL = 256 << 10
"""Bytes up to which a file is fetched in one go."""
_TELL_EVERY = 10.0
_TELL_EACH = 50
"""With more files than these, progress is told every few seconds, not for each file: a run's log is read by people."""

Tell = Callable[[str], None]


class _ChangedError(Exception):
    """The file is not, or no longer, the one that was looked at."""


@dataclass
class Collected:
    """Names by what became of them."""

    vaulted: list[str] = field(default_factory=list)
    changed: list[str] = field(default_factory=list)
    gone: list[str] = field(default_factory=list)
    refused: list[str] = field(default_factory=list)
    answered: list[str] = field(default_factory=list)
    issues: list[str] = field(default_factory=list)
    bytes: int = 0


@dataclass
class _Work:
    ledger: Ledger
    account: Account
    door: RemoteDoor
    settings: Settings
    clock: Clock
    owner: str
    tell: Tell
    until: float
    total: tuple[int, int]
    done: Collected = field(default_factory=Collected)
    stop: Event = field(default_factory=Event)
    lock: Lock = field(default_factory=Lock)
    told: float = 0.0
    cause: BaseException | None = None
    """What ended the work of all hands."""
    claimed: deque[File] = field(default_factory=deque)
    stored: list[tuple[File, vault.Stored]] = field(default_factory=list)
    """In the vault, and not yet booked so."""
    booking: Lock = field(default_factory=Lock)

    def next(self) -> File | None:
        """The next file to download; books what is stored whenever it claims others."""
        with self.booking:
            if not self.claimed:
                self._book()
                now = self.clock.now()
                most = {"limit": BATCH_FILES, "most_bytes": BATCH_BYTES}
                with self.ledger.begin() as conn:
                    self.claimed += remotes.claim(conn, self.account.name, self.door.door, self.owner, now=now, lease=LEASE, **most)
            return self.claimed.popleft() if self.claimed else None

    def count(self, size: int, at: str) -> None:
        """Counts bytes, and tells now and then how far it is."""
        now = self.clock.monotonic()
        with self.lock:
            self.done.bytes += size
            due = now - self.told >= _TELL_EVERY
            self.told = now if due else self.told
            so_far = f"{len(self.done.vaulted):,} of {self.total[0]:,} files, {self.done.bytes:,} of {self.total[1]:,} bytes"
        if due:
            self.tell(f"{so_far}; {at}")

    def close(self) -> None:
        """Books what is stored, and gives back what was claimed and not begun."""
        with self.booking:
            self._book()
            with self.ledger.begin() as conn:
                for file in self.claimed:
                    files.release(conn, file.id, self.owner)
            self.claimed.clear()

    def _book(self) -> None:
        if not self.stored:
            return
        with self.ledger.begin() as conn:
            won = [
                (file, stored)
                for file, stored in self.stored
                if remotes.vaulted(conn, file.id, self.owner, sha256=stored.sha256, size=stored.size)
            ]
        self.stored.clear()
        for file, stored in won:
            self.done.vaulted.append(file.name)
            if self.total[0] <= _TELL_EACH or len(self.done.vaulted) == self.total[0]:
                told = f"{len(self.done.vaulted)} of {self.total[0]}"
                self.tell(f"{told}: {file.name} is in the vault, {stored.size:,} bytes")


def collect(
    ledger: Ledger,
    account: Account,
    door: RemoteDoor,
    settings: Settings,
    clock: Clock,
    owner: str,
    *,
    tell: Tell,
    environment: Mapping[str, str] | None = None,
    sleep: Callable[[float], None] = time.sleep,
) -> Collected:
    """Downloads every file that is complete, then sends the answers that are due; the names by what became of them.

    A lost connection is made again, three times in all. Whatever ends it is booked with its pause, and raised; every claim that was
    not fulfilled is given back first.
    """
    vault.sweep(settings.vault)
    with ledger.read() as conn:
        total = remotes.ready(conn, account.name, door.door, now=clock.now())
    begun = clock.monotonic()
    work = _Work(ledger, account, door, settings, clock, owner, tell, begun + LONGEST, total, told=begun)
    tell(f"{door.name}: {total[0]} files to take, {total[1]:,} bytes")

    def lost(tried: RetryCallState) -> None:
        tell(f"{door.name}: {tried.outcome.exception() if tried.outcome else ''}; trying again")

    tries = Retrying(
        retry=retry_if_exception_type(Unreachable),
        stop=stop_after_attempt(TRIES),
        wait=wait_exponential_jitter(initial=1, max=15),
        sleep=sleep,
        before_sleep=lost,
        reraise=True,
    )
    try:
        tries(_once, work, environment)
    except Exception as error:
        state.failed(ledger, account, door, "collect", error, now=clock.now())
        raise
    state.succeeded(ledger, account, door, "collect", now=clock.now())
    return work.done


def _once(work: _Work, environment: Mapping[str, str] | None) -> None:
    """One connection: all downloads, then the answers."""
    work.stop.clear()
    work.cause = None
    with connected(work.door, environment) as peer:
        with ThreadPoolExecutor(work.door.parallel, thread_name_prefix=f"collect-{work.door.name}") as pool:
            hands = [pool.submit(_hand, work, peer) for _ in range(max(1, min(work.door.parallel, work.total[0])))]
            try:
                for hand in hands:
                    hand.result()
            finally:
                work.stop.set()
                pool.shutdown(wait=True)
                work.close()
        if work.cause is not None:
            raise work.cause
        sent = answer.answer_files(work.ledger, work.account, work.door, work.settings, work.clock, work.owner, peer)
    work.done.answered += [done.name for done in sent if not done.note]
    work.done.issues += [f"{done.name}: {done.note}" for done in sent if done.note]


def _hand(work: _Work, peer: Peer) -> None:
    """One of those that download side by side: claims a file at a time, until none is left or something ends it for all."""
    while not work.stop.is_set() and work.clock.monotonic() < work.until:
        file = work.next()
        if file is None:
            return
        try:
            _one(work, peer, file)
        except Exception as error:
            with work.lock:
                work.cause = work.cause or error
            work.stop.set()
            with work.ledger.begin() as conn:
                files.release(conn, file.id, work.owner)
            return


def _one(work: _Work, peer: Peer, file: File) -> None:
    try:
        stored = _download(work, peer, file)
    except (Missing, _ChangedError) as over:
        gone = isinstance(over, Missing)
        with work.ledger.begin() as conn:
            files.lost(conn, file.id, work.owner, "gone" if gone else "changed")
        (work.done.gone if gone else work.done.changed).append(file.name)
        work.tell(f"{file.name}: {'it is gone' if gone else 'it was changed'}, and is not taken now")
    except (Denied, Refusal) as said:
        note = f"it cannot be read: {said}"
        with work.ledger.begin() as conn:
            remotes.refused(conn, file, work.owner, note, now=work.clock.now())
        work.done.refused.append(file.name)
        if file.note != note:
            work.done.issues.append(f"{file.name}: {note}; this is tried again")
    else:
        with work.booking:
            work.stored.append((file, stored))


def _download(work: _Work, peer: Peer, file: File) -> vault.Stored:
    place = paths.unpack(file.path)
    if place is None:
        raise PermanentFailure(f"{file.name}: the ledger has no path of it on {work.door.name}")

    if file.size <= SMALL:
        return _download_small(work, peer, file, place.raw)

    def same() -> None:
        now = peer.status(place.raw)
        if now.kind != "file" or now.fingerprint != file.fingerprint:
            raise _ChangedError

    same()
    with closing(peer.pieces(place.raw, file.size)) as pieces:  # type: ignore[type-var]
        counted = _Counted()
        content = _watched(work, file, counted.over(pieces))

        def whole() -> None:
            same()
            if counted.size != file.size:
                raise _ChangedError

        return vault.put(work.settings.vault, file.id, content, check=whole)


def _download_small(work: _Work, peer: Peer, file: File, path: bytes) -> vault.Stored:
    before, content, after = peer.whole(path, file.size)
    for there in (before, after):
        if there.kind != "file" or there.fingerprint != file.fingerprint:
            raise _ChangedError
    if len(content) != file.size:
        raise _ChangedError
    work.count(len(content), file.name)
    return vault.put(work.settings.vault, file.id, [content] if content else [])


@dataclass
class _Counted:
    size: int = 0

    def over(self, pieces: Iterator[bytes]) -> Iterator[bytes]:
        for piece in pieces:
            self.size += len(piece)
            yield piece


def _watched(work: _Work, file: File, pieces: Iterator[bytes]) -> Iterator[bytes]:
    """Renews the claim while the bytes come, tells how far it is, and stops when another hand has ended the work."""
    begun, taken = work.clock.monotonic(), 0
    for piece in pieces:
        yield piece
        taken += len(piece)
        now = work.clock.monotonic()
        work.count(len(piece), f"{file.name}: {taken:,} of {file.size:,}")
        if work.stop.is_set():
            raise Unreachable(f"{file.name}: another download ended the work")
        if now - begun > LEASE.total_seconds() / 3:
            begun = now
            with work.ledger.begin() as conn:
                if not files.renew(conn, file.id, work.owner, until=work.clock.now() + LEASE):
                    raise _ChangedError
