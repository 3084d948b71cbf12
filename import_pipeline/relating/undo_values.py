"""The values of records whose own events lie between events that count: weighed field by field.

Belongs here: that weighing, and the fields that keep a later edit. Does not belong here: which events count (undo_events.py), parents
and external ids that are no longer free (undo_images.py).

A field that an own event changed gets the value of the latest event of this field that counts, null included; every other field stays.
A record that comes back is weighed in all fields. The oldest version always counts here: a record that lives has been made. Where that
is the version of a cancelled job, the record was kept exactly as it was, and so all that this job set in it stays.
"""

from import_pipeline.relating.undo_work import UndoWork
from import_pipeline.store.names import data_columns, ident

PARENT = "_parent_id"


def weighed_columns(work: UndoWork) -> list[str]:
    """The fields that are weighed: `_parent_id`, then the data columns."""
    return [PARENT, *(c.key for c in data_columns(work.object_type))]


def weigh(work: UndoWork) -> None:
    """Table `weighed`: `_id`, `verdict`, `high`, `_pin_id`, `_created_at`; per column its value and, as `_k0` … and `_e0` …, whether a
    later edit of it is kept, and by which job."""
    work.make(
        "weighing",
        """
        SELECT v._id, v.verdict, v.high, s.low, s.maker, s.maker_counts
        FROM verdicts v
        JOIN (SELECT e._id, min(_version) AS low, arg_min(_job, _version) AS maker, arg_min(counts, _version) AS maker_counts
            FROM events e WHERE e._id IN (SELECT _id FROM verdicts WHERE verdict IN ('create', 'update') AND source IS NULL)
            GROUP BY e._id) s ON s._id = v._id
        """,
    )
    work.empty("weighed", "_id BIGINT")
    if not work.size("weighing"):
        return
    columns = weighed_columns(work)
    listed = "".join(f", {ident(k)}" for k in columns)
    stored = f"SELECT _id, _version, _pin_id, _created_at{listed} FROM {{}} WHERE _id IN (SELECT _id FROM weighing)"
    changed = "".join(
        f", d.{ident(k)} AS {ident(f'_v{i}')}, e._version = w.low OR d.{ident(k)} IS DISTINCT FROM lag(d.{ident(k)}) OVER before AS _x{i}"
        for i, k in enumerate(columns)
    )
    work.make(
        "weighed_versions",
        f"""
        SELECT e._id, e._version, e.voice, e.own, e.own AND e.counts AS shared, w.verdict, w.high, d._pin_id, d._created_at,
            e.counts OR e._version = w.low OR (NOT w.maker_counts AND e._job = w.maker) AS rules{changed}
        FROM events e
        JOIN weighing w ON w._id = e._id
        JOIN ({stored.format(work.tables.current)} UNION ALL {stored.format(work.tables.history)}) d
            ON d._id = e._id AND d._version = e._version
        WINDOW before AS (PARTITION BY e._id ORDER BY e._version)
        """,
    )
    work.make(
        "weighed",
        f"""
        SELECT _id, any_value(verdict) AS verdict, any_value(high) AS high, arg_max(_pin_id, _version) AS _pin_id,
            any_value(_created_at) AS _created_at{"".join(_weighed(i, k) for i, k in enumerate(columns))}
        FROM weighed_versions
        GROUP BY _id
        """,
    )
    work.drop("weighed_versions")


def _weighed(i: int, key: str) -> str:
    """SQL for the i-th column's value, whether a later edit of it is kept, and by whom."""
    ruling, own = f"FILTER (rules AND _x{i})", f"FILTER (own AND _x{i})"
    # Where rows of other jobs made the version too, what they made together stays.
    later = f"coalesce(max(_version) {ruling} >= max(_version + CASE WHEN shared THEN 0 ELSE 1 END) {own}, false)"
    return f"""
            , CASE WHEN any_value(verdict) = 'create' OR count(*) {own} > 0 THEN arg_max_null(_v{i}, _version) {ruling}
                ELSE arg_max_null(_v{i}, _version) END AS {ident(key)},
            any_value(verdict) = 'update' AND {later} AS _k{i}, arg_max(voice, _version) {ruling} AS _e{i}"""
