"""Which refused rows of a job came in since, remembered as long as the record store stays as it is.

Belongs here: asking the store once for what every page of a table needs. Does not belong here: what counts as come in
(store/resubmitted.py), pages.
"""

from functools import lru_cache
from typing import TYPE_CHECKING

from import_pipeline.gateway.http.gate import Gate
from import_pipeline.ledger import jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.object_type import ObjectType
from import_pipeline.settings import Settings

if TYPE_CHECKING:
    import polars as pl

_KEPT = 16


def came_in_since(gate: Gate, object_type: ObjectType, job: JobRow, *, patience: float | None = None) -> "pl.DataFrame":
    """The lines of a job's rows that came in since, each with the job that brought it in (columns `line` and `job`).

    The store is not asked for a job of which the ledger knows no such row. Raises TransientFailure when it is in use for longer than
    `patience` seconds.
    """
    if not job.resolved:
        import polars as pl

        return pl.DataFrame(schema={"line": pl.Int64, "job": pl.String})
    with gate.ledger.read() as conn:
        cancelled = jobs.cancelled(conn, job.account)
    return _asked(_Store(gate.settings, job.account, object_type, patience), job.id, job.resolved, cancelled)


class _Store:
    """One type of an account's store as a key: equal as long as its file is the same. Every import that writes changes the file."""

    def __init__(self, settings: Settings, account: str, object_type: ObjectType, patience: float | None) -> None:
        self.settings, self.account, self.object_type, self.patience = settings, account, object_type, patience
        file = settings.store_file(account)
        told = [path.stat() for path in (file, file.with_name(file.name + ".wal")) if path.exists()]
        self._key = (account, object_type.slug, str(file), *((one.st_ino, one.st_mtime_ns, one.st_size) for one in told))

    def __hash__(self) -> int:
        return hash(self._key)

    def __eq__(self, other: object) -> bool:
        return isinstance(other, _Store) and self._key == other._key


@lru_cache(maxsize=_KEPT)
def _asked(store: _Store, job: str, resolved: int, cancelled: frozenset[str]) -> "pl.DataFrame":
    from import_pipeline.store.resubmitted import resolved_lines
    from import_pipeline.store.session import open_store

    with open_store(store.settings, store.account, patience=store.patience) as session:
        return resolved_lines(session, store.object_type, job, cancelled)
