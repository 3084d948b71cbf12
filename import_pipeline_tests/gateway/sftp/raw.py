"""SFTP requests by hand through OpenSSH's `ssh -s`: what no well-behaved program sends.

Belongs here: packing requests, unpacking answers. Does not belong here: assertions.
"""

import struct
import subprocess
from contextlib import suppress
from dataclasses import dataclass
from types import TracebackType
from typing import Any

from import_pipeline_tests.gateway.sftp.kit import Client

OK, NO_SUCH_FILE, PERMISSION_DENIED, FAILURE, UNSUPPORTED = 0, 2, 3, 4, 8
OPEN, CLOSE, READ, WRITE, FSETSTAT, OPENDIR, READLINK, SYMLINK, EXTENDED = 3, 4, 5, 6, 10, 11, 19, 20, 200
STATUS, HANDLE = 101, 102
F_READ, F_WRITE, F_APPEND, F_CREAT, F_TRUNC, F_EXCL = 1, 2, 4, 8, 16, 32
PUT = F_WRITE | F_CREAT | F_TRUNC


def text(value: str | bytes) -> bytes:
    """A string of the protocol."""
    raw = value.encode() if isinstance(value, str) else value
    return struct.pack(">I", len(raw)) + raw


@dataclass(frozen=True)
class Answer:
    """One answer: its type, for a status its code and sentence, for a handle the handle."""

    kind: int
    code: int | None = None
    said: str = ""
    handle: bytes = b""


class Raw:
    """One session."""

    def __init__(self, client: Client) -> None:
        self._process = client.start("ssh", "-s", client.at, "sftp", text=False)
        assert self._process.stdin is not None and self._process.stdout is not None
        self._in, self._out = self._process.stdin, self._process.stdout
        self._number = 0

    def __enter__(self) -> "Raw":
        self._send(struct.pack(">BI", 1, 3))
        self.offered = self._receive()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self._process.kill()
        self._process.wait()
        for pipe in (self._process.stdin, self._process.stdout, self._process.stderr):
            if pipe is not None:
                with suppress(BrokenPipeError):
                    pipe.close()

    def _send(self, packet: bytes) -> None:
        self._in.write(struct.pack(">I", len(packet)) + packet)
        self._in.flush()

    def _receive(self) -> bytes:
        (length,) = struct.unpack(">I", self._out.read(4))
        answer: bytes = self._out.read(length)
        return answer

    def ask(self, kind: int, *parts: bytes) -> Answer:
        """One request and its answer."""
        self._number += 1
        self._send(struct.pack(">BI", kind, self._number) + b"".join(parts))
        answer = self._receive()
        number = struct.unpack(">I", answer[1:5])[0]
        assert number == self._number
        if answer[0] == STATUS:
            code, length = struct.unpack(">II", answer[5:13])
            return Answer(STATUS, code, answer[13 : 13 + length].decode())
        return Answer(answer[0], handle=answer[9:] if answer[0] == HANDLE else b"")

    def open(self, path: str, flags: int) -> Answer:
        """Opens a file without attributes."""
        return self.ask(OPEN, text(path), struct.pack(">II", flags, 0))

    def write(self, handle: bytes, offset: int, data: bytes) -> Answer:
        """Writes at `offset`."""
        return self.ask(WRITE, text(handle), struct.pack(">Q", offset), text(data))

    def read(self, handle: bytes, offset: int, size: int) -> Answer:
        """Reads."""
        return self.ask(READ, text(handle), struct.pack(">QI", offset, size))

    def close(self, handle: bytes) -> Answer:
        """Closes a handle."""
        return self.ask(CLOSE, text(handle))

    def leave(self) -> "subprocess.Popen[Any]":
        """Ends the session in good order, whatever is open."""
        self._in.close()
        self._process.wait(10)
        return self._process
