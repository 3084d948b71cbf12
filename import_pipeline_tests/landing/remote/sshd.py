"""A real OpenSSH server on a free loopback port, and a proxy in front of it that cuts or slows what goes through.

Belongs here: peers of the poller. Does not belong here: assertions.
"""

import asyncio
import contextlib
import os
import pwd
import shutil
import socket
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterator
from pathlib import Path

import psutil

from import_pipeline.cli.services import free_port
from import_pipeline_tests.programs import install

SSHD = "/usr/sbin/sshd"
CONFIG = """\
ListenAddress 127.0.0.1:{port}
{keys}
PidFile none
AuthorizedKeysFile {folder}/authorized_keys
StrictModes no
UsePAM no
PasswordAuthentication yes
KbdInteractiveAuthentication no
PermitRootLogin no
MaxStartups 200
MaxSessions 200
Subsystem sftp internal-sftp
ForceCommand internal-sftp {options}
{more}
"""


def require_sshd() -> None:
    """OpenSSH's server is installed where that is possible; a machine without it fails loudly instead of testing less."""
    if Path(SSHD).exists() and shutil.which("ssh-keygen"):
        return
    install("openssh-server")
    assert Path(SSHD).exists(), "sshd is needed for these tests: apt-get install openssh-server"


def _make_key(path: Path, kind: str) -> None:
    subprocess.run(["ssh-keygen", "-q", "-t", kind, "-N", "", "-f", path], check=True)


def fingerprint(path: Path) -> str:
    """As ssh-keygen tells it."""
    told = subprocess.run(["ssh-keygen", "-l", "-f", path], check=True, capture_output=True, text=True)
    return told.stdout.split()[1]


class Sshd:
    """internal-sftp for one user who logs in by key. `files` is a folder of that user; as root the user is `nobody`."""

    def __init__(self, *, chroot: bool = False, options: str = "", kinds: tuple[str, ...] = ("ed25519",)) -> None:
        require_sshd()
        # Below a folder that root owns all the way up: the server takes no other one for a chroot.
        base = "/var/lib" if chroot else None
        self.folder = Path(tempfile.mkdtemp(prefix="sshd-", dir=base))
        self.folder.chmod(0o755)
        self.user = "nobody" if os.getuid() == 0 else pwd.getpwuid(os.getuid()).pw_name
        self.chroot = self.folder / "top" if chroot else None
        self.files = (self.chroot or self.folder) / "files"
        self.files.mkdir(parents=True)
        self.give(self.files)
        self.kinds = kinds
        for kind in kinds:
            _make_key(self.folder / f"host_{kind}", kind)
        _make_key(self.folder / "id", "ed25519")
        (self.folder / "authorized_keys").write_bytes((self.folder / "id.pub").read_bytes())
        self.port = free_port()
        self._options = options
        self._process: subprocess.Popen[bytes] | None = None

    def __enter__(self) -> "Sshd":
        self.start()
        return self

    def __exit__(self, *_: object) -> None:
        self.stop()
        shutil.rmtree(self.folder, ignore_errors=True)

    def start(self) -> None:
        """Starts it, and waits until it answers."""
        if os.getuid() == 0:
            Path("/run/sshd").mkdir(exist_ok=True)
        keys = "\n".join(f"HostKey {self.folder}/host_{kind}" for kind in self.kinds)
        more = f"ChrootDirectory {self.chroot}" if self.chroot else ""
        config = self.folder / "config"
        config.write_text(CONFIG.format(port=self.port, keys=keys, folder=self.folder, options=self._options, more=more))
        log = (self.folder / "log").open("ab")
        self._process = subprocess.Popen([SSHD, "-D", "-e", "-f", config], stderr=log, stdout=log)
        end = time.monotonic() + 10
        while True:
            with contextlib.suppress(OSError), socket.create_connection(("127.0.0.1", self.port), 1) as probe:
                if probe.recv(4) == b"SSH-":
                    return
            assert self._process.poll() is None and time.monotonic() < end, (self.folder / "log").read_text()
            time.sleep(0.02)

    def stop(self) -> None:
        """Kills it and its sessions, by their ids."""
        if self._process is None:
            return
        for process in (*psutil.Process(self._process.pid).children(recursive=True), self._process):
            with contextlib.suppress(psutil.NoSuchProcess, ProcessLookupError):
                process.kill()
        self._process.wait(10)
        self._process = None

    def new_host_key(self) -> None:
        """Another key, as after a reinstallation, or another machine at the address."""
        for kind in self.kinds:
            (self.folder / f"host_{kind}").unlink()
            _make_key(self.folder / f"host_{kind}", kind)

    def host_fingerprint(self, kind: str | None = None) -> str:
        """Of its host key."""
        return fingerprint(self.folder / f"host_{kind or self.kinds[0]}.pub")

    def give(self, path: Path) -> Path:
        """Makes it the user's own."""
        if os.getuid() == 0:
            shutil.chown(path, self.user)
        return path

    def drop(self, name: str | bytes, content: str | bytes, *, mtime: int | None = None, folder: Path | None = None) -> Path:
        """A file of the user, its time set where one is given."""
        path = Path(os.fsdecode(os.fsencode(folder or self.files) + b"/" + os.fsencode(name)))
        path.write_bytes(content.encode() if isinstance(content, str) else content)
        if mtime is not None:
            os.utime(path, (mtime, mtime))
        return self.give(path)

    def make(self, name: str) -> Path:
        """A folder of the user."""
        path = self.files / name
        path.mkdir(parents=True)
        return self.give(path)

    def names(self, folder: str = "") -> list[str]:
        """What lies in a folder."""
        place = self.files / folder
        return sorted(path.name for path in place.iterdir()) if place.is_dir() else []

    def door(self, name: str = "partner", *, port: int | None = None, path: str | None = None, **more: object) -> dict[str, object]:
        """What an account's YAML states about it."""
        top = "/files" if self.chroot else str(self.files)
        stated = {
            "name": name,
            "url": f"sftp://{self.user}@127.0.0.1:{port or self.port}{path or top}",
            "key_file": str(self.folder / "id"),
            "host_key": self.host_fingerprint(),
            "settle": "5s",
        }
        return {key: value for key, value in (stated | more).items() if value is not None}


class Proxy:
    """Forwards to a port. `cut` says for each connection after how many bytes from the server it is dropped (None: never)."""

    def __init__(self, port: int, *, cut: Callable[[], int | None] = lambda: None, delay: float = 0.0) -> None:
        self.target, self.cut, self.delay = port, cut, delay
        self.port = free_port()
        self.cuts = self.connections = 0
        self._loop = asyncio.new_event_loop()
        self._thread = threading.Thread(target=self._loop.run_forever, daemon=True)

    def __enter__(self) -> "Proxy":
        self._thread.start()
        start = asyncio.start_server(self._serve, "127.0.0.1", self.port)
        self._server = asyncio.run_coroutine_threadsafe(start, self._loop).result(10)
        return self

    def __exit__(self, *_: object) -> None:
        async def end() -> None:
            self._server.close()
            others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
            for task in others:
                task.cancel()
            await asyncio.gather(*others, return_exceptions=True)

        asyncio.run_coroutine_threadsafe(end(), self._loop).result(10)
        self._loop.call_soon_threadsafe(self._loop.stop)
        self._thread.join(10)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        self.connections += 1
        left = self.cut()
        there, away = await asyncio.open_connection("127.0.0.1", self.target)
        up = asyncio.ensure_future(self._pump(reader, away, None))
        try:
            if await self._pump(there, writer, left):
                self.cuts += 1
        finally:
            up.cancel()
            for each in (writer, away):
                each.transport.abort()

    async def _pump(self, source: asyncio.StreamReader, sink: asyncio.StreamWriter, left: int | None) -> bool:
        """True when the limit was reached."""
        with contextlib.suppress(OSError):
            while data := await source.read(65536):
                if self.delay:
                    await asyncio.sleep(self.delay)
                sink.write(data if left is None else data[:left])
                await sink.drain()
                if left is not None:
                    left -= len(data)
                    if left <= 0:
                        return True
        return False


@contextlib.contextmanager
def serving(**more: object) -> Iterator[Sshd]:
    """A server for the block."""
    with Sshd(**more) as server:  # type: ignore[arg-type]
        yield server
