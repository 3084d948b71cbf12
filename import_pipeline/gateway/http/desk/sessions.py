"""Who is signed in: the cookie, the session that it names, and the token that every form carries.

Belongs here: beginning, finding and ending sessions. Does not belong here: checking passwords (signing_in.py), where sessions are kept
(ledger/sessions.py), what a role may do (model/desk_door.py).

A cookie's value holds 256 random bits and is kept as its SHA-256, like the key of a program (../tokens.py). The token of the forms is
derived from it, so it needs no place of its own and ends with the session.
"""

import hashlib
import hmac
import secrets
from dataclasses import dataclass
from datetime import timedelta

from starlette.requests import Request
from starlette.responses import Response

from import_pipeline.gateway.http.gate import Gate
from import_pipeline.ledger import sessions, users
from import_pipeline.ledger.sessions import SessionRow
from import_pipeline.ledger.users import User
from import_pipeline.model.account import Account

COOKIE, PATH = "desk", "/desk"
SEEN_EVERY = timedelta(minutes=1)
"""How exactly «last seen» is booked: not with every request."""
_LONGEST = 100


@dataclass(frozen=True)
class SignedIn:
    """A session in force, whose it is, and the token of its forms."""

    session: SessionRow
    user: User
    account: Account
    csrf: str


def begin(gate: Gate, user: User, account: Account) -> str:
    """Books a session; the cookie's value."""
    value, now = secrets.token_urlsafe(32), gate.clock.now()
    row = SessionRow(_digest(value), user.name, account.name, now, now, now + account.doors.desk.longest)
    with gate.ledger.begin() as conn:
        sessions.add(conn, row)
    return value


def find(gate: Gate, request: Request) -> SignedIn | None:
    """Who sends this request; None without a session in force. A user that was barred, removed or moved is out at once."""
    value = request.cookies.get(COOKIE, "")
    if not 20 <= len(value) <= _LONGEST:
        return None
    now = gate.clock.now()
    with gate.ledger.read() as conn:
        session = sessions.get(conn, _digest(value))
        user = users.get(conn, session.user) if session else None
    account = gate.accounts.get(session.account) if session else None
    if session is None or user is None or account is None:
        return None
    door = account.doors.desk
    in_force = now < session.expires_at and now < session.seen_at + door.idle and door.enabled
    # A password that was set anew makes the user anew: sessions from before are over.
    if not in_force or user.disabled or user.account != account.name or user.created_at > session.created_at:
        return None
    if now - session.seen_at > SEEN_EVERY:
        with gate.ledger.begin() as conn:
            sessions.seen(conn, session.id, now=now)
    return SignedIn(session, user, account, _csrf(value))


def end(gate: Gate, signed_in: SignedIn) -> None:
    """Signs out."""
    with gate.ledger.begin() as conn:
        sessions.remove(conn, signed_in.session.id)


def set_cookie(gate: Gate, request: Request, response: Response, value: str) -> None:
    """Hands the cookie out: not for scripts, not to other sites, and over TLS only where the service is reached by it."""
    secure = request.url.scheme == "https" or gate.settings.http_url.startswith("https:")
    response.set_cookie(COOKIE, value, path=PATH, httponly=True, samesite="lax", secure=secure)


def _csrf(value: str) -> str:
    return hmac.new(value.encode(), b"forms of the desk", hashlib.sha256).hexdigest()


def _digest(value: str) -> str:
    return hashlib.sha256(value.encode("utf-8", "surrogateescape")).hexdigest()
