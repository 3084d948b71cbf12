"""Rows that were sent again: booking them, and which refused rows of a job came in since (acceptance B-1).

Belongs here: statements on `_resubmitted`. Does not belong here: finding links in files (parsing/links.py), which lines of a job were
refused (the errors parts of its staging tell), answers (delivering/resubmitting.py).

Each row of `_resubmitted` says: the row (`job`, `line`, `pos`) mends the row (`of_job`, `of_line`). It says nothing about what became of
it: that a row came in is told by `_lineage` alone, by an entry of its job and position whose action is not «park». A refused row has no
entry, a parked one only «park» until its parent comes, and an effect that was undone counts no more. So no fact is stored twice, and a
row that comes in later (its parent comes, its delivery is replayed) closes what it mends without another write.
A row mends one row at most, so links form chains: (J, L) ← (J2, L2) ← (J3, L3). Each line is closed by the earliest row of its chain
that came in.
"""

from collections.abc import Collection, Sequence
from pathlib import Path

import polars as pl

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import literal
from import_pipeline.store.session import Session

CLOSED: dict[str, pl.DataType] = {"line": pl.Int64(), "job": pl.String()}
"""Lines of a job, and the job that brought each of them in."""


def book_links(
    session: Session,
    object_type: ObjectType,
    change_set: str,
    *,
    links: Sequence[Path],
    jobs: Sequence[Path],
    known: Collection[str],
    again: bool,
) -> None:
    """Books the links of a delivery's rows, in the caller's transaction; those to jobs that are not `known` are left out.

    `links` are the parts `links` of the parsed stage, `jobs` the parts `jobs` of the related stage. `again` tells that the delivery is
    replayed: its rows are read anew and take the place of those booked before.
    """
    listed = ", ".join(literal(str(path)) for path in jobs)
    if again:
        session.run(
            f"DELETE FROM store._resubmitted WHERE type = ? AND job IN (SELECT id FROM read_parquet([{listed}]) WHERE number >= 0)",
            [object_type.slug],
        )
    if not links or not known:
        return
    session.run(
        f"""
        INSERT INTO store._resubmitted (type, of_job, of_line, job, line, pos, change_set)
        SELECT $type, l.of_job, l.of_line, j.id, l._line, l._pos, $change_set
        FROM read_parquet([{", ".join(literal(str(path)) for path in links)}]) l
        JOIN read_parquet([{listed}]) j ON j.number = l._job
        WHERE list_contains($known, l.of_job)
        ORDER BY l._job, l._pos
        """,
        {"type": object_type.slug, "change_set": change_set, "known": sorted(known)},
    )


def resolved_lines(session: Session, object_type: ObjectType, job: str, cancelled: Collection[str] = ()) -> pl.DataFrame:
    """Lines of `job` that came in since through rows that mend them, in columns CLOSED, each line once, by line.

    The caller keeps those that the job refused: a file may name any line. `cancelled` are jobs whose effects were taken back. Cycles
    of links, which only made-up ones can form, end: a recursive UNION takes no row twice.
    """
    rows = session.run(
        """
        WITH RECURSIVE chain(line, job, since_line, pos) AS (
            SELECT of_line, job, line, pos FROM store._resubmitted WHERE type = $type AND of_job = $job
            UNION
            SELECT c.line, r.job, r.line, r.pos
            FROM chain c JOIN store._resubmitted r ON r.of_job = c.job AND r.of_line = c.since_line
            WHERE r.type = $type
        )
        SELECT c.line, c.job
        FROM chain c
        JOIN store._lineage l ON l.job = c.job AND l.pos = c.pos
        JOIN store._change_sets s ON s.id = l.change_set
        WHERE l.type = $type AND l.action <> 'park' AND c.job <> $job AND NOT list_contains($cancelled, c.job)
        QUALIFY row_number() OVER (PARTITION BY c.line ORDER BY s.stamp, c.job, c.pos) = 1
        ORDER BY c.line
        """,
        {"type": object_type.slug, "job": job, "cancelled": sorted(cancelled)},
    )
    return pl.DataFrame(rows, schema=CLOSED, orient="row")


def sent_again(session: Session, object_type: ObjectType, jobs: Collection[str]) -> dict[str, dict[str, int]]:
    """For each of these jobs that mends rows of others: `{job: {of_job: rows}}`."""
    found: dict[str, dict[str, int]] = {}
    rows = session.run(
        """
        SELECT job, of_job, count(*) FROM store._resubmitted
        WHERE type = ? AND list_contains(?, job) GROUP BY job, of_job ORDER BY job, of_job
        """,
        [object_type.slug, sorted(jobs)],
    )
    for job, of_job, n in rows:
        found.setdefault(job, {})[of_job] = n
    return found


def mended_jobs(session: Session, object_type: ObjectType, jobs: Collection[str]) -> set[str]:
    """The jobs whose rows these jobs mend, along the chains to their first ones; a job of `jobs` too where another one mends it."""
    rows = session.run(
        """
        WITH RECURSIVE edges AS (SELECT DISTINCT job, of_job FROM store._resubmitted WHERE type = $type),
        up(job) AS (
            SELECT of_job FROM edges WHERE list_contains($jobs, job)
            UNION
            SELECT e.of_job FROM up u JOIN edges e ON e.job = u.job
        )
        SELECT job FROM up
        """,
        {"type": object_type.slug, "jobs": sorted(jobs)},
    )
    return {job for (job,) in rows}


def named_among(session: Session, object_type: ObjectType, jobs: Collection[str]) -> set[str]:
    """Those of these jobs that rows sent again name."""
    rows = session.run(
        "SELECT DISTINCT of_job FROM store._resubmitted WHERE type = ? AND list_contains(?, of_job)", [object_type.slug, sorted(jobs)]
    )
    return {job for (job,) in rows}
