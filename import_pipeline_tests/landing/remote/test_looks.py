"""What a look sees and remembers (reference/intake.md section 4)."""

import os
from datetime import timedelta
from pathlib import Path

import pytest

from import_pipeline.landing.remote.faults import Missing, Unreachable

from .kit import Polling
from .sshd import Sshd


def test_a_file_is_taken_when_two_looks_far_enough_apart_are_equal(server: Sshd, tmp_path: Path) -> None:
    """By our own monotonic clock: the server's may say anything."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", "Title\na\n")
    assert polling.look().new == ("Account_a.csv",)
    polling.clock.turn(4)
    assert polling.look().waiting == ("Account_a.csv",)
    assert polling.collect().vaulted == []
    polling.clock.turn(2)
    assert polling.look().waiting == ()
    assert polling.collect().vaulted == ["Account_a.csv"]
    assert polling.vaulted() == [b"Title\na\n"]


def test_a_file_that_grows_begins_anew(server: Sshd, tmp_path: Path) -> None:
    """Half an upload is never read (acceptance B-12)."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", "Title\na\n")
    polling.look()
    polling.clock.turn(6)
    server.drop("Account_a.csv", "Title\na\nb\n")
    assert polling.look().waiting == ("Account_a.csv",)
    polling.clock.turn(6)
    polling.look()
    polling.collect()
    assert polling.vaulted() == [b"Title\na\nb\n"]


def test_a_size_of_whole_blocks_settles_longer(server: Sshd, tmp_path: Path) -> None:
    """An interrupted upload is closed as if it were complete (fact 1)."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", b"x" * 32_768)
    assert polling.looks(60).waiting == ("Account_a.csv",)
    polling.clock.turn(600)
    assert polling.look().waiting == ()


def test_a_listing_that_fails_is_never_an_empty_one(server: Sshd, tmp_path: Path) -> None:
    """Otherwise a server that is down for a minute would end the arrivals that were seen."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", "Title\na\n")
    polling.look()
    server.stop()
    with pytest.raises(Unreachable):
        polling.look()
    assert polling.states() == [("Account_a.csv", "seen")]
    server.start()
    moved = server.files.rename(server.folder / "elsewhere")
    with pytest.raises(Missing):
        polling.look()
    assert polling.states() == [("Account_a.csv", "seen")]
    moved.rename(server.files)
    polling.clock.turn(6)
    polling.look()
    assert polling.collect().vaulted == ["Account_a.csv"]


def test_a_file_that_goes_before_it_is_taken_is_gone(server: Sshd, tmp_path: Path) -> None:
    """A whole listing without it says so."""
    polling = Polling(tmp_path, server.door())
    path = server.drop("Account_a.csv", "Title\na\n")
    polling.look()
    path.unlink()
    assert polling.look().gone == 1
    assert polling.states() == [("Account_a.csv", "gone")]


@pytest.mark.parametrize(
    "name",
    [
        b"Account_\xff\xfe.csv",
        b"Account_new\nline.csv",
        b"Account_" + b"x" * 243 + b".csv",
        "Account_\U0001f600 ü.csv".encode(),
        b"Account_$(rm);'.csv",
    ],
    ids=["latin-1", "newline", "255 bytes", "emoji", "shell"],
)
def test_any_name_is_listed_taken_and_moved(name: bytes, server: Sshd, tmp_path: Path) -> None:
    """One Latin-1 name blinds the other clients for the whole folder (fact 5)."""
    polling = Polling(tmp_path, server.door(after="move", results="results"))
    server.drop(name, "Title\na\n")
    server.drop("Account_plain.csv", "Title\nb\n")
    assert len(polling.take().vaulted) == 2
    polling.deliver()
    assert name in os.listdir(os.fsencode(server.files / "results/Success"))  # noqa: PTH208
    assert server.names() == ["results"]


def test_what_is_no_file_or_not_meant_is_left_alone(server: Sshd, tmp_path: Path) -> None:
    """Links are never followed; folders and what no pattern means are none of our business."""
    polling = Polling(tmp_path, server.door(files=["account_*.CSV"]))
    server.make("sub")
    server.drop("Account_a.csv", "Title\na\n")
    server.drop("Contact_a.csv", "Title\na\n")
    server.drop(".hidden.csv", "Title\na\n")
    server.drop("Account_b.csv.part", "Title\n")
    (server.files / "Account_link.csv").symlink_to("/etc/passwd")
    os.mkfifo(server.files / "Account_pipe.csv")
    seen = polling.looks()
    assert polling.collect().vaulted == ["Account_a.csv"]
    assert seen.listed == 4
    states = dict(polling.states())
    assert states == {
        "Account_a.csv": "vaulted", "Account_link.csv": "skipped", "Account_pipe.csv": "skipped", "Account_b.csv.part": "skipped",
    }  # fmt: skip


def test_a_pattern_says_what_its_files_are_where_their_names_do_not(server: Sshd, tmp_path: Path) -> None:
    """Other people name their files as they like."""
    polling = Polling(tmp_path, server.door(files=[{"match": "export-*.csv", "type": "contact"}, "*"]))
    server.drop("export-7.csv", "Title\na\n")
    server.drop("Sales_Order_1.csv", "Title\nb\n")
    polling.take()
    assert {job.name: job.object_type for job in polling.deliver()} == {"export-7.csv": "Contact", "Sales_Order_1.csv": "Sales Order"}


@pytest.mark.parametrize("mtime", [0, 1, 2**31 - 1, 4_000_000_000])
def test_no_time_of_the_server_keeps_a_file_out(mtime: int, server: Sshd, tmp_path: Path) -> None:
    """A cursor of times loses files (fact 6); a clock ten minutes, or seventy years, off changes nothing."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_now.csv", "Title\na\n")
    polling.take()
    server.drop("Account_then.csv", "Title\nb\n", mtime=mtime)
    assert polling.take().vaulted == ["Account_then.csv"]


def test_a_clock_of_ours_that_jumps_ten_minutes_either_way_changes_nothing(server: Sshd, tmp_path: Path) -> None:
    """Pauses use the wall clock: a moment further ahead than any pause belongs to a clock that was turned back."""
    from import_pipeline.landing.remote import state

    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", "Title\na\n")
    polling.look()
    now = polling.clock.now()
    state.failed(polling.ledger, polling.account, polling.door, "look", Unreachable("gone"), now=now)
    stored = state.load(polling.ledger, polling.account, polling.door, "look")
    assert state.pause_left(stored, now) == timedelta(seconds=30)
    assert state.pause_left(stored, now + timedelta(minutes=10)) == timedelta()
    assert state.pause_left(stored, now - timedelta(days=1)) == timedelta()
    polling.clock.turn(6)
    polling.look()
    assert polling.collect().vaulted == ["Account_a.csv"]


def test_what_was_left_is_remembered_by_its_row_as_long_as_it_lies_there(server: Sshd, tmp_path: Path) -> None:
    """`after: leave`: the ledger is the memory, uncapped; a file that came anew under the same name, size and time is another one."""
    polling = Polling(tmp_path, server.door())
    path = server.drop("Account_a.csv", "Title\na\n", mtime=1_700_000_000)
    polling.take()
    polling.deliver()
    for _ in range(3):
        assert polling.take().vaulted == []
    assert polling.states() == [("Account_a.csv", "answered")] and server.names() == ["Account_a.csv"]
    path.unlink()
    polling.look()
    server.drop("Account_a.csv", "Title\nb\n", mtime=1_700_000_000)
    assert polling.take().vaulted == ["Account_a.csv"]
    assert polling.vaulted() == [b"Title\na\n", b"Title\nb\n"]


def test_what_was_left_and_changed_is_a_new_arrival(server: Sshd, tmp_path: Path) -> None:
    """Same name, other bytes (acceptance B-5)."""
    polling = Polling(tmp_path, server.door())
    server.drop("Account_a.csv", "Title\na\n", mtime=1_700_000_000)
    polling.take()
    polling.deliver()
    server.drop("Account_a.csv", "Title\nb\n", mtime=1_700_000_001)
    assert polling.take().vaulted == ["Account_a.csv"]


def test_the_memory_of_what_was_left_outlives_a_pattern_that_was_changed_and_changed_back(server: Sshd, tmp_path: Path) -> None:
    """Only a listing that has the file no more ends it."""
    polling = Polling(tmp_path, server.door(), server.door("narrow", files=["nothing*"]))
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    polling.deliver()
    other = polling.account.doors.remotes[1].model_copy(update={"name": "partner"})
    assert polling.look(other).listed == 0
    assert polling.take().vaulted == []


def test_the_same_name_size_and_time_after_the_first_was_moved_is_a_new_arrival(server: Sshd, tmp_path: Path) -> None:
    """Clients that keep timestamps do this; a memory over all rows ignored such a file for ever (intake section 4, «Keys»)."""
    polling = Polling(tmp_path, server.door(after="move", results="results"))
    for text in ("Title\na\n", "Title\nb\n"):
        server.drop("Account_a.csv", text, mtime=1_700_000_000)
        assert polling.take().vaulted == ["Account_a.csv"]
        polling.deliver()
    assert polling.vaulted() == [b"Title\na\n", b"Title\nb\n"]
    originals = [name for name in server.names("results/Success") if not name.endswith(".json")]
    assert len(originals) == 2 and "Account_a.csv" in originals


def test_two_servers_with_the_same_file_are_two_arrivals(server: Sshd, tmp_path: Path) -> None:
    """Same path, size and time on both."""
    polling = Polling(tmp_path, server.door("one"), server.door("two"))
    server.drop("Account_a.csv", "Title\na\n", mtime=1_700_000_000)
    for door in polling.account.doors.remotes:
        polling.looks(door=door)
        assert polling.collect(door).vaulted == ["Account_a.csv"]


def test_a_thousand_files_are_seen_in_one_look_and_none_is_seen_twice(server: Sshd, tmp_path: Path) -> None:
    """Nothing is capped."""
    polling = Polling(tmp_path, server.door())
    for number in range(1000):
        server.drop(f"Account_{number}.csv", f"Title\n{number}\n")
    assert len(polling.look().new) == 1000
    assert polling.look().new == ()
