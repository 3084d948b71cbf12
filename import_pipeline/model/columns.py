"""The columns of an object type: fields and system columns with their roles, and how a header finds its column.

A Map field gathers open-ended columns: the cell `customFields.province` is the key `province` of the field `customFields`. Until its
rows are written, each such column stands alone under that dotted name (parsing/gathering.py).

Belongs here: a new system column, a new header style. Does not belong here: reading files (parsing/), judging values
(validation/).
"""

import re
from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from typing import Literal

from import_pipeline.model.base import fold_name
from import_pipeline.model.field import FieldSpec, UpdateRule

Role = Literal["record_id", "external_id", "external_pin_id", "parent", "owner", "stage", "loss_reason", "address", "field", "derived"]

ADDRESS_COLUMNS: tuple[str, ...] = ("House Number", "Street", "City", "Zip", "State", "Country", "Lat", "Lng")
"""Address parts in the order of SPOTIO's field guide (systems.md 1.1)."""
ADDRESS_LINE = "Address Line"
"""House number and street in one cell, as `Address (house # & street name)` sends them (acceptance S-11)."""
AddressPart = Literal["Street", "City", "State", "Zip", "Country"]
"""Parts of a whole address in one cell, in their order (acceptance T-6)."""

_ADDRESS_ALIASES: dict[str, tuple[str, ...]] = {
    "House Number": ("House #", "House No", "House"),
    "Street": ("Street Name",),
    "City": ("Town",),
    "Zip": ("Zip Code", "Postcode", "Postal Code"),
    "State": ("State/Province", "Region", "Province"),
    "Country": (),
    "Lat": ("Latitude",),
    "Lng": ("Longitude", "Lon", "Long"),
    ADDRESS_LINE: ("Address (house # & street name)", "Address", "Street Address"),
}
_IGNORED_EXACT = ("Creation date", "Created", "Created At", "Updated At", "Last Visit Date", "Last Modified", "Territory")
REASON_COLUMNS: tuple[str, ...] = ("_import_job", "_import_line", "_import_errors")
"""Columns that a failed-rows file carries at its end; they are never imported (acceptance, decision 1).
The first two tell which row of which job a row is that comes back mended (acceptance B-1)."""
_REASONS = {fold_name(name): name for name in REASON_COLUMNS}


@dataclass(frozen=True)
class Column:
    """One column that a file may fill. `key` is its name in staging, in the store and in templates."""

    key: str
    role: Role
    spec: FieldSpec
    update: UpdateRule
    aliases: tuple[str, ...] = ()


@dataclass(frozen=True)
class HeaderMap:
    """What became of a header row: `keys[i]` is the column of the i-th cell or None when it is not imported."""

    header: tuple[str, ...]
    keys: tuple[str | None, ...]
    ignored: tuple[str, ...] = ()
    """Known, but not importable: counts, `Days Since Last …`, reason columns of a failed file."""
    unknown: tuple[str, ...] = ()
    """Cells that name no column; not imported, told in the receipt."""
    duplicates: tuple[tuple[str, str], ...] = ()
    """Pairs of header cells that mean the same column; such a file is refused."""
    formatted: bool = field(default=False)
    """True when a saved format, not the names, decided."""


def is_reason(cell: str) -> bool:
    """True for a header cell that names a reason column, in any spelling that folds the same."""
    return fold_name(cell) in _REASONS


def reason_places(header: Sequence[str], keys: Sequence[str | None]) -> dict[str, int]:
    """Where the reason columns of a failed-rows file stand in a header: `{"_import_job": 3, …}`, in any spelling that folds the same.

    A cell that the object type itself imports (`keys[i]` is not None) is none of them; of several alike the last one counts.
    """
    return {_REASONS[name]: at for at, cell in enumerate(header) if keys[at] is None and (name := fold_name(cell)) in _REASONS}


def system_generated(header: str) -> bool:
    """True for a column the system makes itself and never imports: `Visit Count`, `Number of Calls`, `Days Since Last Visit`."""
    words = header.casefold().split()
    if not words:
        return False
    return words[-1] == "count" or words[:2] == ["number", "of"] or words[:3] == ["days", "since", "last"]


def address_columns() -> tuple[Column, ...]:
    """The address parts of a type with pins. They place a record at its creation only."""

    def one(key: str) -> Column:
        kind = "Number" if key in ("Lat", "Lng") else "Text"
        limits = {"Lat": (-90.0, 90.0), "Lng": (-180.0, 180.0)}.get(key, (None, None))
        spec = FieldSpec(name=key, type=kind, min=limits[0], max=limits[1], max_length=None if kind == "Number" else 500)
        return Column(key, "address", spec, "create_only", _ADDRESS_ALIASES[key])

    return tuple(one(key) for key in (*ADDRESS_COLUMNS, ADDRESS_LINE))


def map_header(header: Sequence[str], columns: Sequence[Column], synonyms: dict[str, str]) -> HeaderMap:
    """Finds each header cell's column: exact key first, then folded names, aliases, `Field X`, synonyms (acceptance S-5, S-11).

    `synonyms` maps another spelling to a column's key. A cell is never guessed by likeness: what is unknown is told, not imported.
    """
    names: dict[str, str] = {}
    for column in columns:
        for alias in column.aliases:
            names.setdefault(fold_name(alias), column.key)
        if column.role == "field":
            names.setdefault(fold_name("Field " + column.key), column.key)
    names |= {fold_name(other): key for other, key in synonyms.items()}
    names |= {fold_name(column.key): column.key for column in columns}
    ignorable = {fold_name(name) for name in (*_IGNORED_EXACT, *REASON_COLUMNS)}
    keys: list[str | None] = []
    ignored: list[str] = []
    unknown: list[str] = []
    duplicates: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for cell in header:
        key = names.get(fold_name(cell))
        if key is None:
            (ignored if fold_name(cell) in ignorable or system_generated(cell) else unknown).append(cell)
        elif key in seen:
            duplicates.append((seen[key], cell))
        else:
            seen[key] = cell
        keys.append(key)
    return HeaderMap(tuple(header), tuple(keys), tuple(ignored), tuple(unknown), tuple(duplicates))


def map_exactly(
    header: Sequence[str], columns: Sequence[Column], synonyms: dict[str, str], made: Collection[str], *, exact: bool
) -> HeaderMap:
    """As `map_header`, for types with Map fields, with columns that the import makes itself (`made`: ignored), or with exact names.

    With `exact` a cell must be a column's key or a synonym, to the letter (acceptance A-5). A cell `{map}.{key}` is kept under that
    name when the key fits the Map's pattern; synonyms count for the map's name too.
    """
    maps = {c.key: re.compile(c.spec.keys) for c in columns if c.spec.type == "Map"}
    plain = [c for c in columns if c.key not in maps]
    names = {c.key: c.key for c in columns} | synonyms
    spelled = {cell: names[cell.strip()] for cell in header if cell.strip() in names} if exact else {}
    loose = map_header(header, plain, {k: v for k, v in synonyms.items() if v not in maps}) if not exact else None
    keys: list[str | None] = []
    ignored: list[str] = []
    unknown: list[str] = []
    duplicates: list[tuple[str, str]] = []
    seen: dict[str, str] = {}
    for place, cell in enumerate(header):
        key = loose.keys[place] if loose else spelled.get(cell)
        key = None if key in maps else key or _gathered(cell.strip(), names, maps)
        if key is None:
            known = cell.strip() in made or is_reason(cell) or (loose is not None and cell in loose.ignored)
            (ignored if known else unknown).append(cell)
        elif key in seen:
            duplicates.append((seen[key], cell))
        else:
            seen[key] = cell
        keys.append(key)
    return HeaderMap(tuple(header), tuple(keys), tuple(ignored), tuple(unknown), tuple(duplicates))


def _gathered(cell: str, names: dict[str, str], maps: dict[str, re.Pattern[str]]) -> str | None:
    """`{map}.{key}` of a cell that gives one entry of a Map field; None for every other cell."""
    for at in (place for place, sign in enumerate(cell) if sign == "."):
        field_name = names.get(cell[:at])
        if field_name in maps and maps[field_name].fullmatch(cell[at + 1 :]):
            return f"{field_name}.{cell[at + 1 :]}"
    return None
