"""What hangs where, after any sequence of territories, records, undos and replays (acceptance S-14, B-14).

Belongs here: the tree and the places as change sets leave them. Does not belong here: geometry (territories/), KML (parsing/).
"""

import tempfile
from datetime import datetime
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from import_pipeline.model.territory import Territories
from import_pipeline.relating.territories import FRAME
from import_pipeline.store.hanging import hanging_of
from import_pipeline.store.records import people_sql, stored_columns
from import_pipeline.territories.assignment import assign
from import_pipeline.territories.hierarchy import parents
from import_pipeline_tests.lab import ACCOUNT, Lab

Row = dict[str, Any]


def box(title: str, level: int, x: int, y: int, width: int, height: int) -> Row:
    """A territory with straight borders on whole degrees."""
    ring = [(x, y), (x + width, y), (x + width, y + height), (x, y + height), (x, y)]
    return {"Title": title, "Level": level, "Shape": f"POLYGON (({', '.join(f'{a} {b}' for a, b in ring)}))"}


def pinned(key: str, lng: float | None, lat: float | None) -> Row:
    """An account somewhere, or nowhere."""
    return {"ExternalDataObjectId": key, "Name": key, "Lat": lat, "Lng": lng}


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    """A store with territories and accounts."""
    return Lab(tmp_path, (ACCOUNT,), territories=Territories())


def hung(lab: Lab, type_name: str, at: datetime | None = None) -> dict[str, str | None]:
    """External id → title of the territory it lies in, now or at a moment, as people see it."""
    object_type, rules = lab.types[type_name], lab.territories
    assert rules is not None
    with lab.session() as session:
        hanging = hanging_of(session, object_type, rules.object_type)
        assert hanging is not None
        stored = stored_columns(session, object_type)
        select = f'r."{object_type.external_id}", {hanging.value}'
        return dict(session.run(people_sql(object_type, select, stored, hanging, as_of=at is not None), {"at": at} if at else None))


def as_worked_out(lab: Lab) -> tuple[dict[int, Any], dict[int, Any]]:
    """The tree and the places worked out from the stored shapes, levels and coordinates alone."""
    stored = pl.DataFrame(
        lab.query(f"SELECT {FRAME} FROM store.territory ORDER BY 1"),
        schema={"id": pl.Int64, "title": pl.String, "level": pl.Int64, "shape": pl.String},
        orient="row",
    )
    pins = pl.DataFrame(
        lab.query("SELECT _id, Lng, Lat FROM store._pins WHERE Lat IS NOT NULL AND Lng IS NOT NULL ORDER BY 1"),
        schema={"id": pl.Int64, "lng": pl.Float64, "lat": pl.Float64},
        orient="row",
    )
    tree = parents(stored, Territories().tolerance)
    return dict(tree.select("id", "parent").iter_rows()), dict(assign(pins, stored).iter_rows())


def as_stored(lab: Lab) -> tuple[dict[int, Any], dict[int, Any]]:
    """The present rows of the tree and of the places; each thing has one."""
    tree = lab.query("SELECT territory, parent FROM store._tree WHERE _valid_to IS NULL")
    placed = lab.query("SELECT pin, territory FROM store._placed WHERE _valid_to IS NULL")
    assert len(dict(tree)) == len(tree)
    assert len(dict(placed)) == len(placed)
    return dict(tree), dict(placed)


def test_a_territory_lies_below_the_one_of_the_level_above_that_contains_it(lab: Lab) -> None:
    """Acceptance S-14; parents and children come in any order and in any delivery."""
    lab.deliver("Territory", [box("West", 2, 0, 0, 5, 10), box("Far", 2, 30, 0, 5, 5)])
    assert hung(lab, "Territory") == {"West": None, "Far": None}
    report = lab.deliver("Territory", [box("North", 1, 0, 0, 10, 10)])
    assert hung(lab, "Territory") == {"West": "North", "Far": None, "North": None}
    assert report["jobs"] == {"d2_0": {"create": 1}}


def test_what_does_not_fit_is_told_at_the_lines_of_this_delivery(lab: Lab) -> None:
    """Orphans, what reaches outside its parent, overlaps and gaps are warnings that cost no row."""
    report = lab.deliver(
        "Territory", [box("North", 1, 0, 0, 10, 10), box("A", 2, 0, 0, 6, 10), box("B", 2, 5, 0, 7, 9), box("C", 2, 30, 0, 1, 1)]
    )
    assert lab.errors(report) == {
        (2, "gap", "Shape"),
        (3, "overlap", "Shape"),
        (4, "outside_parent", "Shape"),
        (5, "no_parent_territory", "Shape"),
    }
    assert report["jobs"] == {"d1_0": {"create": 4}}
    later = lab.deliver("Territory", [box("Z", 1, 60, 0, 1, 1)])
    assert lab.errors(later) == set()


def test_a_record_belongs_to_the_deepest_territory_that_holds_its_pin(lab: Lab) -> None:
    """Acceptance B-14: when it is imported, and again when shapes change."""
    lab.deliver("Territory", [box("North", 1, 0, 0, 10, 10), box("West", 2, 0, 0, 5, 10)])
    lab.deliver("Account", [pinned("a", 1, 1), pinned("b", 8, 8), pinned("c", 50, 50), pinned("d", None, None)])
    assert hung(lab, "Account") == {"a": "West", "b": "North", "c": None, "d": None}
    before = lab.now
    lab.deliver("Territory", [box("West", 2, 6, 0, 4, 10), box("East", 1, 40, 40, 20, 20)])
    assert hung(lab, "Account") == {"a": "North", "b": "West", "c": "East", "d": None}
    assert hung(lab, "Account", before) == {"a": "West", "b": "North", "c": None, "d": None}
    assert lab.query("SELECT max(_version) FROM store.account") == [(1,)]


def test_only_what_moves_is_written(lab: Lab) -> None:
    """The same shapes again write nothing at all."""
    lab.deliver("Account", [pinned("a", 1, 1), pinned("b", 8, 8)])
    lab.deliver("Territory", [box("North", 1, 0, 0, 10, 10)])
    before = as_stored(lab), lab.query("SELECT count(*) FROM store._placed"), lab.query("SELECT count(*) FROM store._tree")
    report = lab.deliver("Territory", [box("North", 1, 0, 0, 10, 10)])
    assert report["jobs"] == {"d3_0": {"unchanged": 1}}
    assert (as_stored(lab), lab.query("SELECT count(*) FROM store._placed"), lab.query("SELECT count(*) FROM store._tree")) == before
    lab.deliver("Territory", [box("North", 1, 0, 0, 10, 5)])
    assert [(r["before"], r["after"]) for r in lab.part("Territory", "d4_", "moves")] == [(lab.records("Territory")[0]["_id"], None)]


def test_an_undo_of_territories_brings_back_where_everything_was(lab: Lab) -> None:
    """Acceptance B-3: places are worked out again, so the undo of the undo is right as well."""
    lab.deliver("Territory", [box("North", 1, 0, 0, 10, 10)])
    lab.deliver("Account", [pinned("a", 1, 1), pinned("b", 8, 8)])
    before = hung(lab, "Account"), hung(lab, "Territory")
    lab.deliver("Territory", [box("North", 1, 0, 0, 5, 5), box("West", 2, 0, 0, 2, 2)])
    after = hung(lab, "Account"), hung(lab, "Territory")
    assert after == ({"a": "West", "b": None}, {"North": None, "West": "North"})
    undo = lab.undo("d3_0")
    assert (hung(lab, "Account"), hung(lab, "Territory")) == before
    lab.undo(undo)
    assert (hung(lab, "Account"), hung(lab, "Territory")) == after


GRID = st.integers(0, 6)
BOXES = st.builds(box, st.sampled_from("NSWE"), st.integers(1, 3), GRID, GRID, st.integers(1, 6), st.integers(1, 6))
PINNED = st.builds(pinned, st.sampled_from("abcd"), st.one_of(st.none(), GRID.map(float)), st.sampled_from([0.5, 2.0, 4.5, 7.0]))
STEPS = st.one_of(
    st.tuples(st.just("Territory"), st.lists(BOXES, min_size=1, max_size=4)),
    st.tuples(st.just("Account"), st.lists(PINNED, min_size=1, max_size=4)),
    st.tuples(st.just("undo"), st.integers(0, 3)),
    st.tuples(st.just("again"), st.integers(0, 3)),
)


def _run(steps: list[tuple[str, Any]]) -> None:
    with tempfile.TemporaryDirectory() as folder:
        lab = Lab(Path(folder), (ACCOUNT,), territories=Territories(), memory=True)
        lab.prepare()
        done: list[tuple[str, str, list[Row]]] = []
        seen: list[tuple[datetime, Any]] = []
        for name, given_ in steps:
            note(f"{name} {given_}")
            if name in ("Territory", "Account"):
                done.append((lab.deliver(name, given_)["delivery"], name, given_))
            elif name == "again" and done:
                key, kind, rows = done[given_ % len(done)]
                if f"{key}0" not in lab.undone_by:
                    lab.deliver(kind, rows, delivery=key)
            elif name == "undo":
                open_ = [job for job in lab.booked if job not in lab.undone_by]
                if open_:
                    lab.undo(open_[given_ % len(open_)])
            assert as_stored(lab) == as_worked_out(lab)
            seen.append((lab.now, (hung(lab, "Account"), hung(lab, "Territory"))))
        for moment, told in seen:
            assert (hung(lab, "Account", moment), hung(lab, "Territory", moment)) == told
        lab.close()


@settings(max_examples=8)
@given(st.lists(STEPS, min_size=3, max_size=5))
def test_what_hangs_where_is_what_the_stored_shapes_say_then_and_later(steps: list[tuple[str, Any]]) -> None:
    """After every step the present rows are those worked out from scratch; every past state reads as it was when it was present."""
    _run(steps)


@pytest.mark.slow
@pytest.mark.timeout(900)
@settings(max_examples=40)
@given(st.lists(STEPS, min_size=4, max_size=9))
def test_the_same_over_long_sequences(steps: list[tuple[str, Any]]) -> None:
    """Chains of undos and replays between them."""
    _run(steps)
