"""Plans of undos: what is removed, what goes back, what stays and why."""

from collections.abc import Iterator
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.planning.shape import COLUMNS
from import_pipeline.planning.undo_rows import undo_plan
from import_pipeline.store.staging import DeliveryStaging
from import_pipeline_tests.lab import Lab
from import_pipeline_tests.planning.kit import JOB, PERSON, PLACE, plan_order, undo_planned


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    made = Lab(tmp_path, (PLACE, PERSON), memory=True)
    yield made
    made.close()


def told(rows: pl.DataFrame, *columns: str) -> list[tuple[Any, ...]]:
    """The rows with these columns only."""
    return rows.select(columns).rows()


def record(lab: Lab, number: int) -> str:
    """An outward record id."""
    return f"{lab.query('SELECT tag FROM store._lock')[0][0]}{number:016x}"


def test_records_that_the_import_created_are_to_be_removed(lab: Lab) -> None:
    """Acceptance B-3. They are named by id, external id and label: all three are gone afterwards."""
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}, {"Name": "Elm"}], delivery="x")
    rows, _ = undo_planned(lab, "Place", "x0", "x")
    assert rows.schema == pl.Schema(COLUMNS)
    assert told(rows, "job", "line", "action", "record", "external_id", "label", "column") == [
        (JOB, None, "delete", record(lab, 1), "A", "Oak", None),
        (JOB, None, "delete", record(lab, 2), None, "Elm", None),
    ]


def test_values_go_back_to_what_they_were_nothing_included(lab: Lab) -> None:
    """A value that the import set where there was none goes back to none, which no import could do."""
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}])
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Ash", "Score": 2.0}], delivery="x")
    rows, _ = undo_planned(lab, "Place", "x0", "x")
    assert told(rows, "action", "external_id", "label", "column", "old", "new") == [
        ("update", "A", "Ash", "Name", "Ash", "Oak"),
        ("update", "A", "Ash", "Score", "2", None),
    ]


def test_what_was_edited_since_stays_and_says_by_whom(lab: Lab) -> None:
    """Acceptance B-3: kept and named; the fields nobody touched go back."""
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak", "Score": 1.0}])
    lab.deliver(
        "Place", [{"ExternalDataObjectId": "A", "Name": "Ash", "Score": 2.0}, {"ExternalDataObjectId": "B", "Name": "Fir"}], delivery="x"
    )
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Elm"}, {"ExternalDataObjectId": "B", "Score": 9.0}], delivery="y")
    rows, _ = undo_planned(lab, "Place", "x0", "x")
    assert told(rows, "action", "external_id", "column", "old", "new", "note") == [
        ("keep", "A", "Name", None, None, "edited since by job y0"),
        ("update", "A", "Score", "2", "1", None),
        ("keep", "B", None, None, None, "edited since by job y0"),
    ]


def test_children_of_removed_records_lose_their_parent(lab: Lab) -> None:
    """They stay, and whoever decides about the undo sees how many there are."""
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}], delivery="x")
    lab.deliver("Person", [{"ExternalDataObjectId": "P", "Name": "Ann", "RelatedTo": "A"}], delivery="y")
    _, above = undo_planned(lab, "Place", "x0", "x")
    rows, _ = undo_planned(lab, "Person", "x0", "x", above)
    assert told(rows, "action", "external_id", "label", "column", "old", "new", "note") == [
        ("update", "P", "Ann", "RelatedTo", record(lab, 1), None, "loses its parent")
    ]


def test_rows_that_came_in_because_of_a_removed_parent_wait_again(lab: Lab) -> None:
    """Their record goes with the parent, and the row waits as it did before."""
    lab.deliver("Person", [{"ExternalDataObjectId": "P", "Name": "Ann", "RelatedTo": "A"}], delivery="y")
    lab.deliver("Place", [{"ExternalDataObjectId": "A", "Name": "Oak"}], delivery="x")
    lab.deliver("Person", [], delivery="x")
    _, above = undo_planned(lab, "Place", "x0", "x")
    rows, _ = undo_planned(lab, "Person", "x0", "x", above)
    assert told(rows, "job", "line", "action", "external_id", "note") == [
        (JOB, None, "delete", "P", None),
        ("y0", 2, "park", None, "waits again for the Place A"),
    ]


def test_restored_and_taken_records_and_lost_links_are_told_from_any_change_set(lab: Lab) -> None:
    """The undo of an undo: a record comes back, one cannot for another has its external id, one comes back without its parent."""
    lab.deliver("Place", [{"ExternalDataObjectId": "T", "Name": "Oak"}])
    lab.deliver("Person", [{"ExternalDataObjectId": "T", "Name": "Ann"}], delivery="x")
    ended = "INSERT INTO store._history_person BY NAME SELECT * REPLACE ({}), now() AS _valid_to FROM store.person"
    lab.query(ended.format("5 AS _id"))
    lab.query(ended.format("5 AS _id, 2 AS _version, 'Bea' AS \"Name\""))
    lab.query(ended.format("3 AS _id, 'R' AS \"ExternalDataObjectId\", 'Cid' AS \"Name\""))
    related = DeliveryStaging(lab.settings.staging, "lab", "hand").stage("person", "related")
    places = {"_job": pl.Int32(), "_line": pl.Int64(), "_pos": pl.Int64(), "package": pl.Int64()}
    common = {"_seq": pl.Int64(), "job": pl.String(), **places}
    one = {"job": JOB, "_job": 0, "_line": None, "package": 0}
    with related.writing() as writer:
        seen = [{**one, "_seq": n, "_pos": n, "record": r, "action": a} for n, (r, a) in enumerate(((5, "unchanged"), (3, "create")))]
        writer.part("outcomes", pl.DataFrame(seen, schema={**common, "record": pl.Int64(), "action": pl.String()}))
        ids = {"id": pl.Int64(), "parent_id": pl.Int64(), "pin_id": pl.Int64()}
        change = {**one, "_seq": 1, "_pos": 1, "action": "create", "id": 3, "folded": False}
        writer.part("changes", pl.DataFrame([change], schema={**common, "action": pl.String(), **ids, "folded": pl.Boolean()}))
        image = {"_seq": 1, "_id": 3, "_parent_id": None, "ExternalDataObjectId": "R", "Name": "Cid", "Title": None}
        strings = {name: pl.String() for name in ("ExternalDataObjectId", "Name", "Title")}
        writer.part("images", pl.DataFrame([image], schema={"_seq": pl.Int64(), "_id": pl.Int64(), "_parent_id": pl.Int64(), **strings}))
        kept = [(5, None, "y0", "taken"), (3, "RelatedTo", None, "parent_gone")]
        writer.part(
            "kept",
            pl.DataFrame(kept, schema={"record": pl.Int64(), **dict.fromkeys(("column", "job", "reason"), pl.String())}, orient="row"),
        )
        writer.report({})
    order = plan_order(lab, "Person", related, None, related.path.parent / "plan.parquet")
    with lab.session() as session:
        assert undo_plan(session, order) == 3
    assert told(pl.read_parquet(order.target), "action", "record", "external_id", "label", "column", "note") == [
        ("keep", record(lab, 5), "T", "Bea", None, "stays removed: another record has its external id"),
        ("create", record(lab, 3), "R", "Cid", None, None),
        ("keep", record(lab, 3), "R", "Cid", "RelatedTo", "its parent is gone, the link is left empty"),
    ]
