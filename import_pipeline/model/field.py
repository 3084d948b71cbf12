"""One typed field of an object type, and the types there are.

Belongs here: a new field type, a new property of a field. Does not belong here: how a value is checked or cast
(validation/), how a header finds its field (model/columns.py).
"""

import re
from typing import Annotated, Literal, get_args

from pydantic import BeforeValidator, Field, field_validator, model_validator

from import_pipeline.failures import nearest
from import_pipeline.model.base import Model
from import_pipeline.model.giving import Participation

FieldType = Literal[
    "Text",
    "MultiLine",
    "Email",
    "Phone",
    "Number",
    "Currency",
    "Boolean",
    "Date",
    "DateTime",
    "SingleChoice",
    "MultiChoice",
    "Address",
    "Shape",
    "List",
    "Map",
    "Attachment",
]
FIELD_TYPES: tuple[str, ...] = get_args(FieldType)
DATE_DIRECTIVES: tuple[str, ...] = ("%Y", "%y", "%m", "%d", "%b", "%B", "%H", "%I", "%M", "%S", "%p")
"""What a stated date format may hold (strptime's words)."""
_NOT_LINEAR = re.compile(r"\(\?(=|!|<=|<!)|\\[1-9]")
UpdateRule = Literal["always", "create_only", "never"]


def _known_type(value: object) -> object:
    if isinstance(value, str) and value not in FIELD_TYPES:
        near = nearest(value, FIELD_TYPES)
        raise ValueError(f"{value!r} is not a field type; known: {', '.join(FIELD_TYPES)}" + (f". Did you mean {near}?" if near else ""))
    return value


def _formats_as_list(value: object) -> object:
    return [value] if isinstance(value, str) else value


class FieldSpec(Model):
    """One field.

    `update` tells what an update may do to it: `always`, `create_only` (set when the record is created, later ignored with a
    warning) or `never`. Left out, custom fields take `always`, the others `create_only` (acceptance S-8).
    `formats` of dates are `iso` or strptime patterns; ambiguous day/month orders need one (acceptance, decision 3).
    `decimals` is how many a Number or Currency may have (Currency: 2 unless stated).
    A List holds texts, in one cell parted by `separator`, in JSON an array. A Map holds texts by name: it gathers all columns
    `{name}.{key}` of a CSV file, or the object `{name}` of a JSON line, as one JSON object; `keys` is the pattern that a key must fit
    as a whole, `max_keys` how many one record may have. An update of a Map sets the keys given and leaves the others.
    `computed` fields are filled by the import itself; a file's column of that name is ignored.
    `spellings` of a SingleChoice are other texts that mean one of its choices. `participation` names the campaign whose participation
    the field's value P is (acceptance E-7).
    A Shape is a polygon in degrees as WKT, `POLYGON ((lng lat, …))`; with `multipolygons` also one with holes, or several.
    """

    name: str = Field(min_length=1)
    type: Annotated[FieldType, BeforeValidator(_known_type)] = "Text"
    required: bool = False
    custom: bool = False
    system: bool = False
    update: UpdateRule | None = None
    choices: tuple[str, ...] = ()
    spellings: dict[str, str] = Field(default_factory=dict)
    participation: Participation | None = None
    separator: str = ";"
    formats: Annotated[tuple[str, ...], BeforeValidator(_formats_as_list)] = ("iso",)
    pattern: str | None = None
    max_length: int | None = Field(default=None, ge=1)
    min: float | None = None
    max: float | None = None
    decimals: int | None = Field(default=None, ge=0, le=9)
    multipolygons: bool = False
    keys: str = r"[^.]{1,64}"
    max_keys: int = Field(default=100, ge=1, le=1_000)
    computed: bool = False
    description: str = ""

    @field_validator("type")
    @classmethod
    def _no_attachments(cls, value: str) -> str:
        if value == "Attachment":
            raise ValueError("Attachment fields cannot be imported (acceptance S-9)")
        return value

    @field_validator("formats")
    @classmethod
    def _formats_are_known(cls, value: tuple[str, ...]) -> tuple[str, ...]:
        for stated in value:
            used = set(re.findall(r"%.", stated))
            unknown = sorted(used - set(DATE_DIRECTIVES))
            if stated != "iso" and unknown:
                raise ValueError(f"the format {stated!r} holds {unknown[0]!r}; known: iso, and {' '.join(DATE_DIRECTIVES)}")
            if stated != "iso" and not ("%d" in used and used & {"%Y", "%y"}):
                raise ValueError(f"the format {stated!r} needs a day and a year, for example %m/%d/%Y")
        return value

    @field_validator("pattern", "keys")
    @classmethod
    def _pattern_is_one(cls, value: str | None) -> str | None:
        if value is not None:
            try:
                re.compile(value)
            except re.error as fault:
                raise ValueError(f"the pattern {value!r} is no regular expression: {fault}") from None
            if _NOT_LINEAR.search(value):
                raise ValueError(f"the pattern {value!r} looks around or back; patterns here may not, so that each takes linear time")
        return value

    @field_validator("name")
    @classmethod
    def _name_is_usable(cls, value: str) -> str:
        if value != value.strip() or value.startswith("_") or any(ord(c) < 32 for c in value):
            raise ValueError(f"field name {value!r}: no blanks at the ends, no leading underscore, no control characters")
        if value in ("*", "check_output") or (value.startswith("^") and value.endswith("$")):
            raise ValueError(f"a field cannot be named {value!r}: polars and pandera give that name a meaning of their own")
        return value

    @model_validator(mode="after")
    def _choices_fit(self) -> "FieldSpec":
        if self.type in ("SingleChoice", "MultiChoice") and not self.choices:
            raise ValueError(f"{self.name}: a {self.type} field needs choices")
        if self.choices and self.type not in ("SingleChoice", "MultiChoice"):
            raise ValueError(f"{self.name}: choices go with SingleChoice or MultiChoice, not with {self.type}")
        for other, meant in self.spellings.items():
            if self.type != "SingleChoice" or meant not in self.choices:
                raise ValueError(f"{self.name}: the spelling {other!r} means {meant!r}, which is no choice of a SingleChoice field")
        if self.participation and (self.type != "SingleChoice" or self.choices != ("P",)):
            raise ValueError(f"{self.name}: a participation is a SingleChoice field with the one choice P")
        if self.type == "MultiChoice":
            held = [c for c in self.choices if self.separator in c]
            if held:
                raise ValueError(f"{self.name}: the choice {held[0]!r} holds the separator {self.separator!r}; state another separator")
        return self

    @property
    def updates(self) -> UpdateRule:
        """The update rule in force."""
        return self.update or ("always" if self.custom else "create_only")
