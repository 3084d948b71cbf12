"""Which jobs count, as chains of undos grow: an undo that is undone gives its job back."""

from datetime import UTC, datetime
from pathlib import Path

from import_pipeline.ledger import Ledger, deliveries, jobs
from import_pipeline.ledger.jobs import NewJob
from import_pipeline_tests.ledgers import ledger_url

NOW = datetime(2026, 11, 1, tzinfo=UTC)


def _ledger(folder: Path, count: int) -> tuple[Ledger, list[str]]:
    """A ledger with one import and a chain of undos, each of the one before; their ids."""
    ledger, ids = Ledger(ledger_url(folder)), []
    ledger.upgrade()
    for number in range(count):
        key = f"d{number}"
        with ledger.begin() as conn:
            deliveries.create(conn, key, "acme", "undo", types=[], files=0, size=0, dry_run=False, now=NOW)
            found = NewJob("", "Account", None, "x", None, None, "", 0, "undo", undo_of=ids[-1] if ids else None)
            jobs.create(conn, "acme", key, [found], dry_run=False, now=NOW)
            ids.append(jobs.by_delivery(conn, key)[0].id)
    return ledger, ids


def test_each_undo_of_a_chain_switches_what_lies_below_it(tmp_path: Path) -> None:
    """Undone, given back, undone again: as the store has it, and as it was foretold before each undo."""
    ledger, (job, first, second, third) = _ledger(tmp_path, 4)
    expected = [
        (job, first, {job: first}),
        (first, second, {first: second}),
        (second, third, {job: first, second: third}),
    ]
    for undoing, undo, pairs in expected:
        with ledger.read() as conn:
            foretold = jobs.cancelled(conn, "acme", undoing=undoing, undo=undo)
        with ledger.begin() as conn:
            jobs.undone(conn, undoing, undo)
        with ledger.read() as conn:
            booked = {each: row.undone_by for each in (job, first, second, third) if (row := jobs.get(conn, each)) and row.undone_by}
            assert booked == pairs
            assert jobs.cancelled(conn, "acme") == foretold == {each for pair in pairs.items() for each in pair}
    ledger.close()
