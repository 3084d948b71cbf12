"""A DuckDB connection with one account's store attached: opening, waiting for locks, transactions, reading results.

Belongs here: everything about a connection's life. Does not belong here: what the statements mean (relating/, applying/,
exporting/ write those), the tables (schema.py).
"""

import random
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager, nullcontext, suppress
from pathlib import Path
from typing import Any

import duckdb

from import_pipeline.failures import TransientFailure
from import_pipeline.settings import Settings
from import_pipeline.store.names import literal
from import_pipeline.store.reading import Busy, announced_writer, hold, release

Values = Sequence[Any] | dict[str, Any] | None
"""Bound values: by position (`?`) or by name (`$name`)."""

READER_PATIENCE = 2.0
"""Seconds a reader tries again while a writer holds the file (DESIGN section 9, rule 8)."""
WRITER_PATIENCE = 60.0


class Session:
    """One connection; the store is attached as `store`, scratch tables live in memory and spill to `temp_directory`."""

    def __init__(self, connection: duckdb.DuckDBPyConnection, *, writable: bool) -> None:
        self._connection = connection
        self.writable = writable

    def run(self, sql: str, values: Values = None) -> list[tuple[Any, ...]]:
        """Executes one statement with bound `values` and returns all its rows (also for statements that write)."""
        return self._connection.execute(sql, values).fetchall()

    def one(self, sql: str, values: Values = None) -> Any:
        """The single value of a one-row, one-column result; None when there is no row."""
        rows = self.run(sql, values)
        return rows[0][0] if rows else None

    def rows(self, sql: str, values: Values = None) -> list[dict[str, Any]]:
        """The result as dicts; for small results."""
        cursor = self._connection.execute(sql, values)
        names = [d[0] for d in cursor.description or []]
        return [dict(zip(names, row, strict=True)) for row in cursor.fetchall()]

    def batches(self, sql: str, values: Values = None, size: int = 10_000) -> Iterator[tuple[list[str], list[tuple[Any, ...]]]]:
        """The result in batches of `size` rows with the column names; for streaming out."""
        cursor = self._connection.execute(sql, values)
        names = [d[0] for d in cursor.description or []]
        while batch := cursor.fetchmany(size):
            yield names, batch

    def to_parquet(self, sql: str, path: Path) -> int:
        """Writes the result of `sql` to one Parquet file and returns the number of rows. `sql` takes no bound values."""
        return int(self.one(f"COPY ({sql}) TO {literal(str(path))} (FORMAT parquet, COMPRESSION lz4_raw, ROW_GROUP_SIZE 122880)") or 0)

    @contextmanager
    def transaction(self) -> Iterator[None]:
        """BEGIN … COMMIT; after any error ROLLBACK and the error goes on (DESIGN section 9, rule 4)."""
        self.run("BEGIN TRANSACTION")
        try:
            yield
            self.run("COMMIT")
        except BaseException:
            with _quiet():
                self.run("ROLLBACK")
            raise


@contextmanager
def _quiet() -> Iterator[None]:
    with suppress(duckdb.Error):
        yield


def is_lock_error(error: Exception) -> bool:
    """True when another process, or another session of this one, holds the store's file."""
    text = str(error).lower()
    # DuckDB 1.5 tells the second case as a BinderException, 2.0 as an error of its own class.
    return isinstance(error, duckdb.Error) and (
        (isinstance(error, duckdb.IOException) and "lock" in text) or "already attached by" in text or "unique file handle conflict" in text
    )


def _patiently(attach: Callable[[], object], patience: float, what: str) -> None:
    """Runs `attach` again after lock errors only: 5 ms growing to 250 ms with jitter, `patience` seconds in all."""
    end, pause = time.monotonic() + patience, 0.005
    while True:
        try:
            attach()
            return
        except (duckdb.Error, Busy) as error:
            if not isinstance(error, Busy) and not is_lock_error(error):
                raise
            if time.monotonic() > end:
                raise TransientFailure(f"{what} is in use by another process for more than {patience:g} seconds: {error}") from error
        time.sleep(pause * random.uniform(0.5, 1.5))
        pause = min(pause * 2, 0.25)


@contextmanager
def open_store(settings: Settings, account: str, *, writable: bool = False, patience: float | None = None) -> Iterator[Session]:
    """A session on the account's store, closed on leaving. A reader of a store that does not exist yet sees an empty one.

    Raises TransientFailure when the file stays locked for `patience` seconds.
    """
    file = settings.store_file(account)
    wait = patience if patience is not None else (WRITER_PATIENCE if writable else READER_PATIENCE)
    with _connected(settings, account) as connection:
        if writable:
            file.parent.mkdir(parents=True, exist_ok=True)
            attach = f"ATTACH {literal(str(file))} AS store (STORAGE_VERSION 'v1.5.0')"
            with announced_writer(file):
                _patiently(lambda: connection.execute(attach), wait, f"the record store of {account}")
                try:
                    yield Session(connection, writable=True)
                finally:
                    connection.close()
        elif file.exists():
            with _reading(connection, file, "store", wait, account):
                yield Session(connection, writable=False)
        else:
            connection.execute("ATTACH ':memory:' AS store")
            yield Session(connection, writable=False)


@contextmanager
def open_beneath(settings: Settings, account: str, *, patience: float = READER_PATIENCE) -> Iterator[Session]:
    """A session with an empty `store` in memory and the account's file, opened for reading only, as `kept` where it exists."""
    file = settings.store_file(account)
    with _connected(settings, account) as connection:
        kept = _reading(connection, file, "kept", patience, account) if file.exists() else nullcontext()
        with kept:
            connection.execute("ATTACH ':memory:' AS store")
            yield Session(connection, writable=False)


@contextmanager
def _reading(connection: duckdb.DuckDBPyConnection, file: Path, name: str, patience: float, account: str) -> Iterator[None]:
    """The file attached for reading only; no writer of another process gets in until the connection is closed, which it is at the end."""
    held: list[int] = []

    def attach() -> None:
        descriptor = hold(file)
        try:
            connection.execute(f"ATTACH {literal(str(file))} AS {name} (READ_ONLY)")
        except BaseException:
            release(descriptor)
            raise
        held.append(descriptor)

    _patiently(attach, patience, f"the record store of {account}")
    try:
        yield
    finally:
        connection.close()
        release(held[0])


@contextmanager
def _connected(settings: Settings, account: str) -> Iterator[duckdb.DuckDBPyConnection]:
    scratch = settings.home / "tmp" / account
    scratch.mkdir(parents=True, exist_ok=True)
    connection = duckdb.connect(config={"memory_limit": settings.memory_limit, "threads": settings.threads, "temp_directory": str(scratch)})
    try:
        connection.execute("SET TimeZone = 'UTC'")
        connection.execute("SET preserve_insertion_order = true")
        # Parts of a stage are read once or twice; keeping their bytes would only push the store's own blocks out.
        connection.execute("SET enable_external_file_cache = false")
        yield connection
    finally:
        connection.close()
