"""Files handed in directly (command line, a page) instead of through a folder.

Belongs here: putting given local files into the vault and forming a delivery of just them. Does not belong here: the tree.
"""

import os
import stat
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path

from sqlalchemy import Connection

from import_pipeline.failures import PermanentFailure
from import_pipeline.landing import names, vault
from import_pipeline.landing.deliveries import delivery_key, types_of
from import_pipeline.ledger import Ledger, deliveries, files, formats
from import_pipeline.ledger.files import Arrival
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings


def submit(
    ledger: Ledger,
    account: Account,
    settings: Settings,
    paths: Sequence[Path],
    *,
    object_type: str | None = None,
    format: str | None = None,
    now: datetime,
    door: str,
    dry_run: bool = False,
) -> str:
    """Vaults the files and books a waiting delivery of them, in the order given; its key.

    `object_type` and `format` count for all of them (and the members of archives); without, the names tell. The files stay where
    they are. Raises PermanentFailure for a path that is no file, UnknownValue for an unknown type or format.
    """
    if not paths:
        raise PermanentFailure("no file was given")
    with ledger.read() as conn:
        account = formats.with_saved(conn, account)
    type_name, format_name = _stated(account, object_type, format)
    arrivals = [_vault(settings.vault, path, type_name, format_name) for path in paths]
    with ledger.begin() as conn:
        return book_delivery(conn, ledger, account, settings, arrivals, now=now, door=door, dry_run=dry_run).key


@dataclass(frozen=True)
class Booked:
    """A delivery that waits, and the ids of its arrivals in the order given."""

    key: str
    files: tuple[str, ...]


def book_delivery(
    conn: Connection,
    ledger: Ledger,
    account: Account,
    settings: Settings,
    arrivals: Sequence[Arrival],
    *,
    now: datetime,
    door: str,
    dry_run: bool,
) -> Booked:
    """Books a waiting delivery of files whose bytes are in the vault, in the caller's transaction."""
    account = formats.with_saved(conn, account)
    ids = files.book(conn, account.name, door, "vaulted", arrivals, now=now)
    key = delivery_key(account.name, ids, now)
    types = types_of(ledger, account, settings, [file for i in ids if (file := files.get(conn, i))])
    size = sum(arrival.size for arrival in arrivals)
    deliveries.create(conn, key, account.name, door, types=types, files=len(ids), size=size, dry_run=dry_run, now=now)
    files.deliver(conn, ids, key)
    return Booked(key, tuple(ids))


def _stated(account: Account, object_type: str | None, format: str | None) -> tuple[str | None, str | None]:
    stated = account.object_type(object_type).name if object_type else None
    if format is None:
        return stated, None
    of_format = account.object_type(account.format(format).object_type).name
    if stated is not None and stated != of_format:
        raise PermanentFailure(f"the format {format!r} is for {of_format}, not for {stated}")
    return of_format, format


def _vault(vault_folder: Path, path: Path, object_type: str | None, format: str | None) -> Arrival:
    try:
        opened = os.open(path, os.O_RDONLY | os.O_NONBLOCK | os.O_CLOEXEC)
    except OSError as error:
        raise PermanentFailure(f"{path} cannot be read: {error.strerror}") from error
    try:
        if not stat.S_ISREG(os.fstat(opened).st_mode):
            raise PermanentFailure(f"{path} is not a file")
        stored = vault.put(vault_folder, "submit", vault.chunks(opened))
    finally:
        os.close(opened)
    name = names.display(os.fsencode(path.name))
    return Arrival(name=name, size=stored.size, sha256=stored.sha256, object_type=object_type, format=format)
