"""What a command costs as a whole: CPU seconds and peak memory of its process tree, and wall time.

Belongs here: starting, watching and accounting of one process tree. Does not belong here: which commands are measured (cases.py).
This process must stay small: until a new program is loaded into it, a child counts its parent's memory as its own peak. So files are
generated in a process of their own, and neither polars nor DuckDB is imported here.
"""

import os
import subprocess
import threading
import time
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path

import psutil

_LOOK = 0.1
"""Seconds between two looks at the memory of a tree of processes."""


class BenchmarkError(Exception):
    """A command ended with an error, or gave a wrong result: no number of this run is worth anything."""


@dataclass(frozen=True)
class Cost:
    """What one run cost. `processes` is how many of the tree were seen alive at once."""

    cpu: float
    """CPU seconds, user and system, of the process and all its descendants."""
    wall: float
    peak: int
    """Bytes. Of one process the kernel's own account; of several at once the largest sum seen, which may miss a short peak."""
    processes: int
    output: str = field(repr=False)


def run(command: Sequence[str], *, env: Mapping[str, str] | None = None, log: Path) -> Cost:
    """Runs a command to its end and accounts for it; raises BenchmarkError with the end of its output when it fails."""
    log.parent.mkdir(parents=True, exist_ok=True)
    with log.open("wb") as errors:
        began = time.perf_counter()
        process = subprocess.Popen(command, env=env, stdout=subprocess.PIPE, stderr=errors)
        watcher = _Watcher(process.pid)
        watcher.start()
        assert process.stdout is not None
        output = process.stdout.read().decode("utf-8", "replace")
        _, status, usage = os.wait4(process.pid, 0)
        wall = time.perf_counter() - began
        process.returncode = os.waitstatus_to_exitcode(status)
        process.stdout.close()
        watcher.stop()
    if process.returncode:
        said = log.read_text("utf-8", "replace")[-2000:]
        raise BenchmarkError(f"{' '.join(command)[:300]} ended with {process.returncode}:\n{output[-1000:]}\n{said}")
    peak = max(usage.ru_maxrss * 1024, watcher.peak if watcher.processes > 1 else 0)
    return Cost(usage.ru_utime + usage.ru_stime, wall, peak, watcher.processes, output)


class _Watcher(threading.Thread):
    """Looks at a tree of processes from time to time: how many there are, and what memory they hold together."""

    def __init__(self, pid: int) -> None:
        super().__init__(daemon=True)
        self.pid, self.peak, self.processes = pid, 0, 1
        self._ended = threading.Event()

    def run(self) -> None:
        """Looks until the tree is gone or `stop` is called."""
        while not self._ended.wait(_LOOK):
            try:
                root = psutil.Process(self.pid)
                tree = [root, *root.children(recursive=True)]
                held = [p.memory_info().rss for p in tree]
            except psutil.Error:
                continue
            self.processes = max(self.processes, len(held))
            self.peak = max(self.peak, sum(held))

    def stop(self) -> None:
        """Ends the looking."""
        self._ended.set()
        self.join()
