"""Which state an export holds: as of any moment, in any window, and when there is none to export."""

import csv
import io
from datetime import UTC, datetime, timedelta
from pathlib import Path
from zoneinfo import ZoneInfo

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.exporting.windows import Window, window_of
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.exporting.chain import NEW_YORK, Chain
from import_pipeline_tests.lab import ACCOUNT, CONTACT

ZONE = ZoneInfo(NEW_YORK)
account_rows = st.lists(
    st.fixed_dictionaries(
        {"ExternalDataObjectId": st.sampled_from("ABCDE"), "Name": st.just("n")},
        optional={
            "Score": st.integers(0, 3).map(float),
            "City": st.sampled_from(["Rome", "Oslo"]),
            "Stage": st.sampled_from(["New", "Contacted"]),
        },
    ),
    max_size=6,
)
contact_rows = st.lists(
    st.fixed_dictionaries(
        {"ExternalDataObjectId": st.sampled_from("xyz"), "Name": st.just("n")},
        optional={"RelatedTo": st.sampled_from("ABCDE"), "Title": st.sampled_from(["t", "u"])},
    ),
    max_size=4,
)
deliveries = st.tuples(st.just("Account"), account_rows) | st.tuples(st.just("Contact"), contact_rows)
histories = st.lists(st.tuples(st.integers(0, 30 * 60).map(lambda m: timedelta(minutes=m)), deliveries), min_size=2, max_size=5)


@pytest.fixture
def lab(tmp_path: Path) -> Chain:
    return Chain(tmp_path, (ACCOUNT, CONTACT))


def rows_of(data: bytes) -> dict[str, dict[str, str]]:
    """Rows of a CSV export by record id."""
    return {row["RecordID"]: row for row in csv.DictReader(io.StringIO(data.decode("utf-8"), newline=""))}


def days(first: datetime, last: datetime) -> list[Window]:
    """The days from the one of `first` to the one of `last`."""
    day, end, found = first.astimezone(ZONE).date(), last.astimezone(ZONE).date(), []
    while day <= end:
        found.append(window_of("daily", day.isoformat(), NEW_YORK))
        day += timedelta(days=1)
    return found


def stamps(lab: Chain, type_name: str) -> set[tuple[str, datetime]]:
    """(record id, moment) of every version there ever was."""
    slug = lab.types[type_name].slug
    return {
        (outward, moment)
        for outward, moment in lab.query(
            f"SELECT (SELECT tag FROM store._lock) || printf('%016x', _id), _valid_from FROM "
            f"(SELECT _id, _valid_from FROM store.{slug} UNION ALL SELECT _id, _valid_from FROM store._history_{slug})"
        )
    }


def test_a_past_day_exported_again_after_later_imports_has_the_same_bytes(lab: Chain) -> None:
    """Acceptance B-9. A record that changed since is shown as it was, one that came since is not shown."""
    lab.deliver(
        "Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": 1.0, "City": "Rome"}, {"ExternalDataObjectId": "B", "Name": "n"}]
    )
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "Name": "n", "RelatedTo": "A"}])
    window = window_of("daily", "2026-11-01", NEW_YORK)
    before = {name: lab.bytes_of(name, window, now=window.end) for name in lab.types}
    lab.now = window.end - timedelta(minutes=1)
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Score": 2.0}, {"ExternalDataObjectId": "D", "Name": "n"}])
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "RelatedTo": "B", "Title": "t"}])
    assert {name: lab.bytes_of(name, window) for name in lab.types} == before
    assert [r["ExternalDataObjectId"] for r in rows_of(before["Account"]).values()] == ["A", "B"]


@pytest.mark.slow
@settings(max_examples=12)
@given(histories)
def test_a_past_state_exported_later_has_the_bytes_it_had_at_its_time(tmp_path_factory: pytest.TempPathFactory, history: list) -> None:  # type: ignore[type-arg]
    """Acceptance B-9: history is there to be asked, and what was sent out then must be what is found now."""
    lab = Chain(tmp_path_factory.mktemp("lab"), (ACCOUNT, CONTACT))
    then: list[tuple[str, datetime, bytes]] = []
    for pause, (type_name, rows) in history:
        lab.now += pause
        lab.deliver(type_name, rows)
        then += [(name, lab.now, lab.bytes_of(name)) for name in lab.types]
    for name, moment, data in then:
        assert lab.bytes_of(name, at=moment) == data
    for window in days(then[0][1], lab.now):
        earlier = [(name, data) for name, moment, data in then if moment < window.end]
        for name in lab.types:
            state = next(data for known, data in reversed(earlier) if known == name)
            assert lab.bytes_of(name, window, now=lab.now + timedelta(days=2)) == state


@pytest.mark.slow
@settings(max_examples=12)
@given(histories)
def test_daily_changes_hold_each_record_in_just_the_days_in_which_it_changed(
    tmp_path_factory: pytest.TempPathFactory, history: list
) -> None:  # type: ignore[type-arg]
    """Whoever applies the daily files one after the other has the state of the last day: none is missing, none is told twice."""
    lab = Chain(tmp_path_factory.mktemp("lab"), (ACCOUNT, CONTACT))
    start = lab.now
    for pause, (type_name, rows) in history:
        lab.now += pause
        lab.deliver(type_name, rows)
    later = lab.now + timedelta(days=2)
    for name in lab.types:
        told: set[tuple[str, str]] = set()
        gathered: dict[str, dict[str, str]] = {}
        for window in days(start, lab.now):
            changed = rows_of(lab.bytes_of(name, window, content="changes", now=later))
            told |= {(record, window.label) for record in changed}
            gathered |= changed
            assert gathered == rows_of(lab.bytes_of(name, window, now=later))
        assert told == {(record, moment.astimezone(ZONE).date().isoformat()) for record, moment in stamps(lab, name)}


def test_a_version_that_begins_at_midnight_belongs_to_the_day_that_begins(lab: Chain) -> None:
    """Windows are half open; the hour that comes twice in autumn belongs to its day both times."""
    sunday, monday = (window_of("daily", day, NEW_YORK) for day in ("2026-11-01", "2026-11-02"))
    for number, moment in enumerate((sunday.start, monday.start - timedelta(microseconds=1), monday.start)):
        lab.now = moment - timedelta(minutes=1)
        lab.deliver("Account", [{"ExternalDataObjectId": f"A{number}", "Name": "n"}])
    changed = {w.label: [r["ExternalDataObjectId"] for r in rows_of(lab.bytes_of("Account", w, content="changes", now=monday.end)).values()]
               for w in (sunday, monday)}  # fmt: skip
    assert changed == {"2026-11-01": ["A0", "A1"], "2026-11-02": ["A2"]}


def test_a_record_that_swings_back_within_a_window_is_a_change_in_its_last_state(lab: Chain) -> None:
    """It has new versions in the window, whatever they say; comparing values would hide that somebody touched it."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": 1.0}, {"ExternalDataObjectId": "B", "Name": "n"}])
    lab.now += timedelta(days=1)
    for score in (2.0, 1.0):
        lab.deliver("Account", [{"ExternalDataObjectId": "A", "Score": score}])
    window = window_of("daily", "2026-11-02", NEW_YORK)
    changed = rows_of(lab.bytes_of("Account", window, content="changes", now=window.end))
    assert [(r["ExternalDataObjectId"], r["Score"]) for r in changed.values()] == [("A", "1")]


def test_only_what_has_ended_is_exported(lab: Chain) -> None:
    """A window that still runs, or a moment to come, would give other bytes when it is exported again."""
    window = window_of("daily", "2026-11-01", NEW_YORK)
    with pytest.raises(PermanentFailure, match="2026-11-01 ends at 2026-11-02T05:00:00Z, after now"):
        lab.export("Account", window, now=window.end - timedelta(microseconds=1))
    with pytest.raises(PermanentFailure, match="2026-11-01T12:00:01Z has not come yet"):
        lab.export("Account", at=lab.now + timedelta(seconds=1))
    assert lab.export("Account", window, now=window.end).rows == 0


def test_a_request_that_contradicts_itself_is_refused(lab: Chain) -> None:
    """Guessing which of two was meant would send the wrong state."""
    window = window_of("daily", "2026-10-31", NEW_YORK)
    with pytest.raises(PermanentFailure, match="not of both"):
        lab.export("Account", window, at=lab.now)
    with pytest.raises(PermanentFailure, match="needs a window"):
        lab.export("Account", content="changes")
    with pytest.raises(PermanentFailure, match="no time zone"):
        lab.export("Account", at=datetime(2026, 1, 1))


def test_while_an_import_is_half_applied_no_state_that_it_belongs_to_is_exported(lab: Chain) -> None:
    """Some of its packages are in the store and some are not: exported again after the retry, the past would look different.

    States before it, and other object types, are as they are.
    """
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}])
    stamp = lab.now + timedelta(hours=1)
    with lab.session(writable=True) as session:
        session.run("INSERT INTO store._change_sets (id, delivery, type, stamp) VALUES ('d9:account:1', 'd9', 'account', ?)", [stamp])
    lab.now += timedelta(days=2)
    today, before = (window_of("daily", day, NEW_YORK) for day in ("2026-11-01", "2026-10-31"))
    for more in ({}, {"at": stamp}, {"window": today}):
        with pytest.raises(TransientFailure, match="delivery d9 is half applied"):
            lab.export("Account", **more)
    assert lab.export("Account", before).rows == 0
    assert lab.export("Account", at=stamp - timedelta(microseconds=1)).rows == 1
    assert lab.export("Contact", today).rows == 0


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_store_without_the_type_gives_a_file_without_rows(lab: Chain, format: str) -> None:
    """A schedule begins before the first import; a missing file would look like a fault."""
    for folder in ("no store", "no type"):
        result = lab.export("Contact", folder=folder, format=format)
        assert result.rows == 0
        if format == "csv":
            assert result.path.read_text() == "RecordID,ExternalDataObjectId,RelatedTo,Name,Title\n"
        small = Chain(lab.home, (ACCOUNT,))
        small.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}])


def test_a_field_that_no_import_has_brought_yet_is_empty(lab: Chain) -> None:
    """Fields are added at any time; the store's tables follow with the next import, and the nightly export may come first."""
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "Name": "n"}])
    grown = CONTACT.model_dump()
    grown["fields"] = [*grown["fields"], {"name": "Born", "type": "Date"}, {"name": "Worth", "type": "Currency"}]
    lab.types["Contact"] = ObjectType.model_validate(grown)
    for format in ("csv", "jsonl", "parquet"):
        assert lab.export("Contact", format=format).rows == 1
    (row,) = rows_of(lab.bytes_of("Contact")).values()
    assert (row["Name"], row["Born"], row["Worth"]) == ("n", "", "")


def test_the_current_state_is_complete_even_when_the_clock_was_set_back(lab: Chain) -> None:
    """Moments in the store never go back; what was imported by the wrong clock is there all the same, and can be had again."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}])
    ahead = lab.now
    lab.now = datetime(2026, 10, 1, tzinfo=UTC)
    result = lab.export("Account")
    assert result.rows == 1
    assert '"as_of": "2026-11-01T12:01:00Z"' in result.manifest.read_text()
    assert lab.bytes_of("Account", at=ahead, now=ahead) == result.path.read_bytes()
