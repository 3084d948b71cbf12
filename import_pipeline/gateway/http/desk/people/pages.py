"""Users of the account and keys of its programs (right `manage`), and one's own password.

Belongs here: these pages. Does not belong here: signing in (../signing_in.py), hashes (gateway/passwords.py), statements (ledger/).
"""

import asyncio
from datetime import timedelta
from typing import Any

from starlette.responses import Response

from import_pipeline.failures import PermanentFailure, UnknownValue
from import_pipeline.gateway import passwords
from import_pipeline.gateway.http.desk import sessions
from import_pipeline.gateway.http.desk.forms import Fields
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.visit import Page, Visit, see_other
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.gateway.http.tokens import digest, make_key
from import_pipeline.ledger import tokens, users
from import_pipeline.ledger.users import User
from import_pipeline.model.desk_door import OF_ROLE
from import_pipeline.model.http_door import SCOPES
from import_pipeline.model.sftp_door import ROLES, Role
from import_pipeline.model.user_names import check_user_name, may_use_sftp

ROLE_WORDS: dict[Role, str] = {
    "upload": "sends files, mends rows, undoes and replays",
    "read": "takes exports out, looks at records and maps",
    "both": "both of these",
    "admin": "both, and decides held imports, saves formats, manages people",
}
EXPIRIES = (("90", "90 days"), ("365", "a year"), ("0", "for ever"))


async def people(visit: Visit) -> Response:
    """GET: who may sign in, and which programs may call."""
    return await _shown(visit)


async def add_user(visit: Visit) -> Response:
    """POST: a new user with a password."""
    fields = await visit.fields()
    name, role = fields.one("name").strip(), _role(fields)
    try:
        check_user_name(name, visit.account, visit.gate.accounts.values())
        hashed = await asyncio.to_thread(passwords.hash_password, fields.one("password"))

        def book() -> None:
            with visit.gate.ledger.begin() as conn:
                if users.get(conn, name):
                    raise PermanentFailure(f"the name {name!r} is taken; names are unique over all accounts")
                users.add(conn, name, visit.account.name, password=hashed, keys=[], role=role, now=visit.gate.clock.now())

        await asyncio.to_thread(book)
    except PermanentFailure as failure:
        return await _shown(visit, wrong=str(failure), given={"name": name, "role": role}, status=400)
    return see_other("/people", f"{name} may sign in now")


async def change_user(visit: Visit) -> Response:
    """POST: another role or password for a user, bars one or lets one in again, or takes one away (field `do`)."""
    fields = await visit.fields()
    do, name = fields.one("do"), visit.params["name"]
    if name == visit.user.name:
        raise Refusal(409, "you cannot change your own rights: another admin can; your password has a page of its own")
    if do == "password":
        try:
            hashed = await asyncio.to_thread(passwords.hash_password, fields.one("password"))
        except PermanentFailure as failure:
            raise Refusal(400, str(failure)) from None
    role = _role(fields) if do == "role" else "read"

    def book() -> str:
        now = visit.gate.clock.now()
        with visit.gate.ledger.begin() as conn:
            known = users.get(conn, name)
            if known is None or known.account != visit.account.name:
                raise Refusal(404, "there is no such user")
            match do:
                case "role":
                    users.set_role(conn, name, role)
                    return f"{name} has the role {role!r} now"
                case "password":
                    users.set_password(conn, name, hashed, now=now)
                    return f"{name} has another password now, and is signed out everywhere"
                case "bar" | "let":
                    users.disable(conn, name, do == "bar")
                    return f"{name} is barred" if do == "bar" else f"{name} may sign in again"
                case "remove":
                    users.remove(conn, name)
                    return f"{name} is taken away; what {name} sent stays"
        raise Refusal(400, "this cannot be done with a user")

    return see_other("/people", await asyncio.to_thread(book))


async def add_key(visit: Visit) -> Response:
    """POST: a key for a program, which is shown this once."""
    fields = await visit.fields()
    name = fields.one("name").strip()[:100]
    scopes = tuple(scope for scope in SCOPES if scope in fields.all("scope"))
    days = fields.one("days")
    if not name or not scopes or days not in dict(EXPIRIES):
        return await _shown(visit, wrong="a key has a name, may do at least one thing, and has an end or none", status=400)
    now = visit.gate.clock.now()
    until = now + timedelta(days=int(days)) if days != "0" else None
    key_id, key = make_key()

    def book() -> None:
        with visit.gate.ledger.begin() as conn:
            made = tokens.Token(key_id, visit.account.name, visit.user.name, name, digest(key), scopes, now, until, None)
            tokens.add(conn, made)

    await asyncio.to_thread(book)
    return await _shown(visit, made={"name": name, "key": key})


async def revoke_key(visit: Visit) -> Response:
    """POST: ends a key for ever."""
    await visit.fields()

    def book() -> None:
        with visit.gate.ledger.begin() as conn:
            known = tokens.get(conn, visit.params["key"])
            if known is None or known.account != visit.account.name:
                raise Refusal(404, "there is no such key")
            tokens.revoke(conn, known.id, now=visit.gate.clock.now())

    await asyncio.to_thread(book)
    return see_other("/people", "the key is revoked")


async def own_password(visit: Visit) -> Response:
    """GET: the form for one's own password."""
    return page(visit, "people/password", wrong="")


async def set_own_password(visit: Visit) -> Response:
    """POST: another password for oneself; all other sessions are over, this one goes on as a new one."""
    fields = await visit.fields()
    address = visit.request.client.host if visit.request.client else ""
    delay = visit.gate.guard.delay(address, visit.user.name)
    visit.gate.guard.failed(address, visit.user.name)
    await asyncio.sleep(delay)
    if not await asyncio.to_thread(passwords.is_right, visit.user.password, fields.one("old")):
        return page(visit, "people/password", wrong="the present password is wrong", status=400)
    visit.gate.guard.succeeded(address, visit.user.name)
    if fields.one("new") != fields.one("again"):
        return page(visit, "people/password", wrong="the new password was typed in two ways", status=400)
    try:
        hashed = await asyncio.to_thread(passwords.hash_password, fields.one("new"))
    except PermanentFailure as failure:
        return page(visit, "people/password", wrong=str(failure), status=400)

    def book() -> str:
        with visit.gate.ledger.begin() as conn:
            users.set_password(conn, visit.user.name, hashed, now=visit.gate.clock.now())
        return sessions.begin(visit.gate, visit.user, visit.account)

    response = see_other("/password", "your password is another one now; you are signed out everywhere else")
    sessions.set_cookie(visit.gate, visit.request, response, await asyncio.to_thread(book))
    return response


async def _shown(visit: Visit, *, wrong: str = "", given: dict[str, str] | None = None, made: Any = None, status: int = 200) -> Response:
    def look() -> tuple[list[User], list[tokens.Token]]:
        with visit.gate.ledger.read() as conn:
            return users.listing(conn, visit.account.name), list(tokens.listing(conn, visit.account.name))

    found, keys = await asyncio.to_thread(look)
    now = visit.gate.clock.now()
    return page(
        visit,
        "people/people",
        status=status,
        users=[(one, may_use_sftp(one.name, visit.account)) for one in found],
        keys=[(key, "revoked" if key.revoked_at else "valid" if key.valid_at(now) else "expired") for key in keys],
        roles=[(role, f"{role}: {ROLE_WORDS[role]}") for role in ROLES],
        rights=OF_ROLE,
        expiries=EXPIRIES,
        wrong=wrong,
        given={"name": "", "role": "both"} | (given or {}),
        made=made,
    )


def _role(fields: Fields) -> Role:
    given = fields.one("role")
    for role in ROLES:
        if role == given:
            return role
    raise UnknownValue("role", given, ROLES)


PAGES: tuple[Page, ...] = (
    Page("GET", "/people", people, "manage"),
    Page("POST", "/people/users", add_user, "manage"),
    Page("POST", "/people/users/{name}", change_user, "manage"),
    Page("POST", "/people/keys", add_key, "manage"),
    Page("POST", "/people/keys/{key}/revoke", revoke_key, "manage"),
    Page("GET", "/password", own_password),
    Page("POST", "/password", set_own_password),
)
