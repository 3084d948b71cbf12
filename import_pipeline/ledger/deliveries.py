"""Deliveries in the ledger: waiting → requested → running → finished | failed.

Belongs here: statements on `deliveries`. Does not belong here: forming and opening them (landing/deliveries.py), runs.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, select, update

from import_pipeline.ledger.schema import deliveries
from import_pipeline.model.job import DeliveryState


@dataclass(frozen=True)
class Delivery:
    """The files of one account taken together; the Dagster partition is its key."""

    seq: int
    key: str
    account: str
    door: str
    state: DeliveryState
    attempt: int
    run_id: str | None
    created_at: datetime
    requested_at: datetime | None
    started_at: datetime | None
    finished_at: datetime | None
    reason: str | None
    types: tuple[str, ...]
    files: int
    size: int
    dry_run: bool


def _delivery(row: Row[Any]) -> Delivery:
    values = row._asdict()
    return Delivery(**values | {"types": tuple(values["types"])})


def create(
    conn: Connection, key: str, account: str, door: str, *, types: Sequence[str], files: int, size: int, dry_run: bool, now: datetime
) -> None:
    """Books a delivery as waiting. `types` are the object types its files name."""
    values = {"key": key, "account": account, "door": door, "types": list(types), "files": files, "size": size, "dry_run": dry_run}
    conn.execute(insert(deliveries).values(**values, state="waiting", attempt=0, created_at=now))


def get(conn: Connection, key: str) -> Delivery | None:
    """The delivery of this key."""
    row = conn.execute(select(deliveries).where(deliveries.c.key == key)).first()
    return _delivery(row) if row else None


def listing(conn: Connection, account: str | None = None, state: DeliveryState | None = None, limit: int = 100) -> list[Delivery]:
    """The latest deliveries, newest first."""
    query = select(deliveries).order_by(deliveries.c.seq.desc()).limit(limit)
    if account is not None:
        query = query.where(deliveries.c.account == account)
    if state is not None:
        query = query.where(deliveries.c.state == state)
    return [_delivery(row) for row in conn.execute(query)]


def under_way(conn: Connection, account: str) -> Delivery | None:
    """The delivery of the account that is requested or running: until it ends, no other is requested."""
    busy = deliveries.c.state.in_(("requested", "running"))
    row = conn.execute(select(deliveries).where(deliveries.c.account == account, busy).order_by(deliveries.c.seq)).first()
    return _delivery(row) if row else None


def next_waiting(conn: Connection, account: str) -> Delivery | None:
    """The oldest waiting delivery of the account."""
    waiting = select(deliveries).where(deliveries.c.account == account, deliveries.c.state == "waiting")
    row = conn.execute(waiting.order_by(deliveries.c.seq).limit(1)).first()
    return _delivery(row) if row else None


def request(conn: Connection, key: str, *, now: datetime) -> int | None:
    """waiting → requested with the next attempt, which is returned; None when it does not wait."""
    values = {"state": "requested", "attempt": deliveries.c.attempt + 1, "requested_at": now, "reason": None, "finished_at": None}
    waits = (deliveries.c.key == key) & (deliveries.c.state == "waiting")
    if conn.execute(update(deliveries).where(waits).values(**values)).rowcount == 0:
        return None
    attempt: int = conn.execute(select(deliveries.c.attempt).where(deliveries.c.key == key)).scalar_one()
    return attempt


def start(conn: Connection, key: str, run_id: str, *, now: datetime) -> None:
    """A run works on it. Also from failed or finished: a run that somebody started again by hand."""
    values = {"state": "running", "run_id": run_id, "started_at": now, "finished_at": None, "reason": None}
    conn.execute(update(deliveries).where(deliveries.c.key == key).values(**values))


def finish(conn: Connection, key: str, *, now: datetime) -> None:
    """Every file of it is answered."""
    _end(conn, key, "finished", None, now)


def fail(conn: Connection, key: str, reason: str, *, now: datetime) -> None:
    """The run and its retries are over without an answer; the next delivery may go on."""
    _end(conn, key, "failed", reason, now)


def again(conn: Connection, key: str) -> bool:
    """Back to waiting, to be requested with the next attempt; False when it has not failed and is not under way."""
    ended = (deliveries.c.key == key) & deliveries.c.state.in_(("failed", "requested", "running"))
    return conn.execute(update(deliveries).where(ended).values(state="waiting", run_id=None)).rowcount == 1


def cancel(conn: Connection, key: str, reason: str, *, now: datetime) -> bool:
    """waiting → finished without a run; False when a run was ever asked for."""
    untouched = (deliveries.c.key == key) & (deliveries.c.state == "waiting") & (deliveries.c.attempt == 0)
    return conn.execute(update(deliveries).where(untouched).values(state="finished", reason=reason, finished_at=now)).rowcount == 1


def replay(conn: Connection, key: str) -> bool:
    """An answered delivery waits again, to be run as a replay; False when it is not answered, or under way."""
    ended = (deliveries.c.key == key) & deliveries.c.state.in_(("finished", "failed"))
    return conn.execute(update(deliveries).where(ended).values(state="waiting", run_id=None, attempt=deliveries.c.attempt)).rowcount == 1


def _end(conn: Connection, key: str, state: DeliveryState, reason: str | None, now: datetime) -> None:
    conn.execute(update(deliveries).where(deliveries.c.key == key).values(state=state, reason=reason, finished_at=now))
