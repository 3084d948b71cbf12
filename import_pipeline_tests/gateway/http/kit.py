"""A running HTTP service on a site of the scenario tests, keys for it, and raw connections.

Belongs here: what several test files of the service need. Does not belong here: assertions.
"""

import socket
import threading
import time
from collections.abc import Callable, Iterator
from contextlib import contextmanager, suppress
from dataclasses import replace
from typing import Any

import httpx

from import_pipeline.cli.services import free_port
from import_pipeline.gateway.http.__main__ import server_of
from import_pipeline.gateway.http.tokens import digest, make_key
from import_pipeline.ledger import Ledger, tokens
from import_pipeline.model.http_door import SCOPES
from import_pipeline_tests.scenarios.site import Site

BULK = "/api/jobs/dataObjects/bulk"
NDJSON = {"Content-Type": "application/x-ndjson"}


def add_key(site: Site, account: str, *, scopes: tuple[str, ...] = SCOPES, expires: Any = None) -> str:
    """A new key of the account."""
    key_id, key = make_key()
    made = tokens.Token(key_id, account, "ana@example.com", "test", digest(key), scopes, site.clock.now(), expires, None)
    with site.pipeline.ledger.begin() as conn:
        tokens.add(conn, made)
    return key


class Service:
    """The real server in a thread of this process."""

    def __init__(self, site: Site) -> None:
        self.site = site
        self.settings = replace(site.settings, http_port=free_port())
        self.address = f"http://127.0.0.1:{self.settings.http_port}"
        assert site.pipeline.ledger

    def __enter__(self) -> "Service":
        self._ledger = Ledger(self.settings.ledger_url)
        self.server = server_of(self.settings, self._ledger, self.site.clock)
        self._thread = threading.Thread(target=self.server.run, daemon=True)
        self._thread.start()
        until(lambda: self.server.started)
        return self

    def __exit__(self, *_: object) -> None:
        self.server.should_exit = True
        self._thread.join(20)
        self._ledger.close()

    def client(self, key: str | None = None, **options: Any) -> httpx.Client:
        """A client that carries the key."""
        headers = {"Authorization": f"Bearer {key}"} if key else {}
        return httpx.Client(base_url=self.address, headers=headers, timeout=30, **options)

    @contextmanager
    def raw(self) -> Iterator[socket.socket]:
        """A bare connection, for what no client would send."""
        with socket.create_connection(("127.0.0.1", self.settings.http_port), timeout=20) as made:
            yield made


def ask(service: Service, head: str, body: bytes = b"") -> bytes:
    """Sends raw bytes and reads what comes back until the other side ends, or 20 seconds are over."""
    with service.raw() as connection:
        connection.sendall(head.replace("\n", "\r\n").encode("latin-1") + b"\r\n\r\n" + body)
        answer = b""
        # The other side may have refused and gone while we were still sending.
        with suppress(OSError):
            connection.shutdown(socket.SHUT_WR)
        with suppress(ConnectionResetError):
            while chunk := connection.recv(65_536):
                answer += chunk
        return answer


def until(ready: Callable[[], object], seconds: float = 30) -> None:
    """Waits for something that happens soon."""
    end = time.monotonic() + seconds
    while not ready():
        assert time.monotonic() < end, "it did not happen in time"
        time.sleep(0.02)
