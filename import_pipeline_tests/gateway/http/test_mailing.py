"""Letters: booked with the answer, sent over a real SMTP conversation, again until the server takes them."""

import re
import ssl
import subprocess
from collections.abc import Iterator
from dataclasses import dataclass, field
from datetime import timedelta
from email import message_from_bytes, policy
from email.message import EmailMessage
from pathlib import Path
from typing import Any

import pytest
from aiosmtpd.controller import Controller
from aiosmtpd.smtp import AuthResult, LoginPassword
from pydantic import ValidationError

from import_pipeline.cli.services import free_port
from import_pipeline.failures import PermanentFailure
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.mailing import PASSWORD, send_due
from import_pipeline.ledger import outbox
from import_pipeline.model.mail import Mail
from import_pipeline.settings import Settings, SmtpSettings
from import_pipeline_tests.scenarios.conftest import CONTACT
from import_pipeline_tests.scenarios.site import Here

SECRET = {PASSWORD: "s3cret"}


@dataclass
class Postbox:
    """A mail server's handler: keeps what it takes, and answers with `refusals` first."""

    refusals: list[str] = field(default_factory=list)
    got: list[tuple[list[str], EmailMessage]] = field(default_factory=list)
    encrypted: list[bool] = field(default_factory=list)

    async def handle_DATA(self, server: Any, session: Any, envelope: Any) -> str:  # noqa: N802
        """One letter."""
        if self.refusals:
            return self.refusals.pop(0)
        self.encrypted.append(session.ssl is not None)
        letter = message_from_bytes(envelope.content, policy=policy.default)
        assert isinstance(letter, EmailMessage)
        self.got.append((envelope.rcpt_tos, letter))
        return "250 taken"


@pytest.fixture(scope="module")
def certificate(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A certificate for 127.0.0.1 with its key, in one file."""
    file = tmp_path_factory.mktemp("tls") / "server.pem"
    words = ["openssl", "req", "-x509", "-newkey", "rsa:2048", "-nodes", "-days", "2", "-subj", "/CN=localhost"]
    words += ["-addext", "subjectAltName=IP:127.0.0.1,DNS:localhost", "-keyout", str(file.with_suffix(".key")), "-out", str(file)]
    subprocess.run(words, check=True, capture_output=True)
    return file


@pytest.fixture
def postbox(certificate: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[tuple[Postbox, SmtpSettings]]:
    """A server on a free port that wants STARTTLS and a log-in; its certificate is trusted."""
    monkeypatch.setenv("SSL_CERT_FILE", str(certificate))
    context = ssl.create_default_context(ssl.Purpose.CLIENT_AUTH)
    context.load_cert_chain(certificate, certificate.with_suffix(".key"))

    def log_in(_: Any, __: Any, ___: Any, mechanism: str, data: Any) -> AuthResult:
        known = isinstance(data, LoginPassword) and (data.login, data.password) == (b"robot@example.com", b"s3cret")
        return AuthResult(success=known, handled=False)

    box = Postbox()
    options: dict[str, Any] = {"require_starttls": True, "auth_required": True, "tls_context": context, "authenticator": log_in}
    controller = Controller(box, hostname="127.0.0.1", port=free_port(), **options)
    controller.start()
    try:
        port = controller.port
        yield box, SmtpSettings("starttls", "127.0.0.1", port, "robot@example.com", "imports@example.com")
    finally:
        controller.stop()


def site_with(folder: Path, **mail: object) -> Here:
    """An account that tells Ann."""
    made = Here(folder)
    made.add_account("acme", [CONTACT | {"parent": None}], title="Acme imports", mail=[{"to": ["ann@example.com"], **mail}])
    return made


def send(site: Here, server: SmtpSettings | None, environment: dict[str, str] | None = None) -> int:
    """One round of the sender."""
    settings = Settings(**{**vars(site.settings), "smtp": server})
    gate = Gate(settings, site.pipeline.ledger, site.pipeline.accounts, site.clock)
    return send_due(gate, SECRET if environment is None else environment)


def waiting(site: Here) -> list[outbox.Message]:
    """Letters that are still to be sent."""
    with site.pipeline.ledger.read() as conn:
        return outbox.due(conn, now=site.clock.now() + timedelta(days=9))


def test_a_letter_tells_what_became_of_a_job_and_goes_over_an_encrypted_line(tmp_path: Path, postbox: tuple[Postbox, SmtpSettings]) -> None:
    """Acceptance E-10's conversation: STARTTLS, log-in, one letter; counts and names of files, no values."""
    box, server = postbox
    site = site_with(tmp_path)
    job = site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\nC-2,\n")
    assert send(site, server) == 1 and send(site, server) == 0
    ((receivers, letter),) = box.got
    assert (receivers, box.encrypted) == (["ann@example.com"], [True])
    assert letter["Subject"] == "Acme imports: Contact_a.csv was imported (1 created, 1 refused)"
    assert letter["From"] == "imports@example.com" and re.fullmatch(r"<[0-9a-f]{32}@example\.com>", letter["Message-ID"])
    text = letter.get_content()
    assert "2 rows: 1 created, 1 refused." in text and f"job {job.id}" in text and f"Contact_a.{job.id}.failed.csv" in text
    assert "Ann" not in text


def test_a_letter_is_sent_again_until_it_is_taken_and_keeps_its_id(tmp_path: Path, postbox: tuple[Postbox, SmtpSettings]) -> None:
    """A mail server that is busy for a while loses nothing."""
    box, server = postbox
    site = site_with(tmp_path)
    site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
    box.refusals.append("451 come again")
    assert send(site, server) == 0
    (message,) = waiting(site)
    assert message.error == "the mail server answered 451 come again" and send(site, server) == 0
    site.clock.jump(timedelta(seconds=31))
    assert send(site, server) == 1 and waiting(site) == []
    assert box.got[0][1]["Message-ID"].startswith(f"<{message.id}@")


def test_a_letter_that_will_never_be_taken_is_given_up_at_once(tmp_path: Path, postbox: tuple[Postbox, SmtpSettings]) -> None:
    """SMTP's 5xx; the reason stays in the outbox."""
    box, server = postbox
    site = site_with(tmp_path)
    site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
    (message,) = waiting(site)
    box.refusals.append("554 no such thing")
    assert send(site, server) == 0 and waiting(site) == []
    with site.pipeline.ledger.read() as conn:
        ended = outbox.get(conn, message.id)
    assert ended is not None and (ended.state, ended.error) == ("given_up", "the mail server answered 554 no such thing")


@pytest.mark.parametrize(
    ("environment", "told"),
    [({PASSWORD: "wrong"}, "refused the log-in (535)"), ({}, f"the environment variable {PASSWORD} is not set")],
)
def test_a_wrong_or_missing_password_is_told_without_it_and_nothing_is_lost(
    tmp_path: Path, postbox: tuple[Postbox, SmtpSettings], environment: dict[str, str], told: str
) -> None:
    """Whoever reads the ledger must not learn it."""
    site = site_with(tmp_path)
    site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
    assert send(site, postbox[1], environment or {"OTHER": "x"}) == 0
    (message,) = waiting(site)
    assert told in (message.error or "") and "wrong" not in (message.error or "")


def test_a_server_whose_certificate_is_not_trusted_gets_no_letter(
    tmp_path: Path, postbox: tuple[Postbox, SmtpSettings], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The line is encrypted to the right one, or not used."""
    monkeypatch.delenv("SSL_CERT_FILE")
    site = site_with(tmp_path)
    site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
    assert send(site, postbox[1]) == 0 and postbox[0].got == []
    assert "CERTIFICATE_VERIFY_FAILED" in (waiting(site)[0].error or "")


def test_a_server_that_is_not_there_costs_a_pause_and_no_server_at_all_leaves_letters_waiting(tmp_path: Path) -> None:
    """Letters wait until there is one."""
    site = site_with(tmp_path)
    site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
    assert send(site, None) == 0 and waiting(site)[0].tries == 0
    assert send(site, SmtpSettings("plain", "127.0.0.1", 1, None, "imports@example.com")) == 0
    assert "cannot be reached" in (waiting(site)[0].error or "")


def test_only_the_events_that_are_wanted_are_told(tmp_path: Path) -> None:
    """Someone who wants to hear of failures only."""
    site = site_with(tmp_path, events=["job.failed"])
    site.deliver("Contact_a.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
    assert waiting(site) == []
    site.deliver("Contact_b.csv", "Nothing,Known\nC-1,Ann\n")
    (message,) = waiting(site)
    assert "was not imported" in message.payload["subject"]


def test_a_file_name_cannot_begin_another_header(tmp_path: Path, postbox: tuple[Postbox, SmtpSettings]) -> None:
    """Header injection: the sender of a file chooses its name."""
    box, server = postbox
    site = site_with(tmp_path)
    site.drop("Contact_a\nBcc: eve@example.com\n.csv", "ExternalDataObjectId,Name\nC-1,Ann\n")
    site.work()
    assert send(site, server) == 1
    ((receivers, letter),) = box.got
    assert receivers == ["ann@example.com"] and letter["Bcc"] is None
    assert "eve@example.com" in letter["Subject"] and len(letter.get_all("Subject", [])) == 1


def test_the_settings_of_the_mail_server_are_understood_or_refused_in_words() -> None:
    """The password never stands in the address."""

    def read(address: str, sender: str = "imports@example.com") -> SmtpSettings | None:
        return Settings.from_environment({"IMPORT_PIPELINE_SMTP": address, "IMPORT_PIPELINE_SMTP_FROM": sender}).smtp

    assert read("") is None
    assert read("starttls://robot%40example.com@mail.example.com") == SmtpSettings(
        "starttls", "mail.example.com", 587, "robot@example.com", "imports@example.com"
    )
    assert read("tls://mail.example.com:4650") == SmtpSettings("tls", "mail.example.com", 4650, None, "imports@example.com")
    for wrong in ("mail.example.com", "http://mail.example.com", "tls://", "tls://mail:0x", "plain://robot@mail", "tls://a:b@mail"):
        with pytest.raises(PermanentFailure, match="IMPORT_PIPELINE_SMTP"):
            read(wrong)
    with pytest.raises(PermanentFailure, match="SMTP_FROM"):
        read("tls://mail", "nobody")


@pytest.mark.parametrize("address", ["ann", "ann@", "a b@example.com", "ann@example.com\nBcc: x@example.com", "Ann <ann@example.com>"])
def test_what_is_no_address_is_a_fault_of_the_yaml(address: str) -> None:
    """`check` tells it with its line."""
    with pytest.raises(ValidationError, match="is not an e-mail address"):
        Mail(to=(address,))
