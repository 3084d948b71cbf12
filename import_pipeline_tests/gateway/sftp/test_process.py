"""The server as a process of its own: killed, with fifty clients, and as `import-pipeline up` starts it."""

import hashlib
import json
import os
import re
import signal
import subprocess
import sys
import time
from collections.abc import Iterator
from concurrent.futures import ThreadPoolExecutor
from contextlib import contextmanager
from pathlib import Path

import pytest

from import_pipeline.cli.services import free_port
from import_pipeline_tests.gateway.sftp.kit import NEW, PASSWORD, Client, Done, until

PROGRAM = Path(sys.executable).with_name("import-pipeline")
ACCOUNT = "field_sales"


class Process:
    """A home with a server in a process of its own. Has what `Client` needs."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.environment = {
            **os.environ,
            "IMPORT_PIPELINE_HOME": str(home),
            "IMPORT_PIPELINE_SFTP_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }

    def run(self, *arguments: object, typed: str = "") -> Done:
        """A command of import-pipeline."""
        done = subprocess.run(
            [PROGRAM, *(str(a) for a in arguments)],
            env=self.environment,
            input=typed,
            capture_output=True,
            text=True,
            timeout=100,
            check=False,
        )
        return Done(done.returncode, done.stdout, done.stderr)

    @contextmanager
    def serving(self) -> "Iterator[subprocess.Popen[str]]":
        """The server alone."""
        words = [sys.executable, "-m", "import_pipeline.gateway.sftp"]
        with subprocess.Popen(words, env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and "listening" in process.stdout.readline()
            yield process
            process.terminate()
            assert process.wait(15) in (0, -signal.SIGKILL)

    @property
    def tree(self) -> Path:
        """The account's tree."""
        return self.home / "landing" / ACCOUNT


@pytest.fixture
def process(tmp_path: Path, keys: dict[str, Path]) -> Process:
    """A home with the user ana."""
    made = Process(tmp_path / "home")
    added = made.run(
        "user", "add", "ana", "-a", ACCOUNT, "-k", keys["ed25519"].with_suffix(".pub"), "--password-stdin", typed=PASSWORD + "\n"
    )
    assert (added.code, added.err) == (0, "")
    return made


@pytest.mark.slow
def test_a_killed_server_leaves_one_hidden_file_and_the_next_one_goes_on(process: Process, keys: dict[str, Path], tmp_path: Path) -> None:
    """Nothing under its name, and the audit log tells of the log-in."""
    big = tmp_path / "big.csv"
    big.write_bytes(os.urandom(8_000_001))
    client = Client(process, "ana", keys["ed25519"])  # type: ignore[arg-type]
    batch = client.folder / "slow"
    batch.write_text(f"put {big} {NEW}/Account_x.csv\n")
    staging = process.tree / ".staging"
    with process.serving() as server, client.start("sftp", "-l", "16000", "-b", batch, client.at) as sending:
        until(lambda: sum(path.stat().st_size for path in staging.iterdir()) > 600_000)
        server.kill()
        assert sending.wait(20) != 0
    assert len(list(staging.iterdir())) == 1 and list((process.tree / NEW).iterdir()) == []
    os.utime(next(staging.iterdir()), (0, 0))
    with process.serving():
        until(lambda: not list(staging.iterdir()))
        assert client.sftp(f"put {big} {NEW}/Account_x.csv").code == 0
        assert Client(process, "ana", password=PASSWORD).sftp("ls /").code == 0  # type: ignore[arg-type]
    assert (process.tree / NEW / "Account_x.csv").read_bytes() == big.read_bytes()


@pytest.mark.slow
def test_fifty_clients_at_once_lose_nothing_and_double_nothing(process: Process, keys: dict[str, Path], tmp_path: Path) -> None:
    """Each sends four files of its own and one name that all share; no client is refused."""
    shared = {}
    for number in range(50):
        for part in range(4):
            (tmp_path / f"{number}_{part}").write_bytes(os.urandom(100_001))
        shared[hashlib.sha256((tmp_path / f"{number}_0").read_bytes()).hexdigest()] = number

    def send(number: int) -> Done:
        client = Client(process, "ana", keys["ed25519"])  # type: ignore[arg-type]
        puts = [f"put {tmp_path / f'{number}_{part}'} {NEW}/f{number}_{part}.csv" for part in range(4)]
        return client.sftp(*puts, f"put {tmp_path / f'{number}_0'} {NEW}/shared.csv", timeout=200)

    with process.serving(), ThreadPoolExecutor(50) as pool:
        done = list(pool.map(send, range(50)))
    assert [one for one in done if one.code != 0] == []
    files = {path.name: path for path in (process.tree / NEW).iterdir()}
    assert len(files) == 201 and list((process.tree / ".staging").iterdir()) == []
    assert hashlib.sha256(files["shared.csv"].read_bytes()).hexdigest() in shared
    for number in range(50):
        for part in range(4):
            assert files[f"f{number}_{part}.csv"].read_bytes() == (tmp_path / f"{number}_{part}").read_bytes()


@contextmanager
def _up(process: Process) -> Iterator[str]:
    """`import-pipeline up` of this home until the block ends; what it told when it was ready."""
    words = [str(PROGRAM), "up", "--port", str(free_port())]
    with subprocess.Popen(words, env=process.environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as up:
        assert up.stdout is not None
        told = ""
        for line in up.stdout:
            told += line
            if "Ctrl-C" in line:
                break
        try:
            yield told
        finally:
            up.terminate()
            assert up.wait(330) == 0


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.timeout(540)
def test_up_serves_a_file_by_sftp_and_its_answer_comes_back_the_same_way(process: Process, keys: dict[str, Path], tmp_path: Path) -> None:
    """From `sftp put` to the receipt that the same user reads and deletes; nothing runs on when `up` is stopped."""
    with _up(process) as told:
        assert f"sftp -P {process.port} ana@127.0.0.1" in told and re.search(r"host key is SHA256:\S{43}", told)
        client = Client(process, "ana", keys["ed25519"])  # type: ignore[arg-type]
        (tmp_path / "a.csv").write_text("ExternalDataObjectId,Name\nA-1,Acme\nA-2,Bolt\n")
        assert client.sftp(f"put {tmp_path / 'a.csv'} {NEW}/Account_sftp.csv").code == 0
        begun = time.monotonic()
        answers = "DataObjects/Import/Success"
        until(lambda: ".receipt.json" in client.sftp(f"ls -1 {answers}").out, 90)
        print(f"from the end of the upload to the receipt: {time.monotonic() - begun:.1f} s")
        assert client.sftp(f"get {answers}/Account_sftp.*.receipt.json {tmp_path / 'receipt.json'}", f"rm {answers}/*").code == 0
    assert json.loads((tmp_path / "receipt.json").read_text())["counts"]["created"] == 2


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.timeout(540)
def test_fifty_clients_send_while_imports_run_and_every_row_is_imported_once(
    process: Process, keys: dict[str, Path], tmp_path: Path
) -> None:
    """Each sends a file, and once imports are under way another one."""

    def send(number: int, part: int) -> Done:
        rows = "".join(f"A-{number}-{part}-{row},Firm {row}\n" for row in range(200))
        file = tmp_path / f"{number}_{part}.csv"
        file.write_text(f"ExternalDataObjectId,Name\n{rows}")
        client = Client(process, "ana", keys["ed25519"])  # type: ignore[arg-type]
        return client.sftp(f"put {file} {NEW}/Account_{number}_{part}.csv", timeout=200)

    answers = process.tree / "DataObjects/Import/Success"
    with _up(process), ThreadPoolExecutor(50) as pool:
        done = list(pool.map(send, range(50), [0] * 50))
        until(lambda: "running" in process.run("jobs", "--state", "running", "--json").out, 60)
        done += pool.map(send, range(50), [1] * 50)
        assert [one for one in done if one.code != 0] == []
        until(lambda: len(list(answers.glob("*.receipt.json"))) == 100, 240)
    receipts = [json.loads(path.read_text()) for path in answers.glob("*.receipt.json")]
    assert {receipt["counts"]["created"] for receipt in receipts} == {200}
    assert len({receipt["delivery"] for receipt in receipts}) > 1
    listed = process.run("records", "-t", "Account", "-a", ACCOUNT, "--json")
    ids = [json.loads(line)["ExternalDataObjectId"] for line in listed.out.splitlines()]
    assert len(ids) == len(set(ids)) == 20_000
    assert list((process.tree / NEW).iterdir()) == [] and list((process.tree / ".staging").iterdir()) == []
