"""Requests that no well-behaved program sends, one by one."""

import struct
from pathlib import Path

import pytest

from import_pipeline.gateway.sftp.session import MOST_HANDLES
from import_pipeline_tests.gateway.sftp import raw
from import_pipeline_tests.gateway.sftp.kit import NEW, Client, Server, until
from import_pipeline_tests.gateway.sftp.raw import F_APPEND, F_CREAT, F_EXCL, F_READ, F_TRUNC, F_WRITE, OK, PUT, Raw, text

PATH = f"{NEW}/raw.csv"


@pytest.fixture
def path(server: Server) -> Path:
    """Where `PATH` lies; there is nothing."""
    server.folder(PATH).unlink(missing_ok=True)
    return server.folder(PATH)


def test_a_session_that_ends_in_good_order_with_an_open_file_leaves_nothing(ana: Client, server: Server, path: Path) -> None:
    """asyncssh closes what is open; only the client's own close means complete (reference/intake.md, fact 2)."""
    with Raw(ana) as session:
        handle = session.open(PATH, PUT).handle
        assert session.write(handle, 0, b"a,b\n1,").code == OK
        assert len(server.staged()) == 1 and not path.exists()
        assert session.leave().returncode == 0
    until(lambda: not server.staged())
    assert not path.exists()


def test_bytes_may_come_in_any_order_but_none_may_be_missing(ana: Client, server: Server, path: Path) -> None:
    """A program that sends several pieces at once and loses one must not get half a file imported."""
    with Raw(ana) as session:
        for missing in (True, False):
            handle = session.open(PATH, PUT).handle
            assert session.write(handle, 6, b"ghi").code == OK
            assert session.write(handle, 0, b"abc").code == OK
            if not missing:
                assert session.write(handle, 3, b"def").code == OK
            closed = session.close(handle)
            assert ("bytes in the middle" in closed.said, path.exists()) == (missing, not missing)
    assert path.read_bytes() == b"abcdefghi" and server.staged() == []
    path.unlink()


def test_a_file_is_replaced_from_its_first_byte_on_or_not_at_all(ana: Client, server: Server, path: Path) -> None:
    """Writing into the middle of what lies there would make a mixture; opening alone changes nothing."""
    path.write_bytes(b"old content")
    with Raw(ana) as session:
        handle = session.open(PATH, F_WRITE).handle
        assert "not from byte 3 on" in session.write(handle, 3, b"new").said
        assert session.close(handle).code != OK
        handle = session.open(PATH, F_WRITE | F_APPEND).handle
        assert "cannot be resumed" in session.write(handle, 0, b"more").said
        assert session.close(handle).code != OK
        assert session.close(session.open(PATH, F_WRITE | F_CREAT).handle).code == OK
        assert path.read_bytes() == b"old content"
        assert "exists" in session.open(PATH, PUT | F_EXCL).said
        handle = session.open(PATH, F_WRITE).handle
        assert session.write(handle, 0, b"new").code == OK
        assert path.read_bytes() == b"old content"
        assert session.close(handle).code == OK
        assert path.read_bytes() == b"new"
        path.unlink()
        assert session.open(PATH, F_WRITE).code == raw.NO_SUCH_FILE
    assert server.staged() == []


def test_two_that_make_the_same_new_file_get_one(ana: Client, path: Path) -> None:
    """«Only when it does not exist» is asked again when the file appears."""
    with Raw(ana) as session:
        first, second = (session.open(PATH, PUT | F_EXCL).handle for _ in range(2))
        assert session.write(first, 0, b"first").code == session.write(second, 0, b"second").code == OK
        assert session.close(second).code == OK
        assert "came meanwhile" in session.close(first).said
    assert path.read_bytes() == b"second"
    path.unlink()


def test_an_upload_can_be_cut_but_never_be_made_longer_than_what_was_sent(ana: Client, path: Path) -> None:
    """scp sets the size at the end; a longer one would be zeros that nobody sent."""
    with Raw(ana) as session:
        handle = session.open(PATH, PUT).handle
        session.write(handle, 0, b"abcdef")
        longer, shorter = (session.ask(raw.FSETSTAT, text(handle), struct.pack(">IQ", 1, size)) for size in (7, 4))
        assert "longer than what was sent" in longer.said and shorter.code == OK
        assert session.close(handle).code == OK
    assert path.read_bytes() == b"abcd"
    path.unlink()


def test_what_would_reach_behind_the_door_is_not_there(ana: Client, server: Server, path: Path) -> None:
    """Links, copies on the server, and extensions that are not offered."""
    path.write_text("x")
    with Raw(ana) as session:
        assert not any(offer in session.offered for offer in (b"hardlink", b"copy-data", b"ranges"))
        for name in (
            "hardlink@openssh.com",
            "copy-data",
            "ranges@asyncssh.com",
            "expand-path@openssh.com",
            "users-groups-by-id@openssh.com",
        ):
            assert session.ask(raw.EXTENDED, text(name), text(PATH), text(f"{NEW}/z.csv")).code == raw.UNSUPPORTED, name
        assert session.ask(raw.SYMLINK, text("/etc/passwd"), text(f"{NEW}/z.csv")).code == raw.PERMISSION_DENIED
        assert session.ask(raw.READLINK, text("/etc/passwd")).code == raw.PERMISSION_DENIED
        assert session.ask(99, text("x")).code == raw.UNSUPPORTED
        assert session.open(PATH, F_READ | F_WRITE).code == raw.PERMISSION_DENIED
        assert session.open(f"{NEW}/a\0b.csv", PUT).code == raw.PERMISSION_DENIED
        assert session.ask(raw.OPENDIR, text("/etc")).code == raw.NO_SUCH_FILE
    assert [p.name for p in server.folder().iterdir()] == ["raw.csv"]
    path.unlink()


def test_offsets_and_lengths_that_are_not_possible_are_refused(ana: Client, server: Server, path: Path) -> None:
    """64-bit numbers come from the client."""
    path.write_text("content")
    with Raw(ana) as session:
        reading = session.open(PATH, F_READ).handle
        assert session.read(reading, 2**64 - 1, 2**32 - 1).kind == raw.STATUS
        assert session.read(reading, 0, 2**32 - 1).kind == 103
        assert session.write(reading, 0, b"x").code == raw.PERMISSION_DENIED
        writing = session.open(f"{NEW}/w.csv", PUT).handle
        assert "larger than" in session.write(writing, 2**64 - 2, b"x").said
        assert session.read(writing, 0, 10).code == raw.PERMISSION_DENIED
        assert session.close(writing).code != OK and session.close(b"nonsense").code == raw.FAILURE
    assert path.read_text() == "content" and server.staged() == []
    path.unlink()


def test_a_session_may_have_only_so_many_files_open(ana: Client, server: Server) -> None:
    """asyncssh itself let 3,000 be opened in one session (reference/intake.md section 3, e)."""
    with Raw(ana) as session:
        opened = [session.open(f"{NEW}/h{number}.csv", F_WRITE | F_CREAT | F_TRUNC) for number in range(MOST_HANDLES)]
        assert {answer.kind for answer in opened} == {raw.HANDLE}
        assert "files are open" in session.open(f"{NEW}/more.csv", PUT).said
        assert "files are open" in session.ask(raw.OPENDIR, text("/")).said
        session.close(opened[0].handle)
        assert session.ask(raw.OPENDIR, text("/")).kind == raw.HANDLE
    until(lambda: not server.staged())
    assert [p.name for p in server.folder().iterdir()] == ["h0.csv"]
    server.folder(f"{NEW}/h0.csv").unlink()
