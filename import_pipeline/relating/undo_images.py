"""Where the whole new versions come from, of records that an undo changes or brings back.

Belongs here: parents that are gone and external ids that are taken, and the images that are not simply an old version. Does not belong
here: what becomes of a record (undo_verdicts.py), weighing values (undo_values.py), writing the parts (undo_parts.py).

Tables made here:
  heads  `_id`, `verdict`, `how`, `source`, `high`, `parent_then`, `ext_then` of the records that may get a new version. `how` is where
         its values are: `was` (the version `source`), `weighed`, or `now` (the current version, but for its parent). `doubtful` may
         equal the current version: after one version that did not bring the record back they differ
  taken  `_id`, `verdict`, `job`: whose external id another living record has by now, and the job that last wrote that record
  lost   `_id` of those whose parent does not live
  odd    images that are not simply an old version: weighed, without their parent or external id, or perhaps equal to the current one
  looked `_id`, `_pos`, `action`, `source`, `high` of all records looked at, in order of their ids
"""

from import_pipeline.relating.undo_rows import keep_waiting
from import_pipeline.relating.undo_values import PARENT, weighed_columns
from import_pipeline.relating.undo_work import UndoWork
from import_pipeline.store.names import ident, literal


def place(work: UndoWork) -> None:
    """All tables of this module; and `lifted` keeps only rows whose record lives."""
    _find_heads(work)
    _find_taken(work)
    work.empty("lost", "_id BIGINT")
    if work.parents:
        work.make("lost", f"SELECT _id FROM heads WHERE parent_then IS NOT NULL AND NOT {work.lives('parent_then')}")
    _find_odd(work)
    work.make(
        "looked",
        """
        SELECT _id, row_number() OVER (ORDER BY _id) - 1 AS _pos, action, source, high
        FROM (
            SELECT _id, 'delete' AS action, CAST(NULL AS BIGINT) AS source, CAST(NULL AS BIGINT) AS high FROM plain
            UNION ALL
            SELECT v._id, CASE
                    WHEN v.verdict = 'delete' THEN 'delete'
                    WHEN h._id IS NULL THEN 'unchanged'
                    WHEN v.verdict = 'create' THEN 'create'
                    WHEN o._id IS NOT NULL OR h.plain THEN 'update'
                    ELSE 'unchanged'
                END AS action, CASE WHEN h.plain THEN v.source END AS source, v.high
            FROM verdicts v
            LEFT JOIN heads h ON h._id = v._id
            LEFT JOIN odd o ON o._id = v._id
        )
        """,
    )
    keep_waiting(
        work,
        f"""
        SELECT _id FROM {work.tables.current} WHERE _id NOT IN (SELECT _id FROM looked WHERE action = 'delete')
        UNION ALL SELECT _id FROM looked WHERE action = 'create'
        """,
    )


def _find_heads(work: UndoWork) -> None:
    ext = work.external_id
    now = ""
    if work.size("gone_above"):
        now = f"""
            UNION ALL
            SELECT v._id, v.verdict, 'now', NULL, v.high, t._parent_id, t.{ext}, true
            FROM verdicts v JOIN {work.tables.current} t ON t._id = v._id
            WHERE v.verdict IN ('keep', 'stay') AND t._parent_id IN (SELECT id FROM gone_above)
            """
    weighed = ""
    if work.size("weighed"):
        weighed = f"UNION ALL SELECT _id, verdict, 'weighed', NULL, high, _parent_id, {ext}, true FROM weighed"
    work.make(
        "heads",
        f"""
        SELECT v._id, v.verdict, 'was' AS how, v.source, v.high, s._parent_id AS parent_then, s.{ext} AS ext_then,
            v.verdict = 'update' AND (v.high <> v.source + 1 OR s._valid_to <> v.own_since) AS doubtful
        FROM verdicts v JOIN {work.tables.history} s ON s._id = v._id AND s._version = v.source
        WHERE v.source IS NOT NULL
        {weighed} {now}
        """,
    )


def _find_taken(work: UndoWork) -> None:
    """Table `taken`; a record that cannot come back leaves `heads`. Going back before an import takes no external id but null."""
    work.empty("taken", "_id BIGINT, verdict VARCHAR, job VARCHAR")
    if not work.size("weighed") and work.off:
        return
    ext, current = work.external_id, work.tables.current
    work.make(
        "claims",
        f"""
        SELECT h._id, h.verdict, h.ext_then, row_number() OVER (PARTITION BY h.ext_then ORDER BY h._id) AS turn
        FROM heads h LEFT JOIN {current} t ON t._id = h._id
        WHERE h.ext_then IS NOT NULL AND t.{ext} IS DISTINCT FROM h.ext_then
        """,
    )
    work.add(
        "taken",
        f"""
        SELECT c._id, c.verdict, max(o._job)
        FROM claims c LEFT JOIN {current} o
            ON o.{ext} = c.ext_then AND o._id <> c._id AND o._id NOT IN (
                SELECT _id FROM plain UNION ALL SELECT _id FROM verdicts WHERE verdict = 'delete'
            )
        WHERE o._id IS NOT NULL OR c.turn > 1
        GROUP BY c._id, c.verdict
        """,
    )
    if work.size("taken"):
        work.session.run("DELETE FROM heads WHERE verdict = 'create' AND _id IN (SELECT _id FROM taken)")


def _find_odd(work: UndoWork) -> None:
    """Table `odd`, and the column `plain` of `heads`: the image is the version `source` as it is."""
    plain = "how = 'was' AND NOT doubtful AND _id NOT IN (SELECT _id FROM lost) AND _id NOT IN (SELECT _id FROM taken)"
    work.make("heads_told", f"SELECT *, coalesce({plain}, false) AS plain FROM heads")
    work.make("heads", "SELECT * FROM heads_told")
    work.empty("odd", "_id BIGINT")
    if not work.one("SELECT count(*) FROM heads WHERE NOT plain"):
        return
    columns = weighed_columns(work)
    ext = work.object_type.external_id
    lost, taken = "h._id IN (SELECT _id FROM lost)", "h._id IN (SELECT _id FROM taken)"

    def shown(key: str) -> str:
        if key == PARENT:
            return f"CASE WHEN {lost} THEN NULL ELSE s.{PARENT} END AS {PARENT}"
        if key == ext and work.size("taken"):
            return f"CASE WHEN {taken} THEN t.{ident(key)} ELSE s.{ident(key)} END AS {ident(key)}"
        return f"s.{ident(key)}"

    image = f"h._id, h.high, s._pin_id, s._created_at, {', '.join(shown(k) for k in columns)}"
    differs = " OR ".join(f"t.{ident(k)} IS DISTINCT FROM s.{ident(k)}" for k in columns if k not in (PARENT, ext))
    own = [shown(k).rsplit(" AS ", 1)[0] for k in (PARENT, ext)]
    differs += f" OR t.{PARENT} IS DISTINCT FROM {own[0]} OR t.{ident(ext)} IS DISTINCT FROM {own[1]}"
    sources = [("was", work.tables.history, "AND s._version = h.source"), ("now", work.tables.current, "")]
    sources += [("weighed", "weighed", "")] if work.size("weighed") else []
    work.make(
        "odd",
        " UNION ALL BY NAME ".join(
            f"""
            SELECT {image}
            FROM heads h
            JOIN {table} s ON s._id = h._id {which}
            LEFT JOIN {work.tables.current} t ON t._id = h._id
            WHERE h.how = {literal(how)} AND NOT h.plain AND (h.verdict = 'create' OR {differs})
            """
            for how, table, which in sources
        ),
    )
