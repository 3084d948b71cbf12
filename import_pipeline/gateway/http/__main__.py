"""The service's process: `python -m import_pipeline.gateway.http`, as `import-pipeline up` starts it.

Belongs here: reading settings and accounts, the listening socket, the server's own limits. Does not belong here: the application
(service.py).
"""

import asyncio
import logging
import sys
from typing import Any

import uvicorn
from uvicorn.protocols.http.h11_impl import H11Protocol

from import_pipeline.catalog import load_accounts
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.service import build_app
from import_pipeline.landing.clock import Clock
from import_pipeline.ledger import Ledger
from import_pipeline.settings import Settings

HEAD_SECONDS = 20.0
"""How long a connection may take until the head of a request is complete."""
HEAD_BYTES = 32_768
CONNECTIONS = 400
STOP_SECONDS = 20


class PatientProtocol(H11Protocol):
    """uvicorn's protocol on h11, which is strict about lengths and line ends; a head that does not come ends the connection."""

    _timer: asyncio.TimerHandle | None = None

    def connection_made(self, transport: Any) -> None:
        """A new connection."""
        super().connection_made(transport)
        self._watch()

    def data_received(self, data: bytes) -> None:
        """More of a head or of a body."""
        super().data_received(data)
        self._watch()

    def connection_lost(self, exc: Exception | None) -> None:
        """The connection is over."""
        super().connection_lost(exc)
        self._forget()

    def _watch(self) -> None:
        if self.cycle is not None and not self.cycle.response_complete:
            self._forget()
        elif self._timer is None:
            self._timer = self.loop.call_later(HEAD_SECONDS, self._late)

    def _late(self) -> None:
        self._timer = None
        if self.cycle is None or self.cycle.response_complete:
            self.transport.close()

    def _forget(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
            self._timer = None


def server_of(settings: Settings, ledger: Ledger, clock: Clock | None = None) -> uvicorn.Server:
    """The server of all accounts that can be used."""
    accounts = {found.account.name: found.account for found in load_accounts(settings.accounts) if found.account}
    config = uvicorn.Config(
        build_app(settings, ledger, accounts, clock),
        host=settings.http_host,
        port=settings.http_port,
        http=PatientProtocol,
        ws="none",
        lifespan="on",
        log_config=None,
        access_log=False,
        server_header=False,
        proxy_headers=False,
        limit_concurrency=CONNECTIONS,
        timeout_keep_alive=15,
        timeout_graceful_shutdown=STOP_SECONDS,
        h11_max_incomplete_event_size=HEAD_BYTES,
    )
    return uvicorn.Server(config)


async def run(settings: Settings) -> None:
    """Serves until SIGTERM or SIGINT."""
    with Ledger(settings.ledger_url) as ledger:
        ledger.upgrade()
        server = server_of(settings, ledger)
        serving = asyncio.create_task(server.serve())
        while not server.started and not serving.done():
            await asyncio.sleep(0.02)
        if server.started:
            port = server.servers[0].sockets[0].getsockname()[1]
            print(f"listening on http://{settings.http_host}:{port}", flush=True)
        await serving
        if not server.started:
            at = f"{settings.http_host}:{settings.http_port}"
            raise PermanentFailure(f"HTTP cannot use {at}; IMPORT_PIPELINE_HTTP_PORT names another port")


def main() -> int:
    """The exit code."""
    logging.basicConfig(level=logging.WARNING, format="%(asctime)s %(levelname)s %(name)s %(message)s")
    try:
        asyncio.run(run(Settings.from_environment()))
    except (PermanentFailure, TransientFailure) as failure:
        print(failure, file=sys.stderr)
        return 1
    return 0


if __name__ == "__main__":
    sys.exit(main())
