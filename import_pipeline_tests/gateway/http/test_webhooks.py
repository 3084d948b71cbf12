"""Webhooks: booked with the answer, signed, sent to checked addresses, sent again until they are taken."""

import asyncio
import hashlib
import hmac
import json
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from datetime import timedelta
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest
from pydantic import ValidationError

from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.webhooks import is_public, send_due
from import_pipeline.ledger import outbox
from import_pipeline.model.http_door import Webhook
from import_pipeline_tests.scenarios.conftest import CONTACT
from import_pipeline_tests.scenarios.site import Here

SECRET = {"HOOK_SECRET": "s3cret"}
Got = list[tuple[dict[str, str], bytes]]


@contextmanager
def receiver(statuses: list[int]) -> Iterator[tuple[str, Got]]:
    """A server that answers with these statuses in turn, then with 200; its address and what it got."""
    got: Got = []

    class Handler(BaseHTTPRequestHandler):
        def do_POST(self) -> None:
            got.append((dict(self.headers.items()), self.rfile.read(int(self.headers["Content-Length"]))))
            status = statuses.pop(0) if statuses else 200
            self.send_response(status)
            if status == 302:
                self.send_header("Location", "/elsewhere")
            self.end_headers()

        def log_message(self, *_: object) -> None:
            """Says nothing."""

    server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
    thread = threading.Thread(target=server.serve_forever, daemon=True)
    thread.start()
    try:
        yield f"http://127.0.0.1:{server.server_port}/hook?a=1", got
    finally:
        server.shutdown()
        server.server_close()


def site_with(folder: Path, url: str, **options: object) -> Here:
    """An account with one webhook."""
    made = Here(folder)
    made.add_account("acme", [CONTACT | {"parent": None}], webhooks=[{"url": url, "secret_env": "HOOK_SECRET", **options}])
    return made


def send(site: Here, environment: dict[str, str] | None = None) -> int:
    """One round of the sender."""
    gate = Gate(site.settings, site.pipeline.ledger, site.pipeline.accounts, site.clock)
    return asyncio.run(send_due(gate, SECRET if environment is None else environment))


def messages(site: Here) -> list[outbox.Message]:
    """What lies in the outbox."""
    with site.pipeline.ledger.read() as conn:
        return outbox.due(conn, now=site.clock.now() + timedelta(days=9))


def test_a_message_is_signed_sent_again_after_a_failure_and_keeps_its_id(tmp_path: Path) -> None:
    """At least once, with the same id and the same bytes; redirects are failures."""
    with receiver([500, 302]) as (url, got):
        site = site_with(tmp_path, url, allow_private=True)
        job = site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\nC-2,\n")
        assert send(site) == 0 and send(site) == 0
        assert len(got) == 1 and messages(site)[0].error == "the answer was 500"
        site.clock.jump(timedelta(seconds=31))
        assert send(site) == 0 and messages(site)[0].error == "the answer was 302"
        site.clock.jump(timedelta(seconds=61))
        assert send(site) == 1 and messages(site) == [] and len(got) == 3
    assert len({(head["X-Webhook-Id"], body) for head, body in got}) == 1
    head, body = got[0]
    told = json.loads(body)
    assert head["X-Signature"] == "sha256=" + hmac.new(b"s3cret", body, hashlib.sha256).hexdigest()
    assert (told["event"], told["job"], told["id"], told["counts"]["created"], told["counts"]["refused"]) == (
        "job.completed",
        job.id,
        head["X-Webhook-Id"],
        1,
        1,
    )
    site.close()


def test_nothing_is_sent_to_a_private_address_unless_the_account_allows_it(tmp_path: Path) -> None:
    """Nor without the secret that signs it."""
    with receiver([]) as (url, got):
        site = site_with(tmp_path, url)
        site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
        assert send(site) == 0 and got == [] and "not public" in str(messages(site)[0].error)
        site.clock.jump(timedelta(seconds=31))
        assert send(site, {}) == 0 and "HOOK_SECRET is not set" in str(messages(site)[0].error)
    site.close()


def test_only_the_events_that_were_asked_for_are_told_and_a_failure_is_one(tmp_path: Path) -> None:
    """A file of which nothing was imported."""
    with receiver([]) as (url, got):
        site = site_with(tmp_path, url, allow_private=True, events=["job.failed"])
        site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
        site.deliver("Contact_b.csv", "ExternalDataObjectId,Name\nC-2,\n")
        assert send(site) == 1
    assert [json.loads(body)["file"] for _, body in got] == ["Contact_b.csv"]
    site.close()


PRIVATE = """127.0.0.1 10.1.2.3 192.168.0.1 172.16.9.9 169.254.169.254 0.0.0.0 100.64.0.1 224.0.0.1
::1 fe80::1 fd00::1 ::ffff:10.0.0.1 64:ff9b::a00:1 2002:0a00:0001::1"""
BAD_URLS = ["ftp://a.example/x", "http://u:p@a.example/", "https://", "https://a.example:0/", "x", "http://[::1", "https://a.example/#x"]


def test_public_addresses_are_those_of_the_internet() -> None:
    """Also when an address is wrapped in one of another family."""
    assert is_public("93.184.215.14") and is_public("2606:2800:21f:cb07:6820:80da:af6b:8b2c")
    assert [address for address in PRIVATE.split() if is_public(address)] == []


@pytest.mark.parametrize("url", [*BAD_URLS, "https://a.example/x y", "https://a.example/\r\nX: y", "https://a.example/é"])
def test_an_address_that_cannot_be_called_is_a_fault_of_the_account(url: str) -> None:
    """`import-pipeline check` tells it with its line."""
    with pytest.raises(ValidationError, match="is not an address"):
        Webhook(url=url, secret_env="A")
