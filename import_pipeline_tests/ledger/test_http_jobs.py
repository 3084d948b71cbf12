"""Jobs of one uploaded file each: settled once, listed by conditions, taken back only before a run."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from import_pipeline.ledger import Ledger, deliveries, http_jobs
from import_pipeline.ledger.http_jobs import HttpJob, Where
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    with Ledger(ledger_url(tmp_path)) as made:
        made.upgrade()
        yield made


def job(number: int, account: str = "acme") -> HttpJob:
    """A pending job, one minute after the one before."""
    at = NOW + timedelta(minutes=number)
    ref = f"imports/acme/{number}.csv"
    return HttpJob(
        f"{number:024x}",
        account,
        "advocate",
        f"T{number % 2}",
        "n",
        "API",
        "CSV",
        None,
        ref,
        None,
        "users",
        "t",
        f"d{number}",
        "PENDING",
        at,
    )


def test_a_job_is_settled_once_and_found_by_its_account_only(ledger: Ledger) -> None:
    """What comes second changes nothing."""
    with ledger.begin() as conn:
        http_jobs.create(conn, job(1))
        done = {"reason": None, "records": 5, "errors": 1, "completed": NOW, "expires": NOW}
        assert http_jobs.settle(conn, job(1).id, "COMPLETED", **done)  # type: ignore[arg-type]
        assert not http_jobs.settle(conn, job(1).id, "ABORTED", **done)  # type: ignore[arg-type]
        found = http_jobs.get(conn, "acme", job(1).id)
        assert found is not None and (found.status, found.records, found.params) == ("COMPLETED", 5, None)
        assert http_jobs.get(conn, "other", job(1).id) is None


def test_conditions_are_all_or_any_of_tests(ledger: Ledger) -> None:
    """An empty `any` fits nothing, an empty `every` everything; a null fits `ne` alone."""
    with ledger.begin() as conn:
        for number in range(5):
            http_jobs.create(conn, job(number))

        def found(where: Where, limit: int = 10) -> list[int]:
            listed, total = http_jobs.listing(conn, "acme", "advocate", where, limit, 0)
            assert total >= len(listed)
            return [int(one.id, 16) for one in listed]

        odd = Where("type", "eq", "T1")
        late = Where("created_at", "gte", NOW + timedelta(minutes=3))
        assert found(Where()) == [4, 3, 2, 1, 0] and found(Where(every=())) == found(Where()) and found(Where(any=())) == []
        assert found(odd) == [3, 1] and found(Where("type", "ne", "T1")) == [4, 2, 0]
        assert found(Where(every=(odd, late))) == [3] and found(Where(any=(odd, late))) == [4, 3, 1]
        assert found(Where("id", "in", [job(2).id, "x"])) == [2] and found(Where("id", "in", [])) == []
        assert found(Where("completed_at", "lt", NOW)) == [] and found(Where("completed_at", "ne", NOW)) == [4, 3, 2, 1, 0]
        assert found(Where(), limit=2) == [4, 3]


def test_jobs_can_be_settled_when_their_delivery_has_ended(ledger: Ledger) -> None:
    """And a delivery is cancelled only as long as no run was asked for."""
    with ledger.begin() as conn:
        for number in range(3):
            http_jobs.create(conn, job(number))
            deliveries.create(conn, f"d{number}", "acme", "advocate", types=["User"], files=1, size=1, dry_run=False, now=NOW)
        assert http_jobs.ended(conn, "advocate") == []
        deliveries.request(conn, "d1", now=NOW)
        assert deliveries.cancel(conn, "d0", "no more", now=NOW) and not deliveries.cancel(conn, "d1", "no more", now=NOW)
        deliveries.fail(conn, "d1", "died", now=NOW)
        assert not deliveries.cancel(conn, "d1", "no more", now=NOW)
        assert [one.delivery for one in http_jobs.ended(conn, "advocate", "acme")] == ["d0", "d1"]
        assert http_jobs.ended(conn, "spotio") == [] == http_jobs.ended(conn, "advocate", "other")
