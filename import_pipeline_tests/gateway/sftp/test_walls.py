"""Nothing leads out of the account's tree, and nothing of SSH but files is served (reference/intake.md section 3: escape tries)."""

import os
from pathlib import Path

import pytest

from import_pipeline_tests.gateway.sftp.kit import NEW, Client, Server


@pytest.fixture
def secret(server: Server) -> Path:
    """A file outside the tree, which nobody may reach."""
    path = server.home / "secret.txt"
    path.write_text("secret")
    return path


def test_no_path_leads_outside(ana: Client, server: Server, secret: Path, tmp_path: Path) -> None:
    """Reading, writing, deleting and renaming are refused alike."""
    server.folder("DataObjects/Import/New/theirs.csv", "other").write_text("theirs")
    (tmp_path / "x").write_text("mine")
    targets = [
        "../secret.txt",
        f"../../../../../..{secret}",
        str(secret),
        "DataObjects/../../../secret.txt",
        f"{NEW}/../../../../../secret.txt",
        "/../other/DataObjects/Import/New/theirs.csv",
        "/.staging/x",
        "/.taken/x",
        "/Templates/x",
        "//etc/passwd",
        "/proc/self/environ",
    ]
    wishes = (f"get {{}} {tmp_path / 'out'}", f"put {tmp_path / 'x'} {{}}", "rm {}", f"rename {{}} {NEW}/z.csv")
    assert ana.refused(*(wish.format(target) for target in targets for wish in wishes))
    assert not (tmp_path / "out").exists() and secret.read_text() == "secret"
    assert server.folder("DataObjects/Import/New/theirs.csv", "other").read_text() == "theirs"
    assert not server.folder(f"{NEW}/z.csv").exists()


def test_links_can_be_made_by_nobody(ana: Client, server: Server) -> None:
    """A symlink made deep in the tree and renamed upwards is how asyncssh's own class is escaped (fact 3)."""
    server.folder(f"{NEW}/real.csv").write_text("x")
    assert ana.refused(f"symlink ../../../.. {NEW}/up", f"ln -s /etc/passwd {NEW}/p", f"ln {NEW}/real.csv {NEW}/hard.csv")
    assert sorted(p.name for p in server.folder().iterdir()) == ["real.csv"]
    server.folder(f"{NEW}/real.csv").unlink()


def test_a_planted_link_or_pipe_is_neither_seen_nor_followed_nor_overwritten(
    ana: Client, server: Server, secret: Path, tmp_path: Path
) -> None:
    """Whoever has the disk may plant one; the server's rights must not be lent to it."""
    folder = server.folder()
    (folder / "link.csv").symlink_to(secret)
    (folder / "away").symlink_to(server.home)
    os.mkfifo(folder / "pipe.csv")
    (tmp_path / "x").write_text("mine")
    try:
        assert ana.sftp(f"ls -1 {NEW}").out.splitlines()[1:] == []
        wishes = (f"get {{}} {tmp_path / 'out'}", f"put {tmp_path / 'x'} {{}}", "rm {}")
        planted = [f"{NEW}/{name}" for name in ("link.csv", "pipe.csv", "away/secret.txt")]
        assert ana.refused(*(wish.format(path) for path in planted for wish in wishes))
        assert ana.sftp(f"put {tmp_path / 'x'} {NEW}/a.csv", f"rename {NEW}/a.csv {NEW}/link.csv").code == 1
        assert secret.read_text() == "secret" and not (tmp_path / "out").exists()
    finally:
        for path in folder.iterdir():
            path.unlink()


def test_a_folder_that_was_replaced_by_a_link_is_not_entered(ana: Client, server: Server, tmp_path: Path) -> None:
    """The last component is not the only one that can be a link."""
    outside = server.home / "outside"
    outside.mkdir()
    folder = server.folder("Leads/Check/New")
    folder.rmdir()
    folder.symlink_to(outside)
    (tmp_path / "x").write_text("mine")
    assert ana.sftp(f"put {tmp_path / 'x'} Leads/Check/New/x.csv").code == 1
    assert list(outside.iterdir()) == []
    folder.unlink()
    folder.mkdir()


def test_folders_can_neither_be_made_nor_removed_nor_renamed(ana: Client, server: Server) -> None:
    """The tree is what the landing looks at."""
    assert ana.refused(f"mkdir {NEW}/sub", "mkdir /sub", f"rmdir {NEW}", "rmdir /Exports/Daily", f"rename {NEW} /Old", f"rm {NEW}")
    assert server.folder().is_dir()


def test_there_is_no_shell_no_command_no_terminal_and_no_old_scp(ana: Client, tmp_path: Path) -> None:
    """Only the SFTP subsystem is served."""
    marker = tmp_path / "marker"
    for arguments in ((ana.at, f"touch {marker}"), ("-tt", ana.at), (ana.at,), ("-s", ana.at, "shell")):
        assert ana.call("ssh", *arguments, typed=f"touch {marker}\n").code not in (0, None)
    (tmp_path / "x").write_text("mine")
    assert ana.call("scp", "-O", tmp_path / "x", f"{ana.at}:{NEW}/old.csv").code != 0
    assert not marker.exists()


def test_no_port_and_no_agent_is_forwarded(ana: Client, server: Server) -> None:
    """The server would be a way into the network behind it."""
    through = ana.call("ssh", "-W", f"127.0.0.1:{server.port}", ana.at)
    assert through.code != 0 and "SSH-" not in through.out
    back = ana.call("ssh", "-N", "-o", "ExitOnForwardFailure=yes", "-R", "0:127.0.0.1:1", ana.at)
    assert back.code != 0 and "forward" in back.err.lower()


def test_one_account_never_sees_anothers_files(server: Server, keys: dict[str, Path], tmp_path: Path) -> None:
    """One tree per account."""
    server.folder(f"{NEW}/acmes.csv").write_text("acme")
    otto = Client(server, "otto", keys["ed25519"])
    assert otto.sftp(f"get {NEW}/acmes.csv {tmp_path / 'out'}").code == 1
    assert otto.sftp(f"ls -1 {NEW}").out.count("acmes") == 0
    server.folder(f"{NEW}/acmes.csv").unlink()
