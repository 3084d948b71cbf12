"""A moment as a person chooses it on a page: as it is, a day and time, before or after an import.

Belongs here: the fields of that choice, from a form to the words of exporting/moments.py. Does not belong here: what these mean.
"""

import re
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from zoneinfo import ZoneInfo

from import_pipeline.gateway.http.desk.visit import Visit

KINDS = (
    ("now", "Now"),
    ("time", "As of a day and time"),
    ("after", "Right after an import"),
    ("before", "Right before an import"),
)
_RECENT = 200
_LOCAL = re.compile(r"\d{4}-\d{2}-\d{2}T\d{2}:\d{2}(:\d{2}(\.\d{1,6})?)?")


@dataclass(frozen=True)
class Chosen:
    """The fields as they were sent. `name` is that of the moment, such as `at`."""

    name: str
    kind: str = "now"
    time: str = ""
    job: str = ""

    @property
    def wrong(self) -> str:
        """Why the fields are incomplete; '' when they are not."""
        if self.kind == "time" and not _LOCAL.fullmatch(self.time):
            return "Give a day and a time."
        if self.kind in ("before", "after") and not self.job:
            return "Choose an import."
        return "" if self.kind in dict(KINDS) else "Choose one of the list."

    @property
    def text(self) -> str:
        """As exporting/moments.py reads it."""
        return {"time": self.time, "after": self.job, "before": f"before:{self.job}"}.get(self.kind, "now")


def chosen(name: str, given: Callable[[str, str], str]) -> Chosen:
    """The fields of one moment; `given(name, default)` reads a field."""
    kind = given(f"{name}_kind", "now")
    return Chosen(name, kind if kind in dict(KINDS) else "now", given(f"{name}_time", "").strip(), given(f"{name}_job", "").strip())


def known(visit: Visit, moment: Chosen) -> str:
    """Why the import of the moment is none of this account's; '' when it is, or when none is named. Another account's import is as
    unknown as one that never was."""
    from import_pipeline.ledger import jobs

    if moment.kind not in ("before", "after") or not moment.job:
        return ""
    with visit.gate.ledger.read() as conn:
        found = jobs.get(conn, moment.job)
    return "" if found and found.account == visit.account.name else f"There is no import {moment.job}."


def recent_imports(visit: Visit) -> list[tuple[str, str]]:
    """(id, words) of the latest imports that changed anything, newest first."""
    from import_pipeline.ledger import jobs

    zone = ZoneInfo(visit.account.timezone)
    with visit.gate.ledger.read() as conn:
        rows = jobs.listing(conn, visit.account.name, "applied", limit=_RECENT)
    return [(row.id, f"{_local(row.finished_at or row.created_at, zone)} · {row.name} · {row.object_type}") for row in rows]


def _local(at: datetime, zone: ZoneInfo) -> str:
    return f"{at.astimezone(zone):%Y-%m-%d %H:%M}"
