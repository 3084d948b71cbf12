"""Looking things up: what a text names, where a record comes from, what became of a line.

Belongs here: the addresses and what their pages are given. Does not belong here: finding it (lineage/). Everything is looked for in the
account of who asks; the record store is opened for moments, and while an import writes to it a page says to try again.
"""

import asyncio
from typing import TYPE_CHECKING, Any

from starlette.responses import Response

from import_pipeline.gateway.http.desk.rendering import page
from import_pipeline.gateway.http.desk.states import state_of
from import_pipeline.gateway.http.desk.visit import Page, Visit
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.ledger import jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.object_type import ObjectType

if TYPE_CHECKING:
    from import_pipeline.lineage.model import RecordLineage, Sources

_LONGEST = 300
_MOST_VERSIONS = 50


async def find(visit: Visit) -> Response:
    """GET /find?q=: everything that the text names."""
    text = visit.query.get("q", "").strip()[:_LONGEST]
    facts = await asyncio.to_thread(_found, visit, text) if text else {"found": None, "records": []}
    return page(visit, "lookup/find", asked=text, may=_may(visit), states=state_of, **facts)


async def record(visit: Visit) -> Response:
    """GET /records/{type}/{record}: a record today, and where each of its values comes from."""
    if not _may(visit):
        raise Refusal(403, "your role may not look at records")
    return page(visit, "lookup/record", **await asyncio.to_thread(_record, visit))


async def line(visit: Visit) -> Response:
    """GET /jobs/{job}/lines/{line}: a line of a file, and what became of it."""
    return page(visit, "lookup/line", may=_may(visit), **await asyncio.to_thread(_line, visit))


def _may(visit: Visit) -> bool:
    """Whether the user may look at records; lines and files are shown to everybody of the account."""
    return visit.can("read") or visit.can("import")


def _sources(visit: Visit) -> "Sources":
    from import_pipeline.lineage.model import Sources

    return Sources(visit.gate.settings, visit.gate.ledger, {visit.account.name: visit.account})


def _found(visit: Visit, text: str) -> dict[str, Any]:
    from import_pipeline.lineage.asking import find_here
    from import_pipeline.lineage.family import refs_of

    found = find_here(_sources(visit), text, visit.account.name, records=_may(visit))
    return {"found": found, "records": [(ref, _slug(visit, ref.object_type)) for ref in refs_of(_sources(visit), found.records)]}


def _record(visit: Visit) -> dict[str, Any]:
    from import_pipeline.lineage.family import family_of, key_of
    from import_pipeline.lineage.records import record_lineage

    sources, object_type = _sources(visit), _type(visit, visit.params["type"])
    key = key_of(sources, visit.account.name, object_type, visit.params["record"])
    told = record_lineage(sources, key) if key else None
    if key is None or told is None:
        raise Refusal(404, f"there is no such record among the {object_type.name} records")
    with visit.gate.ledger.read() as conn:
        known = {job_id: jobs.get(conn, job_id) for job_id in _jobs_of(told)}
    asked = visit.query.get("all", "") == "1"
    versions = told.versions if asked else told.versions[-_MOST_VERSIONS:]
    return {
        "record": told,
        "type": object_type,
        "family": family_of(sources, key),
        "versions": list(reversed(versions)),
        "left_out": len(told.versions) - len(versions),
        "known": known,
        "slugs": {t.name: t.slug for t in visit.account.object_types},
    }


def _jobs_of(record: "RecordLineage") -> set[str]:
    ended = {version.ended_by for version in record.versions if version.ended_by}
    return ended | {version.job for version in record.versions}


def _line(visit: Visit) -> dict[str, Any]:
    from import_pipeline.lineage.files import line_lineage

    job, text = _job(visit), visit.params["line"]
    if not (text.isascii() and text.isdecimal() and len(text) < 16 and int(text)):
        raise Refusal(404, "there is no such line")
    told = line_lineage(_sources(visit), job, int(text))
    slugs = {t.name: t.slug for t in visit.account.object_types}
    since = _came_in(visit, job, told.row.line)
    return {"job": job, "line": told, "asked": int(text), "slugs": slugs, "state": state_of(job), "since": since}


def _came_in(visit: Visit, job: JobRow, line: int) -> str | None:
    """The later import that brought a refused row in, when it was mended and sent again."""
    from import_pipeline.gateway.http.desk.mending.since import came_in_since

    if job.object_type not in visit.account.types_by_name:
        return None
    found = came_in_since(visit.gate, visit.account.object_type(job.object_type), job)
    return next(iter(found.filter(found["line"] == line)["job"]), None)


def _job(visit: Visit) -> JobRow:
    with visit.gate.ledger.read() as conn:
        job = jobs.get(conn, visit.params["job"])
    if job is None or job.account != visit.account.name:
        raise Refusal(404, "there is no such import")
    return job


def _type(visit: Visit, name: str) -> ObjectType:
    found = next((t for t in visit.account.object_types if name in (t.slug, t.name)), None)
    if found is None:
        raise Refusal(404, "there is no such kind of record")
    return found


def _slug(visit: Visit, name: str) -> str:
    return visit.account.object_type(name).slug


PAGES = (
    Page("GET", "/find", find),
    Page("GET", "/records/{type}/{record}", record),
    Page("GET", "/jobs/{job}/lines/{line}", line),
)
