"""Originals past their account's retention leave the vault; so does what the desk keeps for a while.

Belongs here: which bytes, drafts and sessions nothing needs any more. Does not belong here: when it is done (upkeep).
"""

from collections.abc import Iterable, Mapping
from datetime import datetime, timedelta

from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import Ledger, drafts, files, idempotency, mends, sessions, uploads
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

FRESH = timedelta(days=1)
"""Younger files stay, whatever the ledger says."""
REMEMBERED = timedelta(days=7)
"""How long a repeated request gets its first answer."""


def prune_vault(ledger: Ledger, settings: Settings, horizons: Mapping[str, datetime], *, now: datetime) -> int:
    """Removes originals of which every arrival and job is answered and older than its account's horizon; returns how many.

    An account that is not in `horizons` (its folder is gone or broken) keeps everything.
    """
    with ledger.read() as conn:
        old = files.past_retention(conn, horizons)
    removed = 0
    for sha256 in old:
        path = path_of(settings.vault, sha256)
        # A file laid down today may be a new arrival of old bytes that is not booked yet: vaulting renames a fresh file into place.
        if path.exists() and now.timestamp() - path.stat().st_mtime > FRESH.total_seconds():
            path.unlink()
            removed += 1
    return removed


def prune_desk(ledger: Ledger, accounts: Iterable[Account], *, now: datetime) -> int:
    """Forgets imports that nobody has gone on with for `keep_drafts`, mended rows of originals past their retention, and sessions that
    are over; how many imports.

    Their files expire with them: `prune_uploads` takes them away.
    """
    forgotten = 0
    for account in accounts:
        with ledger.begin() as conn:
            for draft in drafts.forgotten(conn, account.name, now - account.doors.desk.keep_drafts):
                forgotten += drafts.remove(conn, account.name, draft.id)
                uploads.drop(conn, [draft.upload] if draft.upload else [], now=now)
            mends.forget(conn, account.name, now - account.retention.vault)
    with ledger.begin() as conn:
        sessions.forget(conn, now)
    return forgotten


def prune_uploads(ledger: Ledger, settings: Settings, *, now: datetime) -> int:
    """Removes files that came over HTTP and that no job took in their time, and answers kept for repeated requests; how many files.

    Bytes that something else needs stay, and so do fresh ones: the same bytes may be arriving again at this moment.
    """
    with ledger.read() as conn:
        over = uploads.expired(conn, now=now)
    removed = 0
    for upload, needed in over:
        path = path_of(settings.vault, upload.sha256)
        if not needed and path.exists():
            if now.timestamp() - path.stat().st_mtime <= FRESH.total_seconds():
                continue
            path.unlink()
            removed += 1
        with ledger.begin() as conn:
            uploads.remove(conn, upload.id)
    with ledger.begin() as conn:
        idempotency.forget(conn, now - REMEMBERED)
    return removed
