"""At every past moment the state as of then is what was current then (acceptance B-9)."""

import tempfile
from datetime import datetime, timedelta
from pathlib import Path
from typing import Any

from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.store.names import data_columns
from import_pipeline.store.records import versions_sql
from import_pipeline_tests.lab import ACCOUNT, Lab

ROW = st.fixed_dictionaries(
    {
        "ExternalDataObjectId": st.sampled_from("ABC"),
        "Name": st.just("n"),
        "Email": st.sampled_from([None, "x@x.org", "y@x.org"]),
        "Score": st.sampled_from([None, 1.0, 2.0]),
    }
)
COLUMNS = ["_id", "_parent_id", "_pin_id", "_hash", "_version", "_created_at", "_valid_from", "_job", "_line"]


@settings(max_examples=8)
@given(st.lists(st.lists(ROW, max_size=4), min_size=1, max_size=6))
def test_the_state_as_of_a_moment_is_what_was_current_then(deliveries: list[list[dict[str, Any]]]) -> None:
    """Exports of a past moment, undo and replay are computed from it."""
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(Path(home), memory=True)
        columns = COLUMNS + [c.key for c in data_columns(ACCOUNT)]
        seen: list[tuple[datetime, list[tuple[Any, ...]]]] = []
        try:
            for rows in deliveries:
                report = lab.deliver("Account", rows)
                seen.append((datetime.fromisoformat(report["stamp"]), sorted(_run(lab, columns), key=_id)))
            for n, (stamp, current) in enumerate(seen):
                later = seen[n + 1][0] if n + 1 < len(seen) else stamp + timedelta(days=1)
                for moment in (stamp, later - timedelta(microseconds=1)):
                    assert sorted(_run(lab, columns, moment), key=_id) == current
            assert _run(lab, columns, seen[0][0] - timedelta(microseconds=1)) == []
        finally:
            lab.close()


def test_two_deliveries_at_the_same_moment_of_the_clock_have_different_stamps(tmp_path: Path) -> None:
    """A clock that stands still or goes back must not make two versions of one moment."""
    lab = Lab(tmp_path)
    stamps = []
    for score in (1.0, 2.0, 3.0):
        lab.now -= timedelta(minutes=2)
        stamps.append(lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": score}])["stamp"])
    assert stamps == sorted(set(stamps))
    moments = [lab.query("SELECT _valid_from, _valid_to FROM store._history_account ORDER BY _version")]
    ((_, first_end), (second_start, _)) = moments[0]
    assert first_end == second_start


def _run(lab: Lab, columns: list[str], moment: datetime | None = None) -> list[tuple[Any, ...]]:
    with lab.session() as session:
        return session.run(versions_sql(ACCOUNT, columns, as_of=moment is not None), {"at": moment} if moment else None)


def _id(row: tuple[Any, ...]) -> int:
    return int(row[0])
