"""What the landing tests share: an account, clocks that are turned by hand, and one whole intake in a temporary folder.

Belongs here: helpers without assertions. Does not belong here: rules.
"""

import os
from dataclasses import dataclass, field
from datetime import UTC, datetime, timedelta
from pathlib import Path

from import_pipeline.landing import deliveries as landing
from import_pipeline.landing import project, tree
from import_pipeline.landing.watch import TickReport, tick
from import_pipeline.ledger import Ledger, content, deliveries, jobs
from import_pipeline.model.account import Account
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.job import Counts, Job
from import_pipeline.model.object_type import ObjectType, Parent
from import_pipeline.settings import Settings
from import_pipeline_tests.ledgers import ledger_url

START = datetime(2026, 3, 1, 12, tzinfo=UTC)


class HandClock:
    """Clocks that stand still until they are turned."""

    def __init__(self, seconds: float = 0.0) -> None:
        self.seconds = seconds

    def now(self) -> datetime:
        """The moment."""
        return START + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        """Seconds that only `turn` moves."""
        return 1000.0 + self.seconds

    def turn(self, seconds: float) -> None:
        """Lets time pass."""
        self.seconds += seconds


def object_type(name: str, parent: str | None = None) -> ObjectType:
    """A type with one field."""
    return ObjectType(name=name, fields=(FieldSpec(name="Title"),), parent=Parent(type=parent) if parent else None)


def account(**more: object) -> Account:
    """An account with three types, one of two words."""
    types = (object_type("Account"), object_type("Contact", "Account"), object_type("Sales Order", "Account"))
    return Account(**{"name": "acme", "object_types": types} | more)


def settings(home: Path) -> Settings:
    """Everything below one folder."""
    return Settings(home=home, accounts=home / "accounts", ledger_url=ledger_url(home))


@dataclass
class Intake:
    """One account with its tree, ledger and clock."""

    home: Path
    account: Account = field(default_factory=account)
    clock: HandClock = field(default_factory=HandClock)
    owner: str = "me"

    def __post_init__(self) -> None:
        self.settings = settings(self.home)
        self.ledger = Ledger(self.settings.ledger_url)
        self.ledger.upgrade()
        tree.create_tree(self.account, self.settings)

    @property
    def root(self) -> Path:
        """The account's tree."""
        return tree.root(self.account, self.settings)

    @property
    def new(self) -> Path:
        """Where people drop files."""
        return tree.new_folder(self.account, self.settings)

    @property
    def success(self) -> Path:
        """Where good files go."""
        return self.new.parent / "Success"

    @property
    def failed(self) -> Path:
        """Where bad files go."""
        return self.new.parent / "Failed"

    def drop(self, name: str, text: str | bytes = "Title\na\n", folder: Path | None = None) -> Path:
        """Puts a file into New, or into another folder."""
        path = (folder or self.new) / name
        path.write_bytes(text.encode() if isinstance(text, str) else text)
        return path

    def tick(self, **more: float) -> TickReport:
        """One tick."""
        return tick(self.ledger, self.account, self.settings, self.clock, self.owner, **more)

    def settle(self, seconds: float = 6) -> TickReport:
        """Two looks, far enough apart for an ordinary file."""
        self.tick()
        self.clock.turn(seconds)
        return self.tick()

    def run(self) -> list[Job]:
        """What a run does, in small: opens the next delivery, finishes its jobs, projects its files."""
        with self.ledger.begin() as conn:
            request = landing.next_request(conn, self.account, self.clock.now())
        if request is None:
            return []
        return run_delivery(self, request.key)

    def states(self) -> list[tuple[str, str]]:
        """Name and state of every arrival in order."""
        with self.ledger.read() as conn:
            found = conn.exec_driver_sql("SELECT name, state FROM files ORDER BY seq").all()
        return [(row.name, row.state) for row in found]

    def temporary(self) -> list[str]:
        """What lies in the private folders."""
        folders = (self.settings.vault / ".tmp", self.root / tree.TAKEN)
        return [path.name for folder in folders for path in folder.glob("*")]


def run_delivery(intake: Intake, key: str) -> list[Job]:
    """What a run does with one delivery, in small; may be done again."""
    now = intake.clock.now()
    with intake.ledger.begin() as conn:
        deliveries.start(conn, key, "run", now=now)
    opened = landing.open_delivery(intake.ledger, intake.account, intake.settings, key, now)
    for job in opened:
        with intake.ledger.begin() as conn:
            row = jobs.get(conn, job.id)
            if row is not None and row.state not in ("waiting", "running"):
                continue
            finish(intake, conn, job)
    project.project_delivery(intake.ledger, intake.account, intake.settings, key, now, intake.owner)
    with intake.ledger.begin() as conn:
        deliveries.finish(conn, key, now=now)
    return opened


def finish(intake: Intake, conn: object, job: Job) -> None:
    """Finishes a job as the stages would: a fault fails it, anything else is applied."""
    now = intake.clock.now()
    if job.fault is not None:
        state = "duplicate" if job.fault.code == "duplicate" else "failed"
        jobs.finish(conn, job.id, state, now=now, reason=job.fault.message)  # type: ignore[arg-type]
        return
    rows = job.path.read_bytes().count(b"\n") - 1
    jobs.finish(conn, job.id, "applied", now=now, counts=Counts(rows=rows, good=rows, created=rows))  # type: ignore[arg-type]
    content.remember(conn, job.account, job.object_type, job.format, job.sha256, job.id, now=now)  # type: ignore[arg-type]


def names_in(folder: Path) -> set[bytes]:
    """The names in a folder, as bytes."""
    return set(os.listdir(os.fsencode(folder)))  # noqa: PTH208
