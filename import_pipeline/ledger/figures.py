"""Figures about the whole instance, for the page that a monitoring system reads.

Belongs here: counting queries over several tables. Does not belong here: how figures are written (gateway/http/metrics.py).
"""

from dataclasses import dataclass
from datetime import datetime

from sqlalchemy import Connection, func, select

from import_pipeline.ledger.schema import deliveries, files, jobs, outbox

OUTCOMES = ("created", "updated", "unchanged", "deleted", "parked", "refused")


@dataclass(frozen=True)
class Figures:
    """Counts by account: jobs by state, rows by outcome, deliveries by state; the oldest waiting file; how long deliveries took."""

    jobs: dict[tuple[str, str], int]
    rows: dict[tuple[str, str], int]
    deliveries: dict[tuple[str, str], int]
    oldest_waiting: dict[str, datetime]
    messages: dict[str, int]


def figures(conn: Connection) -> Figures:
    """All figures, from one look."""
    by_state = conn.execute(select(jobs.c.account, jobs.c.state, func.count()).group_by(jobs.c.account, jobs.c.state))
    sums = [func.coalesce(func.sum(jobs.c[name]), 0) for name in OUTCOMES]
    real = (jobs.c.dry_run.is_(False)) & (jobs.c.undo_of.is_(None))
    by_outcome = conn.execute(select(jobs.c.account, *sums).where(real).group_by(jobs.c.account))
    ended = conn.execute(select(deliveries.c.account, deliveries.c.state, func.count()).group_by(deliveries.c.account, deliveries.c.state))
    waits = files.c.state.in_(("seen", "claimed", "vaulted", "delivered"))
    oldest = conn.execute(select(files.c.account, func.min(files.c.arrived_at)).where(waits).group_by(files.c.account))
    told = conn.execute(select(outbox.c.state, func.count()).group_by(outbox.c.state))
    return Figures(
        jobs={(account, state): n for account, state, n in by_state},
        rows={(row[0], name): int(row[1 + i]) for row in by_outcome for i, name in enumerate(OUTCOMES)},
        deliveries={(account, state): n for account, state, n in ended},
        oldest_waiting={account: at for account, at in oldest if at is not None},
        messages={row[0]: row[1] for row in told},
    )


def delivery_seconds(conn: Connection, latest: int = 100) -> dict[str, list[float]]:
    """Seconds from booking to answer of the latest finished deliveries, by account."""
    query = select(deliveries.c.account, deliveries.c.created_at, deliveries.c.finished_at).where(deliveries.c.state == "finished")
    found: dict[str, list[float]] = {}
    for account, begun, done in conn.execute(query.order_by(deliveries.c.seq.desc()).limit(latest)):
        if begun and done:
            found.setdefault(account, []).append((done - begun).total_seconds())
    return found
