"""What people write for a moment, and what is refused with which words."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from import_pipeline.exporting.moments import moment_of
from import_pipeline.exporting.windows import window_of
from import_pipeline.failures import PermanentFailure, TransientFailure, UnknownValue
from import_pipeline.ledger import Ledger, deliveries, jobs
from import_pipeline.ledger.jobs import NewJob
from import_pipeline.model.job import DeliveryState, JobState
from import_pipeline_tests.exporting.chain import NEW_YORK, Chain
from import_pipeline_tests.lab import ACCOUNT, CONTACT

NOW = datetime(2026, 11, 20, 17, 0, tzinfo=UTC)
TICK = timedelta(microseconds=1)


@pytest.fixture
def ledger() -> Iterator[Ledger]:
    made = Ledger("sqlite://")
    made.upgrade()
    yield made
    made.close()


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Chain]:
    made = Chain(tmp_path, (ACCOUNT, CONTACT), memory=True)
    made.now = NOW
    yield made
    made.close()


def asked(lab: Chain, ledger: Ledger, text: str, now: datetime | None = None) -> datetime:
    """The moment of a text, at the lab's own time unless said."""
    with lab.session() as session:
        return moment_of(text, session, lab.account, ledger, now or lab.now)


def book(
    ledger: Ledger, delivery: str, *names: str, state: DeliveryState = "finished", job_state: JobState = "applied", account: str = "lab"
) -> list[str]:
    """A delivery of these files in the ledger; the ids of its jobs."""
    with ledger.begin() as conn:
        deliveries.create(conn, delivery, account, "test", types=["Account"], files=len(names), size=1, dry_run=False, now=NOW)
        new = [NewJob("f", "Account", None, name, None, None, "", 0, "csv") for name in names]
        jobs.create(conn, account, delivery, new, dry_run=False, now=NOW)
        made = jobs.by_delivery(conn, delivery)
        for job in made:
            jobs.finish(conn, job.id, job_state, now=NOW)
        if state != "finished":
            assert deliveries.request(conn, delivery, now=NOW)
        else:
            deliveries.finish(conn, delivery, now=NOW)
    return [job.id for job in made]


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("now", "2026-11-20T17:00:00"),
        ("today", "2026-11-20T17:00:00"),
        ("2026-11-20", "2026-11-20T17:00:00"),
        (" NOW ", "2026-11-20T17:00:00"),
        ("yesterday", "2026-11-20T04:59:59.999999"),
        ("2026-11-19", "2026-11-20T04:59:59.999999"),
        ("2026-11-19T10:30", "2026-11-19T15:30:00"),
        ("2026-11-19 10:30:05.25", "2026-11-19T15:30:05.250000"),
        ("2026-11-19T10:30Z", "2026-11-19T10:30:00"),
        ("2026-11-19T10:30:00+02:00", "2026-11-19T08:30:00"),
        ("15m", "2026-11-20T16:45:00"),
        ("2h", "2026-11-20T15:00:00"),
        ("3d", "2026-11-17T17:00:00"),
        ("2026-11-01T03:00-05:00", "2026-11-01T08:00:00"),
    ],
)
def test_days_times_words_and_durations_are_understood(lab: Chain, ledger: Ledger, text: str, expected: str) -> None:
    """A time without zone is the account's, here New York. A day means its end, as its daily export does; today means now."""
    assert asked(lab, ledger, text) == datetime.fromisoformat(expected).replace(tzinfo=UTC)


def test_a_day_is_the_last_moment_of_its_daily_export(lab: Chain, ledger: Ledger) -> None:
    """So `export --as-of` of a day and the scheduled export of that day are the same records, however the clock is set."""
    for number in range(1, 400):
        day = (NOW - timedelta(days=number)).date().isoformat()
        assert asked(lab, ledger, day) == window_of("daily", day, NEW_YORK).end - TICK


@pytest.mark.parametrize("text", ["2026-11-21", "2026-11-20T17:00:00.000001Z", "2027-01-01", "2026-11-20T12:01"])
def test_a_moment_to_come_is_refused(lab: Chain, ledger: Ledger, text: str) -> None:
    """Its state would be another one when it is read again."""
    with pytest.raises(PermanentFailure, match=r"has not come yet \(now is 2026-11-20T17:00:00Z\)"):
        asked(lab, ledger, text)


def test_a_local_time_that_comes_twice_is_refused_with_both_meanings(lab: Chain, ledger: Ledger) -> None:
    """In the night when the clock is set back, half past one is two moments an hour apart; guessing gives the wrong state."""
    with pytest.raises(PermanentFailure, match="comes twice") as refused:
        asked(lab, ledger, "2026-11-01T01:30")
    assert "2026-11-01T01:30:00-04:00 or 2026-11-01T01:30:00-05:00" in str(refused.value)
    one, other = (asked(lab, ledger, f"2026-11-01T01:30:00-0{n}:00") for n in (4, 5))
    assert other - one == timedelta(hours=1)


def test_a_local_time_that_never_comes_is_refused_with_both_meanings(lab: Chain, ledger: Ledger) -> None:
    """In the night when the clock is set forward, half past two is no moment at all."""
    with pytest.raises(PermanentFailure, match="never comes") as refused:
        asked(lab, ledger, "2026-03-08T02:30")
    assert "2026-03-08T02:30:00-05:00 or 2026-03-08T02:30:00-04:00" in str(refused.value)


@pytest.mark.parametrize("text", ["2026-02-30", "2026-13-01T10:00", "2026-11-19T25:00", "0001-01-01T00:00+14:00", "99999999w"])
def test_what_looks_like_a_moment_and_is_none_is_told_what_is_accepted(lab: Chain, ledger: Ledger, text: str) -> None:
    """A wrong date is no job's id: the message is about dates."""
    with pytest.raises(PermanentFailure, match="names no moment") as refused:
        asked(lab, ledger, text)
    assert "before:JOB" in str(refused.value)


def test_a_job_is_the_state_right_after_its_delivery_and_before_it_a_tick_before(lab: Chain, ledger: Ledger) -> None:
    """Also when the delivery wrote several types: the job's import is over with the last of them."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}])
    earlier = {name: lab.bytes_of(name) for name in lab.types}
    first, _ = book(ledger, "d7_", "a.csv", "b.csv")
    lab.deliver("Account", [{"ExternalDataObjectId": "B", "Name": "n"}], delivery="d7_")
    begun = lab.now
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "Name": "n", "RelatedTo": "A"}], delivery="d7_")
    ended = lab.now
    after = {name: lab.bytes_of(name) for name in lab.types}
    lab.deliver("Account", [{"ExternalDataObjectId": "B", "Score": 2.0}], delivery="d8_")
    lab.deliver("Account", [{"ExternalDataObjectId": "B", "Score": 3.0}], delivery="d7_")
    assert (asked(lab, ledger, f"before:{first}"), asked(lab, ledger, first)) == (begun - TICK, ended)
    assert (asked(lab, ledger, "before:d7_"), asked(lab, ledger, "d7_")) == (begun - TICK, ended)
    for name in lab.types:
        assert lab.bytes_of(name, at=asked(lab, ledger, f"before:{first}")) == earlier[name]
        assert lab.bytes_of(name, at=asked(lab, ledger, first)) == after[name]


def test_a_job_that_only_a_replay_imported_is_the_state_after_that_replay(lab: Chain, ledger: Ledger) -> None:
    """Its file was refused as a whole the first time: then it wrote nothing."""
    good, late = book(ledger, "d7_", "a.csv", "b.csv")
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}], delivery="d7_")
    first = lab.now
    with lab.session(writable=True) as session:
        session.run("UPDATE store._packages SET job = ?", [good])
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}], [{"ExternalDataObjectId": "B", "Name": "m"}], delivery="d7_")
    with lab.session(writable=True) as session:
        session.run("UPDATE store._packages SET job = CASE job WHEN 'd7_1' THEN ? ELSE ? END WHERE job <> ?", [late, good, good])
    assert (asked(lab, ledger, good), asked(lab, ledger, late)) == (first, lab.now)
    assert asked(lab, ledger, f"before:{late}") == lab.now - TICK


def test_an_unknown_job_is_told_the_near_ones_and_what_is_accepted(lab: Chain, ledger: Ledger) -> None:
    """A slip of the finger must not send people to search for ids."""
    known, *_ = book(ledger, "d7_", "a.csv", "b.csv")
    wrong = known[:-1] + ("x" if known[-1] != "x" else "y")
    for text in (wrong, f"before:{wrong}"):
        with pytest.raises(UnknownValue, match=f"Did you mean '{known}'") as refused:
            asked(lab, ledger, text)
        assert "2026-11-20T17:05" in str(refused.value)
    for text in ("", "tomorrow", "before:", "before:now", "the day before"):
        with pytest.raises(UnknownValue, match="unknown moment, job or delivery"):
            asked(lab, ledger, text)


def test_a_job_that_wrote_nothing_or_is_another_accounts_is_refused(lab: Chain, ledger: Ledger) -> None:
    """There is no state that it made; another account's moments would be true and mean nothing."""
    (foreign,) = book(ledger, "d5_", "a.csv", account="other")
    with pytest.raises(PermanentFailure, match="an import of the account other, not of lab"):
        asked(lab, ledger, foreign)
    (failed,) = book(ledger, "d6_", "a.csv", job_state="failed")
    lab.prepare()
    for text in (failed, f"before:{failed}"):
        with pytest.raises(PermanentFailure, match="is failed and wrote nothing"):
            asked(lab, ledger, text)


def test_a_job_whose_delivery_is_still_imported_has_no_state_after_it_yet(lab: Chain, ledger: Ledger) -> None:
    """Later types of the delivery would move the moment; the state before it stands."""
    (job,) = book(ledger, "d7_", "a.csv", state="running")
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}], delivery="d7_")
    with pytest.raises(TransientFailure, match="still being imported"):
        asked(lab, ledger, job)
    assert asked(lab, ledger, f"before:{job}") == lab.now - TICK


def test_now_is_the_current_state_even_when_the_clock_was_set_back(lab: Chain, ledger: Ledger) -> None:
    """What was imported by the wrong clock is there all the same."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}])
    back = lab.now - timedelta(days=3)
    moment = asked(lab, ledger, "now", back)
    assert moment == lab.now
    assert lab.export("Account", at=moment, now=back).rows == 1
