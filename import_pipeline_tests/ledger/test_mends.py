"""Mended rows in the ledger: versions, rules for many rows, sending once."""

from collections.abc import Iterator
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from import_pipeline.ledger import Ledger, mends
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
JOB = "ab12cd34"


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    with Ledger(ledger_url(tmp_path)) as made:
        made.upgrade()
        yield made


def save(ledger: Ledger, line: int, cells: dict[int, str], version: int = 0, by: str = "ann") -> int | None:
    """Books a change."""
    with ledger.begin() as conn:
        return mends.save(conn, "acme", JOB, line, cells, version=version, by=by, now=NOW)


def cells(ledger: Ledger) -> dict[int, tuple[dict[int, str], int, str, str | None]]:
    """(cells, version, user, delivery) by line."""
    with ledger.read() as conn:
        return {one.line: (one.cells, one.version, one.user, one.delivery) for one in mends.of_job(conn, JOB)}


def send(ledger: Ledger, lines: list[int], delivery: str = "d1") -> None:
    """Books a sending."""
    with ledger.begin() as conn:
        mends.send(conn, "acme", JOB, lines, delivery, by="sue", now=NOW + timedelta(days=1))


def test_a_change_is_saved_over_the_version_that_was_seen_and_over_no_other(ledger: Ledger) -> None:
    """The version is what two people notice each other by."""
    assert save(ledger, 5, {1: "a"}) == 1
    assert save(ledger, 5, {1: "b"}, by="bea") is None
    assert save(ledger, 5, {1: "b"}, version=1, by="bea") == 2
    assert save(ledger, 5, {1: "c"}, version=1) is None
    assert save(ledger, 6, {1: "c"}, version=1) is None
    assert cells(ledger) == {5: ({1: "b"}, 2, "bea", None)}


def test_a_row_that_was_changed_back_counts_as_unchanged_and_keeps_its_version(ledger: Ledger) -> None:
    """A version that began anew would let an old page save over a newer one."""
    save(ledger, 5, {1: "a"})
    assert save(ledger, 5, {}, version=1) == 2
    with ledger.read() as conn:
        assert (mends.count_changed(conn, JOB), mends.changed_lines(conn, JOB), mends.unsent(conn, JOB)) == (0, [], {})
    assert save(ledger, 5, {1: "x"}) is None


def test_a_rule_changes_one_cell_of_many_rows_but_no_row_that_has_it_changed_or_was_sent(ledger: Ledger) -> None:
    """What a person has typed is worth more than a rule."""
    save(ledger, 5, {1: "mine"})
    save(ledger, 6, {2: "other cell"})
    save(ledger, 7, {2: "sent"})
    send(ledger, [7])
    with ledger.begin() as conn:
        done = mends.set_cell(conn, "acme", JOB, list(range(4, 1204)), 1, "rule", by="bea", now=NOW)
    found = cells(ledger)
    assert done == 1200 - 2 and len(found) == 1200
    assert found[5] == ({1: "mine"}, 1, "ann", None)
    assert found[6] == ({1: "rule", 2: "other cell"}, 2, "bea", None)
    assert found[7][0] == {2: "sent"} and found[1203] == ({1: "rule"}, 1, "bea", None)
    with ledger.read() as conn:
        assert mends.count_changed(conn, JOB) == 1199 and mends.unsent(conn, JOB)[1203] == {1: "rule"}


def test_sending_takes_the_rows_named_as_they_are_and_leaves_all_others(ledger: Ledger) -> None:
    """The one who sends is named; a row that was not sent keeps whoever changed it."""
    save(ledger, 5, {1: "a"})
    save(ledger, 6, {1: "stays"}, by="bea")
    send(ledger, [5, 9])
    assert cells(ledger) == {5: ({1: "a"}, 2, "sue", "d1"), 6: ({1: "stays"}, 1, "bea", None), 9: ({}, 1, "sue", "d1")}
    assert save(ledger, 5, {1: "late"}, version=2) is None
    send(ledger, [6], "d2")
    with ledger.read() as conn:
        assert mends.sendings(conn, JOB) == [("d1", 2, "sue"), ("d2", 1, "sue")]
        assert mends.sent_lines(conn, JOB) == [5, 6, 9]


def test_rows_of_a_delivery_that_came_to_nothing_can_be_mended_again(ledger: Ledger) -> None:
    """Mended once is enough, also when the first sending was cancelled."""
    save(ledger, 5, {1: "a"})
    send(ledger, [5])
    with ledger.begin() as conn:
        mends.release(conn, JOB, "d1")
    assert cells(ledger)[5][3] is None
    assert save(ledger, 5, {1: "b"}, version=3) == 4


def test_jobs_do_not_see_each_others_rows(ledger: Ledger) -> None:
    """Lines have the same numbers in every file."""
    save(ledger, 5, {1: "a"})
    with ledger.begin() as conn:
        mends.save(conn, "other", "zz99zz99", 5, {1: "theirs"}, version=0, by="oto", now=NOW)
        mends.set_cell(conn, "other", "zz99zz99", [4, 5, 6], 2, "x", by="oto", now=NOW)
        mends.send(conn, "other", "zz99zz99", [4, 5], "d9", by="oto", now=NOW)
    assert cells(ledger) == {5: ({1: "a"}, 1, "ann", None)}


def test_mended_rows_are_forgotten_with_the_originals_that_they_belong_to(ledger: Ledger) -> None:
    """What people typed is data as much as the file is: it is kept as long and no longer."""
    save(ledger, 5, {1: "old"})
    with ledger.begin() as conn:
        mends.save(conn, "acme", JOB, 6, {1: "new"}, version=0, by="ann", now=NOW + timedelta(days=2))
        mends.save(conn, "other", "zz99zz99", 5, {1: "theirs"}, version=0, by="oto", now=NOW)
        assert mends.forget(conn, "acme", NOW + timedelta(days=1)) == 1
    assert list(cells(ledger)) == [6]
    with ledger.read() as conn:
        assert mends.count_changed(conn, "zz99zz99") == 1
