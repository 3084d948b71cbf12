"""Which record is this row? Record id, then external id, then the type's matching rules, then a new record (acceptance S-5).

Belongs here: what a row names by its ids, and what it fits by a rule, when no other row of the delivery has a say in it.
Does not belong here: rows that have a say in each other (tangled.py, in_order.py), parents (parents.py), groups (groups.py).

The meaning, row by row in order of arrival:
  1. The record id names a record, or the row is refused. An external id that belongs to another record refuses the row too.
  2. The external id names the record that has it, in the store or by an earlier row.
  3. In a replay, the record that this very line made or met when it was last applied.
  4. The rules in order. A rule's key (all its columns, none blank) is compared with the records as stored before the delivery and
     with the keys of earlier rows. One record that fits is it, several refuse the row, none passes it to the next rule.
  5. Else the row makes a record, or is refused when it lacks a required value.
Two external ids are two records: a row with one of its own fits, by 3 and 4, only a record that has none, and gives it its own. A
record's external id never changes. Refused and parked rows have no effect on others.
"""

from import_pipeline.model.object_type import PIN
from import_pipeline.relating.findings import live, refuse
from import_pipeline.relating.rows import pos_sql, rule_key_sql, usable_rules
from import_pipeline.relating.work import Work
from import_pipeline.store.names import inward_sql, literal


def match_ids(work: Work) -> None:
    """Table `by_id(_seq, target, record_ext, hash)`; refuses unknown record ids and ids that name two records.

    `record_ext` is the external id that the target has in the store; null there and an external id in the row: the row gives it.
    `hash` is the target's.
    """
    if not work.one(f"SELECT count(*) FROM {work.current}"):
        work.empty("by_id", "_seq BIGINT, target BIGINT, record_ext VARCHAR, hash BIGINT")
        _refuse_record_ids(work, "FROM narrow n WHERE n.rid IS NOT NULL")
        return
    by_external_id = f"""
        SELECT n._seq, e._id AS target, n.ext AS record_ext, e._hash AS hash
        FROM narrow n JOIN {work.current} e ON e.{work.external_id} = n.ext
        """
    if "RecordID" not in work.given:
        work.make("by_id", by_external_id)
    else:
        _match_record_ids(work)
        work.make(
            "by_id",
            f"""
            SELECT _seq, target, record_ext, hash FROM by_rid WHERE target IS NOT NULL
            UNION ALL
            {by_external_id} WHERE n.rid IS NULL
            """,
        )
    if work.replay:
        _match_lineage(work)


def _match_record_ids(work: Work) -> None:
    """Table `by_rid(_seq, rid, ext, target, record_ext, hash, ext_target)`. A record id column may hold an external id (decision 9)."""
    ext = work.external_id
    work.make(
        "by_rid",
        f"""
        SELECT n._seq, n.rid, n.ext, coalesce(a._id, b._id) AS target, coalesce(a.{ext}, b.{ext}) AS record_ext,
            coalesce(a._hash, b._hash) AS hash, e._id AS ext_target
        FROM (
            SELECT *, CASE WHEN number IS NULL THEN rid END AS as_external
            FROM (SELECT _seq, rid, ext, {inward_sql("rid")} AS number FROM narrow WHERE rid IS NOT NULL)
        ) n
        LEFT JOIN {work.current} a ON a._id = n.number
        LEFT JOIN {work.current} b ON b.{ext} = n.as_external
        LEFT JOIN {work.current} e ON e.{ext} = n.ext
        """,
    )
    _refuse_record_ids(work, "FROM by_rid n WHERE n.target IS NULL")
    refuse(
        work,
        "id_conflict",
        seq="n._seq",
        column="'RecordID'",
        value="n.rid",
        expected="'the same record as the external id ' || n.ext",
        source="""
        FROM by_rid n
        WHERE n.target IS NOT NULL AND n.ext IS NOT NULL
            AND (n.ext_target <> n.target OR (n.ext_target IS NULL AND n.record_ext IS NOT NULL))
        """,
    )


def _refuse_record_ids(work: Work, source: str) -> None:
    if "RecordID" in work.given:
        expected = "'the id of a record of this type, as exported, or its external id'"
        refuse(work, "unknown_record_id", seq="n._seq", column="'RecordID'", value="n.rid", expected=expected, source=source)


def _match_lineage(work: Work) -> None:
    """Adds to `by_id` the records that the same lines made or met before, where the row's own ids name none."""
    work.add(
        "by_id",
        f"""
        SELECT n._seq, t._id, t.{work.external_id}, t._hash
        FROM narrow n
        JOIN job_ids j ON j.number = n._job
        JOIN (
            SELECT l.job, l.pos, arg_max(l.record, s.stamp) AS record
            FROM store._lineage l JOIN store._change_sets s ON s.id = l.change_set
            WHERE l.type = {literal(work.object_type.slug)} AND l.record IS NOT NULL AND l.job IN (SELECT id FROM job_ids)
            GROUP BY l.job, l.pos
        ) l ON l.job = j.id AND l.pos = {pos_sql("n._seq")}
        JOIN {work.current} t ON t._id = l.record
        WHERE n._job >= 0 AND n.rid IS NULL AND (n.ext IS NULL OR t.{work.external_id} IS NULL)
            AND n._seq NOT IN (SELECT _seq FROM by_id)
        """,
    )


def match_rules(work: Work) -> None:
    """Table `hits(_seq, rule, id, free, name)`: the stored records that fit each row without a target, by each rule.

    `free` records have no external id; a row with one of its own fits only those.
    """
    work.empty("hits", "_seq BIGINT, rule INTEGER, id BIGINT, free BOOLEAN, name VARCHAR")
    rules = usable_rules(work)
    if not rules or not _find_open(work):
        return
    only_free = not work.one("SELECT count(*) FROM open_rows WHERE ext IS NULL")
    ext, where = work.external_id, f"t.{work.external_id} IS NULL" if only_free else "true"
    if not work.one(f"SELECT count(*) FROM {work.current} t WHERE {where}"):
        return
    for number, rule in rules:
        pins = "LEFT JOIN store._pins p ON p._id = t._pin_id" if PIN in rule else ""
        key = rule_key_sql(rule, work.object_type, table="t", address="p.address_key")
        work.add(
            "hits",
            f"""
            SELECT o._seq, {number}, c.id, c.ext IS NULL, c.name
            FROM open_rows o
            JOIN (
                SELECT t._id AS id, t.{ext} AS ext, coalesce(t.{ext}, printf('record %d', t._id)) AS name, {key} AS key
                FROM {work.current} t {pins}
                WHERE {where}
            ) c ON c.key = o.k{number} AND (o.ext IS NULL OR c.ext IS NULL)
            """,
        )


def _find_open(work: Work) -> int:
    """Table `open_rows`: rows that are not settled, have no target by their ids, and have the key of at least one rule."""
    keys = [f"k{number}" for number, _ in usable_rules(work)]
    by_id = "AND n._seq NOT IN (SELECT _seq FROM by_id)" if work.size("by_id") else ""
    return work.make(
        "open_rows",
        f"""
        SELECT n._seq, n.ext, {", ".join(keys)}
        FROM narrow n
        WHERE {live(work, "n")} {by_id} AND ({" OR ".join(f"{k} IS NOT NULL" for k in keys)})
        """,
    )


def take_hits(work: Work) -> None:
    """Table `by_rule(_seq, target)` for rows that have no say in others: the first rule that fits decides; several records refuse."""
    if not work.size("hits"):
        return
    tangled = "WHERE _seq NOT IN (SELECT _seq FROM tangled)" if work.size("tangled") else ""
    work.make(
        "decided",
        f"""
        SELECT _seq, rule, count(*) AS fitting, min(id) AS id, string_agg(name, ', ' ORDER BY id) AS names
        FROM (SELECT * FROM hits {tangled} QUALIFY rule = min(rule) OVER (PARTITION BY _seq))
        GROUP BY _seq, rule
        """,
    )
    for number, rule in usable_rules(work):
        refuse(
            work,
            "ambiguous_match",
            seq="d._seq",
            column=literal(rule_name(rule)),
            value=shown_key(f"o.k{number}"),
            expected=one_of("d.names"),
            source=f"FROM decided d JOIN open_rows o ON o._seq = d._seq WHERE d.fitting > 1 AND d.rule = {number}",
        )
    work.make("by_rule", "SELECT _seq, id AS target FROM decided WHERE fitting = 1")


def rule_name(rule: tuple[str, ...]) -> str:
    """A matching rule as its errors name it: its columns."""
    return " + ".join(rule)


def shown_key(key: str) -> str:
    """SQL for a rule's key as people can read it."""
    return f"replace({key}, chr(31), ' + ')"


def one_of(names: str) -> str:
    """SQL for what a row that fits several records should have fitted."""
    return f"'one record; these fit: ' || left({names}, 200)"
