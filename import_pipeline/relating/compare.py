"""What would change: each change against the stored record, field by field, and what became of each row.

Belongs here: unchanged or not, columns that an update may not touch, the outcome of every row. Does not belong here: finding the
record (match.py), folding (groups.py), writing (applying/).

Tables made here:
  compared(gkey, changed)          groups of stored records
  outcomes(_seq, id, action)       one per row that is not settled: create, update, unchanged
  changes(_seq, action, id, parent_id, pin_id, folded)   one per record that changes; `_seq` is the row that tells its job and line
"""

from import_pipeline.model.object_type import PIN, ObjectType
from import_pipeline.relating.groups import EVERY_ROW
from import_pipeline.store.names import Tables, data_columns, ident, literal
from import_pipeline.store.records import hash_sql
from import_pipeline.store.schema import HASH_PROBE
from import_pipeline.store.session import Session


def compare(session: Session, object_type: ObjectType) -> None:
    """Table `compared`. A stored hash equal to the row's settles most rows without reading the stored values."""
    stored = Tables(object_type).current
    same_hash = session.one(f"SELECT hash_probe = {HASH_PROBE} FROM store._lock") is True
    parent = "p.id" if object_type.parent else "CAST(NULL AS BIGINT)"
    parents = f"LEFT JOIN parents p ON p.ref = w.{ident(object_type.parent.column)}" if object_type.parent else ""
    given = hash_sql([f"w.{ident(c.key)}" for c in data_columns(object_type)], parent)
    equal = f"t._hash = {given}" if same_hash else "false"
    session.run(
        f"CREATE OR REPLACE TEMP TABLE alike AS SELECT g.gkey, coalesce({equal}, false) AS alike FROM wide w JOIN members m ON m._seq = w._seq "
        f"JOIN groups g ON g.gkey = m.gkey AND g.target IS NOT NULL AND g.n = 1 AND g.fresh JOIN {stored} t ON t._id = g.target {parents}"
    )
    updatable, fixed = _columns(object_type)
    changed = " OR ".join(f"(s.{ident(k)} IS NOT NULL AND s.{ident(k)} IS DISTINCT FROM t.{ident(k)})" for k in updatable) or "false"
    if object_type.parent:
        changed += " OR (p.id IS NOT NULL AND p.id IS DISTINCT FROM t._parent_id)"
    ignored = "".join(
        f", s.{ident(k)} IS NOT NULL AND s.{ident(k)} IS DISTINCT FROM t.{ident(k)} AS {ident('ignored ' + k)}" for k in fixed
    )
    session.run(
        f"CREATE OR REPLACE TEMP TABLE compared AS SELECT s.gkey, ({changed}) AS changed, s._seq{ignored} FROM ({_sources(object_type)}) s "
        f"JOIN groups g ON g.gkey = s.gkey JOIN {stored} t ON t._id = g.target {parents.replace('w.', 's.')}"
    )
    _warn_ignored(session, object_type, fixed)


def _columns(object_type: ObjectType) -> tuple[list[str], list[str]]:
    """Keys of stored columns that an update may set, and of those it may not."""
    data = data_columns(object_type)
    return [c.key for c in data if c.update == "always"], [c.key for c in data if c.update != "always"]


def _sources(object_type: ObjectType) -> str:
    """The wide rows of stored records that are not settled by their hash: single rows and folded ones."""
    keys = [c.key for c in data_columns(object_type)]
    if object_type.parent:
        keys.append(object_type.parent.column)
    single = ", ".join(f"w.{ident(k)}" for k in keys)
    folded = ", ".join(f"f.{ident(k)}" for k in keys)
    return (
        f"SELECT m.gkey, w._seq, {single} FROM wide w JOIN members m ON m._seq = w._seq JOIN alike a ON a.gkey = m.gkey AND NOT a.alike "
        f"UNION ALL SELECT f.gkey, (SELECT min(m._seq) FROM members m WHERE m.gkey = f.gkey), {folded} FROM folded f "
        "JOIN groups g ON g.gkey = f.gkey AND g.target IS NOT NULL"
    )


def _warn_ignored(session: Session, object_type: ObjectType, fixed: list[str]) -> None:
    """One warning per job and column that an update gave and may not change, naming the column and how many rows (acceptance S-8)."""
    told = "'only a new record takes this column; ignored in ' || count(*) || CASE WHEN count(*) = 1 THEN ' row' ELSE ' rows' END"
    for key in fixed:
        session.run(
            f"INSERT INTO problems SELECT min(c._seq), 'not_updatable', 'warning', {literal(key)}, NULL, {told}, NULL "
            f"FROM compared c JOIN narrow n ON n._seq = c._seq WHERE c.{ident('ignored ' + key)} GROUP BY n._job"
        )
    if object_type.pin:
        session.run(
            f"INSERT INTO problems SELECT min(n._seq), 'not_updatable', 'warning', {literal(PIN)}, NULL, {told}, NULL FROM narrow n "
            f"JOIN members m ON m._seq = n._seq JOIN groups g ON g.gkey = m.gkey AND g.target IS NOT NULL JOIN {Tables(object_type).current} t "
            "ON t._id = g.target LEFT JOIN store._pins p ON p._id = t._pin_id "
            "WHERE n.address_key IS NOT NULL AND n.address_key IS DISTINCT FROM p.address_key AND (n.ext_pin IS NULL OR n.ext_pin IS DISTINCT FROM "
            "p.external_pin_id) GROUP BY n._job"
        )


def judge_rows(session: Session, object_type: ObjectType) -> None:
    """Tables `outcomes` and `changes`. Of several rows of one record each counts by what it would have done row by row."""
    session.run(
        "CREATE OR REPLACE TEMP TABLE kinds AS SELECT g.*, CASE WHEN g.target IS NULL THEN 'create' WHEN c.changed THEN 'update' "
        "ELSE 'unchanged' END AS action FROM groups g LEFT JOIN compared c ON c.gkey = g.gkey"
    )
    _judge_shared_rows(session, object_type)
    session.run(
        "CREATE OR REPLACE TEMP TABLE outcomes AS SELECT m._seq, k.id, CASE WHEN k.n = 1 OR k.action = 'unchanged' THEN k.action "
        "WHEN m._seq = k.creator THEN 'create' WHEN s.changed THEN 'update' ELSE 'unchanged' END AS action "
        "FROM members m JOIN kinds k ON k.gkey = m.gkey LEFT JOIN shared s ON s._seq = m._seq"
    )
    # A group counts as changed by its last row that changed something; when the values only swing back, by its last row.
    session.run(
        "CREATE OR REPLACE TEMP TABLE changes AS SELECT coalesce(max(m._seq) FILTER (o.action <> 'unchanged'), max(m._seq)) AS _seq, "
        "k.action, k.id, k.target, p.pin_id, k.gkey, k.n > 1 OR NOT k.fresh AS folded "
        "FROM kinds k JOIN members m ON m.gkey = k.gkey JOIN outcomes o ON o._seq = m._seq LEFT JOIN pin_of p ON p.gkey = k.gkey "
        "WHERE k.action <> 'unchanged' GROUP BY ALL"
    )


def _judge_shared_rows(session: Session, object_type: ObjectType) -> None:
    """Table `shared(_seq, changed)` for rows of records that several rows name: against the row before, or the stored record."""
    stored, (updatable, _) = Tables(object_type).current, _columns(object_type)
    window = "OVER (PARTITION BY m.gkey ORDER BY r._seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"

    def differs(column: str, before: str) -> str:
        previous = f"coalesce(last_value({column} IGNORE NULLS) {window}, {before})"
        return f"({column} IS NOT NULL AND {column} IS DISTINCT FROM {previous} AND (n.fresh OR {previous} IS NULL))"

    parts = [differs(f"r.{ident(k)}", f"t.{ident(k)}") for k in updatable]
    if object_type.parent:
        parts.append(differs("p.id", "t._parent_id"))
    parents = f"LEFT JOIN parents p ON p.ref = r.{ident(object_type.parent.column)}" if object_type.parent else ""
    session.run(
        f"CREATE OR REPLACE TEMP TABLE shared AS SELECT r._seq, {' OR '.join(parts) or 'false'} AS changed FROM members m "
        f"JOIN groups g ON g.gkey = m.gkey AND g.n > 1 JOIN narrow n ON n._seq = m._seq JOIN {EVERY_ROW} r ON r._seq = m._seq "
        f"LEFT JOIN {stored} t ON t._id = g.target {parents}"
    )
