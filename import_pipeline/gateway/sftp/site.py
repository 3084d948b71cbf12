"""One account as the server knows it: its limits, its tree on disk, its quota, and what it tells the landing tree.

Belongs here: what all sessions of an account share. Does not belong here: a single session (door.py), a single upload (uploads.py).
"""

import logging
import os

from import_pipeline.failures import TransientFailure
from import_pipeline.gateway.sftp.disk import Disk
from import_pipeline.gateway.sftp.layout import Place
from import_pipeline.gateway.sftp.quota import Quota
from import_pipeline.landing import names
from import_pipeline.landing.clock import Clock
from import_pipeline.landing.look import fingerprint
from import_pipeline.landing.tree import create_tree, root
from import_pipeline.ledger import Ledger, cut_off
from import_pipeline.ledger.files import Arrival
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

LOG = logging.getLogger(__name__)


class Site:
    """One account's part of the server. Making it makes the account's tree."""

    def __init__(self, account: Account, settings: Settings, ledger: Ledger, clock: Clock) -> None:
        create_tree(account, settings)
        self.account, self.limits = account, account.doors.sftp
        self.disk = Disk(root(account, settings))
        self.quota = Quota(self.limits, self.disk, clock.monotonic)
        self._ledger, self._clock = ledger, clock

    def book_cut(self, place: Place, status: os.stat_result) -> None:
        """Tells the landing tree that the file's end looks cut off: it settles longer, and may be resumed until it is taken.

        A ledger that cannot be used now is no reason to refuse the file: its size still tells most of it (landing/decide.py).
        """
        name = place.name or b""
        if names.standing(os.fsdecode(name)) != "take":
            return
        arrival = Arrival(
            name=names.display(name),
            size=status.st_size,
            path=_packed(place),
            fingerprint=fingerprint(status),
            first_look=self._clock.monotonic(),
            cut_suspect=True,
        )
        try:
            with self._ledger.begin() as conn:
                cut_off.book(conn, self.account.name, arrival, now=self._clock.now())
        except TransientFailure as failure:
            LOG.warning("%s: %s", place.shown, failure)

    def waits_for_more(self, place: Place, status: os.stat_result) -> bool:
        """Whether the file waits because it looks cut off: nobody took it yet."""
        with self._ledger.read() as conn:
            return cut_off.waits(conn, self.account.name, _packed(place), fingerprint(status))


def _packed(place: Place) -> str:
    return names.pack(place.folder.path.encode() + b"/" + (place.name or b""))
