"""An account that polls a server: looks, collecting runs and answers in small, without dagster.

Belongs here: helpers without assertions. Does not belong here: rules.
"""

import hashlib
from collections.abc import Sequence
from pathlib import Path

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.landing import deliveries as landing
from import_pipeline.landing import tree, vault
from import_pipeline.landing.remote.answer import RemoteAnswer, answer_delivery
from import_pipeline.landing.remote.collect import Collected, collect
from import_pipeline.landing.remote.look import RemoteLook, look_at
from import_pipeline.ledger import files, jobs
from import_pipeline.ledger.files import File
from import_pipeline.model.job import Job
from import_pipeline.model.remote_door import RemoteDoor
from import_pipeline.reporting.names import answer_name
from import_pipeline_tests.landing.kit import Intake, account, run_delivery


class Polling(Intake):
    """One account with remotes. `door` is the first of them."""

    environment: dict[str, str]

    def __init__(self, home: Path, *doors: dict[str, object], **more: object) -> None:
        super().__init__(home, account=account(doors={"remotes": list(doors)}, **more))
        self.environment = {}
        self.told: list[str] = []
        self.slept: list[float] = []

    @property
    def door(self) -> RemoteDoor:
        """The first remote."""
        return self.account.doors.remotes[0]

    def look(self, door: RemoteDoor | None = None) -> RemoteLook:
        """One look."""
        return look_at(self.ledger, self.account, door or self.door, self.clock, environment=self.environment)

    def looks(self, seconds: float = 6, door: RemoteDoor | None = None) -> RemoteLook:
        """Two looks, far enough apart for an ordinary file."""
        self.look(door)
        self.clock.turn(seconds)
        return self.look(door)

    def collect(self, door: RemoteDoor | None = None) -> Collected:
        """What a run does."""
        return collect(
            self.ledger,
            self.account,
            door or self.door,
            self.settings,
            self.clock,
            self.owner,
            tell=self.told.append,
            environment=self.environment,
            sleep=self.slept.append,
        )

    def take(self, seconds: float = 6) -> Collected:
        """Looks, and collects what is complete."""
        self.looks(seconds)
        return self.collect()

    def deliver(self, *, answer: bool = True) -> list[Job]:
        """Forms a delivery of what was taken, finishes its jobs with receipts, and answers."""
        key = landing.form_delivery(self.ledger, self.account, self.settings, self.clock.now())
        if key is None:
            return []
        with self.ledger.begin() as conn:
            landing.next_request(conn, self.account, self.clock.now())
        opened = run_delivery(self, key)
        for job in opened:
            self.write_receipt(job)
        if answer:
            self.answer(key)
        return opened

    def write_receipt(self, job: Job, text: str = "{}") -> Path:
        """A receipt where the answering step would write it."""
        with self.ledger.begin() as conn:
            row, file = jobs.get(conn, job.id), files.get(conn, job.file_id)
            assert row is not None and file is not None
            good = row.state in ("applied", "duplicate", "planned")
            folder = tree.report_folder(self.account, self.settings, file.path, "Success" if good else "Failed")
            receipt = folder / answer_name(job.name, job.id, "receipt", job.kind)
            receipt.write_text(text)
            jobs.finish(conn, job.id, row.state, now=self.clock.now(), counts=row.counts, receipt=str(receipt))
        return receipt

    def answer(self, key: str) -> list[RemoteAnswer]:
        """What the run that answers does."""
        return answer_delivery(self.ledger, self.account, self.settings, self.clock, self.owner, key, environment=self.environment)

    def arrivals(self) -> list[File]:
        """Every arrival in order."""
        with self.ledger.read() as conn:
            ids = conn.exec_driver_sql("SELECT id FROM files ORDER BY seq").scalars().all()
            return [found for file_id in ids if (found := files.get(conn, file_id))]

    def vaulted(self) -> list[bytes]:
        """The bytes of every arrival that is in the vault, in order."""
        return [vault.path_of(self.settings.vault, file.sha256).read_bytes() for file in self.arrivals() if file.sha256]

    def temporary_bytes(self) -> list[Path]:
        """Temporary files of the vault."""
        return list((self.settings.vault / ".tmp").glob("*"))

    def try_all(self, rounds: int, *, step: float = 6) -> int:
        """Rounds of look and collect whatever fails, as sensor and runs go on for ever; how many rounds failed."""
        failures = 0
        for _ in range(rounds):
            try:
                self.look()
                self.collect()
            except (TransientFailure, PermanentFailure):
                failures += 1
            self.clock.turn(step)
        return failures


def sums(contents: Sequence[bytes]) -> list[str]:
    """SHA-256 of each, sorted: what arrived, in no order."""
    return sorted(hashlib.sha256(content).hexdigest() for content in contents)
