"""The columns of an object type: fields and system columns with their roles, and how a header finds its column.

Belongs here: a new system column, a new header style. Does not belong here: reading files (parsing/), judging values
(validation/).
"""

from collections.abc import Sequence
from dataclasses import dataclass, field
from typing import Literal

from import_pipeline.model.base import fold_name
from import_pipeline.model.field import FieldSpec, UpdateRule

Role = Literal["record_id", "external_id", "external_pin_id", "parent", "owner", "stage", "loss_reason", "address", "field", "derived"]

ADDRESS_COLUMNS: tuple[str, ...] = ("House Number", "Street", "City", "Zip", "State", "Country", "Lat", "Lng")
"""Address parts in the order of SPOTIO's field guide (systems.md 1.1)."""
ADDRESS_LINE = "Address Line"
"""House number and street in one cell, as `Address (house # & street name)` sends them (acceptance S-11)."""

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
