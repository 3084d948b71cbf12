"""What becomes of each record that an undo looks at: it goes, comes back, goes back to older values, or stays.

Belongs here: that judgement. Does not belong here: finding the records (undo_events.py), their values (undo_values.py).

Table made here:
  verdicts  one row per record of `touched`: `verdict`, `source`, `high` (its last version), `editor`,
            `own_since` (when its first own version began)
            gone    it does not live and does not come back
            create  the family deleted it, and an event counts again: it comes back
            delete  no event counts any more, or an import's deletion counts again
            keep    its creation is undone, and others made it too or have changed it since: it stays exactly as it is
            stay    it is looked at for its parent's sake only
            update  its own events' fields go back
`source` is the version whose state comes back as a whole, where one does: own events are the last ones, and since the first of them
nothing changed in what counts among those before. Else it is null, and undo_values.py weighs field by field.
"""

from import_pipeline.relating.undo_work import UndoWork


def judge(work: UndoWork) -> None:
    """Table `verdicts`."""
    _find_restless(work)
    lost = "CAST(NULL AS TIMESTAMPTZ)"
    work.make(
        "summed",
        """
        SELECT e._id, min(_version) AS low, max(_version) AS high, bool_or(_valid_to IS NULL) AS alive, bool_or(counts) AS any_counts,
            arg_max(voice, _version) FILTER (counts) AS editor, arg_min(own, _version) AS maker_own,
            bool_or(own AND counts) AS shared, min(_version) FILTER (own) AS first_own, max(_version) FILTER (NOT own) AS last_other,
            min(_valid_from) FILTER (own) AS own_since, max(_valid_to) AS ended_at, arg_max(_ended_by, _version) AS ended_by,
            max(switched) FILTER (NOT own) AS switched, arg_max(_job, _version) AS last_job
        FROM events e
        GROUP BY e._id
        """,
    )
    restless = work.size("restless")
    back = "false" if work.off else "ended_by IN (SELECT id FROM family) AND (any_counts OR low > 1)"
    falls = stays = "false"
    if work.size("fallen"):
        lifted = "ended_by IN (SELECT id FROM own_jobs) AND f.own" if work.off else "false"
        unmade = "ended_by IN (SELECT id FROM undone_jobs) AND ended_by IN (SELECT job FROM store._gone)"
        back = f"(({back}) OR (f._id IS NOT NULL AND ({lifted} OR {unmade}) AND any_counts))"
        if not work.off:
            # The root's deletion counts again: what came back goes, but for what was edited since.
            falls, stays = "f.own AND last_job IN (SELECT id FROM family)", "coalesce(f.own, false)"
    work.make(
        "verdicts",
        f"""
        SELECT _id, verdict, high, editor, own_since, CASE
                WHEN calm AND verdict = 'create' AND first_own IS NULL THEN high
                WHEN calm AND verdict = 'update' AND NOT shared AND first_own > low AND coalesce(last_other < first_own, false)
                    THEN first_own - 1
            END AS source
        FROM (
            SELECT s._id, s.high, s.low, s.editor, s.own_since, s.shared, s.first_own, s.last_other, CASE
                    WHEN NOT alive AND {back} THEN 'create'
                    WHEN NOT alive THEN 'gone'
                    WHEN {falls} THEN 'delete'
                    WHEN {stays} THEN 'keep'
                    WHEN NOT any_counts AND low = 1 THEN 'delete'
                    WHEN low = 1 AND maker_own THEN 'keep'
                    WHEN first_own IS NULL THEN 'stay'
                    ELSE 'update'
                END AS verdict,
                greatest(switched, {"r.marked" if restless else lost}) IS NOT DISTINCT FROM NULL
                    OR greatest(switched, {"r.marked" if restless else lost}) <= coalesce(own_since, ended_at) AS calm
            FROM summed s
            {"LEFT JOIN restless r ON r._id = s._id" if restless else ""}
            {"LEFT JOIN fallen f ON f._id = s._id" if work.size("fallen") else ""}
        )
        """,
    )


def _find_restless(work: UndoWork) -> None:
    """Table `restless(_id, marked)`: when last an undo changed whether the event of a row that had waited counts for the record."""
    work.empty("restless", "_id BIGINT, marked TIMESTAMPTZ")
    if not work.object_type.parent or not work.one(f"SELECT count(_marked_at) FROM {work.tables.released}"):
        return
    work.make(
        "restless",
        f"""
        SELECT r._record AS _id, max(CASE WHEN r._undone_by IN (SELECT id FROM family) THEN 'infinity' ELSE r._marked_at END) AS marked
        FROM {work.tables.released} r
        WHERE r._marked_at IS NOT NULL AND r._record IN (SELECT _id FROM touched)
            AND (r._job, r._pos, r._change_set) NOT IN (SELECT job, _pos, change_set FROM pulled)
            AND (r._job, r._pos, r._change_set) NOT IN (SELECT job, _pos, change_set FROM lifted)
        GROUP BY 1
        """,
    )
