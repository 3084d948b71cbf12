"""The floor: what the same machine needs to read a file as text and put it into a table of a DuckDB file, and nothing else.

Belongs here: that one statement, run as a process of its own. Does not belong here: anything an import does. The file has no bad
rows, so that DuckDB needs no leniency: the floor is as low as it can be.
"""

import sys
from pathlib import Path


def load(csv: Path, database: Path) -> int:
    """Loads `csv` into the table `t` of a new file `database` and returns its number of rows."""
    import duckdb

    with duckdb.connect(str(database)) as connection:
        connection.execute("CREATE TABLE t AS SELECT * FROM read_csv(?, all_varchar = true, header = true)", [str(csv)])
        row = connection.execute("SELECT count(*) FROM t").fetchone()
    return int(row[0]) if row else 0


if __name__ == "__main__":
    print(load(Path(sys.argv[1]), Path(sys.argv[2])))
