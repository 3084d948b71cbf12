"""What all connections of the server share: accounts, users, counts, the audit log, and the round that keeps them in order.

Belongs here: state of the whole server. Does not belong here: one connection (logins.py), listening (server.py).
"""

import asyncio
import logging
import time
from collections.abc import Mapping
from typing import TYPE_CHECKING

from import_pipeline.failures import TransientFailure
from import_pipeline.gateway.guard import Guard, Limits
from import_pipeline.gateway.sftp.audit import Audit
from import_pipeline.gateway.sftp.site import Site
from import_pipeline.gateway.sftp.sweep import sweep
from import_pipeline.landing.clock import Clock
from import_pipeline.ledger import Ledger, users
from import_pipeline.ledger.users import User
from import_pipeline.model.account import Account
from import_pipeline.model.user_names import may_use_sftp
from import_pipeline.settings import Settings

if TYPE_CHECKING:
    from import_pipeline.gateway.sftp.logins import Login

LOG = logging.getLogger(__name__)
HASHES_AT_ONCE = 2
"""Passwords that are checked at one time: each takes 19 MiB and a core for a moment."""
ROUND = 1.0
"""Seconds between two looks at idle sessions and at users that were taken away."""
SWEEP = 300.0


class Gate:
    """The server's state. `accounts` are those that can be used; others' users cannot log in."""

    def __init__(self, settings: Settings, ledger: Ledger, accounts: Mapping[str, Account], clock: Clock, limits: Limits) -> None:
        self.clock, self._ledger, self._accounts = clock, ledger, accounts
        self._sites = {name: Site(account, settings, ledger, clock) for name, account in accounts.items() if account.doors.sftp.enabled}
        self.audit = Audit(settings.home / "logs", clock)
        self.guard = Guard(limits, clock.monotonic)
        self.hashing = asyncio.Semaphore(HASHES_AT_ONCE)
        self.logins: set[Login] = set()
        self.running: set[asyncio.Task[None]] = set()
        """Sessions that have not ended yet."""
        self._swept = -SWEEP

    def close(self) -> None:
        """Gives descriptors back, after the last connection has ended."""
        for site in self._sites.values():
            site.disk.close()

    def site(self, account: str) -> Site:
        """The account's part; it exists for every user that `user` gives."""
        return self._sites[account]

    async def user(self, name: str) -> User | None:
        """Who may log in under this name at this moment, or None."""
        return (await asyncio.to_thread(self._allowed)).get(name)

    def _allowed(self) -> dict[str, User]:
        with self._ledger.read() as conn:
            known = [user for user in users.listing(conn) if not user.disabled and user.account in self._sites]
        return {user.name: user for user in known if may_use_sftp(user.name, self._accounts[user.account])}

    async def keep_order(self) -> None:
        """Runs until cancelled: ends idle sessions and those of users that are gone, sweeps leftovers."""
        while True:
            try:
                await self._round()
            except (TransientFailure, OSError) as failure:
                LOG.warning("%s", failure)
            await asyncio.sleep(ROUND)

    async def _round(self) -> None:
        now = self.clock.monotonic()
        if now - self._swept >= SWEEP:
            self._swept = now
            for site in self._sites.values():
                await asyncio.to_thread(sweep, site.disk, site.limits.leftovers, now=time.time())
        logged_in = [login for login in self.logins if login.user]
        allowed = await asyncio.to_thread(self._allowed) if logged_in else {}
        for login in logged_in:
            if login.user is None:
                continue
            if login.user.name not in allowed:
                login.end("this user may not log in any more")
            elif now - login.last_asked >= self.site(login.user.account).limits.idle.total_seconds():
                login.end("the session asked for nothing for too long")
