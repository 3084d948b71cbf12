"""Deletions in any order with imports and undos: each can be taken back and brought back (acceptance A-6, B-3)."""

from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.failures import PermanentFailure
from import_pipeline.store.horizon import prune_history
from import_pipeline_tests.referral_bench import Bench, bench, moment

NAMES = ("x", "y", "z")
State = list[tuple[Any, ...]]
imports = st.tuples(st.just("users"), st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from("AB")), min_size=1, max_size=3))
deletions = st.tuples(
    st.just("deleteUsers"), st.lists(st.tuples(st.sampled_from(NAMES), st.sampled_from((None, True, False))), min_size=1, max_size=3)
)


def state(made: Bench) -> State:
    """What people see: who is there under which id, with what."""
    return made.session.run('SELECT _id, "userKey", "firstName" FROM store."user" ORDER BY _id')


def send(made: Bench, step: tuple[str, list[tuple[str, Any]]], number: int) -> dict[str, int]:
    """One file of imports or deletions; the counts of its job."""
    does, rows = step
    named = [{"userKey": f"a/{name}", "accountId": "a", "id": name} for name, _ in rows]
    column = "firstName" if does == "users" else "doNotTrack"
    given_rows = [{**row, column: value} for row, (_, value) in zip(named, rows, strict=True)]
    return made.run("User", given_rows, format_name=does, number=number)[f"job{number:05d}"]


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(imports, deletions), max_size=4), st.one_of(imports, deletions))
def test_undoing_gives_the_state_before_and_undoing_the_undo_the_state_after(before: list[Any], last: Any) -> None:
    """The same ids, the same values, whatever came before; three times over."""
    with bench() as made:
        for number, step in enumerate(before, 1):
            send(made, step, number)
        old = state(made)
        send(made, last, 10)
        new = state(made)
        undone = 10
        for number, expected in enumerate((old, new, old, new), 11):
            made.undo("User", undone, number=number)
            assert state(made) == expected
            undone = number


@pytest.mark.slow
@settings(max_examples=40, deadline=None)
@given(st.lists(st.one_of(imports, deletions), min_size=1, max_size=6))
def test_a_record_is_there_when_it_came_after_its_deletion_and_may_come(steps: list[Any]) -> None:
    """Row by row: an import makes or changes, a deletion takes away, and what may not be tracked stays away."""
    there: dict[str, str] = {"u": ""}
    blocked: set[str] = set()
    with bench() as made:
        for number, (does, rows) in enumerate(steps, 1):
            counts = send(made, (does, rows), number)
            refused = 0
            if does == "users":
                refused = sum(name in blocked for name, _ in rows)
                there |= {name: value for name, value in rows if name not in blocked}
            else:
                refused = sum(name not in there for name, _ in rows)
                flags = {name: [flag for other, flag in rows if other == name and flag is not None] for name, _ in rows}
                blocked |= {name for name, told in flags.items() if name in there and told and told[-1]}
                there = {name: value for name, value in there.items() if name not in flags}
            assert counts.get("refuse", 0) == refused
        found = made.session.run('SELECT id, coalesce("firstName", \'\') FROM store."user"')
    assert dict(found) == there


def test_a_deletion_that_counts_again_leaves_what_was_edited_since() -> None:
    """Undo, an edit, then the undo of the undo: the edited record stays, as everywhere in undo."""
    with bench() as made:
        send(made, ("users", [("x", "A"), ("y", "A")]), 1)
        send(made, ("deleteUsers", [("x", None), ("y", None)]), 2)
        made.undo("User", 2, number=3)
        send(made, ("users", [("x", "B")]), 4)
        made.undo("User", 3, number=5)
        assert [row[1:] for row in state(made)] == [("a/u", None), ("a/x", "B")]


def test_an_import_that_counts_again_brings_back_what_an_undone_deletion_had_taken() -> None:
    """Import, deletion; both undone; then the import counts again."""
    with bench() as made:
        send(made, ("users", [("x", "A")]), 1)
        send(made, ("deleteUsers", [("x", None)]), 2)
        made.undo("User", 1, number=3)
        made.undo("User", 2, number=4)
        assert [row[1] for row in state(made)] == ["a/u"]
        made.undo("User", 3, number=5)
        assert [row[1:] for row in state(made)] == [("a/u", None), ("a/x", "A")]


def test_a_deletion_whose_records_are_past_the_historys_retention_cannot_be_undone() -> None:
    """Nothing is done half: the refusal says why."""
    with bench() as made:
        send(made, ("users", [("x", "A")]), 1)
        send(made, ("deleteUsers", [("x", None)]), 2)
        prune_history(made.session, made.account.object_types, moment(3))
        with pytest.raises(PermanentFailure, match="past its retention"):
            made.undo("User", 2, number=4)
