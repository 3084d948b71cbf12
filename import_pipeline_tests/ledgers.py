"""Where a test's ledger is: SQLite in the test's folder, or a schema of its own on the PostgreSQL server that the environment names.

Belongs here: addresses of ledgers. Does not belong here: the server (contract/postgres.py), tests.
"""

import hashlib
import os
from pathlib import Path

SERVER = os.environ.get("IMPORT_PIPELINE_TEST_LEDGER", "")
"""Address of a PostgreSQL database, when the tests are to use it (contract/test_ledgers.py)."""


def ledger_url(folder: Path) -> str:
    """The address for a ledger of this folder, the same one each time it is asked for."""
    if not SERVER:
        return f"sqlite:///{folder / 'ledger.sqlite'}"
    from sqlalchemy import create_engine, text

    schema = "t" + hashlib.sha256(str(folder).encode()).hexdigest()[:20]
    engine = create_engine(SERVER)
    with engine.begin() as conn:
        conn.execute(text(f"CREATE SCHEMA IF NOT EXISTS {schema}"))
    engine.dispose()
    return f"{SERVER}?options=-csearch_path%3D{schema}"
