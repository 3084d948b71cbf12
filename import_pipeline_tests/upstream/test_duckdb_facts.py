"""Facts of DuckDB that the store and relating build on; when one changes, the code that leans on it must be looked at."""

import subprocess
import sys
from pathlib import Path

import duckdb
import pytest

from import_pipeline.store.session import is_lock_error


@pytest.fixture
def connection() -> duckdb.DuckDBPyConnection:
    """A connection in memory."""
    return duckdb.connect()


@pytest.mark.parametrize(
    ("text", "kind", "lax"),
    [("12.5", "INTEGER", 13), ("1e3", "INTEGER", 1000), ("1_000", "INTEGER", 1000), (" 5", "INTEGER", 5)],
)
def test_casts_of_numbers_are_lax(connection: duckdb.DuckDBPyConnection, text: str, kind: str, lax: int) -> None:
    """Why a strict pattern stands beside each cast."""
    assert connection.execute(f"SELECT TRY_CAST(? AS {kind})", [text]).fetchone() == (lax,)


def test_decimals_are_rounded_without_a_word(connection: duckdb.DuckDBPyConnection) -> None:
    """Why decimals are counted before the cast."""
    assert str(connection.execute("SELECT CAST('12.345' AS DECIMAL(18,2))").fetchone()[0]) == "12.35"  # type: ignore[index]


def test_a_hexadecimal_text_becomes_a_bigint(connection: duckdb.DuckDBPyConnection) -> None:
    """Record ids come back from their outward form this way."""
    assert connection.execute("SELECT TRY_CAST('0x000000000000001f' AS BIGINT)").fetchone() == (31,)


def test_the_row_hash_depends_on_every_value_and_on_nulls(connection: duckdb.DuckDBPyConnection) -> None:
    """«Unchanged» is told by it."""
    found = connection.execute("SELECT hash('a', 'b'), hash('a', NULL), hash(NULL, 'a'), hash('ab', ''), hash('a', 'b')").fetchone()
    assert found is not None
    assert len(set(found[:4])) == 4 and found[0] == found[4]


def test_any_value_and_arg_max_skip_nulls(connection: duckdb.DuckDBPyConnection) -> None:
    """Folding leans on both."""
    sql = "SELECT any_value(x), arg_max(x, i) FILTER (x IS NOT NULL) FROM (VALUES (1, NULL), (2, 'b'), (3, NULL)) t(i, x)"
    assert connection.execute(sql).fetchone() == ("b", "b")


def test_a_second_process_that_wants_the_file_gets_a_lock_error(tmp_path: Path) -> None:
    """Readers and writers of a store try again on exactly this error."""
    held = duckdb.connect(str(tmp_path / "x.duckdb"))
    code = (
        "import duckdb, sys\n"
        "from import_pipeline.store.session import is_lock_error\n"
        "try:\n    duckdb.connect(sys.argv[1])\nexcept duckdb.Error as error:\n    print(is_lock_error(error))\n"
    )
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "x.duckdb")], capture_output=True, text=True, check=True)
    held.close()
    assert done.stdout.strip() == "True"
    assert not is_lock_error(ValueError("lock"))


def test_a_process_that_closes_one_of_its_sessions_gives_up_the_lock_of_the_others(tmp_path: Path) -> None:
    """Locks of files belong to a process: why readers hold a store's file for themselves too (store/reading.py)."""
    path = tmp_path / "x.duckdb"
    duckdb.connect(str(path)).close()
    code = "import duckdb, sys\nduckdb.connect(sys.argv[1])"

    def writer_is_let_in() -> bool:
        return subprocess.run([sys.executable, "-c", code, str(path)], capture_output=True, check=False).returncode == 0

    readers = [duckdb.connect() for _ in range(2)]
    for each in readers:
        each.execute(f"ATTACH '{path}' AS store (READ_ONLY)")
    assert not writer_is_let_in()
    readers[0].close()
    assert writer_is_let_in()
    readers[1].close()


def test_storage_version_1_5_is_written(tmp_path: Path) -> None:
    """DuckDB 1.5 and 2.0 both open such a file (DESIGN section 9, rule 1)."""
    connection = duckdb.connect()
    connection.execute(f"ATTACH '{tmp_path / 'x.duckdb'}' AS store (STORAGE_VERSION 'v1.5.0')")
    found = connection.execute("SELECT tags['storage_version'] FROM duckdb_databases() WHERE database_name = 'store'").fetchone()
    assert found is not None and str(found[0]).startswith("v1.5.0")


def test_rows_are_unnested_in_the_order_in_which_they_come(connection: duckdb.DuckDBPyConnection, tmp_path: Path) -> None:
    """The lines of a difference are not sorted, only its records: as many as fill several row groups, on two threads."""
    connection.execute("SET preserve_insertion_order = true")
    connection.execute("SET threads = 2")
    connection.execute("CREATE TABLE t AS SELECT range * 7919 % 150001 AS id FROM range(150000)")
    lines = "SELECT id, unnest([1, 2, 3]) AS field FROM (SELECT * FROM t ORDER BY id)"
    path = tmp_path / "lines.csv"
    connection.execute(f"COPY (SELECT * FROM ({lines}) WHERE field <> 2) TO '{path}' (FORMAT csv, HEADER false)")
    found = [tuple(map(int, line.split(","))) for line in path.read_text().splitlines()]
    assert len(found) == 300_000
    assert found == sorted(found)
