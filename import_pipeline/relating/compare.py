"""What would change: each record's rows against the stored record, column by column, and what became of each row.

Belongs here: unchanged or not, columns that an update may not touch, the outcome of every row. Does not belong here: finding the
record (match.py), folding (groups.py), writing (applying/).

Tables made here:
  unlike    wide rows of single rows whose stored record has another hash: equal hashes settle «unchanged» without reading values
  compared  `_id`, `_first`, `_changed` and `_given` (the single row's mask) of the stored records that `unlike` and `folded` hold, and
            `_i0` …: whether the single row gave another value in a column that an update may not touch
  judged    `_seq`, `id`, `action`, `_given`, `_i0` … of the rows in `members`
  tellers   `_seq`, `id`, `action`: which of the rows in `members` tells its record's change
"""

from import_pipeline.model.columns import ADDRESS_COLUMNS
from import_pipeline.model.object_type import EXTERNAL_PIN_ID, PIN
from import_pipeline.relating.findings import find
from import_pipeline.relating.given import mask_sql
from import_pipeline.relating.work import Work
from import_pipeline.store.names import data_columns, ident, literal, updatable
from import_pipeline.store.records import hash_sql
from import_pipeline.store.schema import HASH_PROBE, WHOLE


def compare(work: Work) -> None:
    """Tables `unlike`, `compared`, `judged` and `tellers`, and the warnings about ignored values."""
    if work.one("SELECT count(target) FROM placed"):
        _compare_stored(work)
    if work.size("several"):
        _judge_members(work)
    _warn_ignored(work)
    _warn_places(work)


def _given(work: Work, *, may_update: bool) -> list[str]:
    """The data columns that the rows give, quoted: those that an update may set, or the others."""
    found = [c for c in data_columns(work.object_type) if c.key in work.given]
    return [ident(c.key) for c in found if updatable(c) is may_update]


def _compare_stored(work: Work) -> None:
    free, fixed = _given(work, may_update=True), _given(work, may_update=False)
    singles = _find_unlike(work, free + fixed)
    columns = "".join(f", {name}" for name in free + fixed)
    sources = [f"SELECT _id, _parent_id, _first{columns} FROM {singles}"] if singles else []
    if work.size("folded"):
        sources.append(f"SELECT _id, _parent_id, _first{columns} FROM folded")
    if not sources:
        return
    changed = [f"(s.{name} IS NOT NULL AND s.{name} IS DISTINCT FROM t.{name})" for name in (*free, "_parent_id")]
    ignored = "".join(f", s.{name} IS NOT NULL AND s.{name} IS DISTINCT FROM t.{name} AS _i{i}" for i, name in enumerate(fixed))
    work.make(
        "compared",
        f"""
        SELECT t._id, s._first, {" OR ".join(changed)} AS _changed, {mask_sql(work, "s", "s._parent_id")} AS _given{ignored}
        FROM ({" UNION ALL ".join(sources)}) s
        JOIN {work.current} t ON t._id = s._id
        """,
    )


def _find_unlike(work: Work, given: list[str]) -> str:
    """Where the single rows of stored records that have to be compared are found; nothing when there are none."""
    if work.replay:
        return ""
    several = "AND p.id NOT IN (SELECT id FROM several)" if work.size("several") else ""
    singles = f"FROM wide w JOIN placed p ON p._seq = w._seq AND p.target IS NOT NULL {several}"
    columns = f"p.id AS _id, p.parent_id AS _parent_id, p._seq AS _first{''.join(f', w.{name}' for name in given)}"
    keys = [c.key for c in data_columns(work.object_type)]
    if not set(keys) <= work.given or work.one(f"SELECT hash_probe = {HASH_PROBE} FROM store._lock") is not True:
        return f"(SELECT {columns} {singles})"
    given_hash = hash_sql([f"w.{ident(k)}" for k in keys], "p.parent_id")
    found = work.make("unlike", f"SELECT {columns} {singles} WHERE p.hash IS DISTINCT FROM {given_hash}")
    return "unlike" if found else ""


def _judge_members(work: Work) -> None:
    """Of several rows of one record each counts by what it would have done row by row.

    The record's change is told by the last row that changed something. When the rows' values swing back, nothing changes and all of
    them are «unchanged».
    """
    changed, stored = ("WHEN c._changed THEN 'update'", "LEFT JOIN compared c ON c._id = s.id") if work.size("compared") else ("", "")
    work.make(
        "record_actions",
        f"""
        SELECT s.id, CASE WHEN s.target IS NULL THEN 'create' {changed} ELSE 'unchanged' END AS action
        FROM several s {stored}
        """,
    )
    work.make(
        "judged",
        f"""
        SELECT d.* EXCLUDE (lead, differs), CASE WHEN a.action = 'unchanged' THEN 'unchanged' WHEN d._seq = d.lead THEN 'create'
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
    """SELECT of the rows in `members` with `differs`, whether one gives a value other than the rows before it and the record, with
    `_given`, its mask (a late one's of what it gave before values were blanked), and with `_i0` …, whether one gives a value other than
    the record's in a column that only its creation sets."""
    before = "OVER (PARTITION BY m.id ORDER BY m._seq ROWS BETWEEN UNBOUNDED PRECEDING AND 1 PRECEDING)"

    def differs(value: str, stored: str) -> str:
        return f"({value} IS NOT NULL AND {value} IS DISTINCT FROM coalesce(last_value({value} IGNORE NULLS) {before}, {stored}))"

    def ignored(name: str) -> str:
        made = f"any_value(r.{name}) FILTER (r._seq = m.lead) OVER (PARTITION BY m.id)"
        return f"r.{name} IS NOT NULL AND r.{name} IS DISTINCT FROM CASE WHEN m.target IS NULL THEN {made} ELSE t.{name} END"

    parts = [differs(f"r.{name}", f"t.{name}") for name in _given(work, may_update=True)] + [differs("m.parent_id", "t._parent_id")]
    flags = "".join(f", {ignored(name)} AS _i{i}" for i, name in enumerate(_given(work, may_update=False)))
    late, mask = "LEFT JOIN late a ON a._seq = m._seq" if work.size("late") else "", mask_sql(work, "r", "m.parent_id")
    return f"""
        SELECT m._seq, m.id, m.lead, {" OR ".join(parts)} AS differs, {f"coalesce(a._given, {mask})" if late else mask} AS _given{flags}
        FROM members m
        JOIN every_row r ON r._seq = m._seq
        {late}
        LEFT JOIN {work.current} t ON t._id = m.target
        """


def _warn_ignored(work: Work) -> None:
    """One warning per job and column that an update gave and may not change, naming the column and how many rows (acceptance S-8)."""
    fixed = [c.key for c in data_columns(work.object_type) if c.key in work.given and not updatable(c)]
    flags = "".join(f", _i{i}" for i, _ in enumerate(fixed))
    sources = [f"SELECT _first AS _seq{flags} FROM compared"] if work.size("compared") else []
    if work.size("judged"):
        sources.append(f"SELECT _seq{flags} FROM judged")
    if not fixed or not sources:
        return
    counted = ", ".join(f"count(*) FILTER (_i{i}), min(n._seq) FILTER (_i{i})" for i, _ in enumerate(fixed))
    for row in work.session.run(
        f"""
        SELECT {counted}
        FROM ({" UNION ALL ".join(sources)}) c JOIN narrow n ON n._seq = c._seq
        GROUP BY n._job ORDER BY n._job
        """
    ):
        for i, key in enumerate(fixed):
            _warn(work, key, rows=row[2 * i], first=row[2 * i + 1])


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


def actions_sql(work: Work) -> str:
    """SELECT of `placed` with `action`, with `tells`: whether the row tells its record's change, and with `given`: its mask.

    A row alone that makes its record, or whose hash is the record's, gave all that the record holds then. Deletions and redemptions
    have told all that themselves, in the table `operated`.
    """
    if "operated" in work.sizes:
        return "SELECT * FROM operated"
    several, compared = work.size("several"), work.size("compared")
    joins = ["LEFT JOIN compared c ON c._first = p._seq"] if compared else []
    changed = "WHEN c._changed THEN 'update'" if compared else ""
    given = f"coalesce(c._given, {WHOLE})" if compared else f"CAST({WHOLE} AS BIGINT)"
    single = f"CASE WHEN p.target IS NULL THEN 'create' {changed} ELSE 'unchanged' END"
    if not several:
        more = f"{single} AS action, action <> 'unchanged' AS tells, false AS folded, {given} AS given"
        return f"SELECT p.*, {more} FROM placed p {' '.join(joins)}"
    joins += ["LEFT JOIN judged j ON j._seq = p._seq", "LEFT JOIN tellers l ON l._seq = p._seq"]
    return f"""
        SELECT p.*, CASE WHEN j._seq IS NULL THEN {single} ELSE j.action END AS action,
            CASE WHEN j._seq IS NULL THEN {single} <> 'unchanged' ELSE l._seq IS NOT NULL END AS tells,
            j._seq IS NOT NULL AS folded, l.action AS record_action, CASE WHEN j._seq IS NULL THEN {given} ELSE j._given END AS given
        FROM placed p {" ".join(joins)}
        """
