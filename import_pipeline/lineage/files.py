"""From a file to its jobs, and from one of its lines to the records it became or the row errors it got (acceptance B-6).

Belongs here: that direction. Does not belong here: from a record back (records.py), finding out which file is meant (asking.py).
"""

from import_pipeline.ledger.jobs import JobRow
from import_pipeline.lineage.model import LineLineage, RecordRef, Row, Sources
from import_pipeline.lineage.rows import JobLines, RowFinder
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import Tables, ident, outward_sql
from import_pipeline.store.schema import type_exists
from import_pipeline.store.session import Session, open_store


def line_lineage(sources: Sources, job: JobRow, line: int) -> LineLineage:
    """What became of a line (1-based, physical; a sheet's row for XLSX) of a job's file. Any line of a row stands for the row.

    Raises TransientFailure when the store stays locked by an import.
    """
    finder = RowFinder(sources)
    row = finder.rows([(job.id, line, None)])[job.id, line]
    records, parked = _records(sources, job, row)
    return LineLineage(row=row, records=records, errors=tuple(JobLines(sources, job).errors(line)), parked=parked)


def _records(sources: Sources, job: JobRow, row: Row) -> tuple[tuple[RecordRef, ...], bool]:
    account = sources.accounts.get(job.account)
    object_type = account.types_by_name.get(job.object_type) if account else None
    if object_type is None or not sources.settings.store_file(job.account).exists():
        return (), False
    with open_store(sources.settings, job.account) as session:
        if not type_exists(session, object_type):
            return (), False
        found = _became(session, object_type, job.id, row.line)
        waits = session.one(f"SELECT count(*) FROM {Tables(object_type).parked} WHERE _job = ? AND _line = ?", [job.id, row.line])
    return tuple(RecordRef(job.account, object_type.name, *values) for values in found), bool(waits)


def _became(session: Session, object_type: ObjectType, job: str, line: int) -> list[tuple[str, str | None, str]]:
    """(record id, external id, action) of every time the line was applied; a line that waited and a replayed one count again."""
    tables, external = Tables(object_type), object_type.column_of_role("external_id")
    name = ident(external.key) if external else "NULL"
    known = f"SELECT _id, {name} AS ext FROM {tables.current} UNION SELECT _id, {name} AS ext FROM {tables.history}"
    return [
        (outward, ext, action)
        for outward, ext, action in session.run(
            f"SELECT DISTINCT {outward_sql('l.record')}, k.ext, l.action FROM store._lineage l "
            f"LEFT JOIN ({known}) k ON k._id = l.record WHERE l.type = ? AND l.job = ? AND l.line = ? AND l.record IS NOT NULL "
            "ORDER BY 1, 3",
            [object_type.slug, job, line],
        )
    ]
