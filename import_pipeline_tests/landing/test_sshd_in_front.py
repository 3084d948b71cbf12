"""OpenSSH's own server in front of a landing tree, set up with the very lines of docs/other_servers_in_front.md.

Belongs here: that recipe, run. Does not belong here: our own server (gateway/sftp), servers that we poll (remote/).
"""

import os
import shutil
import signal
import subprocess
import tempfile
import time
from collections.abc import Iterator
from pathlib import Path

import pytest

from benchmarks.sftp_servers import make_key
from import_pipeline.cli.services import free_port
from import_pipeline_tests.gateway.sftp.kit import until
from import_pipeline_tests.programs import install

from .kit import Intake

ROOT = Path(__file__).parents[2]
NEW = "DataObjects/Import/New"


def _recipe() -> str:
    """The lines between the marks."""
    text = (ROOT / "docs/other_servers_in_front.md").read_text()
    block = text.split("<!-- sshd:begin -->")[1].split("<!-- sshd:end -->")[0]
    return block.replace("```", "").strip()


class Sshd:
    """sshd with the recipe on a free port. As root it locks the user into the tree, as in the page; nobody else can do that."""

    def __init__(self, intake: Intake, folder: Path) -> None:
        self.port, self.key, self.folder = free_port(), make_key(folder), folder
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", folder / "host"], check=True)
        user = subprocess.run(["id", "-un"], capture_output=True, text=True, check=True).stdout.strip()
        lines = _recipe().replace("Match Group importers", f"Match User {user}").replace("/srv/import/landing/%u", str(intake.root))
        base = [
            f"Port {self.port}",
            "ListenAddress 127.0.0.1",
            f"HostKey {folder / 'host'}",
            f"AuthorizedKeysFile {self.key.with_suffix('.pub')}",
            f"PidFile {folder / 'pid'}",
            "StrictModes no",
            "UsePAM no",
            "PermitRootLogin yes",
            "Subsystem sftp internal-sftp",
        ]
        (folder / "config").write_text("\n".join([*base, lines]) + "\n")
        self.user = user

    def words(self) -> list[str]:
        """sftp with its options."""
        options = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "BatchMode=yes", "IdentitiesOnly=yes"]
        named = [word for option in options for word in ("-o", option)]
        return ["sftp", "-F", "/dev/null", "-P", str(self.port), "-i", str(self.key), *named, "-b", "-"]

    def sftp(self, *commands: str) -> "subprocess.CompletedProcess[str]":
        """A batch."""
        words = [*self.words(), f"{self.user}@127.0.0.1"]
        return subprocess.run(words, input="\n".join(commands) + "\n", capture_output=True, text=True, timeout=40, check=False)


@pytest.fixture
def home() -> Iterator[Path]:
    """Not below /tmp: sshd locks nobody into a folder that lies in one that all may write to."""
    assert os.getuid() == 0, "the recipe locks users into a folder, which needs root"
    path = Path(tempfile.mkdtemp(prefix="import-landing-", dir="/var/lib"))
    path.chmod(0o755)
    yield path
    shutil.rmtree(path)


@pytest.fixture
def server(home: Path) -> Iterator[tuple[Intake, Sshd]]:
    """An intake with sshd in front."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(program).exists():
        install("openssh-server")
    assert Path(program).exists(), "OpenSSH's server is needed for these tests: apt-get install openssh-server"
    Path("/run/sshd").mkdir(exist_ok=True)
    intake = Intake(home)
    folder = home / "ssh"
    folder.mkdir()
    sshd = Sshd(intake, folder)
    with subprocess.Popen([program, "-D", "-e", "-f", folder / "config"], stderr=(folder / "log").open("wb")) as process:
        try:
            until(lambda: b"listening" in (folder / "log").read_bytes())
            yield intake, sshd
        finally:
            process.terminate()
    intake.ledger.close()


def test_a_file_sent_through_sshd_is_imported_and_its_answer_lies_where_the_sender_looks(
    server: tuple[Intake, Sshd], tmp_path: Path
) -> None:
    """People see the account's tree and nothing above it."""
    intake, sshd = server
    (tmp_path / "c.csv").write_text("Title\nx\n")
    listed = sshd.sftp("pwd", "ls -1")
    assert "Remote working directory: /\n" in listed.stdout and "DataObjects" in listed.stdout, listed
    assert sshd.sftp(f"put {tmp_path / 'c.csv'} {NEW}/Contact_c.csv").returncode == 0
    assert intake.settle().vaulted == ("Contact_c.csv",)
    (job,) = intake.run()
    assert job.path.read_text() == "Title\nx\n"
    back = sshd.sftp(f"get DataObjects/Import/Success/Contact_c.csv {tmp_path / 'back.csv'}")
    assert back.returncode == 0 and (tmp_path / "back.csv").read_text() == "Title\nx\n"


def test_an_upload_that_sshd_still_has_open_is_held_back_whatever_its_looks(server: tuple[Intake, Sshd], tmp_path: Path) -> None:
    """With sshd a half-sent file shows under its name; the kernel knows that it is open."""
    intake, sshd = server
    (tmp_path / "slow.csv").write_bytes(b"Title\n" + b"row\n" * 1_500_000)
    words = [*sshd.words()[:-2], "-l", "8000", *sshd.words()[-2:], f"{sshd.user}@127.0.0.1"]
    with subprocess.Popen(words, stdin=subprocess.PIPE, stdout=subprocess.DEVNULL, text=True) as sending:
        assert sending.stdin is not None
        sending.stdin.write(f"put {tmp_path / 'slow.csv'} {NEW}/Contact_slow.csv\n")
        sending.stdin.flush()
        there = intake.new / "Contact_slow.csv"
        until(lambda: there.exists() and there.stat().st_size > 100_000)
        os.kill(sending.pid, signal.SIGSTOP)  # the sender stops in mid-file: the size stands still
        time.sleep(0.5)
        size = there.stat().st_size
        intake.settle(3600)
        intake.clock.turn(3600)
        held = intake.tick()
        assert there.stat().st_size == size and held.vaulted == () and "Contact_slow.csv" in held.waiting
        os.kill(sending.pid, signal.SIGCONT)
        sending.kill()


def test_nobody_gets_a_shell_or_a_way_through(server: tuple[Intake, Sshd]) -> None:
    """The lines forbid what sshd would otherwise give."""
    _, sshd = server
    words = ["ssh", *sshd.words()[1:-2], f"{sshd.user}@127.0.0.1"]
    words[words.index("-P")] = "-p"
    shell = subprocess.run([*words, "id"], capture_output=True, text=True, timeout=40, check=False, stdin=subprocess.DEVNULL)
    assert "uid=" not in shell.stdout
    through = subprocess.run(
        [*words, "-W", f"127.0.0.1:{sshd.port}"], capture_output=True, text=True, timeout=40, check=False, stdin=subprocess.DEVNULL
    )
    assert through.returncode != 0 and "SSH-2.0" not in through.stdout
