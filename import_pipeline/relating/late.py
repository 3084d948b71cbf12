"""Rows that come late: parked rows whose parent has come, and all rows of a delivery that is replayed.

Belongs here: releasing parked rows, and what a late row may still change. Does not belong here: parking rows (parents.py),
finding records (match.py).

A late row has the effect it would have had in its own time, but for what was set since: a value that changed in the stored record
after the row's own moment stays (acceptance B-7).
  A replayed row speaks for its delivery's first change set. What its own delivery set, then or in an earlier replay, it may mend.
  A parked row speaks for the change set that parked it. Of what this change set and later ones set, only rows before it in its own
  file are older than it.
Values that stay are blanked in the late row, and a blank never erases; so the steps that follow need not know which rows are late.
"""

from import_pipeline.relating.rows import LINEAGE_NAMES, seq_sql
from import_pipeline.relating.work import Work
from import_pipeline.store.names import Tables, data_columns, given_columns, ident, idents, inward_sql, updatable
from import_pipeline.store.undos import cancelled_jobs, undos_of


def make_released(work: Work) -> None:
    """Tables `released` (wide, with `_since`) and `released_jobs` (their jobs' negative numbers): parked rows whose parent is stored.

    A job that this delivery brings again is left out: its rows are judged anew, and applying takes its parked rows away.
    """
    parent, spec, parked = work.order.parent, work.object_type.parent, Tables(work.object_type).parked
    if parent is None or spec is None or not work.one(f"SELECT count(*) FROM {parked}"):
        return
    above, ref = Tables(parent).current, f"p.{ident(spec.column)}"
    found = work.make(
        "waiting",
        f"""
        SELECT p.*
        FROM {parked} p
        WHERE (
            {inward_sql(ref)} IN (SELECT _id FROM {above})
            OR {ref} IN (SELECT {ident(parent.external_id)} FROM {above})
        ) AND p._job NOT IN (SELECT id FROM job_ids WHERE number IN (SELECT _job FROM wide))
        """,
    )
    if not found:
        return
    work.make(
        "released_jobs",
        """
        SELECT CAST(-row_number() OVER (ORDER BY first DESC, id DESC) AS INTEGER) AS number, id
        FROM (SELECT _job AS id, min(_parked_at) AS first FROM waiting GROUP BY _job)
        """,
    )
    work.make(
        "released",
        f"""
        SELECT {seq_sql("j.number")} AS _seq, j.number AS _job, w._line, w._end, w._pos, w._parked_at AS _since,
            {idents(list(given_columns(work.object_type)), "w.")}
        FROM waiting w JOIN released_jobs j ON j.id = w._job
        """,
    )
    work.add("job_ids", "SELECT number, id FROM released_jobs")


def make_late(work: Work) -> None:
    """Table `late`: the late rows in the columns of `wide`, protected values blanked, with `_parent_kept` where the parent is protected.

    Also the view `every_row`: the late rows, and in a delivery that is no replay the validated rows.
    """
    keys = list(given_columns(work.object_type))
    listed = f"_seq, {idents(LINEAGE_NAMES)}, {idents(keys)}"
    if not work.replay and not work.size("released"):
        work.view("every_row", "SELECT * FROM wide")
        return
    sources = [f"SELECT {listed}, _since FROM released"] if work.size("released") else []
    if work.replay:
        sources.append(f"SELECT {listed}, (SELECT stamp FROM first_pass) AS _since FROM wide")
    work.view("late_rows", " UNION ALL ".join(sources))
    if _find_protected(work):
        shown = ", ".join(
            f"CASE WHEN g.{ident(f'_p{i}')} IS NOT TRUE THEN r.{ident(k)} END AS {ident(k)}" if i is not None else f"r.{ident(k)}"
            for k, i in _protectable(work).items()
        )
        select = f"""
        SELECT r._seq, {idents(LINEAGE_NAMES, "r.")}, {shown}, coalesce(g._parent_kept, false) AS _parent_kept
        FROM late_rows r LEFT JOIN protected g ON g._seq = r._seq
        """
    else:
        select = f"SELECT {listed}, false AS _parent_kept FROM late_rows"
    work.make("late", select)
    late = "SELECT * EXCLUDE (_parent_kept) FROM late"
    work.view("every_row", late if work.replay else f"SELECT {listed} FROM wide UNION ALL {late}")


def _protectable(work: Work) -> dict[str, int | None]:
    """Every column a row may give with its number among those that an update may set, or None."""
    kept = {key: i for i, key in enumerate(_updatable(work))}
    return {key: kept.get(key) for key in given_columns(work.object_type)}


def _updatable(work: Work) -> list[str]:
    return [c.key for c in data_columns(work.object_type) if updatable(c)]


def _find_protected(work: Work) -> int:
    """Table `protected(_seq, _p0 …, _parent_kept)`: which values of its record have changed since the late row's moment.

    What an undo took back, and the undo itself, protect nothing: nobody stands by those values any more.
    """
    tables, kept = Tables(work.object_type), _updatable(work)
    columns = f"_id, _version, _valid_from, _job, _line, _parent_id, {idents(kept)}"
    touched = "(SELECT DISTINCT p.target FROM placed p JOIN late_rows r ON r._seq = p._seq WHERE p.target IS NOT NULL)"
    previous = "OVER (PARTITION BY _id ORDER BY _version)"
    marks = ", ".join(f"{ident(k)} IS DISTINCT FROM lag({ident(k)}) {previous} AS {ident(f'_p{i}')}" for i, k in enumerate(kept))
    work.make(
        "versions",
        f"""
        SELECT _id, _version, _valid_from, _job, _line, _parent_id IS DISTINCT FROM lag(_parent_id) {previous} AS _parent_kept, {marks}
        FROM (
            SELECT {columns} FROM {tables.current} WHERE _id IN {touched}
            UNION ALL
            SELECT {columns} FROM {tables.history} WHERE _id IN {touched}
        )
        """,
    )
    _forget_undone(work)
    flags = ", ".join(f"bool_or(v.{ident(f'_p{i}')}) AS {ident(f'_p{i}')}" for i in range(len(kept)))
    parked = "v._valid_from >= r._since AND NOT (v._job = j.id AND v._line <= r._line)"
    replayed = "v._valid_from > r._since AND v._job NOT IN (SELECT id FROM job_ids WHERE number >= 0)"
    return work.make(
        "protected",
        f"""
        SELECT p._seq, bool_or(v._parent_kept) AS _parent_kept, {flags}
        FROM late_rows r
        JOIN placed p ON p._seq = r._seq AND p.target IS NOT NULL
        JOIN job_ids j ON j.number = r._job
        JOIN versions v ON v._id = p.target AND v._valid_from >= r._since
        WHERE CASE WHEN r._job < 0 THEN {parked} ELSE {replayed} END
        GROUP BY p._seq
        """,
    )


def _forget_undone(work: Work) -> None:
    """Takes out of `versions` those that count no more, once their differences are told: no row that made them counts.

    The first version of a record always counts.
    """
    undos = undos_of(work.session)
    if not undos:
        return
    work.session.run(
        f"""
        DELETE FROM versions
        WHERE _version > 1 AND (_id, _valid_from) NOT IN (
            SELECT l.record, s.stamp
            FROM store._lineage l JOIN store._change_sets s ON s.id = l.change_set
            WHERE l.type = $type AND l.action IN ('create', 'update') AND l.record IN (SELECT _id FROM versions)
                AND NOT list_contains($jobs, l.job) AND (l.job, l.pos, l.change_set) NOT IN (
                    SELECT _job, _pos, _change_set FROM {Tables(work.object_type).released} WHERE _undone_by IS NOT NULL
                )
        )
        """,
        {"type": work.object_type.slug, "jobs": sorted(cancelled_jobs(undos))},
    )
