"""Rows of one delivery that name the same record become one change: which row makes it, its id, folding.

Belongs here: what makes several rows one change with the same result as row by row. Does not belong here: finding the record
(match.py), comparing with the store (compare.py).

Tables made here:
  placed   (a view) every row that is not settled: `_seq`, `_job`, `_line`, `id` (the record's), `target` (the same where it is stored),
           `hash` (the stored one, where the row's ids found the record), `lead` (else: the row that makes it), `parent_id`
  several  `id`, `target`, `lead` of records that several rows name, or a late one
  members  `placed` of those rows
  folded   one wide row for each of them: `_id`, `_parent_id` and the columns. Per column the last value that is not blank; what only
           a creation may set comes from the row that makes the record
"""

from import_pipeline.relating.findings import live, refuse
from import_pipeline.relating.rows import SEQ_STEP
from import_pipeline.relating.work import Work
from import_pipeline.store.names import data_columns, ident, literal, updatable

FEW_JOBS = 50
"""Up to so many files a choice among them in SQL costs less than a join."""


def refuse_incomplete(work: Work) -> None:
    """Refuses rows that would make a record and lack a required value; the next row of the same record gets its turn.

    Table `makers(ext, lead)`: of external ids that several rows give for a new record, the first row that is complete.
    """
    _find_makers(work)
    if work.one("SELECT count(*) FROM narrow WHERE NOT complete"):
        makers = "LEFT JOIN makers m ON m.ext = n.ext" if work.size("makers") else ""
        early = "(m.ext IS NULL OR m.lead IS NULL OR n._seq < m.lead)" if makers else "true"
        work.make("incomplete", f"SELECT n._seq FROM narrow n {makers} WHERE NOT n.complete AND {_unmatched(work)} AND {early}")
        if work.size("lacking"):
            work.add("incomplete", "SELECT _seq FROM lacking")
    if not work.size("incomplete"):
        return
    source = "every_given r JOIN incomplete i ON i._seq = r._seq"
    both = "SELECT * FROM wide" + (" UNION ALL BY NAME SELECT * FROM released" if work.size("released") else "")
    work.view("every_given", both)
    for column in work.object_type.columns:
        if column.spec.required:
            refuse(
                work,
                "required",
                seq="r._seq",
                column=literal(column.key),
                value="NULL",
                expected="'a value: a new record needs it'",
                source=f"FROM {source} WHERE r.{ident(column.key)} IS NULL",
            )


def _unmatched(work: Work) -> str:
    """SQL condition: the row `n` has no record yet, and no say in others."""
    tables = [t for t in ("by_id", "by_rule", "tangled") if work.size(t)]
    return " AND ".join([live(work, "n"), *(f"n._seq NOT IN (SELECT _seq FROM {t})" for t in tables)])


def _find_makers(work: Work) -> None:
    if work.object_type.external_id not in work.given or work.size("by_id") == work.size("narrow"):
        return
    # Hashes are grouped much faster than texts, and in most files no two are equal.
    if not work.one("SELECT count(*) FROM (SELECT hash(ext) FROM narrow WHERE ext IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"):
        return
    work.make(
        "makers",
        f"""
        SELECT n.ext, min(n._seq) FILTER (n.complete) AS lead
        FROM narrow n
        WHERE n.ext IS NOT NULL AND {_unmatched(work)}
        GROUP BY n.ext HAVING count(*) > 1
        """,
    )


def place_rows(work: Work, first_id: int) -> int:
    """View `placed`; returns how many ids are taken. They go from `first_id` on in order of the rows that make the records."""
    if _all_new(work):
        return _number_all(work, first_id)
    target, maker, digest, joins = _matches(work)
    all_stored = work.size("by_id") == work.size("narrow") and not work.size("tangled")
    number = "NULL" if all_stored else f"{first_id} - 1 + dense_rank() OVER (ORDER BY lead NULLS LAST)"
    work.make(
        "placed_rows",
        f"""
        SELECT *, CASE WHEN target IS NULL THEN {number} ELSE target END AS id
        FROM (
            SELECT *, CASE WHEN target IS NULL THEN coalesce(maker, _seq) END AS lead
            FROM (
                SELECT n._seq, n._job, n._line, {target} AS target, {maker} AS maker, {digest} AS hash,
                    {"p.id" if work.parent_column else "CAST(NULL AS BIGINT)"} AS parent_id
                FROM narrow n
                {" ".join(joins)}
                {"LEFT JOIN parents p ON p.ref = n.parent_ref" if work.parent_column else ""}
                WHERE {live(work, "n")}
            )
        )
        """,
    )
    if work.order.operation == "append":
        # What is recorded once is never changed, nor hung elsewhere.
        work.session.run("UPDATE placed_rows SET parent_id = NULL WHERE target IS NOT NULL OR lead <> _seq")
    work.view("placed", "SELECT * FROM placed_rows")
    return 0 if all_stored else int(work.one("SELECT coalesce(max(id) - ?, 0) FROM placed WHERE target IS NULL", [first_id - 1]))


def _all_new(work: Work) -> bool:
    """True when every row makes a record: nothing matched, no two name the same one, none is settled, none had waited."""
    return len(work.order.jobs) <= FEW_JOBS and not any(
        work.size(table) for table in ("by_id", "by_rule", "tangled", "makers", "settled", "released")
    )


def _number_all(work: Work, first_id: int) -> int:
    """View `placed` for rows that all make records: ids follow from job and position, so nothing is sorted. Refused rows leave gaps."""
    taken, first = 0, {}
    for job, last in work.session.run("SELECT _job, max(_seq) FROM narrow GROUP BY 1 ORDER BY 1"):
        first[job] = first_id + taken - job * SEQ_STEP
        taken += last - job * SEQ_STEP + 1
    number = " ".join(f"WHEN {job} THEN CAST({base} AS BIGINT)" for job, base in first.items())
    nothing = "CAST(NULL AS BIGINT)"
    work.view(
        "placed",
        f"""
        SELECT n._seq, n._job, n._line, {nothing} AS target, {nothing} AS maker, {nothing} AS hash,
            {"p.id" if work.parent_column else nothing} AS parent_id, n._seq AS lead,
            n._seq + {f"CASE n._job {number} END" if first else nothing} AS id
        FROM narrow n
        {"LEFT JOIN parents p ON p.ref = n.parent_ref" if work.parent_column else ""}
        """,
    )
    work.all_new = True
    return taken


def _matches(work: Work) -> tuple[str, str, str, list[str]]:
    """SQL for a row's stored record, its maker and the stored record's hash, and the joins to the tables where matching left them."""
    targets, makers, digest, joins = [], [], "NULL", []
    if work.size("by_id"):
        joins.append("LEFT JOIN by_id b ON b._seq = n._seq")
        targets, digest = ["b.target"], "b.hash"
    if work.size("tangled"):
        # What was matched in order counts, also against what an earlier application of the same line had found.
        joins.append("LEFT JOIN in_order o ON o._seq = n._seq")
        targets = [f"CASE WHEN o._seq IS NULL THEN {t} ELSE o.target END" for t in targets] or ["o.target"]
        makers.append("o.lead")
        digest = f"CASE WHEN o._seq IS NULL THEN {digest} END"
    if work.size("by_rule"):
        joins.append("LEFT JOIN by_rule h ON h._seq = n._seq")
        targets.append("h.target")
    if work.size("makers"):
        joins.append("LEFT JOIN makers m ON m.ext = n.ext")
        makers.append("m.lead")
    target, maker = (f"coalesce({', '.join(found)})" if found else "NULL" for found in (targets, makers))
    return f"CAST({target} AS BIGINT)", f"CAST({maker} AS BIGINT)", f"CAST({digest} AS BIGINT)", joins


def find_several(work: Work) -> int:
    """Tables `several` and `members`; returns the number of records in `several`. Late rows must be known (late.py)."""
    alone = not any(work.size(t) for t in ("makers", "tangled", "by_rule", "late", "mapped")) and "RecordID" not in work.given
    if alone and not (work.size("by_id") and _named_twice(work)):
        return 0
    late = "OR bool_or(_seq IN (SELECT _seq FROM late))" if work.size("late") else ""
    mapped = "OR id IN (SELECT id FROM mapped)" if work.size("mapped") else ""
    found = work.make(
        "several",
        f"SELECT id, any_value(target) AS target, any_value(lead) AS lead FROM placed GROUP BY id HAVING count(*) > 1 {late} {mapped}",
    )
    if found and late:
        work.make(
            "members",
            """
            SELECT p.* REPLACE (CASE WHEN l._parent_kept THEN NULL ELSE p.parent_id END AS parent_id)
            FROM placed p
            JOIN several s ON s.id = p.id
            LEFT JOIN late l ON l._seq = p._seq
            """,
        )
    elif found:
        work.make("members", "SELECT p.* FROM placed p JOIN several s ON s.id = p.id")
    return found


def _named_twice(work: Work) -> bool:
    return bool(work.one("SELECT count(*) > 0 FROM (SELECT target FROM placed WHERE target IS NOT NULL GROUP BY 1 HAVING count(*) > 1)"))


def fold(work: Work) -> None:
    """Table `folded`."""
    parts = []
    for column in data_columns(work.object_type):
        if column.key not in work.given:
            continue
        name = ident(column.key)
        if updatable(column):
            parts.append(f"arg_max(r.{name}, r._seq) AS {name}")
        else:
            parts.append(f"any_value(r.{name}) FILTER (r._seq = m.lead) AS {name}")
    work.make(
        "folded",
        f"""
        SELECT m.id AS _id, arg_max(m.parent_id, m._seq) AS _parent_id, min(m._seq) AS _first, {", ".join(parts) or "NULL AS _nothing"}
        FROM members m JOIN every_row r ON r._seq = m._seq
        GROUP BY m.id
        """,
    )
