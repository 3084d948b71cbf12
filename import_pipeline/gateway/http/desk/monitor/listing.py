"""All imports of the account over all doors, newest first.

Belongs here: the list with its filters, and what waits without a job. Does not belong here: statements (ledger/job_list.py), one job
(job.py).
"""

import asyncio
from dataclasses import dataclass
from datetime import date, datetime, time, timedelta
from typing import Any
from urllib.parse import urlencode
from zoneinfo import ZoneInfo

from starlette.responses import Response

from import_pipeline.gateway.http.desk.monitor import words
from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.states import state_of
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.landing import tree
from import_pipeline.ledger import job_list
from import_pipeline.ledger.job_list import Wanted

PER_PAGE = 50
MOST_COUNTED = 10_000
"""Jobs that are counted for the pager: further back one gets by dates."""
MOST_DELIVERIES, MOST_NAMES = 20, 5
CANCELLED_SHOWN = timedelta(days=1)
FILTERS = ("state", "kind", "type", "door", "name", "from", "to")


@dataclass(frozen=True)
class Asked:
    """The filters of one request, as they were given."""

    given: dict[str, str]
    wanted: Wanted
    page: int
    wrong: str = ""

    @property
    def address(self) -> str:
        """The query of this list without its page."""
        return urlencode({name: value for name, value in self.given.items() if value})


async def jobs(visit: Visit) -> Response:
    """GET: the list."""
    asked = _asked(visit)
    return page(visit, "monitor/jobs", **await asyncio.to_thread(_facts, visit, asked, now_too=True))


async def table(visit: Visit) -> Response:
    """GET: the table of the list alone, for a page that refreshes itself."""
    return page(visit, "monitor/_table", **await asyncio.to_thread(_facts, visit, _asked(visit), now_too=False))


async def under_way(visit: Visit) -> Response:
    """GET: what waits and runs, for a page that refreshes itself."""
    return page(visit, "monitor/_now", **await asyncio.to_thread(_now, visit))


def _facts(visit: Visit, asked: Asked, *, now_too: bool) -> dict[str, Any]:
    account = visit.account
    with visit.gate.ledger.read() as conn:
        total = job_list.count(conn, account.name, asked.wanted, most=MOST_COUNTED)
        pages = max(1, -(-total // PER_PAGE))
        number = min(asked.page, pages)
        found = job_list.page(conn, account.name, asked.wanted, limit=PER_PAGE, offset=(number - 1) * PER_PAGE)
        known = job_list.doors(conn, account.name) if now_too else []
    now = visit.gate.clock.now()
    rows = [
        {"job": one.job, "state": state_of(one.job), "door": words.door_words(one.door), "age": words.age(one.job.created_at, now)}
        for one in found
    ]
    facts: dict[str, Any] = {
        "rows": rows,
        "asked": asked,
        "total": total,
        "capped": total == MOST_COUNTED,
        "page": number,
        "pages": pages,
        "filtered": bool(asked.address),
        "folder": str(tree.new_folder(account, visit.gate.settings).relative_to(tree.root(account, visit.gate.settings))),
        "sftp": (visit.gate.settings.sftp_host, visit.gate.settings.sftp_port),
    }
    if now_too:
        facts |= _now(visit) | {
            "states": words.STANDINGS,
            "kinds": words.KINDS,
            "types": [("", "All types"), *((t.name, t.name) for t in account.object_types)],
            "doors": [("", "All doors"), *((door, words.door_words(door)) for door in known)],
        }
    return facts


def _now(visit: Visit) -> dict[str, Any]:
    """The tiles, and the deliveries and files that have no answer yet."""
    account, now = visit.account.name, visit.gate.clock.now()
    today = datetime.combine(now.astimezone(ZoneInfo(visit.account.timezone)).date(), time(), ZoneInfo(visit.account.timezone))
    with visit.gate.ledger.read() as conn:
        tally = job_list.tally(conn, account, today)
        coming = job_list.coming(conn, account, MOST_NAMES)
        busy = job_list.under_way(conn, account, limit=MOST_DELIVERIES, names=MOST_NAMES)
        over = job_list.cancelled(conn, account, now - CANCELLED_SHOWN, limit=MOST_NAMES, names=MOST_NAMES)
    waiting = coming.files + sum(max(one.delivery.files, 1) for one in busy if one.delivery.state != "running")
    shown = [{"one": one, "door": words.door_words(one.delivery.door), "age": words.age(one.delivery.created_at, now)} for one in busy]
    cancelled = [{"one": one, "age": words.age(one.delivery.finished_at, now)} for one in over]
    return {"tally": tally, "coming": coming, "busy": shown, "cancelled": cancelled, "waiting": waiting}


def _asked(visit: Visit) -> Asked:
    given = {name: "".join(c for c in visit.query.get(name, "") if c.isprintable()).strip()[:200] for name in FILTERS}
    zone = ZoneInfo(visit.account.timezone)
    since, until = _day(given["from"]), _day(given["to"])
    wrong = "a date is written as 2026-01-31" if (given["from"] and not since) or (given["to"] and not until) else ""
    wanted = Wanted(
        state=words.standing_of(given["state"]),
        kind=words.kind_of(given["kind"]),
        object_type=given["type"],
        door=given["door"],
        name=given["name"],
        since=datetime.combine(since, time(), zone) if since else None,
        until=datetime.combine(until + timedelta(days=1), time(), zone) if until else None,
    )
    stated = visit.query.get("page", "")
    number = min(int(stated), MOST_COUNTED // PER_PAGE) if stated.isdecimal() and len(stated) < 9 else 1
    return Asked(given, wanted, max(1, number), wrong)


def _day(text: str) -> date | None:
    try:
        found = date.fromisoformat(text)
    except ValueError:
        return None
    return found if 1900 <= found.year <= 9000 else None
