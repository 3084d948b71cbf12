"""Records as the store keeps them: the row hash, the current state and the state as of a moment, as SELECTs.

Belongs here: what a stored record is, read. Does not belong here: writing (applying/), file formats (exporting/).
"""

from collections.abc import Collection, Sequence

from import_pipeline.model.columns import ADDRESS_COLUMNS, Column
from import_pipeline.model.object_type import EXTERNAL_PIN_ID, ObjectType
from import_pipeline.store.hanging import Hanging
from import_pipeline.store.names import Tables, data_columns, ident, outward_sql, sql_type
from import_pipeline.store.session import Session


def hash_sql(values: Sequence[str], parent: str) -> str:
    """SQL for a record's hash over its data columns and parent: equal hashes settle «unchanged» without reading the values."""
    return f"CAST(hash({', '.join([*values, parent])}) >> 1 AS BIGINT)"


def stored_columns(session: Session, object_type: ObjectType) -> frozenset[str]:
    """The columns that this type's table has in the store, without case; empty when there is no such table.

    A field that was added to the type since the last import is not among them: tables grow before an import, never for a reader.
    """
    found = session.run("SELECT column_name FROM duckdb_columns() WHERE database_name = 'store' AND table_name = ?", [object_type.slug])
    return frozenset(str(name).casefold() for (name,) in found)


def versions_sql(object_type: ObjectType, columns: Sequence[str], *, as_of: bool) -> str:
    """SELECT of one version per record: the current one, or with `as_of` the one valid at the bound moment (`$at`)."""
    tables, listed = Tables(object_type), ", ".join(ident(c) for c in columns)
    if not as_of:
        return f"SELECT {listed} FROM {tables.current}"
    return (
        f"SELECT {listed} FROM {tables.current} WHERE _valid_from <= $at UNION ALL "
        f"SELECT {listed} FROM {tables.history} WHERE _valid_from <= $at AND _valid_to > $at"
    )


def people_columns(object_type: ObjectType, stored: Collection[str], hanging: Hanging | None = None) -> list[tuple[Column, str]]:
    """The columns of the template with what people see in them, as SQL over `r` (the record) and `p` (its pin).

    Record ids are outward; `RelatedTo` holds the parent's record id. A column that is not in `stored` (see `stored_columns`) is null.
    With `hanging` there is one more, the territory (see hanging.py), which an import ignores.
    """

    def shown(column: Column) -> str:
        if column.role == "record_id":
            return outward_sql("r._id")
        if column.role == "parent":
            return f"CASE WHEN r._parent_id IS NOT NULL THEN {outward_sql('r._parent_id')} END"
        if column.key == EXTERNAL_PIN_ID and object_type.pin:
            return "p.external_pin_id"
        if column.role == "address":
            return f"p.{ident(column.key)}"
        return f"r.{ident(column.key)}" if column.key.casefold() in stored else f"CAST(NULL AS {sql_type(column.spec)})"

    found = [(c, shown(c)) for c in object_type.columns if c.role != "address" or c.key in ADDRESS_COLUMNS]
    return [*found, (hanging.column, hanging.value)] if hanging else found


def people_sql(
    object_type: ObjectType,
    select: str,
    stored: Collection[str],
    hanging: Hanging | None = None,
    *,
    as_of: bool = False,
    where: str = "true",
) -> str:
    """SELECT of records in order of their ids. `select` is made of `people_columns`, with the same `hanging`.

    `where` may use `r._id`, `r._valid_from`, `r._created_at`, `r._job`. Binds `$at` when `as_of`.
    """
    data = [c.key for c in data_columns(object_type) if c.key.casefold() in stored]
    inner = versions_sql(object_type, ["_id", "_parent_id", "_pin_id", "_valid_from", "_created_at", "_job", "_line", *data], as_of=as_of)
    pins = "LEFT JOIN store._pins p ON p._id = r._pin_id" if object_type.pin else ""
    hung = (hanging.past if as_of else hanging.now) if hanging else ""
    return f"SELECT {select} FROM ({inner}) r {pins} {hung} WHERE {where} ORDER BY r._id"
