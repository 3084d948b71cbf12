"""What an undo takes back and what it leaves, rule by rule (acceptance B-3)."""

from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from import_pipeline.failures import PermanentFailure
from import_pipeline.relating.undo import relate_undo
from import_pipeline.store.horizon import prune_history
from import_pipeline.store.names import data_columns, ident
from import_pipeline.store.outcomes import outcomes_of
from import_pipeline.store.records import hash_sql, people_columns, people_sql, stored_columns
from import_pipeline_tests.lab import ACCOUNT, CONTACT, Lab


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    lab = Lab(tmp_path, memory=True)
    lab.prepare()
    yield lab
    lab.close()


def row(ext: str | None, **more: object) -> dict[str, Any]:
    """A row; a record that it makes needs a name."""
    return {"ExternalDataObjectId": ext, **more}


def new(ext: str | None, **more: object) -> dict[str, Any]:
    """A row that can make a record."""
    return row(ext, Name=ext or "n", **more)


def scores(lab: Lab) -> dict[str, tuple[Any, ...]]:
    """External id: (score, e-mail) of all accounts."""
    return {r["ExternalDataObjectId"]: (r["Score"], r["Email"]) for r in lab.records("Account")}


def kept(lab: Lab, type_name: str, undo: str) -> list[tuple[Any, ...]]:
    """(record, column, job, reason) of what an undo kept."""
    return [(r["record"], r["column"], r["job"], r["reason"]) for r in lab.part(type_name, undo[:-1], "kept")]


def actions(lab: Lab, type_name: str, undo: str) -> list[tuple[int, str]]:
    """(record, action) of the records that an undo looked at."""
    return [(r["record"], r["action"]) for r in lab.part(type_name, undo[:-1], "outcomes")]


def test_created_records_go_and_changed_values_come_back(lab: Lab) -> None:
    """That is what undo means."""
    lab.deliver("Account", [new("A", Score=1.0)])
    lab.deliver("Account", [row("A", Score=2.0, Email="a@x"), new("B")])
    undo = lab.undo("d2_0")
    assert scores(lab) == {"A": (1.0, None)}
    assert actions(lab, "Account", undo) == [(1, "update"), (2, "delete")]
    ended = "SELECT _id, _version, _job, _ended_by FROM store._history_account WHERE \"ExternalDataObjectId\" = 'B'"
    assert lab.query(ended) == [(2, 1, "d2_0", undo)]
    assert lab.query("SELECT _version, _job, _line FROM store.account") == [(3, undo, None)]


def test_records_that_the_job_did_not_touch_are_not_looked_at(lab: Lab) -> None:
    """An undo of ten rows in a store of millions is a small thing."""
    lab.deliver("Account", [new("A"), new("B")])
    lab.deliver("Account", [row("A", Score=2.0)])
    assert actions(lab, "Account", lab.undo("d2_0")) == [(1, "update")]


def test_a_created_record_that_was_edited_since_stays_as_it_is_and_is_named(lab: Lab) -> None:
    """Somebody works with it by now; taking half of it away would help nobody."""
    lab.deliver("Account", [new("A", Score=1.0)])
    lab.deliver("Account", [row("A", Email="a@x")])
    undo = lab.undo("d1_0")
    assert scores(lab) == {"A": (1.0, "a@x")}
    assert actions(lab, "Account", undo) == [(1, "unchanged")]
    assert kept(lab, "Account", undo) == [(1, None, "d2_0", "edited_since")]


def test_it_goes_once_the_later_edit_is_undone_too(lab: Lab) -> None:
    """In which order two jobs are undone must not matter for what is left."""
    lab.deliver("Account", [new("A", Score=1.0)])
    lab.deliver("Account", [row("A", Email="a@x")])
    lab.undo("d1_0")
    lab.undo("d2_0")
    assert lab.records("Account") == []


def test_of_a_record_that_existed_only_fields_without_a_later_edit_go_back(lab: Lab) -> None:
    """The later edit rules, and is named with its job."""
    lab.deliver("Account", [new("A", Score=1.0, Email="a@x")])
    lab.deliver("Account", [row("A", Score=2.0, Email="b@x")])
    lab.deliver("Account", [row("A", Score=3.0)])
    undo = lab.undo("d2_0")
    assert scores(lab) == {"A": (3.0, "a@x")}
    assert kept(lab, "Account", undo) == [(1, "Score", "d3_0", "edited_since")]


def test_a_later_edit_that_was_undone_itself_rules_nothing(lab: Lab) -> None:
    """Nobody stands by that value any more."""
    lab.deliver("Account", [new("A", Score=1.0)])
    lab.deliver("Account", [row("A", Score=2.0)])
    lab.deliver("Account", [row("A", Score=3.0)])
    lab.undo("d3_0")
    assert scores(lab) == {"A": (2.0, None)}
    undo = lab.undo("d2_0")
    assert (scores(lab), kept(lab, "Account", undo)) == ({"A": (1.0, None)}, [])


def test_a_record_that_two_files_of_a_delivery_made_together_goes_with_both_of_them(lab: Lab) -> None:
    """Its version cannot be taken apart; whoever undoes one file must not lose what the other one sent."""
    lab.deliver("Account", [new("A", Score=1.0)], [row("A", Score=2.0), new("B")])
    undo = lab.undo("d1_1")
    assert scores(lab) == {"A": (2.0, None)}
    assert kept(lab, "Account", undo) == [(1, None, "d1_0", "edited_since")]
    lab.undo("d1_0")
    assert scores(lab) == {}


def test_what_two_files_changed_together_goes_back_with_both_of_them(lab: Lab) -> None:
    """The same for a record that existed: its fields are named until then."""
    lab.deliver("Account", [new("A", Score=1.0)])
    lab.deliver("Account", [row("A", Score=2.0)], [row("A", Email="a@x")])
    undo = lab.undo("d2_0")
    assert scores(lab) == {"A": (2.0, "a@x")}
    assert set(kept(lab, "Account", undo)) == {(1, c, "d2_1", "edited_since") for c in ("Score", "Email")}
    lab.undo("d2_1")
    assert scores(lab) == {"A": (1.0, None)}


def test_a_value_goes_back_to_blank_where_it_was_blank(lab: Lab) -> None:
    """A blank in a file never erases; an undo may."""
    lab.deliver("Account", [new("A")])
    lab.deliver("Account", [row("A", Score=2.0)])
    lab.undo("d2_0")
    assert scores(lab) == {"A": (None, None)}


def test_an_external_id_that_the_job_gave_is_taken_back(lab: Lab) -> None:
    """It is a field like any other here."""
    lab.deliver("Account", [new(None, Email="a@x")])
    lab.deliver("Account", [row("A", Email="a@x")])
    lab.undo("d2_0")
    assert scores(lab) == {None: (None, "a@x")}


def test_rows_that_the_undone_delivery_took_in_wait_again_as_long_as_they_might(lab: Lab) -> None:
    """Their parent is gone again, and they are nobody's mistake."""
    lab.deliver("Contact", [new("C", Title="t", RelatedTo="A")])
    before = lab.query("SELECT * FROM store._parked_contact")
    lab.deliver("Account", [new("A")], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(0,)]
    undo = lab.undo("x_0")
    assert lab.query("SELECT * FROM store._parked_contact") == before
    with lab.session() as session:
        assert outcomes_of(session, CONTACT, ["d1_0"])["d1_0"]["parked"] == 1
        assert sum(outcomes_of(session, CONTACT, ["d1_0"])["d1_0"].values()) == 1
    assert (lab.records("Account"), lab.records("Contact")) == ([], [])
    assert lab.query("SELECT _job, _undone_by FROM store._released_contact") == [("d1_0", undo)]
    again = lab.undo(undo)
    assert [(r["_id"], r["_parent_id"], r["Title"], r["_job"]) for r in lab.records("Contact")] == [(2, 1, "t", again)]
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(0,)]


def test_a_row_that_waits_again_is_taken_in_when_its_parent_comes_again(lab: Lab) -> None:
    """Waiting again is waiting like the first time (acceptance B-4)."""
    lab.deliver("Contact", [new("C", Title="t", RelatedTo="A")])
    lab.deliver("Account", [new("A")], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    lab.undo("x_0")
    lab.deliver("Account", [new("A")])
    assert lab.deliver("Contact")["jobs"] == {"d1_0": {"create": 1}}
    assert [(r["_id"], r["_parent_id"]) for r in lab.records("Contact")] == [(4, 3)]


def test_a_record_of_a_waiting_row_that_was_edited_since_loses_its_parent_and_gets_it_again(lab: Lab) -> None:
    """The edit keeps the record; the row waits to link it."""
    lab.deliver("Contact", [new("C", RelatedTo="A")])
    lab.deliver("Account", [new("A")], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    lab.deliver("Contact", [row("C", Title="edited")])
    undo = lab.undo("x_0")
    assert sorted(kept(lab, "Contact", undo), key=str) == [(2, "RelatedTo", None, "lost_parent"), (2, None, "d4_0", "edited_since")]
    lab.deliver("Account", [new("A")])
    lab.deliver("Contact")
    assert [(r["_id"], r["_parent_id"], r["Title"]) for r in lab.records("Contact")] == [(2, 3, "edited")]


def test_rows_of_the_job_that_still_wait_are_laid_aside(lab: Lab) -> None:
    """Undone rows must not come in when their parent comes; undoing the undo lets them wait again."""
    lab.deliver("Contact", [new("C", RelatedTo="A"), new("D")])
    before = lab.query("SELECT * FROM store._parked_contact")
    undo = lab.undo("d1_0")
    assert lab.query("SELECT count(*) FROM store._parked_contact") == [(0,)]
    assert lab.query("SELECT _job, _line, _undo FROM store._aside_contact") == [("d1_0", 2, undo)]
    assert [(r["source"], r["target"], r["ref"]) for r in lab.part("Contact", undo[:-1], "unparked")] == [("parked", "aside", "A")]
    lab.undo(undo)
    assert lab.query("SELECT * FROM store._parked_contact") == before
    assert lab.query("SELECT count(*) FROM store._aside_contact") == [(0,)]


def test_a_child_of_a_deleted_parent_stays_without_a_parent_and_gets_it_back(lab: Lab) -> None:
    """No record hangs on nothing; the plan names it."""
    lab.deliver("Account", [new("A")])
    lab.deliver("Contact", [new("C", RelatedTo="A")])
    undo = lab.undo("d1_0")
    assert [(r["_parent_id"], r["_job"]) for r in lab.records("Contact")] == [(None, undo)]
    assert kept(lab, "Contact", undo) == [(2, "RelatedTo", None, "lost_parent")]
    lab.undo(undo)
    assert [r["_parent_id"] for r in lab.records("Contact")] == [1]


def test_a_child_that_was_linked_elsewhere_meanwhile_stays_there(lab: Lab) -> None:
    """A later edit rules, for the parent as for any field."""
    lab.deliver("Account", [new("A")])
    lab.deliver("Contact", [new("C", RelatedTo="A")])
    undo = lab.undo("d1_0")
    lab.deliver("Account", [new("B")])
    lab.deliver("Contact", [row("C", RelatedTo="B")])
    again = lab.undo(undo)
    assert [r["_parent_id"] for r in lab.records("Contact")] == [3]
    assert kept(lab, "Contact", again) == [(2, "RelatedTo", "d5_0", "edited_since")]


def test_a_deleted_record_comes_back_as_the_one_it_was(lab: Lab) -> None:
    """With its id, its creation, its pin and the next version number."""
    lab.deliver("Account", [new("A", Score=1.0, Street="Oak St")])
    (before,) = lab.records("Account", "* EXCLUDE (_version, _valid_from, _job, _line)")
    undo = lab.undo("d1_0")
    again = lab.undo(undo)
    assert lab.records("Account", "* EXCLUDE (_version, _valid_from, _job, _line)") == [before]
    assert lab.query("SELECT _version, _job, _line FROM store.account") == [(2, again, None)]


def test_a_record_whose_external_id_is_taken_by_now_does_not_come_back(lab: Lab) -> None:
    """An external id names one living record; the plan says which job made the other."""
    lab.deliver("Account", [new("A"), new("B")])
    undo = lab.undo("d1_0")
    lab.deliver("Account", [new("A", Score=9.0)])
    again = lab.undo(undo)
    assert scores(lab) == {"A": (9.0, None), "B": (None, None)}
    assert actions(lab, "Account", again) == [(1, "unchanged"), (2, "create")]
    assert kept(lab, "Account", again) == [(1, None, "d3_0", "taken")]


def test_a_record_comes_back_without_a_parent_that_does_not_live(lab: Lab) -> None:
    """It is better found without a link than not at all."""
    lab.deliver("Account", [new("A")])
    lab.deliver("Contact", [new("C", RelatedTo="A")])
    undo = lab.undo("d2_0")
    lab.undo("d1_0")
    again = lab.undo(undo)
    assert [(r["_id"], r["_parent_id"]) for r in lab.records("Contact")] == [(2, None)]
    assert kept(lab, "Contact", again) == [(2, "RelatedTo", None, "parent_gone")]


def test_an_undo_of_an_undo_of_an_undo_is_an_undo(lab: Lab) -> None:
    """A chain of second thoughts ends where its last one says."""
    lab.deliver("Account", [new("A", Score=1.0)])
    lab.deliver("Account", [row("A", Score=2.0), new("B")])
    told, last = [], "d2_0"
    for _ in range(4):
        last = lab.undo(last)
        told.append(scores(lab))
    before, after = {"A": (1.0, None)}, {"A": (2.0, None), "B": (None, None)}
    assert told == [before, after, before, after]


def test_the_pin_of_deleted_records_ends_and_lives_again_with_one_of_them(lab: Lab) -> None:
    """A pin that nothing hangs on must not be found by new records, and reads of the past still show its address."""
    lab.deliver("Account", [new("A", Street="Oak St"), new("B", Street="Oak St")])
    undo = lab.undo("d1_0")
    assert lab.query("SELECT _id, _valid_to IS NULL FROM store._pins") == [(3, False)]
    lab.deliver("Account", [new("C", Street="Oak St")])
    assert lab.query("SELECT _id, _pin_id FROM store.account") == [(4, 5)]
    lab.undo(undo)
    assert lab.query("SELECT _id, _pin_id FROM store.account ORDER BY 1") == [(1, 3), (2, 3), (4, 5)]
    assert lab.query("SELECT count(*) FROM store._pins WHERE _valid_to IS NULL") == [(2,)]


def test_a_pin_that_another_record_hangs_on_lives_on(lab: Lab) -> None:
    """Whoever made it: a living record shows its address."""
    lab.deliver("Account", [new("A", Street="Oak St")])
    lab.deliver("Account", [new("B", Street="Oak St")])
    lab.undo("d1_0")
    assert lab.query("SELECT _id, _valid_to IS NULL FROM store._pins") == [(2, True)]
    lab.undo("d2_0")
    assert lab.query("SELECT _id, _valid_to IS NULL FROM store._pins") == [(2, False)]


def test_record_ids_are_never_given_twice(lab: Lab) -> None:
    """Someone may have noted the id of a record that is gone."""
    lab.deliver("Account", [new("A")])
    lab.undo("d1_0")
    lab.deliver("Account", [new("A")])
    assert [r["_id"] for r in lab.records("Account")] == [2]


def test_the_lineage_of_the_undone_job_stays_and_the_undo_has_its_own(lab: Lab) -> None:
    """Who asks where a line went is told both."""
    lab.deliver("Account", [new("A"), new("B")])
    lab.deliver("Account", [row("A", Score=1.0)])
    undo = lab.undo("d1_0")
    told = lab.query("SELECT job, line, pos, record, action FROM store._lineage ORDER BY change_set, pos")
    assert told[:2] == [("d1_0", 2, 0, 1, "create"), ("d1_0", 3, 1, 2, "create")]
    assert told[3:] == [(undo, None, 0, 1, "unchanged"), (undo, None, 1, 2, "delete")]
    with lab.session() as session:
        counted = outcomes_of(session, ACCOUNT, [undo])[undo]
    assert counted == {"created": 0, "updated": 0, "unchanged": 1, "deleted": 1, "parked": 0}


def test_after_an_undo_the_same_values_are_unchanged(lab: Lab) -> None:
    """The stored hash is that of the values that came back."""
    rows = [new("A", Score=1.0, Email="a@x"), new("B")]
    lab.deliver("Account", rows)
    lab.deliver("Account", [row("A", Score=2.0)])
    lab.undo(lab.undo("d1_0"))
    lab.undo("d2_0")
    for kind in lab.types.values():
        digest = hash_sql([ident(c.key) for c in data_columns(kind)], "_parent_id")
        assert lab.query(f"SELECT count(*) FROM store.{kind.slug} WHERE _hash <> {digest}") == [(0,)]
    assert lab.deliver("Account", rows)["jobs"] == {f"d{lab.count}_0": {"unchanged": 2}}


def test_a_replay_is_not_kept_from_values_that_an_undo_took_back(lab: Lab) -> None:
    """What a later delivery set protects a value; what was undone protects nothing (acceptance B-7)."""
    lab.deliver("Account", [new("A", Score=1.0)], delivery="d_")
    lab.deliver("Account", [row("A", Score=2.0)])
    lab.undo("d2_0")
    lab.deliver("Account", [new("A", Score=1.5)], delivery="d_")
    assert scores(lab) == {"A": (1.5, None)}


def test_the_past_stays_as_it_was(lab: Lab) -> None:
    """An export as of a moment before an undo has the same bytes after it (acceptance B-9)."""

    def shown(type_name: str, moment: Any) -> list[Any]:
        kind = lab.types[type_name]
        with lab.session() as session:
            stored = stored_columns(session, kind)
            select = ", ".join(f"{value} AS {ident(c.key)}" for c, value in people_columns(kind, stored))
            return session.run(people_sql(kind, select, stored, as_of=True), {"at": moment})

    lab.deliver("Account", [new("A", Score=1.0, Street="Oak St")])
    lab.deliver("Account", [row("A", Score=2.0), new("B", Street="Elm St")])
    lab.deliver("Contact", [new("C", RelatedTo="B")])
    seen: dict[Any, Any] = {}
    last = "d2_0"
    for _ in range(4):
        seen[lab.now + timedelta(seconds=30)] = [shown(t, lab.now + timedelta(seconds=30)) for t in lab.types]
        last = lab.undo(last)
    assert {moment: [shown(t, moment) for t in lab.types] for moment in seen} == seen
    assert [len(both[0]) for both in seen.values()] == [2, 1, 2, 1]


def test_an_undo_is_refused_when_the_values_to_go_back_to_are_past_their_retention(lab: Lab) -> None:
    """Guessing them would be worse than saying so; nothing is written."""
    lab.deliver("Account", [new("A", Score=1.0)])
    lab.deliver("Account", [row("A", Score=2.0)])
    lab.deliver("Account", [row("A", Email="a@x")])
    with lab.session(writable=True) as session:
        prune_history(session, [ACCOUNT, CONTACT], lab.now - timedelta(seconds=30))
    before = lab.dump()
    with pytest.raises(PermanentFailure, match=r"job d2_0 cannot be undone: for 1 record of Account the history .* past its retention"):
        lab.plan_undo("d2_0")
    assert lab.dump() == before
    assert lab.plan_undo("d3_0")[1]["Account"]["jobs"] == {"u5_0": {"update": 1}}


def test_an_undo_is_refused_when_a_version_in_between_is_missing(lab: Lab) -> None:
    """A chain with a hole tells nothing for sure."""
    for score in (1.0, 2.0, 3.0, 4.0):
        lab.deliver("Account", [new("A", Score=score)])
    lab.query("DELETE FROM store._history_account WHERE _version = 2")
    with pytest.raises(PermanentFailure, match="past its retention"):
        lab.plan_undo("d4_0")


def test_the_children_of_an_undo_need_the_parents_first(lab: Lab) -> None:
    """Which parents go is told by their change set alone."""
    lab.deliver("Account", [new("A")])
    orders = lab.undo_orders("d1_0", "u_")
    with lab.session() as session, pytest.raises(PermanentFailure, match="has not run"):
        relate_undo(session, orders[1], lab.stages("Contact", "u_")[1])


def test_an_undo_computed_twice_gives_the_same_bytes(lab: Lab) -> None:
    """A stage that is run again replaces its own folder by an equal one."""
    lab.deliver("Account", [new(f"A{n}", Score=1.0) for n in range(50)])
    lab.deliver("Account", [*(row(f"A{n}", Score=2.0) for n in range(50)), *(new(f"B{n}") for n in range(50))])
    (order, _) = lab.undo_orders("d2_0", "u_")
    folder, seen = lab.stages("Account", "u_")[1], []
    for _ in range(2):
        with lab.session() as session:
            relate_undo(session, order, folder)
        seen.append({path.name: path.read_bytes() for path in folder.path.iterdir()})
    assert seen[0] == seen[1]
