"""What hangs where, read: the territory that a record's pin lies in, and the parent of a territory, now or at a moment.

Belongs here: SQL that joins them to records. Does not belong here: working them out (relating/territories.py), the records themselves
(records.py).
"""

from dataclasses import dataclass

from import_pipeline.model.base import fold_name
from import_pipeline.model.columns import Column
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import PARENT, TERRITORY, TITLE
from import_pipeline.store.names import Tables, ident
from import_pipeline.store.session import Session


@dataclass(frozen=True)
class Hanging:
    """One more column of a type's records: `column` holds the title of a territory. `join` is SQL after `… r` that brings it as
    `g.title`, one for the present and one for the bound moment `$at`; without it the store knows no territories and the value is null."""

    column: Column
    now: str = ""
    past: str = ""

    @property
    def value(self) -> str:
        """SQL of the title."""
        return "g.title" if self.now else "CAST(NULL AS VARCHAR)"


def hanging_key(object_type: ObjectType, territory: ObjectType | None) -> str | None:
    """The name of that column for records of `object_type` in an account whose territories are of the type `territory`; None when there
    is none. A type with a column of that name keeps its own."""
    if territory is None:
        return None
    key = PARENT if object_type.name == territory.name else TERRITORY if object_type.pin else None
    return None if key is None or any(fold_name(c.key) == fold_name(key) for c in object_type.columns) else key


def hanging_of(session: Session, object_type: ObjectType, territory: ObjectType | None) -> Hanging | None:
    """The column for records of `object_type`, or None (see hanging_key)."""
    key = hanging_key(object_type, territory)
    if territory is None or key is None:
        return None
    column = Column(key, "derived", FieldSpec(name=key), "never")
    tables = session.run("SELECT table_name FROM duckdb_columns() WHERE database_name = 'store' AND column_name IN ('territory', '_id')")
    if not {"_placed", "_tree", territory.slug} <= {name for (name,) in tables}:
        return Hanging(column)
    return Hanging(column, _join(territory, key, as_of=False), _join(territory, key, as_of=True))


def _join(territory: ObjectType, key: str, *, as_of: bool) -> str:
    valid = "{0}._valid_from <= $at AND ({0}._valid_to IS NULL OR {0}._valid_to > $at)" if as_of else "{0}._valid_to IS NULL"
    tables, title = Tables(territory), ident(TITLE)
    titles = f"SELECT _id, {title} AS title FROM {tables.current} WHERE {'_valid_from <= $at' if as_of else 'true'}"
    if as_of:
        titles += f" UNION ALL SELECT _id, {title} FROM {tables.history} WHERE _valid_from <= $at AND _valid_to > $at"
    table, of, in_, mine = ("_tree", "territory", "parent", "_id") if key == PARENT else ("_placed", "pin", "territory", "_pin_id")
    where = f"SELECT w.{of} AS hung, t.title FROM store.{table} w JOIN ({titles}) t ON t._id = w.{in_} WHERE {valid.format('w')}"
    return f"LEFT JOIN ({where}) g ON g.hung = r.{mine}"
