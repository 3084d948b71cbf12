"""What a door of the HTTP service is, and what one of its requests is given.

Belongs here: the protocol that every door folder fulfils, and the way of a request through log-in and limits. Does not belong here: any
one interface (spotio/ and the folders beside it), the application (service.py).
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass
from typing import Any, Protocol

from starlette.requests import ClientDisconnect, Request
from starlette.responses import Response
from starlette.routing import BaseRoute

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal, refusal_of
from import_pipeline.gateway.http.tokens import find_key
from import_pipeline.ledger.tokens import Token
from import_pipeline.model.account import Account
from import_pipeline.model.http_door import Interface, Scope

LOG = logging.getLogger(__name__)


class Door(Protocol):
    """One documented interface. A door knows its words and shapes; log-in, limits, uploads and deliveries are everybody's."""

    name: Interface

    def routes(self, gate: Gate) -> Sequence[BaseRoute]:
        """Its addresses."""
        ...

    def key_of(self, request: Request) -> str | None:
        """The key that a request carries, where this interface carries it; None without one."""
        ...

    def refused(self, refusal: Refusal, request_id: str) -> Response:
        """A refusal as this interface tells it."""
        ...

    def description(self) -> dict[str, Any]:
        """Its part of the OpenAPI description: `paths`, `schemas`."""
        ...


@dataclass(frozen=True)
class Call:
    """One request of somebody who may ask it."""

    request: Request
    gate: Gate
    account: Account
    token: Token

    @property
    def request_id(self) -> str:
        """Names the request in logs and refusals."""
        return str(self.request.scope["request_id"])


Handler = Callable[[Call], Awaitable[Response]]


def served(gate: Gate, door: Door, scope: Scope | None, handler: Handler) -> Callable[[Request], Awaitable[Response]]:
    """The endpoint for a handler: who asks and how often comes first; every failure becomes a refusal in the door's own form.

    Without a scope any key of the account will do, and the handler decides what it may.
    """

    async def endpoint(request: Request) -> Response:
        told = request.scope["told"]
        told["route"] = f"{door.name}:{handler.__name__}"
        request_id = str(request.scope["request_id"])
        try:
            token, account = await admitted(gate, door, scope, request)
            told.update(account=account.name, token=token.id)
            return await handler(Call(request, gate, account, token))
        except Refusal as refusal:
            return door.refused(refusal, request_id)
        except (PermanentFailure, TransientFailure) as failure:
            if isinstance(failure, TransientFailure):
                LOG.warning("%s: %s", request_id, failure)
            return door.refused(refusal_of(failure), request_id)
        except ClientDisconnect:
            told["gone"] = True
            return door.refused(Refusal(400, "the request ended before its body was complete"), request_id)

    return endpoint


async def admitted(gate: Gate, door: Door, scope: Scope | None, request: Request) -> tuple[Token, Account]:
    """Whose request it is. Raises Refusal: 401 for no or a wrong key, 403 for one that may not do this, 429 when it asks too often."""
    address = request.client.host if request.client else ""
    token = await asyncio.to_thread(find_key, gate.ledger, door.key_of(request) or "", gate.clock.now())
    account = await asyncio.to_thread(gate.account, token.account) if token else None
    if token is None or account is None:
        gate.book_failure(address)
        raise Refusal(401, "a valid key is needed", authenticate="Bearer")
    gate.check_rate(account)
    if not account.doors.http.enabled or door.name not in account.doors.http.interfaces:
        raise Refusal(403, "this account does not have this interface")
    if scope is not None and scope not in token.scopes:
        raise Refusal(403, f"this key may not do that: it needs the scope {scope!r}")
    return token, account
