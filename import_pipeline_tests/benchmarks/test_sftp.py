"""The benchmark of SFTP runs to its end, tells both servers, and trusts no file that did not arrive whole."""

import subprocess
import sys
import time
from pathlib import Path

import pytest

from benchmarks.sftp import Files, put_small
from benchmarks.sftp_servers import Place, delayed, ours, sshd


@pytest.mark.slow
def test_a_small_run_tells_each_step_of_both_servers() -> None:
    """The whole command, on little."""
    words = [sys.executable, "-m", "benchmarks.sftp", "--big", "100000", "--small", "3", "--runs", "1"]
    done = subprocess.run(words, cwd=Path(__file__).parents[2], capture_output=True, text=True, timeout=200, check=True)
    assert [line.split(":")[0].strip() for line in done.stdout.splitlines()[1:]] == [
        "put big",
        "get big",
        "put small",
        "get small",
        "50 clients",
    ]
    assert all("sshd" in line and "ours" in line for line in done.stdout.splitlines()[1:])


def test_files_that_did_not_arrive_make_the_benchmark_fail(tmp_path: Path) -> None:
    """A number of a wrong result is worth nothing."""
    with sshd(tmp_path) as place:
        elsewhere = Place(place.name, place.user, place.port, place.key, place.folder, tmp_path / "nowhere")
        files = Files(tmp_path, 1000, 2)
        put_small(place, files)
        with pytest.raises(SystemExit, match="files are missing"):
            put_small(elsewhere, files)


def test_a_slow_line_delays_and_changes_nothing(tmp_path: Path) -> None:
    """Each direction takes its time; what arrives is what was sent."""
    with ours(tmp_path) as place, delayed(place.port, 0.02) as port:
        files = Files(tmp_path, 1000, 2)
        began = time.perf_counter()
        put_small(Place(place.name, place.user, port, place.key, place.folder, place.disk), files)
        assert time.perf_counter() - began > 10 * 0.02
        assert [p.read_bytes() for p in sorted(place.disk.iterdir())] == [p.read_bytes() for p in sorted(files.small.iterdir())]
