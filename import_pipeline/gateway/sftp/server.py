"""The server as a whole: it listens, keeps order, and ends what is under way when it is stopped.

Belongs here: starting and stopping. Does not belong here: connections (logins.py), the process (__main__.py).
"""

import asyncio
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass

import asyncssh

from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.guard import Limits
from import_pipeline.gateway.sftp.gate import Gate
from import_pipeline.gateway.sftp.hostkey import host_key
from import_pipeline.gateway.sftp.logins import Login
from import_pipeline.landing.clock import Clock, SystemClock
from import_pipeline.ledger import Ledger
from import_pipeline.model.account import Account
from import_pipeline.settings import Settings

STOP_SECONDS = 5.0
CIPHERS = ("aes128-gcm@openssh.com", "aes256-gcm@openssh.com", "aes256-ctr", "aes192-ctr", "aes128-ctr")
"""Not ChaCha20, which most clients would choose: here it is worked out packet by packet in Python and takes twice the time of AES-GCM,
which every client of the last ten years knows. Nor CBC, which is broken in this protocol."""
_WINDOW = 4 * 1024 * 1024


@dataclass(frozen=True)
class Listening:
    """A server that runs."""

    gate: Gate
    host: str
    port: int
    fingerprint: str


@asynccontextmanager
async def serving(
    settings: Settings,
    ledger: Ledger,
    accounts: Mapping[str, Account],
    *,
    clock: Clock | None = None,
    limits: Limits | None = None,
) -> AsyncIterator[Listening]:
    """Runs the server of these accounts on the settings' address; port 0 takes a free one.

    At the end connections are ended first, and their uploads given up. Raises PermanentFailure when the address cannot be used.
    """
    gate = Gate(settings, ledger, accounts, clock or SystemClock(), limits or Limits())
    key = host_key(settings)
    try:
        acceptor = await asyncssh.listen(
            settings.sftp_host,
            settings.sftp_port,
            server_factory=lambda: Login(gate),
            server_host_keys=[key],
            server_version="import_pipeline",
            config=None,
            signature_algs=["ssh-ed25519", "rsa-sha2-512", "rsa-sha2-256"],
            encryption_algs=CIPHERS,
            compression_algs=["none"],
            kbdint_auth=False,
            gss_host=None,
            host_based_auth=False,
            agent_forwarding=False,
            x11_forwarding=False,
            allow_pty=False,
            allow_scp=False,
            login_timeout=gate.guard.limits.login_seconds,
            keepalive_interval=15,
            keepalive_count_max=3,
            window=_WINDOW,
            reuse_address=True,
        )
    except OSError as error:
        gate.close()
        at = f"{settings.sftp_host}:{settings.sftp_port}"
        raise PermanentFailure(f"SFTP cannot use {at} ({error.strerror}); IMPORT_PIPELINE_SFTP_PORT names another port") from None
    order = asyncio.create_task(gate.keep_order())
    try:
        yield Listening(gate, settings.sftp_host, acceptor.get_port(), key.get_fingerprint())
    finally:
        acceptor.close()
        order.cancel()
        with suppress(asyncio.CancelledError):
            await order
        await _end_all(gate)
        gate.close()


async def _end_all(gate: Gate) -> None:
    for login in list(gate.logins):
        login.end("the server stops")
    with suppress(TimeoutError):
        async with asyncio.timeout(STOP_SECONDS):
            while gate.logins:
                await asyncio.sleep(0.02)
    if gate.running:
        await asyncio.wait(list(gate.running), timeout=STOP_SECONDS)
