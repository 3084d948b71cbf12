"""Where a row hangs: the parent it names through RelatedTo, and what becomes of a row whose parent is missing.

Belongs here: finding parents (acceptance S-7, B-4), parking, expiry. Does not belong here: finding the record itself (match.py),
releasing parked rows (late.py), pins (pins.py).
"""

from import_pipeline.relating.findings import refuse
from import_pipeline.relating.work import Work
from import_pipeline.store.names import Tables, ident, inward_sql, literal


def find_parents(work: Work) -> None:
    """Table `parents(ref, id)`; a row whose parent is missing is refused (strict, or the type says so) or parked (kind)."""
    parent, spec = work.order.parent, work.object_type.parent
    if parent is None or spec is None or not work.parent_column:
        return
    above = Tables(parent).current
    work.make(
        "parents",
        f"""
        SELECT d.ref, coalesce(a._id, b._id) AS id
        FROM (
            SELECT DISTINCT parent_ref AS ref, {inward_sql("parent_ref")} AS number
            FROM narrow WHERE parent_ref IS NOT NULL
        ) d
        LEFT JOIN {above} a ON a._id = d.number
        LEFT JOIN {above} b ON b.{ident(parent.external_id)} = d.ref
        """,
    )
    if not work.one("SELECT count(*) FROM parents WHERE id IS NULL"):
        return
    missing = """
        FROM narrow n JOIN parents p ON p.ref = n.parent_ref
        WHERE p.id IS NULL AND n._seq NOT IN (SELECT _seq FROM settled)
        """
    if work.order.operation == "append" and work.size("by_id"):
        # What is recorded already needs no parent any more.
        missing += " AND n._seq NOT IN (SELECT _seq FROM by_id)"
    if work.order.strict or spec.unresolved == "fail":
        refuse(
            work,
            "parent_not_found",
            seq="n._seq",
            column=literal(spec.column),
            value="n.parent_ref",
            expected=literal(f"the record id or external id of an existing {parent.name}"),
            source=missing,
        )
    else:
        work.add("settled", f"SELECT n._seq, 'park' {missing}")


def expire_parked(work: Work) -> None:
    """Table `expired`: parked rows of the store that waited longer than they may, and are refused with `parent_expired`.

    A row whose parent has come in time for this delivery, or whose job this delivery brings again, does not expire.
    """
    parked = Tables(work.object_type).parked
    if not work.one(f"SELECT count(*) FROM {parked} WHERE _expires_at <= ?", [work.order.now]):
        return
    released = "(SELECT j.id, r._pos FROM released r JOIN released_jobs j ON j.number = r._job)" if work.size("released") else None
    work.make(
        "expired",
        f"""
        SELECT p.*
        FROM {parked} p
        WHERE p._expires_at <= ?
            AND p._job NOT IN (SELECT id FROM job_ids WHERE number IN (SELECT _job FROM wide))
            {f"AND (p._job, p._pos) NOT IN {released}" if released else ""}
        """,
        [work.order.now],
    )
