"""Signing in and out: the same users and passwords as over SFTP, the same growing delays.

Belongs here: the two forms. Does not belong here: sessions (sessions.py), hashes (gateway/passwords.py), counting failures
(gateway/guard.py).
"""

import asyncio
from urllib.parse import urlsplit

from starlette.requests import Request
from starlette.responses import RedirectResponse, Response
from starlette.routing import Route

from import_pipeline.gateway import passwords
from import_pipeline.gateway.http.desk import sessions
from import_pipeline.gateway.http.desk.forms import is_from_here, read_fields
from import_pipeline.gateway.http.desk.rendering import bare_page, refused
from import_pipeline.gateway.http.desk.sessions import COOKIE, PATH
from import_pipeline.gateway.http.desk.visit import SIGN_IN, Visit, see_other
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.ledger import users
from import_pipeline.ledger.users import User

WRONG = "name or password is wrong"
_LONGEST = 1024


def sign_in_routes(gate: Gate) -> list[Route]:
    """The pages that need no session."""

    async def show(request: Request) -> Response:
        request.scope["told"]["route"] = "desk:sign_in"
        if await asyncio.to_thread(sessions.find, gate, request):
            return RedirectResponse(PATH, 303)
        return bare_page("sign_in", to=_own(request.query_params.get("to", "")), name="", wrong="")

    async def sign_in(request: Request) -> Response:
        request.scope["told"]["route"] = "desk:sign_in"
        try:
            return await _signed_in(gate, request)
        except Refusal as refusal:
            return refused(request, None, refusal)

    return [Route(SIGN_IN, show, methods=["GET"]), Route(SIGN_IN, sign_in, methods=["POST"])]


async def _signed_in(gate: Gate, request: Request) -> Response:
    if not is_from_here(request):
        raise Refusal(403, "this request does not come from a page of this service")
    fields = await read_fields(request)
    name, password = fields.one("name")[:64].strip(), fields.one("password")[:_LONGEST]
    address, to = request.client.host if request.client else "", _own(fields.one("to"))
    if gate.guard.is_barred(address):
        raise Refusal(429, "too many failed log-ins from this address; try again in some minutes", retry_after=600)
    user = await _who(gate, address, name, password)
    account = gate.accounts.get(user.account) if user else None
    if user is None or account is None or not account.doors.desk.enabled:
        return bare_page("sign_in", status=401, to=to, name=name, wrong=WRONG)
    request.scope["told"].update(account=account.name, user=user.name)
    value = await asyncio.to_thread(sessions.begin, gate, user, account)
    response = RedirectResponse(to or PATH, 303)
    sessions.set_cookie(gate, request, response, value)
    return response


async def _who(gate: Gate, address: str, name: str, password: str) -> User | None:
    """The user, when the password is right. A wrong name takes as long as a wrong password; many tries wait longer each time."""
    guard = gate.guard
    delay = guard.delay(address, name)
    guard.failed(address, name)
    await asyncio.sleep(delay)

    def look() -> User | None:
        with gate.ledger.read() as conn:
            user = users.get(conn, name)
        right = passwords.is_right(user.password if user else None, password)
        return user if user and right and not user.disabled else None

    user = await asyncio.to_thread(look)
    if user is not None:
        guard.succeeded(address, name)
    return user


async def sign_out(visit: Visit) -> Response:
    """POST: ends this session."""
    await visit.fields()
    await asyncio.to_thread(sessions.end, visit.gate, visit.signed_in)
    response = see_other("/sign-in")
    response.delete_cookie(COOKIE, path=PATH)
    return response


def _own(to: str) -> str:
    """A page of the desk, or nothing: whoever made the link must not send people elsewhere."""
    found = urlsplit(to)
    inside = found.path == PATH or found.path.startswith(PATH + "/")
    return to if inside and not found.scheme and not found.netloc and "\\" not in to and to.isprintable() else ""
