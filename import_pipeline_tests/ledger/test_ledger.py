"""The ledger: migrations, transactions, and what each table's functions promise.

Belongs here: the ledger alone. Does not belong here: the file system (landing/).
"""

import multiprocessing
from collections.abc import Iterator
from datetime import UTC, datetime, timedelta, timezone
from pathlib import Path

import pytest
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from alembic.script import ScriptDirectory
from sqlalchemy import create_mock_engine, select
from sqlalchemy.dialects import postgresql
from sqlalchemy.exc import IntegrityError, StatementError

from import_pipeline.failures import TransientFailure
from import_pipeline.ledger import Ledger, content, deliveries, engine, files, jobs, meta, outbox, parked, schema
from import_pipeline.ledger.files import Arrival, File
from import_pipeline.ledger.jobs import JobRow, NewJob
from import_pipeline.model.job import Counts
from import_pipeline.model.row_error import FileFault, Notice
from import_pipeline_tests.ledgers import SERVER, ledger_url

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
on_sqlite = pytest.mark.skipif(bool(SERVER), reason="a fact of SQLite")


@pytest.fixture
def ledger(tmp_path: Path) -> Iterator[Ledger]:
    """A new ledger in a folder that does not exist yet."""
    with Ledger(ledger_url(tmp_path / "home")) as made:
        made.upgrade()
        yield made


def test_a_fresh_ledger_is_made_with_exactly_the_tables_of_the_schema(ledger: Ledger) -> None:
    """The migrations and schema.py must not drift apart."""
    with ledger.begin() as conn:
        assert compare_metadata(MigrationContext.configure(conn, opts={"compare_type": True}), schema.metadata) == []


@on_sqlite
def test_one_arrival_of_a_path_lives_at_a_time_by_the_tables_own_rule(ledger: Ledger) -> None:
    """Whatever the code does."""
    with ledger.begin() as conn:
        made: dict[str, str] = dict(conn.exec_driver_sql("SELECT name, sql FROM sqlite_master WHERE sql IS NOT NULL").tuples().all())
    assert "UNIQUE INDEX" in made["ux_files_live"] and "projected_at IS NULL" in made["ux_files_live"]


def test_an_existing_ledger_keeps_its_rows_through_an_upgrade(ledger: Ledger) -> None:
    """The daemon upgrades at every start."""
    with ledger.begin() as conn:
        meta.write(conn, "kept", {"a": [1, 2]}, now=NOW)
    ledger.upgrade()
    with Ledger(ledger.url) as again:
        again.upgrade()
        with again.read() as conn:
            assert meta.read(conn, "kept") == {"a": [1, 2]}


def test_head_is_the_newest_migration() -> None:
    """HEAD lets a start pass without loading alembic."""
    config = Config()
    config.set_main_option("script_location", str(engine.MIGRATIONS))
    assert ScriptDirectory.from_config(config).get_heads() == [schema.HEAD]


def upgrade(url: str) -> None:
    """In a process of its own."""
    Ledger(url).upgrade()


def test_several_processes_may_make_the_ledger_at_once(tmp_path: Path) -> None:
    """Sensor, run worker and command line may start together."""
    url = ledger_url(tmp_path)
    context = multiprocessing.get_context("fork")
    started = [context.Process(target=upgrade, args=(url,)) for _ in range(3)]
    for process in started:
        process.start()
    for process in started:
        process.join(30)
    assert [process.exitcode for process in started] == [0, 0, 0]
    assert Ledger(url).revision() == schema.HEAD


def test_every_statement_of_the_schema_is_plain_enough_for_postgresql() -> None:
    """The grown ledger (DESIGN section 5)."""
    made: list[str] = []
    dialect = postgresql.dialect()  # type: ignore[no-untyped-call]
    mock = create_mock_engine("postgresql://", lambda sql, *_, **__: made.append(str(sql.compile(dialect=dialect))))
    schema.metadata.create_all(mock, checkfirst=False)
    text = "\n".join(made)
    assert "TIMESTAMP WITH TIME ZONE" in text and "WHERE state NOT IN ('gone', 'changed')" in text


def test_an_exception_rolls_the_whole_transaction_back(ledger: Ledger) -> None:
    """One step of the lifecycle is one transaction."""
    with pytest.raises(RuntimeError), ledger.begin() as conn:
        meta.write(conn, "x", 1, now=NOW)
        raise RuntimeError
    with ledger.read() as conn:
        assert meta.read(conn, "x") is None


def test_a_transaction_that_may_write_excludes_others_from_its_first_statement_on(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """What it reads stays true until it commits; a reader never waits."""
    monkeypatch.setattr(engine, "BUSY_SECONDS", 0.05)
    with Ledger(ledger.url) as other, ledger.begin() as conn:
        meta.write(conn, "x", 1, now=NOW)
        with other.read() as reading:
            assert meta.read(reading, "x") is None
        with pytest.raises(TransientFailure, match="lock"), other.begin():
            pass


def test_a_reading_transaction_cannot_write(ledger: Ledger) -> None:
    """A forgotten `begin` shows at once."""
    with pytest.raises(Exception, match=r"read-?only"), ledger.read() as conn:
        meta.write(conn, "x", 1, now=NOW)
    with ledger.begin() as conn:
        meta.write(conn, "x", 1, now=NOW)


def test_moments_are_utc_whatever_zone_they_came_in_and_never_naive(ledger: Ledger) -> None:
    """SQLite keeps no zone."""
    berlin = NOW.astimezone(timezone(timedelta(hours=1)))
    with ledger.begin() as conn:
        meta.write(conn, "x", 1, now=berlin)
        stored = conn.execute(select(schema.meta.c.changed_at)).scalar()
        assert stored == NOW and stored.tzinfo is UTC
        with pytest.raises(StatementError, match="no time zone"):
            meta.write(conn, "y", 1, now=NOW.replace(tzinfo=None))


@on_sqlite
def test_the_ledger_is_in_wal_mode_and_every_commit_is_on_disk(ledger: Ledger) -> None:
    """A booked state must survive the power cut that its file survives."""
    with ledger.begin() as conn:
        assert conn.exec_driver_sql("PRAGMA journal_mode").scalar() == "wal"
        assert conn.exec_driver_sql("PRAGMA synchronous").scalar() == 2


def test_the_row_classes_hold_exactly_the_columns_of_their_tables() -> None:
    """A new column must reach those who read."""
    assert set(File.__dataclass_fields__) == set(schema.files.c.keys())
    counted = set(JobRow.__dataclass_fields__) - {"counts"} | set(Counts.model_fields)
    assert counted == set(schema.jobs.c.keys())
    assert set(deliveries.Delivery.__dataclass_fields__) == set(schema.deliveries.c.keys())
    assert set(outbox.Message.__dataclass_fields__) == set(schema.outbox.c.keys())


def arrival(**more: object) -> Arrival:
    return Arrival(**{"name": "a.csv", "size": 1, "path": "New/a.csv", "fingerprint": "1.2.3.4.5"} | more)  # type: ignore[arg-type]


def test_an_arrival_is_unique_by_path_and_fingerprint_only_while_it_lives(ledger: Ledger) -> None:
    """The first prototype ignored for ever a later file of the same name, size and mtime (intake.md section 4, Keys)."""
    with ledger.begin() as conn:
        (first,) = files.book(conn, "acme", "tree", "seen", [arrival()], now=NOW)
    with pytest.raises(IntegrityError), ledger.begin() as conn:
        files.book(conn, "acme", "tree", "seen", [arrival()], now=NOW)
    with ledger.begin() as conn:
        files.gone(conn, [first])
        (second,) = files.book(conn, "acme", "tree", "delivered", [arrival()], now=NOW)
        files.answered(conn, second, "Success")
        assert files.claim_projection(conn, second, "me", now=NOW, lease=timedelta(minutes=5)) is not None
        files.projected(conn, second, "me", "Success/a.csv", now=NOW)
        files.book(conn, "acme", "tree", "seen", [arrival()], now=NOW)
        files.book(conn, "acme", "cli", "delivered", [arrival(path=None, fingerprint=None)] * 2, now=NOW)


def new_job(**more: object) -> NewJob:
    values: dict[str, object] = {"file_id": "f", "object_type": "Contact", "format": None, "name": "a.csv", "archive": None}
    return NewJob(**values | {"member": None, "sha256": "0" * 64, "size": 5, "kind": "csv"} | more)  # type: ignore[arg-type]


def test_a_job_goes_from_waiting_over_progress_to_its_answer(ledger: Ledger) -> None:
    """What people see of an import."""
    fault = FileFault(code="archive", message="cut", line=3)
    notice = Notice(code="member_skipped", message="x")
    with ledger.begin() as conn:
        jobs.create(conn, "acme", "d", [new_job(), new_job(fault=fault, notices=(notice,))], dry_run=False, now=NOW)
        first, second = jobs.by_delivery(conn, "d")
        assert (first.state, first.fault, second.fault, second.notices) == ("waiting", None, fault, (notice,))
        jobs.start(conn, first.id, packages_total=3, now=NOW)
        jobs.progress(conn, first.id, 2)
        jobs.start(conn, first.id, packages_total=3, now=NOW + timedelta(hours=1))
        running = jobs.get(conn, first.id)
        assert running is not None and (running.started_at, running.packages_done) == (NOW, 0)
        jobs.progress(conn, first.id, 3, 4)
        counts = Counts(rows=9, good=8, refused=1, created=6, parked=2)
        jobs.finish(conn, first.id, "applied", now=NOW, counts=counts, receipt="r", errors_file="e", failed_file="f")
        jobs.finish(conn, second.id, "failed", now=NOW, reason="cut")
        done = jobs.get(conn, first.id)
        assert done is not None and (done.state, done.counts, done.parked_open, done.packages_total) == ("applied", counts, 2, 4)
        jobs.set_parked_open(conn, first.id, 1)
        assert [(j.id, j.parked_open) for j in jobs.listing(conn, "acme", "applied")] == [(first.id, 1)]
        assert [j.id for j in jobs.listing(conn)] == [second.id, first.id]
        assert jobs.listing(conn, "other") == [] and jobs.get(conn, "nothing0") is None
        assert {j.id for j in jobs.by_sha(conn, "0" * 64)} == {first.id, second.id} == {j.id for j in jobs.by_file(conn, "f")}


def test_two_jobs_never_get_the_same_id(ledger: Ledger, monkeypatch: pytest.MonkeyPatch) -> None:
    """Ids are short; when two fall together the next one is taken."""
    real = jobs.job_id
    monkeypatch.setattr(jobs, "job_id", lambda delivery, number, salt=0: real("d", 0, salt))
    with ledger.begin() as conn:
        jobs.create(conn, "acme", "d", [new_job()], dry_run=False, now=NOW)
        jobs.create(conn, "acme", "e", [new_job()], dry_run=False, now=NOW)
        assert len({job.id for job in jobs.listing(conn)}) == 2


def test_content_is_remembered_by_account_type_format_and_bytes(ledger: Ledger) -> None:
    """acceptance B-5; the first job that had it stays."""
    with ledger.begin() as conn:
        content.remember(conn, "acme", "Contact", None, "s", "one", now=NOW)
        content.remember(conn, "acme", "Contact", None, "s", "two", now=NOW)
        assert content.already_imported(conn, "acme", "Contact", None, "s") == "one"
        others: tuple[tuple[str, str, str | None], ...] = (
            ("other", "Contact", None),
            ("acme", "Account", None),
            ("acme", "Contact", "spring"),
        )
        for name, object_type, format_name in others:
            assert content.already_imported(conn, name, object_type, format_name, "s") is None
        content.forget(conn, "one")
        assert content.already_imported(conn, "acme", "Contact", None, "s") is None


def test_types_with_waiting_rows_are_known_until_none_waits(ledger: Ledger) -> None:
    """acceptance B-4."""
    with ledger.begin() as conn:
        parked.set_open(conn, "acme", "Contact", 3)
        parked.set_open(conn, "acme", "Contact", 2)
        parked.set_open(conn, "other", "Lead", 1)
        assert parked.open_types(conn, "acme") == {"Contact": 2}
        parked.set_open(conn, "acme", "Contact", 0)
        assert parked.open_types(conn, "acme") == {}


def test_a_message_is_booked_once_tried_with_growing_pauses_and_given_up_at_last(ledger: Ledger) -> None:
    """At least once, with an id (DESIGN section 3, step 6)."""
    with ledger.begin() as conn:
        assert outbox.put(conn, "m1", "mail", {"to": "a@example.org"}, now=NOW)
        assert not outbox.put(conn, "m1", "mail", {}, now=NOW)
        outbox.put(conn, "m2", "webhook", {}, now=NOW)
        assert [m.id for m in outbox.due(conn, now=NOW)] == ["m1", "m2"]
        outbox.sent(conn, "m2", now=NOW)
        pauses = []
        for _ in range(outbox.MAX_TRIES):
            (message,) = outbox.due(conn, now=NOW + timedelta(days=9))
            outbox.failed(conn, "m1", "refused", now=NOW)
            after = outbox.get(conn, "m1")
            assert after is not None
            pauses.append((after.next_try - NOW).total_seconds())
        assert outbox.due(conn, now=NOW + timedelta(days=9)) == []
        assert after is not None and after.state == "given_up" and message.payload == {"to": "a@example.org"}
    assert pauses[:4] == [30, 60, 120, 240] and max(pauses) == 6 * 3600 and pauses == sorted(pauses)


def test_a_ledger_that_is_no_database_is_not_taken_for_a_passing_fault(tmp_path: Path) -> None:
    """Retrying cannot help."""
    broken = tmp_path / "ledger.sqlite"
    broken.write_text("this is not a database, and long enough to be read as a header of one" * 20)
    with pytest.raises(Exception, match="not a database") as raised:
        Ledger(f"sqlite:///{broken}").upgrade()
    assert not isinstance(raised.value, TransientFailure)
