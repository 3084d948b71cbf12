"""Where a row hangs: its parent through RelatedTo, its pin through ExternalPinId or address.

Belongs here: finding parents (acceptance S-7, B-4) and pins (S-6), parking, expiry. Does not belong here: finding the record itself
(match.py).
"""

from datetime import datetime

from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.findings import refuse
from import_pipeline.store.names import Tables, ident, inward_sql, literal
from import_pipeline.store.session import Session


def find_parents(session: Session, object_type: ObjectType, parent: ObjectType | None, *, strict: bool) -> None:
    """Table `parents(ref, id)`; a row whose parent is missing is refused (strict, or the type says so) or parked (kind)."""
    if parent is None or object_type.parent is None:
        session.run("CREATE OR REPLACE TEMP TABLE parents(ref VARCHAR, id BIGINT)")
        return
    tables = Tables(parent)
    session.run(
        "CREATE OR REPLACE TEMP TABLE parents AS SELECT d.ref, coalesce(a._id, b._id) AS id "
        f"FROM (SELECT DISTINCT parent_ref AS ref, {inward_sql('parent_ref')} AS number FROM narrow WHERE parent_ref IS NOT NULL) d "
        f"LEFT JOIN {tables.current} a ON a._id = d.number LEFT JOIN {tables.current} b ON b.{ident(parent.external_id)} = d.ref"
    )
    missing = "FROM narrow i JOIN parents p ON p.ref = i.parent_ref WHERE p.id IS NULL AND NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = i._seq)"
    if strict or object_type.parent.unresolved == "fail":
        what = literal(f"the record id or external id of an existing {parent.name}")
        refuse(session, "parent_not_found", literal(object_type.parent.column), "i.parent_ref", what, missing)
    else:
        session.run(f"INSERT INTO settled SELECT i._seq, 'park' {missing}")


def expire_parked(session: Session, object_type: ObjectType, now: datetime) -> None:
    """Table `expired`: parked rows of the store that waited longer than they may; they are refused with `parent_expired`."""
    tables = Tables(object_type)
    session.run(
        f"CREATE OR REPLACE TEMP TABLE expired AS SELECT p.* FROM {tables.parked} p WHERE p._expires_at <= ? "
        "AND NOT EXISTS (SELECT 1 FROM released r JOIN released_jobs j ON j.number = r._job WHERE j.id = p._job AND r._line = p._line)",
        [now],
    )


def make_pins(session: Session, object_type: ObjectType, first_id: int) -> int:
    """Tables `pin_of(gkey, pin_id)` for new records and `new_pins`; returns how many pins are new (ids from `first_id` on).

    An external pin id beats the address: the same external id is the same pin whatever the address text (acceptance S-6). A pin
    with an external id of its own is shared through that id and through its address.
    """
    if not object_type.pin:
        session.run("CREATE OR REPLACE TEMP TABLE pin_of(gkey BIGINT, pin_id BIGINT)")
        session.run("CREATE OR REPLACE TEMP TABLE new_pins(_id BIGINT, _seq BIGINT, ext_pin VARCHAR, address_key VARCHAR)")
        return 0
    session.run(
        "CREATE OR REPLACE TEMP TABLE wanted AS SELECT g.gkey, n._seq, n.ext_pin, n.address_key, "
        "CASE WHEN n.ext_pin IS NOT NULL THEN 'x' || n.ext_pin WHEN n.address_key IS NOT NULL THEN 'a' || n.address_key END AS pin_key "
        "FROM groups g JOIN narrow n ON n._seq = g.creator WHERE g.target IS NULL AND (n.ext_pin IS NOT NULL OR n.address_key IS NOT NULL)"
    )
    session.run(
        "CREATE OR REPLACE TEMP TABLE stored_pins AS "
        "SELECT w.pin_key, min(p._id) AS id FROM (SELECT DISTINCT pin_key, ext_pin FROM wanted WHERE ext_pin IS NOT NULL) w "
        "JOIN store._pins p ON p.external_pin_id = w.ext_pin GROUP BY 1 UNION ALL "
        "SELECT w.pin_key, min(p._id) FROM (SELECT DISTINCT pin_key, address_key FROM wanted WHERE ext_pin IS NULL) w "
        "JOIN store._pins p ON p.address_key = w.address_key GROUP BY 1"
    )
    # A row without external pin id shares the pin that an earlier row of the delivery made at its address under an external id.
    session.run(
        "CREATE OR REPLACE TEMP TABLE aliases AS SELECT w.pin_key, min_by(x.pin_key, x._seq) AS other FROM wanted w JOIN wanted x "
        "ON x.address_key = w.address_key AND x.ext_pin IS NOT NULL AND x._seq < w._seq WHERE w.ext_pin IS NULL "
        "AND NOT EXISTS (SELECT 1 FROM stored_pins s WHERE s.pin_key = w.pin_key) "
        "AND w._seq = (SELECT min(y._seq) FROM wanted y WHERE y.pin_key = w.pin_key) GROUP BY 1"
    )
    session.run("UPDATE wanted SET pin_key = a.other FROM aliases a WHERE a.pin_key = wanted.pin_key")
    session.run(
        f"CREATE OR REPLACE TEMP TABLE new_pins AS SELECT {first_id} - 1 + row_number() OVER (ORDER BY min(_seq)) AS _id, min(_seq) AS _seq, "
        "pin_key, min_by(ext_pin, _seq) AS ext_pin, min_by(address_key, _seq) AS address_key "
        "FROM wanted w WHERE NOT EXISTS (SELECT 1 FROM stored_pins s WHERE s.pin_key = w.pin_key) GROUP BY pin_key"
    )
    session.run(
        "CREATE OR REPLACE TEMP TABLE pin_of AS SELECT w.gkey, coalesce(s.id, n._id) AS pin_id FROM wanted w "
        "LEFT JOIN stored_pins s ON s.pin_key = w.pin_key LEFT JOIN new_pins n ON n.pin_key = w.pin_key"
    )
    return int(session.one("SELECT count(*) FROM new_pins") or 0)


def pin_rows_sql(job: str, line: str) -> str:
    """SELECT that gives the new pins in the columns of store._pins but for `_created_at`."""
    parts = ", ".join(f"s.{ident(c)}" for c in ADDRESS_COLUMNS)
    return (
        f"SELECT p._id, p.ext_pin AS external_pin_id, p.address_key, {parts}, {job} AS _job, {line} AS _line, p._seq "
        "FROM new_pins p JOIN (SELECT * FROM wide UNION ALL BY NAME SELECT * FROM released) s ON s._seq = p._seq JOIN job_ids j ON j.number = s._job"
    )
