"""A format: a saved mapping of columns to fields, with defaults and policies.

Belongs here: what formats/*.yaml may state. Does not belong here: suggesting a mapping.
"""

from typing import Literal, get_args

from pydantic import Field, model_validator

from import_pipeline.model.base import Model
from import_pipeline.model.columns import Column, HeaderMap
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Hold, OnError

Operation = Literal["upsert", "append", "delete", "redeem"]
"""What the rows of a file do: create and update records; only create them; delete the records they name; or consume rewards, each row
making one record of what it consumed (acceptance A-3)."""
OPERATIONS: tuple[Operation, ...] = get_args(Operation)
PRESERVE, BLOCK = "preserveEmptyAccount", "doNotTrack"
"""Columns that only the rows of a deletion have (acceptance A-6): keep the account though no user is left; never take the user again."""
_FLAGS = (
    FieldSpec(name=PRESERVE, type="Boolean", description="Keeps the account when its last record goes."),
    FieldSpec(name=BLOCK, type="Boolean", description="The record cannot be created again."),
)


class Format(Model):
    """A saved mapping. `columns` maps a header cell (as written in the file) to a column's key, or to null for «not imported».

    `exact_header` demands that the file's header equals `columns` in order (acceptance E-3). `defaults` fill blank and unmapped cells
    (acceptance T-4). `fixed` values hold for every row: a cell that says something else is a row error.
    `operation` is what the rows do. A file whose name begins with one of `prefixes` has this format (acceptance A-10); of several that
    fit the longest counts. `fractions` tells for each reward unit how many decimals it has: what is redeemed is cut to them (A-7).
    `required` columns must have a value in every row. `accepts` narrows what a column may be given, to none with an empty list
    (acceptance E-7). Columns of `one_value` have the same value in the whole file, or nothing of it is imported (acceptance E-9).
    """

    name: str = Field(min_length=1)
    object_type: str
    operation: Operation = "upsert"
    prefixes: tuple[str, ...] = ()
    title: str = ""
    recommended_rows: int | None = Field(default=None, ge=1)
    """A file with more rows is imported, and its receipt says that it is larger than recommended (acceptance A-10)."""
    consumes: str | None = None
    """Of a redemption: the object type of the rewards."""
    fractions: dict[str, int] = Field(default_factory=dict)
    columns: dict[str, str | None] = Field(default_factory=dict)
    defaults: dict[str, str] = Field(default_factory=dict)
    fixed: dict[str, str] = Field(default_factory=dict)
    exact_header: bool = False
    required: tuple[str, ...] = ()
    accepts: dict[str, tuple[str, ...]] = Field(default_factory=dict)
    one_value: tuple[str, ...] = ()
    delimiter: str | None = None
    encoding: str | None = None
    on_error: OnError | None = None
    hold: Hold | None = None

    @model_validator(mode="after")
    def _fits_its_operation(self) -> "Format":
        if self.operation == "redeem" and not self.consumes:
            raise ValueError("redeem needs consumes: the object type of the rewards")
        both = sorted(set(self.defaults) & set(self.fixed))
        if both:
            raise ValueError(f"{both[0]!r} has a default and a fixed value: state one of them")
        if any(not 0 <= places <= 6 for places in self.fractions.values()):
            raise ValueError("fractions: a unit has 0 to 6 decimals")
        return self

    def row_type(self, object_type: ObjectType) -> ObjectType:
        """The columns that a file of this format has, as an object type of the same name: of a deletion only the key and its flags."""
        if self.operation != "delete":
            return object_type
        names = object_type.compose.get(object_type.external_id, ())
        return ObjectType(
            name=object_type.name,
            external_id=object_type.external_id,
            compose={object_type.external_id: names} if names else {},
            case_sensitive=object_type.case_sensitive,
            unknown_columns=object_type.unknown_columns,
            fields=(*(f for f in object_type.fields if f.name in names), *_FLAGS),
        )

    def map_header(self, header: tuple[str, ...], object_type: ObjectType) -> HeaderMap:
        """Like ObjectType.map_header, but what the format names comes first and its nulls are ignored."""
        plain = object_type.map_header(header)
        stated = {name.strip(): key for name, key in self.columns.items()}
        keys = tuple(stated.get(cell.strip(), key) for cell, key in zip(header, plain.keys, strict=True))
        ignored = tuple(cell for cell in header if cell.strip() in stated and stated[cell.strip()] is None)
        unknown = tuple(cell for cell in plain.unknown if cell.strip() not in stated)
        first: dict[str, str] = {}
        duplicates = []
        for cell, key in zip(header, keys, strict=True):
            if key is not None and first.setdefault(key, cell) is not cell:
                duplicates.append((first[key], cell))
        return HeaderMap(header, keys, (*plain.ignored, *ignored), unknown, tuple(duplicates), formatted=True)

    def missing(self, columns: tuple[Column, ...]) -> tuple[str, ...]:
        """Keys that this format names and the object type does not have."""
        known = {c.key for c in columns}
        named = (*self.columns.values(), *self.defaults, *self.fixed, *self.required, *self.accepts, *self.one_value)
        return tuple(key for key in named if key is not None and key not in known)
