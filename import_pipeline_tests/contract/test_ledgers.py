"""The ledger on PostgreSQL (DESIGN section 5): the same tests, and whole scenarios, on a real server.

Belongs here: on what else the ledger is run. Does not belong here: the tests themselves (ledger/, landing/, scenarios/).
"""

import os
import subprocess
import sys
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from datetime import UTC, datetime
from pathlib import Path

import pytest

from import_pipeline.failures import TransientFailure
from import_pipeline.ledger import Ledger, meta
from import_pipeline_tests.contract.postgres import postgres

ROOT = Path(__file__).parents[2]
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SUITES = (
    "ledger",
    "landing",
    "scenarios/test_spotio_files.py",
    "scenarios/test_undo.py",
    "scenarios/test_replay.py",
    "scenarios/test_plans.py",
)


@pytest.fixture(scope="module")
def server() -> Iterator[str]:
    """The address of a database."""
    with postgres() as address:
        yield address


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_ledger_what_lands_and_whole_imports_hold_on_postgresql(server: str) -> None:
    """In a process whose tests make a schema each (ledgers.py)."""
    environment = {**os.environ, "IMPORT_PIPELINE_TEST_LEDGER": server}
    folders = [f"import_pipeline_tests/{suite}" for suite in SUITES]
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-m", "not slow", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=1400, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout.splitlines()[-1]


@pytest.mark.slow
def test_what_a_transaction_reads_nobody_else_changes_before_it_commits(server: str) -> None:
    """Read, add one, write: by eight threads at once, each through a ledger of its own as another process has it."""
    with Ledger(server) as ledger:
        ledger.upgrade()

    def add(_: int) -> None:
        with Ledger(server) as own:
            for _ in range(5):
                with own.begin() as conn:
                    meta.write(conn, "count", (meta.read(conn, "count") or 0) + 1, now=NOW)

    with ThreadPoolExecutor(8) as pool:
        list(pool.map(add, range(8)))
    with Ledger(server) as ledger, ledger.read() as conn:
        assert meta.read(conn, "count") == 40


@pytest.mark.slow
def test_a_reader_neither_waits_nor_writes_and_a_server_that_is_gone_is_the_machines_fault(server: str) -> None:
    """What is a fault of the machine is tried again."""
    with Ledger(server) as ledger:
        ledger.upgrade()
        with ledger.begin() as writing:
            meta.write(writing, "seen", 1, now=NOW)
            with ledger.read() as conn:
                assert meta.read(conn, "seen") is None
        with pytest.raises(Exception, match="read-only"), ledger.read() as conn:
            meta.write(conn, "seen", 2, now=NOW)
    with Ledger("postgresql+psycopg://ledger@127.0.0.1:1/postgres") as gone, pytest.raises(TransientFailure, match="cannot be used now"):
        gone.upgrade()
