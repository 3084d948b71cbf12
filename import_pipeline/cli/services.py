"""The processes of a running instance: code server, daemon, web page. Started together, watched, stopped together.

Belongs here: starting and stopping these processes for one home. Does not belong here: what they run (definitions.py), the commands
that start them (up.py, demo.py).

One code server is shared by the daemon and the web page, so the definitions are loaded once. Each process leads a process group of
its own, so that Ctrl-C reaches this process only, and the others are stopped by their ids in order.
"""

import fcntl
import json
import os
import signal
import socket
import subprocess
import sys
import time
import urllib.error
import urllib.request
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager, suppress
from dataclasses import dataclass, field
from pathlib import Path

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.ledger import Ledger, deliveries, meta
from import_pipeline.settings import Settings

START_SECONDS = 120.0
"""How long a process may take until it answers; a slow, busy machine takes 20 seconds."""
STOP_SECONDS = 8.0
"""How long a process has to end by itself. A code server that has run something can take a minute, and has nothing left to do."""
RUN_SECONDS = 300.0
"""How long stopping waits for an import under way. One that is ended all the same goes on at the next start, and loses nothing."""
CODE_SERVER = "code server"
_LOCATIONS = "{workspaceOrError {... on Workspace {locationEntries {locationOrLoadError {... on PythonError {message}}}}}}"
_LOOK = 0.1
_LAST_LINES = 15


@dataclass
class Service:
    """One started process, the leader of its process group."""

    name: str
    process: "subprocess.Popen[bytes]"
    log: Path

    @property
    def running(self) -> bool:
        """Whether it runs. It is not reaped here: until it is, its id, which is also its group's, is given to nobody else."""
        return os.waitid(os.P_PID, self.process.pid, os.WEXITED | os.WNOHANG | os.WNOWAIT) is None

    def told_end(self) -> str:
        """That it ended, with the end of its log."""
        last = self.log.read_text(encoding="utf-8", errors="replace").splitlines()[-_LAST_LINES:]
        return "\n".join([f"the {self.name} has ended; the last lines of {self.log}:", *(f"  {line}" for line in last)])

    def end(self, patience: float) -> None:
        """Waits for it to end after it was asked to, then ends what is left of its group, and reaps it."""
        end = time.monotonic() + patience
        while self.running and time.monotonic() < end:
            time.sleep(_LOOK)
        with suppress(ProcessLookupError):
            os.killpg(self.process.pid, signal.SIGKILL)
        self.process.wait()


@dataclass
class Services:
    """All processes of one home."""

    settings: Settings
    ledger: Ledger
    host: str = "127.0.0.1"
    port: int = 0
    lock: int | None = None
    """The descriptor of the home's lock (`only_one`): the processes keep it too, so a home stays locked while any of them runs."""
    started: list[Service] = field(default_factory=list)
    sftp_port: int | None = None
    """Where the SFTP server listens on the settings' address; None starts none."""
    http_port: int | None = None
    """The same for the HTTP service."""

    @property
    def address(self) -> str:
        """Where the web page is."""
        return f"http://{self.host}:{self.port}"

    def start(self, *, page: bool = True) -> None:
        """Starts everything and returns when it answers. Raises TransientFailure when a process ends or does not answer.

        With the page it is also seen whether the definitions could be loaded: PermanentFailure when not.
        """
        from import_pipeline.orchestration.instance import prepare_home

        home = prepare_home(self.settings)
        code_port = free_port()
        code = ["dagster", "code-server", "start", "-m", "import_pipeline.definitions", "--location-name", "import_pipeline"]
        self._run(CODE_SERVER, [*code, "--host", "127.0.0.1", "--port", str(code_port), "--log-level", "warning"])
        self._until(lambda: _listens("127.0.0.1", code_port))
        workspace = home / "workspace.yaml"
        workspace.write_text(f"load_from:\n- grpc_server: {{host: 127.0.0.1, port: {code_port}, location_name: import_pipeline}}\n")
        self._run("daemon", ["dagster._daemon", "run", "-w", str(workspace)])
        if self.sftp_port is not None:
            self._run("sftp server", ["import_pipeline.gateway.sftp"], IMPORT_PIPELINE_SFTP_PORT=str(self.sftp_port))
            self._until(lambda: _listens(self.settings.sftp_host, self.sftp_port or 0))
        if self.http_port is not None:
            self._run("http service", ["import_pipeline.gateway.http"], IMPORT_PIPELINE_HTTP_PORT=str(self.http_port))
            self._until(lambda: _listens(self.settings.http_host, self.http_port or 0))
        if page:
            self._run("web page", ["dagster_webserver", "-w", str(workspace), "-h", self.host, "-p", str(self.port)])
            self._until(lambda: _answers(f"{self.address}/server_info"))
            if fault := _load_fault(self.address):
                raise PermanentFailure(f"the definitions cannot be loaded: {fault}")

    def _run(self, name: str, arguments: list[str], **environment: str) -> None:
        log = self.settings.home / "logs" / f"{name.replace(' ', '_')}.log"
        log.parent.mkdir(parents=True, exist_ok=True)
        with log.open("ab") as out:
            process = subprocess.Popen(
                [sys.executable, "-m", *arguments],
                env={**child_environment(self.settings), **environment},
                cwd=self.settings.home,
                stdin=subprocess.DEVNULL,
                stdout=out,
                stderr=subprocess.STDOUT,
                start_new_session=True,
                pass_fds=() if self.lock is None else (self.lock,),
            )
        self.started.append(Service(name, process, log))

    def _until(self, ready: Callable[[], object]) -> None:
        end = time.monotonic() + START_SECONDS
        while not ready():
            if dead := self.dead():
                raise TransientFailure(dead)
            if time.monotonic() > end:
                raise TransientFailure(f"the {self.started[-1].name} does not answer; see {self.started[-1].log}")
            time.sleep(_LOOK)

    def dead(self) -> str | None:
        """What ended that should run, or None."""
        return next((service.told_end() for service in self.started if not service.running), None)

    def retire(self) -> None:
        """Ends the daemon and the web page: no new run begins. Those under way belong to the code server and go on."""
        self._end([service for service in self.started if service.name != CODE_SERVER])

    def busy(self) -> bool:
        """Whether a process of the code server imports a delivery at this moment."""
        import psutil

        from import_pipeline.delivering.workers import is_gone

        code = next((service for service in self.started if service.name == CODE_SERVER and service.running), None)
        if code is None:
            return False
        with self.ledger.read() as conn:
            workers = [meta.read(conn, f"worker/{d.key}") for d in deliveries.listing(conn, state="running")]
        children = {child.pid for child in psutil.Process(code.process.pid).children(recursive=True)}
        # A run that died stays among the children until the code server looks for it.
        return any(w["pid"] in children and not is_gone(w) for w in workers if w)

    def await_idle(self) -> None:
        """Waits for the import under way, `RUN_SECONDS` at most."""
        end = time.monotonic() + RUN_SECONDS
        while self.busy() and time.monotonic() < end:
            time.sleep(_LOOK)

    def stop(self) -> None:
        """Asks every process that is left to end and waits; what does not end is ended, with all of its group."""
        self._end(list(self.started))

    def _end(self, services: list[Service]) -> None:
        for service in services:
            if service.running:
                service.process.terminate()
        end = time.monotonic() + STOP_SECONDS
        for service in services:
            service.end(end - time.monotonic())
            self.started.remove(service)


@contextmanager
def only_one(settings: Settings) -> Iterator[int]:
    """Holds the home and gives the lock's descriptor. Raises PermanentFailure when another `up` or `demo` runs in it."""
    settings.home.mkdir(parents=True, exist_ok=True)
    with (settings.home / ".running").open("a+") as lock:
        try:
            fcntl.flock(lock, fcntl.LOCK_EX | fcntl.LOCK_NB)
        except BlockingIOError:
            raise PermanentFailure(f"an instance runs in {settings.home} already; stop it, or use another IMPORT_PIPELINE_HOME") from None
        yield lock.fileno()


def child_environment(settings: Settings) -> Mapping[str, str]:
    """The environment of the processes: this one's, with this home and these accounts, wherever they came from."""
    return {
        **os.environ,
        "IMPORT_PIPELINE_HOME": str(settings.home),
        "IMPORT_PIPELINE_ACCOUNTS": str(settings.accounts),
        "IMPORT_PIPELINE_LEDGER": settings.ledger_url,
        "IMPORT_PIPELINE_MEMORY": settings.memory_limit,
        "IMPORT_PIPELINE_THREADS": str(settings.threads),
        "IMPORT_PIPELINE_SFTP_HOST": settings.sftp_host,
        "IMPORT_PIPELINE_HTTP_HOST": settings.http_host,
        "DAGSTER_HOME": str(settings.dagster_home),
        "PYTHONUNBUFFERED": "1",
    }


def free_port(host: str = "127.0.0.1") -> int:
    """A port that nobody uses at this moment."""
    with socket.socket() as probe:
        probe.bind((host, 0))
        port: int = probe.getsockname()[1]
        return port


def require_free(host: str, port: int) -> None:
    """Raises PermanentFailure when the port is taken."""
    with socket.socket() as probe:
        probe.setsockopt(socket.SOL_SOCKET, socket.SO_REUSEADDR, 1)
        try:
            probe.bind((host, port))
        except OSError as error:
            raise PermanentFailure(f"{host}:{port} cannot be used ({error.strerror}); choose another one with --port") from None


@contextmanager
def stopped_by_signals() -> Iterator[None]:
    """SIGTERM and SIGHUP end this process as Ctrl-C does: by KeyboardInterrupt, so that what it started is stopped.

    A signal that is ignored (`nohup`) stays ignored.
    """

    def interrupt(number: int, frame: object) -> None:
        raise KeyboardInterrupt

    before = {number: signal.getsignal(number) for number in (signal.SIGTERM, signal.SIGHUP)}
    for number, handler in before.items():
        if handler != signal.SIG_IGN:
            signal.signal(number, interrupt)
    try:
        yield
    finally:
        for number, handler in before.items():
            signal.signal(number, handler)


def _listens(host: str, port: int) -> bool:
    try:
        socket.create_connection((host, port), timeout=0.5).close()
    except OSError:
        return False
    return True


def _answers(url: str | urllib.request.Request) -> bytes | None:
    """The body of the answer; None while there is none."""
    try:
        with urllib.request.urlopen(url, timeout=10) as answer:
            body: bytes = answer.read()
            return body or b" "
    except (urllib.error.URLError, OSError):
        return None


def _load_fault(address: str) -> str | None:
    """Why the web page shows no definitions, or None when it does."""
    query = json.dumps({"query": _LOCATIONS}).encode()
    body = _answers(urllib.request.Request(f"{address}/graphql", query, {"Content-Type": "application/json"}))
    entries = json.loads(body or b"{}").get("data", {}).get("workspaceOrError", {}).get("locationEntries", [])
    return next((message for entry in entries if (message := (entry["locationOrLoadError"] or {}).get("message"))), None)
