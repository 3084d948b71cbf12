"""Which records an undo looks at, and which of the events of their versions count.

Belongs here: finding records and events, and refusing when versions are missing. Does not belong here: what becomes of the records
(undo_verdicts.py), values (undo_values.py).

Tables made here:
  plain     `_id` of records that the undone import made and nobody changed since: they go, and nothing else need be known of them
  touched   `_id` of all others that are looked at: those with own events (see undo_work.py), with an event of a row that waits again,
            deleted by the family, hanging on a parent that goes, or fallen
  fallen    `_id`, `own` of records that an import deleted: the root, or one that is undone itself
  mixed     `id`, `stamp` of the change sets in which rows of several jobs, or rows that had waited, may have made one version together
  takers    `record`, `stamp`, `own`, `counts`, `voice` of versions made there: what the rows that made it say. Rows cannot be told apart
            in a version, so it counts as long as one of them does; `voice` is the job of one that does
  events    one row per version of those: `_id`, `_version`, `_valid_from`, `_valid_to`, `_ended_by`, `_job`, `counts`, `own`, `voice`
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
    work.make(
        "mixed",
        """
        SELECT s.id, s.stamp
        FROM store._change_sets s JOIN store._packages p ON p.change_set = s.id
        WHERE s.type = ?
        GROUP BY s.id, s.stamp HAVING count(DISTINCT p.job) > 1 OR min(p.package) < 0
        """,
        [work.object_type.slug],
    )
    current, history, own = work.tables.current, work.tables.history, "IN (SELECT id FROM own_jobs)"
    work.empty("plain", "_id BIGINT")
    if since and work.off:
        alone = "AND _valid_from NOT IN (SELECT stamp FROM mixed)" if work.size("mixed") else ""
        work.make("plain", f"SELECT _id FROM {current} WHERE _job {own} AND _version = 1 {alone}")
    _find_fallen(work)
    # A fallen record without any version left is one whose history is past its retention: it is missed below.
    left = f"SELECT _id FROM {current} UNION ALL SELECT _id FROM {history}"
    sources = [f"SELECT _id FROM fallen WHERE _id IN ({left})"] if work.size("fallen") else []
    if since:
        plain = "" if work.size("mixed") or not work.off else "AND _version > 1"
        # A version that ended before the job's first change set is of no concern.
        bound = f"_valid_to >= CAST({literal(since.isoformat())} AS TIMESTAMPTZ)"
        sources += [
            f"SELECT _id FROM {current} WHERE _job {own} {plain}",
            f"SELECT _id FROM {history} WHERE {bound} AND (_job {own} OR _ended_by IN (SELECT id FROM family))",
        ]
        if work.size("mixed"):
            sources.append(f"SELECT record AS _id FROM ({_told_rows(work)}) WHERE job {own}")
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


def _find_fallen(work: UndoWork) -> None:
    """Table `fallen(_id, own)`: records that the root deleted (`own`), or another import whose deletion counts no more."""
    work.make(
        "fallen",
        f"""
        SELECT record AS _id, bool_or(job = $root) AS own
        FROM store._gone
        WHERE type = $type AND (
            job = $root OR job IN (SELECT id FROM undone_jobs) AND record NOT IN (SELECT _id FROM {work.tables.current})
        )
        GROUP BY record
        """,
        {"type": work.object_type.slug, "root": work.root},
    )


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
    taken = work.size("mixed") and _find_takers(work)
    work.make(
        "events",
        f"""
        SELECT v._id, v._version, v._valid_from, v._valid_to, v._ended_by, v._job, w.stamp AS switched,
            {"coalesce(t.counts, u.id IS NULL)" if taken else "u.id IS NULL"} AS counts,
            {"coalesce(t.own, o.id IS NOT NULL)" if taken else "o.id IS NOT NULL"} AS own,
            {"coalesce(t.voice, v._job)" if taken else "v._job"} AS voice
        FROM versions_seen v
        LEFT JOIN undone_jobs u ON u.id = v._job
        LEFT JOIN own_jobs o ON o.id = v._job
        LEFT JOIN switched w ON w.job = v._job
        {"LEFT JOIN takers t ON t.record = v._id AND t.stamp = v._valid_from" if taken else ""}
        """,
    )
    work.drop("versions_seen")


def _told_rows(work: UndoWork) -> str:
    """SELECT of `record`, `stamp`, `job`, `pos`, `change_set` of the rows that made versions in mixed change sets."""
    return f"""
        SELECT l.record, m.stamp, l.job, l.pos, l.change_set
        FROM store._lineage l JOIN mixed m ON m.id = l.change_set
        WHERE l.type = {literal(work.object_type.slug)} AND l.action IN ('create', 'update')
        """


def _find_takers(work: UndoWork) -> int:
    pulled, counts = "false", "u.id IS NULL"
    joined = ""
    if work.size("unmade"):
        joined = "LEFT JOIN unmade m ON m.job = r.job AND m.pos = r.pos AND m.change_set = r.change_set"
        pulled, counts = "coalesce(m.pulled, false)", f"({counts} AND m.job IS NULL)"
    return work.make(
        "takers",
        f"""
        SELECT r.record, r.stamp, bool_or(o.id IS NOT NULL OR {pulled}) AS own, bool_or({counts}) AS counts,
            max(r.job) FILTER ({counts}) AS voice
        FROM ({_told_rows(work)}) r
        LEFT JOIN undone_jobs u ON u.id = r.job
        LEFT JOIN own_jobs o ON o.id = r.job
        {joined}
        WHERE r.record IN (SELECT _id FROM touched)
        GROUP BY r.record, r.stamp
        """,
    )


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
