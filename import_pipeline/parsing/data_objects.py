"""Data objects of the bulk job API as rows: their fields stand in a list, their address in an object, their ids beside it.

Belongs here: turning one object into named cells, and what an operation demands of a row. Does not belong here: reading lines
(jsonl.py), which column a name means (model/data_objects.py, model/columns.py).
"""

import json
from collections.abc import Mapping
from typing import Any

from import_pipeline.model.data_objects import BulkFormat
from import_pipeline.model.object_type import RECORD_ID, ObjectType
from import_pipeline.parsing.batch import BadLine

FIELDS, PIN = "fields", "pin"
_SHOWN = 200
_A_FIELD = 'a field such as {"fieldId": "Name", "value": "Ann"}'


def cells_of(value: Mapping[str, Any]) -> dict[str, Any]:
    """The object's values by name: its own keys, its fields by `fieldId` or `label`, the parts of its pin.

    Values are as JSON has them; `values` of a field stay a list. Raises BadLine when a part is not built as the API says, or when one
    name is given twice.
    """
    cells = {name: inner for name, inner in value.items() if name not in (FIELDS, PIN)}
    for name, inner in (*_fields(value.get(FIELDS)), *_pin(value.get(PIN))):
        if name in cells:
            raise BadLine("bad_json", value=name, expected="every field once in an object")
        cells[name] = inner
    return cells


def check_operation(format_: BulkFormat, object_type: ObjectType, row: Mapping[str, str | None]) -> None:
    """Raises BadLine when the row does not name what its operation needs: see BulkFormat. `row` is the line's text by column key."""
    record = (row.get(RECORD_ID) or "").strip()
    if format_.bulk == "create" and record:
        raise BadLine("id_given", column=RECORD_ID, value=record, expected="no id, or the operation update or patch")
    if format_.bulk == "update" and not record:
        raise BadLine("id_missing", column=RECORD_ID, expected="the record's id")
    if format_.bulk == "patch" and not record and not (row.get(object_type.external_id) or "").strip():
        raise BadLine("id_missing", column=RECORD_ID, expected="the record's id or its externalDataObjectId")
    for key in format_.required:
        if not (row.get(key) or "").strip():
            raise BadLine("required", column=key, expected="a value: an update gives every required field, a patch only what changes")


def _fields(given: Any) -> list[tuple[str, Any]]:
    if given is None:
        return []
    if not isinstance(given, list):
        raise BadLine("nested_value", column=FIELDS, value=_short(given), expected=f"a list of fields, {_A_FIELD}")
    return [_field(one) for one in given]


def _field(one: Any) -> tuple[str, Any]:
    name = (one.get("fieldId") or one.get("label")) if isinstance(one, dict) else None
    if not isinstance(name, str):
        raise BadLine("nested_value", column=FIELDS, value=_short(one), expected=_A_FIELD)
    several = one.get("values")
    return name, several if several is not None else one.get("value")


def _pin(given: Any) -> list[tuple[str, Any]]:
    """The parts of an address, also of one nested once more; the pin's own id is the system's."""
    if given is None:
        return []
    if not isinstance(given, dict):
        raise BadLine("nested_value", column=PIN, value=_short(given), expected='an object such as {"street": "Main St", "city": "Denver"}')
    found: list[tuple[str, Any]] = []
    for name, inner in given.items():
        if isinstance(inner, dict):
            found += inner.items()
        elif name != "id":
            found.append((name, inner))
    return found


def _short(value: Any) -> str:
    return json.dumps(value)[:_SHOWN]
