"""The lifecycle of files, jobs and deliveries, and the outbox: one database, truth about what happened to every file.

Belongs here: tables, migrations and statements. Does not belong here: the file system, deciding, dagster, DuckDB.
"""

from import_pipeline.ledger.engine import Ledger

__all__ = ["Ledger"]
