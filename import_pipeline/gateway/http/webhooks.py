"""Sending webhooks that wait in the ledger's outbox: signed, to checked addresses, again with growing pauses until they are taken.

Belongs here: one attempt to send, and the task that makes attempts. Does not belong here: booking messages
(delivering/telling.py), pauses and giving up (ledger/outbox.py).

This runs in the HTTP service and not in a sensor: a sensor has 60 seconds for everything, shares its process with all others, and a
receiver that is slow to answer would hold up imports.
"""

import asyncio
import hashlib
import hmac
import ipaddress
import json
import logging
import os
import socket
import ssl
from collections.abc import Mapping, Sequence
from contextlib import suppress
from urllib.parse import urlsplit

from import_pipeline.failures import TransientFailure
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.ledger import outbox
from import_pipeline.ledger.outbox import Message
from import_pipeline.model.http_door import Webhook

LOG = logging.getLogger(__name__)
TIMEOUT = 10.0
"""Seconds for one attempt as a whole, from the name to the answer."""
AT_ONCE = 8
_LOOK = 2.0
_LINE = 4_096


class NotSentError(Exception):
    """Why an attempt failed, in words for the outbox; never with the secret or the message."""


async def keep_sending(gate: Gate) -> None:
    """Runs until cancelled."""
    while True:
        try:
            await send_due(gate)
        except (TransientFailure, OSError) as failure:
            LOG.warning("webhooks: %s", failure)
        await asyncio.sleep(_LOOK)


async def send_due(gate: Gate, environment: Mapping[str, str] | None = None) -> int:
    """One attempt for every webhook that is due, some at a time; how many were taken."""
    waiting = await asyncio.to_thread(_due, gate)
    held = asyncio.Semaphore(AT_ONCE)

    async def one(message: Message) -> bool:
        async with held:
            return await _attempt(gate, message, os.environ if environment is None else environment)

    return sum(await asyncio.gather(*(one(message) for message in waiting)))


def _due(gate: Gate) -> list[Message]:
    with gate.ledger.read() as conn:
        return outbox.due(conn, now=gate.clock.now(), kind=outbox.WEBHOOK)


async def _attempt(gate: Gate, message: Message, environment: Mapping[str, str]) -> bool:
    try:
        hook = _hook(gate, message)
        secret = environment.get(hook.secret_env)
        if not secret:
            raise NotSentError(f"the environment variable {hook.secret_env} is not set")
        async with asyncio.timeout(TIMEOUT):
            await post(hook, message.id, message.payload["event"], body_of(message), secret)
    except TimeoutError:
        problem: str | None = f"no answer within {TIMEOUT:g} seconds"
    except NotSentError as failure:
        problem = str(failure)
    except (OSError, ValueError) as failure:
        problem = f"the address cannot be reached: {type(failure).__name__}"
    else:
        problem = None
    await asyncio.to_thread(_book, gate, message.id, problem)
    return problem is None


def _hook(gate: Gate, message: Message) -> Webhook:
    account = gate.accounts.get(str(message.payload["account"]))
    found = next((hook for hook in account.webhooks if hook.url == message.payload["url"]), None) if account else None
    if found is None:
        raise NotSentError("the account has this webhook no more")
    return found


def _book(gate: Gate, message_id: str, problem: str | None) -> None:
    with gate.ledger.begin() as conn:
        if problem is None:
            outbox.sent(conn, message_id, now=gate.clock.now())
        else:
            outbox.failed(conn, message_id, problem, now=gate.clock.now())


def body_of(message: Message) -> bytes:
    """The bytes that are signed and sent; the same at every attempt."""
    told = {"id": message.id, "event": message.payload["event"], "createdAt": message.created_at.isoformat(), **message.payload["body"]}
    return json.dumps(told, sort_keys=True).encode()


def signature(secret: str, body: bytes) -> str:
    """What stands in X-Signature: `sha256=` and the HMAC of the body in hex."""
    return "sha256=" + hmac.new(secret.encode(), body, hashlib.sha256).hexdigest()


def is_public(address: str) -> bool:
    """Whether an address is one of the public internet, also when it is wrapped in another family's."""
    found = ipaddress.ip_address(address)
    if isinstance(found, ipaddress.IPv6Address):
        inner = found.ipv4_mapped or found.sixtofour or (found.teredo[1] if found.teredo else None)
        if found in ipaddress.ip_network("64:ff9b::/96"):
            inner = ipaddress.IPv4Address(int(found) & 0xFFFFFFFF)
        if inner is not None:
            return is_public(str(inner))
    return found.is_global and not found.is_multicast and not found.is_reserved


async def post(hook: Webhook, message_id: str, event: str, body: bytes, secret: str) -> None:
    """Sends one request and reads the status of its answer. Raises NotSentError unless it is 2xx; redirects are not followed.

    The name is resolved once, every address it has is checked, and the connection goes to a checked address: a name that changes
    between the check and the connection changes nothing.
    """
    parts = urlsplit(hook.url)
    host, secure = parts.hostname or "", parts.scheme == "https"
    port = parts.port or (443 if secure else 80)
    found = await asyncio.get_running_loop().getaddrinfo(host, port, type=socket.SOCK_STREAM)
    addresses = [str(one[4][0]) for one in found]
    if not hook.allow_private and not all(is_public(address) for address in addresses):
        raise NotSentError(f"{host} has an address that is not public; the webhook must say allow_private to be sent there")
    context = ssl.create_default_context() if secure else None
    reader, writer = await _connected(addresses, port, context, host if secure else None)
    try:
        head = {
            "Host": parts.netloc,
            "Content-Type": "application/json",
            "Content-Length": str(len(body)),
            "User-Agent": "import_pipeline",
            "X-Event": event,
            "X-Webhook-Id": message_id,
            "X-Signature": signature(secret, body),
            "Connection": "close",
        }
        target = (parts.path or "/") + (f"?{parts.query}" if parts.query else "")
        lines = [f"POST {target} HTTP/1.1", *(f"{name}: {value}" for name, value in head.items()), "", ""]
        writer.write("\r\n".join(lines).encode("ascii") + body)
        await writer.drain()
        status = (await reader.readline()).split(maxsplit=2)
    finally:
        writer.close()
    if len(status) < 2 or not status[1].isdigit():
        raise NotSentError("the answer is not HTTP")
    if not 200 <= int(status[1]) < 300:
        raise NotSentError(f"the answer was {int(status[1])}")


async def _connected(
    addresses: Sequence[str], port: int, context: ssl.SSLContext | None, host: str | None
) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
    """A connection to the first of these addresses that takes one; `host` is whom the certificate must name."""
    for address in addresses[:-1]:
        with suppress(OSError):
            return await asyncio.open_connection(address, port, ssl=context, server_hostname=host, limit=_LINE)
    return await asyncio.open_connection(addresses[-1], port, ssl=context, server_hostname=host, limit=_LINE)
