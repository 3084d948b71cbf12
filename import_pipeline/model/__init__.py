"""The domain's language: account, object type, field, format, row error, job, counts.

Belongs here: frozen pydantic models and pure functions on them. Does not belong here: I/O, dagster, polars, DuckDB.
"""
