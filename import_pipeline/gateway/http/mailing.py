"""Sending letters that wait in the ledger's outbox over SMTP, again with growing pauses until the mail server takes them.

Belongs here: one attempt, and the task that makes attempts. Does not belong here: a letter's words (reporting/letters.py), booking it
(delivering/telling.py), pauses and giving up (ledger/outbox.py).
A letter keeps its Message-ID at every attempt: mail programs show a second one of the same id once.
"""

import asyncio
import logging
import os
import smtplib
import ssl
from collections.abc import Mapping
from contextlib import suppress
from email.message import EmailMessage
from email.utils import format_datetime

from import_pipeline.failures import TransientFailure
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.ledger import outbox
from import_pipeline.ledger.outbox import Message
from import_pipeline.settings import SmtpSettings

LOG = logging.getLogger(__name__)
TIMEOUT = 20.0
"""Seconds that the mail server may take for each answer."""
PASSWORD = "IMPORT_PIPELINE_SMTP_PASSWORD"  # the variable's name
_LOOK = 2.0


async def keep_mailing(gate: Gate) -> None:
    """Runs until cancelled. Without a mail server letters wait."""
    while gate.settings.smtp is not None:
        try:
            await asyncio.to_thread(send_due, gate)
        except (TransientFailure, OSError) as failure:
            LOG.warning("mail: %s", failure)
        await asyncio.sleep(_LOOK)


def send_due(gate: Gate, environment: Mapping[str, str] | None = None) -> int:
    """One attempt for every letter that is due, over one connection; how many were taken."""
    server = gate.settings.smtp
    with gate.ledger.read() as conn:
        waiting = outbox.due(conn, now=gate.clock.now(), kind=outbox.MAIL) if server else []
    if not waiting or server is None:
        return 0
    taken = 0
    connection: smtplib.SMTP | None = None
    try:
        for message in waiting:
            try:
                connection = connection or _connected(server, (environment or os.environ).get(PASSWORD))
                connection.send_message(as_email(message, server))
            except (OSError, smtplib.SMTPException, ssl.SSLError) as failure:
                _book_failure(gate, message, failure)
                _close(connection)
                connection = None
            else:
                taken += 1
                with gate.ledger.begin() as conn:
                    outbox.sent(conn, message.id, now=gate.clock.now())
    finally:
        _close(connection)
    return taken


def as_email(message: Message, server: SmtpSettings) -> EmailMessage:
    """The letter as it goes out."""
    told = message.payload
    mail = EmailMessage()
    mail["Subject"] = told["subject"]
    mail["From"] = server.sender
    mail["To"] = ", ".join(told["to"])
    mail["Date"] = format_datetime(message.created_at)
    mail["Message-ID"] = f"<{message.id}@{server.sender.rpartition('@')[2]}>"
    mail["Auto-Submitted"] = "auto-generated"
    mail.set_content(told["text"])
    return mail


def _connected(server: SmtpSettings, password: str | None) -> smtplib.SMTP:
    """A connection that is logged in where a user is stated. The password is never sent over a line that is not encrypted."""
    if server.security == "tls":
        connection: smtplib.SMTP = smtplib.SMTP_SSL(server.host, server.port, timeout=TIMEOUT, context=ssl.create_default_context())
    else:
        connection = smtplib.SMTP(server.host, server.port, timeout=TIMEOUT)
    try:
        if server.security == "starttls":
            connection.starttls(context=ssl.create_default_context())
        if server.user is not None:
            if password is None:
                raise smtplib.SMTPException(f"the environment variable {PASSWORD} is not set")
            connection.login(server.user, password)
    except BaseException:
        _close(connection)
        raise
    return connection


def _close(connection: smtplib.SMTP | None) -> None:
    if connection is not None:
        with suppress(OSError, smtplib.SMTPException):
            connection.quit()


def _book_failure(gate: Gate, message: Message, failure: Exception) -> None:
    """Tried again, unless the server says that it will never take this letter."""
    problem, hopeless = _told(failure)
    LOG.warning("mail %s: %s", message.id, problem)
    with gate.ledger.begin() as conn:
        if hopeless:
            outbox.give_up(conn, message.id, problem)
        else:
            outbox.failed(conn, message.id, problem, now=gate.clock.now())


def _told(failure: Exception) -> tuple[str, bool]:
    """Why it failed, in words without secrets, and whether another attempt is pointless (SMTP's 5xx for a letter or its receivers)."""
    if isinstance(failure, smtplib.SMTPRecipientsRefused):
        codes = [code for code, _ in failure.recipients.values()]
        return f"all receivers were refused ({', '.join(str(code) for code in codes)})", all(500 <= code < 600 for code in codes)
    if isinstance(failure, smtplib.SMTPAuthenticationError):
        return f"the mail server refused the log-in ({failure.smtp_code})", False
    if isinstance(failure, smtplib.SMTPResponseException):
        text = failure.smtp_error.decode(errors="replace") if isinstance(failure.smtp_error, bytes) else str(failure.smtp_error)
        final = isinstance(failure, smtplib.SMTPDataError | smtplib.SMTPSenderRefused) and 500 <= failure.smtp_code < 600
        return f"the mail server answered {failure.smtp_code} {text[:200]}", final
    if isinstance(failure, smtplib.SMTPException):
        return f"{type(failure).__name__}: {str(failure)[:200]}", False
    return f"the mail server cannot be reached: {type(failure).__name__}: {str(failure)[:200]}", False
