"""The parts of the `related` stage's folder: which there are and what their columns are.

Belongs here: writing the scratch tables out, and counting. Does not belong here: making them.

  outcomes  one row per input row: `_seq`, `job`, `_job`, `_line`, `_pos`, `package`, `record`, `action`, `given` (its mask, see given.py;
            null for rows that are refused or wait)
  changes   one per record that changes: `_seq` and the place of the row that tells it, `action`, `id`, `parent_id`, `pin_id`, `folded`
  folded    the wide values of changes that several rows make, or a late one
  pins      new pins
  parked    wide rows that wait for their parent
  released  parked rows that wait no longer, with the record each became or met (null: refused) and the parent that came
  expired   parked rows that waited too long: `job`, `_line`, `_end`, `_pos`, `ref` (the parent they named)
  jobs      job number to id
  errors    row errors as every stage writes them, with `job`
Of these only outcomes, changes, expired, jobs and errors exist when they are empty.
"""

import polars as pl

from import_pipeline.relating.compare import actions_sql
from import_pipeline.relating.pins import pin_rows_sql
from import_pipeline.relating.rows import pos_sql
from import_pipeline.relating.work import Work
from import_pipeline.store.names import data_columns, given_columns, ident, idents, literal
from import_pipeline.store.staging import END, ERRORS, LINE, POS, StageWriter

EXPIRED: dict[str, pl.DataType] = {"job": pl.String(), LINE: pl.Int64(), END: pl.Int64(), POS: pl.Int64(), "ref": pl.String()}


def write_parts(work: Work, writer: StageWriter) -> dict[str, dict[str, int]]:
    """Writes all parts and returns the counts per job id: create, update, unchanged, park, refuse (by this stage), expired."""
    _write_outcomes(work, writer)
    _write_waiting(work, writer)
    if work.size("new_pins"):
        _copy(work, writer, "pins", pin_rows_sql())
    numbers = work.session.run("SELECT number, id FROM job_ids ORDER BY number")
    writer.part("jobs", pl.DataFrame(numbers, schema={"number": pl.Int32, "id": pl.String}, orient="row"))
    _write_errors(work, writer)
    return _counts(work, writer)


def _copy(work: Work, writer: StageWriter, name: str, select: str) -> None:
    writer.rows[name] = work.session.to_parquet(select, writer.folder / f"{name}-00000.parquet")


def _place_sql(row: str, package_rows: int, job: str = "b.id") -> str:
    """Columns that tell where `row` stands. Packages of released rows have negative numbers: their job has its own from 0 on."""
    pos = pos_sql(f"{row}._seq")
    package = f"({pos}) // {package_rows}"
    return f"""{row}._seq, {job} AS job, {row}._job, {row}._line, {pos} AS _pos,
            CASE WHEN {row}._job < 0 THEN -1 - {package} ELSE {package} END AS package"""


def _write_outcomes(work: Work, writer: StageWriter) -> None:
    if work.all_new and work.order.jobs and not (work.parent_column or work.size("several")):
        _write_all_new(work, writer)
        return
    place = _place_sql("a", work.order.package_rows)
    settled = f"""
        UNION ALL
        SELECT {place}, CAST(NULL AS BIGINT) AS record, a.action, CAST(NULL AS BIGINT) AS given
        FROM (SELECT n.*, s.action FROM narrow n JOIN settled s ON s._seq = n._seq) a
        JOIN job_ids b ON b.number = a._job
        """
    _copy(
        work,
        writer,
        "outcomes",
        f"""
        SELECT {place}, a.id AS record, a.action, a.given
        FROM ({actions_sql(work)}) a JOIN job_ids b ON b.number = a._job
        {settled if work.size("settled") else ""}
        ORDER BY 1
        """,
    )
    action = "coalesce(a.record_action, a.action)" if work.size("several") else "a.action"
    pins = work.size("pin_of")
    _copy(
        work,
        writer,
        "changes",
        f"""
        SELECT {place}, {action} AS action, a.id,
            {"CASE WHEN a.folded THEN f._parent_id ELSE a.parent_id END" if work.size("folded") else "a.parent_id"} AS parent_id,
            {"q.pin_id" if pins else "CAST(NULL AS BIGINT) AS pin_id"}, a.folded
        FROM ({actions_sql(work)}) a
        JOIN job_ids b ON b.number = a._job
        {"LEFT JOIN folded f ON f._id = a.id" if work.size("folded") else ""}
        {"LEFT JOIN pin_of q ON q.id = a.id" if pins else ""}
        WHERE a.tells
        ORDER BY 1
        """,
    )
    if work.size("tellers"):
        keys = [c.key for c in data_columns(work.object_type) if c.key in work.given]
        columns = "".join(f", f.{ident(k)}" for k in keys)
        _copy(work, writer, "folded", f"SELECT l._seq{columns} FROM folded f JOIN tellers l ON l.id = f._id ORDER BY 1")


def _write_all_new(work: Work, writer: StageWriter) -> None:
    """The same of rows that all make a record: they are read in order, without joins and sorting, which cost more than all the rest."""
    jobs = " ".join(f"WHEN {job.number} THEN {literal(job.id)}" for job in work.order.jobs)
    place = _place_sql("a", work.order.package_rows, f"CASE a._job {jobs} END")
    _copy(work, writer, "outcomes", f"SELECT {place}, a.id AS record, a.action, a.given FROM ({actions_sql(work)}) a")
    pin, pins = ("q.pin_id", "LEFT JOIN pin_of q ON q.id = a.id") if work.size("pin_of") else ("CAST(NULL AS BIGINT) AS pin_id", "")
    _copy(
        work,
        writer,
        "changes",
        f"""
        SELECT {place}, a.action, a.id, a.parent_id, {pin}, a.folded
        FROM ({actions_sql(work)}) a {pins}
        {"ORDER BY 1" if pins else ""}
        """,
    )


def _write_waiting(work: Work, writer: StageWriter) -> None:
    """Rows that wait for their parent: new ones, those that wait no longer, those that waited too long."""
    keys = idents(list(given_columns(work.object_type)), "w.")
    if work.one("SELECT count(*) FROM settled WHERE action = 'park'"):
        since = "(SELECT stamp FROM first_pass)" if work.replay else "CAST(NULL AS TIMESTAMPTZ)"
        _copy(
            work,
            writer,
            "parked",
            f"""
            SELECT w._seq, b.id AS job, w._line, w._end, w._pos, {since} AS _since, {keys}
            FROM wide w
            JOIN settled s ON s._seq = w._seq AND s.action = 'park'
            JOIN job_ids b ON b.number = w._job
            ORDER BY 1
            """,
        )
    if work.size("released"):
        released = """
            SELECT j.id AS job, r._pos, r._seq, p.id AS record, a.id AS parent_id
            FROM released r
            JOIN released_jobs j ON j.number = r._job
            JOIN narrow n ON n._seq = r._seq
            LEFT JOIN parents a ON a.ref = n.parent_ref
            LEFT JOIN placed p ON p._seq = r._seq
            ORDER BY r._seq
            """
        _copy(work, writer, "released", released)
    if work.size("expired"):
        spec = work.object_type.parent
        ref = f"CAST({ident(spec.column)} AS VARCHAR)" if spec else "CAST(NULL AS VARCHAR)"
        _copy(work, writer, "expired", f"SELECT _job AS job, _line, _end, _pos, {ref} AS ref FROM expired ORDER BY _job, _pos")
    else:
        writer.part("expired", pl.DataFrame(schema=EXPIRED))


def _write_errors(work: Work, writer: StageWriter) -> None:
    if not work.size("problems"):
        writer.part("errors", pl.DataFrame(schema={**ERRORS, "job": pl.String()}))
        return
    _copy(
        work,
        writer,
        "errors",
        """
        SELECT n._job, n._line, n._end, p.code, p.severity, p."column", p.value, p.expected, p.suggestion, b.id AS job
        FROM problems p
        JOIN narrow n ON n._seq = p._seq
        JOIN job_ids b ON b.number = n._job
        ORDER BY n._seq, p.code, p."column"
        """,
    )


def _counts(work: Work, writer: StageWriter) -> dict[str, dict[str, int]]:
    counts: dict[str, dict[str, int]] = {job.id: {} for job in work.order.jobs}
    outcomes = literal(str(writer.folder / "outcomes-00000.parquet"))
    for job, action, rows in work.session.run(f"SELECT job, action, count(*) FROM read_parquet({outcomes}) GROUP BY 1, 2 ORDER BY 1, 2"):
        counts.setdefault(job, {})[action] = rows
    if work.size("expired"):
        for job, rows in work.session.run("SELECT _job, count(*) FROM expired GROUP BY 1 ORDER BY 1"):
            counts.setdefault(job, {})["expired"] = rows
    return counts
