"""Answers to the server that a file came from: receipts, error files and failed rows, and the original moved, deleted or left.

Belongs here: which way a file goes there, and trying again. Does not belong here: writing answers (reporting/), the landing tree's
originals (landing/project.py), moving one original (original.py).

Answers are written on this machine first (answers/<account>/<remote>/Success and Failed) and sent from there: under a temporary name,
then renamed. What was sent is written down, so that a mended receipt takes the place of our own earlier one and of nothing else.
Whatever fails leaves a note, is tried again with growing pauses and blocks nothing.
"""

import json
import os
from collections import deque
from collections.abc import Iterator, Mapping, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import suppress
from dataclasses import dataclass
from datetime import timedelta
from pathlib import Path
from typing import TypedDict

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.landing import names
from import_pipeline.landing.clock import Clock
from import_pipeline.landing.remote import paths, state
from import_pipeline.landing.remote.client import Peer, connected, file_pieces
from import_pipeline.landing.remote.faults import Missing, Refusal, Unreachable
from import_pipeline.landing.remote.original import settle_original
from import_pipeline.ledger import Ledger, files, jobs, meta, remotes
from import_pipeline.ledger.files import File
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.model.remote_door import RemoteDoor
from import_pipeline.settings import Settings

LEASE = timedelta(minutes=5)
SHORT = 20.0
"""Seconds that a delivery's own run spends on sending; what is left is sent by the next collecting run."""
_FOLDERS = ("Success", "Failed", "Held")
_MAX_NAMES = 1000


class _Sent(TypedDict):
    """`to` is the packed path on the server, `mark` tells size and time of what was sent; empty while it is on its way."""

    to: str
    mark: str


@dataclass(frozen=True)
class RemoteAnswer:
    """What became of one file's answers; `note` tells why not all of it went through."""

    file_id: str
    name: str
    note: str | None = None


@dataclass(frozen=True)
class Sending:
    """One file whose turn it is. The owner holds the right to answer it."""

    ledger: Ledger
    account: Account
    door: RemoteDoor
    settings: Settings
    clock: Clock
    owner: str
    peer: Peer
    file: File
    until: float | None = None
    """Monotonic time after which nothing goes on."""

    def pieces(self, path: Path) -> Iterator[bytes]:
        """A local file to send; the right is lengthened meanwhile. Raises TransientFailure when the time is over."""
        begun = self.clock.monotonic()
        for piece in file_pieces(path):
            yield piece
            now = self.clock.monotonic()
            if self.until is not None and now >= self.until:
                raise TransientFailure("the time for sending was over")
            if now - begun > LEASE.total_seconds() / 3:
                begun = now
                self.renew()

    def renew(self) -> None:
        """Lengthens the right; raises TransientFailure when it was lost."""
        with self.ledger.begin() as conn:
            if not remotes.renew_answer(conn, self.file.id, self.owner, until=self.clock.now() + LEASE):
                raise TransientFailure("another process answers it")


def answer_delivery(
    ledger: Ledger,
    account: Account,
    settings: Settings,
    clock: Clock,
    owner: str,
    key: str,
    *,
    environment: Mapping[str, str] | None = None,
) -> list[RemoteAnswer]:
    """Sends the answers of a delivery's remote files, for a short while; never raises: what is left is sent by a later run."""
    with ledger.read() as conn:
        came_by = {file.door for file in files.by_delivery(conn, key)}
        asked = {door.door: remotes.due(conn, account.name, door.door, now=clock.now()) for door in account.doors.remotes}
    told: list[RemoteAnswer] = []
    for door in account.doors.remotes:
        if door.door not in came_by or not door.enabled or not asked[door.door]:
            continue
        if door.after == "leave" and door.results is None:
            told += _left(ledger, clock, owner, asked[door.door])
            continue
        steps: tuple[state.Step, ...] = ("answer", "look")
        if any(state.pause_left(state.load(ledger, account, door, step), clock.now()) for step in steps):
            continue
        try:
            with connected(door, environment, seconds=SHORT / 2, piece_seconds=SHORT) as peer:
                told += answer_files(ledger, account, door, settings, clock, owner, peer, until=clock.monotonic() + SHORT)
        except (PermanentFailure, TransientFailure) as fault:
            state.failed(ledger, account, door, "answer", fault, now=clock.now())
            told.append(RemoteAnswer("", door.name, str(fault)))
        else:
            state.succeeded(ledger, account, door, "answer", now=clock.now())
    return told


def _left(ledger: Ledger, clock: Clock, owner: str, waiting: Sequence[str]) -> list[RemoteAnswer]:
    """Nothing is written to the server and nothing is moved there: the ledger's row is all, and no connection is made."""
    told = []
    for file_id in waiting:
        with ledger.begin() as conn:
            file = remotes.claim_answer(conn, file_id, owner, now=clock.now(), lease=LEASE)
            if file is not None:
                remotes.sent(conn, file, owner, over=file.state == "answered", lies_at=file.path, now=clock.now())
                told.append(RemoteAnswer(file.id, file.name))
    return told


def answer_files(
    ledger: Ledger,
    account: Account,
    door: RemoteDoor,
    settings: Settings,
    clock: Clock,
    owner: str,
    peer: Peer,
    *,
    until: float | None = None,
) -> list[RemoteAnswer]:
    """Answers every file of this server that is due, several at once, until the monotonic time `until`.

    Raises Unreachable when the connection ends; all other faults become notes.
    """
    with ledger.read() as conn:
        waiting = deque(remotes.due(conn, account.name, door.door, now=clock.now()))
    told: list[RemoteAnswer] = []

    def hand() -> None:
        while waiting and (until is None or clock.monotonic() < until):
            try:
                file_id = waiting.popleft()
            except IndexError:
                return
            with ledger.begin() as conn:
                file = remotes.claim_answer(conn, file_id, owner, now=clock.now(), lease=LEASE)
            if file is None:
                continue
            try:
                told.append(_one(Sending(ledger, account, door, settings, clock, owner, peer, file, until)))
            except BaseException:
                waiting.clear()
                raise

    if waiting:
        with ThreadPoolExecutor(min(door.parallel, len(waiting)), thread_name_prefix=f"answer-{door.name}") as pool:
            hands = [pool.submit(hand) for _ in range(min(door.parallel, len(waiting)))]
            try:
                for each in hands:
                    each.result()
            finally:
                waiting.clear()
    return told


def _one(work: Sending) -> RemoteAnswer:
    file, over = work.file, work.file.state == "answered"
    try:
        with work.ledger.read() as conn:
            of_file = jobs.by_file(conn, file.id)
        lies_at = file.projected
        if work.door.results_folder is not None:
            _send(work, of_file)
        if over and file.projected_at is None:
            lies_at = settle_original(work, of_file[0].id if of_file else file.id)
        with work.ledger.begin() as conn:
            remotes.sent(conn, file, work.owner, over=over, lies_at=lies_at, now=work.clock.now())
    except (PermanentFailure, TransientFailure, OSError) as fault:
        note = f"its answer could not be brought to {work.door.name}: {fault}; this is tried again"
        with work.ledger.begin() as conn:
            remotes.unsent(conn, file, work.owner, note, now=work.clock.now())
        if isinstance(fault, Unreachable):
            raise
        return RemoteAnswer(file.id, file.name, note)
    return RemoteAnswer(file.id, file.name)


def _local(work: Sending, of_file: Sequence[JobRow]) -> dict[str, Path]:
    """The answers that lie here, as `Success/NAME` and so on to their paths."""
    found: set[Path] = set()
    for job in of_file:
        told = [Path(path) for path in (job.receipt, job.errors_file, job.failed_file, job.plan_file) if path]
        plans = [path.with_suffix(ending) for path in told if path.name.endswith(".plan.html") for ending in (".csv", ".parquet")]
        found.update((*told, *plans, *_maps(job)))
    return {f"{path.parent.name}/{path.name}": path for path in sorted(found) if path.parent.name in _FOLDERS and path.is_file()}


def _maps(job: JobRow) -> list[Path]:
    """The map of a delivery with territories, which its receipt names."""
    if not job.receipt:
        return []
    try:
        name = json.loads(Path(job.receipt).read_text(encoding="utf-8")).get("map_file")
    except (OSError, ValueError, AttributeError):
        return []
    return [Path(job.receipt).with_name(name)] if isinstance(name, str) and "/" not in name else []


def _send(work: Sending, of_file: Sequence[JobRow]) -> None:
    """Brings the server's copies up to date: new and mended answers go there, ours that are no answers any more go away."""
    key = f"remote-answers/{work.file.id}"
    with work.ledger.read() as conn:
        record: dict[str, _Sent] = dict(meta.read(conn, key) or {})
    lying = _local(work, of_file)

    def book() -> None:
        with work.ledger.begin() as conn:
            meta.write(conn, key, record, now=work.clock.now())

    for name, path in lying.items():
        status = path.stat()
        mark = f"{status.st_size}.{status.st_mtime_ns}"
        if name in record and record[name]["mark"] == mark:
            continue
        work.renew()
        folder = paths.join(work.door.results_folder or b"", name.partition("/")[0].encode())
        if name not in record:
            record[name] = {"to": names.pack(_free_target(work.peer, folder, os.fsencode(path.name))), "mark": ""}
            book()
        _put(work, path, names.unpack(record[name]["to"]))
        record[name] = {"to": record[name]["to"], "mark": mark}
        book()
    # A receipt that is gone here too says that somebody cleared the folder: that takes nothing from the server.
    if any(name.endswith(".receipt.json") for name in lying):
        for name in [name for name in record if name not in lying]:
            with suppress(Missing):
                work.peer.remove(names.unpack(record[name]["to"]))
            del record[name]
            book()


def _free_target(peer: Peer, folder: bytes, name: bytes) -> bytes:
    """The first of NAME, NAME.2, NAME.3 … that nothing has: what lies there under that name is not ours."""
    peer.make_folder(folder)
    stem, extension = names.split(name)
    for number in range(1, _MAX_NAMES):
        target = paths.join(folder, name if number == 1 else names.fitting(stem, f".{number}".encode() + extension))
        if not peer.exists(target):
            return target
    raise TransientFailure(f"{_MAX_NAMES} files of this name lie in {paths.shown(folder)}")


def _put(work: Sending, source: Path, target: bytes) -> None:
    """Sends a file under a temporary name, compares its size, and gives it its name, in the place of what we sent before."""
    folder, name = paths.split(target)
    temporary = paths.join(folder, names.fitting(b"." + name, b".writing"))
    work.peer.make_folder(folder)
    work.peer.write(temporary, work.pieces(source))
    there, here = work.peer.status(temporary).size, source.stat().st_size
    if there != here:
        raise Refusal(f"{paths.shown(target)}: the server has {there:,} bytes of {here:,}")
    work.peer.replace(temporary, target)
