"""One connection: who it is, how often it may try, and which channels it gets.

Belongs here: authentication and what a connection may open. Does not belong here: counting failures (gateway/guard.py), hashes
(gateway/passwords.py), requests (door.py).

asyncssh takes «no answer» in `begin_auth` for «no log-in needed» (reference/intake.md section 3, c): every method here answers.
"""

import asyncio
from typing import TYPE_CHECKING

import asyncssh

from import_pipeline.gateway import passwords
from import_pipeline.gateway.sftp import keys
from import_pipeline.gateway.sftp.door import Session
from import_pipeline.gateway.sftp.session import SftpSession
from import_pipeline.ledger.users import User

if TYPE_CHECKING:
    from collections.abc import Callable

    from import_pipeline.gateway.sftp.gate import Gate

MOST_CHANNELS = 8
_SHA2 = {b"rsa-sha2-256", b"rsa-sha2-512"}


class Login(asyncssh.SSHServer):
    """One connection from its first byte to its last."""

    def __init__(self, gate: "Gate") -> None:
        self._gate = gate
        self._connection: asyncssh.SSHServerConnection | None = None
        self.address = "unknown"
        self.user: User | None = None
        self.last_asked = gate.clock.monotonic()
        self._known: dict[str, User] = {}
        self._offered_by: str | None = None
        self._tries = self._offers = self._channels = 0

    # the connection

    def connection_made(self, conn: asyncssh.SSHServerConnection) -> None:
        """Counted; ended at once when there are too many, or when its address is barred."""
        self._connection = conn
        self.address = str((conn.get_extra_info("peername") or ("unknown",))[0])
        self._gate.logins.add(self)
        refusal = self._gate.guard.connect(self.address)
        if refusal:
            self._gate.audit.write("refused", address=self.address, reason=refusal)
            conn.abort()

    def connection_lost(self, exc: Exception | None) -> None:
        """Given back what was counted."""
        self._gate.logins.discard(self)
        self._gate.guard.disconnect(self.address, self.user.name if self.user else None)
        if self.user:
            self._gate.audit.write("logout", account=self.user.account, user=self.user.name, address=self.address)
        elif self._offers and not self._tries:
            self._gate.audit.write("login_failed", user=self._offered_by, address=self.address, reason="no key was accepted")

    def end(self, reason: str) -> None:
        """Ends the connection; what it had not closed is not complete."""
        if self._connection is not None:
            self._gate.audit.write("refused", user=self.user.name if self.user else None, address=self.address, reason=reason)
            self._connection.disconnect(asyncssh.DISC_BY_APPLICATION, reason)

    # who it is

    def begin_auth(self, username: str) -> bool:
        """Everybody must log in."""
        return True

    def public_key_auth_supported(self) -> bool:
        """Yes."""
        return True

    def password_auth_supported(self) -> bool:
        """Yes."""
        return True

    async def validate_public_key(self, username: str, key: asyncssh.SSHKey) -> bool:
        """Whether the key is one of the user's. asyncssh then checks the signature; that of an RSA key must be a sha2 one."""
        self._offers += 1
        if self._offers > self._gate.guard.limits.offers:
            self._too_many()
            return False
        user = await self._gate.user(username)
        self._offered_by = user.name if user else None
        if key.get_algorithm() == "ssh-rsa":
            key.all_sig_algorithms = _SHA2
        known = user is not None and keys.plain(key) in user.keys
        if known and user is not None:
            self._known[username] = user
        return known

    async def validate_password(self, username: str, password: str) -> bool:
        """Whether it is the user's password. It takes as long for somebody who does not exist, and longer after failures."""
        guard = self._gate.guard
        self._tries += 1
        if self._tries > guard.limits.tries or guard.is_barred(self.address):
            self._too_many()
            return False
        delay = guard.delay(self.address, username)
        guard.failed(self.address, username)
        if delay:
            await asyncio.sleep(delay)
        user = await self._gate.user(username)
        async with self._gate.hashing:
            right = await asyncio.to_thread(passwords.is_right, user.password if user else None, password)
        if right and user is not None:
            guard.succeeded(self.address, username)
            self._known[username] = user
            return True
        # A name that nobody has may be a password typed into the wrong field.
        self._gate.audit.write("login_failed", user=user.name if user else None, address=self.address, reason=_failure(user))
        return False

    def _too_many(self) -> None:
        self._gate.audit.write("login_failed", address=self.address, reason="too many tries")
        if self._connection is not None:
            self._connection.disconnect(asyncssh.DISC_NO_MORE_AUTH_METHODS_AVAILABLE, "too many tries")

    def auth_completed(self) -> None:
        """Logged in."""
        connection = self._connection
        if connection is None:
            return
        user = self._known.get(str(connection.get_extra_info("username")))
        if user is None:
            connection.abort()
            return
        self.user, self.last_asked = user, self._gate.clock.monotonic()
        refusal = self._gate.guard.log_in(self.address, user.name)
        if refusal:
            self.end(refusal)
            return
        self._gate.audit.write("login", account=user.account, user=user.name, address=self.address)

    # what it may open

    def session_requested(self) -> "tuple[asyncssh.SSHServerChannel[bytes], SftpSession] | bool":
        """A channel for SFTP. Forwarding of any kind is refused by asyncssh's own answers."""
        connection, user = self._connection, self.user
        if connection is None or user is None or self._channels >= MOST_CHANNELS:
            return False
        self._channels += 1
        site = self._gate.site(user.account)

        def begin(tell: "Callable[[str], None]") -> Session:
            return Session(user, self.address, site, self._gate.audit, tell)

        return connection.create_server_channel(encoding=None), SftpSession(begin, self._asked, self._gate.running, self._ended)

    def _ended(self) -> None:
        self._channels -= 1

    def _asked(self) -> None:
        self.last_asked = self._gate.clock.monotonic()


def _failure(user: User | None) -> str:
    if user is None:
        return "nobody who may log in has this name"
    return "wrong password" if user.password else "this user logs in by key"
