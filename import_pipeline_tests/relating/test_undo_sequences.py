"""The set-based undo equals the undo record by record, for every sequence of imports, undos and undos of undos (acceptance B-3)."""

import tempfile
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.lab import Lab
from import_pipeline_tests.relating.test_row_by_row import PEOPLE, PERSON, PLACE, PLACES, maybe, outward, stored
from import_pipeline_tests.relating.undo_oracle import UndoOracle

Step = tuple[str, Any]
LEAN_PLACES = st.fixed_dictionaries(
    {
        "ExternalDataObjectId": st.sampled_from(["A", "B"]),
        "Name": maybe(["n", "m"]),
        "Score": maybe([1.0, 2.0]),
        "Street": maybe(["Main St", "Oak St"]),
    }
)
LEAN_PEOPLE = st.fixed_dictionaries(
    {
        "ExternalDataObjectId": st.sampled_from(["A", "B"]),
        "RelatedTo": maybe(["A", "A", "B"]),
        "Name": st.just("n"),
        "Title": maybe(["t", "u"]),
    }
)
"""Rows of few records, so that waiting, releasing and later edits meet often."""
NAMELESS = st.fixed_dictionaries({"Name": st.just("n"), "Email": st.sampled_from(["x@x.org", "y@x.org"])})
NAMING = st.fixed_dictionaries(
    {
        "RecordID": maybe([("id", 1), ("id", 2)], blanks=2),
        "ExternalDataObjectId": maybe(["A", "A", "B"]),
        "Name": st.just("n"),
        "Email": maybe(["x@x.org", "y@x.org"]),
        "Score": maybe([1.0, 2.0]),
    }
)
"""Rows that give external ids to records made without one, found by record id or by their e-mail."""

UNDO = st.tuples(st.just("undo"), st.sampled_from([0, 0, 1, 1, 2, 3, 4, 5]))


def steps(least: int, most: int, *, replays: bool = True) -> st.SearchStrategy[list[Step]]:
    """Steps: ("Place" or "Person", files), ("Both", (places, people)), ("undo", n: the n-th latest job), ("again", n: a replay)."""
    places = st.lists(st.lists(PLACES, max_size=5), min_size=1, max_size=2)
    people = st.lists(st.lists(PEOPLE, max_size=5), min_size=1, max_size=2)
    kinds: list[st.SearchStrategy[Any]] = [
        st.tuples(st.just("Place"), places),
        st.tuples(st.just("Person"), people),
        st.tuples(st.just("Both"), st.tuples(places, st.one_of(st.just([]), people))),
        UNDO,
        UNDO,
    ]
    if replays:
        kinds.append(st.tuples(st.just("again"), st.integers(0, 3)))
    return st.lists(st.one_of(*kinds), min_size=least, max_size=most)


def lean_both() -> st.SearchStrategy[Step]:
    """A delivery of places, or of places and people, about few records."""
    places = st.lists(st.lists(LEAN_PLACES, min_size=1, max_size=2), min_size=1, max_size=1)
    people = st.lists(st.lists(LEAN_PEOPLE, min_size=1, max_size=3), min_size=1, max_size=1)
    return st.tuples(st.just("Both"), st.tuples(places, st.one_of(st.just([]), people)))


def lean_steps(least: int, most: int) -> st.SearchStrategy[list[Step]]:
    """The same about few records: people that wait come first, then their places, then edits and undos."""
    people = st.tuples(st.just("Person"), st.lists(st.lists(LEAN_PEOPLE, min_size=1, max_size=3), min_size=1, max_size=1))
    both = lean_both()
    more = st.lists(st.one_of(people, both, UNDO, UNDO, UNDO), min_size=least, max_size=most)
    return st.tuples(people, both, more).map(lambda found: [found[0], found[1], *found[2]])


def nameless_start() -> st.SearchStrategy[list[Step]]:
    """Places without external ids, and people that wait for such ids."""
    nameless = st.tuples(st.just("Place"), st.lists(st.lists(NAMELESS, min_size=1, max_size=2), min_size=1, max_size=1))
    people = st.tuples(st.just("Person"), st.lists(st.lists(LEAN_PEOPLE, min_size=1, max_size=3), min_size=1, max_size=1))
    return st.tuples(nameless, people).map(list)


def naming_both() -> st.SearchStrategy[Step]:
    """A delivery that gives external ids to places, and lets people in that wait for them."""
    people = st.lists(st.lists(LEAN_PEOPLE, min_size=1, max_size=3), min_size=1, max_size=1)
    naming = st.lists(st.lists(NAMING, min_size=1, max_size=2), min_size=1, max_size=2)
    return st.tuples(st.just("Both"), st.tuples(naming, st.one_of(st.just([[]]), people)))


def naming_steps(least: int, most: int) -> st.SearchStrategy[list[Step]]:
    """Places get their external ids after people have begun to wait for them; then anything."""
    people = st.tuples(st.just("Person"), st.lists(st.lists(LEAN_PEOPLE, min_size=1, max_size=3), min_size=1, max_size=1))
    more = st.lists(st.one_of(people, naming_both(), UNDO, UNDO, UNDO), min_size=least, max_size=most)
    return st.tuples(nameless_start(), naming_both(), more).map(lambda found: [*found[0], found[1], *found[2]])


class Pair:
    """A store and the oracle, taken through the same steps."""

    def __init__(self, home: Path, people: ObjectType = PERSON, **sizes: Any) -> None:
        self.lab = Lab(home, (PLACE, people), memory=True, **sizes)
        self.lab.prepare()
        self.oracle = UndoOracle(self.lab.types)
        self.done: list[tuple[str, Any]] = []

    def take(self, step: Step) -> str | None:
        """One step on both sides; returns the job undone or None."""
        name, given = step
        if name == "undo":
            open_jobs = [job for job in self.oracle.jobs if not self.oracle.undone(job)]
            return self.undo(open_jobs[-1 - given % len(open_jobs)]) if open_jobs else None
        if name == "again":
            whole = [
                (key, sent)
                for key, sent in self.done
                if not any(self.oracle.undone(j) for j, (_, d) in self.oracle.jobs.items() if d == key)
            ]
            if whole:
                key, sent = whole[given % len(whole)]
                self.deliver(key, sent)
            return None
        # In a delivery of both, the jobs of people are numbered after those of places.
        sent = {"Place": given[0], "Person": [*([] for _ in given[0]), *given[1]]} if name == "Both" else {name: given}
        key = f"d{len(self.done)}_"
        self.done.append((key, sent))
        self.deliver(key, sent)
        return None

    def deliver(self, key: str, sent: dict[str, Any]) -> None:
        """A delivery, parents first."""
        for kind, files in sent.items():
            note(f"{kind} {key}: {files}")
            self.lab.deliver(kind, *(outward(self.lab, rows) for rows in files), delivery=key)
            self.oracle.deliver(kind, key, files, self.lab.now)

    def undo(self, job: str) -> str:
        """An undo; actions and what was kept must agree."""
        note(f"undo {job}")
        key, _ = self.lab.plan_undo(job)
        self.lab.undo(job, key)
        told = self.oracle.undo(f"{key}0", job, self.lab.now)
        for kind, expected in told.items():
            actions = {r["record"]: r["action"] for r in self.lab.part(kind, key, "outcomes")}
            kept = {(r["record"], r["column"], r["job"], r["reason"]) for r in self.lab.part(kind, key, "kept")}
            assert (kind, actions, kept) == (kind, expected.actions, expected.kept)
        return f"{key}0"

    def compare(self) -> None:
        """The whole content of both."""
        real, expected = stored(self.lab, self.oracle)
        real |= self.ends()
        for name in self.lab.types:
            everything = {i: r for i, r in self.oracle.records.items() if r.type == name}
            expected[name] = [
                (i, v.parent, r.pin, n + 1, v.stamp, v.job, v.line, v.values)
                for i, r in sorted(everything.items())
                for n, v in enumerate(r.versions)
            ]
            expected[f"{name} dead"] = sorted((i, *self.oracle.dead[i]) for i in everything if i in self.oracle.dead)
            expected[f"{name} aside"] = sorted((w.job, w.line, w.since, w.expires) for w in self.oracle.aside if w.type == name)
            rows = [r for r in self.oracle.released if r.row.type == name]
            expected[f"{name} released"] = sorted(
                (r.row.job, r.row.line, r.stamp, r.record or 0, r.parent, r.undone_by or "") for r in rows
            )
        real["pins"] = self.lab.query("SELECT _id, external_pin_id, address_key FROM store._pins WHERE _valid_to IS NULL ORDER BY 1")
        real["ended"] = self.lab.query("SELECT _id, external_pin_id, address_key FROM store._pins WHERE _valid_to IS NOT NULL ORDER BY 1")
        expected["ended"] = [(i, p.external, p.address) for i, p in sorted(self.oracle.ended.items())]
        assert real == expected

    def ends(self) -> dict[str, Any]:
        """What ended, and rows that wait no longer, of the store."""
        found: dict[str, Any] = {}
        for name, kind in self.lab.types.items():
            dead = f"""
                SELECT _id, arg_max(_valid_to, _version), arg_max(_ended_by, _version) FROM store._history_{kind.slug}
                WHERE _id NOT IN (SELECT _id FROM store.{kind.slug}) GROUP BY _id ORDER BY 1
                """
            found[f"{name} dead"] = self.lab.query(dead)
            found[f"{name} aside"] = sorted(self.lab.query(f"SELECT _job, _line, _parked_at, _expires_at FROM store._aside_{kind.slug}"))
            released = f"""
                SELECT r._job, r._line, s.stamp, coalesce(r._record, 0), r._parent_id, coalesce(r._undone_by, '')
                FROM store._released_{kind.slug} r JOIN store._change_sets s ON s.id = r._change_set ORDER BY ALL
                """
            found[f"{name} released"] = self.lab.query(released)
        return found

    def seen(self) -> dict[str, Any]:
        """What people see: records with parents, pins and addresses, and rows that wait."""
        found: dict[str, Any] = {}
        for name, kind in self.lab.types.items():
            data = "* EXCLUDE (_version, _valid_from, _job, _line, _hash)"
            found[name] = self.lab.query(f"SELECT {data} FROM store.{kind.slug} ORDER BY _id")
            found[f"{name} waiting"] = self.lab.query(f"SELECT * FROM store._parked_{kind.slug} ORDER BY ALL")
        pins = "SELECT _id, external_pin_id, address_key FROM store._pins WHERE _valid_to IS NULL ORDER BY 1"
        return found | {"pins": self.lab.query(pins)}


def check(sequence: list[Step], **sizes: Any) -> None:
    """Every step on a store and on the oracle: actions, what was kept and the whole content must agree."""
    with tempfile.TemporaryDirectory() as home:
        pair = Pair(Path(home), **sizes)
        try:
            for step in sequence:
                pair.take(step)
                pair.compare()
        finally:
            pair.lab.close()


PATIENT = (
    PERSON.model_copy(update={"parent": PERSON.parent.model_copy(update={"park_for": timedelta(days=30)})}) if PERSON.parent else PERSON
)


def check_there_and_back(sequence: list[Step], last: Step) -> None:
    """After any sequence an import undone leaves what was there before it, and the undo undone what the import left.

    What the import's delivery does to rows of other jobs whose parent had come before, or that waited too long, is no effect of it: so
    those are taken in first, and nothing waits too long.
    """
    with tempfile.TemporaryDirectory() as home:
        pair = Pair(Path(home), PATIENT)
        try:
            for step in (*sequence, ("Person", [[]])):
                pair.take(step)
            before, jobs = pair.seen(), set(pair.oracle.jobs)
            pair.take(last)
            after = pair.seen()
            brought = [job for job in pair.oracle.jobs if job not in jobs]
            undos = [pair.undo(job) for job in reversed(brought)]
            assert pair.seen() == before
            again = [pair.undo(undo) for undo in reversed(undos)]
            assert pair.seen() == after
            for undo in reversed(again):
                pair.undo(undo)
            assert pair.seen() == before
        finally:
            pair.lab.close()


@settings(max_examples=8)
@given(steps(2, 6))
def test_any_sequence_of_imports_and_undos_equals_record_by_record(sequence: list[Step]) -> None:
    """Undos come in any order, of anything, with imports and waiting rows between them."""
    check(sequence)


@settings(max_examples=12)
@given(lean_steps(2, 5))
def test_any_sequence_about_few_records_equals_record_by_record(sequence: list[Step]) -> None:
    """Rows wait, are taken in, edited and made to wait again, all about the same records."""
    check(sequence)


@settings(max_examples=8)
@given(naming_steps(1, 4))
def test_any_sequence_about_external_ids_given_later_equals_record_by_record(sequence: list[Step]) -> None:
    """Rows wait for an id that an update gives to a record that was there before, and takes back when it is undone."""
    check(sequence, people=PATIENT)


@pytest.mark.slow
@settings(max_examples=25)
@given(naming_steps(3, 9))
def test_any_longer_sequence_about_external_ids_given_later_equals_record_by_record(sequence: list[Step]) -> None:
    """The same with more examples."""
    check(sequence, people=PATIENT)


@pytest.mark.slow
@settings(max_examples=25)
@given(lean_steps(4, 10))
def test_any_longer_sequence_about_few_records_equals_record_by_record(sequence: list[Step]) -> None:
    """The same with more examples."""
    check(sequence)


@pytest.mark.slow
@settings(max_examples=25)
@given(steps(4, 10))
def test_any_longer_sequence_of_imports_and_undos_equals_record_by_record(sequence: list[Step]) -> None:
    """The same with more examples: rare combinations of shared records, adoption, waiting and undos of undos."""
    check(sequence)


LAST = st.one_of(steps(1, 1, replays=False).map(lambda found: found[0]).filter(lambda step: step[0] in ("Place", "Person")), lean_both())
ANY_START = st.one_of(st.tuples(st.one_of(steps(0, 3, replays=False), lean_steps(0, 2)), LAST), st.tuples(nameless_start(), naming_both()))
"""What was there, and the import that is undone."""


@settings(max_examples=5)
@given(ANY_START)
def test_an_import_undone_leaves_no_trace_and_the_undo_undone_brings_all_back(given_steps: tuple[list[Step], Step]) -> None:
    """Undo must be safe to press, and safe to take back (acceptance B-3)."""
    check_there_and_back(*given_steps)


@pytest.mark.slow
@settings(max_examples=20)
@given(st.one_of(steps(0, 6, replays=False), lean_steps(2, 6), naming_steps(0, 4)), st.one_of(LAST, naming_both()))
def test_an_import_undone_leaves_no_trace_after_longer_sequences(sequence: list[Step], last: Step) -> None:
    """The same with more examples."""
    check_there_and_back(sequence, last)


@settings(max_examples=3)
@given(lean_steps(1, 4), st.integers(1, 4), st.integers(1, 6))
def test_an_undo_does_not_depend_on_packages_and_commits(sequence: list[Step], rows: int, weight: int) -> None:
    """A package is a unit of progress and of commit, never of meaning (acceptance S-12)."""
    check(sequence, package_rows=rows, group_weight=weight)
