"""Which parents the parked rows of a job wait for (acceptance B-4).

Belongs here: reading parked rows for people. Does not belong here: parking and letting in (relating/, applying/), counting them
(outcomes.py).
"""

from dataclasses import dataclass
from datetime import datetime

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, ident
from import_pipeline.store.session import Session

FIRST_LINES = 5


@dataclass(frozen=True)
class Awaited:
    """A parent that has not come: how its rows name it, how many wait, their first lines, and when the first of them expires."""

    parent: str
    rows: int
    lines: tuple[int, ...]
    until: datetime | None


def awaited(session: Session, object_type: ObjectType, job: str, *, limit: int) -> list[Awaited]:
    """The parents that rows of this job wait for, most rows first; empty for a type without a parent."""
    if object_type.parent is None:
        return []
    named = ident(object_type.parent.column)
    found = session.run(
        f"""
        SELECT CAST({named} AS VARCHAR) AS parent, CAST(count(*) AS BIGINT), list_slice(list(_line ORDER BY _line), 1, {FIRST_LINES}),
            min(_expires_at)
        FROM {Tables(object_type).parked} WHERE _job = ? GROUP BY parent ORDER BY 2 DESC, parent LIMIT ?
        """,
        [job, limit],
    )
    return [Awaited(str(parent), rows, tuple(lines), until) for parent, rows, lines, until in found]
