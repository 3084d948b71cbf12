"""A running server with users, and OpenSSH's own programs as its clients.

Belongs here: starting the server in a thread with its own event loop, calling clients. Does not belong here: assertions.
"""

import asyncio
import json
import os
import shutil
import subprocess
import tempfile
import threading
import time
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from import_pipeline.gateway.guard import Limits
from import_pipeline.gateway.passwords import hash_password
from import_pipeline.gateway.sftp.keys import read_keys
from import_pipeline.gateway.sftp.server import Listening, serving
from import_pipeline.landing.clock import SystemClock
from import_pipeline.ledger import Ledger, users
from import_pipeline.model.account import Account
from import_pipeline.model.sftp_door import Role
from import_pipeline.settings import Settings
from import_pipeline_tests.programs import install

PASSWORD = "open sesame"
NEW = "DataObjects/Import/New"
PROGRAMS = ("ssh", "sftp", "scp", "ssh-keygen")


def require_programs() -> None:
    """OpenSSH's clients are installed where that is possible; a machine without them fails loudly instead of testing less."""
    if all(shutil.which(name) for name in PROGRAMS):
        return
    install("openssh-client")
    missing = [name for name in PROGRAMS if not shutil.which(name)]
    assert not missing, f"{', '.join(missing)} are needed for these tests: apt-get install openssh-client"


@dataclass(frozen=True)
class Done:
    """What a client said."""

    code: int
    out: str
    err: str


class Server:
    """A server of two accounts in a thread. `keys` holds an ED25519 and an RSA key of the user `ana`."""

    def __init__(self, home: Path, *, doors: dict[str, Any] | None = None, limits: Limits | None = None) -> None:
        self.home = home
        self.settings = Settings.from_environment({"IMPORT_PIPELINE_HOME": str(home)})
        self.settings = Settings(home=home, accounts=self.settings.accounts, ledger_url=self.settings.ledger_url, sftp_port=0)
        self.ledger = Ledger(self.settings.ledger_url)
        self.ledger.upgrade()
        door = {"doors": {"sftp": doors or {}}}
        self.accounts = {name: Account.model_validate({"name": name, **door}) for name in ("acme", "other")}
        self._limits = limits
        self._ready, self._stop = threading.Event(), threading.Event()
        self._fault: BaseException | None = None
        self.listening: Listening | None = None
        self._thread = threading.Thread(target=lambda: asyncio.run(self._serve()), daemon=True)

    def __enter__(self) -> "Server":
        self._thread.start()
        assert self._ready.wait(20)
        assert self._fault is None, self._fault
        return self

    def __exit__(self, *_: object) -> None:
        self._stop.set()
        self._thread.join(20)
        assert not self._thread.is_alive()
        self.ledger.close()

    async def _serve(self) -> None:
        try:
            async with serving(self.settings, self.ledger, self.accounts, limits=self._limits) as self.listening:
                self._ready.set()
                while not self._stop.is_set():
                    await asyncio.sleep(0.01)
        except BaseException as fault:
            self._fault = fault
            raise
        finally:
            self._ready.set()

    @property
    def port(self) -> int:
        """Where it listens."""
        assert self.listening is not None
        return self.listening.port

    def add_user(
        self, name: str, account: str = "acme", *, role: Role = "both", password: str | None = None, keys: Iterable[Path] = ()
    ) -> str:
        """Books a user; its name."""
        texts = [found for key in keys for found in read_keys(key.with_suffix(".pub").read_text())]
        hashed = hash_password(password) if password else None
        with self.ledger.begin() as conn:
            users.add(conn, name, account, password=hashed, keys=texts, role=role, now=SystemClock().now())
        return name

    def folder(self, path: str = NEW, account: str = "acme") -> Path:
        """A folder of the account's tree on disk."""
        return self.settings.landing / account / path

    def staged(self, account: str = "acme") -> list[Path]:
        """What lies in the hidden place."""
        return list((self.settings.landing / account / ".staging").iterdir())

    def audit(self, *events: str) -> list[dict[str, Any]]:
        """Entries of the audit log of these kinds."""
        file = self.home / "logs" / "sftp-audit.jsonl"
        lines = [json.loads(line) for line in file.read_text().splitlines()] if file.exists() else []
        return [line for line in lines if line["event"] in events]


def make_key(folder: Path, kind: str, *options: str) -> Path:
    """A private key of this kind made by ssh-keygen."""
    path = folder / f"id_{kind}{''.join(options)}"
    subprocess.run(["ssh-keygen", "-q", "-t", kind, *options, "-N", "", "-f", path], check=True)
    path.with_suffix(".pub")
    return path


@dataclass
class Client:
    """One user's programs. With `password` they ask a small program for it, as a desktop would."""

    server: Server
    user: str
    key: Path | None = None
    password: str | None = None
    options: Sequence[str] = ()

    def __post_init__(self) -> None:
        self.folder = Path(tempfile.mkdtemp(prefix="client-", dir=self.server.home))

    def _settings(self) -> list[str]:
        common = ["StrictHostKeyChecking=no", "UserKnownHostsFile=/dev/null", "LogLevel=ERROR", "IdentitiesOnly=yes", "ConnectTimeout=15"]
        way = (
            ["BatchMode=yes", "PasswordAuthentication=no", f"IdentityFile={self.key}"]
            if self.key
            # The first that is given counts: sftp's own -b would turn passwords off.
            else ["BatchMode=no", "PubkeyAuthentication=no", "PreferredAuthentications=password"]
        )
        return [word for option in (*self.options, *common, *way, "NumberOfPasswordPrompts=1") for word in ("-o", option)]

    def _environment(self) -> dict[str, str]:
        ask = self.folder / "ask"
        if self.password is not None and not ask.exists():
            ask.write_text(f"#!/bin/sh\necho '{self.password}'\n")
            ask.chmod(0o700)
        return {**os.environ, "SSH_ASKPASS": str(ask), "SSH_ASKPASS_REQUIRE": "force", "DISPLAY": ":0", "HOME": str(self.folder)}

    def start(self, program: str, *arguments: object, **more: Any) -> "subprocess.Popen[Any]":
        """Starts a client; its port option and settings are given."""
        port = ["-p" if program == "ssh" else "-P", str(self.server.port)]
        words = [program, "-F", "/dev/null", *port, *self._settings(), *(str(a) for a in arguments)]
        pipes: dict[str, Any] = {"stdin": subprocess.PIPE, "stdout": subprocess.PIPE, "stderr": subprocess.PIPE, "text": True}
        return subprocess.Popen(words, env=self._environment(), start_new_session=True, **(pipes | more))

    def call(self, program: str, *arguments: object, typed: str = "", timeout: float = 40) -> Done:
        """Runs a client to its end."""
        with self.start(program, *arguments) as process:
            out, err = process.communicate(typed, timeout=timeout)
        return Done(process.returncode, out, err)

    @property
    def at(self) -> str:
        """user@host."""
        return f"{self.user}@127.0.0.1"

    def refused(self, *commands: str) -> bool:
        """Whether every one of these commands is refused, in one session: sftp ends by exit code 0 and one complaint or more for each."""
        complaints = [self.sftp(*(f"-{command}" for command in commands)).err.splitlines()]
        return len([line for line in complaints[0] if line.strip()]) >= len(commands)

    def sftp(self, *commands: str, timeout: float = 40, options: Sequence[str] = ()) -> Done:
        """A batch of commands; the first that fails ends it with exit code 1, unless it begins with `-`."""
        batch = self.folder / f"batch{time.monotonic_ns()}"
        batch.write_text("\n".join(commands) + "\n")
        return self.call("sftp", *options, "-b", batch, self.at, timeout=timeout)


def until(holds: Callable[[], object], seconds: float = 10) -> None:
    """Returns when it holds; fails when it never does."""
    end = time.monotonic() + seconds
    while not holds():
        assert time.monotonic() < end, "it never came to that"
        time.sleep(0.02)
