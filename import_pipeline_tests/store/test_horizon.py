"""Pruning history: what is past the cut goes, every state from the cut on stays complete, and the horizon only moves forward."""

from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.store.horizon import horizon_of, prunable, prune_history
from import_pipeline.store.names import data_columns
from import_pipeline.store.records import versions_sql
from import_pipeline_tests.lab import ACCOUNT, CONTACT, Lab

TICK = timedelta(microseconds=1)
COLUMNS = ["_id", "_version", "_valid_from", "_job", "_line", *(c.key for c in data_columns(ACCOUNT))]


def scored(lab: Lab, *scores: float) -> list[datetime]:
    """A record with a version per score; the moments at which they began."""
    moments = []
    for score in scores:
        lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": score}])
        moments.append(lab.now)
    return moments


def pruned(lab: Lab, cut: datetime) -> dict[str, int]:
    with lab.session(writable=True) as session:
        return prune_history(session, [ACCOUNT, CONTACT], cut)


def horizon(lab: Lab) -> datetime | None:
    with lab.session() as session:
        return horizon_of(session, ACCOUNT)


def state(lab: Lab, at: datetime) -> list[tuple[Any, ...]]:
    with lab.session() as session:
        return sorted(session.run(versions_sql(ACCOUNT, COLUMNS, as_of=True), {"at": at}))


def test_a_version_goes_when_it_ended_before_the_cut_and_not_a_tick_sooner(tmp_path: Path) -> None:
    """The version that ends at the cut is no part of any state from the cut on; dropping it one prune later does no harm."""
    lab = Lab(tmp_path)
    _, second, third = scored(lab, 1.0, 2.0, 3.0)
    assert pruned(lab, second) == {}
    assert horizon(lab) is None
    assert pruned(lab, second + TICK) == {"Account": 1}
    assert horizon(lab) == second + TICK
    assert lab.query("SELECT _version, _valid_to FROM store._history_account") == [(2, third)]
    assert [r["Score"] for r in lab.records("Account")] == [3.0]


def test_the_horizon_only_moves_forward_and_is_each_types_own(tmp_path: Path) -> None:
    """A longer retention brings nothing back, and a type whose history is whole can be read as far as it goes."""
    lab = Lab(tmp_path)
    moments = scored(lab, 1.0, 2.0, 3.0)
    assert pruned(lab, moments[2] + timedelta(hours=1)) == {"Account": 2}
    assert pruned(lab, moments[1]) == {}
    scored(lab, 4.0)
    with lab.session(writable=True) as session:
        session.run("UPDATE store._history_account SET _valid_to = ?", [moments[0]])
    assert pruned(lab, moments[1]) == {"Account": 1}
    assert horizon(lab) == moments[2] + timedelta(hours=1)
    with lab.session() as session:
        assert horizon_of(session, CONTACT) is None


def test_a_reader_finds_out_whether_there_is_anything_to_prune(tmp_path: Path) -> None:
    """Upkeep looks before it opens the store for writing: most hours there is nothing."""
    lab = Lab(tmp_path)
    with lab.session() as session:
        assert prunable(session, [ACCOUNT, CONTACT], lab.now) == []
        assert horizon_of(session, ACCOUNT) is None
    _, second = scored(lab, 1.0, 2.0)
    with lab.session() as session:
        assert not session.writable
        assert prunable(session, [ACCOUNT, CONTACT], second) == []
        assert [t.name for t in prunable(session, [ACCOUNT, CONTACT], second + TICK)] == ["Account"]


def test_a_store_from_before_there_was_a_horizon_can_be_read_and_pruned(tmp_path: Path) -> None:
    """Tables grow with the next import, and upkeep may come first."""
    lab = Lab(tmp_path)
    scored(lab, 1.0, 2.0)
    with lab.session(writable=True) as session:
        session.run("DROP TABLE store._horizon")
    assert horizon(lab) is None
    assert pruned(lab, lab.now + TICK) == {"Account": 1}
    assert horizon(lab) == lab.now + TICK


def test_pruning_takes_the_lock_from_nobody(tmp_path: Path) -> None:
    """An import whose token was changed would stop as if another attempt had taken over."""
    lab = Lab(tmp_path)
    scored(lab, 1.0, 2.0)
    before = lab.query("SELECT * FROM store._lock")
    pruned(lab, lab.now + TICK)
    assert lab.query("SELECT * FROM store._lock") == before


@settings(max_examples=8, deadline=None)
@given(st.lists(st.sampled_from([None, 1.0, 2.0]), min_size=2, max_size=6), st.integers(0, 6), st.integers(0, 1))
def test_every_state_from_the_horizon_on_is_what_it_was(
    tmp_path_factory: Any, scores: list[float | None], minutes: int, ticks: int
) -> None:
    """A read that is allowed must be right; that is what the horizon is for."""
    lab = Lab(tmp_path_factory.mktemp("lab"), memory=True)
    try:
        start = lab.now
        for score in scores:
            lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": score}])
        cut = start + timedelta(minutes=minutes) + ticks * TICK
        moments = [m for n in range(8) for m in (start + timedelta(minutes=n), start + timedelta(minutes=n) + TICK)]
        before = {moment: state(lab, moment) for moment in moments}
        pruned(lab, cut)
        known = horizon(lab)
        assert known in (None, cut)
        for moment in moments:
            if known is None or moment >= known:
                assert state(lab, moment) == before[moment]
    finally:
        lab.close()
