"""Rows that waited for an external id which an update gave to a record that was there before, and undos of that update.

Belongs here: undos that take the name away by which a row found its parent. Does not belong here: parents that go (test_undo.py),
sequences of anything (test_undo_sequences.py).
"""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline.store.names import outward
from import_pipeline_tests.lab import Lab
from import_pipeline_tests.relating.test_undo import kept, new, row, scores


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, memory=True)
    lab.prepare()
    yield lab
    lab.close()


@pytest.mark.parametrize("by", ["Email", "RecordID"])
def test_rows_wait_again_when_the_external_id_that_let_them_in_is_taken_back(lab: Lab, by: str) -> None:
    """The record was there before and stays; only the name by which the row found it goes, and comes back."""
    lab.deliver("Account", [new(None, Email="a@x", Score=1.0)])
    lab.deliver("Contact", [new("C", Title="t", RelatedTo="A")])
    before = lab.query("SELECT * FROM store._parked_contact")
    key = {"Email": "a@x", "RecordID": outward(1, lab.query("SELECT tag FROM store._lock")[0][0])}[by]
    lab.deliver("Account", [row("A", Score=2.0, **{by: key})], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    assert [(r["_id"], r["_parent_id"]) for r in lab.records("Contact")] == [(2, 1)]
    undo = lab.undo("x_0")
    assert (scores(lab), lab.records("Contact")) == ({None: (1.0, "a@x")}, [])
    assert lab.query("SELECT * FROM store._parked_contact") == before
    assert lab.query("SELECT _undone_by FROM store._released_contact") == [(undo,)]
    lab.undo(undo)
    assert (list(scores(lab)), [r["_parent_id"] for r in lab.records("Contact")]) == (["A"], [1])
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(0,)]


def test_rows_whose_parent_kept_its_name_do_not_wait_again(lab: Lab) -> None:
    """Taking back another field of the parent, or a name that it had before, does not concern them."""
    lab.deliver("Account", [new(None, Email="a@x"), new("B", Email="b@x")])
    lab.deliver("Contact", [new("C", RelatedTo="A"), new("D", RelatedTo="Z")])
    lab.deliver("Account", [row("A", Email="a@x")])
    lab.deliver("Account", [row("A", Score=1.0), row("B", Score=1.0)], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    lab.undo("x_0")
    assert [r["_parent_id"] for r in lab.records("Contact")] == [1]
    lab.undo("d3_0")
    assert (list(scores(lab)), [r["_parent_id"] for r in lab.records("Contact")]) == ([None, "B"], [1])


def test_a_row_goes_on_waiting_when_the_name_it_waits_for_cannot_come_back(lab: Lab) -> None:
    """Another record has the external id by now: the row waits for that one, which the next delivery finds."""
    lab.deliver("Account", [new(None, Email="a@x")])
    lab.deliver("Contact", [new("C", RelatedTo="A")])
    lab.deliver("Account", [row("A", Email="a@x")], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    undo = lab.undo("x_0")
    lab.deliver("Account", [new("A", Email="other@x")])
    again = lab.undo(undo)
    assert kept(lab, "Account", again) == [(1, "ExternalDataObjectId", "d6_0", "taken")]
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(1,)]
    lab.deliver("Contact")
    assert [r["_parent_id"] for r in lab.records("Contact")] == [3]


def test_a_planned_undo_says_which_rows_would_wait_again_as_the_run_does(lab: Lab) -> None:
    """The plan is computed before the parents are written, the run after: both go by the parents' change set."""
    lab.deliver("Account", [new(None, Email="a@x")])
    lab.deliver("Contact", [new("C", RelatedTo="A")])
    lab.deliver("Account", [row("A", Email="a@x")], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    job = "x_0"
    for part in ("reparked", "unparked"):
        key, _ = lab.plan_undo(job)
        planned = lab.part("Contact", key, part)
        assert [(r["job"], r["_line"], r["ref"]) for r in planned] == [("d2_0", 2, "A")]
        job = lab.undo(job, key)
        assert lab.part("Contact", key, part) == planned
