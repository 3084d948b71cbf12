"""What all requests share: settings, accounts, ledger, clock, limits, counts.

Belongs here: state of the whole service. Does not belong here: a single request (door.py), the application (service.py).
"""

import shutil
from collections import Counter
from collections.abc import Iterator, Mapping
from contextlib import contextmanager
from functools import cached_property
from pathlib import Path
from typing import TYPE_CHECKING

from import_pipeline.gateway.guard import Guard, Limits
from import_pipeline.gateway.http.limits import FAILURES_PER_MINUTE, Buckets
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing.clock import Clock
from import_pipeline.ledger import Ledger, formats
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

if TYPE_CHECKING:
    from import_pipeline.delivering.pipeline import Pipeline

LEAST_FREE = 200 * 10**6
"""Bytes that stay free where the vault lies."""
UPLOADS_AT_ONCE = 64
"""Bodies that are received at one time: each holds about two megabytes of memory."""


class Gate:
    """The service's state. `accounts` are those that can be used; keys of others are refused."""

    def __init__(self, settings: Settings, ledger: Ledger, accounts: Mapping[str, Account], clock: Clock) -> None:
        self.settings, self.ledger, self.accounts, self.clock = settings, ledger, accounts, clock
        self._receiving = 0
        self.requests: Counter[tuple[str, int]] = Counter()
        """Answered requests by route and status."""
        self.received_bytes = 0
        self._rates = Buckets(clock.monotonic)
        self.guard = Guard(Limits(), clock.monotonic)
        """Counts failed log-ins of people."""

    @cached_property
    def pipeline(self) -> "Pipeline":
        """The instance as runs and commands know it, over this service's ledger and accounts."""
        from import_pipeline.delivering.pipeline import Pipeline

        made = Pipeline(self.settings, self.clock)
        made.__dict__.update(ledger=self.ledger, accounts=dict(self.accounts))
        return made

    def account(self, name: str) -> Account | None:
        """The account of this name with its saved formats that people may choose, one saved a second ago included; None without one."""
        account = self.accounts.get(name)
        if account is None:
            return None
        with self.ledger.read() as conn:
            return formats.with_saved(conn, account, listed=True)

    @property
    def vault(self) -> Path:
        """Where uploads go."""
        return self.settings.vault

    def check_rate(self, account: Account) -> None:
        """Raises Refusal 429 when the account's programs together ask more often than it allows."""
        wait = self._rates.take(f"account {account.name}", account.doors.http.requests_per_minute)
        if wait:
            raise Refusal(429, f"too many requests: {account.doors.http.requests_per_minute} a minute are allowed", retry_after=wait)

    def check_often(self, name: str, per_minute: int) -> None:
        """Raises Refusal 429 when `name` asks more often than so many times a minute."""
        wait = self._rates.take(name, per_minute)
        if wait:
            raise Refusal(429, "too many requests at once", retry_after=wait)

    def book_failure(self, address: str) -> None:
        """A wrong key came from this address. Raises Refusal 429 when too many do; who has a key is let in all the same."""
        wait = self._rates.take(f"address {address}", FAILURES_PER_MINUTE)
        if wait:
            raise Refusal(429, "too many wrong keys came from this address", retry_after=wait)

    @contextmanager
    def receiving(self) -> Iterator[None]:
        """A place for one body. Raises Refusal 503 when all are taken: who waited in line would look like a slow sender."""
        if self._receiving >= UPLOADS_AT_ONCE:
            raise Refusal(503, "too many files come at this moment", retry_after=5)
        self._receiving += 1
        try:
            yield
        finally:
            self._receiving -= 1

    def check_disk(self, size: int) -> None:
        """Raises Refusal 503 when so many bytes would fill the disk that the vault lies on."""
        self.vault.mkdir(parents=True, exist_ok=True)
        if shutil.disk_usage(self.vault).free - size < LEAST_FREE:
            raise Refusal(503, "there is no room for files at this moment", retry_after=60)
