"""The ways in that the contract of doors is tried on: each sends rows as its own clients do.

Belongs here: one class per door, its capabilities, how a client of it sends and breaks off. Does not belong here: rules (test_doors.py).
"""

import asyncio
import base64
import json
import threading
from collections.abc import Sequence
from contextlib import ExitStack
from datetime import timedelta
from pathlib import Path
from types import TracebackType
from typing import Any, ClassVar, Self

import dagster as dg
import paramiko

from import_pipeline.definitions import build_definitions
from import_pipeline.gateway.passwords import hash_password
from import_pipeline.gateway.sftp.server import Listening, serving
from import_pipeline.landing.submit import submit
from import_pipeline.ledger import Ledger, users
from import_pipeline_tests.gateway.http.advocate.kit import TENANT, Advocate, referral_site
from import_pipeline_tests.gateway.http.kit import BULK, NDJSON, Service, add_key
from import_pipeline_tests.gateway.sftp.kit import PASSWORD, until
from import_pipeline_tests.landing.remote.sshd import Sshd
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.giving import HEADER, giving_site
from import_pipeline_tests.scenarios.site import Here

TREE = {"settle": "1s", "interval": "1s", "cut_settle": "2s"}
NEW = "DataObjects/Import/New"
Rows = Sequence[tuple[str, str]]
"""(external id, name) of accounts; a blank name is refused."""


def csv(rows: Rows) -> bytes:
    """The rows as a CSV file: the first one stands in line 2."""
    return "".join(["ExternalDataObjectId,Name\n", *(f"{key},{name}\n" for key, name in rows)]).encode()


class Way:
    """One door of the account `acme` of a site. `send` returns when the sender knows that the file has arrived."""

    name: ClassVar[str]
    first_line: ClassVar[int] = 2
    """The line of the first row in what this door's senders send."""
    can_break_off: ClassVar[bool] = True
    knows_same_bytes: ClassVar[bool] = True
    """The same bytes again are a duplicate, not an import that changes nothing."""
    type_name: ClassVar[str] = "Account"
    named: ClassVar[str] = "Name"
    """The column that holds the rows' names."""
    bad: ClassVar[tuple[str, str]] = ("Name", "required")
    """Column and code of what is wrong with a row without a name."""
    ending: ClassVar[str] = "csv"

    def __init__(self, folder: Path) -> None:
        self.site = Here(folder / "site")
        self.stack = ExitStack()
        self.folder = folder

    def doors(self) -> dict[str, Any]:
        """What the account states about its doors."""
        return {"tree": TREE}

    def open(self) -> None:
        """Starts what listens; the account is there by then."""

    def content(self, rows: Rows) -> bytes:
        """The rows as this door's senders send them."""
        return csv(rows)

    def send(self, name: str, content: bytes) -> None:
        """Sends a file."""
        raise NotImplementedError

    def break_off(self, name: str, content: bytes) -> None:
        """Begins to send a file and is gone."""
        raise NotImplementedError

    def work(self) -> None:
        """Lets sensors and runs work until nothing waits."""
        self.site.work()

    def prepare(self) -> None:
        """The account."""
        self.site.add_account("acme", [ACCOUNT, CONTACT], doors=self.doors())

    def __enter__(self) -> Self:
        self.prepare()
        assert self.site.pipeline.ledger
        self.open()
        return self

    def __exit__(self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None) -> None:
        self.stack.close()
        self.site.close()


class Tree(Way):
    """The landing tree of this machine."""

    name = "tree"

    def send(self, name: str, content: bytes) -> None:
        """Under a temporary name, then renamed."""
        self.site.drop(name, content)

    def break_off(self, name: str, content: bytes) -> None:
        """A copying program that is stuck: it has the file open, and half of it written."""
        stuck = self.stack.enter_context((self.site.path(NEW) / name).open("wb"))
        stuck.write(content[: len(content) // 2])
        stuck.flush()


class Sftp(Way):
    """Our own SFTP server, and paramiko as its client."""

    name = "sftp"

    def open(self) -> None:
        """The server in a thread, with a user."""
        self._stop, ready = threading.Event(), threading.Event()
        found: list[Listening] = []
        settings = self.site.settings.__class__(**{**vars(self.site.settings), "sftp_port": 0})
        ledger = self.stack.enter_context(Ledger(settings.ledger_url))
        with ledger.begin() as conn:
            users.add(conn, "ana", "acme", password=hash_password(PASSWORD), keys=[], role="both", now=self.site.clock.now())

        async def serve() -> None:
            async with serving(settings, ledger, dict(self.site.pipeline.accounts)) as listening:
                found.append(listening)
                ready.set()
                while not self._stop.is_set():
                    await asyncio.sleep(0.02)

        thread = threading.Thread(target=lambda: asyncio.run(serve()), daemon=True)
        thread.start()
        assert ready.wait(20)
        self.stack.callback(thread.join, 20)
        self.stack.callback(self._stop.set)
        self._port = found[0].port

    def _transport(self) -> paramiko.Transport:
        made = paramiko.Transport(("127.0.0.1", self._port))
        made.connect(username="ana", password=PASSWORD)
        return made

    def send(self, name: str, content: bytes) -> None:
        """One session, one file."""
        with self._transport() as transport, paramiko.SFTPClient.from_transport(transport) as session:  # type: ignore[union-attr]
            with session.open(f"{NEW}/{name}", "wb") as out:
                out.write(content)
            assert session.stat(f"{NEW}/{name}").st_size == len(content)

    def break_off(self, name: str, content: bytes) -> None:
        """The connection is lost in mid-file."""
        transport = self._transport()
        session = paramiko.SFTPClient.from_transport(transport)
        assert session is not None
        out = session.open(f"{NEW}/{name}", "wb")  # kept: paramiko closes a file that nobody holds, as if it were complete
        out.write(content[: len(content) // 2])
        staging = self.site.path(".staging")
        until(lambda: list(staging.iterdir()))
        transport.sock.close()
        until(lambda: not list(staging.iterdir()))


class Remote(Way):
    """Somebody else's OpenSSH server that we poll."""

    name = "remote"

    def doors(self) -> dict[str, Any]:
        """The server has to run before the account can name it."""
        self._server = self.stack.enter_context(Sshd())
        return {"tree": TREE, "remotes": [self._server.door(after="move", results="results")]}

    def send(self, name: str, content: bytes) -> None:
        """Its owner puts a file there."""
        self._server.drop(name, content)

    def break_off(self, name: str, content: bytes) -> None:
        """Its sender is still at it: the file has its temporary name."""
        self._server.drop(f"{name}.part", content[: len(content) // 2])

    def work(self) -> None:
        """Looks, collecting runs, then the rest as ever."""
        definitions = build_definitions(pipeline=self.site.pipeline)
        (door,) = self.site.pipeline.account("acme").doors.remotes
        sensor, job = definitions.resolve_sensor_def(f"remote_acme__{door.name}"), definitions.resolve_job_def("collect_acme")
        with self.site.instance() as instance:
            for _ in range(2):
                answer: Any = sensor(dg.build_sensor_context(instance=instance))
                for request in getattr(answer, "run_requests", None) or []:
                    assert job.execute_in_process(instance=instance, run_config=request.run_config, tags=dict(request.tags)).success
                self.site.clock.jump(timedelta(seconds=6))
        self.site.work()


class Bulk(Way):
    """The bulk job API over HTTP."""

    name = "http bulk jobs"
    first_line, ending = 1, "jsonl"
    knows_same_bytes = False  # a job may be sent again on purpose: its rows are unchanged then

    def open(self) -> None:
        """The service and a key."""
        self._key = add_key(self.site, "acme")
        self._service = self.stack.enter_context(Service(self.site))

    def content(self, rows: Rows) -> bytes:
        """NDJSON in the documented shape."""
        lines = []
        for key, name in rows:
            fields = [{"fieldId": "Name", "value": name}] if name else []
            lines.append(json.dumps({"id": None, "externalDataObjectId": key, "fields": fields}) + "\n")
        return "".join(lines).encode()

    def send(self, name: str, content: bytes) -> None:
        """A job with one data file, started."""
        with self._service.client(self._key) as client:
            made = client.post(BULK, json={"operation": "create", "dataObjectTypeId": "Account"})
            assert made.status_code == 201, made.text
            job = made.json()["id"]
            sent = client.put(f"{BULK}/{job}/data", content=content, headers=NDJSON)
            assert sent.status_code == 200, sent.text
            started = client.post(f"{BULK}/{job}/start")
            assert started.status_code == 200, started.text

    def break_off(self, name: str, content: bytes) -> None:
        """The length says more than ever comes."""
        with self._service.client(self._key) as client:
            job = client.post(BULK, json={"operation": "create", "dataObjectTypeId": "Account"}).json()["id"]
        head = f"PUT {BULK}/{job}/data HTTP/1.1\r\nHost: x\r\nAuthorization: Bearer {self._key}\r\nContent-Type: application/x-ndjson"
        half_sent(self.site, self._service, head, content)


def half_sent(site: Here, service: Service, head: str, content: bytes) -> None:
    """Sends half a body and hangs up; returns when the service has noticed."""
    with service.raw() as connection:
        connection.sendall(f"{head}\r\nContent-Length: {len(content)}\r\n\r\n".encode() + content[: len(content) // 2])
    temporary = site.settings.vault / ".tmp"
    until(lambda: not temporary.exists() or not list(temporary.iterdir()))


class AdvocateUsers(Way):
    """Users over the Advocate interface: upload, then createJob."""

    name = "http advocate"
    type_name, named, bad = "User", "firstName", ("id", "required")

    def prepare(self) -> None:
        """The shipped account."""
        self.site = referral_site(self.folder / "referrals")

    def open(self) -> None:
        """The service and a key."""
        self._key = add_key(self.site, "referrals")
        self._service = self.stack.enter_context(Service(self.site))

    def content(self, rows: Rows) -> bytes:
        """The documented columns; a row without a name has no id either."""
        lines = [f"acme,{key if name else ''},{name or 'Nobody'}\n" for key, name in rows]
        return "".join(["accountId,id,firstName\n", *lines]).encode()

    def send(self, name: str, content: bytes) -> None:
        """An upload and its job."""
        advocate = Advocate(self._service.address, self._key)
        advocate.create(advocate.upload(content, name))

    def break_off(self, name: str, content: bytes) -> None:
        """The length says more than ever comes."""
        token = base64.b64encode(f":{self._key}".encode()).decode()
        head = f"POST /api/v1/{TENANT}/export/upload HTTP/1.1\r\nHost: x\r\nAuthorization: Basic {token}\r\nContent-Type: text/csv"
        half_sent(self.site, self._service, head, content)


class EngagingNetworks(Way):
    """Supporters over import.service."""

    name = "http engaging networks"
    type_name, named, bad = "Supporter", "First Name", ("OPT-IN #1", "unknown_choice")

    def prepare(self) -> None:
        """The shipped account."""
        self._giving = self.stack.enter_context(giving_site(self.folder / "giving"))
        self.site = self._giving.site

    def content(self, rows: Rows) -> bytes:
        """The saved format's columns; a row without a name has a wrong opt-in."""
        lines = [f"{name},X,{key.lower()}@example.com,123,{'Y' if name else 'maybe'},\n" for key, name in rows]
        return (HEADER + "".join(lines)).encode()

    def send(self, name: str, content: bytes) -> None:
        """The text tells whether it was taken."""
        told = self._giving.send(content, name=name)
        assert "uploaded successfully" in told, told

    def break_off(self, name: str, content: bytes) -> None:
        """The form has no end."""
        boundary = "b0undary"
        part = f'--{boundary}\r\nContent-Disposition: form-data; name="upload"; filename="{name}"\r\n\r\n'.encode() + content
        head = f"POST /ea-dataservice/import.service HTTP/1.1\r\nHost: x\r\nContent-Type: multipart/form-data; boundary={boundary}"
        half_sent(self.site, self._giving.service, head, part * 2)


class CommandLine(Way):
    """`import-pipeline import`: a file of this machine, handed over as a whole."""

    name = "command line"
    can_break_off = False

    def send(self, name: str, content: bytes) -> None:
        """What the command books before it runs."""
        path = self.folder / name
        path.write_bytes(content)
        pipeline = self.site.pipeline
        submit(pipeline.ledger, pipeline.account("acme"), pipeline.settings, [path], now=self.site.clock.now(), door="cli")


WAYS: tuple[type[Way], ...] = (Tree, Sftp, Remote, Bulk, AdvocateUsers, EngagingNetworks, CommandLine)
