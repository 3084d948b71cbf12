"""Users, and uploads whose end looks cut off, in the ledger."""

from collections.abc import Iterator
from datetime import UTC, datetime
from pathlib import Path

import pytest
from sqlalchemy.exc import IntegrityError

from import_pipeline.ledger import Ledger, cut_off, files, users
from import_pipeline.ledger.files import Arrival
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger."""
    with Ledger(ledger_url(tmp_path)) as made:
        made.upgrade()
        yield made


def test_a_user_is_booked_barred_and_taken_away(ledger: Ledger) -> None:
    """A name belongs to one account of the whole instance."""
    with ledger.begin() as conn:
        users.add(conn, "ana", "acme", password="$hash", keys=["ssh-ed25519 AAAA"], role="upload", now=NOW)
        users.add(conn, "otto", "other", password=None, keys=[], role="both", now=NOW)
    with pytest.raises(IntegrityError), ledger.begin() as conn:
        users.add(conn, "ana", "other", password=None, keys=[], role="both", now=NOW)
    with ledger.begin() as conn:
        ana = users.get(conn, "ana")
        assert ana == users.User("ana", "acme", "$hash", ("ssh-ed25519 AAAA",), "upload", NOW, False)
        assert "$hash" not in repr(ana)
        assert [user.name for user in users.listing(conn)] == ["ana", "otto"]
        assert [user.name for user in users.listing(conn, "other")] == ["otto"]
        assert users.disable(conn, "ana", True) and not users.disable(conn, "nobody", True)
        disabled = users.get(conn, "ana")
        assert disabled is not None and disabled.disabled
        assert users.remove(conn, "ana") and not users.remove(conn, "ana") and users.get(conn, "ana") is None


@pytest.mark.parametrize("met", [None, "1.1.9.9.9", "1.2.5.6.7"])
def test_a_door_tells_that_an_end_looks_cut_off_before_or_after_the_look(ledger: Ledger, met: str | None) -> None:
    """The look may have met the file already, or the one that it replaced: there is one row all the same."""
    with ledger.begin() as conn:
        if met:
            files.book(
                conn, "acme", "tree", "seen", [Arrival(name="a.csv", size=1, path="New/a.csv", fingerprint=met, first_look=1.0)], now=NOW
            )
        told = Arrival(name="a.csv", size=5, path="New/a.csv", fingerprint="1.2.5.6.7", first_look=2.0, cut_suspect=True)
        cut_off.book(conn, "acme", told, now=NOW)
        (row,) = files.live(conn, "acme")
        assert (row.state, row.fingerprint, row.size, row.cut_suspect, row.first_look) == ("seen", "1.2.5.6.7", 5, True, 2.0)
        assert cut_off.waits(conn, "acme", "New/a.csv", "1.2.5.6.7")
        assert not cut_off.waits(conn, "acme", "New/a.csv", "1.2.5.6.8")
        assert not cut_off.waits(conn, "other", "New/a.csv", "1.2.5.6.7")
        files.gone(conn, [row.id])
        assert not cut_off.waits(conn, "acme", "New/a.csv", "1.2.5.6.7")
