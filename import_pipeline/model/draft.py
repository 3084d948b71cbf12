"""A draft: what somebody chose so far for one import, before it is started (acceptance T-1).

Belongs here: the choices as a value, the format that they make, what is wrong with them. Does not belong here: keeping drafts (ledger/),
starting them (landing/drafts.py), judging values (delivering/suggested.py).
"""

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from typing import Literal

from pydantic import Field

from import_pipeline.failures import known_values
from import_pipeline.model.account import Account
from import_pipeline.model.base import Model, fold_name
from import_pipeline.model.columns import ADDRESS_LINE, Column, is_reason
from import_pipeline.model.format import Format
from import_pipeline.model.job import FileKind
from import_pipeline.model.object_type import RECORD_ID, ObjectType

OnBad = Literal["halt", "skip"]
"""«Halt on Error» and «Skip Row and Continue»."""
USABLE = ("upsert", "append")
"""What the rows of a draft's format may do."""
_EACH_ITS_OWN = ("record_id", "external_id", "external_pin_id")


class DraftFile(Model):
    """The chosen file as its beginning tells it. `header` as it stands there, `size` in bytes."""

    name: str
    kind: FileKind
    header: tuple[str, ...]
    size: int
    delimiter: str | None = None
    encoding: str | None = None


class DraftBody(Model):
    """The choices. `start` is the saved format they began with; `columns` maps a header cell to a column's key, or to None for «not
    imported». A default of a column that has one value in the whole file is fixed, wherever it stands (acceptance T-5)."""

    file: DraftFile | None = None
    start: str | None = None
    defaults: dict[str, str] = Field(default_factory=dict)
    fixed: dict[str, str] = Field(default_factory=dict)
    columns: dict[str, str | None] = Field(default_factory=dict)
    on_error: OnBad = "skip"


@dataclass(frozen=True)
class DefaultColumn:
    """A column that Case Defaults may offer. A `fixed` one cannot be overridden by a column of the file."""

    column: Column
    fixed: bool


@dataclass(frozen=True)
class Problem:
    """What keeps a draft from being started. `place` is `file`, `columns`, `columns/{header cell}`, `required/{key}`, `defaults/{key}`
    or `fixed/{key}`."""

    place: str
    message: str


def default_columns(object_type: ObjectType) -> list[DefaultColumn]:
    """The columns that may have a default: fixed ones first, then required ones, then the others in the type's order."""
    usable = [c for c in map_targets(object_type) if c.role not in _EACH_ITS_OWN and c.key != ADDRESS_LINE]
    found = [DefaultColumn(c, c.key in object_type.one_value) for c in usable]
    return sorted(found, key=lambda one: (not one.fixed, not one.column.spec.required))


def map_targets(object_type: ObjectType) -> list[Column]:
    """The columns that a header cell may be mapped to, in the type's order."""
    return [c for c in object_type.columns if c.key not in object_type.made and c.spec.type != "Map"]


def with_format(body: DraftBody, known: Format) -> DraftBody:
    """The choices that a saved format states; the file stays."""
    on_error: OnBad = "halt" if known.on_error == "halt" else "skip" if known.on_error == "skip" else body.on_error
    said = {"start": known.name, "defaults": known.defaults, "fixed": known.fixed, "columns": known.columns, "on_error": on_error}
    return body.model_copy(update=said)


def with_file(body: DraftBody, file: DraftFile, suggested: Mapping[str, str | None], object_type: ObjectType) -> DraftBody:
    """The choices for this file: what was chosen for its header cells stays (acceptance T-7), the others get what is suggested.

    A cell that is written a little differently (case, blanks, punctuation) counts as the one that was chosen for. No column is given to
    two cells, nor one that has a fixed value.
    """
    exact = {cell.strip(): key for cell, key in body.columns.items()}
    alike = {fold_name(cell): key for cell, key in body.columns.items()}
    taken = set(fixed_of(body, object_type)) | {key for cell in file.header if (key := exact.get(cell.strip()))}
    columns: dict[str, str | None] = {}
    for cell, plain in zip(file.header, object_type.map_header(file.header).keys, strict=True):
        if cell.strip() in exact:
            columns[cell] = exact[cell.strip()]
            continue
        gathered = plain if plain and not _is_column(plain, object_type) else None
        key = alike[fold_name(cell)] if fold_name(cell) in alike else suggested.get(cell) or gathered
        columns[cell] = key if key not in taken else None
        taken |= {key} if key else set()
    return body.model_copy(update={"file": file, "columns": columns})


def _is_column(key: str, object_type: ObjectType) -> bool:
    return any(column.key == key for column in object_type.columns)


def fixed_of(body: DraftBody, object_type: ObjectType) -> dict[str, str]:
    """The values that hold for every row."""
    one = {key: value for key, value in body.defaults.items() if key in object_type.one_value}
    return {key: value.strip() for key, value in (one | body.fixed).items() if value.strip()}


def format_of(body: DraftBody, account: Account, object_type: ObjectType, name: str = "draft") -> Format:
    """The format that the choices make; what else the format that they began with states holds too.

    A cell that gives one entry of a Map field is left to its name, and so are the reason columns of a file of failed rows.
    """
    start = next((f for f in account.formats if f.name == body.start and f.object_type == object_type.name), None)
    base = start or Format(name=name, object_type=object_type.name)
    fixed = fixed_of(body, object_type)
    defaults = {key: value for key, value in body.defaults.items() if value.strip() and key not in fixed}
    header = body.file.header if body.file else tuple(body.columns)
    named = {cell: body.columns.get(cell) for cell in header}
    columns = {cell: key for cell, key in named.items() if (_is_column(key, object_type) if key else not is_reason(cell))}
    said = {"columns": columns, "defaults": defaults, "fixed": fixed, "on_error": body.on_error}
    plain = {"name": name, "title": "", "prefixes": (), "exact_header": False, "delimiter": None}
    return base.model_copy(update={**plain, **said})


def problems(body: DraftBody, object_type: ObjectType) -> list[Problem]:
    """Everything that keeps the choices from being an import, in the order of the steps. Values are not judged here."""
    return [*_of_values(body, object_type), *_of_columns(body, object_type), *_of_required(body, object_type)]


def _of_values(body: DraftBody, object_type: ObjectType) -> Iterator[Problem]:
    usable = [one.column.key for one in default_columns(object_type)]
    for place, values in (("fixed", body.fixed), ("defaults", body.defaults)):
        for key, value in values.items():
            if value.strip() and key not in usable:
                own = any(c.key == key for c in object_type.columns)
                why = "each row has its own" if own else f"{object_type.name} has no such field; {known_values(key, usable)}"
                yield Problem(f"{place}/{key}", f"{key!r} cannot have a default: {why}")
    for key in sorted(object_type.split & set(body.fixed)):
        if body.fixed[key].strip():
            yield Problem(f"fixed/{key}", f"{key!r} is an address in one column: it can have a default, but no fixed value")
    for key in sorted(set(body.fixed) & set(body.defaults)):
        if body.fixed[key].strip() and body.defaults[key].strip() and body.fixed[key].strip() != body.defaults[key].strip():
            yield Problem(f"defaults/{key}", f"{key!r} is fixed as {body.fixed[key]!r}; it cannot have another default")


def _of_columns(body: DraftBody, object_type: ObjectType) -> Iterator[Problem]:
    if body.file is None:
        yield Problem("file", "choose a file to import")
        return
    header, fixed = body.file.header, fixed_of(body, object_type)
    plain = dict(zip(header, object_type.map_header(header).keys, strict=True))
    known = [column.key for column in map_targets(object_type)]
    first: dict[str, str] = {}
    places = [cell.strip() for cell in header]
    for cell in dict.fromkeys(cell for cell in header if not cell.strip()):
        yield Problem("file", f"column {header.index(cell) + 1} of the file has no name: give it one in the header row")
    for cell in dict.fromkeys(cell for cell in header if cell.strip() and places.count(cell.strip()) > 1):
        yield Problem("file", f"the header has the column {cell!r} twice: rename one of them in the file")
    for cell in header:
        key = body.columns.get(cell)
        if key is None:
            continue
        if key in fixed:
            yield Problem(f"columns/{cell}", f"{key} is {fixed[key]!r} for the whole import, so no column can be mapped to it")
        elif key not in known and key != plain[cell]:
            yield Problem(f"columns/{cell}", f"{object_type.name} has no field {key!r} to map to; {known_values(key, known)}")
        elif first.setdefault(key, cell) != cell:
            yield Problem(f"columns/{cell}", f"{first[key]!r} is mapped to {key} already: each field takes one column")
    if not any(body.columns.get(cell) for cell in header):
        yield Problem("columns", "map at least one column of the file to a field")


def _of_required(body: DraftBody, object_type: ObjectType) -> Iterator[Problem]:
    """A required field needs a column or a default, unless the rows name records that are there already."""
    if body.file is None:
        return
    mapped = {key for cell in body.file.header if (key := body.columns.get(cell))}
    if RECORD_ID in mapped:
        return
    split = {key for whole in mapped & set(object_type.addresses) for key in object_type.addresses[whole].values()}
    stated = mapped | split | set(fixed_of(body, object_type)) | {key for key, value in body.defaults.items() if value.strip()}
    for column in object_type.columns:
        if column.spec.required and column.key not in stated | object_type.made:
            yield Problem(f"required/{column.key}", f"{column.key} is required: map a column to it, or give it a default")
