"""An object type: what one kind of record is made of and how its rows find their record, parent, pin, stage and owner.

Belongs here: what an object_types/*.yaml may state. Does not belong here: doors and policies (model/account.py).
"""

from collections.abc import Iterator
from datetime import timedelta
from functools import cached_property
from typing import Literal

from pydantic import Field, model_validator
from pydantic_core import PydanticCustomError

from import_pipeline.failures import known_values
from import_pipeline.model.base import Duration, Model, fold_name, slug
from import_pipeline.model.columns import ADDRESS_LINE, AddressPart, Column, HeaderMap, address_columns, map_exactly, map_header
from import_pipeline.model.field import FieldSpec

StageGroup = Literal["Active", "Won", "Lost"]
RECORD_ID = "RecordID"
EXTERNAL_PIN_ID = "ExternalPinId"
OWNER = "Owner Email"
STAGE = "Stage"
LOSS_REASON = "Loss Reason"
COMPOSED_LENGTH = 1_000
"""Characters of an id that is made of several columns."""
PIN = "Address"
"""In matching rules: the record's address as a whole."""


class Parent(Model):
    """How a child finds its parent (acceptance S-7, B-4)."""

    type: str
    column: str = "RelatedTo"
    required: bool = False
    unresolved: Literal["park", "fail"] = "park"
    park_for: Duration = timedelta(days=30)


class Owner(Model):
    """Who may own a record: e-mail addresses of known users (acceptance S-9), or a YAML file beside defs.yaml that lists them."""

    column: str = OWNER
    users: tuple[str, ...] = ()


class ObjectType(Model):
    """One kind of record. `match` are the rules tried in order after record id and external id; `Address` stands for the pin.

    `compose` makes the external id, or the column that names the parent, of several columns, which together name one record: such a
    column is never read from a file. `case_sensitive` types know a header cell by its exact name only (acceptance A-5). Columns that the
    type does not have are told (`warn`), or refuse the row, in a table the file (`refuse`). Records with the same value of `grouped_by`
    share an account, which ends with the last of them (acceptance A-6). `first_of` fills a column with the first of others that is not
    blank, in lower case. With `email_key` the external id is an e-mail address, kept in lower case; a row without one gets an address of
    its own made up (acceptance E-5). Columns of `one_value` have the same value in all rows of a file that name no record by its id, or
    nothing of the file is imported (acceptance T-5). A column of `addresses` holds a whole address, `Street, City, State/Province, Zip,
    Country`, which is read from left to right into the columns stated for its parts (acceptance T-6). With `always_new` each row of a
    strict account that names no record by an id makes a new one, also when it was imported before (acceptance T-8).
    """

    name: str = Field(min_length=1)
    description: str = ""
    external_id: str = "ExternalDataObjectId"
    parent: Parent | None = None
    pin: bool = False
    match: tuple[tuple[str, ...], ...] = ()
    stages: dict[StageGroup, tuple[str, ...]] = Field(default_factory=dict)
    loss_reasons: tuple[str, ...] = ()
    owner: Owner | None = None
    fields: tuple[FieldSpec, ...] = Field(min_length=1)
    synonyms: dict[str, str] = Field(default_factory=dict)
    compose: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    case_sensitive: bool = False
    unknown_columns: Literal["warn", "refuse"] = "warn"
    grouped_by: str | None = None
    first_of: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    email_key: bool = False
    one_value: tuple[str, ...] = ()
    addresses: dict[str, dict[AddressPart, str]] = Field(default_factory=dict)
    always_new: bool = False

    @model_validator(mode="after")
    def _hangs_together(self) -> "ObjectType":
        found = [(path, f"{self.name}: {message}") for path, message in self._contradictions()]
        if found:
            raise PydanticCustomError("contradictions", "{text}", {"text": "; ".join(text for _, text in found), "found": found})
        return self

    def _contradictions(self) -> Iterator[tuple[tuple[str | int, ...], str]]:
        """Every contradiction between this type's keys, as (path of the key, message); catalog/ finds the lines by the paths."""
        keys = [c.key for c in self.columns]
        named = {"external_id": ("external_id",), "parent": ("parent", "column"), "owner": ("owner", "column")}
        paths: list[tuple[str | int, ...]] = [
            ("addresses", c.key) if c.key in self.addresses else named.get(c.role, ()) for c in self.columns if c.role != "field"
        ]
        paths += [("fields", index, "name") for index, f in enumerate(self.fields) if not f.system]
        seen: set[str] = set()
        for key, path in zip(keys, paths, strict=True):
            if fold_name(key) in seen:
                yield path, f"the column {key!r} exists twice (case, blanks and punctuation do not count)"
            seen.add(fold_name(key))
        known = sorted({*keys, *([PIN] if self.pin else [])})
        for number, rule in enumerate(self.match):
            for position, name in enumerate(rule):
                if name not in known:
                    yield ("match", number, position), f"match names {name!r}, which is no column; {known_values(name, known)}"
        for other, key in self.synonyms.items():
            if key not in keys:
                yield ("synonyms", other), f"the synonym {other!r} points to {key!r}, which is no column; {known_values(key, keys)}"
        fields = [f.name for f in self.fields]
        composable = [self.external_id, *([self.parent.column] if self.parent else [])]
        for key, names in self.compose.items():
            if key not in composable:
                yield ("compose", key), f"compose makes {' or '.join(composable)}, not {key!r}"
            for position, name in enumerate(names):
                if name not in fields:
                    yield ("compose", key, position), f"compose names {name!r}, which is no field; {known_values(name, fields)}"
        for key, names in self.first_of.items():
            if key not in composable or key in self.compose:
                yield ("first_of", key), f"first_of fills {' or '.join(composable)}, not {key!r}"
            for position, name in enumerate(names):
                if name not in fields:
                    yield ("first_of", key, position), f"first_of names {name!r}, which is no field; {known_values(name, fields)}"
        if self.grouped_by and self.grouped_by not in fields:
            yield ("grouped_by",), f"grouped_by names {self.grouped_by!r}, which is no field; {known_values(self.grouped_by, fields)}"
        if self.parent and self.parent.type == self.name:
            yield ("parent", "type"), "a type cannot be its own parent"
        for position, name in enumerate(self.one_value):
            if name not in keys:
                yield ("one_value", position), f"one_value names {name!r}, which is no column; {known_values(name, keys)}"
        targets = [key for key in keys if key not in self.addresses]
        for whole, parts in self.addresses.items():
            for part, key in parts.items():
                if key not in targets:
                    yield ("addresses", whole, part), f"{part} of {whole} is {key!r}, which is no column; {known_values(key, targets)}"

    @property
    def slug(self) -> str:
        """The type in asset keys, table and folder names."""
        return slug(self.name)

    @cached_property
    def columns(self) -> tuple[Column, ...]:
        """Every column a file may fill, in the order of the template."""

        def text(key: str, role: str, update: str, *aliases: str, **more: object) -> Column:
            return Column(key, role, FieldSpec(name=key, **more), update, aliases)  # type: ignore[arg-type]

        made = [
            text(RECORD_ID, "record_id", "never", "ID", "Record ID", "SPOTIO DataObject Id", f"{self.name} Id", max_length=64),
            text(
                self.external_id,
                "external_id",
                "create_only",
                "ExternalDataObjectId",
                "External DataObject Id",
                "ExternalLeadId",
                f"External {self.name} Id",
                "External Id",
                max_length=COMPOSED_LENGTH if self.external_id in self.compose else 255,
                **({"type": "Email"} if self.email_key else {}),
            ),
        ]
        if self.pin:
            made.append(text(EXTERNAL_PIN_ID, "external_pin_id", "create_only", "External Pin Id", max_length=255))
        if self.parent:
            made.append(
                text(
                    self.parent.column,
                    "parent",
                    "always",
                    "RelatedTo",
                    "Related To",
                    f"{self.parent.type} RecordID",
                    max_length=COMPOSED_LENGTH if self.parent.column in self.compose else 255,
                    required=self.parent.required,
                )
            )
        if self.owner:
            made.append(text(self.owner.column, "owner", "always", f"{self.name} Owner Email", "Owner", "Owner Email"))
        if self.stages:
            made.append(text(STAGE, "stage", "always", f"{self.name} Stage"))
        if self.loss_reasons:
            made.append(text(LOSS_REASON, "loss_reason", "always", "Loss Reasons", "Lost Reason", "Loss Reasons (Lost)"))
        if self.pin:
            made.extend(address_columns())
        made.extend(Column(key, "address", FieldSpec(name=key, type="Address"), "create_only") for key in self.addresses)
        made.extend(Column(f.name, "field", f, f.updates) for f in self.fields if not f.system)
        return tuple(made)

    @property
    def stage_names(self) -> tuple[str, ...]:
        """All configured stages over all groups, in order."""
        return tuple(name for names in self.stages.values() for name in names)

    @property
    def template_header(self) -> tuple[str, ...]:
        """The header row of the empty file to download (acceptance S-15)."""
        return tuple(c.key for c in self.columns if c.key not in (self.split | self.made) and c.spec.type != "Map")

    @cached_property
    def split(self) -> frozenset[str]:
        """Keys of the columns that are taken apart while rows are text: no stage after parsing has them."""
        return frozenset(self.addresses) | ({ADDRESS_LINE} if self.pin else frozenset())

    @cached_property
    def made(self) -> frozenset[str]:
        """Keys of the columns that are never read from a file: the import makes their values."""
        return frozenset(self.compose) | frozenset(self.first_of) | {f.name for f in self.fields if f.computed}

    @cached_property
    def maps(self) -> tuple[FieldSpec, ...]:
        """The fields that gather open-ended columns."""
        return tuple(f for f in self.fields if f.type == "Map" and not f.computed)

    def column(self, key: str) -> Column:
        """The column named `key`; KeyError when there is none."""
        return next(c for c in self.columns if c.key == key)

    def column_of_role(self, role: str) -> Column | None:
        """The one column of a role (not for `field` and `address`), or None."""
        return next((c for c in self.columns if c.role == role), None)

    def map_header(self, header: tuple[str, ...]) -> HeaderMap:
        """Which column each header cell means (see model/columns.py). System fields of this type are ignored, not unknown."""
        if self.case_sensitive or self.maps or self.made:
            columns = tuple(c for c in self.columns if c.key not in self.made)
            return map_exactly(header, columns, self.synonyms, self.made, exact=self.case_sensitive)
        mapped = map_header(header, self.columns, self.synonyms)
        system = {f.name.casefold() for f in self.fields if f.system}
        ignored = tuple(u for u in mapped.unknown if u.strip().casefold().removeprefix("field ") in system)
        if not ignored:
            return mapped
        unknown = tuple(u for u in mapped.unknown if u not in ignored)
        return HeaderMap(mapped.header, mapped.keys, mapped.ignored + ignored, unknown, mapped.duplicates)
