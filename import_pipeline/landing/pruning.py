"""Originals past their account's retention leave the vault.

Belongs here: which bytes nothing needs any more. Does not belong here: when it is done (upkeep).
"""

from collections.abc import Mapping
from datetime import datetime

from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import Ledger, files
from import_pipeline.settings import Settings


def prune_vault(ledger: Ledger, settings: Settings, horizons: Mapping[str, datetime]) -> int:
    """Removes originals of which every arrival and job is answered and older than its account's horizon; returns how many.

    An account that is not in `horizons` (its folder is gone or broken) keeps everything.
    """
    with ledger.read() as conn:
        old = files.past_retention(conn, horizons)
    removed = 0
    for sha256 in old:
        path = path_of(settings.vault, sha256)
        if path.exists():
            path.unlink()
            removed += 1
    return removed
