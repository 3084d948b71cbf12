"""Taking an import that was sent to import.service: who sends it, whether its parts are right, booking it as a job with a number.

Belongs here: the rules of the request, each with its text (acceptance E-1 to E-4). Does not belong here: the texts (answers.py),
receiving bytes (uploads.py), what the rows mean (the account's formats and types).
"""

import csv
import io
import json
import re
from dataclasses import dataclass
from datetime import timedelta

from sqlalchemy import Connection

from import_pipeline.gateway.http.engaging_networks.answers import NO_FORMAT, NO_NAME, OTHER_HEADER, UNABLE, Told
from import_pipeline.gateway.http.gate import Gate
from import_pipeline.gateway.http.refusals import Refusal
from import_pipeline.gateway.http.tokens import find_key
from import_pipeline.gateway.http.uploads import Form
from import_pipeline.landing import names
from import_pipeline.landing.submitted import Choice, submit_uploads
from import_pipeline.landing.vault import Stored
from import_pipeline.ledger import http_jobs, meta, segments, uploads
from import_pipeline.ledger.http_jobs import HttpJob
from import_pipeline.ledger.tokens import Token
from import_pipeline.ledger.uploads import Upload
from import_pipeline.model.account import Account
from import_pipeline.model.columns import is_reason
from import_pipeline.model.format import Format
from import_pipeline.model.format_values import with_values
from import_pipeline.model.giving import IMPORT_TRANSACTIONS, SEGMENTS, SUPPORTER, TRANSACTION

DOOR = "engaging_networks"
MOST_BYTES = 20 * 2**20
"""«Files should not exceed 20MB»."""
LONGEST_NAME = 200
_SEGMENT_ID = re.compile(r"[^\x00-\x1f\x7f]{1,64}")
_NUMBER = "engaging_networks/job_number"
_BOM = b"\xef\xbb\xbf"
JOB_TYPES = {SUPPORTER: "User Data Import", TRANSACTION: "Transactional Data Import"}


@dataclass
class Sender:
    """Who sends an import, and which format it has: known once the form is complete, since the token may come after the file."""

    gate: Gate
    address: str
    token: Token | None = None
    account: Account | None = None
    format: Format | None = None

    def check(self, form: Form) -> None:
        """Raises Told with the text of the first thing that is wrong: token, name, format name, header."""
        self._log_in(form.fields.get("token", "").strip())
        assert self.account is not None
        if not form.fields.get("name", "").strip():
            raise Told(NO_NAME, "no name")
        if not _SEGMENT_ID.fullmatch(form.fields.get("segmentId", "").strip() or "-"):
            raise Told(UNABLE, "the segment id is too long, or has control characters")
        candidates = formats_named(self.account, form.fields.get("formatName", ""))
        if not candidates:
            raise Told(NO_FORMAT, "no such format")
        header = header_of(form.head, strict=self.account.strict)
        self.format = next((known for known in candidates if fits(known, header, strict=self.account.strict)), None)
        if self.format is None:
            raise Told(OTHER_HEADER, "another header")

    def _log_in(self, key: str) -> None:
        token = find_key(self.gate.ledger, key, self.gate.clock.now())
        account = self.gate.account(token.account) if token else None
        if token is None or account is None:
            self.gate.book_failure(self.address)
            raise Told(UNABLE, "no valid token")
        self.gate.check_rate(account)
        if not account.doors.http.enabled or DOOR not in account.doors.http.interfaces or "import" not in token.scopes:
            raise Told(UNABLE, "the token may not import here")
        self.token, self.account = token, account


def formats_named(account: Account, name: str) -> list[Format]:
    """The formats that `formatName` may mean, in order: one saved format of supporters, or the layouts of transactional data."""
    wanted = name.strip()
    if wanted == IMPORT_TRANSACTIONS:
        ours = [f for f in account.formats if f.name == wanted or f.name.startswith(f"{wanted} ")]
        return sorted((f for f in ours if f.object_type == TRANSACTION), key=lambda f: f.name)
    return [f for f in account.formats if f.name == wanted and f.object_type == SUPPORTER and f.operation in ("upsert", "append")]


def header_of(head: bytes, *, strict: bool) -> tuple[str, ...]:
    """The cells of the first line as they stand there; none when there is no file. Strict keeps a byte order mark (acceptance E-4)."""
    plain = head if strict else head.removeprefix(_BOM)
    lines = csv.reader(io.StringIO(plain.decode("utf-8", "replace"), newline=""), strict=False)
    try:
        return tuple(next(lines, ()))
    except csv.Error:
        return ()


def fits(known: Format, header: tuple[str, ...], *, strict: bool) -> bool:
    """Whether a file with this header has the format (acceptance E-3): the same cells in the same order.

    The layouts of transactional data are long; unless strict, a file may leave out columns of theirs, but not those they require.
    A file of failed rows that comes back has reason columns at its end, which do not count (acceptance B-1).
    """
    while header and is_reason(header[-1]):
        header = header[:-1]
    stated = tuple(known.columns)
    if strict or known.object_type != TRANSACTION:
        return header == stated
    given = {known.columns.get(cell) for cell in header}
    return bool(header) and len(set(header)) == len(header) and set(header) <= set(stated) and set(known.required) <= given


def book(gate: Gate, sender: Sender, form: Form, stored: Stored) -> int:
    """Books the import as a delivery and gives its job number, in one transaction."""
    token, account, known = sender.token, sender.account, sender.format
    assert token is not None and account is not None and known is not None
    name = form.fields["name"].strip()[:LONGEST_NAME]
    segment = form.fields.get("segmentId", "").strip() if known.object_type == SUPPORTER else ""
    segment_name = form.fields.get("segmentName", "").strip()
    format_name = with_values(known.name, {SEGMENTS: _member(segment)} if segment else {})
    now = gate.clock.now()
    with gate.ledger.begin() as conn:
        number = _next_number(conn, gate)
        upload = Upload(
            id=uploads.new_id(),
            account=account.name,
            door=DOOR,
            ref=f"job/{number}",
            job=None,
            part=None,
            name=_file_name(form.file_name, name),
            sha256=stored.sha256,
            size=stored.size,
            token=token.id,
            created_at=now,
            expires_at=now + timedelta(days=1),
        )
        uploads.book(conn, upload)
        chosen = [Choice(upload, known.object_type, format_name)]
        dry_run = _is_dry(form)
        booked = submit_uploads(conn, gate.ledger, account, gate.settings, chosen, now=now, door=DOOR, dry_run=dry_run)
        http_jobs.create(conn, _job(number, name, booked.key, upload, known, sender))
        if segment and not dry_run:
            segments.name(conn, account.name, segment, segment_name, now=now)
    return number


def _is_dry(form: Form) -> bool:
    """Whether the import is to be planned only (acceptance B-2): a field of ours beside the documented ones."""
    return form.fields.get("dryRun", "").strip().lower() in ("true", "y", "1")


def _job(number: int, name: str, delivery: str, upload: Upload, known: Format, sender: Sender) -> HttpJob:
    assert sender.token is not None
    return HttpJob(
        id=f"en{number}",
        account=upload.account,
        door=DOOR,
        type=JOB_TYPES.get(known.object_type, "User Data Import"),
        name=name,
        requester=sender.token.owner,
        output_format="",
        mailto=sender.token.owner,
        file_ref=upload.ref,
        params=None,
        format=known.name,
        token=sender.token.id,
        delivery=delivery,
        status="PENDING",
        created_at=upload.created_at,
    )


def _member(segment: str) -> str:
    """The membership as the field of a supporter holds it (parsing/gathering.py)."""
    return json.dumps({segment: "Y"}, ensure_ascii=False, separators=(",", ":"))


def number_of(job: HttpJob) -> int:
    """The number of a job as people see it."""
    return int(job.id.removeprefix("en"))


def _next_number(conn: Connection, gate: Gate) -> int:
    number = int(meta.read(conn, _NUMBER) or 0) + 1
    meta.write(conn, _NUMBER, number, now=gate.clock.now())
    return number


def _file_name(given: str, name: str) -> str:
    """What receipts and letters call the file: its own name, always that of a CSV file."""
    shown = names.display((given or name).replace("/", "_").encode("utf-8", "surrogateescape"))
    return shown if shown.lower().endswith(".csv") else f"{shown}.csv"


def refused(refusal: Refusal) -> Told:
    """A refusal of the service (too large, too often, damaged) in this interface's words."""
    return Told(UNABLE, f"{refusal.status}")
