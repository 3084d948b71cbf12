"""Content keys: which bytes were imported with success, as which object type and format (acceptance B-5).

Belongs here: statements on `content`. Does not belong here: the policy on duplicates (landing/deliveries.py).
"""

from datetime import datetime

from sqlalchemy import Connection, delete, insert, select

from import_pipeline.ledger.schema import content
from import_pipeline.model.private_format import mapping_of


def already_imported(conn: Connection, account: str, object_type: str, format: str | None, sha256: str) -> str | None:
    """The id of the job that imported these bytes with success, or None."""
    key = (content.c.account == account) & (content.c.object_type == object_type)
    same = key & (content.c.format == mapping_of(format)) & (content.c.sha256 == sha256)
    return conn.execute(select(content.c.job).where(same)).scalar()


def remember(conn: Connection, account: str, object_type: str, format: str | None, sha256: str, job: str, *, now: datetime) -> None:
    """Books a success; the first job that had it is kept. Never called for a dry run or after a failure."""
    if already_imported(conn, account, object_type, format, sha256) is None:
        key = {"account": account, "object_type": object_type, "format": mapping_of(format), "sha256": sha256}
        conn.execute(insert(content).values(**key, job=job, at=now))


def forget(conn: Connection, job: str) -> None:
    """After an undo the same bytes may be imported again."""
    conn.execute(delete(content).where(content.c.job == job))
