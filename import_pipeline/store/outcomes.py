"""What became of the rows of a job, as the store's lineage and parked rows tell it.

Belongs here: reading outcomes after the fact. Does not belong here: writing lineage (applying/).
"""

from collections.abc import Sequence

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables
from import_pipeline.store.session import Session


def outcomes_of(session: Session, object_type: ObjectType, jobs: Sequence[str]) -> dict[str, dict[str, int]]:
    """Per job how many of its rows created, updated, changed nothing, and still wait, over all its deliveries' passes.

    A row counts once, by the most it did. Keys as in model.job.Counts: created, updated, unchanged, deleted,
    parked.
    """
    found: dict[str, dict[str, int]] = {job: {"created": 0, "updated": 0, "unchanged": 0, "deleted": 0, "parked": 0} for job in jobs}
    rows = session.run(
        """
        SELECT job, action, count(*)
        FROM (
            SELECT job, line,
                CASE WHEN bool_or(action = 'create') THEN 'created'
                     WHEN bool_or(action = 'update') THEN 'updated'
                     WHEN bool_or(action = 'delete') THEN 'deleted'
                     ELSE 'unchanged' END AS action
            FROM store._lineage
            WHERE type = $type AND job IN (SELECT unnest($jobs)) AND action <> 'park'
            GROUP BY job, line, pos
        )
        GROUP BY job, action
        """,
        {"type": object_type.slug, "jobs": list(jobs)},
    )
    for job, action, n in rows:
        found[job][action] = n
    waiting = f"SELECT _job, count(*) FROM {Tables(object_type).parked} WHERE _job IN (SELECT unnest($jobs)) GROUP BY 1"
    for job, n in session.run(waiting, {"jobs": list(jobs)}):
        found[job]["parked"] = n
    return found
