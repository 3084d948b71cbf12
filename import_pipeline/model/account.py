"""An account: one tenant with its doors, policies, exports, retention and object types.

Belongs here: what defs.yaml may state. Does not belong here: reading the YAML (catalog/), secrets (the ledger, hashed).
"""

import difflib
import re
import zoneinfo
from collections.abc import Iterable
from datetime import timedelta
from functools import cached_property
from typing import Literal

from pydantic import Field, field_validator, model_validator
from pydantic_core import PydanticCustomError

from import_pipeline.failures import UnknownValue
from import_pipeline.model.base import ByteSize, Duration, Model
from import_pipeline.model.data_objects import bulk_formats
from import_pipeline.model.desk_door import DeskDoor
from import_pipeline.model.format import Format, Operation
from import_pipeline.model.format_values import split_name
from import_pipeline.model.http_door import HttpDoor, Webhook
from import_pipeline.model.mail import Mail
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Hold, OnError
from import_pipeline.model.private_format import is_private
from import_pipeline.model.remote_door import RemoteDoor
from import_pipeline.model.sftp_door import SftpDoor
from import_pipeline.model.territory import TERRITORY, Territories

ExportFormat = Literal["csv", "jsonl", "parquet"]
Cadence = Literal["daily", "weekly", "monthly"]


class TreeDoor(Model):
    """The landing tree. `settle` is the least time between two equal looks, `interval` the time between looks."""

    enabled: bool = True
    settle: Duration = timedelta(seconds=5)
    cut_settle: Duration = timedelta(minutes=10)
    """Settle time of a file whose size says that its last write was a full block (reference/intake.md section 4)."""
    interval: Duration = timedelta(seconds=15)


class Doors(Model):
    """Ways in. A door that is not named is as its defaults say: the tree is watched, SFTP waits for a user to be made."""

    tree: TreeDoor = TreeDoor()
    sftp: SftpDoor = SftpDoor()
    http: HttpDoor = HttpDoor()
    desk: DeskDoor = DeskDoor()
    remotes: tuple[RemoteDoor, ...] = ()
    """Other people's SFTP servers that are polled."""

    @model_validator(mode="after")
    def _remotes_are_distinct(self) -> "Doors":
        names = [remote.name for remote in self.remotes]
        twice = [i for i, name in enumerate(names) if name in names[:i]]
        if twice:
            found = [(("remotes", i, "name"), f"two remotes have the name {names[i]!r}") for i in twice]
            raise PydanticCustomError("contradictions", "{text}", {"text": "; ".join(text for _, text in found), "found": found})
        return self


class DeliveryLimits(Model):
    """How much one delivery takes; what is more waits for the next."""

    max_files: int = Field(default=500, ge=1)
    max_bytes: ByteSize = 2 * 10**9


class Exports(Model):
    """Which types are exported when. `content` is what changed in the window or everything as of its end."""

    daily: tuple[str, ...] = ()
    weekly: tuple[str, ...] = ()
    monthly: tuple[str, ...] = ()
    format: ExportFormat = "csv"
    zip: bool = False
    content: Literal["changes", "snapshot"] = "snapshot"
    at: str = "02:00"
    """Local time of day at which the last closed window is exported."""

    def types(self, cadence: Cadence) -> tuple[str, ...]:
        """The object types exported at this cadence."""
        return {"daily": self.daily, "weekly": self.weekly, "monthly": self.monthly}[cadence]

    @field_validator("at")
    @classmethod
    def _time_of_day(cls, value: str) -> str:
        if not re.fullmatch(r"([01]\d|2[0-3]):[0-5]\d", value):
            raise ValueError(f"{value!r} is not a time of day such as '02:00'")
        return value


class Retention(Model):
    """How long things are kept; upkeep prunes what is past it."""

    vault: Duration = timedelta(days=400)
    history: Duration = timedelta(days=400)
    """How long a superseded version is kept after it ended. Reads of the past (exports as of a moment, past partitions, diff) go back
    so far; before that they are refused. Current records are kept for ever."""
    staging: Duration = timedelta(days=7)
    runs: Duration = timedelta(days=90)


class Account(Model):
    """One tenant. `name` is also the folder's name and the prefix of its asset keys."""

    name: str
    title: str = ""
    description: str = ""
    owners: tuple[str, ...] = ()
    mode: Literal["flexible", "classic"] = "flexible"
    timezone: str = "UTC"
    strict: bool = False
    doors: Doors = Doors()
    delivery: DeliveryLimits = DeliveryLimits()
    on_error: OnError = "skip"
    on_duplicate: Literal["skip", "reprocess"] = "skip"
    hold: Hold | None = None
    exports: Exports = Exports()
    retention: Retention = Retention()
    territories: Territories | None = None
    webhooks: tuple[Webhook, ...] = ()
    mail: tuple[Mail, ...] = ()
    object_types: tuple[ObjectType, ...] = ()
    formats: tuple[Format, ...] = ()

    @field_validator("name")
    @classmethod
    def _name_is_a_folder(cls, value: str) -> str:
        if not re.fullmatch(r"[a-z][a-z0-9_]{0,62}", value):
            raise ValueError(f"{value!r}: an account's name is lower-case letters, digits and _, and starts with a letter")
        return value

    @field_validator("timezone")
    @classmethod
    def _timezone_exists(cls, value: str) -> str:
        zones = zoneinfo.available_timezones()
        if value not in zones:
            near = ", ".join(difflib.get_close_matches(value, sorted(zones), n=5, cutoff=0.5))
            raise ValueError(f"{value!r} is not a time zone name; near are: {near or 'none, an example is America/New_York'}")
        return value

    @model_validator(mode="after")
    def _types_are_distinct(self) -> "Account":
        slugs = [t.slug for t in self.object_types]
        if len(set(slugs)) < len(slugs):
            raise ValueError("two object types have the same name (case and punctuation do not count)")
        return self

    @cached_property
    def types_by_name(self) -> dict[str, ObjectType]:
        """Object types by name, as written."""
        return {t.name: t for t in self.object_types}

    @property
    def territory_type(self) -> ObjectType | None:
        """The object type of territories; None when the account has none."""
        return self.types_by_name.get(TERRITORY) if self.territories else None

    def with_types(self, types: Iterable[ObjectType]) -> "Account":
        """The account with these object types, and with that of territories behind them when it has any."""
        own = (self.territories.object_type(),) if self.territories else ()
        return self.model_copy(update={"object_types": (*types, *own)})

    def object_type(self, name: str) -> ObjectType:
        """The type of this name (case does not count); raises UnknownValue with the known ones and the nearest."""
        for known in self.object_types:
            if known.name.casefold() == name.casefold() or known.slug == name:
                return known
        raise UnknownValue("object type", name, self.types_by_name, where=f"account {self.name}")

    @cached_property
    def built_in_formats(self) -> tuple[Format, ...]:
        """Formats that a door brings along: those of the bulk job API, for every type of records."""
        return tuple(made for t in self.object_types if t is not self.territory_type for made in bulk_formats(t))

    def format(self, name: str) -> Format:
        """The saved format of this name, with the values that the name states (format_values.py); raises UnknownValue."""
        base, values = split_name(name)
        for known in (*self.formats, *self.built_in_formats):
            if known.name == base:
                return known.model_copy(update={"name": name, "defaults": {**known.defaults, **values}}) if values else known
        raise UnknownValue("format", name, [f.name for f in self.formats if not is_private(f.name)], where=f"account {self.name}")

    def format_of_name(self, name: str) -> Format | None:
        """The format whose prefix a file's name begins with, to the letter (acceptance A-10); of several the longest prefix counts."""
        found = [(len(prefix), known) for known in self.formats for prefix in known.prefixes if name.startswith(prefix)]
        return max(found, key=lambda one: one[0])[1] if found else None

    def operation(self, format_name: str | None) -> Operation:
        """What the rows of a job with this format do."""
        return self.format(format_name).operation if format_name else "upsert"

    @cached_property
    def parents_first(self) -> tuple[ObjectType, ...]:
        """Object types ordered so that every parent precedes its children, and territories precede all."""
        done: list[ObjectType] = []
        waiting = sorted(self.object_types, key=lambda t: t is not self.territory_type)
        while waiting:
            ready = [t for t in waiting if not t.parent or t.parent.type not in {w.name for w in waiting}]
            if not ready:
                return (*done, *waiting)
            done += ready
            waiting = [t for t in waiting if t not in ready]
        return tuple(done)

    def descendants(self, names: set[str]) -> set[str]:
        """The names given and those of all types below them."""
        found = set(names)
        for t in self.parents_first:
            if t.parent and t.parent.type in found:
                found.add(t.name)
        return found
