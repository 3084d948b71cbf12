"""How large, how many, how much: limits of an account, and what is left behind by a server that died."""

import os
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path

import pytest

from import_pipeline.gateway.sftp.disk import Disk
from import_pipeline.gateway.sftp.quota import FRESH
from import_pipeline.gateway.sftp.sweep import sweep
from import_pipeline_tests.gateway.sftp.kit import NEW, Client, Server

DOORS = {"max_file_bytes": "300KB", "quota_bytes": "500KB", "quota_files": 3, "allow_delete": False}


@pytest.fixture(scope="module")
def server(tmp_path_factory: pytest.TempPathFactory, keys: dict[str, Path]) -> Iterator[Server]:
    """A server whose accounts may have little."""
    with Server(tmp_path_factory.mktemp("home"), doors=DOORS) as running:
        running.add_user("ana", keys=[keys["ed25519"]])
        yield running


@pytest.fixture
def sized(tmp_path: Path) -> dict[int, Path]:
    """Files of so many kilobytes."""
    files = {}
    for size in (1, 100, 290, 301):
        files[size] = tmp_path / f"{size}.csv"
        files[size].write_bytes(os.urandom(size * 1000))
    return files


@pytest.fixture(autouse=True)
def empty(server: Server) -> None:
    """Nothing waits."""
    for path in server.folder().iterdir():
        path.unlink()
    assert server.listening is not None
    server.listening.gate.site("acme").quota._counted = -FRESH


def test_a_file_that_is_too_large_is_refused_and_nothing_of_it_is_left(ana: Client, server: Server, sized: dict[int, Path]) -> None:
    """A-10: 100 MB for Advocate. The file that it should replace stays."""
    assert ana.sftp(f"put {sized[1]} {NEW}/a.csv").code == 0
    done = ana.sftp(f"put {sized[301]} {NEW}/a.csv")
    assert done.code == 1 and "larger than the 300,000 bytes that are taken" in done.err
    assert server.folder(f"{NEW}/a.csv").read_bytes() == sized[1].read_bytes()
    assert server.staged() == [] and server.audit("upload_lost")[-1]["reason"].startswith("the file is larger")


def test_bytes_that_wait_and_are_under_way_count_and_what_was_taken_does_not(ana: Client, server: Server, sized: dict[int, Path]) -> None:
    """Freed by deleting, by replacing with less, and by the landing."""
    assert ana.sftp(f"put {sized[290]} {NEW}/a.csv").code == 0
    done = ana.sftp(f"put {sized[290]} {NEW}/b.csv")
    assert done.code == 1 and "500,000 bytes are used up" in done.err
    assert (
        ana.sftp(f"rm {NEW}/a.csv", f"put {sized[290]} {NEW}/b.csv", f"put {sized[100]} {NEW}/b.csv", f"put {sized[290]} {NEW}/c.csv").code
        == 0
    )
    for path in server.folder().iterdir():
        path.unlink()
    time.sleep(FRESH)
    assert ana.sftp(f"put {sized[290]} {NEW}/d.csv").code == 0
    assert ana.sftp("df").out.splitlines()[-1].split()[0] == "488"


def test_files_that_wait_count_over_all_folders(ana: Client, server: Server, sized: dict[int, Path]) -> None:
    """A loop that sends for ever fills the disk with small files too."""
    puts = [f"put {sized[1]} {folder}/{name}.csv" for folder, name in ((NEW, "a"), (NEW, "b"), ("Territories", "c"))]
    assert ana.sftp(*puts).code == 0
    done = ana.sftp(f"put {sized[1]} {NEW}/d.csv")
    assert done.code == 1 and "3 files wait" in done.err
    assert ana.sftp("rm Territories/c.csv", f"put {sized[1]} {NEW}/d.csv").code == 0


def test_answers_can_be_deleted_only_where_the_account_allows_it(ana: Client, server: Server) -> None:
    """What was sent and not taken yet can always be deleted."""
    answer = server.folder("DataObjects/Import/Failed/a.errors.csv")
    answer.write_text("line")
    done = ana.sftp("rm DataObjects/Import/Failed/a.errors.csv")
    assert done.code == 1 and "this account keeps what lies in" in done.err and answer.exists()
    server.folder(f"{NEW}/mine.csv").write_text("a")
    assert ana.sftp(f"rm {NEW}/mine.csv").code == 0


def test_what_a_dead_server_left_is_swept_after_its_time_and_what_is_under_way_never(tmp_path: Path) -> None:
    """`kill -9` of the server leaves one hidden file for each upload under way."""
    import fcntl

    disk = Disk(tmp_path)
    staging = tmp_path / ".staging"
    for name in ("dead", "held", "young"):
        (staging / name).write_text("x")
    for name in ("dead", "held"):
        os.utime(staging / name, (0, 0))
    with (staging / "held").open() as held:
        fcntl.flock(held, fcntl.LOCK_EX)
        assert sweep(disk, timedelta(hours=1), now=time.time()) == 1
    assert sorted(path.name for path in staging.iterdir()) == ["held", "young"]
    staging.rename(tmp_path / "elsewhere")
    staging.symlink_to(tmp_path / "elsewhere")
    assert sweep(disk, timedelta(0), now=time.time()) == 0
    disk.close()
