"""The requests of the Engaging Networks door: an import, the form, the jobs of a user, segments, the bulk export.

Belongs here: what a request demands and gives. Does not belong here: checking and booking an import (receiving.py), texts and shapes
(answers.py), reading records (reporting/bulk_export.py).
"""

import asyncio
import os
import re
import secrets
from collections.abc import Callable, Iterator
from datetime import date, datetime, time, timedelta
from pathlib import Path
from typing import Any, BinaryIO
from zoneinfo import ZoneInfo

from starlette.concurrency import iterate_in_threadpool
from starlette.requests import ClientDisconnect, Request
from starlette.responses import JSONResponse, Response, StreamingResponse

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.gateway.http.door import Call
from import_pipeline.gateway.http.engaging_networks import answers
from import_pipeline.gateway.http.engaging_networks.answers import OTHER_HEADER, UNABLE, Told
from import_pipeline.gateway.http.engaging_networks.receiving import DOOR, MOST_BYTES, Sender, book, number_of
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.gateway.http.uploads import receive_form
from import_pipeline.landing.submitted import progress_of
from import_pipeline.ledger import http_jobs, segments

EXPORT_TYPES = ("csv", "xml", "standardcsv", "standardxml")
_BLOCK = 1 << 18
_DAYS = "a day such as 2026-11-20 or 11202026"


async def take(gate: Gate, request: Request) -> Response:
    """POST import.service: one file. The answer is always 200 with a text that tells whether it was taken (acceptance E-1, E-2).

    The token may come behind the file: bytes are taken first, at most MOST_BYTES, and nothing of them is left unless all is right.
    """
    told = request.scope["told"]
    told["route"] = f"{DOOR}:import"
    sender = Sender(gate, request.client.host if request.client else "")
    try:
        await asyncio.to_thread(gate.check_disk, MOST_BYTES)
        form = await receive_form(gate, request, MOST_BYTES, file_field="upload", check=sender.check)
        if form.file is None:
            raise Told(OTHER_HEADER, "no file")
        number = await asyncio.to_thread(book, gate, sender, form, form.file)
    except Told as refused:
        told["refused"] = refused.reason
        return answers.text(refused.text)
    except Refusal as refusal:
        told["refused"] = str(refusal.status)
        return answers.text(UNABLE)
    except (PermanentFailure, TransientFailure, ClientDisconnect) as failure:
        told["refused"] = type(failure).__name__
        return answers.text(UNABLE)
    if sender.token and sender.account:
        told.update(account=sender.account.name, token=sender.token.id)
    return answers.text(answers.taken(number))


async def form(request: Request) -> Response:
    """GET import.jsp: a form for people."""
    request.scope["told"]["route"] = f"{DOOR}:form"
    return answers.page()


async def jobs(call: Call) -> Response:
    """GET jobs: those that the user of this token has asked for, newest first (acceptance E-10)."""

    def look() -> list[dict[str, Any]]:
        with call.gate.ledger.read() as conn:
            found = http_jobs.of_requester(conn, call.account.name, DOOR, call.token.owner)
            return [answers.job_row(job, number_of(job), progress_of(conn, job.delivery), call.account.timezone) for job in found]

    return JSONResponse(await asyncio.to_thread(look))


async def segment_list(call: Call) -> Response:
    """GET segments: ids, names and how many members they have (acceptance E-8)."""

    def look() -> list[dict[str, Any]]:
        from import_pipeline.reporting.segments import members_by_segment

        with call.gate.ledger.read() as conn:
            known = segments.names(conn, call.account.name)
        return answers.segment_rows(known, members_by_segment(call.gate.settings, call.account))

    return JSONResponse(await asyncio.to_thread(look))


async def members(call: Call) -> Response:
    """GET segments/members?segmentId=: its supporters as CSV, in the columns that an import reads back (acceptance E-8)."""
    segment = call.request.query_params.get("segmentId", "")
    path = _temporary(call.gate, "csv")

    def write() -> None:
        from import_pipeline.reporting.segments import write_members

        with call.gate.ledger.read() as conn:
            known = segments.names(conn, call.account.name)
        if segment not in known:
            raise Refusal(404, "there is no segment of this id")
        write_members(call.gate.settings, call.account, segment, path)

    return await _file(write, path, "text/csv; charset=utf-8", "members.csv")


async def export(call: Call) -> Response:
    """GET export.service: transactions created or modified in the days startDate to endDate (acceptance E-11)."""
    given = call.request.query_params
    kind = given.get("type", "csv").strip().lower()
    if kind not in EXPORT_TYPES:
        raise Refusal(400, f"type is one of {', '.join(EXPORT_TYPES)}")
    delimiter = {"\\t": "\t", "tab": "\t"}.get(given.get("delimiter", ",").lower(), given.get("delimiter", ","))
    if not (len(delimiter) == 1 and delimiter.isascii() and (delimiter.isprintable() or delimiter == "\t") and delimiter not in '"' + "'"):
        raise Refusal(400, "delimiter is one character such as , ; | or tab")
    start, end = _range(given.get("startDate"), given.get("endDate"), call)
    segment = given.get("segmentId")
    path = _temporary(call.gate, kind)

    def write() -> None:
        from import_pipeline.reporting.bulk_export import Wanted, write_export

        wanted = Wanted(start=start, end=end, xml=kind.endswith("xml"), standard=kind.startswith("standard"), delimiter=delimiter)
        write_export(call.gate.settings, call.account, wanted, path, segment=segment)

    media = "application/xml" if kind.endswith("xml") else "text/csv; charset=utf-8"
    return await _file(write, path, media, f"export.{'xml' if kind.endswith('xml') else 'csv'}")


async def _file(write: Callable[[], None], path: Path, media: str, name: str) -> Response:
    """The file that `write` makes, streamed. Its name is gone before the first byte is sent: whatever happens then leaves nothing."""

    def made() -> BinaryIO:
        try:
            write()
            return path.open("rb")
        finally:
            path.unlink(missing_ok=True)

    file = await asyncio.to_thread(made)
    headers = {"Content-Length": str(os.fstat(file.fileno()).st_size), "Content-Disposition": f'attachment; filename="{name}"'}
    return StreamingResponse(iterate_in_threadpool(_blocks(file)), media_type=media, headers=headers)


def _blocks(file: BinaryIO) -> Iterator[bytes]:
    with file:
        while block := file.read(_BLOCK):
            yield block


def _temporary(gate: Gate, ending: str) -> Path:
    folder = gate.settings.home / "tmp"
    folder.mkdir(parents=True, exist_ok=True)
    return folder / f"export-{secrets.token_hex(8)}.{ending}"


def _range(first: str | None, last: str | None, call: Call) -> tuple[datetime, datetime]:
    """The moments from the first day's beginning to the last day's end, in the account's time zone; without a last day to this one."""
    zone = ZoneInfo(call.account.timezone)
    if not first:
        raise Refusal(400, f"startDate is needed: {_DAYS}")
    begin = _day(first, "startDate")
    end = _day(last, "endDate") if last else call.gate.clock.now().astimezone(zone).date()
    if end < begin:
        raise Refusal(400, "endDate lies before startDate")
    return datetime.combine(begin, time(), zone), datetime.combine(end, time(), zone) + timedelta(days=1)


def _day(given: str, name: str) -> date:
    """YYYY-MM-DD, or MMDDYYYY."""
    american = re.fullmatch(r"([0-9]{2})([0-9]{2})([0-9]{4})", given)
    try:
        if american:
            found = date(int(american[3]), int(american[1]), int(american[2]))
        elif re.fullmatch(r"[0-9]{4}-[0-9]{2}-[0-9]{2}", given):
            found = date.fromisoformat(given)
        else:
            raise ValueError
    except ValueError:
        raise Refusal(400, f"{name} is {_DAYS}") from None
    if not 1900 <= found.year <= 9000:
        raise Refusal(400, f"{name} is {_DAYS}")
    return found
