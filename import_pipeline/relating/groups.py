"""Rows of one delivery that name the same record become one change: grouping, the row that creates, folding.

Belongs here: what makes several rows one change with the same result as row by row. Does not belong here: comparing with the
store (compare.py).

Tables made here:
  members(_seq, gkey)                              which group each row belongs to
  groups(gkey, target, creator, n, id, fresh)      one per record: the stored record or the row that creates it
  folded                                           for groups of several rows, or with a row from the parked ones: one wide row each
"""

from import_pipeline.model.object_type import ObjectType
from import_pipeline.relating.findings import refuse
from import_pipeline.relating.rows import given_columns
from import_pipeline.store.names import Tables, data_columns, ident
from import_pipeline.store.session import Session

EVERY_ROW = "(SELECT * FROM wide UNION ALL BY NAME SELECT * FROM released)"


def make_groups(session: Session, object_type: ObjectType) -> None:
    """Groups rows by record and refuses rows that would create a record without what is required.

    Row by row, a row that lacks a required value creates nothing, and the next row of the same record gets its turn: so all rows
    of a new record before the first complete one are refused with `required`.
    """
    session.run(
        "CREATE OR REPLACE TEMP TABLE creators AS SELECT f.leader, min(f._seq) FILTER (n.missing = '') AS creator FROM found f "
        "JOIN narrow n USING (_seq) WHERE f.target IS NULL GROUP BY 1"
    )
    lacking = (
        "FROM (SELECT f._seq, unnest(string_split(n.missing, chr(31))) AS name FROM found f JOIN narrow n USING (_seq) "
        "JOIN creators c ON c.leader = f.leader WHERE f.target IS NULL AND (c.creator IS NULL OR f._seq < c.creator)) i WHERE i.name <> ''"
    )
    refuse(session, "required", "i.name", "NULL", "'a value: a new record needs it'", lacking)
    session.run(
        "CREATE OR REPLACE TEMP TABLE groups AS SELECT row_number() OVER (ORDER BY first) AS gkey, target, leader, creator, n, fresh FROM ("
        "SELECT f.target, f.leader, min(f._seq) AS first, CASE WHEN f.target IS NULL THEN min(f._seq) END AS creator, count(*) AS n, "
        "bool_and(n.fresh) AS fresh FROM found f JOIN narrow n USING (_seq) WHERE NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = f._seq) "
        "GROUP BY f.target, f.leader)"
    )
    session.run(
        "CREATE OR REPLACE TEMP TABLE members AS SELECT f._seq, g.gkey FROM found f JOIN groups g ON g.target = f.target "
        "WHERE f.target IS NOT NULL AND NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = f._seq) UNION ALL "
        "SELECT f._seq, g.gkey FROM found f JOIN groups g ON g.target IS NULL AND g.leader = f.leader "
        "WHERE f.target IS NULL AND NOT EXISTS (SELECT 1 FROM settled s WHERE s._seq = f._seq)"
    )


def give_ids(session: Session, first_id: int) -> int:
    """Adds `id` to groups: the stored record's, or a new one from `first_id` on in order of arrival; returns how many are new."""
    session.run(
        f"CREATE OR REPLACE TEMP TABLE groups AS SELECT *, coalesce(target, {first_id} - 1 + row_number() OVER "
        "(PARTITION BY target IS NULL ORDER BY creator)) AS id FROM groups"
    )
    return int(session.one("SELECT count(*) FROM groups WHERE target IS NULL") or 0)


def fold(session: Session, object_type: ObjectType) -> None:
    """Table `folded`: per column the last value that is not blank; what only a creation may set comes from the creating row.

    Rows that waited (parked, or replayed) never overwrite a stored value: per column a fresh value, else the stored one, else theirs.
    """
    stored = Tables(object_type).current
    updatable = {c.key for c in object_type.columns if c.update == "always"}
    kept = {c.key for c in data_columns(object_type)}
    parts = []
    for key in given_columns(object_type):
        name = ident(key)
        if key not in updatable:
            # An update ignores these; the first value given is kept only to tell that it was ignored.
            parts.append(
                f"CASE WHEN any_value(g.target) IS NULL THEN any_value(r.{name}) FILTER (r._seq = g.creator) ELSE "
                f"arg_min(r.{name}, r._seq) FILTER (r.{name} IS NOT NULL) END AS {name}"
            )
            continue
        fresh = f"arg_max(r.{name}, r._seq) FILTER (r.{name} IS NOT NULL AND n.fresh)"
        waited = f"arg_max(r.{name}, r._seq) FILTER (r.{name} IS NOT NULL AND NOT n.fresh)"
        if key in kept:
            parts.append(f"coalesce({fresh}, any_value(t.{name}), {waited}) AS {name}")
        else:
            parts.append(f"coalesce({fresh}, CASE WHEN any_value(t._parent_id) IS NULL THEN {waited} END) AS {name}")
    session.run(
        f"CREATE OR REPLACE TEMP TABLE folded AS SELECT g.gkey, {', '.join(parts)} FROM groups g JOIN members m USING (gkey) "
        f"JOIN narrow n ON n._seq = m._seq JOIN {EVERY_ROW} r ON r._seq = m._seq LEFT JOIN {stored} t ON t._id = g.target "
        "WHERE g.n > 1 OR NOT g.fresh GROUP BY g.gkey"
    )
