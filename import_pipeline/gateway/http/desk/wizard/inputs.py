"""Columns as inputs of a form: choices as selects and boxes, dates as dates, and what such a form sends as text again.

Belongs here: the defaults of the first step. Does not belong here: how an input looks (templates/wizard/_inputs.html.j2), which columns
may have a default (model/draft.py), whether a value is right (delivering/suggested.py).
"""

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Literal

from import_pipeline.model.columns import Column
from import_pipeline.model.draft import DefaultColumn, DraftBody, default_columns
from import_pipeline.model.object_type import ObjectType

Look = Literal["text", "area", "date", "number", "select", "boxes"]
MOST_BOXES = 15
"""Choices of a MultiChoice that are shown as boxes; of more the names are typed."""
_YES_NO = (("yes", "Yes"), ("no", "No"))


@dataclass(frozen=True)
class Input:
    """One input. `name` is that of the form's field, for boxes its beginning; `saved` is what another window saved, when it differs."""

    name: str
    label: str
    look: Look
    group: Literal["fixed", "required", "more"]
    value: str
    hint: str = ""
    options: tuple[tuple[str, str], ...] = ()
    chosen: tuple[str, ...] = ()
    wrong: str = ""
    saved: str | None = None


def inputs_of(object_type: ObjectType, body: DraftBody, wrong: Mapping[str, str], newest: DraftBody | None = None) -> list[Input]:
    """The inputs of all columns that may have a default. `wrong` is words by place («defaults/Region»)."""
    made = []
    for found in default_columns(object_type):
        key, kind = found.column.key, "fixed" if found.fixed else "defaults"
        value = _values(body, found).get(key, "")
        saved = _values(newest, found).get(key, "") if newest else value
        made.append(_input(object_type, found, f"{kind}.{key}", value, wrong.get(f"{kind}/{key}", ""), saved if saved != value else None))
    return made


def read_inputs(object_type: ObjectType, fields: Mapping[str, str]) -> tuple[dict[str, str], dict[str, str]]:
    """What a form with these inputs says: (defaults, fixed values), each by key; blank ones are left out."""
    told: dict[bool, dict[str, str]] = {False: {}, True: {}}
    for found in default_columns(object_type):
        name = f"{'fixed' if found.fixed else 'defaults'}.{found.column.key}"
        spec = found.column.spec
        boxes = [choice for number, choice in enumerate(spec.choices) if fields.get(f"{name}#{number}")]
        value = spec.separator.join(boxes) if boxes else fields.get(name, "").replace("\r\n", "\n").strip()
        if value:
            told[found.fixed][found.column.key] = value
    return told[False], told[True]


def _values(body: DraftBody, found: DefaultColumn) -> Mapping[str, str]:
    return body.fixed if found.fixed else body.defaults


def _input(object_type: ObjectType, found: DefaultColumn, name: str, value: str, wrong: str, saved: str | None) -> Input:
    column = found.column
    group: Literal["fixed", "required", "more"] = "fixed" if found.fixed else "required" if column.spec.required else "more"
    look, options = _look(object_type, column)
    chosen: tuple[str, ...] = ()
    if look == "boxes":
        chosen = tuple(part.strip() for part in value.split(column.spec.separator) if part.strip())
        known = {choice for choice, _ in options}
        if not known.issuperset(chosen):
            look, options = "text", ()
    elif look == "select" and value and value not in dict(options):
        # What else the importer understands («true», a spelling), or what it refuses: the check of the step tells.
        options = (*options, (value, value))
    elif look == "date" and value and not _is_iso(value):
        look = "text"
    return Input(name, column.key, look, group, value, _hint(column, look), options, chosen, wrong, saved)


def _look(object_type: ObjectType, column: Column) -> tuple[Look, tuple[tuple[str, str], ...]]:
    spec = column.spec
    listed: tuple[str, ...] = ()
    match column.role:
        case "stage":
            listed = object_type.stage_names
        case "loss_reason":
            listed = object_type.loss_reasons
        case "owner":
            listed = object_type.owner.users if object_type.owner else ()
        case _:
            listed = spec.choices if spec.type == "SingleChoice" else ()
    if listed:
        return "select", tuple((one, one) for one in listed)
    match spec.type:
        case "Boolean":
            return "select", _YES_NO
        case "MultiChoice" if len(spec.choices) <= MOST_BOXES:
            return "boxes", tuple((one, one) for one in spec.choices)
        case "Date" if "iso" in spec.formats:
            return "date", ()
        case "MultiLine":
            return "area", ()
        case "Number" | "Currency":
            return "number", ()
    return "text", ()


def _hint(column: Column, look: Look) -> str:
    spec = column.spec
    told = [spec.description] if spec.description else []
    if spec.type == "MultiChoice" and look == "text":
        told.append(f"Several are parted by «{spec.separator}».")
    elif spec.type == "Date" and look == "text":
        told.append("A date as 2026-05-31." if "iso" in spec.formats else f"A date as {spec.formats[0]}.")
    elif spec.type == "DateTime":
        told.append("A date and time as 2026-05-31 14:30.")
    elif spec.type == "Address":
        told.append("Street, City, State, Zip, Country; commas in front stand for what is missing.")
    return " ".join(told)


def _is_iso(value: str) -> bool:
    year, *rest = value.split("-")
    return len(value) == 10 and len(year) == 4 and len(rest) == 2 and all(part.isdecimal() for part in (year, *rest))
