"""Rows that come late: what a parked row or a replayed delivery may still change (acceptance B-4, B-7)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.relating.stage import relate_delivery
from import_pipeline_tests.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def contact(ext: str | None, **more: object) -> dict[str, Any]:
    return {"ExternalDataObjectId": ext, **more}


def titles(lab: Lab) -> list[tuple[str, str | None]]:
    """Name and title of all contacts."""
    return [(r["Name"], r["Title"]) for r in lab.records("Contact")]


def test_a_row_that_waited_changes_what_nobody_has_changed_since(lab: Lab) -> None:
    """It was sent to be taken; that its parent came later is no reason to drop its values."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="old")])
    lab.deliver("Contact", [contact("C", Title="waited", RelatedTo="A")])
    lab.deliver("Account", [contact("A", Name="Acme")])
    assert lab.deliver("Contact")["jobs"] == {"d2_0": {"update": 1}}
    assert titles(lab) == [("Ann", "waited")]


def test_a_replay_mends_what_its_own_delivery_set(lab: Lab) -> None:
    """A rule was mended, the delivery is played again, and the values are right (acceptance B-7)."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="wrnog")], delivery="d_")
    report = lab.deliver("Contact", [contact("C", Name="Ann", Title="wrong")], delivery="d_")
    assert (report["replay"], report["jobs"]) == (True, {"d_0": {"update": 1}})
    assert titles(lab) == [("Ann", "wrong")]


def test_a_replay_never_overwrites_what_a_later_delivery_set_even_when_it_was_set_back(lab: Lab) -> None:
    """Someone has looked at this value since; what they left is what they meant."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="one"), contact("D", Name="Dan", Title="one")], delivery="d_")
    for title in ("two", "one"):
        lab.deliver("Contact", [contact("C", Title=title)])
    lab.deliver("Contact", [contact("C", Title="mended"), contact("D", Title="mended")], delivery="d_")
    assert titles(lab) == [("Ann", "one"), ("Dan", "mended")]


def test_a_replay_imports_just_what_was_refused(lab: Lab) -> None:
    """The other rows are known again, even those that nothing but their line identifies."""
    lab.deliver("Contact", [contact(None, Name="Ann"), contact(None)], delivery="d_")
    report = lab.deliver("Contact", [contact(None, Name="Ann"), contact(None, Name="Bob")], delivery="d_")
    assert report["jobs"] == {"d_0": {"unchanged": 1, "create": 1}}
    assert titles(lab) == [("Ann", None), ("Bob", None)]


def test_a_parked_row_that_is_replayed_is_not_parked_twice(lab: Lab) -> None:
    """One row of a file waits once, and for as long as it speaks for its own moment."""
    rows = [contact("C", Name="Ann", RelatedTo="A")]
    first = lab.deliver("Contact", rows, delivery="d_")
    lab.deliver("Contact", rows, delivery="d_")
    assert [t.isoformat() for _, t in lab.query("SELECT _line, _parked_at FROM store._parked_contact")] == [first["stamp"]]
    lab.deliver("Account", [contact("A", Name="Acme")])
    assert lab.deliver("Contact", rows, delivery="d_")["jobs"] == {"d_0": {"create": 1}}
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(0,)]


def test_a_replay_whose_row_is_refused_now_takes_the_parked_one_away(lab: Lab) -> None:
    """The last judgement of a line counts; the old one must not come back later."""
    lab.deliver("Contact", [contact("C", Name="Ann", RelatedTo="A"), contact("D", Name="Dan")], delivery="d_")
    lab.deliver("Contact", [contact("C", RelatedTo=None), contact("D", Name="Dan")], delivery="d_")
    lab.deliver("Account", [contact("A", Name="Acme")])
    assert lab.deliver("Contact")["jobs"] == {}
    assert titles(lab) == [("Dan", None)]


def test_a_row_that_waited_yields_to_later_rows_of_its_own_file_and_overwrites_earlier_ones(lab: Lab) -> None:
    """Within a file the order of lines is the order of time, whether a line waits or not."""
    rows = [
        contact("C", Name="Ann"),
        contact("C", Title="waited", RelatedTo="A"),
        contact("C", Title="later"),
        contact("D", Name="Dan", Title="earlier"),
        contact("D", Title="waited", RelatedTo="A"),
    ]
    lab.deliver("Contact", rows)
    lab.deliver("Account", [contact("A", Name="Acme")])
    lab.deliver("Contact")
    assert titles(lab) == [("Ann", "later"), ("Dan", "waited")]


def test_a_line_is_the_record_that_it_last_was(lab: Lab) -> None:
    """A mapping was wrong in one pass and right in the next: the last one counts."""
    lab.deliver("Contact", [contact("B", Name="Bob")])
    for row in (contact(None, Name="Ann"), contact("B", Title="boss"), contact(None, Title="chief")):
        lab.deliver("Contact", [row], delivery="d_")
    assert titles(lab) == [("Bob", "chief"), ("Ann", None)]


def test_of_two_replayed_lines_that_now_have_one_external_id_both_are_the_record_of_the_first(lab: Lab) -> None:
    """An external id names one record, whatever the lines were before."""
    lab.deliver("Contact", [contact(None, Name="Ann"), contact(None, Name="Bob")], delivery="d_")
    lab.deliver("Contact", [contact("X", Title="one"), contact("X", Title="two")], delivery="d_")
    assert [(r["ExternalDataObjectId"], r["Title"]) for r in lab.records("Contact")] == [("X", "two"), (None, None)]


def test_released_and_fresh_rows_of_one_record_are_taken_in_order(lab: Lab) -> None:
    """What waited is older: it makes the record, and the row of today has the last word."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="waited", RelatedTo="A")])
    lab.deliver("Account", [contact("A", Name="Acme")])
    report = lab.deliver("Contact", [contact("C", Name="Other", Title="today")])
    assert report["jobs"] == {"d1_0": {"create": 1}, "d3_0": {"update": 1}}
    (record,) = lab.records("Contact")
    assert (record["Name"], record["Title"], record["_parent_id"], record["_job"]) == ("Ann", "today", 1, "d3_0")


def test_rows_on_the_same_line_wait_each_for_themselves(lab: Lab) -> None:
    """A KML file may stand on one line; a row is known by its position."""
    jobs = lab.validated("kml_", lab.types["Contact"], [[contact(e, Name=e, RelatedTo=p) for e, p in (("C", "A"), ("D", "B"))]])
    validated, related = lab.stages("Contact", "kml_")
    (part,) = validated.parts()
    pl.read_parquet(part).with_columns(_line=pl.lit(1, pl.Int64)).write_parquet(part)
    lab.prepare()
    with lab.session() as session:
        relate_delivery(session, lab.order("Contact", "kml_", jobs), validated, related)
    lab.apply("Contact", validated, related)
    lab.deliver("Account", [contact("B", Name="Bolt")])
    assert lab.deliver("Contact")["jobs"] == {"kml_0": {"create": 1}}
    assert lab.query('SELECT _pos, "ExternalDataObjectId" FROM store._parked_contact') == [(0, "C")]


def test_a_row_whose_parent_comes_on_the_last_day_does_not_expire(lab: Lab) -> None:
    """The parent is there: refusing the row now would be spite."""
    lab.deliver("Contact", [contact("C", Name="Ann", RelatedTo="A")])
    lab.deliver("Account", [contact("A", Name="Acme")])
    lab.now += timedelta(days=60)
    assert lab.deliver("Contact")["jobs"] == {"d1_0": {"create": 1}}
