"""Whatever was refused first and replayed later, the store ends as if all had come in order under the last rules (acceptance B-7).

Rows have external ids of their own: which record a matching rule finds depends on what was stored at the time, and so does which row
makes a record and sets what only a new record takes.
"""

import tempfile
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
from hypothesis import example, given, note, settings
from hypothesis import strategies as st

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import ident
from import_pipeline_tests.lab import Lab

PLACE = ObjectType.model_validate(
    {
        "name": "Place",
        "fields": [
            {"name": "Name", "required": True},
            {"name": "Email", "custom": True},
            {"name": "Score", "type": "Number", "custom": True},
        ],
    }
)
PERSON = ObjectType.model_validate(
    {
        "name": "Person",
        "parent": {"type": "Place", "park_for": "30d"},
        "fields": [{"name": "Name", "required": True}, {"name": "Title", "custom": True}, {"name": "Mail", "custom": True}],
    }
)
SHOWN = {"Place": ("Email", "Score"), "Person": ("Title", "Mail")}
LAST = 2
"""The last pass's rules: they let all rows in."""
Rows = list[tuple[int, dict[str, Any]]]
"""Rows of a file, each with the pass of its delivery from which on the rules let it in."""
Delivery = dict[str, list[Rows]]
"""Files by type, parents first."""


History = tuple[list[Delivery], list[int], list[int]]
"""Deliveries; which of them is taken in at each step, first by its first rules; which are replayed at last, by the last rules."""


def maybe(*values: Any) -> st.SearchStrategy[Any]:
    return st.sampled_from([*values, None])


def files(columns: dict[str, st.SearchStrategy[Any]], most: int) -> st.SearchStrategy[list[Rows]]:
    row = st.fixed_dictionaries({"Name": st.just("n")} | columns)
    rows = st.lists(st.tuples(st.sampled_from([0, 0, 1, 2]), row), min_size=1, max_size=3)
    return st.lists(rows, min_size=1, max_size=most)


PLACES = {"ExternalDataObjectId": st.sampled_from("AB"), "Email": maybe("x", "y"), "Score": maybe(1.0, 2.0)}
PEOPLE = {
    "ExternalDataObjectId": st.sampled_from("PPQ"),
    "RelatedTo": maybe("A", "B", "A", "Z"),
    "Title": maybe("t", "u"),
    "Mail": maybe("m", "o"),
}
ONE = st.one_of(
    st.fixed_dictionaries({"Person": files(PEOPLE, 2)}),
    st.fixed_dictionaries({"Person": files(PEOPLE, 2)}),
    st.fixed_dictionaries({"Place": files(PLACES, 1)}),
    st.fixed_dictionaries({"Place": files(PLACES, 1), "Person": files(PEOPLE, 1)}),
)


@st.composite
def histories(draw: st.DrawFn, most: int, replays: int) -> History:
    """First all deliveries in order with replays between; at last each that the first rules refused a row of, and some others."""
    sent = draw(st.lists(ONE, min_size=2, max_size=most))
    steps: list[int] = []
    for number in range(len(sent)):
        steps.append(number)
        steps += draw(st.lists(st.integers(0, number), max_size=replays))
    refused = [n for n, delivery in enumerate(sent) if any(since for named in delivery.values() for one in named for since, _ in one)]
    others = draw(st.lists(st.integers(0, len(sent) - 1), max_size=1))
    return sent, steps, draw(st.permutations([*refused, *others]))


class Taken:
    """A store in memory that takes in deliveries, by any pass's rules."""

    def __init__(self, home: Path) -> None:
        self.lab = Lab(home, (PLACE, PERSON), memory=True)
        self.lab.prepare()

    def deliver(self, number: int, sent: Delivery, rules: int) -> None:
        """A delivery under the rules of a pass. Jobs of people are numbered after those of places."""
        before = 0
        for kind, named in sent.items():
            rows = [[row if since <= rules else None for since, row in one] for one in named]
            self.lab.deliver(kind, *([[]] * before), *rows, delivery=f"d{number}_")
            before += len(named)

    def seen(self) -> dict[str, Any]:
        """Records by external id, with their parents', and the rows that wait, after all that can be taken in was."""
        self.lab.deliver("Person", [])
        found: dict[str, Any] = {}
        for name, keys in SHOWN.items():
            kind = self.lab.types[name]
            above = f'(SELECT a."{PLACE.external_id}" FROM store.place a WHERE a._id = r._parent_id)'
            columns = ", ".join(f"r.{ident(key)}" for key in (kind.external_id, *keys))
            found[name] = self.lab.query(f"SELECT {columns}, {above} FROM store.{kind.slug} r ORDER BY ALL")
        return found | {"waiting": self.lab.query("SELECT _job, _pos FROM store._parked_person ORDER BY ALL")}


def check(sent: Sequence[Delivery], steps: Sequence[int], replays: Sequence[int]) -> None:
    """Takes in the deliveries step by step, and in order by the last rules; both stores show the same."""
    with tempfile.TemporaryDirectory() as home:
        replayed, ordered = Taken(Path(home) / "replayed"), Taken(Path(home) / "ordered")
        try:
            passes = [0] * len(sent)
            for number in steps:
                replayed.deliver(number, sent[number], passes[number])
                passes[number] += 1
            for number in replays:
                replayed.deliver(number, sent[number], LAST)
            for number, delivery in enumerate(sent):
                ordered.deliver(number, delivery, LAST)
            assert replayed.seen() == ordered.seen()
        finally:
            replayed.lab.close()
            ordered.lab.close()


def row(ext: str, **more: Any) -> dict[str, Any]:
    return {"ExternalDataObjectId": ext, "Name": "n", **more}


REPEATED: list[Delivery] = [
    {"Person": [[(0, row("P", Title="t"))]]},
    {"Person": [[(1, row("P", Title="u"))]]},
    {"Person": [[(0, row("P", Title="t"))]]},
]
"""The last delivery changes nothing and rules over the one before, which is let in late."""
MADE: list[Delivery] = [
    {"Person": [[(1, row("P", Title="t", Mail="m"))]]},
    {"Person": [[(0, row("P", Title="u"))]]},
]
"""The later delivery makes the record, which the earlier one would have made."""
WAITING: list[Delivery] = [
    {"Person": [[(0, row("P", Title="t")), (0, row("Q"))]]},
    {"Person": [[(1, row("P", Title="u"))]]},
    {"Person": [[(0, row("P", Title="t", RelatedTo="A"))], [(0, row("Q", Title="t"))], [(0, row("Q", Title="u", RelatedTo="A"))]]},
    {"Place": [[(1, row("A"))]]},
]
"""A row of a later delivery, and one of a later file, wait while the one before them is let in."""


@settings(max_examples=5)
@example((REPEATED, [0, 1, 2], [1]))
@example((MADE, [0, 1], [0]))
@example((WAITING, [0, 1, 2, 3], [3, 1]))
@example((WAITING, [0, 1, 2, 3], [1, 3, 2, 1]))
@given(histories(3, 1))
def test_replays_in_any_order_end_as_if_all_had_come_in_order(history: History) -> None:
    """A rule that was mended late must cost nothing but time."""
    note(str(history))
    check(*history)


@pytest.mark.slow
@pytest.mark.timeout(1200)
@settings(max_examples=40)
@given(histories(5, 2))
def test_longer_histories_of_replays_end_as_if_all_had_come_in_order(history: History) -> None:
    """The same with more examples: rows that wait, replays of replays, several files."""
    note(str(history))
    check(*history)


def test_the_histories_meet_rows_that_yield_to_repeated_values_and_to_rows_that_waited(tmp_path: Path) -> None:
    """Two stores that both did nothing would agree; this one shows what it should."""
    first: Delivery = {"Person": [[(0, row("P", Title="t")), (1, row("Q", Title="t"))]]}
    refused: Delivery = {"Person": [[(1, row("P", Title="u")), (1, row("Q", Title="u", Mail="m"))]]}
    repeated: Delivery = {"Person": [[(0, row("P", Title="t")), (0, row("Q", Mail="o", RelatedTo="A"))]]}
    places: Delivery = {"Place": [[(0, row("A"))]]}
    taken, sent = Taken(tmp_path), [first, refused, repeated, places]
    for at, number in enumerate((0, 1, 2, 3, 1, 0, 2)):
        taken.deliver(number, sent[number], 0 if at < len(sent) else LAST)
    assert taken.seen() == {"Place": [("A", None, None, None)], "Person": [("P", "t", None, None), ("Q", "u", "o", "A")], "waiting": []}
    taken.lab.close()
