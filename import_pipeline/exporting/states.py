"""Which states of an account's records can be read, and the reasons why another one cannot.

Belongs here: the guards that every read of the past passes first. Does not belong here: what a person wrote for a moment (moments.py),
the reads themselves (export.py, difference.py).
"""

from datetime import UTC, datetime

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.model.account import Account
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.horizon import horizon_of
from import_pipeline.store.session import Session


def check_state(session: Session, account: Account, object_type: ObjectType, at: datetime | None, now: datetime) -> None:
    """Nothing when the type's state at `at` (None: the current one) can be read as it was and will be read the same for ever.

    Raises PermanentFailure for a moment that has not come or that lies before the history's horizon, and TransientFailure while an
    import that belongs to the state is half applied.
    """
    if at is not None:
        refuse_future(session, at, now)
        refuse_forgotten(session, account, object_type, at)
    refuse_half_applied(session, object_type, at)


def refuse_future(session: Session, at: datetime, now: datetime) -> None:
    """A state to come would be another one when it is read again. Raises PermanentFailure."""
    if at > latest(session, now):
        raise PermanentFailure(f"{iso(at)} has not come yet (now is {iso(now)}); only a past state can be exported")


def refuse_forgotten(session: Session, account: Account, object_type: ObjectType, at: datetime) -> None:
    """Versions that were valid before the horizon are gone: what is left would be a wrong answer. Raises PermanentFailure."""
    horizon = horizon_of(session, object_type)
    if horizon is None or at >= horizon:
        return
    stated = "stated" if "history" in account.retention.model_fields_set else "the default; state another"
    raise PermanentFailure(
        f"{object_type.name} as of {iso(at)} cannot be read: versions that ended before {iso(horizon)} were pruned, so only states from "
        f"then on are complete. History is kept for {told_days(account)} (retention: {{history: …}}, {stated} in defs.yaml of the "
        f"account {account.name}); a longer one keeps what is still there and brings nothing back"
    )


def refuse_half_applied(session: Session, object_type: ObjectType, at: datetime | None) -> None:
    """An unfinished change set has only some of its packages in the store. One of a later time is not in a past state at all."""
    if not shared_tables(session):
        return
    unfinished = "SELECT delivery FROM store._change_sets WHERE finished_at IS NULL AND type = ? AND stamp <= ? ORDER BY stamp, delivery"
    found = session.run(unfinished, [object_type.slug, at or datetime.max.replace(tzinfo=UTC)])
    if found:
        named = ", ".join(delivery for (delivery,) in found)
        raise TransientFailure(f"{object_type.name}: the import of delivery {named} is half applied; run it to its end, then export")


def latest(session: Session, now: datetime) -> datetime:
    """The moment of the current state: `now`, or that of the latest change set when it is ahead of a clock that was set back."""
    stamp: datetime | None = session.one("SELECT last_stamp FROM store._lock") if shared_tables(session) else None
    return max(now, stamp) if stamp else now


def shared_tables(session: Session) -> bool:
    """False for a store that no import has touched."""
    return bool(session.one("SELECT count(*) FROM duckdb_tables() WHERE database_name = 'store' AND table_name = '_lock'"))


def told_days(account: Account) -> str:
    """How long the account keeps history, in words."""
    kept = account.retention.history
    return f"{kept.days:,} days" if kept.days and not kept.seconds else str(kept)


def iso(moment: datetime) -> str:
    """2026-11-20T17:05:00Z."""
    return moment.astimezone(UTC).isoformat().replace("+00:00", "Z")
