"""Uploads that do not end well: killed, interrupted, two at once, resumed (reference/intake.md, facts 1 and 2)."""

import os
import signal
import subprocess
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

import pytest

from import_pipeline.landing import names
from import_pipeline.landing.look import fingerprint
from import_pipeline.ledger import cut_off, files
from import_pipeline_tests.gateway.sftp.kit import NEW, Client, Server, until

SLOW = ("-l", "16000")
"""OpenSSH's limit in kbit/s: two megabytes a second."""


@pytest.fixture
def big(tmp_path: Path) -> Path:
    """Eight megabytes that are no multiple of any block."""
    path = tmp_path / "big.csv"
    path.write_bytes(b"a,b\n" + os.urandom(8_000_001))
    return path


def staged_bytes(server: Server) -> int:
    return sum(path.stat().st_size for path in server.staged())


@contextmanager
def sending(client: Client, file: Path, name: str, command: str = "put") -> "Iterator[subprocess.Popen[str]]":
    """A slow upload under way: some of it has arrived."""
    batch = client.folder / f"slow{name}"
    batch.write_text(f"{command} {file} {NEW}/{name}\n")
    with client.start("sftp", *SLOW, "-b", batch, client.at) as process:
        before = staged_bytes(client.server)
        until(lambda: staged_bytes(client.server) > before + 600_000)
        yield process
        process.kill()


def is_suspect(server: Server, path: Path) -> bool:
    """What the landing tree was told."""
    packed = names.pack(f"{NEW}/{path.name}".encode())
    with server.ledger.read() as conn:
        return cut_off.waits(conn, "acme", packed, fingerprint(path.stat()))


@pytest.mark.parametrize("how", [signal.SIGKILL, signal.SIGTERM])
def test_a_lost_session_leaves_nothing_and_what_lay_there_stays(ana: Client, server: Server, big: Path, how: signal.Signals) -> None:
    """Neither half a file nor a lost one; the hidden place is empty again."""
    old = server.folder(f"{NEW}/lost.csv")
    old.write_text("old")
    with sending(ana, big, "lost.csv") as process:
        os.killpg(process.pid, how)
        until(lambda: not server.staged())
    assert [p.name for p in server.folder().iterdir()] == ["lost.csv"] and old.read_text() == "old"
    until(lambda: server.audit("upload_lost") and server.audit("upload_lost")[-1]["path"] == f"/{NEW}/lost.csv")
    assert server.listening is not None and server.listening.gate.site("acme").quota.used().files == 1
    old.unlink()


def test_two_uploads_of_one_name_never_mix_and_the_last_to_end_wins(ana: Client, server: Server, big: Path, tmp_path: Path) -> None:
    """Until the second is complete the first lies there as a whole."""
    (tmp_path / "small.csv").write_text("a\n1\n")
    with sending(ana, big, "same.csv") as slow:
        assert not server.folder(f"{NEW}/same.csv").exists()
        assert ana.sftp(f"put {tmp_path / 'small.csv'} {NEW}/same.csv").code == 0
        assert server.folder(f"{NEW}/same.csv").read_text() == "a\n1\n"
        assert slow.wait(30) == 0
    assert server.folder(f"{NEW}/same.csv").read_bytes() == big.read_bytes()
    server.folder(f"{NEW}/same.csv").unlink()


def test_an_interrupted_upload_is_told_to_the_landing_and_can_be_resumed(ana: Client, server: Server, big: Path) -> None:
    """Ctrl-C in OpenSSH's sftp sends a proper close: only the last write being a full one tells."""
    path = server.folder(f"{NEW}/cut.csv")
    with sending(ana, big, "cut.csv") as process:
        os.kill(process.pid, signal.SIGINT)
        process.wait(20)
    until(path.exists)
    until(lambda: is_suspect(server, path))
    part = path.stat().st_size
    assert 0 < part < big.stat().st_size and big.read_bytes().startswith(path.read_bytes())
    done = ana.sftp(f"reput {big} {NEW}/cut.csv")
    assert (done.code, done.err) == (0, "")
    assert path.read_bytes() == big.read_bytes() and not is_suspect(server, path)
    assert server.staged() == []
    path.unlink()


def test_a_resumed_upload_that_is_lost_can_be_resumed_again(ana: Client, server: Server, big: Path) -> None:
    """While it is resumed nobody can take half of it; after that it lies there as far as it came."""
    path = server.folder(f"{NEW}/twice.csv")
    with sending(ana, big, "twice.csv") as process:
        os.kill(process.pid, signal.SIGINT)
        process.wait(20)
    until(path.exists)
    until(lambda: is_suspect(server, path))
    part = path.stat().st_size
    with sending(ana, big, "twice.csv", "reput") as process:
        assert not path.exists()
        os.killpg(process.pid, signal.SIGKILL)
        until(path.exists)
    until(lambda: is_suspect(server, path))
    assert path.stat().st_size > part and big.read_bytes().startswith(path.read_bytes())
    assert ana.sftp(f"reput {big} {NEW}/twice.csv").code == 0
    assert path.read_bytes() == big.read_bytes()
    path.unlink()


def test_resuming_is_refused_in_words_where_it_is_not_safe(ana: Client, server: Server, big: Path, tmp_path: Path) -> None:
    """A complete file, and one that was taken already, would become a mixture of two."""
    path = server.folder(f"{NEW}/whole.csv")
    (tmp_path / "head.csv").write_bytes(big.read_bytes()[:500_001])
    assert ana.sftp(f"put {tmp_path / 'head.csv'} {NEW}/whole.csv").code == 0
    done = ana.sftp(f"reput {big} {NEW}/whole.csv")
    assert done.code == 1 and "cannot be resumed" in done.err and "send the whole file again" in done.err
    assert path.stat().st_size == 500_001 and server.staged() == []
    (tmp_path / "block.csv").write_bytes(big.read_bytes()[: 261_120 * 2])
    assert ana.sftp(f"put {tmp_path / 'block.csv'} {NEW}/whole.csv").code == 0
    assert is_suspect(server, path)
    with server.ledger.begin() as conn:
        (row,) = [file for file in files.live(conn, "acme") if file.name == "whole.csv"]
        files.gone(conn, [row.id])
    assert "cannot be resumed" in ana.sftp(f"reput {big} {NEW}/whole.csv").err
    assert path.stat().st_size == 261_120 * 2
    nothing = ana.sftp(f"reput {big} {NEW}/never.csv")
    assert nothing.code == 1 and not server.folder(f"{NEW}/never.csv").exists()
    path.unlink()


def test_a_server_that_stops_gives_up_what_is_under_way(tmp_path: Path, keys: dict[str, Path], big: Path) -> None:
    """A restart leaves no half file, visible or hidden."""
    with Server(tmp_path / "home") as server:
        client = Client(server, server.add_user("ana", keys=[keys["ed25519"]]), keys["ed25519"])
        batch = client.folder / "slow"
        batch.write_text(f"put {big} {NEW}/x.csv\n")
        with client.start("sftp", *SLOW, "-b", batch, client.at) as process:
            until(lambda: staged_bytes(server) > 600_000)
            server.__exit__()
            assert process.wait(10) != 0
        assert server.staged() == [] and list(server.folder().iterdir()) == []
