"""What is remembered of headers and mappings: retries, replays of old deliveries, several files of one delivery."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest

from import_pipeline.ledger import Ledger, headers
from import_pipeline.ledger.headers import KnownHeader, Place
from import_pipeline.model.mapping import AcceptedMapping
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 11, 21, tzinfo=UTC)
PLACE = Place("acme", "contact", None)
FIRST, SECOND, THIRD = (f"2026112{n}T080000-aaaaaaaa" for n in (1, 2, 3))
A, B, C = (KnownHeader((cell, "Name"), (None, "Name")) for cell in "ABC")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """An empty ledger."""
    made = Ledger(ledger_url(tmp_path))
    made.upgrade()
    yield made
    made.close()


def remember(ledger: Ledger, delivery: str, number: int, found: KnownHeader, place: Place = PLACE) -> None:
    """One job was imported."""
    with ledger.begin() as conn:
        headers.remember(conn, place, delivery, number, found, now=NOW)


def before(ledger: Ledger, delivery: str, number: int, place: Place = PLACE) -> KnownHeader | None:
    """What a job is compared with."""
    with ledger.read() as conn:
        return headers.before(conn, place, delivery, number)


def test_a_file_is_compared_with_the_one_before_it_of_the_same_kind(ledger: Ledger) -> None:
    """Another format or another shape of file has another header by nature."""
    assert before(ledger, FIRST, 0) is None
    remember(ledger, FIRST, 0, A)
    assert before(ledger, SECOND, 0) == A
    assert before(ledger, SECOND, 0, Place("acme", "contact", "mine")) is None
    assert before(ledger, SECOND, 0, Place("acme", "contact", None, "objects")) is None
    assert before(ledger, SECOND, 0, Place("other", "contact", None)) is None


def test_a_retry_of_a_delivery_finds_what_its_first_try_found(ledger: Ledger) -> None:
    """Otherwise a receipt written twice would tell two things."""
    remember(ledger, FIRST, 0, A)
    for _ in range(2):
        assert before(ledger, SECOND, 0) == A
        remember(ledger, SECOND, 0, B)
        assert before(ledger, SECOND, 1) == B
        remember(ledger, SECOND, 1, C)
        assert before(ledger, SECOND, 3) == C
        remember(ledger, SECOND, 3, B)
    assert before(ledger, THIRD, 0) == B


def test_the_replay_of_an_old_delivery_neither_compares_nor_teaches(ledger: Ledger) -> None:
    """It would call today's header the old one."""
    remember(ledger, FIRST, 0, A)
    remember(ledger, SECOND, 0, B)
    assert before(ledger, FIRST, 0) is None
    remember(ledger, FIRST, 0, A)
    assert before(ledger, THIRD, 0) == B


def test_accepted_mappings_are_counted_once_per_job(ledger: Ledger) -> None:
    """A retry is no second opinion."""
    with ledger.begin() as conn:
        for delivery, number in ((FIRST, 0), (FIRST, 0), (FIRST, 1), (SECOND, 0), (FIRST, 5)):
            headers.accept(conn, "acme", "contact", delivery, number, [("Tel ", "Phone"), ("Foo", None)], now=NOW)
        headers.accept(conn, "acme", "contact", SECOND, 1, [("Tel", "Mobile")], now=NOW)
        found = set(headers.accepted(conn, "acme", "contact"))
        assert headers.accepted(conn, "acme", "account") == []
    assert found == {AcceptedMapping("Tel", "Phone", 3), AcceptedMapping("Foo", None, 3), AcceptedMapping("Tel", "Mobile", 1)}


def test_long_names_of_formats_have_a_key_of_their_own_that_fits(ledger: Ledger) -> None:
    """The ledger's keys have 200 characters; two long names must not share one."""
    one, other = (Place("acme", "contact", "x" * 300 + end) for end in "ab")
    assert len(one.key) <= 200 and one.key != other.key
    remember(ledger, FIRST, 0, A, one)
    assert before(ledger, SECOND, 0, one) == A and before(ledger, SECOND, 0, other) is None
