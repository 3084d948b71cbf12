"""A format: a saved mapping of columns to fields, with defaults and policies.

Belongs here: what formats/*.yaml may state. Does not belong here: suggesting a mapping.
"""

from pydantic import Field

from import_pipeline.model.base import Model
from import_pipeline.model.columns import Column, HeaderMap
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Hold, OnError


class Format(Model):
    """A saved mapping. `columns` maps a header cell (as written in the file) to a column's key, or to null for «not imported».

    `exact_header` demands that the file's header equals `columns` in order (acceptance E-3). `defaults` fill blank cells.
    """

    name: str = Field(min_length=1)
    object_type: str
    columns: dict[str, str | None]
    defaults: dict[str, str] = Field(default_factory=dict)
    exact_header: bool = False
    delimiter: str | None = None
    encoding: str | None = None
    on_error: OnError | None = None
    hold: Hold | None = None

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
        return tuple(key for key in (*self.columns.values(), *self.defaults) if key is not None and key not in known)
