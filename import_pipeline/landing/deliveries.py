"""Vaulted files become deliveries, deliveries become jobs.

Belongs here: forming, requesting and opening a delivery (DESIGN section 3, steps 4 and 5). Does not belong here: runs
(orchestration/), statements (ledger/deliveries.py), judging one file (opening.py).
"""

import hashlib
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime, timedelta
from itertools import takewhile
from pathlib import Path

from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure, UnknownValue
from import_pipeline.landing import opening, operations, vault
from import_pipeline.landing.origin import origins
from import_pipeline.landing.remote import paths as remote_paths
from import_pipeline.landing.tree import mailbox_of
from import_pipeline.ledger import Ledger, content, deliveries, files, formats, jobs, parked
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.ledger.files import File
from import_pipeline.ledger.jobs import JobRow, NewJob
from import_pipeline.model.account import Account
from import_pipeline.model.job import Job
from import_pipeline.model.private_format import mapping_of
from import_pipeline.model.row_error import FileFault
from import_pipeline.model.territory import level_of
from import_pipeline.settings import Settings

UNDO_DOOR = "undo"
"""The door of deliveries that hold no files, but one undo job."""
ASK_AGAIN = timedelta(minutes=2)
"""A request that no run has answered for so long is made again under the same attempt: the request itself may have been lost."""


@dataclass(frozen=True)
class DeliveryRequest:
    """What a run is asked for. `types` are the object types whose assets take part; empty when no file tells a known type."""

    key: str
    attempt: int
    types: tuple[str, ...]
    undo: bool = False

    @property
    def run_key(self) -> str:
        """Dagster keeps run keys for ever, so each attempt has its own."""
        return f"{self.key}:{self.attempt}"


def delivery_key(account: str, ids: Sequence[str], now: datetime) -> str:
    """YYYYMMDDTHHMMSS-hash8: sorts by time, and two deliveries of one second differ."""
    digest = hashlib.sha256("/".join((account, *ids)).encode()).hexdigest()[:8]
    return f"{now:%Y%m%dT%H%M%S}-{digest}"


def form_delivery(ledger: Ledger, account: Account, settings: Settings, now: datetime) -> str | None:
    """Puts the vaulted files of the account, oldest first and within its limits, into one delivery; its key, or None.

    Archives are looked into (their directory only), so that the delivery knows its object types. Two processes at once form
    disjoint deliveries.
    """
    with ledger.read() as conn:
        account = formats.with_saved(conn, account)
        waiting = files.undelivered(conn, account.name, account.delivery.max_files)
    chosen = _of_one_kind(account, _within(waiting, account.delivery.max_bytes))
    chosen = operations.going_together(ledger, account, settings, chosen)
    if not chosen:
        return None
    types = types_of(ledger, account, settings, chosen)
    ids = [file.id for file in chosen]
    key = delivery_key(account.name, ids, now)
    size = sum(file.size for file in chosen)
    try:
        with ledger.begin() as conn:
            if not files.deliver(conn, ids, key):
                raise _OvertakenError
            dry_run = _is_dry_run(account, chosen[0])
            deliveries.create(conn, key, account.name, "tree", types=types, files=len(ids), size=size, dry_run=dry_run, now=now)
    except _OvertakenError:
        return None
    return key


class _OvertakenError(Exception):
    """Another process put one of the files into a delivery of its own."""


def _within(waiting: list[File], max_bytes: int) -> list[File]:
    """The first files whose sizes together stay below the limit; at least one."""
    chosen: list[File] = []
    size = 0
    for file in waiting:
        size += file.size
        if chosen and size > max_bytes:
            break
        chosen.append(file)
    return chosen


def _of_one_kind(account: Account, chosen: list[File]) -> list[File]:
    """The first files that are all to be planned or all to be applied: a delivery is one or the other, and arrival rules the order."""
    return list(takewhile(lambda file: _is_dry_run(account, file) is _is_dry_run(account, chosen[0]), chosen))


def _is_dry_run(account: Account, file: File) -> bool:
    remote = remote_paths.unpack(file.path)
    if remote is not None:
        # Of a server that the account does not name any more nobody knows whether its files were meant to be applied.
        return next((door.dry_run for door in account.doors.remotes if door.name == remote.remote), True)
    return file.path is not None and mailbox_of(file.path).dry_run


def types_of(ledger: Ledger, account: Account, settings: Settings, chosen: Sequence[File]) -> list[str]:
    """The known object types of these files, and of the members of archives among them; parents first."""
    found: set[str] = set()
    origin = origins(ledger, account)
    for file in chosen:
        path = vault.path_of(settings.vault, file.sha256 or "")
        found |= opening.types_in(account, file, path, origin).keys()
    return [t.name for t in account.parents_first if t.name in found]


def next_request(conn: Connection, account: Account, now: datetime) -> DeliveryRequest | None:
    """The account's oldest waiting delivery, which becomes requested; None while another one is requested or running.

    A delivery that was requested, but that no run has begun, is returned again after ASK_AGAIN with the same attempt.
    """
    busy = deliveries.under_way(conn, account.name)
    if busy is not None:
        lost = busy.state == "requested" and busy.requested_at is not None and now - busy.requested_at >= ASK_AGAIN
        return _asked(conn, account, busy, busy.attempt) if lost else None
    waiting = deliveries.next_waiting(conn, account.name)
    if waiting is None:
        return None
    attempt = deliveries.request(conn, waiting.key, now=now)
    return _asked(conn, account, waiting, attempt) if attempt else None


def _asked(conn: Connection, account: Account, delivery: Delivery, attempt: int) -> DeliveryRequest:
    return DeliveryRequest(delivery.key, attempt, _with_parked(conn, account, delivery.types), undo=delivery.door == UNDO_DOOR)


def _with_parked(conn: Connection, account: Account, types: tuple[str, ...]) -> tuple[str, ...]:
    """Also the types below them with rows that wait for a parent, which may come now (acceptance B-4)."""
    waiting = account.descendants(set(types)) & set(parked.open_types(conn, account.name))
    return tuple(t.name for t in account.parents_first if t.name in waiting or t.name in types)


def open_delivery(ledger: Ledger, account: Account, settings: Settings, key: str, now: datetime) -> list[Job]:
    """The delivery's jobs in order of arrival (of files, then of an archive's members), made at the first call, read at others.

    Archives are unpacked into the vault. Every file or member has exactly one job; one that is refused has a fault: unknown type,
    kind that is not imported, damaged archive, or bytes that were imported before. Raises PermanentFailure for an unknown key.
    """
    with ledger.read() as conn:
        account = formats.with_saved(conn, account)
        delivery = deliveries.get(conn, key)
        booked = jobs.by_delivery(conn, key)
        waiting = files.by_delivery(conn, key)
    if delivery is None:
        raise PermanentFailure(f"the ledger has no delivery {key!r} of account {account.name}")
    if not booked:
        origin = origins(ledger, account)
        found = [new for file in waiting for new in opening.open_file(account, settings.vault, file, origin)]
        # Territories of level 1 come before those of level 2, whenever their files arrived (acceptance S-14).
        found.sort(key=lambda new: level_of(new.name) if new.kind == "kml" else 0)
        with ledger.begin() as conn:
            if not jobs.by_delivery(conn, key):
                usable = [_with_usable_format(account, new) for new in found]
                judged = _without_duplicates(conn, account, key, operations.of_one_each(account, usable))
                jobs.create(conn, account.name, key, judged, dry_run=delivery.dry_run, now=now)
            booked = jobs.by_delivery(conn, key)
    return [as_job(row, settings.vault) for row in booked]


def _with_usable_format(account: Account, new: NewJob) -> NewJob:
    """Gives a fault to a file whose saved format the account does not have any more, or cannot read."""
    try:
        account.operation(new.format)
    except UnknownValue as unknown:
        fault = FileFault(code="bad_format", message=f"{unknown}. Nothing was imported.", value=new.format, suggestion=unknown.suggestion)
        return NewJob(**vars(new) | {"format": None, "fault": new.fault or fault})
    return new


def as_job(row: JobRow, vault_folder: Path) -> Job:
    """The job as the stages see it."""
    values = {name: getattr(row, name) for name in Job.model_fields if name != "path"}
    return Job(**values, path=vault.path_of(vault_folder, row.sha256))


def _without_duplicates(conn: Connection, account: Account, key: str, found: list[NewJob]) -> list[NewJob]:
    """Gives a fault to files whose bytes were imported before as the same type and format, here or earlier in this delivery."""
    if account.on_duplicate == "reprocess":
        return found
    # A bulk job says what it does: the same lines may be sent again, after others in between.
    repeatable = {built_in.name for built_in in account.built_in_formats}
    # A strict account imports each row of such a type again (acceptance T-8).
    again = {t.name for t in account.object_types if account.strict and t.always_new}
    judged: list[NewJob] = []
    first: dict[tuple[str, str, str], tuple[str, str]] = {}
    for number, new in enumerate(found):
        content_key = (new.object_type, mapping_of(new.format), new.sha256)
        if new.fault is None and new.format not in repeatable and new.object_type not in again:
            earlier = content.already_imported(conn, account.name, new.object_type, new.format, new.sha256)
            if earlier is not None:
                new = _refused(new, _duplicate_of_job(conn, earlier))
            elif content_key in first:
                new = _refused(new, _duplicate(*first[content_key], "in this delivery"))
            else:
                first[content_key] = (jobs.job_id(key, number), new.name)
        judged.append(new)
    return judged


def _refused(new: NewJob, fault: FileFault) -> NewJob:
    return NewJob(**vars(new) | {"fault": fault})


def _duplicate_of_job(conn: Connection, job: str) -> FileFault:
    row = jobs.get(conn, job)
    when = f"on {row.finished_at:%Y-%m-%d at %H:%M} UTC" if row and row.finished_at else "before"
    return _duplicate(job, row.name if row else "", when)


def _duplicate(job: str, name: str, when: str) -> FileFault:
    message = f"The same bytes were imported {when} as job {job}{f' ({name})' if name else ''}; nothing was imported again."
    return FileFault(code="duplicate", message=message, value=job)
