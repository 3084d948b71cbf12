"""Plans of imports: which rows there are and what they say."""

import hashlib
from collections.abc import Iterator
from dataclasses import replace
from datetime import UTC, date, datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.model.job import ParsedFile
from import_pipeline.planning.rows import import_plan
from import_pipeline.planning.shape import COLUMNS, LABEL_CHARS
from import_pipeline.store.session import Session
from import_pipeline.store.staging import ERRORS, StageFolder
from import_pipeline_tests.lab import Lab
from import_pipeline_tests.planning.kit import PERSON, PLACE, ZONE, plan_order, planned


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path, (PLACE, PERSON), memory=True)
    yield made
    made.close()


def told(rows: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows with these columns only."""
    return rows.select(columns).rows()


def test_a_created_record_is_one_row_with_the_id_that_it_will_get(lab: Lab) -> None:
    """What was planned and what was imported can be compared record by record."""
    rows, validated, related = planned(lab, "Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}, {"Name": "Elm"}])
    assert told(rows, "line", "action", "external_id", "label", "column", "old", "new") == [
        (2, "create", "A", "Oak", None, None, None),
        (3, "create", None, "Elm", None, None, None),
    ]
    lab.apply("Place", validated, related)
    tag = lab.query("SELECT tag FROM store._lock")[0][0]
    assert rows["record"].to_list() == [f"{tag}{r['_id']:016x}" for r in lab.records("Place")]


def test_an_update_tells_each_changed_field_as_exports_write_values(lab: Lab) -> None:
    """Old and new are what people would find in an export: the account's time zone, the field's own date format, no exponent."""
    seen = datetime(2026, 7, 1, 2, 30, tzinfo=UTC)
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak", "Score": 1e-7, "Since": date(2026, 1, 2), "Seen": seen}])
    rows, _, _ = planned(
        lab,
        "Place",
        [{"ExternalDataObjectId": "A", "Name": "Oak", "Score": 20.0, "Since": date(2026, 2, 3), "Seen": seen.replace(hour=3)}],
    )
    assert told(rows, "line", "action", "external_id", "label", "column", "old", "new") == [
        (2, "update", "A", "Oak", "Score", "0.0000001", "20"),
        (2, "update", "A", "Oak", "Since", "01/02/2026", "02/03/2026"),
        (2, "update", "A", "Oak", "Seen", "06/30/2026 22:30", "06/30/2026 23:30"),
    ]


def test_blanks_unchanged_rows_and_columns_that_may_not_change_are_no_rows_of_a_plan(lab: Lab) -> None:
    """A blank never erases, and only what the import would write is told (acceptance S-8)."""
    lab.deliver("Place", [{"ExternalDataObjectId": x, "Name": "Oak", "Score": 1.0, "First Result": "home"} for x in "AB"])
    rows, _, _ = planned(
        lab,
        "Place",
        [
            {"ExternalDataObjectId": "A", "Name": "Ash", "Score": None, "First Result": "away"},
            {"ExternalDataObjectId": "B", "Name": "Oak", "Score": 1.0},
        ],
    )
    assert told(rows, "line", "action", "column", "old", "new") == [(2, "update", "Name", "Oak", "Ash")]


def test_a_change_that_several_rows_tell_is_told_once_at_the_line_that_the_change_set_names(lab: Lab) -> None:
    """Rows of one delivery that name the same record become one change."""
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}])
    rows, _, _ = planned(
        lab,
        "Place",
        [
            {"ExternalDataObjectId": "A", "Name": "Ash", "Score": 1.0},
            {"ExternalDataObjectId": "A", "Name": "Elm"},
            {"ExternalDataObjectId": "B", "Name": "Fir"},
            {"ExternalDataObjectId": "B", "Score": 7.0},
        ],
    )
    assert told(rows, "line", "action", "external_id", "column", "old", "new") == [
        (3, "update", "A", "Name", "Oak", "Elm"),
        (3, "update", "A", "Score", None, "1"),
        (5, "create", "B", None, None, None),
    ]
    assert rows["label"].to_list() == ["Oak", "Oak", "Fir"]


def test_a_parent_link_is_told_by_record_id_and_named_by_external_id(lab: Lab) -> None:
    """The link is what people see in RelatedTo; the note says whom it means."""
    lab.deliver("Place", [{"ExternalDataObjectId": x, "Name": x} for x in "AB"])
    lab.deliver("Person", [{"ExternalDataObjectId": "P", "Name": "Ann", "RelatedTo": "A"}, {"ExternalDataObjectId": "Q", "Name": "Bob"}])
    rows, _, _ = planned(lab, "Person", [{"ExternalDataObjectId": "P", "RelatedTo": "B"}, {"ExternalDataObjectId": "Q", "RelatedTo": "A"}])
    tag = lab.query("SELECT tag FROM store._lock")[0][0]
    first, second = f"{tag}{1:016x}", f"{tag}{2:016x}"
    assert told(rows, "external_id", "column", "old", "new", "note") == [
        ("P", "RelatedTo", first, second, "from the Place A to the Place B"),
        ("Q", "RelatedTo", None, first, "to the Place A"),
    ]


def test_a_row_without_its_parent_says_for_whom_it_waits(lab: Lab) -> None:
    """Acceptance B-4: it is kept, and its sender learns what is missing."""
    rows, _, _ = planned(lab, "Person", [{"ExternalDataObjectId": "P", "Name": "Ann", "RelatedTo": "A-17"}])
    assert told(rows, "line", "action", "record", "external_id", "label", "column", "new", "note") == [
        (2, "park", None, "P", "Ann", "RelatedTo", "A-17", "waits for the Place A-17")
    ]


def test_released_and_expired_rows_are_told_with_their_own_job(lab: Lab) -> None:
    """They belong to files that came earlier; whose file it is decides who is told."""
    lab.deliver("Person", [{"ExternalDataObjectId": "P", "Name": "Ann", "RelatedTo": "A"}], delivery="early")
    lab.deliver("Person", [{"ExternalDataObjectId": "Q", "Name": "Bob", "RelatedTo": "Z"}], delivery="other")
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}])
    lab.deliver("Place", [{"ExternalDataObjectId": "B", "Name": "Elm"}])
    rows, _, _ = planned(lab, "Person", [{"ExternalDataObjectId": "R", "Name": "Cid"}], delivery="late")
    assert told(rows, "job", "line", "action", "external_id", "note") == [
        ("early0", 2, "create", "P", None),
        ("other0", 2, "refuse", None, "waited too long for the Place Z"),
        ("late0", 2, "create", "R", None),
    ]


def test_refused_rows_stand_with_their_sentences_before_the_created_records(lab: Lab) -> None:
    """One row per error: line, column as in the type, value in `old`, the whole sentence in the note with the sender's header. Created
    records come last: there may be a million of them."""
    _, validated, related = planned(lab, "Place", [{"Name": "Oak"}, {"Score": 1.0}])
    file = ParsedFile(job=0, header=("Name", "Points"), keys=("Name", "Score"))
    parsed = StageFolder(validated.path.parent / "parsed")
    error = {"_job": 0, "_line": 9, "_end": 9, "code": "not_a_number", "severity": "error", "column": "Score", "value": "=x"}
    with parsed.writing() as writer:
        writer.part("errors", pl.DataFrame([error], schema=ERRORS))
        writer.report({"files": [file.model_dump()]})
    order = plan_order(lab, "Place", related, validated, related.path.parent / "again.parquet")
    with lab.session() as session:
        import_plan(session, replace(order, parsed=parsed))
    rows = pl.read_parquet(order.target)
    assert told(rows, "job", "line", "action", "column", "old", "note") == [
        ("d1_0", 3, "refuse", "Name", None, "Name: a required value is missing; expected a value: a new record needs it"),
        ("d1_0", 9, "refuse", "Score", "=x", "Points: '=x' is not a number"),
        ("d1_0", 2, "create", None, None, None),
    ]


def test_a_plan_has_its_columns_also_without_rows(lab: Lab) -> None:
    """Whoever reads plans need not ask first whether there is something in them."""
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}])
    rows, _, _ = planned(lab, "Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}])
    assert rows.schema == pl.Schema(COLUMNS)
    assert rows.is_empty()


def test_a_label_is_short_and_never_cut_within_a_character(lab: Lab) -> None:
    """A label names a record; the value itself is not a matter of the plan."""
    names = ["ä" * LABEL_CHARS, "ä" * (LABEL_CHARS + 1), "x" * 500]
    rows, _, _ = planned(lab, "Place", [{"Name": name} for name in names])
    assert rows["label"].to_list() == [names[0], "ä" * (LABEL_CHARS - 1) + "…", "x" * (LABEL_CHARS - 1) + "…"]


def test_planning_leaves_the_store_as_it_is_byte_for_byte_and_gives_the_same_bytes_again(tmp_path: Path) -> None:
    """Acceptance B-2: nothing written. The store is opened for reading only."""
    lab = Lab(tmp_path, (PLACE, PERSON))
    lab.deliver("Place", [{"ExternalDataObjectId": str(i), "Name": "Oak"} for i in range(50)])
    files = [{"ExternalDataObjectId": str(i), "Name": f"Elm {i}"} for i in range(25, 75)]
    _, validated, related = lab.relate("Place", files)
    before = lab.settings.store_file("lab").read_bytes()
    made = []
    for number in range(2):
        order = plan_order(lab, "Place", related, validated, tmp_path / f"{number}.parquet")
        with lab.session() as session:
            assert isinstance(session, Session) and not session.writable
            assert import_plan(session, order) == 50
        made.append(hashlib.sha256(order.target.read_bytes()).hexdigest())
    assert lab.settings.store_file("lab").read_bytes() == before
    assert made[0] == made[1]
    assert [p.name for p in tmp_path.glob("plan-*")] == []


def test_the_time_zone_of_the_tests_is_not_utc() -> None:
    """Else the tests above would not tell UTC from the account's zone."""
    assert ZONE == "America/New_York"
