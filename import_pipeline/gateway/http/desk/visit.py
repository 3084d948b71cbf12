"""What a page is given: the request, who sends it, whose account it is; and how a page becomes an address of the service.

Belongs here: sign-in, rights and refusals of all pages. Does not belong here: any one page, how pages look (rendering.py).

A page sees one account, that of its user. What it looks up by an id from the address it looks up with `visit.account.name`: another
account's thing is not found, as if it did not exist.
"""

import asyncio
import logging
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Literal
from urllib.parse import quote, urlsplit

from starlette.requests import ClientDisconnect, Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.desk import sessions
from import_pipeline.gateway.http.desk.forms import Fields, check_token, is_from_here, read_fields
from import_pipeline.gateway.http.desk.sessions import PATH, SignedIn
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal, refusal_of
from import_pipeline.gateway.http.uploads import MOST_FIELDS, Form, receive_form
from import_pipeline.ledger.users import User
from import_pipeline.model.account import Account
from import_pipeline.model.desk_door import OF_ROLE, Right

LOG = logging.getLogger(__name__)
SIGN_IN = f"{PATH}/sign-in"
REQUESTS_PER_MINUTE = 1200
"""Of one user: a page that shows progress asks some forty times a minute."""
FRAGMENT = "x-desk-fragment"
"""The header of a request that asks for a part of a page."""


@dataclass
class Visit:
    """One request of somebody who is signed in."""

    request: Request
    gate: Gate
    account: Account
    user: User
    csrf: str
    signed_in: SignedIn
    checked: bool = field(default=False, init=False)
    """Whether the token of the form was checked; a POST that was served without is a fault of ours."""

    def can(self, right: Right) -> bool:
        """Whether the user's role has this right."""
        return right in OF_ROLE[self.user.role]

    @property
    def params(self) -> Mapping[str, str]:
        """The parts of the address, such as `job`."""
        return {name: str(value) for name, value in self.request.path_params.items()}

    @property
    def query(self) -> Mapping[str, str]:
        """What stands behind the question mark."""
        return self.request.query_params

    @property
    def request_id(self) -> str:
        """Names the request in logs and refusals."""
        return str(self.request.scope["request_id"])

    @property
    def is_fragment(self) -> bool:
        """Whether a script asks, which has no use for a whole page."""
        return self.request.headers.get(FRAGMENT) == "1" or self.request.headers.get("x-desk-upload") == "1"

    async def fields(self) -> Fields:
        """The fields of a form (application/x-www-form-urlencoded). Raises Refusal 403 for a wrong token, 413, 415."""
        found = await read_fields(self.request)
        check_token(found.one("csrf"), self.csrf)
        self.checked = True
        return found

    async def form_with_file(self, limit: int, file_field: str = "file", most_fields: int = MOST_FIELDS) -> Form:
        """A multipart form whose file goes into the vault, at most `limit` bytes. The token is checked before the file counts."""

        def check(form: Form) -> None:
            check_token(form.fields.get("csrf", ""), self.csrf)
            self.checked = True

        # The token may come ahead of the body: then a wrong one is refused before bytes are taken.
        ahead = self.request.headers.get("x-csrf-token")
        if ahead is not None:
            check_token(ahead, self.csrf)
        return await receive_form(self.gate, self.request, limit, file_field=file_field, check=check, most_fields=most_fields)


def after_upload(visit: Visit, path: str) -> Response:
    """On to another page after a file was sent: as a redirect, or as the header that desk.js follows."""
    if visit.request.headers.get("x-desk-upload") != "1":
        return see_other(path)
    return Response("", 200, {"x-desk-location": PATH + path})


Handler = Callable[[Visit], Awaitable[Response]]


@dataclass(frozen=True)
class Page:
    """One address of the desk: `path` below /desk, such as "/jobs/{job}". Without `right` everybody of the account may ask."""

    method: Literal["GET", "POST"]
    path: str
    handler: Handler
    right: Right | None = None


def see_other(path: str, said: str = "") -> Response:
    """On to another page of the desk, which shows `said` once."""
    response = RedirectResponse(PATH + path, status_code=303)
    if said:
        response.set_cookie("desk_said", quote(said[:1000]), path=PATH, max_age=60, httponly=True, samesite="lax")
    return response


def routes_of(gate: Gate, pages: Sequence[Page]) -> list[Route]:
    """The pages as routes, each behind sign-in, rights and limits."""
    return [Route(PATH + page.path, _served(gate, page), methods=[page.method]) for page in pages]


def _served(gate: Gate, page: Page) -> Callable[[Request], Awaitable[Response]]:
    from import_pipeline.gateway.http.desk.rendering import refused

    async def endpoint(request: Request) -> Response:
        told = request.scope["told"]
        told["route"] = f"desk:{page.handler.__module__.rpartition('.')[2]}.{page.handler.__name__}"
        visit = None
        try:
            signed_in = await asyncio.to_thread(sessions.find, gate, request)
            if signed_in is None:
                return _to_sign_in(request)
            told.update(account=signed_in.account.name, user=signed_in.user.name)
            visit = Visit(request, gate, signed_in.account, signed_in.user, signed_in.csrf, signed_in)
            _check(gate, page, visit)
            response = await page.handler(visit)
            if page.method == "POST" and not visit.checked:
                raise AssertionError(f"{page.path}: the handler did not check the form's token")
            return response
        except Refusal as refusal:
            return refused(request, visit, refusal)
        except (PermanentFailure, TransientFailure) as failure:
            if isinstance(failure, TransientFailure):
                LOG.warning("%s: %s", request.scope["request_id"], failure)
            return refused(request, visit, refusal_of(failure))
        except ClientDisconnect:
            told["gone"] = True
            return refused(request, visit, Refusal(400, "the request ended before its body was complete"))

    return endpoint


def _check(gate: Gate, page: Page, visit: Visit) -> None:
    gate.check_often(f"desk {visit.user.name}", REQUESTS_PER_MINUTE)
    if page.method == "POST" and not is_from_here(visit.request):
        raise Refusal(403, "this request does not come from a page of this service")
    if page.right is not None and not visit.can(page.right):
        may = ", ".join(role for role, rights in OF_ROLE.items() if page.right in rights)
        raise Refusal(403, f"your role is {visit.user.role!r}; this is for: {may}")


def _to_sign_in(request: Request) -> Response:
    """Signing in leads back to a page, but never into an action that was asked for before."""
    if request.headers.get(FRAGMENT) == "1":
        return Response("", 401)
    asked = urlsplit(str(request.url))
    back = asked.path + (f"?{asked.query}" if asked.query else "")
    to = f"?to={quote(back, safe='')}" if request.method == "GET" and back not in (PATH, PATH + "/") else ""
    return RedirectResponse(SIGN_IN + to, status_code=303)
