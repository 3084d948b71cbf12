"""`python -m benchmarks.sftp`: our SFTP server against OpenSSH's sshd, with OpenSSH's sftp as the client of both.

Belongs here: sending and fetching one big file, many small ones, fifty clients at once; medians and ratios. Does not belong here: the
servers (sftp_servers.py), what we fetch from other servers (sftp_poll.py).
Wall seconds count: client, server and disk share the machine, and a sender waits for all of them.
"""

import argparse
import os
import shutil
import statistics
import subprocess
import sys
import tempfile
import time
from collections.abc import Callable, Sequence
from concurrent.futures import ThreadPoolExecutor
from contextlib import ExitStack
from pathlib import Path

from benchmarks.sftp_servers import Place, ours, sshd

BIG, SMALL_FILES, SMALL_BYTES, CLIENTS, RUNS = 500_000_000, 2_000, 20_000, 50, 3
_OF_EACH = 4
"""Files that each of many clients sends, of a megabyte."""
GOALS = {"put big": 1.15, "get big": 1.15, f"{CLIENTS} clients": 0.5, "put small": 1.0, "get small": 1.0}
"""At most so many times sshd's seconds."""


class Files:
    """What is sent: made once, of bytes that do not compress."""

    def __init__(self, work: Path, big: int, small: int) -> None:
        self.big = work / "big.csv"
        _write(self.big, big)
        self.small = work / "small"
        self.small.mkdir()
        for number in range(small):
            _write(self.small / f"Account_{number:05d}.csv", SMALL_BYTES)
        self.mega = work / "mega.csv"
        _write(self.mega, 1_000_000)
        self.back = work / "back"


def _write(path: Path, size: int) -> None:
    with path.open("wb") as out:
        left = size
        while left:
            left -= out.write(os.urandom(min(left, 1 << 22)))


def _sftp(place: Place, *commands: str) -> None:
    batch = "\n".join(commands) + "\n"
    done = subprocess.run(["sftp", *place.options(), "-b", "-", place.at], input=batch, capture_output=True, text=True, check=False)
    if done.returncode:
        sys.exit(f"benchmarks.sftp: {place.name}: {done.stderr.strip()}")


def put_big(place: Place, files: Files) -> None:
    """One file there."""
    _sftp(place, f"put {files.big} {place.folder}/Account_big.csv")


def get_big(place: Place, files: Files) -> None:
    """And back."""
    _sftp(place, f"get {place.folder}/Account_big.csv {files.back}")
    if files.back.stat().st_size != files.big.stat().st_size:
        sys.exit(f"benchmarks.sftp: {place.name}: the file came back as another one")


def put_small(place: Place, files: Files) -> None:
    """Many small files there, one after the other as sftp does it."""
    _sftp(place, f"put {files.small}/* {place.folder}/")
    if len(list(place.disk.glob("Account_0*.csv"))) != len(list(files.small.iterdir())):
        sys.exit(f"benchmarks.sftp: {place.name}: files are missing")


def get_small(place: Place, files: Files) -> None:
    """And back."""
    files.back.mkdir()
    _sftp(place, f"get {place.folder}/Account_0*.csv {files.back}/")


def many_clients(place: Place, files: Files) -> None:
    """Fifty clients, each with a log-in of its own."""

    def one(number: int) -> None:
        _sftp(place, *(f"put {files.mega} {place.folder}/Lead_{number}_{part}.csv" for part in range(_OF_EACH)))

    with ThreadPoolExecutor(CLIENTS) as pool:
        list(pool.map(one, range(CLIENTS)))
    sent = [path.stat().st_size for path in place.disk.glob("Lead_*.csv")]
    if sent != [files.mega.stat().st_size] * CLIENTS * _OF_EACH:
        sys.exit(f"benchmarks.sftp: {place.name}: {len(sent)} files arrived whole")


STEPS: dict[str, Callable[[Place, Files], None]] = {
    "put big": put_big,
    "get big": get_big,
    "put small": put_small,
    "get small": get_small,
    f"{CLIENTS} clients": many_clients,
}


def measure(places: Sequence[Place], files: Files, runs: int) -> dict[str, dict[str, float]]:
    """Median wall seconds by step and server; the servers take turns, so that both meet the same machine."""
    found: dict[str, dict[str, list[float]]] = {step: {place.name: [] for place in places} for step in STEPS}
    for number in range(runs):
        for step, work in STEPS.items():
            for place in places if number % 2 == 0 else reversed(places):
                began = time.perf_counter()
                work(place, files)
                found[step][place.name].append(time.perf_counter() - began)
                _forget(files.back)
        for place in places:
            for path in place.disk.iterdir():
                path.unlink()
    return {step: {name: statistics.median(seconds) for name, seconds in by.items()} for step, by in found.items()}


def _forget(path: Path) -> None:
    if path.is_dir():
        shutil.rmtree(path)
    else:
        path.unlink(missing_ok=True)


def main() -> None:
    """Measures and prints."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.sftp", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--big", type=int, default=BIG, help="bytes of the big file (default: %(default)s)")
    parser.add_argument("--small", type=int, default=SMALL_FILES, help="how many small files (default: %(default)s)")
    parser.add_argument("--runs", type=int, default=RUNS)
    options = parser.parse_args()
    with tempfile.TemporaryDirectory(prefix="bench-sftp-") as folder, ExitStack() as stack:
        work = Path(folder)
        files = Files(work, options.big, options.small)
        places = [stack.enter_context(server(work)) for server in (sshd, ours)]
        found = measure(places, files, options.runs)
    print(f"{options.big / 1e6:,.0f} MB; {options.small:,} files of {SMALL_BYTES:,} bytes; median of {options.runs}")
    for step, seconds in found.items():
        ratio = seconds["ours"] / seconds["sshd"]
        print(f"{step:>11}: sshd {seconds['sshd']:6.2f} s, ours {seconds['ours']:6.2f} s, {ratio:4.2f} times (goal {GOALS[step]})")


if __name__ == "__main__":
    main()
