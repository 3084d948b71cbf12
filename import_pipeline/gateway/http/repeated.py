"""A request with an Idempotency-Key is done once: sent again it gets the same answer, and nothing happens.

Belongs here: reading the key, and doing a request's work in one transaction with booking its answer. Does not belong here: the work.
"""

from collections.abc import Callable
from typing import Any

from sqlalchemy import Connection

from import_pipeline.gateway.http.door import Call
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.ledger import idempotency

HEADER = "idempotency-key"
LONGEST = 255
Answer = tuple[int, Any]
"""Status and body (JSON)."""


def once(call: Call, content: str, work: Callable[[Connection], Answer]) -> Answer:
    """Does `work` in one transaction of the ledger, or gives the answer of the first time.

    `content` stands for the request's body. Raises Refusal 400 for a key that is none, and 422 when the key came with another request.
    What `work` raises is not remembered: such a request may be sent again.
    """
    given = call.request.headers.get(HEADER)
    now = call.gate.clock.now()
    with call.gate.ledger.begin() as conn:
        if given is None:
            return work(conn)
        if not (given and len(given) <= LONGEST and given.isprintable()):
            raise Refusal(400, f"an Idempotency-Key has 1 to {LONGEST} printable characters")
        request = call.request
        key = idempotency.digest(call.token.id, given)
        asked = idempotency.digest(request.method, request.url.path, request.url.query, content)
        before = idempotency.recall(conn, call.account.name, key, asked)
        if before is not None:
            if not before.same_request:
                raise Refusal(422, "this Idempotency-Key came with another request before")
            return before.status, before.body
        status, body = work(conn)
        idempotency.remember(conn, call.account.name, key, asked, status, body, now=now)
        return status, body
