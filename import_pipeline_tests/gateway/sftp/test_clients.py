"""Other people's programs against our server: lftp, curl and paramiko send, list, rename and fetch as their users do.

Belongs here: what each program does in its own way. Does not belong here: OpenSSH's programs (test_transfer.py), limits (test_limits.py).
"""

import hashlib
import io
import os
import shutil
import stat
import subprocess
import time
from collections.abc import Iterator
from pathlib import Path

import paramiko
import pytest

from import_pipeline_tests.gateway.sftp.kit import NEW, PASSWORD, Done, Server, until
from import_pipeline_tests.programs import install

CONTENT = b"ExternalDataObjectId,Name\n" + b"A-1,Acme\n" * 60_001


@pytest.fixture(scope="module", autouse=True)
def clients() -> None:
    """lftp and a curl that speaks SFTP; a machine without them fails loudly instead of testing less."""
    if not shutil.which("lftp"):
        install("lftp")
    assert shutil.which("lftp"), "lftp is needed for these tests: apt-get install lftp"
    told = subprocess.run(["curl", "-V"], capture_output=True, text=True, check=False).stdout
    assert "sftp" in told.split(), "a curl with SFTP is needed for these tests: apt-get install curl"


@pytest.fixture(scope="module")
def pat(server: Server) -> str:
    """A user with a password, as most such programs are set up."""
    return server.add_user("pat", password=PASSWORD)


@pytest.fixture
def file(tmp_path: Path) -> Path:
    """A file of some blocks and a piece."""
    path = tmp_path / "Account_1.csv"
    path.write_bytes(CONTENT)
    return path


@pytest.fixture
def connected(server: Server, pat: str) -> Iterator[paramiko.SFTPClient]:
    """A session of paramiko that knows the host key."""
    with paramiko.SSHClient() as client:
        client.get_host_keys().add(f"[127.0.0.1]:{server.port}", *_host_key(server))
        client.connect("127.0.0.1", server.port, pat, PASSWORD, allow_agent=False, look_for_keys=False, timeout=15)
        with client.open_sftp() as session:
            yield session


def _host_key(server: Server) -> tuple[str, paramiko.PKey]:
    with paramiko.Transport(("127.0.0.1", server.port)) as asked:
        asked.start_client(timeout=15)
        key = asked.get_remote_server_key()
    return key.get_name(), key


def _lftp(server: Server, user: str, *commands: str) -> Done:
    # Host keys are compared by ssh, which lftp calls; the password is typed by lftp itself.
    ssh = "ssh -a -x -F /dev/null -o StrictHostKeyChecking=no -o UserKnownHostsFile=/dev/null -o LogLevel=ERROR"
    script = "; ".join(
        [
            "set cmd:fail-exit yes",
            "set net:max-retries 1",
            f'set sftp:connect-program "{ssh}"',
            f"open -u {user},'{PASSWORD}' -p {server.port} sftp://127.0.0.1",
            *commands,
        ]
    )
    done = subprocess.run(["lftp", "--norc", "-c", script], capture_output=True, text=True, timeout=60, check=False, env=_home(server))
    return Done(done.returncode, done.stdout, done.stderr)


def _home(server: Server) -> dict[str, str]:
    folder = server.home / "lftp"
    folder.mkdir(exist_ok=True)
    return {**os.environ, "HOME": str(folder), "LFTP_HOME": str(folder)}


def test_lftp_sends_a_file_and_fetches_it_again(server: Server, pat: str, file: Path, tmp_path: Path) -> None:
    """`put` and `get`; what comes back is what was sent."""
    done = _lftp(server, pat, f"put {file} -o {NEW}/lftp.csv", f"get {NEW}/lftp.csv -o {tmp_path / 'back'}", f"rm {NEW}/lftp.csv")
    assert (done.code, done.err) == (0, "")
    assert (tmp_path / "back").read_bytes() == CONTENT
    assert server.staged() == []


def test_lftp_mirrors_a_folder_into_the_landing_folder_and_nothing_shows_before_it_is_whole(
    server: Server, pat: str, tmp_path: Path
) -> None:
    """`mirror -R`, several files at once, under its own temporary names and such as people set; it renames each."""
    outbox = tmp_path / "outbox"
    outbox.mkdir()
    for number in range(12):
        (outbox / f"Account_{number}.csv").write_bytes(CONTENT[: 26 + 9 * number * 5_000])
    for temporary in (".in.*", "*.part"):
        settings = f"set xfer:use-temp-file yes; set xfer:temp-file-name {temporary}"
        before = len(server.audit("rename"))
        done = _lftp(server, pat, settings, f"mirror -R --parallel=3 --no-perms {outbox} {NEW}")
        assert done.code == 0, done
        assert {p.name: p.read_bytes() for p in server.folder().iterdir()} == {p.name: p.read_bytes() for p in outbox.iterdir()}
        assert len(server.audit("rename")) == before + 12
        assert _lftp(server, pat, f"mrm {NEW}/Account_*.csv").code == 0
    assert list(server.folder().iterdir()) == []


def test_lftp_is_told_in_words_why_a_folder_takes_no_files(server: Server, pat: str, file: Path) -> None:
    """The sentence reaches the person at the terminal."""
    done = _lftp(server, pat, f"put {file} -o Exports/Daily/x.csv")
    assert done.code != 0 and "takes no files" in done.err


def test_curl_sends_and_fetches_and_knows_our_host_key(server: Server, pat: str, file: Path, tmp_path: Path) -> None:
    """By the fingerprint that `up` prints, in the spelling that curl takes."""
    assert server.listening is not None
    pinned = server.listening.fingerprint.removeprefix("SHA256:")
    address = f"sftp://127.0.0.1:{server.port}/{NEW}/curl.csv"
    common = ["curl", "-sS", "--max-time", "40", "--user", f"{pat}:{PASSWORD}", "--hostpubsha256"]
    sent = subprocess.run([*common, pinned, "-T", file, address], capture_output=True, text=True, check=False)
    assert (sent.returncode, sent.stderr) == (0, "")
    back = subprocess.run([*common, pinned, "-o", tmp_path / "back", address], capture_output=True, text=True, check=False)
    assert back.returncode == 0 and (tmp_path / "back").read_bytes() == CONTENT
    other = subprocess.run([*common, "A" * 43, "-T", file, address], capture_output=True, text=True, check=False)
    assert other.returncode != 0
    server.folder(f"{NEW}/curl.csv").unlink()


def test_paramiko_sends_lists_renames_and_fetches(connected: paramiko.SFTPClient, server: Server, file: Path, tmp_path: Path) -> None:
    """`put` compares the size by a stat of its own; `posix_rename` replaces what is there."""
    attributes = connected.put(str(file), f"{NEW}/paramiko.csv.part")
    assert attributes.st_size == len(CONTENT)
    connected.putfo(io.BytesIO(b"old"), f"{NEW}/paramiko.csv")
    connected.posix_rename(f"{NEW}/paramiko.csv.part", f"{NEW}/paramiko.csv")
    (listed,) = connected.listdir_attr(NEW)
    assert (listed.filename, listed.st_size, stat.S_ISREG(listed.st_mode or 0)) == ("paramiko.csv", len(CONTENT), True)
    connected.get(f"{NEW}/paramiko.csv", str(tmp_path / "back"))
    assert (tmp_path / "back").read_bytes() == CONTENT
    connected.remove(f"{NEW}/paramiko.csv")
    assert connected.listdir(NEW) == [] and server.staged() == []


def test_paramikos_pipelined_writes_arrive_whole(connected: paramiko.SFTPClient, server: Server) -> None:
    """It sends many writes before the first answer; each lands at its own place."""
    content = hashlib.shake_256(b"pipelined").digest(3_000_017)
    with connected.open(f"{NEW}/piped.csv", "wb") as out:
        out.set_pipelined(True)
        for start in range(0, len(content), 7_919):
            out.write(content[start : start + 7_919])
    until(lambda: server.folder(f"{NEW}/piped.csv").exists())
    assert server.folder(f"{NEW}/piped.csv").read_bytes() == content
    connected.remove(f"{NEW}/piped.csv")


def test_a_paramiko_session_that_is_cut_leaves_nothing_to_see(server: Server, pat: str) -> None:
    """The transport ends in mid-file, as when a machine loses its network."""
    transport = paramiko.Transport(("127.0.0.1", server.port))
    transport.connect(username=pat, password=PASSWORD)
    session = paramiko.SFTPClient.from_transport(transport)
    assert session is not None
    out = session.open(f"{NEW}/cut.csv", "wb")
    out.write(CONTENT[:100_000])
    until(lambda: server.staged())
    transport.sock.close()
    until(lambda: not server.staged())
    assert list(server.folder().iterdir()) == []


def test_a_wrong_password_is_refused_to_every_client_and_the_right_one_still_works(server: Server, pat: str) -> None:
    """The refusal tells nothing about whether there is such a user."""
    told = set()
    for user in (pat, "nobody"):
        with paramiko.SSHClient() as client, pytest.raises(paramiko.AuthenticationException) as refused:
            client.get_host_keys().add(f"[127.0.0.1]:{server.port}", *_host_key(server))
            client.connect("127.0.0.1", server.port, user, "wrong", allow_agent=False, look_for_keys=False, timeout=15)
        told.add(str(refused.value))
    assert len(told) == 1
    time.sleep(1)
    assert _lftp(server, pat, f"cls {NEW}").code == 0
