"""Originals past their account's retention leave the vault.

Belongs here: which bytes nothing needs any more. Does not belong here: when it is done (upkeep).
"""

from collections.abc import Mapping
from datetime import datetime, timedelta

from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import Ledger, files
from import_pipeline.settings import Settings

FRESH = timedelta(days=1)
"""Younger files stay, whatever the ledger says."""


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
