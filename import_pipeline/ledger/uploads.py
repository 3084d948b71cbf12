"""Files that came over HTTP: their bytes are in the vault, and no job may hold them yet.

Belongs here: statements on `http_uploads`. Does not belong here: receiving bytes (gateway/http/uploads.py), deliveries of them
(landing/submitted.py).
"""

import secrets
from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, delete, func, insert, select, update

from import_pipeline.ledger.schema import files, http_uploads, jobs


@dataclass(frozen=True)
class Upload:
    """One uploaded file. `ref` is what its door calls it, unique in the door and account."""

    id: str
    account: str
    door: str
    ref: str
    job: str | None
    part: int | None
    name: str
    sha256: str
    size: int
    token: str
    created_at: datetime
    expires_at: datetime
    delivery: str | None = None
    file_id: str | None = None


def new_id() -> str:
    """64 random bits."""
    return secrets.token_hex(8)


def book(conn: Connection, upload: Upload) -> None:
    """Books an upload; its ref must be free."""
    conn.execute(insert(http_uploads).values(**vars(upload)))


def replace(conn: Connection, upload: Upload) -> None:
    """Books an upload in the place of the one that has its ref, if there is one; never of one that was submitted."""
    same = (http_uploads.c.account == upload.account) & (http_uploads.c.door == upload.door) & (http_uploads.c.ref == upload.ref)
    conn.execute(delete(http_uploads).where(same, http_uploads.c.delivery.is_(None)))
    book(conn, upload)


def find(conn: Connection, account: str, door: str, ref: str) -> Upload | None:
    """The upload that the door calls `ref`."""
    same = (http_uploads.c.account == account) & (http_uploads.c.door == door) & (http_uploads.c.ref == ref)
    row = conn.execute(select(http_uploads).where(same)).first()
    return _upload(row) if row else None


def get(conn: Connection, account: str, upload_id: str) -> Upload | None:
    """The account's upload of this id, whatever its door calls it."""
    row = conn.execute(select(http_uploads).where(http_uploads.c.account == account, http_uploads.c.id == upload_id)).first()
    return _upload(row) if row else None


def keep(conn: Connection, upload_id: str, until: datetime) -> None:
    """The upload waits at least until this moment."""
    conn.execute(update(http_uploads).where(http_uploads.c.id == upload_id, http_uploads.c.expires_at < until).values(expires_at=until))


def of_job(conn: Connection, account: str, job: str) -> list[Upload]:
    """The uploads that a bulk job holds, in order of their parts."""
    mine = (http_uploads.c.account == account) & (http_uploads.c.job == job)
    return [_upload(row) for row in conn.execute(select(http_uploads).where(mine).order_by(http_uploads.c.part, http_uploads.c.id))]


def submitted(conn: Connection, upload_id: str, delivery: str, file_id: str) -> bool:
    """The upload is in a delivery as the arrival `file_id`; False when it is in one already, or gone."""
    free = (http_uploads.c.id == upload_id) & http_uploads.c.delivery.is_(None)
    return conn.execute(update(http_uploads).where(free).values(delivery=delivery, file_id=file_id)).rowcount == 1


def release(conn: Connection, delivery: str) -> None:
    """The uploads of a delivery that was taken back wait again, as long as their time lasts."""
    conn.execute(update(http_uploads).where(http_uploads.c.delivery == delivery).values(delivery=None, file_id=None))


def drop(conn: Connection, ids: Sequence[str], *, now: datetime) -> None:
    """Uploads that nobody needs any more expire at once."""
    for upload_id in ids:
        conn.execute(update(http_uploads).where(http_uploads.c.id == upload_id).values(expires_at=now, ref=upload_id))


def waiting_bytes(conn: Connection, account: str, *, now: datetime) -> int:
    """Bytes of the account's uploads that no delivery has taken and whose time is not over."""
    waiting = (http_uploads.c.account == account) & http_uploads.c.delivery.is_(None) & (http_uploads.c.expires_at > now)
    return int(conn.execute(select(func.coalesce(func.sum(http_uploads.c.size), 0)).where(waiting)).scalar_one())


def expired(conn: Connection, *, now: datetime, limit: int = 1000) -> list[tuple[Upload, bool]]:
    """Uploads that no delivery took in their time, each with whether an arrival, a job or another upload needs its bytes."""
    over = (http_uploads.c.expires_at <= now) & http_uploads.c.delivery.is_(None)
    rows = conn.execute(select(http_uploads).where(over).order_by(http_uploads.c.expires_at).limit(limit))
    return [(upload, _needed(conn, upload)) for upload in map(_upload, rows)]


def _needed(conn: Connection, upload: Upload) -> bool:
    queries = (
        select(files.c.id).where(files.c.sha256 == upload.sha256),
        select(jobs.c.id).where(jobs.c.sha256 == upload.sha256),
        select(http_uploads.c.id).where(http_uploads.c.sha256 == upload.sha256, http_uploads.c.id != upload.id),
    )
    return any(conn.execute(query.limit(1)).first() for query in queries)


def remove(conn: Connection, upload_id: str) -> None:
    """Forgets an upload that was never submitted."""
    conn.execute(delete(http_uploads).where(http_uploads.c.id == upload_id, http_uploads.c.delivery.is_(None)))


def _upload(row: Row[Any]) -> Upload:
    return Upload(**row._asdict())
