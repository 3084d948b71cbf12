"""The files that answer an import, and its original, to be taken home.

Belongs here: finding them below the account's own folders, and sending them so that a browser runs nothing of them. Does not belong
here: what stands in them (reporting/, planning/).
"""

import asyncio
import os
import stat
from pathlib import Path
from typing import BinaryIO

from starlette.responses import Response, StreamingResponse

from import_pipeline.gateway.http.desk.monitor.own import own_job
from import_pipeline.gateway.http.desk.rendering import HEADERS
from import_pipeline.gateway.http.desk.sending import blocks, opened, sent_file
from import_pipeline.gateway.http.desk.visit import Visit
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.landing import tree, vault
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.reporting.names import safe_name

_MEDIA = {
    "original": "application/octet-stream",
    "errors": "text/csv; charset=utf-8",
    "failed": "application/octet-stream",
    "receipt": "application/json",
    "plan.csv": "text/csv; charset=utf-8",
    "plan.html": "text/html; charset=utf-8",
}
_PLAN_PAGE = HEADERS | {
    "content-security-policy": "default-src 'none'; style-src 'unsafe-inline'; base-uri 'none'; form-action 'none'; "
    "frame-ancestors 'none'; sandbox allow-downloads"
}
"""The page of a plan lies where people can write: it may style itself, and nothing else."""


def answer_path(gate: Gate, account: Account, job: JobRow, kind: str) -> Path | None:
    """Where an answer of the job lies; None when there is none, or when it lies outside of the account's folders."""
    if kind == "original":
        return vault.path_of(gate.settings.vault, job.sha256) if job.sha256 else None
    told = {"errors": job.errors_file, "failed": job.failed_file, "receipt": job.receipt, "plan.html": job.plan_file}.get(kind)
    if kind == "plan.csv" and job.plan_file:
        told = job.plan_file.removesuffix("plan.html") + "plan.csv"
    if not told:
        return None
    # A folder on the way may be a link: what it leads to counts.
    path = Path(told)
    folder = path.parent.resolve()
    roots = (tree.root(account, gate.settings), tree.answers(account, gate.settings))
    inside = any(folder.is_relative_to(root.resolve()) for root in roots)
    return folder / path.name if inside else None


def kept(gate: Gate, account: Account, job: JobRow) -> dict[str, int]:
    """Kind → size in bytes, of the answers that are there."""
    found: dict[str, int] = {}
    for kind in _MEDIA:
        path = answer_path(gate, account, job, kind)
        try:
            told = path.lstat() if path else None
        except OSError:
            continue
        if told is not None and stat.S_ISREG(told.st_mode):
            found[kind] = told.st_size
    return found


async def download(visit: Visit) -> Response:
    """GET: one of the files of a job. Plans link to their CSV by its name."""
    job = await asyncio.to_thread(own_job, visit)
    asked = visit.params["kind"]
    kind = "plan.csv" if asked.endswith(".plan.csv") else asked
    if kind not in _MEDIA:
        raise Refusal(404, "there is no such file")
    file, name = await asyncio.to_thread(_opened, visit, job, kind)
    if kind != "plan.html":
        return sent_file(file, safe_name(name), _MEDIA[kind])
    headers = _PLAN_PAGE | {"content-length": str(os.fstat(file.fileno()).st_size)}
    return StreamingResponse(blocks(file), headers=headers, media_type=_MEDIA[kind])


def _opened(visit: Visit, job: JobRow, kind: str) -> tuple[BinaryIO, str]:
    path = answer_path(visit.gate, visit.account, job, kind)
    if path is None:
        raise Refusal(404, "there is no such file for this import")
    try:
        return opened(path), job.name if kind == "original" else path.name
    except FileNotFoundError:
        words = "the original is past its retention" if kind == "original" else "somebody has taken this file away from where it lay"
        raise Refusal(410, words) from None
