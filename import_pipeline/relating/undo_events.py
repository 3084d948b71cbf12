"""Which records an undo looks at, and what becomes of each: it goes, comes back, goes back to older values, or stays.

Belongs here: the versions of the records looked at and which of their events count. Does not belong here: values (undo_values.py).

Tables made here:
  plain     `_id` of records that the undone import made and nobody changed since: they go, and nothing else need be known of them
  touched   `_id` of all others that are looked at: those with events of their own (see undo_work.py), with an event of a row that waits
            again, deleted by the family, or hanging on a parent that goes
  events    one row per version of those: `_id`, `_version`, `_valid_from`, `_valid_to`, `_ended_by`, `_job`, `counts` and `own`
  verdicts  one row per record of `touched`: `verdict`, `source`, `high` (its last version), `editor`,
            `own_since` (when its first own version began)
            gone    it does not live and does not come back
            create  the family deleted it, and an event counts again: it comes back
            delete  no event counts any more
            keep    its creation is undone, and others have changed it since: it stays exactly as it is
            stay    it is looked at for its parent's sake only
            update  its own events' fields go back
`source` is the version whose state comes back as a whole, where one does: own events are the last ones, and since the first of them
nothing changed in what counts among those before. Else it is null, and undo_values.py weighs field by field.
"""

from datetime import datetime

from import_pipeline.failures import PermanentFailure
from import_pipeline.relating.undo_work import UndoWork
from import_pipeline.store.horizon import horizon_of
from import_pipeline.store.names import literal


def find_touched(work: UndoWork) -> None:
    """Tables `plain` and `touched`. Raises PermanentFailure when versions that the undo needs are gone."""
    since: datetime | None = work.one(
        """
        SELECT min(s.stamp)
        FROM store._change_sets s JOIN store._packages p ON p.change_set = s.id
        WHERE s.type = ? AND p.job IN (SELECT id FROM own_jobs)
        """,
        [work.object_type.slug],
    )
    current, history, own = work.tables.current, work.tables.history, "IN (SELECT id FROM own_jobs)"
    work.empty("plain", "_id BIGINT")
    if since and work.off:
        work.make("plain", f"SELECT _id FROM {current} WHERE _job {own} AND _version = 1")
    sources = []
    if since:
        plain = "AND _version > 1" if work.off else ""
        # A version that ended before the job's first change set is of no concern.
        bound = f"_valid_to >= CAST({literal(since.isoformat())} AS TIMESTAMPTZ)"
        sources = [
            f"SELECT _id FROM {current} WHERE _job {own} {plain}",
            f"SELECT _id FROM {history} WHERE {bound} AND (_job {own} OR _ended_by IN (SELECT id FROM family))",
        ]
    if work.size("pulled"):
        sources.append("SELECT record AS _id FROM pulled WHERE record IS NOT NULL")
    if work.size("gone_above"):
        sources.append(f"SELECT _id FROM {current} WHERE _parent_id IN (SELECT id FROM gone_above)")
    work.empty("touched", "_id BIGINT")
    if sources:
        apart = "WHERE _id NOT IN (SELECT _id FROM plain)" if work.size("plain") else ""
        work.make("touched", f"SELECT DISTINCT _id FROM ({' UNION ALL '.join(sources)}) {apart}")
    _find_events(work)
    _refuse_holes(work, since)


def _find_events(work: UndoWork) -> None:
    """Tables `versions_seen` and `events`."""
    columns = "_id, _version, _valid_from, _job, _line"
    work.make(
        "versions_seen",
        f"""
        SELECT {columns}, CAST(NULL AS TIMESTAMPTZ) AS _valid_to, CAST(NULL AS VARCHAR) AS _ended_by
        FROM {work.tables.current} WHERE _id IN (SELECT _id FROM touched)
        UNION ALL
        SELECT {columns}, _valid_to, _ended_by FROM {work.tables.history} WHERE _id IN (SELECT _id FROM touched)
        """,
    )
    unmade = work.size("unmade")
    joined = (
        "LEFT JOIN unmade m ON m.record = v._id AND m.stamp = v._valid_from AND m.job = v._job AND m.line IS NOT DISTINCT FROM v._line"
        if unmade
        else ""
    )
    work.make(
        "events",
        f"""
        SELECT v._id, v._version, v._valid_from, v._valid_to, v._ended_by, v._job, w.stamp AS switched,
            u.id IS NULL {"AND m.record IS NULL" if unmade else ""} AS counts,
            {"coalesce(m.pulled, false)" if unmade else "false"} AS pulled, o.id IS NOT NULL OR pulled AS own
        FROM versions_seen v
        LEFT JOIN undone_jobs u ON u.id = v._job
        LEFT JOIN own_jobs o ON o.id = v._job
        LEFT JOIN switched w ON w.job = v._job
        {joined}
        """,
    )
    work.drop("versions_seen")


def _refuse_holes(work: UndoWork, since: datetime | None) -> None:
    """Every record's versions must hang together from its first one on, or from one that was valid before the undone job began."""
    asked = "SELECT _id, min(_version) AS low, max(_version) AS high, count(*) AS n, min(_valid_from) AS began FROM events GROUP BY _id"
    begun = f"CAST({literal(since.isoformat())} AS TIMESTAMPTZ)" if since else "CAST('infinity' AS TIMESTAMPTZ)"
    broken = work.one(f"SELECT count(*) FROM ({asked}) WHERE high - low + 1 <> n OR (low > 1 AND began >= {begun})")
    horizon = horizon_of(work.session, work.object_type)
    if not broken and since and horizon and since < horizon:
        broken = work.one(
            f"""
            SELECT count(DISTINCT l.record)
            FROM store._lineage l
            WHERE l.type = ? AND l.job IN (SELECT id FROM own_jobs) AND l.action IN ('create', 'update', 'delete')
                AND l.record NOT IN (SELECT _id FROM touched) AND l.record NOT IN (SELECT _id FROM plain)
                AND l.record NOT IN (
                    SELECT _id FROM {work.tables.current} WHERE _version = 1 OR _valid_from < {begun}
                    UNION ALL SELECT _id FROM {work.tables.history} WHERE _version = 1 OR _valid_from < {begun}
                )
            """,
            [work.object_type.slug],
        )
    if broken:
        until = f" (complete from {horizon:%Y-%m-%d %H:%M} UTC on)" if horizon else ""
        records = "1 record" if broken == 1 else f"{broken} records"
        raise PermanentFailure(
            f"job {work.order.undone} cannot be undone: for {records} of {work.object_type.name} the history that tells what to go back "
            f"to is past its retention{until}. Nothing was changed."
        )


def judge(work: UndoWork) -> None:
    """Table `verdicts`."""
    _find_restless(work)
    lost = "CAST(NULL AS TIMESTAMPTZ)"
    work.make(
        "summed",
        """
        SELECT e._id, min(_version) AS low, max(_version) AS high, bool_or(_valid_to IS NULL) AS alive, bool_or(counts) AS any_counts,
            arg_max(_job, _version) FILTER (counts) AS editor, arg_min(_job, _version) AS maker, arg_min(pulled, _version) AS maker_pulled,
            min(_version) FILTER (own) AS first_own, max(_version) FILTER (NOT own) AS last_other,
            min(_valid_from) FILTER (own) AS own_since, max(_valid_to) AS ended_at, arg_max(_ended_by, _version) AS ended_by,
            max(switched) FILTER (NOT own) AS switched
        FROM events e
        GROUP BY e._id
        """,
    )
    restless = work.size("restless")
    back = "false" if work.off else "ended_by IN (SELECT id FROM family) AND (any_counts OR low > 1)"
    unmade_now = f"(low = 1 AND (maker_pulled OR maker = {literal(work.root)}))" if work.off else "(low = 1 AND maker_pulled)"
    work.make(
        "verdicts",
        f"""
        SELECT _id, verdict, high, editor, own_since, CASE
                WHEN calm AND verdict = 'create' AND first_own IS NULL THEN high
                WHEN calm AND verdict = 'update' AND coalesce(last_other < first_own, false) AND first_own > low THEN first_own - 1
            END AS source
        FROM (
            SELECT s._id, s.high, s.low, s.editor, s.own_since, s.first_own, s.last_other, CASE
                    WHEN NOT alive AND {back} THEN 'create'
                    WHEN NOT alive THEN 'gone'
                    WHEN NOT any_counts AND low = 1 THEN 'delete'
                    WHEN {unmade_now} THEN 'keep'
                    WHEN first_own IS NULL THEN 'stay'
                    ELSE 'update'
                END AS verdict,
                greatest(switched, {"r.marked" if restless else lost}) IS NOT DISTINCT FROM NULL
                    OR greatest(switched, {"r.marked" if restless else lost}) <= coalesce(own_since, ended_at) AS calm
            FROM summed s
            {"LEFT JOIN restless r ON r._id = s._id" if restless else ""}
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
