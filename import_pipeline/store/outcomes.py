"""What became of the rows of a job, as the store's lineage and parked rows tell it.

Belongs here: reading outcomes after the fact. Does not belong here: writing lineage (applying/).
"""

from collections.abc import Sequence

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables
from import_pipeline.store.session import Session


def outcomes_of(session: Session, object_type: ObjectType, jobs: Sequence[str]) -> dict[str, dict[str, int]]:
    """Per job how many of its rows created, updated, changed nothing, and still wait, over all its deliveries' passes.

    A row counts once, by the most it did; one that waits, also again after an undo or laid aside by one, counts as that only. Keys as in
    model.job.Counts: created, updated, unchanged, deleted, parked.
    """
    tables = Tables(object_type)
    waiting = " UNION ALL ".join(f"SELECT _job, _pos FROM {t} WHERE _job IN (SELECT unnest($jobs))" for t in (tables.parked, tables.aside))
    found: dict[str, dict[str, int]] = {job: {"created": 0, "updated": 0, "unchanged": 0, "deleted": 0, "parked": 0} for job in jobs}
    rows = session.run(
        f"""
        SELECT job, action, count(*)
        FROM (
            SELECT job, line,
                CASE WHEN bool_or(action = 'create') THEN 'created'
                     WHEN bool_or(action = 'update') THEN 'updated'
                     WHEN bool_or(action = 'delete') THEN 'deleted'
                     ELSE 'unchanged' END AS action
            FROM store._lineage
            WHERE type = $type AND job IN (SELECT unnest($jobs)) AND action <> 'park'
                AND (job, pos) NOT IN ({waiting})
            GROUP BY job, line, pos
        )
        GROUP BY job, action
        """,
        {"type": object_type.slug, "jobs": list(jobs)},
    )
    for job, action, n in rows:
        found[job][action] = n
    for job, n in session.run(f"SELECT _job, count(*) FROM ({waiting}) GROUP BY 1", {"jobs": list(jobs)}):
        found[job]["parked"] = n
    return found
