"""The component `import_pipeline.components.Account`: an account's defs.yaml as dagster's tools see it.

Belongs here: the adapter. Does not belong here: the account's rules; they are read and checked by catalog/, which knows every line.
"""

from typing import Any

import dagster as dg
from pydantic import ConfigDict

from import_pipeline.catalog import load_account
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.failures import PermanentFailure
from import_pipeline.orchestration.account_defs import account_definitions


class Account(dg.Component, dg.Model, dg.Resolvable):
    """One tenant: its doors, policies, exports, and the object types in the folder beside it."""

    model_config = ConfigDict(extra="allow")

    name: str
    title: str = ""
    description: str = ""
    mode: str = "flexible"
    timezone: str = "UTC"
    strict: bool = False
    owners: list[str] = []  # noqa: RUF012 (pydantic copies defaults)
    doors: dict[str, Any] = {}  # noqa: RUF012
    delivery: dict[str, Any] = {}  # noqa: RUF012
    on_error: Any = "skip"
    on_duplicate: str = "skip"
    hold: Any = None
    exports: dict[str, Any] = {}  # noqa: RUF012
    retention: dict[str, Any] = {}  # noqa: RUF012
    territories: dict[str, Any] | None = None
    webhooks: list[Any] = []  # noqa: RUF012
    mail: list[Any] = []  # noqa: RUF012

    def build_defs(self, context: dg.ComponentLoadContext) -> dg.Definitions:
        """The definitions of the account in the component's folder; raises PermanentFailure when its defs.yaml is broken."""
        found = load_account(context.path)
        if found.account is None:
            raise PermanentFailure("; ".join(f"{f.file}:{f.line} {f.message}" for f in found.faults))
        return account_definitions(found.account, Pipeline())
