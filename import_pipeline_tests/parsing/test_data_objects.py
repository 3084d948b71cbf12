"""Data objects of the bulk job API: every line is a row or a row error with its line, whatever stands in it."""

import json
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.data_objects import BULK_OPERATIONS, bulk_formats
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing.batch import BadLine
from import_pipeline.parsing.data_objects import cells_of, check_operation
from import_pipeline_tests.scenarios.conftest import ACCOUNT

TYPE = ObjectType.model_validate(ACCOUNT | {"owner": {"column": "Owner Email", "users": []}})
FORMATS = {made.bulk: made for made in bulk_formats(TYPE)}
SCALARS = st.none() | st.booleans() | st.integers() | st.text(max_size=8)
ANY_JSON = st.recursive(
    SCALARS, lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(max_size=8), inner, max_size=3), max_leaves=12
)
KEYS = st.sampled_from(["id", "externalDataObjectId", "parentId", "stageId", "fields", "pin", "fieldId", "label", "value", "values", "x"])
OBJECTS = st.dictionaries(KEYS, ANY_JSON | st.lists(st.dictionaries(KEYS, ANY_JSON, max_size=3), max_size=3), max_size=5)


def test_fields_and_pin_become_named_cells() -> None:
    """By field id before label; several values before one; a pin's own id is the system's."""
    line = {
        "id": None,
        "externalDataObjectId": "A-1",
        "fields": [{"fieldId": "Name", "label": "x", "value": "Ann"}, {"label": "Interests", "value": "a", "values": ["Solar", "Roof"]}],
        "pin": {"id": "7", "street": "Main St", "location": {"lat": "1.5", "lng": "2"}},
    }
    cells = {"Name": "Ann", "Interests": ["Solar", "Roof"], "street": "Main St", "lat": "1.5", "lng": "2"}
    assert cells_of(line) == {"id": None, "externalDataObjectId": "A-1"} | cells


@given(value=OBJECTS)
@settings(max_examples=60)
def test_every_object_gives_cells_or_a_reason(value: dict[str, Any]) -> None:
    """Nothing in a line may raise anything else."""
    try:
        cells = cells_of(value)
    except BadLine as fault:
        assert fault.code in ("bad_json", "nested_value")
        assert fault.more.get("value") is None or isinstance(fault.more["value"], str)
    else:
        assert set(value) - {"fields", "pin"} <= set(cells)


@pytest.mark.parametrize(
    ("operation", "row", "code"),
    [
        ("create", {"Name": "Ann"}, None),
        ("create", {"RecordID": " ", "Name": "Ann"}, None),
        ("create", {"RecordID": "a1"}, "id_given"),
        ("update", {"RecordID": "a1", "Name": "Ann"}, None),
        ("update", {"ExternalDataObjectId": "A-1", "Name": "Ann"}, "id_missing"),
        ("update", {"RecordID": "a1", "Name": " "}, "required"),
        ("patch", {"RecordID": "a1"}, None),
        ("patch", {"ExternalDataObjectId": "A-1"}, None),
        ("patch", {"RecordID": None, "ExternalDataObjectId": ""}, "id_missing"),
    ],
)
def test_an_operation_demands_of_a_row_what_it_needs(operation: str, row: dict[str, str | None], code: str | None) -> None:
    """See docs/http.md."""
    try:
        check_operation(FORMATS[operation], TYPE, row)  # type: ignore[index]
    except BadLine as fault:
        assert fault.code == code
    else:
        assert code is None


def test_a_type_has_one_format_for_each_operation() -> None:
    """Known by name, so that jobs and receipts tell what a file was."""
    assert [made.name for made in bulk_formats(TYPE)] == [f"bulk {operation} Account" for operation in BULK_OPERATIONS]
    assert all(not made.missing(TYPE.columns) for made in bulk_formats(TYPE))


def test_the_guides_line_is_one_that_can_be_read() -> None:
    """It is what people copy first."""
    guide = (Path(__file__).parents[2] / "docs" / "http.md").read_text()
    lines = [json.loads(line) for line in guide.splitlines() if line.startswith('{"externalDataObjectId"')]
    assert [cells_of(line)["Name"] for line in lines] == ["Harbor Roofing", "Hill Solar"]
