"""Which record is this row? Record id, then external id, then the type's matching rules; rows that name the same new record.

Belongs here: everything that finds a row's record, in the store or earlier in the delivery (acceptance S-5).
Does not belong here: parents and pins (place.py), what the row changes (fold.py, compare.py).

Result: table `found(_seq, target, leader)`: `target` is the stored record's id; where it is null, rows with the same `leader` (the
`_seq` of the first of them) make one new record. Rows refused or parked before are not in it.
"""

from import_pipeline.model.object_type import PIN, ObjectType
from import_pipeline.relating.findings import refuse
from import_pipeline.relating.rows import normal_sql
from import_pipeline.store.names import Tables, ident, inward_sql
from import_pipeline.store.session import Session


def match_ids(session: Session, object_type: ObjectType) -> None:
    """Table `by_id(_seq, target)` by record id and external id; refuses unknown record ids and ids that name two records."""
    tables, ext = Tables(object_type), ident(object_type.external_id)
    if session.one("SELECT count(rid) FROM narrow"):
        session.run(
            "CREATE OR REPLACE TEMP TABLE by_rid AS SELECT n._seq, coalesce(a._id, b._id) AS id FROM "
            f"(SELECT _seq, rid, {inward_sql('rid')} AS number FROM narrow WHERE rid IS NOT NULL) n "
            f"LEFT JOIN {tables.current} a ON a._id = n.number LEFT JOIN {tables.current} b ON n.number IS NULL AND b.{ext} = n.rid"
        )
    else:
        session.run("CREATE OR REPLACE TEMP TABLE by_rid(_seq BIGINT, id BIGINT)")
    session.run(
        "CREATE OR REPLACE TEMP TABLE ids AS SELECT n._seq, n.rid, n.ext, r.id AS rid_id, e._id AS ext_id "
        f"FROM narrow n LEFT JOIN by_rid r ON r._seq = n._seq LEFT JOIN {tables.current} e ON e.{ext} = n.ext"
    )
    refuse(
        session,
        "unknown_record_id",
        "'RecordID'",
        "i.rid",
        "'the id of a record of this type, as exported, or its external id'",
        "FROM ids i WHERE i.rid IS NOT NULL AND i.rid_id IS NULL",
    )
    refuse(
        session,
        "id_conflict",
        "'RecordID'",
        "i.rid",
        "'the same record as the external id ' || i.ext",
        f"FROM ids i LEFT JOIN {tables.current} t ON t._id = i.rid_id WHERE i.rid_id IS NOT NULL AND i.ext IS NOT NULL "
        f"AND (i.ext_id <> i.rid_id OR (i.ext_id IS NULL AND t.{ext} <> i.ext))",
    )
    session.run("CREATE OR REPLACE TEMP TABLE by_id AS SELECT _seq, coalesce(rid_id, ext_id) AS target FROM ids")


def match_rules(session: Session, object_type: ObjectType) -> None:
    """Table `found`. Rules are tried in order, each against stored records first, then against earlier rows of the delivery.

    A row with an external id of its own takes, by a rule, only a record that has none: two external ids are two records.
    """
    session.run(
        "CREATE OR REPLACE TEMP TABLE open AS SELECT n.*, b.target, CAST(NULL AS BIGINT) AS pointer FROM narrow n JOIN by_id b USING (_seq) "
        "WHERE NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = n._seq)"
    )
    session.run(
        "UPDATE open SET pointer = f.first FROM (SELECT ext, min(_seq) AS first FROM open WHERE target IS NULL AND ext IS NOT NULL "
        "GROUP BY ext HAVING count(*) > 1) f WHERE open.ext = f.ext AND open.target IS NULL AND open._seq > f.first"
    )
    for number, rule in enumerate(object_type.match):
        if not session.one(f"SELECT count(k{number}) FROM open WHERE target IS NULL AND pointer IS NULL"):
            continue
        _stored_by_rule(session, object_type, number, rule)
        _earlier_by_rule(session, number)
    session.run(
        "CREATE OR REPLACE TEMP TABLE found AS SELECT _seq, target, CASE WHEN target IS NULL THEN coalesce(pointer, _seq) END AS leader, "
        "pointer IS NOT NULL AS follows FROM open WHERE NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = open._seq)"
    )
    _follow(session)


def _stored_by_rule(session: Session, object_type: ObjectType, number: int, rule: tuple[str, ...]) -> None:
    tables, ext = Tables(object_type), ident(object_type.external_id)
    parts = ["p.address_key" if name == PIN else normal_sql(name, object_type) for name in rule]
    key, pins = " || chr(31) || ".join(parts), "LEFT JOIN store._pins p ON p._id = t._pin_id" if PIN in rule else ""
    session.run(
        f"CREATE OR REPLACE TEMP TABLE hits AS SELECT o._seq, count(*) AS n, min(c._id) AS id, string_agg(c.name, ', ') AS names FROM open o "
        f"JOIN (SELECT t._id, t.{ext} AS ext, coalesce(t.{ext}, printf('record %d', t._id)) AS name, {key} AS key FROM {tables.current} t {pins}) c "
        f"ON c.key = o.k{number} AND (o.ext IS NULL OR c.ext IS NULL) WHERE o.target IS NULL AND o.pointer IS NULL GROUP BY o._seq"
    )
    label = "'" + " + ".join(rule).replace("'", "''") + "'"
    refuse(
        session,
        "ambiguous_match",
        label,
        f"o.k{number}",
        "'one record; these fit: ' || left(i.names, 200)",
        "FROM hits i JOIN open o ON o._seq = i._seq WHERE i.n > 1",
    )
    # Two external ids are two records: of several rows that would adopt the same record without one, the first does.
    session.run(
        "UPDATE open SET target = h.id FROM (SELECT h._seq, h.id FROM hits h JOIN open o ON o._seq = h._seq WHERE h.n = 1 "
        "QUALIFY o.ext IS NULL OR row_number() OVER (PARTITION BY h.id, o.ext IS NULL ORDER BY h._seq) = 1) h WHERE open._seq = h._seq"
    )
    session.run("UPDATE open SET target = l.target, pointer = NULL FROM open l WHERE open.pointer = l._seq AND l.target IS NOT NULL")


def _earlier_by_rule(session: Session, number: int) -> None:
    key = f"k{number}"
    session.run(
        f"CREATE OR REPLACE TEMP TABLE firsts AS SELECT {key} AS key, min(_seq) AS first, min(_seq) FILTER (ext IS NULL) AS first_free "
        f"FROM open WHERE {key} IS NOT NULL GROUP BY 1 HAVING count(*) > 1"
    )
    session.run(
        "UPDATE open SET pointer = e.first FROM (SELECT o._seq, CASE WHEN o.ext IS NULL THEN f.first ELSE f.first_free END AS first FROM open o "
        f"JOIN firsts f ON f.key = o.{key} WHERE o.target IS NULL AND o.pointer IS NULL "
        "QUALIFY o.ext IS NULL OR row_number() OVER (PARTITION BY f.first_free, o.ext IS NULL ORDER BY o._seq) = 1) e "
        "WHERE open._seq = e._seq AND e.first < open._seq"
    )


def _follow(session: Session) -> None:
    """Follows pointers to the row that makes the record (or to its stored record); each round halves the longest chain."""
    while session.one(
        "SELECT count(*) FROM found f JOIN found l ON l._seq = f.leader WHERE f.follows AND (l.follows OR l.target IS NOT NULL)"
    ):
        session.run(
            "UPDATE found SET target = l.target, leader = l.leader, follows = l.follows FROM found l "
            "WHERE found.follows AND l._seq = found.leader AND (l.follows OR l.target IS NOT NULL)"
        )
