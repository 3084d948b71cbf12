"""The servers that SFTP is measured against each other on: ours, OpenSSH's sshd, and either of them behind a slow line.

Belongs here: starting them on free loopback ports with one user and one key, and ending them. Does not belong here: what is measured
(sftp.py, sftp_poll.py).
"""

import asyncio
import getpass
import os
import shutil
import socket
import subprocess
import sys
import threading
import time
from collections.abc import Iterator
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path

from import_pipeline.cli.services import free_port

ACCOUNTS = Path(__file__).resolve().parent / "accounts"
NEW = "DataObjects/Import/New"
_START = 30.0


@dataclass(frozen=True)
class Place:
    """Where a client finds a folder to write to: `folder` as the client names it, `disk` where it lies here."""

    name: str
    user: str
    port: int
    key: Path
    folder: str
    disk: Path

    def options(self) -> list[str]:
        """Words for OpenSSH's sftp. The key of a server that lives for a minute is not worth remembering."""
        settings = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes", "BatchMode=yes"]
        words = ["-F", "/dev/null", "-P", str(self.port), "-i", str(self.key)]
        return [*words, *(word for setting in settings for word in ("-o", setting))]

    @property
    def at(self) -> str:
        """user@host."""
        return f"{self.user}@127.0.0.1"


def make_key(folder: Path) -> Path:
    """A private ED25519 key."""
    path = folder / "id"
    if not path.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", path], check=True)
    return path


@contextmanager
def sshd(work: Path) -> Iterator[Place]:
    """OpenSSH's server with its internal-sftp, as the present user."""
    program = shutil.which("sshd") or "/usr/sbin/sshd"
    if not Path(program).exists():
        sys.exit("benchmarks: OpenSSH's server is needed: apt-get install openssh-server")
    key, port = make_key(work), free_port()
    folder = work / "sshd"
    (folder / NEW).mkdir(parents=True, exist_ok=True)
    if os.getuid() == 0:
        Path("/run/sshd").mkdir(exist_ok=True)
    host_key = folder / "host"
    if not host_key.exists():
        subprocess.run(["ssh-keygen", "-q", "-t", "ed25519", "-N", "", "-f", host_key], check=True)
    config = folder / "config"
    config.write_text(
        "\n".join(
            (
                f"Port {port}",
                "ListenAddress 127.0.0.1",
                f"HostKey {host_key}",
                f"AuthorizedKeysFile {key.with_suffix('.pub')}",
                f"PidFile {folder / 'pid'}",
                "StrictModes no",
                "UsePAM no",
                "PermitRootLogin yes",
                "MaxStartups 200",
                f"Subsystem sftp internal-sftp -d {folder}",
            )
        )
        + "\n"
    )
    with subprocess.Popen([program, "-D", "-e", "-f", config], stderr=subprocess.DEVNULL) as process:
        try:
            _await(port)
            yield Place("sshd", getpass.getuser(), port, key, str(folder / NEW), folder / NEW)
        finally:
            process.terminate()


@contextmanager
def ours(work: Path) -> Iterator[Place]:
    """Our server as a process of its own, as `import-pipeline up` starts it."""
    key, port, home = make_key(work), free_port(), work / "home"
    environment = {
        **os.environ,
        "IMPORT_PIPELINE_HOME": str(home),
        "IMPORT_PIPELINE_ACCOUNTS": str(ACCOUNTS),
        "IMPORT_PIPELINE_SFTP_PORT": str(port),
    }
    program = Path(sys.executable).with_name("import-pipeline")
    added = [str(program), "user", "add", "bench", "--account", "bench", "--key", str(key.with_suffix(".pub"))]
    subprocess.run(added, check=True, capture_output=True, env=environment)
    command = [sys.executable, "-m", "import_pipeline.gateway.sftp"]
    with subprocess.Popen(command, env=environment, stdout=subprocess.DEVNULL) as process:
        try:
            _await(port)
            yield Place("ours", "bench", port, key, f"/{NEW}", home / "landing" / "bench" / NEW)
        finally:
            process.terminate()


def _await(port: int) -> None:
    end = time.monotonic() + _START
    while time.monotonic() < end:
        with suppress(OSError), socket.create_connection(("127.0.0.1", port), timeout=1):
            return
        time.sleep(0.05)
    sys.exit(f"benchmarks: nothing listens on port {port} after {_START:.0f} seconds")


@contextmanager
def delayed(port: int, seconds: float) -> Iterator[int]:
    """The port of a line to `port` on which every byte takes `seconds` in each direction, whatever the number of bytes."""
    ready, ended = threading.Event(), threading.Event()
    found: list[int] = []

    async def serve() -> None:
        server = await asyncio.start_server(lambda r, w: _line(r, w, port, seconds), "127.0.0.1", 0)
        async with server:
            found.append(server.sockets[0].getsockname()[1])
            ready.set()
            while not ended.is_set():
                await asyncio.sleep(0.05)

    thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
    thread.start()
    ready.wait(10)
    try:
        yield found[0]
    finally:
        ended.set()
        thread.join(10)


async def _line(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, port: int, seconds: float) -> None:
    there, back = await asyncio.open_connection("127.0.0.1", port)
    await asyncio.gather(_late(reader, back, seconds), _late(there, writer, seconds))


async def _late(reader: asyncio.StreamReader, writer: asyncio.StreamWriter, seconds: float) -> None:
    """Hands on what comes, each piece `seconds` after it came; pieces overtake none, and many are under way at once."""
    loop, queue = asyncio.get_running_loop(), asyncio.Queue[tuple[float, bytes]]()

    async def send() -> None:
        while True:
            due, piece = await queue.get()
            await asyncio.sleep(max(0.0, due - loop.time()))
            if not piece:
                break
            writer.write(piece)
            await writer.drain()
        writer.close()

    sending = asyncio.create_task(send())
    with suppress(OSError):
        while piece := await reader.read(1 << 18):
            queue.put_nowait((loop.time() + seconds, piece))
    queue.put_nowait((loop.time() + seconds, b""))
    with suppress(OSError):
        await sending
