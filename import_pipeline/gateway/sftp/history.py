"""The upload history of an account: every upload through the SFTP door and what came of it (acceptance A-10).

Belongs here: joining the audit log with the ledger's arrivals. Does not belong here: writing the log (audit.py), how the history is shown
(cli/uploads.py).

An upload succeeds when a job was made of it; what the job's rows came to is the job's own matter. The log tells what was sent and what
was refused at the door, the ledger what was taken. An upload is the newest one of its path and size before the arrival.
"""

from collections.abc import Collection
from dataclasses import dataclass, replace
from datetime import datetime, timedelta
from typing import Any, Literal

from import_pipeline.gateway.sftp.audit import entries
from import_pipeline.landing import names
from import_pipeline.ledger import Ledger, arrivals
from import_pipeline.ledger.arrivals import FileArrival
from import_pipeline.settings import Settings

Result = Literal["success", "failed", "waiting", "replaced"]
_CLOCKS = timedelta(seconds=2)
"""An upload that looks cut off is booked as an arrival just before the log has it."""


@dataclass(frozen=True)
class UploadRow:
    """One upload. `size` is in bytes, null when nothing was sent. `jobs` are ids, `error` is the reason when `result` is failed."""

    at: datetime
    user: str
    path: str
    size: int | None
    result: Result
    jobs: tuple[str, ...] = ()
    error: str | None = None


def upload_history(settings: Settings, ledger: Ledger, account: str, limit: int | None = None) -> list[UploadRow]:
    """The account's uploads, newest first. As far back as the audit log is kept (audit.py)."""
    logged = [e for e in entries(settings.home / "logs", account) if e["event"] in ("upload", "upload_lost") or _refused_at_the_door(e)]
    with ledger.read() as conn:
        taken: dict[str, list[FileArrival]] = {}
        for arrival in arrivals.of_mailboxes(conn, account):
            taken.setdefault("/" + names.display(names.unpack(arrival.path)), []).append(arrival)
    newest_first = sorted(logged, key=lambda entry: str(entry["at"]), reverse=True)
    newer: set[str] = set()
    rows = []
    for entry in newest_first[:limit]:
        rows.append(_row(entry, taken.get(str(entry.get("path")), []), newer))
        if entry["event"] == "upload":
            newer.add(rows[-1].path)
    return rows


def _refused_at_the_door(entry: dict[str, Any]) -> bool:
    return entry["event"] == "denied" and str(entry.get("reason", "")).startswith("send: ")


def _row(entry: dict[str, Any], taken: list[FileArrival], newer: Collection[str]) -> UploadRow:
    """What came of one upload; `newer` are the paths of later ones, which took its place when nobody had taken it before."""
    sent = UploadRow(datetime.fromisoformat(entry["at"]), str(entry.get("user")), str(entry.get("path")), entry.get("bytes"), "waiting")
    if entry["event"] != "upload":
        return replace(sent, result="failed", error=str(entry.get("reason", "")).removeprefix("send: "))
    since = sent.at - _CLOCKS
    arrival = next((found for found in reversed(taken) if found.size == sent.size and found.arrived_at >= since), None)
    if arrival is None:
        return replace(sent, result="replaced") if sent.path in newer else sent
    # Uploads come newest first: an older one of the same path and size was replaced before anybody took it.
    taken.remove(arrival)
    refused = [job.refused for job in arrival.jobs if job.refused]
    ids = tuple(job.id for job in arrival.jobs)
    if ids and len(refused) < len(ids):
        return replace(sent, result="success", jobs=ids, error=next(iter(refused), None))
    if refused or arrival.state in ("gone", "changed", "skipped"):
        return replace(sent, result="failed", jobs=ids, error=next(iter(refused), arrival.note or f"the file is {arrival.state}"))
    return sent
