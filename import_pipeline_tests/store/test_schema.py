"""The store's tables grow with the object types, keep every name apart, and are never converted (DESIGN section 9)."""

from pathlib import Path
from typing import Any

import pytest

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.lab import ACCOUNT, Lab

NAMES = ("select", 'a"b', "Größe", "it's", "id", "action", "target", "lead", "changed", "job", "record", "number", "ext", "n 1", "; --")


def type_of(*fields: dict[str, Any], name: str = "Thing", **more: Any) -> ObjectType:
    """A type with a required name and these fields."""
    return ObjectType.model_validate({"name": name, "fields": [{"name": "Name", "required": True}, *fields], **more})


def columns(lab: Lab, table: str) -> dict[str, str]:
    """Name and type of a table's columns."""
    found = "SELECT column_name, data_type FROM duckdb_columns() WHERE database_name = 'store' AND table_name = "
    return dict(lab.query(f"{found} '{table}'"))


def test_a_field_added_to_a_type_is_added_to_its_tables_and_old_records_have_it_blank(tmp_path: Path) -> None:
    """A new field is a change of configuration; nobody should have to touch a database for it."""
    lab = Lab(tmp_path, [type_of()])
    lab.deliver("Thing", [{"ExternalDataObjectId": "A", "Name": "old"}])
    lab = _later(lab, type_of({"name": "Colour", "custom": True}))
    lab.deliver("Thing", [{"ExternalDataObjectId": "B", "Name": "new", "Colour": "red"}, {"ExternalDataObjectId": "A", "Colour": "blue"}])
    assert [(r["Name"], r["Colour"]) for r in lab.records("Thing")] == [("old", "blue"), ("new", "red")]
    for table in ("thing", "_history_thing", "_parked_thing"):
        assert columns(lab, table)["Colour"] == "VARCHAR"


def test_a_field_whose_type_changed_is_refused_and_nothing_is_altered(tmp_path: Path) -> None:
    """Converting values in silence would lose some of them; the message says what can be done."""
    lab = Lab(tmp_path, [type_of({"name": "Size", "custom": True})])
    lab.deliver("Thing", [{"ExternalDataObjectId": "A", "Name": "n", "Size": "large"}])
    before = columns(lab, "thing")
    lab = _later(lab, type_of({"name": "Size", "type": "Number", "custom": True}, {"name": "Other", "custom": True}))
    with pytest.raises(PermanentFailure, match=r"'Size' is stored as VARCHAR, the object type now says DOUBLE.*new name"):
        lab.prepare()
    assert columns(lab, "thing") == before


def test_a_field_that_left_the_type_keeps_its_values(tmp_path: Path) -> None:
    """Taking a field out of a YAML file must not destroy data; the field may come back."""
    lab = Lab(tmp_path, [type_of({"name": "Size", "custom": True})])
    lab.deliver("Thing", [{"ExternalDataObjectId": "A", "Name": "n", "Size": "large"}])
    lab = _later(lab, type_of({"name": "Colour", "custom": True}))
    lab.deliver("Thing", [{"ExternalDataObjectId": "A", "Colour": "red"}])
    assert lab.query('SELECT "Size", "Colour" FROM store.thing') == [("large", "red")]


def test_field_names_may_be_any_text(tmp_path: Path) -> None:
    """Names come from people's files: reserved words, quotes, umlauts, and names that our own tables use."""
    kind = type_of(*({"name": name, "custom": n % 2 == 0} for n, name in enumerate(NAMES)), match=[['a"b', "select"]])
    lab = Lab(tmp_path, [kind])
    first = {name: f"{name} 1" for name in NAMES}
    lab.deliver("Thing", [{"ExternalDataObjectId": "A", "Name": "n", **first}, {"Name": "m", 'a"b': "k", "select": "k"}])
    second = {name: f"{name} 2" for name in NAMES}
    report = lab.deliver(
        "Thing", [{"ExternalDataObjectId": "A", **second}, {'a"b': "K", "select": "k ", "Größe": "x"}, {'a"b': "k", "select": "k "}]
    )
    assert report["jobs"] == {"d2_0": {"update": 2, "unchanged": 1}}
    one, two = lab.records("Thing")
    assert {name: one[name] for name in NAMES} == {name: (second if n % 2 == 0 else first)[name] for n, name in enumerate(NAMES)}
    assert (two["Name"], two["Größe"]) == ("m", "x")
    ignored = {name for n, name in enumerate(NAMES) if n % 2}
    assert {column for _, code, column in lab.errors(report) if code == "not_updatable"} == ignored


def test_types_named_like_our_own_tables_do_not_collide_with_them(tmp_path: Path) -> None:
    """A tracker may well have locks, pins and packages."""
    names = ("Lock", "History Contact", "Contact", "Pins", "Packages", "Lineage", "Change Sets", "Parked Contact")
    lab = Lab(tmp_path, [type_of(name=name) for name in names])
    for name in names:
        lab.deliver(name, [{"ExternalDataObjectId": name, "Name": f"one {name}"}])
        lab.deliver(name, [{"ExternalDataObjectId": name, "Name": "again"}])
    assert {name: [r["Name"] for r in lab.records(name)] for name in names} == {name: [f"one {name}"] for name in names}
    assert lab.query("SELECT count(*), max(next_id) FROM store._lock") == [(1, len(names) + 1)]


def test_preparing_a_store_twice_changes_nothing_and_the_tag_starts_with_a_letter(tmp_path: Path) -> None:
    """It is done before every import; a record id that looked like a number would be damaged by spreadsheets."""
    lab = Lab(tmp_path, [ACCOUNT])
    lab.prepare()
    (tag,) = lab.query("SELECT tag FROM store._lock")[0]
    lab.prepare()
    assert lab.query("SELECT tag, next_id FROM store._lock") == [(tag, 1)]
    assert len(tag) == 8 and tag[0] in "abcdef" and int(tag, 16) >= 0


def _later(lab: Lab, kind: ObjectType) -> Lab:
    """The same store with another definition of the type."""
    later = Lab(lab.settings.home, [kind])
    later.count, later.now = lab.count, lab.now
    return later
