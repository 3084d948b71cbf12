"""How pages are made: one Jinja environment, the filters that all of them share, the headers that guard them.

Belongs here: rendering. Does not belong here: what a page shows.
"""

import hashlib
import re
from datetime import UTC, datetime, timedelta
from functools import cache
from importlib import resources
from typing import Any
from urllib.parse import unquote
from zoneinfo import ZoneInfo

from jinja2 import Environment, PackageLoader, StrictUndefined
from starlette.requests import Request
from starlette.responses import HTMLResponse, Response

from import_pipeline.gateway.http.desk.sessions import PATH
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.model.desk_door import Right

CONTENT_SECURITY = (
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; connect-src 'self'; form-action 'self'; "
    "base-uri 'none'; frame-ancestors 'none'"
)
HEADERS = {"content-security-policy": CONTENT_SECURITY, "x-frame-options": "DENY", "cross-origin-opener-policy": "same-origin"}
NAVIGATION: tuple[tuple[str, str, Right | None], ...] = (
    ("/import", "New import", "import"),
    ("/jobs", "Imports", None),
    ("/find", "Look up", None),
    ("/exports", "Exports", "read"),
    ("/templates", "Templates", None),
    ("/map", "Map", "read"),
    ("/formats", "Formats", "import"),
    ("/people", "People", "manage"),
)
"""(path, title, right) of the parts of the desk; the map is there for accounts with territories."""
_UNSEEN = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u2028\u2029\u202a-\u202e\u2066-\u2069\ud800-\udfff]")


@cache
def environment() -> Environment:
    """Everything is escaped, and a name that a page was not given is an error."""
    made = Environment(loader=PackageLoader(__package__, "templates"), autoescape=True, undefined=StrictUndefined, trim_blocks=True)
    made.lstrip_blocks = True
    made.filters.update(number=number, size=size, span=span, plural=plural, plain=plain)
    made.globals.update(static=static)
    return made


@cache
def static(name: str) -> str:
    """The address of a file of static/, which changes with its content: browsers may keep it for ever."""
    content = resources.files(__package__).joinpath("static", name).read_bytes()
    return f"{PATH}/static/{name}?v={hashlib.sha256(content).hexdigest()[:12]}"


def page(visit: Visit, template: str, *, status: int = 200, headers: dict[str, str] | None = None, **facts: Any) -> Response:
    """The page `templates/<template>.html.j2`. It knows visit, account, user, csrf, said, and these facts."""
    said = unquote(visit.request.cookies.get("desk_said", "")) if not visit.is_fragment else ""
    shown = environment().get_template(f"{template}.html.j2").render(**_common(visit), said=said, **facts)
    response = HTMLResponse(shown, status, HEADERS | (headers or {}))
    if said:
        response.delete_cookie("desk_said", path=PATH)
    return response


def bare_page(template: str, *, status: int = 200, headers: dict[str, str] | None = None, **facts: Any) -> Response:
    """A page for somebody who is not signed in."""
    shown = environment().get_template(f"{template}.html.j2").render(visit=None, user=None, said="", **facts)
    return HTMLResponse(shown, status, HEADERS | (headers or {}))


def refused(request: Request, visit: Visit | None, refusal: Refusal) -> Response:
    """A refusal as a page, or as plain text where a script asked."""
    facts = {"code": refusal.status, "detail": refusal.detail, "request_id": str(request.scope["request_id"])}
    if visit is None:
        return bare_page("refused", status=refusal.status, headers=refusal.headers, **facts)
    if visit.is_fragment:
        return Response(refusal.detail, refusal.status, HEADERS | refusal.headers, "text/plain")
    return page(visit, "refused", status=refusal.status, headers=refusal.headers, **facts)


def _common(visit: Visit) -> dict[str, Any]:
    zone = ZoneInfo(visit.account.timezone)
    now = visit.gate.clock.now()
    links = [
        (PATH + path, title, visit.request.url.path.startswith(PATH + path))
        for path, title, right in NAVIGATION
        if (right is None or visit.can(right)) and (path != "/map" or visit.account.territory_type)
    ]
    return {
        "visit": visit,
        "account": visit.account,
        "user": visit.user,
        "csrf": visit.csrf,
        "navigation": links,
        "path": PATH,
        "now": now,
        "moment": lambda at: at.astimezone(zone).strftime("%Y-%m-%d %H:%M:%S") if at else "",
        "iso": lambda at: at.astimezone(UTC).isoformat(timespec="seconds") if at else "",
        "ago": lambda at: _ago(at, now),
    }


def number(value: int | None) -> str:
    """1234567 as 1,234,567."""
    return "" if value is None else f"{value:,}"


def size(value: int) -> str:
    """Bytes as people read them."""
    amount = float(value)
    for unit in ("B", "kB", "MB", "GB"):
        if amount < 1000 or unit == "GB":
            break
        amount /= 1000
    return f"{amount:.0f} {unit}" if unit == "B" or amount >= 100 else f"{amount:.1f} {unit}"


def span(value: timedelta | None) -> str:
    """A length of time in its two largest units."""
    if value is None:
        return ""
    seconds = max(0, round(value.total_seconds()))
    parts = [("d", seconds // 86_400), ("h", seconds // 3600 % 24), ("min", seconds // 60 % 60), ("s", seconds % 60)]
    told = [f"{amount} {unit}" for unit, amount in parts if amount][:2]
    return " ".join(told) or "0 s"


def plain(text: str | None) -> str:
    """A text that people sent, for reading only: marks that would make it look like another one, and bytes that are none, are shown."""
    return "" if text is None else _UNSEEN.sub("\ufffd", text)


def plural(count: int, one: str, many: str = "") -> str:
    """«1 row», «2 rows»."""
    return f"{count:,} {one if count == 1 else many or one + 's'}"


def _ago(at: datetime | None, now: datetime) -> str:
    if at is None:
        return ""
    passed = now - at
    return "just now" if passed < timedelta(seconds=5) else f"{span(passed)} ago"
