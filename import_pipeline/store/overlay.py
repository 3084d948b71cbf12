"""The store as a plan sees it: every table as `prepare_store` would leave it, and nothing of it written.

Belongs here: laying views, and empty tables for what is missing, over the file, which is open for reading only.
Does not belong here: what a delivery plans (relating/planned.py), the tables themselves (schema.py).
"""

from collections.abc import Iterable, Iterator
from contextlib import contextmanager

from import_pipeline.model.object_type import ObjectType
from import_pipeline.settings import Settings
from import_pipeline.store.names import ident
from import_pipeline.store.schema import make_lock_row, present_tables, refuse_other_kind, wanted_tables
from import_pipeline.store.session import READER_PATIENCE, Session, open_beneath

UNBORN = ""
"""The tag of a store that no import has made yet: which ids its records will have nobody knows."""
_LOCK = f"store.{ident('_lock')}"


@contextmanager
def open_plan_store(
    settings: Settings, account: str, types: Iterable[ObjectType], *, patience: float = READER_PATIENCE
) -> Iterator[Session]:
    """A session whose `store` looks as if it had been prepared for `types`, while the file stays as it is, byte for byte.

    Raises TransientFailure when the file stays locked for `patience` seconds, and PermanentFailure where preparing the store would:
    when a field's type is not the one it is stored with.
    """
    with open_beneath(settings, account, patience=patience) as session:
        present = present_tables(session, "kept")
        for table, columns in wanted_tables(types):
            session.run(_shown(table, columns, present.get(table)))
        # A plan gives record ids, so its lock row is its own.
        session.run("CREATE TEMP TABLE lock_row AS SELECT * FROM store._lock")
        session.run(f"DROP {'VIEW' if _LOCK in present else 'TABLE'} {_LOCK}")
        session.run("CREATE TABLE store._lock AS SELECT * FROM lock_row")
        make_lock_row(session, UNBORN)
        yield session


def _shown(table: str, columns: dict[str, str], stored: dict[str, str] | None) -> str:
    """What makes `table`: a view of the stored one, missing columns as nulls, or an empty table where there is none."""
    if stored is None:
        return f"CREATE TABLE {table} ({', '.join(f'{ident(name)} {kind}' for name, kind in columns.items())})"
    shown = []
    for name, kind in columns.items():
        own = stored.get(name.casefold())
        if own:
            refuse_other_kind(table, name, own, kind)
        shown.append(ident(name) if own else f"CAST(NULL AS {kind}) AS {ident(name)}")
    return f"CREATE VIEW {table} AS SELECT {', '.join(shown)} FROM {table.replace('store.', 'kept.', 1)}"
