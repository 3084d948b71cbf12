"""One connection to one server, used from ordinary code of any thread: the loop that asyncssh needs runs in a thread of its own.

Belongs here: connecting strictly, and the few requests that taking and answering files need, each with an end. Does not belong here:
which file is taken (look.py), what is sent back (answer.py), tries and pauses (collect.py, state.py).

Names are bytes from end to end: one Latin-1 name breaks a whole listing in clients that decode (reference/intake.md, fact 5).
"""

import asyncio
import os
import threading
from collections import deque
from collections.abc import Awaitable, Iterator, Mapping
from concurrent.futures import Future
from contextlib import contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import TYPE_CHECKING, Any, TypeVar

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.landing.remote import hostkeys, paths
from import_pipeline.landing.remote.faults import Denied, Missing, Refusal, fault_of
from import_pipeline.landing.remote.secrets import means_of
from import_pipeline.model.remote_door import RemoteDoor

if TYPE_CHECKING:
    import asyncssh

T = TypeVar("T")
CONNECT_SECONDS, LOGIN_SECONDS = 10, 10
CIPHERS = (
    "aes128-gcm@openssh.com",
    "aes256-gcm@openssh.com",
    "aes256-ctr",
    "aes192-ctr",
    "aes128-ctr",
    "chacha20-poly1305@openssh.com",
)
"""In the order of what they cost here: ChaCha20 is worked out packet by packet in Python. CBC is broken in this protocol."""
OPENING_SECONDS = 20.0
"""All of it: a server may be asked for each kind of host key."""
ALIVE = {"keepalive_interval": 15, "keepalive_count_max": 3}
"""A silent link is given up after 45 seconds; other clients hang on it for minutes (reference/intake.md, fact 4)."""
SECONDS, PIECE_SECONDS = 60.0, 900.0
"""One request, and one piece of a file: a slow server is slow, a dead one is noticed by the keep-alive."""
PIECE, AHEAD = 2 * 261_120, 4
"""Bytes of one piece (whole requests of OpenSSH's size), and pieces asked for ahead: over a link with latency one piece at a time would
wait most of the time."""


@dataclass(frozen=True)
class Status:
    """What the server says of one thing. `kind` is file, link, folder or device; `mtime` are whole seconds in protocol version 3."""

    kind: str
    size: int
    mtime: int

    @property
    def fingerprint(self) -> str:
        """Compared for equality only: the server's clock may say anything (reference/intake.md section 4, «Keys»)."""
        return f"{self.size}.{self.mtime}"


class Peer:
    """An open connection. Every method may raise Missing, Denied, Refusal (the server said no) or Unreachable (it is over)."""

    def __init__(self, loop: asyncio.AbstractEventLoop, sftp: "asyncssh.SFTPClient", seconds: float, piece_seconds: float) -> None:
        """How long one request may take, and one piece of a file."""
        self._loop, self._sftp, self._seconds, self._piece_seconds = loop, sftp, seconds, piece_seconds
        self._folders: set[bytes] = set()
        """Folders that this connection has seen or made."""

    def listing(self, folder: bytes, *, seconds: float | None = None) -> list[tuple[bytes, Status]]:
        """Everything in the folder, or a fault: what was listed until then never counts."""

        async def all_of_it() -> list[tuple[bytes, Status]]:
            found: dict[bytes, Status] = {}
            async for entry in self._sftp.scandir(folder):
                name = bytes(entry.filename)  # type: ignore[arg-type]
                # A name is one name: a server that lists paths must not lead us elsewhere.
                if name not in (b".", b"..", b"") and b"/" not in name and b"\x00" not in name:
                    found[name] = _status(entry.attrs)
            return list(found.items())

        return self._do(all_of_it(), f"listing {paths.shown(folder)}", seconds)

    def status(self, path: bytes) -> Status:
        """The thing itself; a link is not followed."""
        return _status(self._do(self._sftp.lstat(path), f"looking at {paths.shown(path)}"))

    def exists(self, path: bytes) -> bool:
        """Whether anything lies there."""
        try:
            self.status(path)
        except Missing:
            return False
        return True

    def whole(self, path: bytes, size: int) -> tuple[Status, bytes, Status]:
        """A small file at once: its status before, its first `size` bytes, and its status after.

        All of it is one errand of the loop's thread: for a file of some kilobytes, going there and back costs more than asking.
        """

        async def all_of_it() -> tuple[Status, bytes, Status]:
            # Asked together, and answered in this order: a slow line is crossed three times instead of five.
            first, opening = await asyncio.gather(
                self._sftp.lstat(path), self._sftp.open(path, "rb", encoding=None), return_exceptions=True
            )
            if isinstance(opening, BaseException):
                raise opening
            try:
                if isinstance(first, BaseException):
                    raise first
                content = bytes(await opening.read(size, 0)) if size else b""  # type: ignore[arg-type]
            except BaseException:
                await opening.close()
                raise
            _, last = await asyncio.gather(opening.close(), self._sftp.lstat(path))
            return _status(first), content, _status(last)

        return self._do(all_of_it(), f"reading {paths.shown(path)}", self._piece_seconds)

    def pieces(self, path: bytes, size: int) -> Iterator[bytes]:
        """The first `size` bytes of a file, or fewer when it is shorter; several pieces are under way at once."""
        doing = f"reading {paths.shown(path)}"
        opened = self._do(self._sftp.open(path, "rb", encoding=None), doing)
        under_way: deque[tuple[int, Future[bytes]]] = deque()
        try:
            asked = 0
            while True:
                while asked < size and len(under_way) < AHEAD:
                    length = min(PIECE, size - asked)
                    under_way.append((length, self._begin(opened.read(length, asked))))
                    asked += length
                if not under_way:
                    return
                length, future = under_way.popleft()
                piece = self._end(future, doing, self._piece_seconds)
                yield piece
                if len(piece) < length:
                    return
        finally:
            for _, future in under_way:
                future.cancel()
            with suppress(PermanentFailure, TransientFailure):
                self._do(opened.close(), doing, 10)

    def write(self, path: bytes, content: Iterator[bytes], *, mtime: int | None = None) -> None:
        """Makes the file, or makes it anew. `mtime` is set where the server lets us."""
        doing = f"writing {paths.shown(path)}"
        opened = self._do(self._sftp.open(path, "wb", encoding=None), doing)
        try:
            under_way: deque[Future[int]] = deque()
            at = 0
            for piece in content:
                if len(under_way) >= AHEAD:
                    self._end(under_way.popleft(), doing, self._piece_seconds)
                under_way.append(self._begin(opened.write(piece, at)))
                at += len(piece)
            while under_way:
                self._end(under_way.popleft(), doing, self._piece_seconds)
        finally:
            self._do(opened.close(), doing)
        if mtime is not None:
            with suppress(Denied, Refusal, Missing):
                self._do(self._sftp.utime(path, (mtime, mtime)), doing)

    def rename(self, old: bytes, new: bytes) -> None:
        """Gives a thing another name. Where something has it, the server refuses (protocol version 3)."""
        self._do(self._sftp.rename(old, new), f"renaming {paths.shown(old)} to {paths.shown(new)}")

    def replace(self, old: bytes, new: bytes) -> None:
        """The same, in the place of what lies there: in one step where the server can."""
        doing = f"renaming {paths.shown(old)} to {paths.shown(new)}"
        try:
            self._do(self._sftp.posix_rename(old, new), doing)
        except Refusal:
            with suppress(Missing):
                self.remove(new)
            self.rename(old, new)

    def remove(self, path: bytes) -> None:
        """Takes a file away."""
        self._do(self._sftp.remove(path), f"deleting {paths.shown(path)}")

    def make_folder(self, folder: bytes) -> None:
        """Makes a folder and those above it, where they are missing."""
        if folder in (b"", b"/", b".") or folder in self._folders or self.exists(folder):
            self._folders.add(folder)
            return
        above = paths.split(folder)[0]
        self.make_folder(above)
        try:
            self._do(self._sftp.mkdir(folder), f"making the folder {paths.shown(folder)}")
        except Refusal:
            if not self.exists(folder):  # another process may have made it
                raise

    def _begin(self, what: Awaitable[T]) -> "Future[T]":
        async def it() -> T:
            return await what

        return asyncio.run_coroutine_threadsafe(it(), self._loop)

    def _end(self, future: "Future[T]", doing: str, seconds: float) -> T:
        try:
            return future.result(seconds)
        except Exception as error:
            future.cancel()
            raise fault_of(error, doing) from error

    def _do(self, what: Awaitable[T], doing: str, seconds: float | None = None) -> T:
        return self._end(self._begin(what), doing, seconds or self._seconds)


def _status(attrs: "asyncssh.SFTPAttrs") -> Status:
    from asyncssh import constants

    kinds = {
        constants.FILEXFER_TYPE_REGULAR: "file",
        constants.FILEXFER_TYPE_SYMLINK: "link",
        constants.FILEXFER_TYPE_DIRECTORY: "folder",
        constants.FILEXFER_TYPE_UNKNOWN: "file",  # a server that does not say: reading it will tell
    }
    return Status(kinds.get(attrs.type, "device"), attrs.size or 0, int(attrs.mtime or 0))


@contextmanager
def connected(
    door: RemoteDoor, environment: Mapping[str, str] | None = None, *, seconds: float = SECONDS, piece_seconds: float = PIECE_SECONDS
) -> Iterator[Peer]:
    """A connection, closed at the end. Secrets are read from `environment` (default: the process's).

    `seconds` is how long one request may take, `piece_seconds` one piece of a file.

    Raises HostKeyRefused, LoginRefused, PermanentFailure for a wrong configuration, Unreachable for everything else.
    """
    means = means_of(door, os.environ if environment is None else environment)
    loop = asyncio.new_event_loop()
    # Of a link that breaks asyncssh's inner tasks complain one by one; the request that waits tells it once.
    loop.set_exception_handler(lambda *_: None)
    thread = threading.Thread(target=loop.run_forever, name=f"remote-{door.name}", daemon=True)
    thread.start()
    connection: asyncssh.SSHClientConnection | None = None
    try:
        doing = f"{door.name}: connecting to {door.address.user}@{door.where}"
        try:
            opening = asyncio.run_coroutine_threadsafe(_open(door, means), loop)
            connection, sftp = opening.result(OPENING_SECONDS)
        except Exception as error:
            raise fault_of(error, doing) from error
        yield Peer(loop, sftp, seconds, piece_seconds)
    finally:
        _shut(loop, thread, connection)


async def _open(door: RemoteDoor, means: Mapping[str, Any]) -> "tuple[asyncssh.SSHClientConnection, asyncssh.SFTPClient]":
    """Connects; with stated fingerprints each kind of host key is asked for, since a server shows one of several."""
    seen: list[hostkeys.Offered] = []
    connection = await _connect(door, means, seen, None)
    for family in hostkeys.FAMILIES if connection is None and door.host_key else ():
        if connection is None and not any(one.algorithm in family for one in seen):
            connection = await _connect(door, means, seen, family)
    if connection is None:
        raise hostkeys.refusal(door, seen)
    try:
        return connection, await asyncio.wait_for(connection.start_sftp_client(path_encoding=None), CONNECT_SECONDS)
    except BaseException:
        connection.abort()
        raise


async def _connect(
    door: RemoteDoor, means: Mapping[str, Any], seen: list[hostkeys.Offered], family: tuple[str, ...] | None
) -> "asyncssh.SSHClientConnection | None":
    """The connection, or None when the host key is not trusted (then `seen` has it), or the server has none of this family."""
    import asyncssh

    class Watching(asyncssh.SSHClient):
        def validate_host_public_key(self, host: str, addr: str, port: int, key: asyncssh.SSHKey) -> bool:
            seen.append(hostkeys.offered_by(key))
            return hostkeys.is_trusted(door, seen[-1])

    trusted: Any = None
    if not door.insecure_host_key:
        trusted = hostkeys.trusted_by_file(door) if door.known_hosts else lambda *_: ([], [], [])
    more: dict[str, Any] = {"server_host_key_algs": list(family)} if family else {}
    try:
        return await asyncssh.connect(
            door.address.host,
            door.address.port,
            username=door.address.user,
            client_factory=Watching,
            known_hosts=trusted,
            config=None,
            agent_path=None,
            gss_host=None,
            encryption_algs=CIPHERS,
            connect_timeout=CONNECT_SECONDS,
            login_timeout=LOGIN_SECONDS,
            **ALIVE,
            **means,
            **more,
        )
    except asyncssh.HostKeyNotVerifiable:
        return None
    except (asyncssh.KeyExchangeFailed, asyncssh.ConnectionLost, OSError):
        # A server without a key of the family that was asked for hangs up.
        if family is None:
            raise
        return None


def _shut(loop: asyncio.AbstractEventLoop, thread: threading.Thread, connection: "asyncssh.SSHClientConnection | None") -> None:
    async def end() -> None:
        if connection is not None:
            connection.close()
            with suppress(Exception):
                await asyncio.wait_for(connection.wait_closed(), 3)
            connection.abort()
        others = [task for task in asyncio.all_tasks() if task is not asyncio.current_task()]
        for task in others:
            task.cancel()
        await asyncio.gather(*others, return_exceptions=True)

    with suppress(Exception):
        asyncio.run_coroutine_threadsafe(end(), loop).result(10)
    loop.call_soon_threadsafe(loop.stop)
    thread.join(10)
    if not thread.is_alive():
        loop.close()


def file_pieces(path: Path) -> Iterator[bytes]:
    """A local file in pieces."""
    with path.open("rb") as source:
        while piece := source.read(PIECE):
            yield piece
