"""Bodies that end early, come slowly, lie about their length, or want to be something else."""

import asyncio
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest
from starlette.applications import Starlette
from starlette.requests import Request
from starlette.responses import JSONResponse, Response
from starlette.routing import Route

from import_pipeline.gateway.http import __main__ as process
from import_pipeline.gateway.http import uploads
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing.vault import path_of
from import_pipeline_tests.gateway.http.kit import BULK, Service, ask, until
from import_pipeline_tests.scenarios.site import Here


def head(service: Service, key: str, job: str, *more: str) -> str:
    """The head of an upload."""
    return "\n".join([f"PUT {BULK}/{job}/data HTTP/1.1", "Host: x", f"Authorization: Bearer {key}", *more])


@pytest.fixture
def job(acme: httpx.Client) -> Iterator[str]:
    """An open job."""
    made = acme.post(BULK, json={"operation": "create", "dataObjectTypeId": "Account"}).json()["id"]
    yield made
    acme.delete(f"{BULK}/{made}/cleanup")


def leftovers(site: Here) -> list[Path]:
    """Temporary files in the vault."""
    return list((site.settings.vault / ".tmp").glob("*"))


def files_of(acme: httpx.Client, job: str) -> int:
    """How many data files the job has."""
    return int(acme.get(f"{BULK}/{job}/progress").json()["filesTotal"])


def test_an_upload_that_is_broken_off_leaves_nothing(service: Service, site: Here, key: str, job: str, acme: httpx.Client) -> None:
    """Neither a file of the job nor bytes in the vault."""
    ask(service, head(service, key, job, "Content-Length: 500000"), b"x" * 100_000)
    until(lambda: not leftovers(site))
    assert files_of(acme, job) == 0


def test_a_chunked_upload_without_its_end_leaves_nothing(service: Service, site: Here, key: str, job: str, acme: httpx.Client) -> None:
    """The last chunk is what says that it is complete."""
    ask(service, head(service, key, job, "Transfer-Encoding: chunked"), b"5\r\nabcde\r\n")
    until(lambda: not leftovers(site))
    assert files_of(acme, job) == 0


LENGTHS = ("Content-Length: 5\nContent-Length: 6", "Content-Length: -1", "Content-Length: x", "Content-Length: 5\nTransfer-Encoding: gzip")


@pytest.mark.parametrize("lengths", LENGTHS)
def test_lengths_that_contradict_each_other_are_no_request(service: Service, key: str, job: str, acme: httpx.Client, lengths: str) -> None:
    """Two readers of such a request would see two requests."""
    answer = ask(service, head(service, key, job, lengths), b"abcdef")
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 501")) and files_of(acme, job) == 0


def test_a_header_with_a_line_end_is_never_sent_back(service: Service, acme: httpx.Client) -> None:
    """An id that is none is replaced; no answer holds a header that its sender wrote."""
    answer = ask(service, "GET /healthz HTTP/1.1\nHost: x\nX-Request-Id: a%0d%0aSet-Cookie: b\nConnection: close")
    assert b"Set-Cookie" not in answer and b"x-request-id: " in answer.lower()
    good = acme.get("/healthz", headers={"X-Request-Id": "abc-123"})
    assert good.headers["x-request-id"] == "abc-123" and good.headers["x-content-type-options"] == "nosniff"


def test_a_head_that_is_too_large_is_refused(service: Service) -> None:
    """Thirty-two kilobytes are enough for everybody."""
    answer = ask(service, "GET /healthz HTTP/1.1\nHost: x\nX-Long: " + "a" * 200_000)
    assert answer.startswith((b"HTTP/1.1 400", b"HTTP/1.1 431")) or answer == b""


def test_a_wrong_key_is_refused_before_its_body_is_read(service: Service, site: Here) -> None:
    """A gigabyte is announced and not asked for."""
    with service.raw() as connection:
        text = head(service, "ipk_" + "1" * 80, "b1", "Content-Length: 1000000000", "Expect: 100-continue")
        connection.sendall(text.replace("\n", "\r\n").encode() + b"\r\n\r\n")
        answer = connection.recv(65_536)
    assert answer.startswith((b"HTTP/1.1 401", b"HTTP/1.1 429")) and leftovers(site) == []


class Forms:
    """An application that takes a form, as doors with forms do, asked without a connection."""

    def __init__(self, site: Here) -> None:
        gate = Gate(site.settings, site.pipeline.ledger, {}, site.clock)

        async def take(request: Request) -> Response:
            try:
                form = await uploads.receive_form(gate, request, 1_000_000, file_field="file")
            except Refusal as refusal:
                return JSONResponse(refusal.detail, refusal.status)
            return JSONResponse({"fields": form.fields, "name": form.file_name, "sha256": form.file and form.file.sha256})

        self._app = Starlette(routes=[Route("/", take, methods=["POST"])])

    def post(self, **options: Any) -> httpx.Response:
        """One request."""

        async def asking() -> httpx.Response:
            async with httpx.AsyncClient(transport=httpx.ASGITransport(self._app), base_url="http://x") as client:
                return await client.post("/", **options)

        return asyncio.run(asking())


@pytest.fixture
def forms(site: Here) -> Forms:
    """That application."""
    return Forms(site)


def test_a_form_goes_into_the_vault_whatever_the_order_of_its_parts(forms: Forms, site: Here) -> None:
    """A field may come behind the file; the file's name is its last part only."""
    content = bytes(range(256)) * 3_000
    answer = forms.post(data={"token": "t", "name": "n"}, files={"file": ("../../etc/é.csv", content)}).json()
    assert answer["fields"] == {"token": "t", "name": "n"} and answer["name"].endswith(".csv") and "/" not in answer["name"]
    assert path_of(site.settings.vault, answer["sha256"]).read_bytes() == content
    late = b"--b\r\nContent-Disposition: form-data; name=file; filename=a.csv\r\n\r\nx,y\r\n--b\r\n"
    late += b"Content-Disposition: form-data; name=token\r\n\r\nt\r\n--b--\r\n"
    told = forms.post(content=late, headers={"Content-Type": "multipart/form-data; boundary=b"}).json()
    assert (told["fields"], told["name"]) == ({"token": "t"}, "a.csv")


@pytest.mark.parametrize(
    ("body", "status"),
    [
        (b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc\r\n", 400),
        (b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\nabc\r\n" * 2 + b"--b--\r\n", 400),
        (b"".join(b"--b\r\nContent-Disposition: form-data; name=f%d\r\n\r\n1\r\n" % n for n in range(50)) + b"--b--\r\n", 400),
        (b"--b\r\nContent-Disposition: form-data; name=f\r\n\r\n" + b"x" * 80_000 + b"\r\n--b--\r\n", 400),
        (b"--b\r\n" + b"X-Long: " + b"x" * 20_000 + b"\r\n\r\n1\r\n--b--\r\n", 400),
        (b"no boundary at all", 400),
        (b"--b\r\nContent-Disposition: form-data; name=file; filename=a\r\n\r\n" + b"x" * 1_000_001 + b"\r\n--b--\r\n", 413),
    ],
)
def test_a_damaged_form_is_refused_and_leaves_nothing(forms: Forms, site: Here, body: bytes, status: int) -> None:
    """No end, two files, too many fields, a long field, a long header, no form, too large."""
    answer = forms.post(content=body, headers={"Content-Type": "multipart/form-data; boundary=b"})
    assert answer.status_code == status, answer.text
    assert leftovers(site) == []


def test_a_body_that_comes_too_slowly_is_given_up(
    service: Service, site: Here, key: str, job: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It may take a minute, and a second more for each thousand bytes."""
    monkeypatch.setattr(uploads, "PATIENCE", 0.5)
    with service.raw() as connection:
        connection.sendall(head(service, key, job, "Content-Length: 100000").replace("\n", "\r\n").encode() + b"\r\n\r\n" + b"x" * 100)
        begun = time.monotonic()
        answer = connection.recv(65_536)
    assert answer.startswith(b"HTTP/1.1 408") and time.monotonic() - begun < 10
    until(lambda: not leftovers(site))


def test_a_head_that_does_not_come_ends_the_connection(service: Service, monkeypatch: pytest.MonkeyPatch) -> None:
    """Connections are few, and this one asks for nothing."""
    monkeypatch.setattr(process, "HEAD_SECONDS", 0.3)
    with service.raw() as silent, service.raw() as slow:
        slow.sendall(b"GET /healthz HTTP/1.1\r\nHost: x\r\nX-Long: ")
        assert silent.recv(100) == b"" and slow.recv(100) == b""
    assert httpx.get(f"{service.address}/healthz").status_code == 200
