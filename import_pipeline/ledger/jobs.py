"""Jobs in the ledger: what people see of the import of one file, with state, progress and counts.

Belongs here: statements on `jobs`, the making of a job's id. Does not belong here: what a job does, where its bytes lie.
"""

import hashlib
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from sqlalchemy import Connection, Row, insert, or_, select, update

from import_pipeline.ledger.schema import jobs
from import_pipeline.model.job import Counts, FileKind, JobState
from import_pipeline.model.row_error import FileFault, Notice

_LETTERS = "abcdefghijklmnopqrstuvwxyz"
_ALPHABET = _LETTERS + "0123456789"
_MOST_VALUES = 500
"""Bound values of one statement: a list of ids may be longer than a statement may have parameters."""
_COUNTS = tuple(Counts.model_fields)


@dataclass(frozen=True)
class NewJob:
    """A job before it has an id: what opening a delivery found out about one file or archive member."""

    file_id: str
    object_type: str
    format: str | None
    name: str
    archive: str | None
    member: str | None
    sha256: str
    size: int
    kind: FileKind
    fault: FileFault | None = None
    notices: tuple[Notice, ...] = ()
    undo_of: str | None = None


@dataclass(frozen=True)
class JobRow:
    """One job as the ledger holds it. `object_type` is '' when the name told none; `sha256` is '' when no bytes could be read."""

    id: str
    number: int
    delivery: str
    account: str
    file_id: str
    object_type: str
    format: str | None
    name: str
    archive: str | None
    member: str | None
    sha256: str
    size: int
    kind: FileKind
    state: JobState
    dry_run: bool
    fault: FileFault | None
    notices: tuple[Notice, ...]
    reason: str | None
    parked_open: int
    packages_done: int
    packages_total: int
    receipt: str | None
    errors_file: str | None
    failed_file: str | None
    created_at: datetime
    started_at: datetime | None
    finished_at: datetime | None
    undo_of: str | None = None
    undone_by: str | None = None
    held_until: datetime | None = None
    plan_file: str | None = None
    resolved: int = 0
    counts: Counts = field(default_factory=Counts)


def job_id(delivery: str, number: int, salt: int = 0) -> str:
    """8 lower-case letters and digits beginning with a letter, always the same for a delivery and number."""
    rest = int.from_bytes(hashlib.sha256(f"{delivery}/{number}/{salt}".encode()).digest()[:16])
    rest, first = divmod(rest, len(_LETTERS))
    made = _LETTERS[first]
    while len(made) < 8:
        rest, digit = divmod(rest, len(_ALPHABET))
        made += _ALPHABET[digit]
    return made


def create(conn: Connection, account: str, delivery: str, found: Sequence[NewJob], *, dry_run: bool, now: datetime) -> None:
    """Books the jobs of a delivery as waiting, numbered from 0 in the order given."""
    zero = dict.fromkeys((*_COUNTS, "parked_open", "packages_done", "packages_total"), 0)
    rows = []
    for number, new in enumerate(found):
        told = {
            "fault": new.fault.model_dump(exclude_none=True) if new.fault else None,
            "notices": [notice.model_dump(exclude_none=True) for notice in new.notices],
        }
        own = {"id": _free_id(conn, delivery, number), "number": number, "delivery": delivery, "account": account}
        rows.append(vars(new) | told | own | zero | {"state": "waiting", "dry_run": dry_run, "created_at": now})
    if rows:
        conn.execute(insert(jobs), rows)


def _free_id(conn: Connection, delivery: str, number: int) -> str:
    # 2·10¹² ids: among a million jobs two are alike in one ledger of four.
    salt = 0
    while conn.execute(select(jobs.c.id).where(jobs.c.id == job_id(delivery, number, salt))).first():
        salt += 1
    return job_id(delivery, number, salt)


def _job(row: Row[Any]) -> JobRow:
    values = row._asdict()
    counts = Counts(**{name: values.pop(name) for name in _COUNTS})
    fault = FileFault(**values.pop("fault")) if values["fault"] else values.pop("fault")
    notices = tuple(Notice(**notice) for notice in values.pop("notices"))
    return JobRow(**values, counts=counts, fault=fault, notices=notices)


def get(conn: Connection, job: str) -> JobRow | None:
    """The job of this id."""
    row = conn.execute(select(jobs).where(jobs.c.id == job)).first()
    return _job(row) if row else None


def find(conn: Connection, named: str, account: str | None = None) -> JobRow | None:
    """The job that people mean: by its id, else the latest import of a file with this name, else with `latest` the latest import.

    A name means what was really imported: plans and undos have ids only, and a failed or repeated import is found when there is none
    that was applied.
    """
    row = get(conn, named)
    if row is not None:
        return row if account in (None, row.account) else None
    query = select(jobs).where(jobs.c.dry_run.is_(False), jobs.c.undo_of.is_(None))
    if named != "latest":
        query = query.where(jobs.c.name == named)
    if account is not None:
        query = query.where(jobs.c.account == account)
    applied = jobs.c.state.in_(("applied", "held", "running")).desc()
    latest = conn.execute(query.order_by(applied, jobs.c.created_at.desc(), jobs.c.number.desc()).limit(1)).first()
    return _job(latest) if latest else None


def by_delivery(conn: Connection, key: str) -> list[JobRow]:
    """The jobs of a delivery by number."""
    return [_job(row) for row in conn.execute(select(jobs).where(jobs.c.delivery == key).order_by(jobs.c.number))]


def by_file(conn: Connection, file_id: str) -> list[JobRow]:
    """The jobs of one arrival: one, or one for each member of an archive."""
    return [_job(row) for row in conn.execute(select(jobs).where(jobs.c.file_id == file_id).order_by(jobs.c.number))]


def by_sha(conn: Connection, sha256: str) -> list[JobRow]:
    """Every job that imported, or refused, these bytes (for «where is this file?»)."""
    return [_job(row) for row in conn.execute(select(jobs).where(jobs.c.sha256 == sha256).order_by(jobs.c.created_at))]


def of_ids(conn: Connection, ids: Sequence[str]) -> list[JobRow]:
    """The jobs of these ids, at most 500, in no order."""
    return [_job(row) for row in conn.execute(select(jobs).where(jobs.c.id.in_(ids)))] if ids else []


def undos_of(conn: Connection, job: str) -> list[JobRow]:
    """Every undo of this job that was ever asked for, plans and failed ones included, oldest first."""
    return [_job(row) for row in conn.execute(select(jobs).where(jobs.c.undo_of == job).order_by(jobs.c.created_at))]


def cancelled(conn: Connection, account: str, *, undoing: str | None = None, undo: str | None = None) -> frozenset[str]:
    """The jobs of an account whose effects do not count: each job that is undone, and the undo in force of it.

    With `undoing` and `undo` as it will be once the job `undo` has undone the job `undoing`.
    """
    chained = select(jobs.c.id, jobs.c.undo_of, jobs.c.undone_by).where(
        jobs.c.account == account, or_(jobs.c.undone_by.is_not(None), jobs.c.undo_of.is_not(None))
    )
    rows = conn.execute(chained).all()
    targets, by = {job: target for job, target, _ in rows}, {job: other for job, _, other in rows}
    if undoing and undo:
        by |= _switched(targets, undoing, undo)
    return frozenset(job for pair in by.items() if pair[1] for job in pair if job)


def undone(conn: Connection, job: str, by: str) -> None:
    """The undo `by` of `job` is applied. When `job` is an undo itself, the job that it took back counts again, and so on down."""
    targets: dict[str, str | None] = {}
    row = get(conn, job)
    while row and row.undo_of:
        targets[row.id] = row.undo_of
        row = get(conn, row.undo_of)
    for changed, other in _switched(targets, job, by).items():
        conn.execute(update(jobs).where(jobs.c.id == changed).values(undone_by=other))


def _switched(targets: Mapping[str, str | None], job: str, by: str) -> dict[str, str | None]:
    """`undone_by` of `job` and of all jobs below it in its chain of undos (`targets`), once `by` has undone it.

    An undo that is undone gives its job back; one that is in force again takes its job away again.
    """
    found: dict[str, str | None] = {job: by}
    below, counts = targets.get(job), True
    above = job
    while below:
        found[below] = None if counts else above
        above, below, counts = below, targets.get(below), not counts
    return found


def hold(conn: Connection, job: str, until: datetime) -> None:
    """The job waits for approval, at most until then."""
    conn.execute(update(jobs).where(jobs.c.id == job).values(state="held", held_until=until))


def held(conn: Connection, account: str | None = None) -> list[JobRow]:
    """The jobs that wait for approval, oldest first."""
    query = select(jobs).where(jobs.c.state == "held").order_by(jobs.c.created_at, jobs.c.number)
    return [_job(row) for row in conn.execute(query if account is None else query.where(jobs.c.account == account))]


def imports(conn: Connection, account: str, object_type: str, ids: Collection[str]) -> set[str]:
    """Those of these ids that are jobs of the account and type which imported a file: no plan, no undo."""
    found: set[str] = set()
    wanted = sorted(ids)
    real = [jobs.c.account == account, jobs.c.object_type == object_type, jobs.c.dry_run.is_(False), jobs.c.undo_of.is_(None)]
    for start_at in range(0, len(wanted), _MOST_VALUES):
        some = jobs.c.id.in_(wanted[start_at : start_at + _MOST_VALUES])
        found |= set(conn.execute(select(jobs.c.id).where(some, *real)).scalars())
    return found


def listing(conn: Connection, account: str | None = None, state: JobState | None = None, limit: int = 100) -> list[JobRow]:
    """The latest jobs, newest first."""
    query = select(jobs).order_by(jobs.c.created_at.desc(), jobs.c.number.desc()).limit(limit)
    if account is not None:
        query = query.where(jobs.c.account == account)
    if state is not None:
        query = query.where(jobs.c.state == state)
    return [_job(row) for row in conn.execute(query)]


def start(conn: Connection, job: str, *, packages_total: int, now: datetime) -> None:
    """The job is worked on. A retry keeps the first start; a job that was answered before begins anew."""
    first = select(jobs.c.started_at).where(jobs.c.id == job, jobs.c.state == "running")
    begun = conn.execute(first).scalar() or now
    values = {"state": "running", "packages_total": packages_total, "packages_done": 0, "started_at": begun, "finished_at": None}
    conn.execute(update(jobs).where(jobs.c.id == job).values(**values))


def progress(conn: Connection, job: str, packages_done: int, packages_total: int | None = None) -> None:
    """How many packages of 10,000 rows are done (acceptance S-12)."""
    values = {"packages_done": packages_done} | ({} if packages_total is None else {"packages_total": packages_total})
    conn.execute(update(jobs).where(jobs.c.id == job).values(**values))


def finish(
    conn: Connection,
    job: str,
    state: JobState,
    *,
    now: datetime,
    counts: Counts | None = None,
    reason: str | None = None,
    receipt: str | None = None,
    errors_file: str | None = None,
    failed_file: str | None = None,
    plan_file: str | None = None,
) -> None:
    """The job's answer. `counts=None` keeps the zeros of a job that never read a row; `parked_open` becomes what was parked."""
    final = counts or Counts()
    values = final.model_dump() | {"state": state, "reason": reason, "finished_at": now, "parked_open": final.parked}
    files = {"receipt": receipt, "errors_file": errors_file, "failed_file": failed_file, "plan_file": plan_file, "held_until": None}
    conn.execute(update(jobs).where(jobs.c.id == job).values(**values, **files))


def set_parked_open(conn: Connection, job: str, rows: int) -> None:
    """How many of the job's parked rows still wait for their parent."""
    conn.execute(update(jobs).where(jobs.c.id == job).values(parked_open=rows))


def set_resolved(conn: Connection, job: str, rows: int) -> None:
    """How many of the job's refused rows came in since, sent again by other jobs."""
    conn.execute(update(jobs).where(jobs.c.id == job).values(resolved=rows))


def set_notices(conn: Connection, job: str, notices: Sequence[Notice]) -> None:
    """What the job's sender is told beside its errors; every answer written later tells it again."""
    conn.execute(update(jobs).where(jobs.c.id == job).values(notices=[notice.model_dump(exclude_none=True) for notice in notices]))
