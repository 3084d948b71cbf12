"""What would change: each record's rows against the stored record, column by column, and what became of each row.

Belongs here: unchanged or not, columns that an update may not touch, the outcome of every row. Does not belong here: finding the
record (match.py), folding (groups.py), writing (applying/).

Tables made here:
  unlike    wide rows of single rows whose stored record has another hash: equal hashes settle «unchanged» without reading values
  compared  `_id`, `_first`, `_changed`, `_i0` … (a column that was given and ignored) of stored records that `unlike` and `folded` hold
  judged    `_seq`, `action` of the rows in `members`
  tellers   `_seq`, `id`, `action`: which of the rows in `members` tells its record's change
"""

from import_pipeline.model.columns import ADDRESS_COLUMNS, Column
from import_pipeline.model.object_type import EXTERNAL_PIN_ID, PIN
from import_pipeline.relating.findings import find
from import_pipeline.relating.work import Work
from import_pipeline.store.names import data_columns, ident, literal, updatable
from import_pipeline.store.records import hash_sql
from import_pipeline.store.schema import HASH_PROBE


def compare(work: Work) -> None:
    """Tables `unlike` and `compared`, and the warnings about ignored values."""
    if not work.one("SELECT count(target) FROM placed"):
        return
    given = [c for c in data_columns(work.object_type) if c.key in work.given]
    singles = _find_unlike(work, given)
    fixed = [c for c in given if not updatable(c)]
    changed = [f"(s.{n} IS NOT NULL AND s.{n} IS DISTINCT FROM t.{n})" for n in (ident(c.key) for c in given if updatable(c))]
    changed.append("(s._parent_id IS NOT NULL AND s._parent_id IS DISTINCT FROM t._parent_id)")
    ignored = [
        f", s.{n} IS NOT NULL AND s.{n} IS DISTINCT FROM t.{n} AS {ident(f'_i{i}')}" for i, n in enumerate(ident(c.key) for c in fixed)
    ]
    columns = f"_id, _parent_id, _first{''.join(', ' + ident(c.key) for c in given)}"
    sources = [f"SELECT {columns} FROM {singles}"] if singles else []
    if work.size("folded"):
        sources.append(f"SELECT {columns} FROM folded")
    if sources:
        work.make(
            "compared",
            f"""
            SELECT t._id, s._first, {" OR ".join(changed)} AS _changed{"".join(ignored)}
            FROM ({" UNION ALL ".join(sources)}) s
            JOIN {work.current} t ON t._id = s._id
            """,
        )
    _warn_ignored(work, fixed)
    _warn_places(work)


def _find_unlike(work: Work, given: list[Column]) -> str:
    """Where the single rows of stored records that have to be compared are found; nothing when there are none."""
    several = "AND p.id NOT IN (SELECT id FROM several)" if work.size("several") else ""
    singles = f"FROM wide w JOIN placed p ON p._seq = w._seq AND p.target IS NOT NULL {several}"
    columns = f"p.id AS _id, p.parent_id AS _parent_id, p._seq AS _first{''.join(f', w.{ident(c.key)}' for c in given)}"
    if work.replay:
        return ""
    keys = [c.key for c in data_columns(work.object_type)]
    if not set(keys) <= work.given or work.one(f"SELECT hash_probe = {HASH_PROBE} FROM store._lock") is not True:
        return f"(SELECT {columns} {singles})"
    given_hash = hash_sql([f"w.{ident(k)}" for k in keys], "p.parent_id")
    found = work.make("unlike", f"SELECT {columns} {singles} JOIN {work.current} t ON t._id = p.target WHERE t._hash <> {given_hash}")
    return "unlike" if found else ""


def _warn_ignored(work: Work, fixed: list[Column]) -> None:
    """One warning per job and column that an update gave and may not change, naming the column and how many rows (acceptance S-8)."""
    if not fixed or not work.size("compared"):
        return
    counted = ", ".join(f"count(*) FILTER (_i{i}), min(_first) FILTER (_i{i})" for i, _ in enumerate(fixed))
    for row in work.session.run(f"SELECT {counted} FROM compared c JOIN narrow n ON n._seq = c._first GROUP BY n._job ORDER BY n._job"):
        for i, column in enumerate(fixed):
            _warn(work, column.key, rows=row[2 * i], first=row[2 * i + 1])


def _warn_places(work: Work) -> None:
    """The same for the pin: an update moves no record (acceptance S-8)."""
    if not work.object_type.pin or not work.given & {EXTERNAL_PIN_ID, *ADDRESS_COLUMNS}:
        return
    for row in work.session.run(
        f"""
        SELECT count(*) FILTER (by_id), min(_seq) FILTER (by_id), count(*) FILTER (NOT by_id), min(_seq) FILTER (NOT by_id)
        FROM (
            SELECT n._job, n._seq, n.ext_pin IS NOT NULL AS by_id
            FROM narrow n
            JOIN placed r ON r._seq = n._seq AND r.target IS NOT NULL
            JOIN {work.current} t ON t._id = r.target
            LEFT JOIN store._pins p ON p._id = t._pin_id
            WHERE CASE WHEN n.ext_pin IS NOT NULL THEN n.ext_pin IS DISTINCT FROM p.external_pin_id
                ELSE n.address_key IS NOT NULL AND n.address_key IS DISTINCT FROM p.address_key END
        )
        GROUP BY _job ORDER BY _job
        """
    ):
        _warn(work, EXTERNAL_PIN_ID, rows=row[0], first=row[1])
        _warn(work, PIN, rows=row[2], first=row[3])


def _warn(work: Work, column: str, *, rows: int, first: int | None) -> None:
    if rows:
        told = f"only a new record takes this column; ignored in {rows} {'row' if rows == 1 else 'rows'}"
        find(work, "not_updatable", seq=str(first), column=literal(column), value="NULL", expected=literal(told), source="")


def judge_members(work: Work) -> None:
    """Tables `judged` and `tellers`. Of several rows of one record each counts by what it would have done row by row.

    The record's change is told by the last row that changed something. When the rows' values swing back, nothing changes and all of
    them are «unchanged».
    """
    if not work.size("several"):
        return
    work.make(
        "record_actions",
        f"""
        SELECT s.id, CASE WHEN s.target IS NULL THEN 'create' WHEN {"c._changed" if work.size("compared") else "false"} THEN 'update'
            ELSE 'unchanged' END AS action
        FROM several s {"LEFT JOIN compared c ON c._id = s.id" if work.size("compared") else ""}
        """,
    )
    work.make(
        "judged",
        f"""
        SELECT d._seq, d.id, CASE WHEN a.action = 'unchanged' THEN 'unchanged' WHEN d._seq = d.lead THEN 'create'
            WHEN d.differs THEN 'update' ELSE 'unchanged' END AS action
        FROM ({_differing(work)}) d JOIN record_actions a ON a.id = d.id
        """,
    )
    work.make(
        "tellers",
        """
        SELECT max(j._seq) FILTER (j.action <> 'unchanged') AS _seq, a.id, a.action
        FROM record_actions a JOIN judged j ON j.id = a.id
        WHERE a.action <> 'unchanged'
        GROUP BY a.id, a.action
        """,
    )


def _differing(work: Work) -> str:
    """SELECT of the rows in `members` with `differs`: whether one gives a value other than the rows before it and the record."""
    before = "OVER (PARTITION BY m.id ORDER BY m._seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"

    def differs(value: str, stored: str) -> str:
        return f"({value} IS NOT NULL AND {value} IS DISTINCT FROM coalesce(last_value({value} IGNORE NULLS) {before}, {stored}))"

    names = [ident(c.key) for c in data_columns(work.object_type) if c.key in work.given and updatable(c)]
    parts = [differs(f"r.{n}", f"t.{n}") for n in names] + [differs("m.parent_id", "t._parent_id")]
    return f"""
        SELECT m._seq, m.id, m.lead, {" OR ".join(parts)} AS differs
        FROM members m
        JOIN every_row r ON r._seq = m._seq
        LEFT JOIN {work.current} t ON t._id = m.target
        """


def actions_sql(work: Work) -> str:
    """SELECT of `placed` with `action`, and with `tells`: whether the row tells its record's change."""
    several, compared = work.size("several"), work.size("compared")
    joins = ["LEFT JOIN compared c ON c._first = p._seq AND c._changed"] if compared else []
    changed = "WHEN c._changed THEN 'update'" if compared else ""
    single = f"CASE WHEN p.target IS NULL THEN 'create' {changed} ELSE 'unchanged' END"
    if not several:
        return f"SELECT p.*, {single} AS action, action <> 'unchanged' AS tells, false AS folded FROM placed p {' '.join(joins)}"
    joins += ["LEFT JOIN judged j ON j._seq = p._seq", "LEFT JOIN tellers l ON l._seq = p._seq"]
    return f"""
        SELECT p.*, CASE WHEN j._seq IS NULL THEN {single} ELSE j.action END AS action,
            CASE WHEN j._seq IS NULL THEN {single} <> 'unchanged' ELSE l._seq IS NOT NULL END AS tells,
            j._seq IS NOT NULL AS folded, l.action AS record_action
        FROM placed p {" ".join(joins)}
        """


