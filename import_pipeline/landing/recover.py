"""What a process that died left behind: temporary files in the vault, originals on their way.

Belongs here: clearing up that no later step does by itself. Does not belong here: claims and projections (their leases run out,
take.py and project.py go on with them).
"""

import os
from contextlib import suppress
from pathlib import Path

from import_pipeline.landing import moving, names, tree, vault
from import_pipeline.ledger import Ledger, files
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings


def recover(ledger: Ledger, account: Account, settings: Settings) -> list[str]:
    """Sweeps temporary files without a living owner and gives back mail that lies in the private folder without need.

    Safe at any time, beside other processes. Returns lines for people about what could not be cleared.
    """
    vault.sweep(settings.vault)
    folder = tree.root(account, settings) / tree.TAKEN
    told = [_one(ledger, account, settings, taken) for taken in folder.glob("*")]
    return [issue for issue in told if issue]


def _one(ledger: Ledger, account: Account, settings: Settings, taken: Path) -> str | None:
    file_id, _, copy = taken.name.partition(".")
    with ledger.read() as conn:
        file = files.get(conn, file_id)
    if file is None or file.path is None:
        return f"{names.display(os.fsencode(taken))} belongs to no arrival that the ledger knows"
    if file.projected_at is None:
        return None
    with suppress(FileNotFoundError):
        if copy:
            taken.unlink()
        else:
            moving.give_back(taken, names.in_tree(tree.root(account, settings), file.path))
    return None
