"""Rows that come late: what a parked row or a replayed delivery may still change (acceptance B-4, B-7)."""

from datetime import timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.stage import relate_delivery
from import_pipeline.store.horizon import prune_history
from import_pipeline.store.schema import WHOLE
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


def later(ext: str, **more: object) -> list[dict[str, Any]]:
    return [contact(ext, **more)]


def test_a_replay_leaves_a_value_that_a_later_delivery_gave_though_it_changed_nothing(lab: Lab) -> None:
    """The later delivery said what the record should hold; that it held it already is no reason to take less of its word."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="one")])
    lab.deliver("Contact", [contact("D", Name="Dan")], delivery="d_")
    assert lab.deliver("Contact", later("C", Title="one"))["jobs"] == {"d3_0": {"unchanged": 1}}
    lab.deliver("Contact", [contact("D", Name="Dan"), contact("C", Title="mended")], delivery="d_")
    assert titles(lab) == [("Ann", "one"), ("Dan", None)]


def test_a_replay_leaves_a_value_that_a_later_delivery_gave_beside_one_that_it_changed(lab: Lab) -> None:
    """A row that changes the parent and repeats the title has given both; what it left blank is free."""
    lab.deliver("Account", [contact("A", Name="Acme"), contact("B", Name="Bolt")])
    lab.deliver("Contact", [contact("C", Name="Ann", Title="one"), contact("D", Name="Dan", Title="one")])
    lab.deliver("Contact", [contact("E", Name="Eve")], delivery="d_")
    lab.deliver("Contact", [contact("C", Title="one", RelatedTo="B"), contact("D", RelatedTo="B")])
    mended = [contact("E", Name="Eve"), *(contact(e, Title="mended", RelatedTo="A") for e in ("C", "D"))]
    lab.deliver("Contact", mended, delivery="d_")
    assert [(r["Name"], r["Title"], r["_parent_id"]) for r in lab.records("Contact")][:2] == [("Ann", "one", 2), ("Dan", "mended", 2)]


def test_a_replayed_row_speaks_for_its_delivery_not_for_its_replay(lab: Lab) -> None:
    """After the first delivery was replayed, a replay of the second one still has the last word, and the first one still has not."""
    lab.deliver("Contact", [contact("C", Name="Ann")])
    for key in ("one_", "two_"):
        lab.deliver("Contact", [contact(f"{key}x", Name="x")], delivery=key)
    for key, expected in (("one_", "one_"), ("two_", "two_"), ("one_", "two_")):
        lab.deliver("Contact", [contact(f"{key}x", Name="x"), contact("C", Title=key)], delivery=key)
        assert titles(lab)[0] == ("Ann", expected)


def test_what_an_undone_job_gave_protects_nothing_until_its_undo_is_undone(lab: Lab) -> None:
    """Nobody stands by the values of a job that was taken back."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="one")])
    lab.deliver("Contact", [contact("D", Name="Dan")], delivery="d_")
    lab.deliver("Contact", later("C", Title="one"), delivery="again_")
    undo = lab.undo("again_0")
    rows = [contact("D", Name="Dan"), contact("C", Title="mended")]
    lab.deliver("Contact", rows, delivery="d_")
    assert titles(lab) == [("Ann", "mended"), ("Dan", None)]
    lab.undo(undo)
    lab.deliver("Contact", [rows[0], contact("C", Title="mended again")], delivery="d_")
    assert titles(lab) == [("Ann", "mended"), ("Dan", None)]


def test_the_maker_of_a_record_protects_nothing_once_it_is_undone(lab: Lab) -> None:
    """The record stays because others changed it; what its maker gave beside that is free."""
    lab.deliver("Contact", [contact("D", Name="Dan")], delivery="d_")
    lab.deliver("Contact", [contact("C", Name="Ann", Title="made")], delivery="made_")
    lab.deliver("Account", [contact("A", Name="Acme")])
    lab.deliver("Contact", [contact("C", RelatedTo="A")])
    lab.undo("made_0")
    lab.deliver("Contact", [contact("D", Name="Dan"), contact("C", Title="early")], delivery="d_")
    assert titles(lab) == [("Dan", None), ("Ann", "early")]


def test_a_row_that_waited_rules_over_an_earlier_delivery_that_is_replayed(lab: Lab) -> None:
    """It speaks for the moment that it was sent, whichever of the two is taken in first, and also when both are at once."""
    lab.deliver("Contact", [contact("C", Name="Ann"), contact("D", Name="Dan")])
    lab.deliver("Contact", [contact("E", Name="Eve")], delivery="d_")
    lab.deliver("Contact", [contact("C", Title="waited", RelatedTo="A"), contact("D", Title="waited", RelatedTo="B")])
    early = [contact("E", Name="Eve"), contact("C", Title="early"), contact("D", Title="early")]
    lab.deliver("Account", [contact("A", Name="Acme")])
    lab.deliver("Contact")
    lab.deliver("Account", [contact("B", Name="Bolt")])
    assert lab.deliver("Contact", early, delivery="d_")["jobs"]["d3_0"] == {"update": 1}
    assert titles(lab) == [("Ann", "waited"), ("Dan", "waited"), ("Eve", None)]


def test_a_row_that_waited_overwrites_what_an_earlier_file_of_its_delivery_gave(lab: Lab) -> None:
    """Files of one delivery are in order too: the order of time within a delivery is by file and line."""
    first = [contact("C", Name="Ann", Title="earlier"), contact("D", Name="Dan")]
    second = [contact("C", Title="waited", RelatedTo="A"), contact("D", Title="waited", RelatedTo="A")]
    lab.deliver("Contact", first, second, [contact("D", Title="later")])
    lab.deliver("Account", [contact("A", Name="Acme")])
    lab.deliver("Contact")
    assert titles(lab) == [("Ann", "waited"), ("Dan", "later")]


def test_what_a_row_gave_is_told_by_its_own_columns_when_the_type_has_others_since(lab: Lab) -> None:
    """Types grow and change their order; a mask is read with the keys that it was written with."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="one"), contact("D", Name="Dan", Title="one")])
    lab.deliver("Contact", [contact("E", Name="Eve")], delivery="d_")
    lab.deliver("Contact", [contact("C", Title="two"), contact("D", Title=None, RelatedTo=None, Name="Dan")])
    fields = [{"name": "Nick", "custom": True}, {"name": "Name", "required": True}, {"name": "Title", "custom": True}]
    lab.types["Contact"] = ObjectType.model_validate({"name": "Contact", "parent": {"type": "Account"}, "fields": fields})
    rows = [contact("E", Name="Eve"), contact("C", Title="mended", Nick="Annie"), contact("D", Title="mended", Nick="Danny")]
    lab.deliver("Contact", rows, delivery="d_")
    assert [(r["Title"], r["Nick"]) for r in lab.records("Contact")] == [("two", "Annie"), ("mended", "Danny"), (None, None)]


def test_of_a_type_with_more_columns_than_bits_the_last_ones_are_kept_together(lab: Lab) -> None:
    """A later delivery that gave one of them is taken to have given them all: rather too little is mended than too much."""
    fields = [{"name": "Name", "required": True}, *({"name": f"f{n}", "custom": True} for n in range(70))]
    lab.types["Contact"] = ObjectType.model_validate({"name": "Contact", "parent": {"type": "Account"}, "fields": fields})
    lab.deliver("Contact", [contact("C", Name="Ann")])
    lab.deliver("Contact", [contact("D", Name="Dan")], delivery="d_")
    lab.deliver("Contact", [contact("C", f1="new", f69="new")])
    lab.deliver("Contact", [contact("D", Name="Dan"), contact("C", **{f"f{n}": "mended" for n in range(70)})], delivery="d_")
    (record, _) = lab.records("Contact")
    assert {k: v for k, v in record.items() if k.startswith("f")} == {
        **{f"f{n}": "mended" for n in range(60)},
        "f1": "new",
        **{f"f{n}": None for n in range(60, 69)},
        "f69": "new",
    }


def test_a_row_that_was_taken_in_before_there_were_masks_gave_all_that_its_record_held_if_it_changed_it(lab: Lab) -> None:
    """In a store written by an older version a later delivery's values are as safe as in a new one."""
    lab.deliver("Contact", [contact("C", Name="Ann", Title="one"), contact("D", Name="Dan")])
    lab.deliver("Contact", [contact("E", Name="Eve")], delivery="d_")
    lab.deliver("Contact", [contact("C", Title="two"), contact("D", Name="Dan")])
    with lab.session(writable=True) as session:
        session.run("UPDATE store._lineage SET given = NULL")
        session.run("UPDATE store._packages SET job_number = NULL")
        session.run('UPDATE store._change_sets SET moment = NULL, "columns" = NULL')
    lab.deliver("Contact", [contact("E", Name="Eve"), *(contact(e, Title="mended") for e in ("C", "D"))], delivery="d_")
    assert titles(lab)[:2] == [("Ann", "two"), ("Dan", "mended")]


def test_a_delivery_that_was_held_rules_from_the_moment_that_it_was_held(lab: Lab) -> None:
    """Approving it later does not make it younger: a delivery between the two still has the last word when it is replayed."""
    lab.deliver("Contact", [contact("C", Name="Ann")])
    held = lab.now + timedelta(seconds=1)
    lab.deliver("Contact", [contact("D", Name="Dan")], delivery="between_")
    lab.passes["Contact", "held_"] = 1
    lab.since["held_"] = held
    lab.deliver("Contact", [contact("C", Title="held")], delivery="held_")
    lab.deliver("Contact", [contact("D", Name="Dan"), contact("C", Title="between")], delivery="between_")
    assert titles(lab) == [("Ann", "between"), ("Dan", None)]


def test_rows_that_equal_their_records_gave_what_these_held_then(lab: Lab) -> None:
    """Such rows are settled by a hash; what was blank in them stays free, also after a replay has filled it."""
    rows = [contact("C", Name="Ann"), contact("D", Name="Dan", Title="one")]
    lab.deliver("Contact", rows)
    lab.deliver("Contact", [contact("E", Name="Eve")], delivery="d_")
    lab.deliver("Contact", rows, delivery="same_")
    assert lab.query("SELECT DISTINCT action, given FROM store._lineage WHERE job = 'same_0'") == [("unchanged", WHOLE)]
    for title in ("mended", "mended again"):
        lab.deliver("Contact", [contact("E", Name="Eve"), *(contact(e, Title=title) for e in ("C", "D"))], delivery="d_")
        assert titles(lab)[:2] == [("Ann", title), ("Dan", "one")]


def test_the_row_that_made_a_record_keeps_what_it_gave_and_leaves_free_what_it_did_not(lab: Lab) -> None:
    """A record is made by one row of a large file; what that row gave is told by the record's first version, whatever came since."""
    lab.deliver("Contact", [contact("E", Name="Eve")], delivery="d_")
    lab.deliver("Contact", [contact("C", Name="Ann"), contact("D", Name="Dan", Title="one")], delivery="made_")
    assert lab.query("SELECT DISTINCT action, given FROM store._lineage WHERE job = 'made_0'") == [("create", WHOLE)]
    for title in ("mended", "mended again"):
        lab.deliver("Contact", [contact("E", Name="Eve"), *(contact(e, Title=title) for e in ("C", "D"))], delivery="d_")
        assert titles(lab)[1:] == [("Ann", title), ("Dan", "one")]


def test_a_record_whose_old_versions_are_gone_is_taken_to_have_been_given_whole(lab: Lab) -> None:
    """Nobody can tell any more what its maker gave: then nothing of it is overwritten."""
    lab.deliver("Contact", [contact("E", Name="Eve")], delivery="d_")
    lab.deliver("Contact", [contact("C", Name="Ann")])
    lab.deliver("Account", [contact("A", Name="Acme")])
    lab.deliver("Contact", [contact("C", RelatedTo="A")])
    with lab.session(writable=True) as session:
        prune_history(session, list(lab.types.values()), lab.now + timedelta(days=1))
    lab.deliver("Contact", [contact("E", Name="Eve"), contact("C", Title="mended")], delivery="d_")
    assert titles(lab) == [("Eve", None), ("Ann", None)]
