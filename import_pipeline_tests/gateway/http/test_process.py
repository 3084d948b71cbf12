"""The service as a process of its own: a gigabyte, killed while it receives, and as `import-pipeline up` starts it."""

import hashlib
import json
import os
import random
import re
import signal
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from pathlib import Path

import pytest
import requests

from import_pipeline.cli.services import free_port
from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import Ledger, uploads
from import_pipeline_tests.gateway.http.kit import BULK

PROGRAM = Path(sys.executable).with_name("import-pipeline")
ACCOUNT = "field_sales"
GIGABYTE = 1_000_000_000


class Process:
    """A home with a key, and a service in a process of its own."""

    def __init__(self, home: Path) -> None:
        self.home, self.port = home, free_port()
        self.environment = {
            **os.environ,
            "IMPORT_PIPELINE_HOME": str(home),
            "IMPORT_PIPELINE_HTTP_PORT": str(self.port),
            "PYTHONUNBUFFERED": "1",
        }
        made = subprocess.run(
            [PROGRAM, "token", "add", "test", "-a", ACCOUNT, "--json"], env=self.environment, capture_output=True, timeout=100, check=True
        )
        self.key = str(json.loads(made.stdout)["key"])
        self.headers = {"Authorization": f"Bearer {self.key}"}
        self.address = f"http://127.0.0.1:{self.port}{BULK}"

    @contextmanager
    def serving(self) -> "Iterator[subprocess.Popen[str]]":
        """The service alone."""
        words = [sys.executable, "-m", "import_pipeline.gateway.http"]
        with subprocess.Popen(words, env=self.environment, stdout=subprocess.PIPE, text=True) as process:
            assert process.stdout is not None and "listening" in process.stdout.readline()
            yield process
            process.terminate()
            assert process.wait(30) in (0, -signal.SIGTERM, -signal.SIGKILL)

    def job(self) -> str:
        """A new job."""
        answer = requests.post(self.address, json={"operation": "create", "dataObjectTypeId": "Account"}, headers=self.headers, timeout=30)
        return str(answer.json()["id"])


@pytest.fixture
def process(tmp_path: Path) -> Process:
    """A home of its own."""
    return Process(tmp_path / "home")


def peak_memory(pid: int) -> int:
    """Bytes that the process has had at most."""
    found = re.search(r"VmHWM:\s+(\d+) kB", Path(f"/proc/{pid}/status").read_text())
    assert found
    return int(found[1]) * 1000


@pytest.mark.slow
def test_a_gigabyte_moves_the_peak_memory_by_less_than_fifty_megabytes(process: Process, tmp_path: Path) -> None:
    """It is hashed on its way to the disk and never held."""
    big = tmp_path / "big.jsonl"
    with big.open("wb") as file:
        file.truncate(GIGABYTE)
    with process.serving() as service:
        job = process.job()
        words = ["curl", "-sS", "-H", f"Authorization: Bearer {process.key}", "-T", str(big), f"{process.address}/{job}/data"]
        small = tmp_path / "small.jsonl"
        small.write_text("{}\n")
        subprocess.run([*words[:-2], str(small), words[-1]], capture_output=True, timeout=60, check=True)
        before, begun = peak_memory(service.pid), time.monotonic()
        answer = json.loads(subprocess.run(words, capture_output=True, timeout=300, check=True).stdout)
        moved, took = peak_memory(service.pid) - before, time.monotonic() - begun
    print(f"1 GB in {took:.1f} s, peak memory {before / 1e6:.0f} MB, moved by {moved / 1e6:.1f} MB")
    assert answer["size"] == GIGABYTE
    assert moved < 50_000_000


@pytest.mark.slow
def test_a_service_that_is_killed_at_any_moment_has_every_file_that_it_accepted(process: Process) -> None:
    """What was answered is in the ledger and in the vault, byte for byte; what was not leaves nothing that another start cannot clear."""
    chance, accepted = random.Random(7), dict[str, tuple[str, str]]()
    with process.serving():
        jobs = [process.job() for _ in range(6)]
    for job in jobs:
        with process.serving() as service:

            def send(job: str = job) -> None:
                for _ in range(50):
                    content = chance.randbytes(chance.randrange(1, 400_000))
                    with suppress(requests.RequestException):
                        answer = requests.put(f"{process.address}/{job}/data", data=content, headers=process.headers, timeout=20)
                        if answer.status_code == 200:
                            accepted[answer.json()["fileId"]] = (job, hashlib.sha256(content).hexdigest())
                            continue
                    return

            sender = threading.Thread(target=send)
            sender.start()
            time.sleep(chance.uniform(0.1, 1.0))
            service.kill()
            sender.join(40)
    assert len(accepted) > len(jobs)
    with Ledger(f"sqlite:///{process.home / 'ledger.sqlite'}") as ledger, ledger.read() as conn:
        held = {one.id: (job, one.sha256) for job in jobs for one in uploads.of_job(conn, ACCOUNT, job)}
    assert accepted.items() <= held.items()
    for _, sha256 in held.values():
        assert hashlib.sha256(path_of(process.home / "vault", sha256).read_bytes()).hexdigest() == sha256


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.timeout(540)
def test_up_takes_a_bulk_job_from_the_request_to_its_results_in_seconds(process: Process) -> None:
    """The daemon's sensor finds the delivery, a run imports it, the results are read while the next one writes."""
    words = [str(PROGRAM), "up", "--port", str(free_port())]
    environment = {**process.environment, "IMPORT_PIPELINE_SFTP_PORT": str(free_port())}
    with subprocess.Popen(words, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as up:
        assert up.stdout is not None
        told = ""
        for line in up.stdout:
            told += line
            if "Ctrl-C" in line:
                break
        assert f"http://127.0.0.1:{process.port}/docs" in told
        for number in range(3):
            job = process.job()
            line = {"externalDataObjectId": f"A-{number}", "fields": [{"fieldId": "Name", "value": f"Acme {number}"}]}
            requests.put(f"{process.address}/{job}/data", data=json.dumps(line) + "\n", headers=process.headers, timeout=30)
            begun, seen = time.monotonic(), dict[str, float]()
            requests.post(f"{process.address}/{job}/start", headers=process.headers, timeout=30)
            while "JobComplete" not in seen and time.monotonic() - begun < 90:
                state = requests.get(f"{process.address}/{job}/progress", headers=process.headers, timeout=30).json()["state"]
                seen.setdefault(state, round(time.monotonic() - begun, 1))
                time.sleep(0.1)
            print(f"seconds from the start of the job to each state: {seen}")
            assert "JobComplete" in seen
            results = requests.get(f"{process.address}/{job}/results/succeeded", headers=process.headers, timeout=30)
            assert json.loads(results.text)["Data"] == line
        up.terminate()
        assert up.wait(330) == 0
