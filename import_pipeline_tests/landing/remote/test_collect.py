"""Downloads: compared before and after, under leases, and what a fault in the middle leaves behind (acceptance B-12)."""

import os
import resource
import subprocess
import threading
import time
from pathlib import Path

import pytest

from import_pipeline.failures import TransientFailure
from import_pipeline.landing.remote import client, collect, state
from import_pipeline.landing.remote.faults import Unreachable
from import_pipeline.ledger import remotes

from .kit import Polling, sums
from .sshd import Proxy, Sshd

BIG = b"Title\n" + os.urandom(1 << 20).hex().encode() * 4


def during_download(monkeypatch: pytest.MonkeyPatch, does: object) -> None:
    """Does something once, when the first piece of a file has come."""
    pieces, done = client.Peer.pieces, []

    def watched(self: client.Peer, path: bytes, size: int):  # type: ignore[no-untyped-def]
        for piece in pieces(self, path, size):
            if not done:
                done.append(True)
                does()  # type: ignore[operator]
            yield piece

    monkeypatch.setattr(client.Peer, "pieces", watched)


def test_a_file_that_is_changed_while_it_is_read_is_not_taken_and_the_new_one_is(
    server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Same size, one byte late: only the time tells."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", BIG, mtime=1_700_000_000)
    newer = BIG[:-1] + b"\n"
    during_download(monkeypatch, lambda: server.drop("Account_a.csv", newer, mtime=1_700_000_001))
    assert polling.take().changed == ["Account_a.csv"]
    assert polling.temporary_bytes() == []
    assert polling.take().vaulted == ["Account_a.csv"]
    assert polling.vaulted() == [newer]


def test_a_file_that_grows_while_it_is_read_is_not_taken(server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its sender was not done after all."""
    polling = Polling(tmp_path, server.door())
    path = server.drop("Account_a.csv", BIG, mtime=1_700_000_000)

    def grow() -> None:
        with path.open("ab") as more:
            more.write(b"more\n")
        os.utime(path, (1_700_000_000, 1_700_000_000))

    during_download(monkeypatch, grow)
    assert polling.take().changed == ["Account_a.csv"]
    assert polling.take().vaulted == ["Account_a.csv"]
    assert polling.vaulted() == [BIG + b"more\n"]


def test_a_file_that_is_cut_while_it_is_read_is_not_taken(server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Fewer bytes than the listing said are never a file."""
    polling = Polling(tmp_path, server.door())
    path = server.drop("Account_a.csv", BIG, mtime=1_700_000_000)
    during_download(monkeypatch, lambda: os.truncate(path, 100))
    assert polling.take().changed == ["Account_a.csv"]
    assert polling.vaulted() == []


def test_a_small_file_that_is_replaced_while_it_is_read_is_not_taken_and_the_new_one_is(
    server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is fetched in one go, and looked at before and after all the same."""
    from asyncssh import SFTPClient

    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", b"Title\nold\n", mtime=1_700_000_000)
    opening, done = SFTPClient.open, []

    async def replaced(self: SFTPClient, *arguments: object, **more: object) -> object:
        opened = await opening(self, *arguments, **more)  # type: ignore[arg-type]
        if not done:
            done.append(True)
            server.drop("Account_a.csv", b"Title\nnew\n", mtime=1_700_000_001)
        return opened

    monkeypatch.setattr(SFTPClient, "open", replaced)
    assert polling.take().changed == ["Account_a.csv"] and polling.temporary_bytes() == []
    assert polling.take().vaulted == ["Account_a.csv"]
    assert polling.vaulted() == [b"Title\nnew\n"]


def test_a_file_that_goes_between_look_and_download_is_gone(server: Sshd, tmp_path: Path) -> None:
    """Its sender took it back."""
    polling = Polling(tmp_path, server.door())
    path = server.drop("Account_a.csv", "Title\na\n")
    polling.looks()
    path.unlink()
    assert polling.collect().gone == ["Account_a.csv"]
    assert polling.states() == [("Account_a.csv", "gone")]


@pytest.mark.skipif(os.getuid() != 0, reason="a file of another user is needed")
def test_a_file_that_may_not_be_read_waits_with_growing_pauses_and_blocks_nothing(server: Sshd, tmp_path: Path) -> None:
    """The others are taken; this one is told once."""
    polling = Polling(tmp_path, server.door())
    path = server.drop("Account_a.csv", "Title\na\n")
    path.chmod(0)
    os.chown(path, 0, 0)
    server.drop("Account_b.csv", "Title\nb\n")
    done = polling.take()
    assert (done.vaulted, done.refused, len(done.issues)) == (["Account_b.csv"], ["Account_a.csv"], 1)
    assert polling.look().waiting == () and polling.collect().refused == []
    polling.clock.turn(31)
    done = polling.collect()
    assert (done.refused, done.issues) == (["Account_a.csv"], [])
    with polling.ledger.read() as conn:
        (noted,) = remotes.noted(conn, "acme", "remote:partner")
    assert noted.name == "Account_a.csv" and "permission denied" in (noted.note or "")
    server.give(path).chmod(0o644)
    polling.clock.turn(61)
    assert polling.collect().vaulted == ["Account_a.csv"]


def test_a_server_killed_in_mid_download_loses_nothing(server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The claim is given back, nothing is in the vault, and the next run takes the file."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", BIG)
    during_download(monkeypatch, server.stop)
    polling.looks()
    with pytest.raises(Unreachable):
        polling.collect()
    assert polling.states() == [("Account_a.csv", "seen")] and polling.temporary_bytes() == []
    assert len(polling.slept) == collect.TRIES - 1
    server.start()
    assert polling.collect().vaulted == ["Account_a.csv"]
    assert polling.vaulted() == [BIG]


def test_what_ends_a_run_pauses_the_next_and_what_goes_well_ends_the_pause(server: Sshd, tmp_path: Path) -> None:
    """30 seconds, then 60, then 120; a quarter of an hour at most."""
    polling = Polling(tmp_path, server.door())
    server.stop()
    pauses = []
    for _ in range(3):
        with pytest.raises(Unreachable):
            polling.collect()
        stored = state.load(polling.ledger, polling.account, polling.door, "collect")
        pauses.append(state.pause_left(stored, polling.clock.now()).total_seconds())
    assert pauses == [30, 60, 120]
    server.start()
    polling.collect()
    assert state.load(polling.ledger, polling.account, polling.door, "collect").fault is None


def test_a_connection_that_breaks_once_is_made_again_in_the_same_run(server: Sshd, tmp_path: Path) -> None:
    """A moment's fault costs no run."""
    cuts = iter([None, None, 300_000])
    with Proxy(server.port, cut=lambda: next(cuts, None)) as proxy:
        polling = Polling(tmp_path, server.door(port=proxy.port))
        server.drop("Account_a.csv", BIG)
        assert polling.take().vaulted == ["Account_a.csv"]
        assert proxy.cuts == 1
    assert polling.vaulted() == [BIG]


def test_a_slow_server_is_waited_for_and_the_claim_renewed(server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Another collector must not take the file meanwhile; progress is told."""
    with Proxy(server.port, delay=0.01) as proxy:
        polling = Polling(tmp_path, server.door(port=proxy.port))
        server.drop("Account_a.csv", BIG)
        polling.looks()
        renewed = []
        renew = collect.files.renew

        def noted(*arguments: object, **more: object) -> bool:
            renewed.append(1)
            return renew(*arguments, **more)  # type: ignore[arg-type]

        monkeypatch.setattr(collect.files, "renew", noted)
        pieces = client.Peer.pieces

        def slowly(self: client.Peer, path: bytes, size: int):  # type: ignore[no-untyped-def]
            for piece in pieces(self, path, size):
                polling.clock.turn(61)
                yield piece

        monkeypatch.setattr(client.Peer, "pieces", slowly)
        assert polling.collect().vaulted == ["Account_a.csv"]
    assert len(renewed) > 5 and any("of 8,388,614 bytes" in line for line in polling.told)


def test_a_silent_server_is_given_up(tmp_path: Path, server: Sshd, monkeypatch: pytest.MonkeyPatch) -> None:
    """Other clients hang for minutes on a server that accepts and says nothing (fact 4)."""
    import socket

    monkeypatch.setattr(client, "CONNECT_SECONDS", 1)
    with socket.create_server(("127.0.0.1", 0)) as silent:
        polling = Polling(tmp_path, server.door(port=silent.getsockname()[1]))
        begun = time.monotonic()
        with pytest.raises(Unreachable):
            polling.look()
        assert time.monotonic() - begun < 5


@pytest.mark.skipif(os.getuid() != 0, reason="mounting a small file system takes root; CI runs as root")
def test_a_full_disk_gives_every_claim_back_and_goes_on_with_room(server: Sshd, tmp_path: Path) -> None:
    """The machine's fault, not the file's: nothing is booked, nothing lies half in the vault."""
    polling = Polling(tmp_path, server.door())
    contents = [BIG + bytes([65 + number]) for number in range(3)]
    for number, content in enumerate(contents):
        server.drop(f"Account_{number}.csv", content)
    vault = polling.settings.vault
    vault.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=9m", "tmpfs", str(vault)], check=True)
    try:
        polling.looks()
        with pytest.raises(TransientFailure, match="cannot take more"):
            polling.collect()
        assert polling.slept == []
        states = [found for _, found in polling.states()]
        assert set(states) <= {"seen", "vaulted"} and states.count("seen") >= 2 and polling.temporary_bytes() == []
        subprocess.run(["mount", "-o", "remount,size=64m", str(vault)], check=True)
        polling.collect()
        assert sums(polling.vaulted()) == sums(contents)
    finally:
        subprocess.run(["umount", str(vault)], check=True)


def test_a_file_size_limit_of_the_process_is_a_full_disk_too(server: Sshd, tmp_path: Path) -> None:
    """Without root, the same rule by another way."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", BIG)
    polling.looks()
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        with pytest.raises(TransientFailure, match="cannot take more"):
            polling.collect()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert polling.states() == [("Account_a.csv", "seen")] and polling.temporary_bytes() == []
    assert polling.collect().vaulted == ["Account_a.csv"]


def test_two_collectors_share_the_files_and_take_none_twice(server: Sshd, tmp_path: Path) -> None:
    """Leases decide; the ledger is one."""
    polling = Polling(tmp_path, server.door(parallel=3))
    contents = [f"Title\n{number}\n".encode() for number in range(40)]
    for number, content in enumerate(contents):
        server.drop(f"Account_{number}.csv", content)
    polling.looks()
    other = Polling(tmp_path, server.door(parallel=3))
    other.owner, other.clock = "another", polling.clock
    taken: list[list[str]] = []
    hands = [threading.Thread(target=lambda p=each: taken.append(p.collect().vaulted)) for each in (polling, other)]
    for hand in hands:
        hand.start()
    for hand in hands:
        hand.join()
    assert sorted(name for names in taken for name in names) == sorted(f"Account_{number}.csv" for number in range(40))
    assert sums(polling.vaulted()) == sums(contents)


def test_a_claim_of_a_process_that_died_is_taken_when_its_lease_is_over(server: Sshd, tmp_path: Path) -> None:
    """Nothing waits for the dead."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", "Title\na\n")
    polling.looks()
    with polling.ledger.begin() as conn:
        remotes.claim(conn, "acme", "remote:partner", "dead", now=polling.clock.now(), lease=collect.LEASE)
    assert polling.collect().vaulted == []
    polling.clock.turn(301)
    assert polling.collect().vaulted == ["Account_a.csv"]


def test_more_files_than_hands_are_all_taken_in_one_run(server: Sshd, tmp_path: Path) -> None:
    """Eight at once by default."""
    polling = Polling(tmp_path, server.door())
    for number in range(100):
        server.drop(f"Account_{number}.csv", f"Title\n{number}\n")
    assert len(polling.take().vaulted) == 100
    assert len([line for line in polling.told if "in the vault" in line]) == 1
