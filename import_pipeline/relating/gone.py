"""Records that an import has deleted, and rows that would bring one of them back (acceptance A-6).

Belongs here: which deletions are in force, and refusing rows for their sake. Does not belong here: deleting (deletion.py), undoing a
deletion (undo_events.py, undo_verdicts.py).

A deletion is in force as long as its job is not undone. A row makes a deleted record anew, but not when the deletion said that it must
never come again, nor when the row is a replayed one from before the deletion: what a later delivery did stays (acceptance B-7).
"""

from import_pipeline.relating.findings import live, refuse
from import_pipeline.relating.work import Work
from import_pipeline.store.names import literal
from import_pipeline.store.undos import cancelled_jobs, undos_of


def refuse_gone(work: Work) -> None:
    """Refuses rows whose external id is that of a deleted record that may not come back. What rows name by their ids must be known."""
    if work.object_type.external_id not in work.given:
        return
    if not work.one("SELECT count(*) FROM (SELECT 1 FROM store._gone WHERE type = ? LIMIT 1)", [work.object_type.slug]):
        return
    find_gone(work)
    column = next(iter(reversed(work.object_type.compose.get(work.object_type.external_id, ()))), work.object_type.external_id)
    by_id = "AND n._seq NOT IN (SELECT _seq FROM by_id)" if work.size("by_id") else ""
    source = f"FROM narrow n JOIN gone g ON g.key = n.ext WHERE {live(work, 'n')} {by_id}"
    refuse(
        work,
        "do_not_track",
        seq="n._seq",
        column=literal(column),
        value="n.ext",
        expected="'another id: ' || g.job || ' deleted this one with doNotTrack'",
        source=f"{source} AND g.block",
    )
    if work.replay:
        refuse(
            work,
            "deleted_since",
            seq="n._seq",
            column=literal(column),
            value="n.ext",
            expected="'a record that ' || g.job || ' has not deleted since'",
            source=f"FROM narrow n JOIN gone g ON g.key = n.ext WHERE {live(work, 'n')} {by_id} AND n._job >= 0 "
            "AND NOT g.block AND g.stamp >= (SELECT stamp FROM first_pass)",
        )


def find_gone(work: Work) -> None:
    """Table `gone(key, block, stamp, job)`: by external id the deletions in force, the last one's moment and job."""
    work.make(
        "gone",
        """
        SELECT key, bool_or(block) AS block, max(stamp) AS stamp, arg_max(job, stamp) AS job
        FROM store._gone
        WHERE type = $type AND key IS NOT NULL AND job NOT IN (SELECT unnest(CAST($undone AS VARCHAR[])))
        GROUP BY key
        """,
        {"type": work.object_type.slug, "undone": sorted(cancelled_jobs(undos_of(work.session)))},
    )
