"""Data objects as the bulk job API sends them, one JSON object a line: which column each of their keys fills (systems.md 1.1).

Belongs here: the built-in formats of the bulk job API. Does not belong here: reading lines (parsing/data_objects.py), the API itself.
"""

from typing import Literal, get_args

from import_pipeline.model.format import Format
from import_pipeline.model.object_type import RECORD_ID, ObjectType

BulkOperation = Literal["create", "update", "patch"]
BULK_OPERATIONS: tuple[BulkOperation, ...] = get_args(BulkOperation)
EXTERNAL_ID, PARENT_ID, STAGE_ID, OWNER_ID = "externalDataObjectId", "parentId", "stageId", "ownerId"


class BulkFormat(Format):
    """How the lines of one bulk operation become rows of an object type.

    `create`: a line has no `id`. `update`: it names its record by `id` and gives every required field. `patch`: it names its record by
    `id` or by `externalDataObjectId` and gives what changes. Blank values never erase, whatever the operation (acceptance S-8).
    """

    bulk: BulkOperation
    required: tuple[str, ...] = ()
    """Columns that a line of an update must give."""


def bulk_name(object_type: str, operation: str) -> str:
    """The name of a built-in format, as jobs and receipts tell it."""
    return f"bulk {operation} {object_type}"


def bulk_formats(object_type: ObjectType) -> tuple[BulkFormat, ...]:
    """The formats of the three operations for one object type."""
    roles = {"external_id": EXTERNAL_ID, "parent": PARENT_ID, "stage": STAGE_ID, "owner": OWNER_ID}
    columns: dict[str, str | None] = {"id": RECORD_ID}
    for role, name in roles.items():
        column = object_type.column_of_role(role)
        if column:
            columns[name] = column.key
    required = tuple(column.key for column in object_type.columns if column.spec.required)
    return tuple(
        BulkFormat(
            name=bulk_name(object_type.name, operation),
            object_type=object_type.name,
            columns=columns,
            bulk=operation,
            required=required if operation == "update" else (),
        )
        for operation in BULK_OPERATIONS
    )
