"""`python -m benchmarks.sftp_poll`: what taking files from another server costs us, against the system's sftp client on the same server.

Belongs here: listing, many small files, one big one, each over a plain and over a slow line. Does not belong here: servers and lines
(sftp_servers.py), our own server (sftp.py).
Ours is the whole way into the vault: claimed in the ledger, compared before and after, hashed, synced, booked. The client's is `ls` and
`get`. Wall seconds; an import of our own program is not counted, since a run has done it before.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Mapping
from contextlib import ExitStack
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from pathlib import Path

from benchmarks.sftp_servers import Place, delayed, sshd
from import_pipeline.landing.clock import SystemClock
from import_pipeline.landing.remote.client import connected
from import_pipeline.landing.remote.collect import collect
from import_pipeline.landing.remote.look import look_at
from import_pipeline.ledger import Ledger
from import_pipeline.model.account import Account
from import_pipeline.model.remote_door import RemoteDoor
from import_pipeline.settings import Settings

BIG, SMALL_FILES, SMALL_BYTES, LISTED, RUNS = 500_000_000, 2_000, 20_000, 5_000, 3
LATENCY = 0.025
"""Seconds from here to there on the slow line, half of them each way."""
_GOALS = {"plain": {"list": 1.0, "small": 1.0, "big": 1.15}, "slow": {"list": 1.0, "small": 0.1}}
"""At most so many times the client's seconds."""


class _Later(SystemClock):
    """A clock that was put on: two looks stand as far apart as a file has to settle."""

    def __init__(self, by: float = 0.0) -> None:
        self.by = by

    def now(self) -> datetime:
        return super().now() + timedelta(seconds=self.by)

    def monotonic(self) -> float:
        return super().monotonic() + self.by


@dataclass(frozen=True)
class Bench:
    """One server with the three folders."""

    place: Place
    work: Path
    environment: Mapping[str, str]

    def folder(self, kind: str) -> Path:
        """Where the files of this kind lie."""
        return self.place.disk.parent / kind

    def door(self, kind: str) -> RemoteDoor:
        """The server as an account states it."""
        url = f"sftp://{self.place.user}@127.0.0.1:{self.place.port}{self.folder(kind)}"
        return RemoteDoor(name="bench", url=url, key_env="BENCH_KEY", insecure_host_key=True)

    def client(self, kind: str) -> None:
        """The system's client: a listing, or everything fetched."""
        target = self.work / "fetched"
        target.mkdir()
        command = f"ls -l {self.folder(kind)}" if kind == "list" else f"get {self.folder(kind)}/* {target}/"
        words = ["sftp", *self.place.options(), "-b", "-", self.place.at]
        done = subprocess.run(words, input=f"{command}\n", capture_output=True, text=True, check=False)
        if done.returncode:
            sys.exit(f"benchmarks.sftp_poll: {done.stderr.strip()}")
        if kind != "list" and len(list(target.iterdir())) != len(list(self.folder(kind).iterdir())):
            sys.exit("benchmarks.sftp_poll: the client did not fetch everything")
        shutil.rmtree(target)

    def ours(self, kind: str) -> float:
        """Our way; seconds of it. Looking twice, which a download needs, is not counted with the download."""
        door, home = self.door(kind), self.work / "home"
        if kind == "list":
            began = time.perf_counter()
            with connected(door, self.environment) as peer:
                found = len(peer.listing(door.address.folder))
            seconds = time.perf_counter() - began
            if found != len(list(self.folder(kind).iterdir())):
                sys.exit("benchmarks.sftp_poll: our listing is not whole")
            return seconds
        settings = Settings.from_environment({"IMPORT_PIPELINE_HOME": str(home)})
        account = Account.model_validate({"name": "bench", "doors": {"remotes": [door.model_dump()]}})
        with Ledger(settings.ledger_url) as ledger:
            ledger.upgrade()
            look_at(ledger, account, door, _Later(), environment=self.environment)
            clock = _Later(3600)
            look_at(ledger, account, door, clock, environment=self.environment)
            began = time.perf_counter()
            done = collect(ledger, account, door, settings, clock, "bench", tell=lambda _: None, environment=self.environment)
            seconds = time.perf_counter() - began
        if len(done.vaulted) != len(list(self.folder(kind).iterdir())):
            sys.exit(f"benchmarks.sftp_poll: {len(done.vaulted)} files were taken")
        shutil.rmtree(home)
        return seconds


def make_files(folder: Path, count: int, size: int) -> None:
    """Files of bytes that do not compress."""
    folder.mkdir(parents=True)
    for number in range(count):
        with (folder / f"Account_{number:05d}.csv").open("wb") as out:
            left = size
            while left:
                left -= out.write(os.urandom(min(left, 1 << 22)))


def _timed(work: Callable[[], object]) -> float:
    began = time.perf_counter()
    work()
    return time.perf_counter() - began


def measure(bench: Bench, kind: str, runs: int) -> tuple[float, float]:
    """Median seconds of the client and of ours, in turns."""
    found: list[tuple[float, float]] = [(_timed(lambda: bench.client(kind)), bench.ours(kind)) for _ in range(runs)]
    return statistics.median(c for c, _ in found), statistics.median(o for _, o in found)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sftp_poll", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--big", type=int, default=BIG, help="bytes of the big file (default: %(default)s)")
    parser.add_argument("--small", type=int, default=SMALL_FILES, help="how many small files (default: %(default)s)")
    parser.add_argument("--listed", type=int, default=LISTED, help="how many files are listed (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-poll-") as folder, ExitStack() as stack:
        work = Path(folder)
        place = stack.enter_context(sshd(work))
        bench = Bench(place, work, {"BENCH_KEY": place.key.read_text()})
        for kind, count, size in (("list", options.listed, 10), ("small", options.small, SMALL_BYTES), ("big", 1, options.big)):
            make_files(bench.folder(kind), count, size)
        slow = replace(place, port=stack.enter_context(delayed(place.port, LATENCY / 2)))
        print(f"{options.listed:,} listed; {options.small:,} files of {SMALL_BYTES:,} bytes; {options.big / 1e6:,.0f} MB")
        for line, where in (("plain", place), ("slow", slow)):
            for kind, goal in _GOALS[line].items():
                client, ours = measure(replace(bench, place=where), kind, options.runs)
                print(
                    f"{line:>6} {kind:>6}: client {client:6.2f} s, ours {ours:6.2f} s, {ours / client:5.2f} times (goal {goal})", flush=True
                )


if __name__ == "__main__":
    main()
