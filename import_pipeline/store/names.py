"""Names in the record store: quoted identifiers, table names of an object type, record ids inside and outside.

Belongs here: the one helper that quotes an identifier, and anything that decides what something is called in SQL.
Does not belong here: statements, connections.
"""

import re

from import_pipeline.model.columns import Column
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.object_type import ObjectType

_RECORD_ID = re.compile(r"[a-f][0-9a-f]{7}[0-9a-f]{16}")


def ident(name: str) -> str:
    """`name` as a quoted SQL identifier; the only way a name enters a statement."""
    if "\0" in name:
        raise ValueError("an identifier cannot hold NUL")
    return '"' + name.replace('"', '""') + '"'


def literal(text: str) -> str:
    """`text` as a quoted SQL string, for the few places that take no bound value (file lists, ATTACH)."""
    if "\0" in text:
        raise ValueError("a SQL string cannot hold NUL")
    return "'" + text.replace("'", "''") + "'"


def idents(names: list[str] | tuple[str, ...], prefix: str = "") -> str:
    """Several quoted identifiers, comma-separated, each with `prefix` (such as `t.`) in front."""
    return ", ".join(prefix + ident(n) for n in names)


class Tables:
    """The tables of one object type. Internal names begin with `_`, which no type's slug does."""

    def __init__(self, object_type: ObjectType) -> None:
        self.slug = object_type.slug
        self.current = f"store.{ident(self.slug)}"
        self.history = f"store.{ident('_history_' + self.slug)}"
        self.parked = f"store.{ident('_parked_' + self.slug)}"
        self.released = f"store.{ident('_released_' + self.slug)}"
        self.aside = f"store.{ident('_aside_' + self.slug)}"


def data_columns(object_type: ObjectType) -> tuple[Column, ...]:
    """The columns that a record keeps under their own key: fields, external id, owner, stage, loss reason."""
    return tuple(c for c in object_type.columns if c.role in ("field", "external_id", "owner", "stage", "loss_reason"))


def updatable(column: Column) -> bool:
    """True when an update may set the column (acceptance S-8). An external id is given once: to a record that has none."""
    return column.update == "always" or column.role == "external_id"


def given_columns(object_type: ObjectType) -> dict[str, str]:
    """Every column a row may give, with its SQL type, in the type's order. Addresses in one cell are split before rows come here."""
    return {c.key: sql_type(c.spec) for c in object_type.columns if c.key not in object_type.split}


def sql_type(spec: FieldSpec) -> str:
    """The DuckDB type of a field's values (DESIGN section 9, rule 5)."""
    if spec.type == "Number":
        return f"DECIMAL(18,{spec.decimals})" if spec.decimals is not None else "DOUBLE"
    if spec.type == "Currency":
        return f"DECIMAL(18,{spec.decimals if spec.decimals is not None else 2})"
    return {"Boolean": "BOOLEAN", "Date": "DATE", "DateTime": "TIMESTAMPTZ"}.get(spec.type, "VARCHAR")


def outward(record_id: int, tag: str) -> str:
    """A record id as people see it: 24 hex characters that start with a letter; `tag` is the store's own eight."""
    return f"{tag}{record_id:016x}"


def inward(text: str, tag: str) -> int | None:
    """The record id behind an outward one of the store with this tag, or None when `text` is none."""
    if not _RECORD_ID.fullmatch(text) or not text.startswith(tag):
        return None
    number = int(text[8:], 16)
    return number if number < 2**63 else None


def outward_sql(expression: str) -> str:
    """SQL that turns a BIGINT record id into the outward form; null stays null."""
    return f"(SELECT tag FROM store._lock) || printf('%016x', {expression})"


def inward_sql(expression: str) -> str:
    """SQL that turns an outward record id of this store into a BIGINT; null for every other text."""
    return (
        f"CASE WHEN regexp_full_match({expression}, '[a-f][0-9a-f]{{7}}[0-7][0-9a-f]{{15}}') "
        f"AND substr({expression}, 1, 8) = (SELECT tag FROM store._lock) "
        f"THEN TRY_CAST('0x' || substr({expression}, 9) AS BIGINT) END"
    )
