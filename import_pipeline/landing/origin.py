"""Which job a file comes back from: the id in the reason columns of a failed-rows file that was mended (acceptance B-1).

Belongs here: a cheap look at a file's beginning, when its name alone does not tell what it is. Does not belong here: reading rows
(parsing/), linking them to their job (parsing/links.py, delivering/resubmitting.py).

CSV and JSON lines are looked at for 64 KB. A workbook is opened only when its texts begin with the column's name, as the files that
we send back do and spreadsheets keep it.
"""

import csv
import io
import re
import zipfile
from collections.abc import Callable, Iterable, Iterator, Sequence
from itertools import islice
from pathlib import Path

from import_pipeline.ledger import Ledger, jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.account import Account
from import_pipeline.model.base import fold_name
from import_pipeline.model.columns import REASON_COLUMNS
from import_pipeline.model.job import FileKind

HEAD = 1 << 16
"""Bytes of a text file that are looked at."""
_WORKBOOK_HEAD = 1 << 18
_COLUMN = fold_name(REASON_COLUMNS[0])
_MENTIONED = re.compile(r"import[^0-9a-z]*job", re.IGNORECASE)
_JOB_ID = re.compile(r"[a-z][a-z0-9]{7}")
_MEMBER = re.compile(r'"([^"\\]{1,60})"\s*:\s*"([a-z][a-z0-9]{7})"')
_DELIMITERS = ",;\t|"
_HEADER_AMONG, _ROWS = 30, 100

Origin = Callable[[str], JobRow | None]
"""From a job's id to the job, when it is one of the account."""


def origins(ledger: Ledger, account: Account) -> Origin:
    """The account's jobs by id, whose object types it still has."""
    types = {t.name for t in account.object_types}

    def find(job_id: str) -> JobRow | None:
        with ledger.read() as conn:
            row = jobs.get(conn, job_id)
        return row if row and row.account == account.name and row.object_type in types else None

    return find


def job_named_by(path: Path, kind: FileKind) -> str | None:
    """The id of the job that the first rows of a file name, or None; nothing is raised for files that cannot be read."""
    if kind == "xlsx":
        return _in_workbook(path)
    with path.open("rb") as stream:
        return job_named_in(stream.read(HEAD), kind)


def job_named_in(head: bytes, kind: FileKind) -> str | None:
    """The same for the first bytes of a text file."""
    if kind not in ("csv", "jsonl"):
        return None
    text = _decoded(head)
    if not _MENTIONED.search(text):
        return None
    if kind == "jsonl":
        return next((job for key, job in _MEMBER.findall(text) if fold_name(key) == _COLUMN), None)
    return next((job for delimiter in _DELIMITERS if (job := _in_rows(_cells(text, delimiter)))), None)


def _decoded(head: bytes) -> str:
    """Text good enough to find ASCII words in it."""
    if head[:2] in (b"\xff\xfe", b"\xfe\xff"):
        return head.decode("utf-16", "replace")
    if head.count(0) > len(head) // 4:
        return head.decode("utf-16-le" if head[1::2].count(0) > head[::2].count(0) else "utf-16-be", "replace")
    return head.decode("utf-8-sig", "replace")


def _cells(text: str, delimiter: str) -> Iterator[Sequence[str]]:
    try:
        yield from csv.reader(io.StringIO(text, newline=""), delimiter=delimiter)
    except csv.Error:
        return


def _in_rows(rows: Iterable[Sequence[str]]) -> str | None:
    """The first job's id below the column, whose header is among the first rows."""
    rows = iter(rows)
    for row in islice(rows, _HEADER_AMONG):
        at = next((i for i, cell in enumerate(row) if fold_name(cell) == _COLUMN), None)
        if at is not None:
            cells = (row[at].strip() for row in islice(rows, _ROWS) if at < len(row))
            return next((cell for cell in cells if _JOB_ID.fullmatch(cell)), None)
    return None


def _in_workbook(path: Path) -> str | None:
    from import_pipeline.parsing.batch import Refused
    from import_pipeline.parsing.xlsx import check_bomb, head_rows, open_book, sheet_named

    if not _mentioned(path):
        return None
    try:
        check_bomb(path)
        book = open_book(path)
        found = (_in_rows(cells for _, cells in head_rows(sheet_named(book, name))) for name in book.sheet_names)
        return next((job for job in found if job), None)
    except Refused:
        return None


def _mentioned(path: Path) -> bool:
    """True when the texts of the workbook, or one of its sheets, begin with the column's name."""
    try:
        with zipfile.ZipFile(path) as archive:
            for name in archive.namelist():
                if name == "xl/sharedStrings.xml" or name.startswith("xl/worksheets/"):
                    with archive.open(name) as member:
                        if REASON_COLUMNS[0].encode() in member.read(_WORKBOOK_HEAD):
                            return True
    except (zipfile.BadZipFile, OSError, NotImplementedError, RuntimeError, ValueError, EOFError):
        return False
    return False
