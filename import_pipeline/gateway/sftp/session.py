"""The SFTP protocol of one channel, and nothing else of SSH: no shell, no command, no terminal.

Belongs here: what is changed in asyncssh's own session and handler. Does not belong here: what a request does (door.py).

asyncssh names the handler in no document (reference/intake.md section 3, i); the tests of this room hold what is used of it.
"""

import asyncio
from collections.abc import Callable
from typing import TYPE_CHECKING, Any

import asyncssh
from asyncssh.constants import EXTENDED_DATA_STDERR, FXP_OPEN, FXP_OPENDIR
from asyncssh.packet import SSHPacket
from asyncssh.sftp import SFTPServerHandler
from asyncssh.stream import SSHServerStreamSession

from import_pipeline.gateway.sftp.door import Door
from import_pipeline.gateway.sftp.door import Session as Asking

if TYPE_CHECKING:
    _Reader = asyncssh.SSHReader[bytes]
    _Writer = asyncssh.SSHWriter[bytes]

MOST_HANDLES = 64
"""Files and folders that one session may have open; asyncssh itself has no limit."""
MOST_TOLD = 20
_OFFERED = (b"newline", b"vendor-id", b"posix-rename@openssh.com", b"fsync@openssh.com", b"lsetstat@openssh.com")
_OFFERED_MORE = (b"limits@openssh.com", b"statvfs@openssh.com", b"fstatvfs@openssh.com")
_REFUSED = (b"copy-data", b"hardlink@openssh.com", b"ranges@asyncssh.com")


class Handler(SFTPServerHandler):
    """asyncssh's handler with a limit of open files, without what would move bytes behind the door, and with an end that is told apart."""

    _extensions = [offer for offer in SFTPServerHandler._extensions if offer[0] in (*_OFFERED, *_OFFERED_MORE)]  # noqa: RUF012

    def __init__(self, door: Door, reader: "_Reader", writer: "_Writer", asked: Callable[[], None]) -> None:
        super().__init__(door, reader, writer, 3)
        self._door, self._asked = door, asked

    async def _process_packet(self, pkttype: int, pktid: int, packet: SSHPacket) -> None:
        self._asked()
        await super()._process_packet(pkttype, pktid, packet)

    async def _few_open(self, packet: SSHPacket) -> bytes:
        self._check_handles()
        return await self._process_open(packet)

    async def _few_opendir(self, packet: SSHPacket) -> bytes:
        self._check_handles()
        return await self._process_opendir(packet)

    def _check_handles(self) -> None:
        if len(self._file_handles) + len(self._dir_handles) >= MOST_HANDLES:
            raise asyncssh.SFTPFailure(f"{MOST_HANDLES} files are open in this session: close one first")

    async def _cleanup(self, exc: Exception | None) -> None:
        # What the client has not closed by itself is not complete, however the session ended: asyncssh would close it.
        left = list(self._file_handles.values())
        self._file_handles = {}
        for file_obj in left:
            await self._door.abandon(file_obj)
        await super()._cleanup(exc)

    _packet_handlers: dict[int | bytes, Any] = {  # noqa: RUF012
        **{kind: handler for kind, handler in SFTPServerHandler._packet_handlers.items() if kind not in _REFUSED},
        FXP_OPEN: _few_open,
        FXP_OPENDIR: _few_opendir,
    }


class SftpSession(SSHServerStreamSession[bytes]):
    """One channel. `begin` gives the facts of its door for a way to tell people something; `asked` is called at each request.

    `running` holds the session from its beginning until what the client left open is given up; `ended` is called when the channel closes.
    """

    def __init__(
        self,
        begin: Callable[[Callable[[str], None]], Asking],
        asked: Callable[[], None],
        running: "set[asyncio.Task[None]]",
        ended: Callable[[], None],
    ) -> None:
        super().__init__(None)
        self._begin, self._asked, self._running, self._ended = begin, asked, running, ended
        self._told = 0

    def shell_requested(self) -> bool:
        """Refused."""
        return False

    def exec_requested(self, command: str) -> bool:
        """Refused, the old scp too; today's speaks SFTP."""
        return False

    def pty_requested(self, *_: object) -> bool:
        """Refused."""
        return False

    def subsystem_requested(self, subsystem: str) -> bool:
        """SFTP only."""
        return subsystem == "sftp"

    def connection_lost(self, exc: Exception | None) -> None:
        """The channel is closed."""
        super().connection_lost(exc)
        self._ended()

    def session_started(self) -> None:
        """Begins to answer requests."""
        channel, connection = self._chan, self._conn
        if channel is None or connection is None:
            return
        reader = asyncssh.SSHReader[bytes](self, channel)
        writer = asyncssh.SSHWriter[bytes](self, channel)
        door = Door(channel, self._begin(self._tell))  # type: ignore[arg-type]
        task = connection.create_task(Handler(door, reader, writer, self._asked).run(), reader.logger)
        self._running.add(task)
        task.add_done_callback(self._running.discard)

    def _tell(self, text: str) -> None:
        """OpenSSH's programs show a code instead of the server's sentence; what comes on this side channel they do show."""
        channel = self._chan
        if channel is None or channel.is_closing() or self._told >= MOST_TOLD:
            return
        if "OpenSSH" in str(channel.get_extra_info("client_version", "")):
            self._told += 1
            shown = "".join(c if c.isprintable() else "?" for c in text)
            channel.write(f"{shown}\r\n".encode(), EXTENDED_DATA_STDERR)
