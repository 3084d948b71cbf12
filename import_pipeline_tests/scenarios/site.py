"""One instance of the pipeline for a test: its own home, its own accounts, real files in the tree, real sensor and runs.

Belongs here: dropping files, letting the sensor and its runs work, reading what came of it. Does not belong here: assertions.

Two ways to work, same tests: `Here` evaluates the real sensor and executes the runs it requests in this process, with a clock that
jumps over settle times; `Daemon` starts `dagster-daemon` on the same home and waits for it (`--live`).
"""

import csv
import io
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import yaml

from import_pipeline.definitions import build_definitions
from import_pipeline.delivering.pipeline import Pipeline
from import_pipeline.landing.tree import MAILBOXES, create_tree
from import_pipeline.ledger import deliveries, files, jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.orchestration.instance import open_instance, prepare_home
from import_pipeline.orchestration.keys import deliveries_of, import_job_name
from import_pipeline.settings import Settings
from import_pipeline.store.names import Tables
from import_pipeline.store.session import open_store
from import_pipeline_tests.ledgers import ledger_url

_LEAP = timedelta(seconds=3)
"""Between two looks: more than any settle time of a site's accounts."""
PATIENCE = 120.0
"""Seconds a live test waits for the daemon."""


class JumpingClock:
    """The machine's clock plus what the test has jumped."""

    def __init__(self) -> None:
        self.jumped = timedelta()
        self.since = timedelta()
        """How far the calendar lies behind the machine's, for tests of days that dagster must know to be over."""

    def now(self) -> datetime:
        """The moment, in UTC."""
        return datetime.now(UTC) + self.jumped - self.since

    def monotonic(self) -> float:
        """Seconds, jumps included."""
        return time.monotonic() + self.jumped.total_seconds()

    def jump(self, by: timedelta) -> None:
        """Lets time pass."""
        self.jumped += by


class Site:
    """One home and its accounts. `account` is the one that methods mean when none is named."""

    live = False

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self.accounts = folder / "accounts"
        self.accounts.mkdir(parents=True, exist_ok=True)
        self.environment = {"IMPORT_PIPELINE_HOME": str(folder / "home"), "IMPORT_PIPELINE_ACCOUNTS": str(self.accounts)}
        self.environment["IMPORT_PIPELINE_LEDGER"] = ledger_url(folder / "home")
        self.settings = Settings.from_environment(self.environment)
        self.clock = JumpingClock()
        self.account = ""
        self._pipeline: Pipeline | None = None
        self._dropped = 0

    def add_account(self, name: str, types: list[dict[str, Any]], **attributes: Any) -> None:
        """Writes an account folder; quick doors, so that live tests need not wait."""
        given = {"name": name, "doors": {"tree": {"settle": "1s", "interval": "1s", "cut_settle": "2s"}}, **attributes}
        folder = self.accounts / name
        (folder / "object_types").mkdir(parents=True)
        (folder / "defs.yaml").write_text(yaml.safe_dump({"type": "import_pipeline.components.Account", "attributes": given}))
        for each in types:
            (folder / "object_types" / f"{each['name'].lower()}.yaml").write_text(yaml.safe_dump(each, sort_keys=False))
        self.account = self.account or name

    @property
    def pipeline(self) -> Pipeline:
        """The instance, opened at first use (after the accounts are written)."""
        if self._pipeline is None:
            self._pipeline = Pipeline(self.settings, self.clock)
            for account in self._pipeline.accounts.values():
                create_tree(account, self.settings)
        return self._pipeline

    def reload(self) -> None:
        """Reads the accounts again, as a restart does."""
        self._pipeline = None

    def path(self, *parts: str, account: str = "") -> Path:
        """A place in the account's tree, for example path('DataObjects/Import/Success')."""
        assert self.pipeline
        return self.settings.landing.joinpath(account or self.account, *parts)

    def drop(self, name: str, content: str | bytes, folder: str = "DataObjects/Import/New", account: str = "") -> Path:
        """Puts a file into the tree under a temporary name and renames it, as careful senders do."""
        target = self.path(folder, name, account=account)
        temporary = target.with_name(f".{self._dropped}.part")
        self._dropped += 1
        temporary.write_bytes(content.encode() if isinstance(content, str) else content)
        temporary.rename(target)
        return target

    def work(self, account: str = "") -> None:
        """Lets the pipeline work until nothing of the account waits."""
        raise NotImplementedError

    def deliver(self, name: str, content: str | bytes, **where: str) -> JobRow:
        """Drops one file, lets it be imported, and returns its (latest) job."""
        self.drop(name, content, **where)
        self.work(where.get("account", ""))
        return self.job(name)

    def jobs(self, account: str = "") -> list[JobRow]:
        """All jobs of the account, oldest first."""
        with self.pipeline.ledger.read() as conn:
            return jobs.listing(conn, account or self.account, limit=10_000)[::-1]

    def job(self, name: str) -> JobRow:
        """The latest job of the file with this name."""
        return next(row for row in reversed(self.jobs()) if row.name == name)

    def receipt(self, job: JobRow) -> dict[str, Any]:
        """The job's receipt."""
        assert job.receipt
        found: dict[str, Any] = json.loads(Path(job.receipt).read_text())
        return found

    def errors(self, job: JobRow) -> set[tuple[int, str, str]]:
        """(line, column, code) of the job's errors file."""
        assert job.errors_file
        text = Path(job.errors_file).read_text(encoding="utf-8")
        return {(int(r["line"] or 0), r["column"], r["code"]) for r in csv.DictReader(io.StringIO(text))}

    def records(self, type_name: str, columns: str = "*", account: str = "") -> list[dict[str, Any]]:
        """Current records of a type in order of their ids."""
        name = account or self.account
        table = Tables(self.pipeline.account(name).object_type(type_name)).current
        with open_store(self.settings, name) as session:
            return session.rows(f"SELECT {columns} FROM {table} ORDER BY _id")

    def query(self, sql: str, account: str = "") -> list[tuple[Any, ...]]:
        """Any query on the account's store."""
        with open_store(self.settings, account or self.account) as session:
            return session.run(sql)

    def listing(self, folder: str, account: str = "") -> list[str]:
        """Names in a folder of the tree that people see."""
        return sorted(p.name for p in self.path(folder, account=account).iterdir() if not p.name.startswith("."))

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """Dagster's runs, events and partitions of this site."""
        with open_instance(self.settings) as opened:
            yield opened

    def close(self) -> None:
        """Stops what the site started."""


class Here(Site):
    """Sensor and runs in this process; the clock jumps over settle times.

    Dagster keeps its runs and events in memory, which is most of what a small run costs, unless the site is `lasting`.
    """

    lasting = False
    _kept: dg.DagsterInstance | None = None

    @classmethod
    def existing(cls, folder: Path) -> "Here":
        """A site that another process has made, and whose runs others will look at."""
        site = cls(folder)
        site.lasting = True
        return site

    @contextmanager
    def instance(self) -> Iterator[dg.DagsterInstance]:
        """The instance of this site's home, or the one that lives as long as the site."""
        if self.lasting:
            with open_instance(self.settings) as opened:
                yield opened
        else:
            self._kept = self._kept or dg.DagsterInstance.ephemeral()
            yield self._kept

    def close(self) -> None:
        """Forgets the runs."""
        if self._kept:
            self._kept.dispose()
            self._kept = None

    def work(self, account: str = "") -> None:
        """Evaluates the sensor and executes what it requests until three looks find nothing to do."""
        self.rounds(account)

    def _under_way(self, account: str) -> bool:
        """A killed process may leave a delivery, or claims on files, that only time gets going again."""
        with self.pipeline.ledger.read() as conn:
            return deliveries.under_way(conn, account) is not None or any(f.state == "claimed" for f in files.live(conn, account))

    def rounds(self, account: str = "", *, limit: int | None = None, looks: int = 3) -> int:
        """Looks until `looks` in a row found nothing, or `limit` runs were executed; returns how many runs there were."""
        name, quiet, runs = account or self.account, 0, 0
        found = self.pipeline.account(name)
        definitions = build_definitions(pipeline=self.pipeline)
        sensor, job = definitions.resolve_sensor_def(f"landing_{name}"), definitions.resolve_job_def(import_job_name(found))
        with self.instance() as instance:
            while quiet < looks and (not limit or runs < limit):
                answer = sensor(dg.build_sensor_context(instance=instance))
                if not isinstance(answer, dg.SensorResult):
                    under_way = self._under_way(name)
                    quiet += not under_way or limit == 0
                    self.clock.jump(timedelta(minutes=6) if under_way else _LEAP)
                    continue
                quiet = 0
                for request in answer.run_requests or []:
                    runs += 1
                    instance.add_dynamic_partitions(str(deliveries_of(found).name), [str(request.partition_key)])
                    job.execute_in_process(
                        instance=instance,
                        partition_key=request.partition_key,
                        asset_selection=list(request.asset_selection or []),
                        tags=dict(request.tags),
                        raise_on_error=False,
                    )
        return runs


class Daemon(Site):
    """The real daemon on this home, started at the first `work` and stopped by its process id."""

    live = True

    def __init__(self, folder: Path) -> None:
        super().__init__(folder)
        self._process: subprocess.Popen[bytes] | None = None

    def start(self) -> None:
        """Starts dagster-daemon with the project's code location."""
        assert self.pipeline.ledger
        home = prepare_home(self.settings)
        log = (self.folder / "daemon.log").open("ab")
        environment = {**os.environ, **self.environment, "DAGSTER_HOME": str(home)}
        self._process = subprocess.Popen(
            [sys.executable, "-m", "dagster._daemon", "run", "-m", "import_pipeline.definitions"],
            env=environment,
            cwd=home,
            stdout=log,
            stderr=subprocess.STDOUT,
            start_new_session=True,
        )

    def reload(self) -> None:
        """The daemon is stopped too: it reads the accounts when it starts again."""
        super().reload()
        self.close()

    def work(self, account: str = "") -> None:
        """Waits until no complete file and no delivery of the account waits."""
        if self._process is None:
            self.start()
        name, end, quiet = account or self.account, time.monotonic() + PATIENCE, 0
        while quiet < 3:
            if time.monotonic() > end:
                log = (self.folder / "daemon.log").read_text(errors="replace")[-3000:]
                raise AssertionError(f"the daemon did not finish in {PATIENCE:g} seconds:\n{log}")
            time.sleep(0.5)
            quiet = quiet + 1 if self._is_quiet(name) else 0

    def _is_quiet(self, name: str) -> bool:
        boxes = [mailbox.watched for mailbox in MAILBOXES if mailbox.watched.endswith("New")]
        lying = [p for box in boxes for p in self.path(box, account=name).iterdir() if p.is_file() and not p.is_symlink()]
        complete = [p for p in lying if not p.name.startswith(".") and p.suffix not in (".filepart", ".tmp", ".part")]
        with self.pipeline.ledger.read() as conn:
            latest = deliveries.listing(conn, name, limit=50)
            held = {job.name for job in jobs.held(conn, name)}
        complete = [p for p in complete if p.name not in held]
        return not complete and all(d.state in ("finished", "failed") for d in latest)

    def close(self) -> None:
        """Ends the daemon and everything it started."""
        if self._process is None:
            return
        os.killpg(self._process.pid, signal.SIGTERM)
        try:
            self._process.wait(20)
        except subprocess.TimeoutExpired:
            os.killpg(self._process.pid, signal.SIGKILL)
            self._process.wait()
        self._process = None
