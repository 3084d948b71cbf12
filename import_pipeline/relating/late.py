"""Rows that come late: parked rows whose parent has come, and all rows of a delivery that is replayed.

Belongs here: releasing parked rows, the order they come in, and blanking what a late row may not set. Does not belong here: parking
rows (parents.py), finding records (match.py), what was given later (later.py).

A late row speaks for its delivery's own moment, whatever change set carries it. It has the effect it would have had then: a value that
a later row gave for the same record stays, whether that row changed anything or not (acceptance B-7).
Values that stay are blanked in the late row, and a blank never erases; so the steps that follow need not know which rows are late.
"""

from import_pipeline.relating.given import PARENT, mask_columns, mask_sql
from import_pipeline.relating.later import find_protected
from import_pipeline.relating.rows import BEHIND, LINEAGE_NAMES, seq_sql
from import_pipeline.relating.work import Work
from import_pipeline.store.names import Tables, given_columns, ident, idents, inward_sql


def make_released(work: Work) -> None:
    """Tables `released` (wide) and `released_jobs(number, id, delivery, moment, place, behind)`: parked rows whose parent is stored, and
    their jobs with negative numbers in the order of time.

    `place` is the job's number in its own delivery. In a replay the rows of later deliveries are `behind` its own. A job that this
    delivery brings again is left out: its rows are judged anew, and applying takes its parked rows away.
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
    _number_jobs(work)
    work.make(
        "released",
        f"""
        SELECT {seq_sql("j.number")} + CASE WHEN j.behind THEN {BEHIND} ELSE 0 END AS _seq, j.number AS _job, w._line, w._end, w._pos,
            {idents(list(given_columns(work.object_type)), "w.")}
        FROM waiting w JOIN released_jobs j ON j.id = w._job
        """,
    )
    work.add("job_ids", "SELECT number, id FROM released_jobs")


def _number_jobs(work: Work) -> None:
    """Tables `known_jobs` and `released_jobs`."""
    make_known_jobs(work)
    behind, values = "false", {}
    if work.replay:
        own = "delivery = $delivery AND place > (SELECT max(_job) FROM wide)"
        behind, values = f"coalesce(moment > (SELECT stamp FROM first_pass) OR ({own}), false)", {"delivery": work.order.delivery}
    work.make(
        "released_jobs",
        f"""
        SELECT CAST(-row_number() OVER (ORDER BY moment DESC, place DESC, id DESC) AS INTEGER) AS number, id, delivery, moment, place,
            {behind} AS behind
        FROM (
            SELECT w.id, coalesce(k.delivery, '') AS delivery, coalesce(k.moment, w.first) AS moment, coalesce(k.number, 0) AS place
            FROM (SELECT _job AS id, min(_parked_at) AS first FROM waiting GROUP BY _job) w
            LEFT JOIN known_jobs k ON k.id = w.id
        )
        """,
        values,
    )


def make_known_jobs(work: Work) -> None:
    """Table `known_jobs(id, delivery, moment, number)`: of every job that the store knows, the moment that its rows speak for."""
    work.make(
        "known_jobs",
        """
        SELECT p.job AS id, s.delivery, d.moment, min(p.job_number) AS number
        FROM store._packages p
        JOIN store._change_sets s ON s.id = p.change_set
        JOIN (SELECT delivery, min(coalesce(moment, stamp)) AS moment FROM store._change_sets GROUP BY delivery) d
            ON d.delivery = s.delivery
        WHERE p.package >= 0
        GROUP BY p.job, s.delivery, d.moment
        """,
    )


def make_late(work: Work) -> None:
    """Table `late`: the late rows in the columns of `wide`, protected values blanked, with `_parent_kept` where the parent is protected,
    and `_given`, the mask of what the row gave itself.

    Also the view `every_row`: the late rows, and in a delivery that is no replay the validated rows.
    """
    keys = list(given_columns(work.object_type))
    listed = f"_seq, {idents(LINEAGE_NAMES)}, {idents(keys)}"
    if not work.replay and not work.size("released"):
        work.view("every_row", "SELECT * FROM wide")
        return
    sources = [f"SELECT {listed} FROM {t}" for t in ("released",) * bool(work.size("released")) + ("wide",) * work.replay]
    work.view("late_rows", " UNION ALL ".join(sources))
    _list_late_jobs(work)
    protected = bool(find_protected(work))
    places = {key: place for place, key in enumerate(mask_columns(work.object_type)) if protected and key != PARENT}
    shown = ", ".join(
        f"CASE WHEN g._p{places[k]} IS NOT TRUE THEN r.{ident(k)} END AS {ident(k)}" if k in places else f"r.{ident(k)}" for k in keys
    )
    work.make(
        "late",
        f"""
        SELECT r._seq, {idents(LINEAGE_NAMES, "r.")}, {shown},
            {"coalesce(g._p0, false)" if protected else "false"} AS _parent_kept, {mask_sql(work, "r", "p.parent_id")} AS _given
        FROM late_rows r
        LEFT JOIN placed p ON p._seq = r._seq
        {"LEFT JOIN protected g ON g._seq = r._seq" if protected else ""}
        """,
    )
    late = "SELECT * EXCLUDE (_parent_kept, _given) FROM late"
    work.view("every_row", late if work.replay else f"SELECT {listed} FROM wide UNION ALL {late}")


def _list_late_jobs(work: Work) -> None:
    """Table `late_jobs(number, id, delivery, moment, place)`: the jobs of the late rows."""
    work.empty("late_jobs", "number INTEGER, id VARCHAR, delivery VARCHAR, moment TIMESTAMPTZ, place BIGINT")
    if work.size("released"):
        work.add("late_jobs", "SELECT number, id, delivery, moment, place FROM released_jobs")
    if work.replay:
        own = "SELECT number, id, $delivery, (SELECT stamp FROM first_pass), number FROM job_ids WHERE number >= 0"
        work.add("late_jobs", own, {"delivery": work.order.delivery})
        if not work.size("known_jobs"):
            make_known_jobs(work)
