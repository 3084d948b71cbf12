"""Rows that had waited are dropped when no undo can need them any more: with them and without them everything goes on alike."""

import tempfile
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from import_pipeline.failures import PermanentFailure
from import_pipeline.store.horizon import prunable, prune_history
from import_pipeline_tests.lab import ACCOUNT, CONTACT, Lab
from import_pipeline_tests.relating.test_row_by_row import PLACE
from import_pipeline_tests.relating.test_undo_sequences import PATIENT, Step, lean_steps, naming_steps

TICK = timedelta(microseconds=1)


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Lab]:
    """A contact that waited for the account A, which the delivery x_ brought."""
    lab = Lab(tmp_path, memory=True)
    lab.deliver("Contact", [row("C", RelatedTo="A")])
    lab.deliver("Account", [row("A")], delivery="x_")
    lab.deliver("Contact", [], delivery="x_")
    yield lab
    lab.close()


def row(ext: str, **more: object) -> dict[str, Any]:
    return {"ExternalDataObjectId": ext, "Name": ext, **more}


def pruned(lab: Lab, cut: datetime | None = None) -> dict[str, int]:
    """Prunes as upkeep does; without a cut as a long time from now."""
    with lab.session(writable=True) as session:
        return prune_history(session, list(lab.types.values()), cut or lab.now + timedelta(days=400))


def held(lab: Lab, table: str) -> int:
    return int(lab.query(f"SELECT count(*) FROM store._{table}_contact")[0][0])


def test_a_row_stays_as_long_as_its_parent_is_what_it_was(lab: Lab) -> None:
    """Its import can be undone at any age, and then it waits again."""
    assert pruned(lab) == {}
    lab.undo("x_0")
    assert (held(lab, "released"), held(lab, "parked"), lab.records("Contact")) == (1, 1, [])


def test_a_row_goes_with_the_version_of_its_parent_that_let_it_in(lab: Lab) -> None:
    """From then on the undo that would make it wait again is refused."""
    lab.deliver("Account", [row("A", Score=2.0)])
    assert pruned(lab, lab.now) == {}
    with lab.session() as session:
        assert [t.name for t in prunable(session, [ACCOUNT, CONTACT], lab.now + TICK)] == ["Account", "Contact"]
    assert pruned(lab, lab.now + TICK) == {"Account": 1, "Contact, waited": 1}
    with lab.session() as session:
        assert prunable(session, [ACCOUNT, CONTACT], lab.now + TICK) == []
    assert held(lab, "released") == 0
    with pytest.raises(PermanentFailure, match="past its retention"):
        lab.undo("x_0")


def test_rows_left_behind_by_an_earlier_pruning_go_with_the_next_one(lab: Lab) -> None:
    """Versions may be gone for long when the rows are looked at first."""
    lab.deliver("Account", [row("A", Score=2.0)])
    lab.query("DELETE FROM store._history_account")
    with lab.session() as session:
        assert [t.name for t in prunable(session, [ACCOUNT, CONTACT], lab.now)] == ["Contact"]
    assert pruned(lab) == {"Contact, waited": 1}


def test_a_row_that_waits_again_is_remembered_while_it_waits_and_while_anything_is_known_of_its_record(lab: Lab) -> None:
    """Else its undone effect would count again."""
    lab.undo("x_0")
    assert pruned(lab, lab.now + timedelta(seconds=30)) == {"Account": 1, "Contact": 1}
    assert (held(lab, "released"), held(lab, "parked")) == (1, 1)
    lab.now += timedelta(days=400)
    lab.deliver("Contact")
    assert held(lab, "parked") == 0
    assert pruned(lab) == {"Contact, waited": 1}


def test_a_row_whose_record_lives_on_without_its_effect_stays(lab: Lab) -> None:
    """A later undo must not take the record for one that the row made."""
    lab.deliver("Contact", [row("C", Title="edited")], delivery="edit_")
    lab.undo("x_0")
    lab.now += timedelta(days=400)
    lab.deliver("Contact")
    assert "Contact, waited" not in pruned(lab)
    assert (held(lab, "released"), held(lab, "parked"), len(lab.records("Contact"))) == (1, 0, 1)


def test_a_row_that_an_undo_of_an_undo_took_in_again_stays_with_the_version_it_made(tmp_path: Path) -> None:
    """That it was away for a while still decides what other undos go back to."""
    lab = Lab(tmp_path, memory=True)
    lab.deliver("Account", [{"Name": "n", "Email": "a@x"}])
    lab.deliver("Contact", [row("C", RelatedTo="A")])
    lab.deliver("Account", [row("A", Email="a@x")], delivery="x_")
    lab.deliver("Contact", [], [row("C", Title="t")], delivery="x_")
    lab.undo(lab.undo("x_0"))
    told = pruned(lab)
    assert (told, held(lab, "released")) == ({"Account": 3}, 1)
    lab.deliver("Contact", [row("C", Title="edited")])
    assert (pruned(lab), held(lab, "released")) == ({"Contact": 1, "Contact, waited": 1}, 0)
    lab.close()


def test_rows_laid_aside_stay_as_long_as_their_job_can_come_back(lab: Lab) -> None:
    """A job that only waited has no versions that could be missing."""
    lab.deliver("Contact", [row("D", RelatedTo="Z")], delivery="only_")
    undo = lab.undo("only_0")
    assert pruned(lab) == {}
    lab.undo(undo)
    assert (held(lab, "aside"), held(lab, "parked")) == (0, 1)


def test_rows_laid_aside_go_with_the_records_that_their_undo_removed(lab: Lab) -> None:
    """Without the versions of these the undo cannot be undone, and the rows cannot come back."""
    lab.deliver("Contact", [row("D", RelatedTo="Z"), row("E")], delivery="both_")
    undo = lab.undo("both_0")
    assert pruned(lab, lab.now) == {}
    assert pruned(lab, lab.now + TICK) == {"Contact": 1, "Contact, waited": 1}
    assert held(lab, "aside") == 0
    with pytest.raises(PermanentFailure, match="past its retention"):
        lab.undo(undo)


def test_a_store_from_before_these_tables_is_pruned_too(lab: Lab) -> None:
    """Tables grow with the next import, and upkeep may come first."""
    lab.deliver("Account", [row("A", Score=2.0)])
    lab.query("DROP TABLE store._released_contact")
    assert pruned(lab) == {"Account": 1}


class Twins:
    """Two stores taken through the same steps; the second one keeps every row that had waited."""

    def __init__(self, home: Path) -> None:
        self.labs = [Lab(home / name, (PLACE, PATIENT), memory=True) for name in "ab"]

    def take(self, step: Step) -> None:
        """One step; what is refused must be refused by both."""
        name, given = step
        if name == "undo":
            jobs = [job for job in self.labs[0].booked if job not in self.labs[0].undone_by]
            if jobs:
                self.undo(jobs[-1 - given % len(jobs)])
            return
        sent = {"Place": given[0], "Person": [*([] for _ in given[0]), *given[1]]} if name == "Both" else {name: given}
        for lab in self.labs:
            tag, key = lab.query("SELECT tag FROM store._lock")[0][0], f"d{lab.count}_"
            for kind, files in sent.items():
                rows = [[{k: f"{tag}{v[1]:016x}" if isinstance(v, tuple) else v for k, v in one.items()} for one in file] for file in files]
                lab.deliver(kind, *rows, delivery=key)
        self.compare()

    def undo(self, job: str) -> None:
        """An undo, or the refusal of it."""
        told = [self.undone(lab, job) for lab in self.labs]
        note(f"undo {job}: {told[0]}")
        assert told[0] == told[1]
        self.compare()

    def undone(self, lab: Lab, job: str) -> str:
        try:
            return lab.undo(job)
        except PermanentFailure as failure:
            return str(failure)

    def prune(self, minutes: int) -> None:
        """Both lose the same versions, the first one also rows that had waited."""
        told = [pruned(lab, lab.now - timedelta(minutes=minutes)) for lab in self.labs[:1]]
        note(f"pruned {told}")
        other = self.labs[1]
        for table in ("released", "aside"):
            other.query(f"CREATE OR REPLACE TEMP TABLE kept_{table} AS SELECT * FROM store._{table}_person")
        pruned(other, other.now - timedelta(minutes=minutes))
        for table in ("released", "aside"):
            other.query(f"DELETE FROM store._{table}_person")
            other.query(f"INSERT INTO store._{table}_person SELECT * FROM kept_{table}")
        self.compare()

    def compare(self) -> None:
        """Everything but those rows is alike, and the first store's are among the second one's."""
        one, other = (lab.dump() for lab in self.labs)
        for table in ("_released_person", "_aside_person"):
            assert set(one.pop(table)) <= set(other.pop(table))
        assert one == other


def check(before: list[Step], minutes: int, after: list[Step]) -> None:
    """Steps, a pruning, more steps; then every job that is left is undone."""
    with tempfile.TemporaryDirectory() as home:
        twins = Twins(Path(home))
        try:
            for lab in twins.labs:
                lab.prepare()
            for step in before:
                twins.take(step)
            twins.prune(minutes)
            for step in after:
                twins.take(step)
            twins.prune(minutes)
            for job in [job for job in twins.labs[0].booked if job not in twins.labs[0].undone_by]:
                twins.undo(job)
        finally:
            for lab in twins.labs:
                lab.close()


UNDOS = st.lists(st.tuples(st.just("undo"), st.sampled_from([0, 0, 1, 1, 2, 3, 4])), max_size=2)


@settings(max_examples=3)
@given(st.one_of(lean_steps(1, 2), naming_steps(1, 1)), st.integers(-1, 4), UNDOS)
def test_what_is_dropped_is_missed_by_nobody(before: list[Step], minutes: int, after: list[Step]) -> None:
    """Every undo does the same, or is refused with the same words."""
    check(before, minutes, after)


@pytest.mark.slow
@settings(max_examples=10)
@given(st.one_of(lean_steps(2, 6), naming_steps(2, 6)), st.integers(-1, 8), lean_steps(0, 3))
def test_what_is_dropped_is_missed_by_nobody_after_longer_sequences(before: list[Step], minutes: int, after: list[Step]) -> None:
    """The same with more examples."""
    check(before, minutes, after)
