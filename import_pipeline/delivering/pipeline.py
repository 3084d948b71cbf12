"""One instance of the pipeline as runs, sensors and the command line share it: settings, ledger, clock, accounts.

Belongs here: opening these once. Does not belong here: anything of one account or one delivery.
"""

from dataclasses import dataclass, field
from functools import cached_property

from import_pipeline.catalog import LoadedAccount, load_accounts
from import_pipeline.failures import UnknownValue
from import_pipeline.landing.clock import Clock, SystemClock
from import_pipeline.ledger.engine import Ledger
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings


@dataclass
class Pipeline:
    """Everything that is not one account's. Tests pass another clock or other settings."""

    settings: Settings = field(default_factory=Settings.from_environment)
    clock: Clock = field(default_factory=SystemClock)

    @cached_property
    def ledger(self) -> Ledger:
        """The ledger, its tables up to date."""
        ledger = Ledger(self.settings.ledger_url)
        ledger.upgrade()
        return ledger

    @cached_property
    def loaded(self) -> list[LoadedAccount]:
        """Every account folder, broken ones included."""
        return load_accounts(self.settings.accounts)

    @cached_property
    def accounts(self) -> dict[str, Account]:
        """The accounts that can be used, by name."""
        return {found.account.name: found.account for found in self.loaded if found.account}

    def account(self, name: str) -> Account:
        """The account of this name; raises UnknownValue with the known ones and the nearest."""
        if name not in self.accounts:
            raise UnknownValue("account", name, self.accounts)
        return self.accounts[name]
