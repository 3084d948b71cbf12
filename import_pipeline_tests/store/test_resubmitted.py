"""Rows sent again close the refused lines of their job, each once, whatever way they take (acceptance B-1)."""

from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

import polars as pl
import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from import_pipeline.store.resubmitted import book_links, mended_jobs, named_among, resolved_lines, sent_again
from import_pipeline.store.session import Session
from import_pipeline.store.staging import LINKS
from import_pipeline_tests.lab import ACCOUNT, Lab

START = datetime(2026, 11, 1, tzinfo=UTC)
ROOT = "root"
REFUSED = 6
"""Lines 1 to 6 of the first job were refused."""
Place = tuple[str, int]


@dataclass
class Store:
    """A store in memory in which deliveries are booked by hand."""

    session: Session
    folder: Path
    sent: list[str] = field(default_factory=list)

    def clear(self) -> None:
        """Forgets everything."""
        self.sent = []
        for table in ("_resubmitted", "_lineage", "_change_sets"):
            self.session.run(f"DELETE FROM store.{table}")

    def send(self, rows: list[tuple[Place, str]], job: str = "") -> str:
        """A delivery of one file: each row mends a place, and is `in`, waits (`park`) or is `refused`. Lines are 1, 2, …; its job."""
        number = len(self.sent)
        job = job or f"job{number}"
        self.sent.append(job)
        change_set = f"{job}:1"
        booked = [change_set, job, self._stamp()]
        self.session.run("INSERT INTO store._change_sets (id, delivery, type, stamp) VALUES (?, ?, 'account', ?)", booked)
        data = [{"_job": 0, "_pos": at, "_line": at + 1, "of_job": of, "of_line": line} for at, ((of, line), _) in enumerate(rows)]
        links, jobs = self.folder / "links.parquet", self.folder / "jobs.parquet"
        pl.DataFrame(data, schema=LINKS).write_parquet(links)
        pl.DataFrame({"number": [0], "id": [job]}, schema={"number": pl.Int32, "id": pl.String}).write_parquet(jobs)
        known = {of for (of, _), _ in rows}
        book_links(self.session, ACCOUNT, change_set, links=[links], jobs=[jobs], known=known, again=False)
        for at, (_, outcome) in enumerate(rows):
            if outcome != "refused":
                self.bring(job, at, "park" if outcome == "park" else "create", change_set)
        return job

    def bring(self, job: str, pos: int, action: str, change_set: str) -> None:
        """An entry of the lineage."""
        values = [job, pos + 1, pos, action, change_set]
        self.session.run(
            "INSERT INTO store._lineage (type, job, line, pos, record, action, change_set) VALUES ('account', ?, ?, ?, 1, ?, ?)", values
        )

    def _stamp(self) -> datetime:
        return START + timedelta(minutes=len(self.sent))

    def closed(self, job: str, *cancelled: str) -> dict[int, str]:
        """Lines of a job that came in, and through whom."""
        return dict(resolved_lines(self.session, ACCOUNT, job, cancelled).rows())


@pytest.fixture(scope="module")
def store(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Store]:
    lab = Lab(tmp_path_factory.mktemp("store"), memory=True)
    lab.prepare()
    with lab.session() as session:
        yield Store(session, tmp_path_factory.mktemp("parts"))
    lab.close()


@st.composite
def histories(draw: st.DrawFn) -> list[list[tuple[Place, str]]]:
    """Resubmissions one after the other: of rows of the first job, and of any row sent before, in any split, order and number."""
    history: list[list[tuple[Place, str]]] = []
    places: list[Place] = [(ROOT, line) for line in range(1, REFUSED + 3)]
    for number in range(draw(st.integers(0, 5))):
        targets = draw(st.lists(st.sampled_from(places), min_size=1, max_size=6))
        rows = [(target, draw(st.sampled_from(["in", "refused", "refused", "park"]))) for target in targets]
        history.append(rows)
        places += [(f"job{number}", at + 1) for at in range(len(rows))]
    return history


def expected(history: list[list[tuple[Place, str]]], job: str) -> dict[int, str]:
    """Row by row: from each row that came in, up its chain; what it meets of `job` is closed, unless something before has closed it."""
    up = {(f"job{n}", at + 1): target for n, rows in enumerate(history) for at, (target, _) in enumerate(rows)}
    found: dict[int, str] = {}
    for number, rows in enumerate(history):
        for at, (_, outcome) in enumerate(rows):
            place = (f"job{number}", at + 1)
            while outcome == "in" and place in up:
                place = up[place]
                if place[0] == job:
                    found.setdefault(place[1], f"job{number}")
    return found


@settings(max_examples=60, deadline=None, suppress_health_check=[HealthCheck.function_scoped_fixture])
@given(history=histories())
def test_any_split_order_and_repetition_closes_each_refused_line_once(store: Store, history: list[list[tuple[Place, str]]]) -> None:
    """resolved + open = refused, for the first job and for every job on the way."""
    store.clear()
    for rows in history:
        store.send(rows)
    for job in (ROOT, *store.sent):
        assert store.closed(job) == expected(history, job)
    refused = set(range(1, REFUSED + 1))
    resolved = refused & store.closed(ROOT).keys()
    still_open = {line for line in refused if line not in expected(history, ROOT)}
    assert resolved | still_open == refused and not resolved & still_open


def test_all_rows_sent_again_until_they_are_in_leave_nothing_open(store: Store) -> None:
    """Three rounds: each sends what the one before had refused."""
    store.clear()
    first = store.send([((ROOT, line), "in" if line < 3 else "refused") for line in range(1, REFUSED + 1)])
    second = store.send([((first, line), "in" if line == 3 else "refused") for line in range(3, REFUSED + 1)])
    third = store.send([((second, line), "in") for line in (4, 3, 2)])
    assert store.closed(ROOT) == {1: first, 2: first, 3: second, 4: third, 5: third, 6: third}
    assert store.closed(first) == {3: second, 4: third, 5: third, 6: third}


def test_a_row_that_waits_is_in_once_its_parent_has_come(store: Store) -> None:
    """Nothing is written again: the lineage tells."""
    store.clear()
    job = store.send([((ROOT, 1), "park")])
    assert store.closed(ROOT) == {}
    store.bring(job, 0, "create", f"{job}:1")
    assert store.closed(ROOT) == {1: job}


def test_what_was_taken_back_closes_nothing_and_the_next_row_takes_its_place(store: Store) -> None:
    """Acceptance B-3: after an undo the row is as refused as before; an undone job still carries the chain on."""
    store.clear()
    one = store.send([((ROOT, 1), "in"), ((ROOT, 2), "in")])
    two = store.send([((ROOT, 1), "in"), ((one, 2), "in")])
    assert store.closed(ROOT) == {1: one, 2: one}
    assert store.closed(ROOT, one, "undo") == {1: two, 2: two}
    assert store.closed(ROOT, one, two) == {}


def test_links_that_name_themselves_or_each_other_come_to_an_end(store: Store) -> None:
    """Only made-up links can; the question must not hang, and nothing closes itself."""
    store.clear()
    store.send([(("job0", 1), "in")])
    assert store.closed("job0") == {}
    store.send([(("job2", 1), "refused"), (("job2", 2), "in")])
    store.send([(("job1", 1), "refused"), (("job1", 2), "refused")])
    assert store.closed("job2") == {2: "job1"} and store.closed("job1") == {}
    assert mended_jobs(store.session, ACCOUNT, {"job1"}) == {"job1", "job2"}


def test_the_jobs_above_are_found_along_the_chain(store: Store) -> None:
    """Whose answers change when rows of the last one come in."""
    store.clear()
    one = store.send([((ROOT, 1), "refused"), (("other", 4), "refused")])
    two = store.send([((one, 1), "in")])
    assert mended_jobs(store.session, ACCOUNT, {two}) == {one, ROOT, "other"}
    assert mended_jobs(store.session, ACCOUNT, {ROOT}) == set()
    assert sent_again(store.session, ACCOUNT, {one, two, ROOT}) == {one: {ROOT: 1, "other": 1}, two: {one: 1}}
    assert named_among(store.session, ACCOUNT, {ROOT, one, two}) == {ROOT, one}
