"""An undo is applied exactly once, whatever dies or repeats (DESIGN sections 3 and 9, acceptance B-3, B-12)."""

from collections import Counter
from pathlib import Path
from typing import Any

import pytest

from import_pipeline.applying.stage import apply_delivery
from import_pipeline.failures import PermanentFailure
from import_pipeline.relating.undo import relate_undo
from import_pipeline.store.session import Session
from import_pipeline_tests.applying.attempts import Died, Mortal, copy_of, lab_at, person
from import_pipeline_tests.lab import Lab

FOREVER = 1 << 30
KEY = "u_"


def place(ext: str, **more: object) -> dict[str, Any]:
    """A row."""
    return {"ExternalDataObjectId": ext, **more}


def base(home: Path) -> Lab:
    """A store in which undoing `x_0` deletes, restores and keeps, in two types and several packages, with pins and waiting rows."""
    lab = lab_at(home)
    lab.deliver("Account", [place(f"O{n}", Name="old", Score=1.0, Street=f"{n} Elm St") for n in range(5)])
    lab.deliver("Person", [person(f"w{n}", Name="waits", RelatedTo=f"N{n}", Street=f"{n} Low St") for n in range(3)])
    new = [place(f"N{n}", Name="new", Street=f"{n} Oak St") for n in range(5)]
    lab.deliver("Account", [*new, *(place(f"O{n}", Score=2.0, Phone="1") for n in range(4))], delivery="x_")
    lab.deliver("Person", [], delivery="x_")
    lab.deliver("Account", [place("O1", Score=3.0), place("N3", Score=4.0)])
    lab.deliver("Person", [person("w1", Title="edited"), person("c", Name="child", RelatedTo="N0")])
    lab.deliver("Person", [person("v", Name="waits still", RelatedTo="nobody")])
    return lab


def attempt(lab: Lab, undone: str, key: str, *, relate_for: int = FOREVER, apply_for: int = FOREVER) -> tuple[int, int]:
    """One attempt at the undo in all its types; raises Died when the statements run out. Returns how many it took."""
    related_in = applied_in = 0
    for order in lab.undo_orders(undone, key):
        validated, related = lab.stages(order.object_type.name, key)
        with lab.session() as session:
            first = Mortal(session, relate_for - related_in)
            relate_undo(first, order, related)
        related_in = relate_for - first.left
        with lab.session(writable=True) as session:
            second = Mortal(session, apply_for - applied_in)
            apply_delivery(second, lab.apply_order(order.object_type.name, validated, related))
        applied_in = apply_for - second.left
    return related_in, applied_in


def test_a_crash_before_any_statement_of_an_undo_and_a_retry_give_what_one_run_gives(tmp_path: Path) -> None:
    """Half an undo is worse than none: some records would be gone, others not."""
    _crash_everywhere(tmp_path, every=43)


@pytest.mark.slow
@pytest.mark.parametrize("again", [False, True])
def test_a_crash_before_every_statement_of_an_undo_and_a_retry_give_what_one_run_gives(tmp_path: Path, again: bool) -> None:
    """The same without gaps, and for the undo of the undo."""
    _crash_everywhere(tmp_path, every=1, again=again)


def _crash_everywhere(tmp_path: Path, *, every: int, again: bool = False) -> None:
    lab = base(tmp_path / "base")
    undone = lab.undo("x_0") if again else "x_0"

    def booked(copy: Lab) -> Lab:
        copy.booked, copy.undone_by = lab.booked, lab.undone_by
        return copy

    with copy_of(tmp_path / "base", tmp_path / "whole", lab.now) as whole:
        relating, applying = attempt(booked(whole), undone, KEY)
        expected = whole.dump()
    assert relating > 40 and applying > 60
    deaths = [(n, FOREVER) for n in range(0, relating, every)] + [(FOREVER, n) for n in range(0, applying, every)]
    for relate_for, apply_for in deaths:
        with copy_of(tmp_path / "base", tmp_path / "copy", lab.now) as copy:
            with pytest.raises(Died):
                attempt(booked(copy), undone, KEY, relate_for=relate_for, apply_for=apply_for)
            attempt(copy, undone, KEY)
            assert copy.dump() == expected, (relate_for, apply_for)


def test_the_tested_undo_does_everything(tmp_path: Path) -> None:
    """Otherwise the tests above would prove little."""
    lab = base(tmp_path)
    undo = lab.undo("x_0")
    accounts, people = lab.part("Account", undo[:-1], "outcomes"), lab.part("Person", undo[:-1], "outcomes")
    assert Counter(r["action"] for r in accounts) == {"delete": 4, "update": 4, "unchanged": 1}
    assert Counter(r["action"] for r in people) == {"delete": 2, "update": 2}
    assert {r["package"] for r in accounts} == {0, 1, 2, 3, 4}
    assert len(lab.part("Person", undo[:-1], "reparked")) == 3
    again = lab.undo(undo)
    assert Counter(r["action"] for r in lab.part("Account", again[:-1], "outcomes")) == {"create": 4, "update": 4}
    assert len(lab.part("Person", again[:-1], "unparked")) == 3


def test_an_undo_applied_a_second_time_changes_nothing(tmp_path: Path) -> None:
    """A step that is run again by hand must be harmless."""
    lab = base(tmp_path)
    undo = lab.undo("x_0")
    before = lab.dump()
    assert attempt(lab, "x_0", undo[:-1])
    assert lab.dump() == before


def test_the_plan_of_an_undo_writes_nothing_and_says_what_the_run_then_does(tmp_path: Path) -> None:
    """It is shown before it is done (acceptance B-3)."""
    lab = base(tmp_path)
    before = lab.dump()
    key, reports = lab.plan_undo("x_0")
    assert lab.dump() == before
    planned = {(kind, name): lab.part(kind, key, name) for kind in reports for name in ("outcomes", "kept", "images", "reparked")}
    lab.undo("x_0", key)
    assert {(kind, name): lab.part(kind, key, name) for kind, name in planned} == planned


def test_a_begun_undo_whose_staging_is_gone_is_refused(tmp_path: Path) -> None:
    """Nothing can say what is left to do; guessing would do it twice."""
    lab = base(tmp_path)
    undo = lab.undo("x_0")
    (order, *_) = lab.undo_orders("x_0", undo[:-1])
    with lab.session() as session, pytest.raises(PermanentFailure, match="begun in the store"):
        relate_undo(Session(session._connection, writable=False), order, lab.stages("Person", "nowhere")[1])
