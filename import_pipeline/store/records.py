"""Records as the store keeps them: the row hash, the current state and the state as of a moment, as SELECTs.

Belongs here: what a stored record is, read. Does not belong here: writing (applying/), file formats (exporting/).
"""

from collections.abc import Sequence

from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import EXTERNAL_PIN_ID, ObjectType
from import_pipeline.store.names import Tables, data_columns, ident, outward_sql


def hash_sql(values: Sequence[str], parent: str) -> str:
    """SQL for a record's hash over its data columns and parent: equal hashes settle «unchanged» without reading the values."""
    return f"CAST(hash({', '.join([*values, parent])}) >> 1 AS BIGINT)"


def versions_sql(object_type: ObjectType, columns: Sequence[str], *, as_of: bool) -> str:
    """SELECT of one version per record: the current one, or with `as_of` the one valid at the bound moment (`$at`)."""
    tables, listed = Tables(object_type), ", ".join(ident(c) for c in columns)
    if not as_of:
        return f"SELECT {listed} FROM {tables.current}"
    return (
        f"SELECT {listed} FROM {tables.current} WHERE _valid_from <= $at UNION ALL "
        f"SELECT {listed} FROM {tables.history} WHERE _valid_from <= $at AND _valid_to > $at"
    )


def people_sql(object_type: ObjectType, parent: ObjectType | None, *, as_of: bool = False, where: str = "true") -> str:
    """SELECT of records as people see them, in the columns of the template and in order of their ids.

    Record ids are outward; `RelatedTo` holds the parent's record id; the pin's columns follow. `where` may use `r._id`,
    `r._valid_from`, `r._job`. Binds `$at` when `as_of`.
    """
    data = [c.key for c in data_columns(object_type)]
    inner = versions_sql(object_type, ["_id", "_parent_id", "_pin_id", "_valid_from", "_created_at", "_job", "_line", *data], as_of=as_of)
    shown: list[str] = []
    for column in object_type.columns:
        name = ident(column.key)
        if column.role == "record_id":
            shown.append(f"{outward_sql('r._id')} AS {name}")
        elif column.role == "parent":
            shown.append(f"CASE WHEN r._parent_id IS NOT NULL THEN {outward_sql('r._parent_id')} END AS {name}")
        elif column.key == EXTERNAL_PIN_ID and object_type.pin:
            shown.append(f"p.external_pin_id AS {name}")
        elif column.role == "address":
            if column.key in ADDRESS_COLUMNS:
                shown.append(f"p.{name}")
        else:
            shown.append(f"r.{name}")
    pins = "LEFT JOIN store._pins p ON p._id = r._pin_id" if object_type.pin else ""
    return f"SELECT {', '.join(shown)} FROM ({inner}) r {pins} WHERE {where} ORDER BY r._id"
