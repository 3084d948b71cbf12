"""The change set of a file that deletes: the records its rows name go, with history (acceptance A-6).

Belongs here: which row deletes which record, what the deletion says about it, which accounts are left empty. Does not belong here:
writing (applying/), refusing rows that would bring a deleted record back (gone.py).

Several rows of one delivery that name the same record are one deletion: the first one tells it, of each flag the last one given counts.
A row that deleted its record before, in an earlier pass, changes nothing; a replayed row deletes nothing that was made or changed since.

Tables made here:
  narrow    as rows.py's, with `ext`, `keep` and `block` (the row's flags)
  operated  every row that is not settled, in the columns of compare.actions_sql
  leaving   one row per record that goes: `_seq`, `job`, `_line`, `record`, `key`, `holder`, `keep`, `block`
"""

from import_pipeline.model.format import BLOCK, PRESERVE
from import_pipeline.relating import rows
from import_pipeline.relating.findings import find, live, refuse
from import_pipeline.relating.rows import pos_sql
from import_pipeline.relating.work import Work
from import_pipeline.store.names import ident, literal
from import_pipeline.store.staging import StageFolder, StageWriter


def compute(work: Work, validated: StageFolder) -> None:
    """All tables of this module, and the findings."""
    own = work.order.rows or work.object_type
    work.given = rows.make_wide(work.session, own, validated.parts())
    work.make(
        "narrow_rows",
        f"""
        SELECT _seq, _job, _line, _end, {work.external_id} AS ext, {ident(PRESERVE)} AS keep, {ident(BLOCK)} AS block FROM wide
        """,
    )
    work.view("narrow", "SELECT * FROM narrow_rows")
    for key in own.compose.get(own.external_id, (own.external_id,)):
        given = f"FROM wide n WHERE {ident(key)} IS NULL AND {live(work, 'n')}"
        refuse(work, "required", seq="n._seq", column=literal(key), value="NULL", expected="'a non-empty id'", source=given)
    _find_targets(work)
    work.make(
        "operated",
        f"""
        SELECT n._seq, n._job, n._line, t.id, CASE WHEN t.lead = n._seq THEN 'delete' ELSE 'unchanged' END AS action,
            coalesce(t.lead = n._seq, false) AS tells, false AS folded, CAST(NULL AS BIGINT) AS given, CAST(NULL AS BIGINT) AS parent_id
        FROM narrow n
        LEFT JOIN (SELECT _seq, id, CASE WHEN NOT done THEN min(_seq) FILTER (NOT done) OVER (PARTITION BY id) END AS lead FROM targets) t
            ON t._seq = n._seq
        WHERE {live(work, "n")}
        """,
    )
    _find_leaving(work)


def _find_targets(work: Work) -> None:
    """Table `targets(_seq, id, done)`: the record that each row names; `done` when the row itself deleted it in an earlier pass."""
    ext = work.external_id
    work.make(
        "targets",
        f"SELECT n._seq, t._id AS id, false AS done FROM narrow n JOIN {work.current} t ON t.{ext} = n.ext WHERE {live(work, 'n')}",
    )
    if work.replay:
        work.make(
            "done_before",
            f"""
            SELECT n._seq, max(l.record) AS id
            FROM narrow n
            JOIN job_ids j ON j.number = n._job
            JOIN store._lineage l ON l.job = j.id AND l.pos = {pos_sql("n._seq")} AND l.type = {literal(work.object_type.slug)}
            WHERE l.action IN ('delete', 'unchanged') AND l.record IS NOT NULL AND {live(work, "n")}
            GROUP BY n._seq
            """,
        )
        work.session.run("DELETE FROM targets WHERE _seq IN (SELECT _seq FROM done_before)")
        work.add("targets", "SELECT _seq, id, true FROM done_before")
        refuse(
            work,
            "no_such_record",
            seq="n._seq",
            column=literal(_column(work)),
            value="n.ext",
            expected="'a record as it was when the file came; this one was made or changed since'",
            source=f"FROM narrow n JOIN targets d ON d._seq = n._seq AND NOT d.done JOIN {work.current} t ON t._id = d.id "
            f"WHERE t._valid_from > (SELECT stamp FROM first_pass)",
        )
    refuse(
        work,
        "no_such_record",
        seq="n._seq",
        column=literal(_column(work)),
        value="n.ext",
        expected=literal(f"the id of a stored {work.object_type.name}"),
        source=f"FROM narrow n WHERE {live(work, 'n')} AND n._seq NOT IN (SELECT _seq FROM targets)",
    )


def _column(work: Work) -> str:
    """The column that a row names its record by, as people know it."""
    ext = work.object_type.external_id
    return next(iter(reversed(work.object_type.compose.get(ext, ()))), ext)


def _find_leaving(work: Work) -> None:
    holder = work.object_type.grouped_by
    work.make(
        "leaving",
        f"""
        SELECT min(n._seq) AS _seq, any_value(t._id) AS record, any_value(t.{work.external_id}) AS key,
            {f"any_value(CAST(t.{ident(holder)} AS VARCHAR))" if holder else "CAST(NULL AS VARCHAR)"} AS holder,
            coalesce(arg_max(n.keep, n._seq), false) AS keep, coalesce(arg_max(n.block, n._seq), false) AS block
        FROM operated o
        JOIN narrow n ON n._seq = o._seq
        JOIN {work.current} t ON t._id = o.id
        GROUP BY o.id
        """,
    )
    if not holder:
        return
    emptied = f"""
        FROM (
            SELECT holder, max(_seq) AS _seq, arg_max(keep, _seq) AS keep FROM leaving WHERE holder IS NOT NULL GROUP BY holder
        ) n
        WHERE n.holder NOT IN (
            SELECT {ident(holder)} FROM {work.current}
            WHERE {ident(holder)} IS NOT NULL AND _id NOT IN (SELECT record FROM leaving)
        )
        """
    for code, kept in (("account_deleted", "NOT n.keep"), ("account_kept", "n.keep")):
        find(work, code, seq="n._seq", column=literal(holder), value="n.holder", expected="NULL", source=f"{emptied} AND {kept}")


def write_gone(work: Work, writer: StageWriter) -> dict[str, int]:
    """Writes the part `gone`; how many accounts are deleted and kept."""
    if work.size("leaving"):
        writer.rows["gone"] = work.session.to_parquet(
            """
            SELECT l._seq, l.key, l.holder, l.keep, l.block, l.record, b.id AS job, n._line AS line
            FROM leaving l JOIN narrow n ON n._seq = l._seq JOIN job_ids b ON b.number = n._job
            ORDER BY l._seq
            """,
            writer.folder / "gone-00000.parquet",
        )
    told = dict(work.session.run("SELECT code, count(*) FROM problems WHERE code IN ('account_deleted', 'account_kept') GROUP BY code"))
    return {"deleted": told.get("account_deleted", 0), "kept": told.get("account_kept", 0)}
