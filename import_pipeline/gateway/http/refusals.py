"""What is answered when a request cannot be served: a status, a sentence, and how a failure becomes one.

Belongs here: refusals that every door shares. Does not belong here: the words of one interface (its answers.py).
"""

import json
import math
from http import HTTPStatus

from starlette.responses import Response

from import_pipeline.failures import PermanentFailure, TransientFailure, UnknownValue

BUSY_SECONDS = 2
"""What Retry-After tells when the machine is at fault for a moment."""


class Refusal(Exception):
    """The request is not served. `detail` is for the sender: it names what would have been right, and never a secret."""

    def __init__(self, status: int, detail: str, *, retry_after: float | None = None, authenticate: str | None = None) -> None:
        self.status, self.detail = status, detail
        self.headers: dict[str, str] = {}
        if retry_after is not None:
            self.headers["Retry-After"] = str(max(1, math.ceil(retry_after)))
        if authenticate is not None:
            self.headers["WWW-Authenticate"] = authenticate
        super().__init__(detail)


def problem(refusal: Refusal, request_id: str) -> Response:
    """A problem document (RFC 9457): what is answered where an interface has no words of its own."""
    title = HTTPStatus(refusal.status).phrase
    body = {"status": refusal.status, "title": title, "detail": refusal.detail, "requestId": request_id}
    return Response(json.dumps(body), refusal.status, refusal.headers, "application/problem+json")


def refusal_of(failure: PermanentFailure | TransientFailure) -> Refusal:
    """400 with the failure's words when the sender can mend it, 503 when it passes by itself."""
    if isinstance(failure, TransientFailure):
        # The failure's words name paths of this machine; they are logged, not told.
        return Refusal(503, "this cannot be done at this moment; try again", retry_after=BUSY_SECONDS)
    if isinstance(failure, UnknownValue):
        hint = f" Did you mean {failure.suggestion!r}?" if failure.suggestion else ""
        return Refusal(400, f"unknown {failure.what} {failure.value!r}. Known: {', '.join(failure.known) or 'none'}.{hint}")
    return Refusal(400, str(failure))
