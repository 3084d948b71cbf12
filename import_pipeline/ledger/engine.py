"""The ledger as a whole: where it is, its transactions, and bringing its tables up to date.

Belongs here: connecting, transactions, migrations. Does not belong here: statements about files, deliveries or jobs.
"""

from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from threading import Lock
from types import TracebackType
from typing import Any

from sqlalchemy import Connection, Engine, create_engine, event, inspect
from sqlalchemy.engine import make_url
from sqlalchemy.exc import OperationalError

from import_pipeline.failures import TransientFailure
from import_pipeline.ledger.schema import HEAD

MIGRATIONS = Path(__file__).parent / "migrations"
BUSY_SECONDS = 30.0
"""How long a transaction waits for another process's transaction before it is the machine's fault."""

_READING: dict[str, dict[str, Any]] = {
    "sqlite": {"ledger_read": True},
    "postgresql": {"isolation_level": "REPEATABLE READ", "postgresql_readonly": True},
}
"""How a transaction is told that it only reads."""


class Ledger:
    """One ledger. Safe to share between threads; a forked process makes its own.

    `url` is a SQLAlchemy address: sqlite:///path or postgresql+…; SQLite runs in WAL mode, so reading never waits for writing.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self._engine = _engine(url)
        self._reading = self._engine.execution_options(**_READING[self._engine.dialect.name])
        self._writing = Lock() if url.startswith("sqlite") else None
        """Threads of one process wait for each other here: SQLite's own waiting sleeps, and takes ten times as long with eight of them."""

    def __enter__(self) -> "Ledger":
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.close()

    @contextmanager
    def begin(self) -> Iterator[Connection]:
        """One transaction that may write: committed at the end, rolled back on an exception.

        What it reads cannot be changed by another process before it commits: on SQLite it is IMMEDIATE, on PostgreSQL it holds an
        advisory lock of the ledger's schema. Raises TransientFailure when another process holds the ledger for longer than
        BUSY_SECONDS.
        """
        with self._alone(), _waiting(self._engine) as connection, connection.begin():
            if self._writing is None:
                connection.exec_driver_sql(f"SET LOCAL lock_timeout = '{BUSY_SECONDS * 1000:.0f}ms'")
                connection.exec_driver_sql("SELECT pg_advisory_xact_lock(hashtext('import_pipeline ' || current_schema()))")
            yield connection

    @contextmanager
    def _alone(self) -> Iterator[None]:
        if self._writing is None:
            yield
            return
        if not self._writing.acquire(timeout=BUSY_SECONDS):
            raise TransientFailure("another part of this program holds the ledger for too long")
        try:
            yield
        finally:
            self._writing.release()

    @contextmanager
    def read(self) -> Iterator[Connection]:
        """A consistent view that never waits for writers. Statements that write are refused."""
        with _waiting(self._reading) as connection, connection.begin():
            yield connection

    def upgrade(self) -> None:
        """Makes the ledger, or brings its tables to HEAD. Several processes may do so at once."""
        _make_folder(self.url)
        if self.revision() == HEAD:
            return
        from alembic import command
        from alembic.config import Config

        config = Config()
        config.set_main_option("script_location", str(MIGRATIONS).replace("%", "%%"))
        with self.begin() as connection:
            config.attributes["connection"] = connection
            command.upgrade(config, "head")

    def revision(self) -> str | None:
        """The migration this ledger holds, or None for an empty one."""
        with self.read() as connection:
            if not inspect(connection).has_table("alembic_version"):
                return None
            return connection.exec_driver_sql("SELECT version_num FROM alembic_version").scalar()

    def close(self) -> None:
        """Closes all connections."""
        self._engine.dispose()


def _make_folder(url: str) -> None:
    database = make_url(url).database
    if url.startswith("sqlite") and database and database != ":memory:":
        Path(database).parent.mkdir(parents=True, exist_ok=True)


def _engine(url: str) -> Engine:
    if not url.startswith("sqlite"):
        return create_engine(url, pool_pre_ping=True)
    engine = create_engine(url, connect_args={"timeout": BUSY_SECONDS})

    @event.listens_for(engine, "connect")
    def _prepare(connection: Any, _record: Any) -> None:
        # The driver's own transactions begin late (at the first write) and leave DDL out; ours begin in _begin below.
        connection.isolation_level = None
        connection.execute("PRAGMA journal_mode = WAL")
        connection.execute("PRAGMA synchronous = FULL")

    @event.listens_for(engine, "begin")
    def _begin(connection: Connection) -> None:
        reading = connection.get_execution_options().get("ledger_read", False)
        connection.exec_driver_sql(f"PRAGMA query_only = {'ON' if reading else 'OFF'}")
        connection.exec_driver_sql("BEGIN" if reading else "BEGIN IMMEDIATE")

    return engine


@contextmanager
def _waiting(engine: Engine) -> Iterator[Connection]:
    try:
        with engine.connect() as connection:
            yield connection
    except OperationalError as error:
        passing = engine.dialect.name != "sqlite" or any(word in str(error.orig) for word in ("locked", "full", "disk I/O"))
        if passing:
            raise TransientFailure(f"the ledger {make_url(engine.url).render_as_string()} cannot be used now: {error.orig}") from error
        raise
