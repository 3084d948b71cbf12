"""What a person means by a moment: a day, a time, a duration back, a job, a delivery.

Belongs here: from text to a moment in UTC. Does not belong here: whether the state of that moment can still be read (states.py), days
and weeks of scheduled exports (windows.py).

| written | means |
|---|---|
| `now`, `today`, today's date | this moment |
| `2026-11-20`, `yesterday` | the end of that day in the account's time zone, as its daily export has it |
| `2026-11-20T17:05`, with seconds, `Z` or an offset | that moment; without zone it is the account's local time |
| `15m`, `2h`, `3d`, `1w` | so long before now; a day is 24 hours |
| `ab12cd34` (a job), `Account_1.csv` (its file), `20261120T170500-0a1b2c3d` (a delivery) | right after what it first wrote |
| `before:ab12cd34` | right before its delivery wrote anything |
"""

import re
from datetime import UTC, date, datetime, timedelta
from zoneinfo import ZoneInfo

from rapidfuzz import fuzz, process

from import_pipeline.exporting.states import iso, latest, refuse_future, shared_tables
from import_pipeline.exporting.windows import TICK, window_of
from import_pipeline.failures import PermanentFailure, TransientFailure, UnknownValue
from import_pipeline.ledger import Ledger, deliveries, jobs
from import_pipeline.model.account import Account
from import_pipeline.model.base import parse_duration
from import_pipeline.store.session import Session

ACCEPTED = (
    "a moment is a day (2026-11-20: its end), a time (2026-11-20T17:05, 2026-11-20T17:05:00Z), now, yesterday, a duration back (2h, 3d), "
    "a job or delivery (right after it), or before:JOB"
)
_DAY, _TIME = re.compile(r"\d{4}-\d{2}-\d{2}"), re.compile(r"\d{4}-\d{2}-\d{2}[T ]\d{2}:\d{2}\S*")
_BEFORE = "before:"
_NEAR = 5
_LATEST = 1000
"""Among so many of the account's latest jobs the near ones are looked for."""


def moment_of(text: str, session: Session, account: Account, ledger: Ledger, now: datetime) -> datetime:
    """The moment that `text` names, in UTC; the table above has what it may be.

    Raises UnknownValue for a text that is none of these, PermanentFailure for a moment that has not come, a local time that comes twice
    or never, and a job that wrote nothing, and TransientFailure for a job whose delivery is still being imported.
    """
    asked = text.strip()
    before = asked.casefold().startswith(_BEFORE)
    found = None if before else _stated(asked, account, latest(session, now), now)
    if found is None:
        found = _of_import(asked[len(_BEFORE) :].strip() if before else asked, session, account, ledger, before=before)
    refuse_future(session, found, now)
    return found


def _stated(asked: str, account: Account, current: datetime, now: datetime) -> datetime | None:
    """The moment of a text that needs no import to be understood; None for any other text."""
    word = asked.casefold()
    today = now.astimezone(ZoneInfo(account.timezone)).date()
    try:
        if word in ("now", "today"):
            return current
        if word == "yesterday":
            return _end_of(today - timedelta(days=1), account)
        if _DAY.fullmatch(asked):
            day = date.fromisoformat(asked)
            return current if day == today else _end_of(day, account)
        if _TIME.fullmatch(asked):
            moment = datetime.fromisoformat(asked)
            return (moment if moment.tzinfo else _local(moment, account.timezone)).astimezone(UTC)
        if re.match(r"\d+(\.\d+)?\s*[a-z]+$", asked):
            back = parse_duration(asked)
            return now - back if isinstance(back, timedelta) else None
    except (ValueError, OverflowError) as wrong:
        raise PermanentFailure(f"{asked!r} names no moment: {wrong}; {ACCEPTED}") from wrong
    return None


def _end_of(day: date, account: Account) -> datetime:
    return window_of("daily", day.isoformat(), account.timezone).end - TICK


def _local(moment: datetime, timezone: str) -> datetime:
    """A local time with its zone. Raises PermanentFailure with both meanings where the clock is set and it comes twice or never."""
    first, second = (moment.replace(tzinfo=ZoneInfo(timezone), fold=fold) for fold in (0, 1))
    if first.utcoffset() == second.utcoffset():
        return first
    twice = first.astimezone(UTC).astimezone(ZoneInfo(timezone)).replace(tzinfo=None) == moment
    how = "comes twice: the clock is set back" if twice else "never comes: the clock is set forward over it"
    told = " or ".join(dict.fromkeys(each.isoformat() for each in (first, second)))
    raise PermanentFailure(f"{moment.isoformat()} in {timezone} {how}. Write which is meant: {told}")


def _of_import(name: str, session: Session, account: Account, ledger: Ledger, *, before: bool) -> datetime:
    """The moment right after, or right before, what a job or a delivery wrote in the pass that first applied it."""
    with ledger.read() as conn:
        job = jobs.find(conn, name, account.name) or jobs.get(conn, name)
        delivery = deliveries.get(conn, job.delivery if job else name)
        known = [] if job or delivery else [row.id for row in jobs.listing(conn, account.name, limit=_LATEST)]
    owner = job.account if job else delivery.account if delivery else account.name
    if owner != account.name:
        raise PermanentFailure(f"{name} is an import of the account {owner}, not of {account.name}")
    if job is None and delivery is None:
        near = [found[0] for found in process.extract(name, known, scorer=fuzz.WRatio, limit=_NEAR)]
        raise UnknownValue("moment, job or delivery", name, near, where=ACCEPTED)
    what, state = (f"job {name}", job.state) if job else (f"delivery {name}", delivery.state if delivery else "unknown")
    if not before and delivery and delivery.state in ("waiting", "requested", "running"):
        raise TransientFailure(f"{what} is still being imported (its delivery is {delivery.state}); ask again when it is answered")
    refused = job is not None and job.state != "applied" and not _wrote(session, job.id)
    stamps = None if refused else _stamps(session, job.delivery if job else name, job.id if job else None)
    if stamps is None:
        side = "before" if before else "after"
        raise PermanentFailure(f"{what} is {state} and wrote nothing, so there is no state right {side} it; {ACCEPTED}")
    return stamps[0] - TICK if before else stamps[1]


def _stamps(session: Session, delivery: str, job: str | None) -> tuple[datetime, datetime] | None:
    """First and last moment of what the delivery wrote, of all types, in the pass that first applied the job; None when it wrote nothing.

    A change set's id ends with its pass (`delivery:type:pass`). A job that was refused as a whole at first and imported by a replay
    has packages of its own in the later pass only.
    """
    if not shared_tables(session):
        return None
    found = session.run(
        """
        WITH passes AS (
            SELECT stamp, coalesce(TRY_CAST(regexp_extract(id, ':([0-9]+)$', 1) AS BIGINT), 1) AS pass,
                id IN (SELECT change_set FROM store._packages WHERE job = $job AND package >= 0) AS own
            FROM store._change_sets
            WHERE delivery = $delivery
        )
        SELECT min(stamp), max(stamp)
        FROM passes
        WHERE pass = (SELECT coalesce(min(pass) FILTER (WHERE own), min(pass)) FROM passes)
        """,
        {"delivery": delivery, "job": job},
    )
    first, last = found[0]
    return (first, last) if first else None


def _wrote(session: Session, job: str) -> bool:
    return shared_tables(session) and bool(session.one("SELECT count(*) FROM store._packages WHERE job = ? AND package >= 0", [job]))


def told(text: str, moment: datetime) -> str:
    """A moment as people asked for it beside what it is: «before:ab12cd34 (2026-11-20T17:04:59.999999Z)»."""
    return text if text == iso(moment) else f"{text} ({iso(moment)})"
