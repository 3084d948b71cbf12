"""Jobs that are asked for over HTTP with the reference of an uploaded file: PENDING → COMPLETED | ABORTED.

Belongs here: statements on `http_jobs`, and the conditions that a list of them may be asked with. Does not belong here: settling one
(gateway/http/advocate/settling.py), the words of an interface.
"""

from dataclasses import dataclass
from datetime import datetime
from typing import Any, Literal

from sqlalchemy import ColumnElement, Connection, Row, and_, false, func, insert, or_, select, true, update

from import_pipeline.ledger.schema import deliveries, http_jobs

Status = Literal["PENDING", "ABORTED", "COMPLETED"]
Test = Literal["eq", "ne", "in", "gte", "lt"]
Column = Literal["id", "type", "status", "created_at", "completed_at"]


@dataclass(frozen=True)
class HttpJob:
    """One job. `file_ref` names its upload, `format` what it is imported as; `params` are as they were given.

    `completed_at`, `expires_at`, `records` (rows read) and `errors` (rows refused) are set when it is settled.
    """

    id: str
    account: str
    door: str
    type: str
    name: str
    requester: str
    output_format: str
    mailto: str | None
    file_ref: str
    params: Any
    format: str
    token: str
    delivery: str
    status: Status
    created_at: datetime
    reason: str | None = None
    records: int = 0
    errors: int = 0
    completed_at: datetime | None = None
    expires_at: datetime | None = None


@dataclass(frozen=True)
class Where:
    """One condition on a column, or several of which all (`every`) or one (`any`) must hold. A null fulfils `ne` alone."""

    column: Column | None = None
    test: Test = "eq"
    value: Any = None
    every: tuple["Where", ...] | None = None
    any: tuple["Where", ...] | None = None


def create(conn: Connection, job: HttpJob) -> None:
    """Books a new job."""
    conn.execute(insert(http_jobs).values(**vars(job)))


def get(conn: Connection, account: str, job_id: str) -> HttpJob | None:
    """The account's job of this id; another account's is none."""
    row = conn.execute(select(http_jobs).where(http_jobs.c.id == job_id, http_jobs.c.account == account)).first()
    return _job(row) if row else None


def of_ref(conn: Connection, account: str, door: str, file_ref: str) -> HttpJob | None:
    """The newest job that has this file."""
    mine = (http_jobs.c.account == account) & (http_jobs.c.door == door) & (http_jobs.c.file_ref == file_ref)
    row = conn.execute(select(http_jobs).where(mine).order_by(http_jobs.c.created_at.desc()).limit(1)).first()
    return _job(row) if row else None


def listing(conn: Connection, account: str, door: str, where: Where, limit: int, offset: int) -> tuple[list[HttpJob], int]:
    """The account's jobs that fulfil the condition, newest first, from `offset` on; and how many there are in all."""
    wanted = and_(http_jobs.c.account == account, http_jobs.c.door == door, _condition(where))
    total = conn.execute(select(func.count()).select_from(http_jobs).where(wanted)).scalar_one()
    newest = select(http_jobs).where(wanted).order_by(http_jobs.c.created_at.desc(), http_jobs.c.id).limit(limit).offset(offset)
    return [_job(row) for row in conn.execute(newest)], int(total)


def ended(conn: Connection, door: str, account: str | None = None, limit: int = 100) -> list[HttpJob]:
    """Pending jobs whose delivery has ended, oldest first: they can be settled."""
    over = deliveries.c.state.in_(("finished", "failed"))
    query = select(http_jobs).join(deliveries, deliveries.c.key == http_jobs.c.delivery)
    query = query.where(http_jobs.c.status == "PENDING", http_jobs.c.door == door, over)
    if account is not None:
        query = query.where(http_jobs.c.account == account)
    return [_job(row) for row in conn.execute(query.order_by(http_jobs.c.created_at, http_jobs.c.id).limit(limit))]


def settle(
    conn: Connection, job_id: str, status: Status, *, reason: str | None, records: int, errors: int, completed: datetime, expires: datetime
) -> bool:
    """PENDING → COMPLETED or ABORTED; False when it is not pending any more."""
    waits = (http_jobs.c.id == job_id) & (http_jobs.c.status == "PENDING")
    values = {"status": status, "reason": reason, "records": records, "errors": errors, "completed_at": completed, "expires_at": expires}
    return conn.execute(update(http_jobs).where(waits).values(**values)).rowcount == 1


def of_delivery(conn: Connection, door: str, delivery: str) -> HttpJob | None:
    """The job that a delivery of this door was asked for with."""
    row = conn.execute(select(http_jobs).where(http_jobs.c.delivery == delivery, http_jobs.c.door == door).limit(1)).first()
    return _job(row) if row else None


def of_requester(conn: Connection, account: str, door: str, requester: str, limit: int = 200) -> list[HttpJob]:
    """The newest jobs of the account that one person's keys have asked for, newest first."""
    mine = (http_jobs.c.account == account) & (http_jobs.c.door == door) & (http_jobs.c.requester == requester)
    query = select(http_jobs).where(mine).order_by(http_jobs.c.created_at.desc(), http_jobs.c.id.desc()).limit(limit)
    return [_job(row) for row in conn.execute(query)]


def _condition(where: Where) -> ColumnElement[bool]:
    if where.every is not None:
        return and_(true(), *(_condition(one) for one in where.every))
    if where.any is not None:
        return or_(false(), *(_condition(one) for one in where.any))
    if where.column is None:
        return true()
    column, value = http_jobs.c[where.column], where.value
    if where.test == "in":
        return column.in_(value)
    if where.test == "ne":
        return or_(column != value, column.is_(None))
    tests: dict[str, ColumnElement[bool]] = {"eq": column == value, "gte": column >= value, "lt": column < value}
    return tests[where.test]


def _job(row: Row[Any]) -> HttpJob:
    return HttpJob(**row._asdict())
