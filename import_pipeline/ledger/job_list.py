"""Lists of jobs for people: filtered, in pages, newest first; and what waits beside them without a job yet.

Belongs here: reading `jobs` with `files` and `deliveries` for lists and overviews of one account. Does not belong here: steps of a job
(jobs.py), of a delivery (deliveries.py), of an arrival (files.py).

The newest jobs come from the index on account and moment; of a page only the ids are looked for, and whole rows are read for those.
"""

from collections.abc import Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Literal

from sqlalchemy import ColumnElement, Connection, and_, func, not_, or_, select, true

from import_pipeline.ledger import jobs as job_rows
from import_pipeline.ledger.deliveries import Delivery
from import_pipeline.ledger.desk_schema import drafts
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.ledger.schema import deliveries, files, http_uploads, jobs, tokens
from import_pipeline.model.job import FileState

Standing = Literal["", "waiting", "running", "held", "complete", "errors", "failed", "ended", "undone", "planned"]
"""A state as people ask for it. `errors`: imported, with refused rows that are still open; `ended`: by a person, before anything was
imported."""
Kind = Literal["", "imports", "plans", "undos"]
REJECTED, CANCELLED = "rejected", "cancelled"
"""First words of the reason of a job that a person ended: it is no error of the file."""
NOT_DELIVERED: tuple[FileState, ...] = ("seen", "claimed", "vaulted")
UNDER_WAY = ("waiting", "requested", "running")
_LATEST = 2000
"""Deliveries among which those are looked for that were cancelled lately."""


@dataclass(frozen=True)
class Wanted:
    """Which jobs. Empty values want all; `since` is included, `until` is not; `name` is a part of the file's or archive's name."""

    state: Standing = ""
    kind: Kind = ""
    object_type: str = ""
    door: str = ""
    name: str = ""
    since: datetime | None = None
    until: datetime | None = None


@dataclass(frozen=True)
class Listed:
    """A job and the door that its file came through ('' when that is not known)."""

    job: JobRow
    door: str


@dataclass(frozen=True)
class UnderWay:
    """A delivery that is not answered: its first file names, and how far its jobs are."""

    delivery: Delivery
    names: tuple[str, ...]
    jobs: int
    packages_done: int
    packages_total: int


@dataclass(frozen=True)
class Coming:
    """Files that no delivery has yet."""

    files: int
    size: int
    names: tuple[str, ...]


@dataclass(frozen=True)
class Tally:
    """How many jobs run, wait for approval, and failed since a moment."""

    running: int
    held: int
    failed: int


def page(conn: Connection, account: str, wanted: Wanted, *, limit: int, offset: int = 0) -> list[Listed]:
    """The jobs from `offset` on, newest first; jobs of one delivery in the reverse of their order."""
    query = select(jobs.c.id).where(*_conditions(account, wanted)).order_by(jobs.c.created_at.desc(), jobs.c.number.desc())
    ids = list(conn.execute(query.limit(limit).offset(offset)).scalars())
    found = {row.id: row for row in job_rows.of_ids(conn, ids)}
    doors = doors_of(conn, list(found.values()))
    return [Listed(found[job], doors.get(job, "")) for job in ids if job in found]


def count(conn: Connection, account: str, wanted: Wanted, *, most: int) -> int:
    """How many jobs are wanted; not more than `most` are counted."""
    some = select(jobs.c.created_at).where(*_conditions(account, wanted)).limit(most).subquery()
    return int(conn.execute(select(func.count()).select_from(some)).scalar_one())


def doors_of(conn: Connection, rows: Sequence[JobRow]) -> dict[str, str]:
    """Job → door, of those where it is known. A file of another server says which one: `remote:NAME`."""
    keys, ids = sorted({row.delivery for row in rows}), sorted({row.file_id for row in rows if row.file_id})
    by_key = dict(conn.execute(select(deliveries.c.key, deliveries.c.door).where(deliveries.c.key.in_(keys))).tuples().all())
    by_file = dict(conn.execute(select(files.c.id, files.c.door).where(files.c.id.in_(ids))).tuples().all())
    return {row.id: by_file.get(row.file_id) or by_key.get(row.delivery, "") for row in rows}


def doors(conn: Connection, account: str) -> list[str]:
    """The doors that deliveries of the account came through."""
    query = select(deliveries.c.door).where(deliveries.c.account == account).distinct()
    return sorted(conn.execute(query).scalars())


def tally(conn: Connection, account: str, since: datetime) -> Tally:
    """What the tiles of an overview tell; `since` is when today began."""
    own = jobs.c.account == account
    busy = select(jobs.c.state, func.count()).where(own, jobs.c.state.in_(("running", "held"))).group_by(jobs.c.state)
    by_state: dict[str, int] = dict(conn.execute(busy).tuples().all())
    failed = select(func.count()).where(own, jobs.c.created_at >= since, _failed())
    return Tally(int(by_state.get("running", 0)), int(by_state.get("held", 0)), int(conn.execute(failed).scalar_one()))


def coming(conn: Connection, account: str, names: int) -> Coming:
    """Files that wait in a mailbox, or in the vault, for a delivery; the first `names` of their names."""
    here = and_(files.c.account == account, files.c.state.in_(NOT_DELIVERED), files.c.delivery.is_(None))
    total, size = conn.execute(select(func.count(), func.coalesce(func.sum(files.c.size), 0)).where(here)).one()
    first = select(files.c.name).where(here).order_by(files.c.seq).limit(names) if total else None
    return Coming(int(total), int(size), tuple(conn.execute(first).scalars()) if first is not None else ())


def under_way(conn: Connection, account: str, *, limit: int, names: int) -> list[UnderWay]:
    """The deliveries that are not answered, oldest first: the order in which they run."""
    keys = select(deliveries.c.key).where(deliveries.c.account == account, deliveries.c.state.in_(UNDER_WAY))
    found = list(conn.execute(keys.order_by(deliveries.c.seq).limit(limit)).scalars())
    return [_under_way(conn, key, names) for key in found]


def cancelled(conn: Connection, account: str, since: datetime, *, limit: int, names: int) -> list[UnderWay]:
    """Deliveries of files that were taken back before a run was asked for, since a moment, newest first."""
    over = and_(deliveries.c.state == "finished", deliveries.c.attempt == 0, deliveries.c.reason.is_not(None), deliveries.c.files > 0)
    latest = deliveries.c.seq > select(func.coalesce(func.max(deliveries.c.seq), 0) - _LATEST).scalar_subquery()
    keys = select(deliveries.c.key).where(latest, deliveries.c.account == account, over, deliveries.c.finished_at >= since)
    found = list(conn.execute(keys.order_by(deliveries.c.seq.desc()).limit(limit)).scalars())
    return [_under_way(conn, key, names) for key in found]


def _under_way(conn: Connection, key: str, names: int) -> UnderWay:
    row = conn.execute(select(deliveries).where(deliveries.c.key == key)).one()._asdict()
    first = list(conn.execute(select(files.c.name).where(files.c.delivery == key).order_by(files.c.seq).limit(names)).scalars())
    if not first:
        first = list(conn.execute(select(jobs.c.name).where(jobs.c.delivery == key).order_by(jobs.c.number).limit(names)).scalars())
    sums = (func.count(), func.coalesce(func.sum(jobs.c.packages_done), 0), func.coalesce(func.sum(jobs.c.packages_total), 0))
    number, done, total = conn.execute(select(*sums).where(jobs.c.delivery == key)).one()
    return UnderWay(Delivery(**row | {"types": tuple(row["types"])}), tuple(first), int(number), int(done), int(total))


def sender_of(conn: Connection, row: JobRow) -> str | None:
    """Who started the import, where that is known: the user of the desk, or the owner of the key that a program used."""
    of_desk = select(drafts.c.user).where(or_(drafts.c.delivery == row.delivery, drafts.c.plan == row.delivery)).limit(1)
    of_key = select(tokens.c.owner).join(http_uploads, http_uploads.c.token == tokens.c.id).where(http_uploads.c.delivery == row.delivery)
    found = conn.execute(of_desk).scalar() or conn.execute(of_key.limit(1)).scalar()
    return str(found) if found else None


def same_bytes(conn: Connection, row: JobRow, *, limit: int) -> list[JobRow]:
    """Other jobs of the account about the same bytes, newest first."""
    if not row.sha256:
        return []
    same = and_(jobs.c.sha256 == row.sha256, jobs.c.account == row.account, jobs.c.id != row.id)
    ids = list(conn.execute(select(jobs.c.id).where(same).order_by(jobs.c.created_at.desc()).limit(limit)).scalars())
    found = {one.id: one for one in job_rows.of_ids(conn, ids)}
    return [found[job] for job in ids]


def _conditions(account: str, wanted: Wanted) -> list[ColumnElement[bool]]:
    found = [jobs.c.account == account, _standing(wanted.state), _kind(wanted.kind)]
    if wanted.object_type:
        found.append(jobs.c.object_type == wanted.object_type)
    if wanted.door:
        found.append(jobs.c.delivery.in_(select(deliveries.c.key).where(deliveries.c.account == account, deliveries.c.door == wanted.door)))
    if wanted.name:
        found.append(or_(jobs.c.name.icontains(wanted.name, autoescape=True), jobs.c.archive.icontains(wanted.name, autoescape=True)))
    if wanted.since:
        found.append(jobs.c.created_at >= wanted.since)
    if wanted.until:
        found.append(jobs.c.created_at < wanted.until)
    return found


def _kind(kind: Kind) -> ColumnElement[bool]:
    match kind:
        case "imports":
            return and_(jobs.c.dry_run.is_(False), jobs.c.undo_of.is_(None))
        case "plans":
            return jobs.c.dry_run.is_(True)
        case "undos":
            return and_(jobs.c.dry_run.is_(False), jobs.c.undo_of.is_not(None))
        case _:
            return true()


def _standing(state: Standing) -> ColumnElement[bool]:
    applied = and_(jobs.c.state == "applied", jobs.c.undone_by.is_(None), jobs.c.reason.is_(None))
    is_open = jobs.c.refused > jobs.c.resolved
    match state:
        case "":
            return true()
        case "complete":
            return or_(jobs.c.state == "duplicate", and_(applied, not_(is_open)))
        case "errors":
            return and_(applied, is_open)
        case "failed":
            return _failed()
        case "ended":
            return and_(jobs.c.state == "failed", _by_a_person())
        case "undone":
            return and_(jobs.c.state == "applied", jobs.c.undone_by.is_not(None))
        case _:
            return jobs.c.state == state


def _failed() -> ColumnElement[bool]:
    """Failed but by no person; or halted on its way, with the rows before the error in (acceptance T-2, strict)."""
    halted = and_(jobs.c.state == "applied", jobs.c.undone_by.is_(None), jobs.c.reason.is_not(None))
    return or_(and_(jobs.c.state == "failed", or_(jobs.c.reason.is_(None), not_(_by_a_person()))), halted)


def _by_a_person() -> ColumnElement[bool]:
    return or_(jobs.c.reason.startswith(REJECTED), jobs.c.reason.startswith(CANCELLED))
