"""The refused rows of one job as a sheet that people page through: rows and findings by line, the rows' bytes, their groups.

Belongs here: making the sheet once from the original, and reading some rows of it. Does not belong here: what people change
(ledger/mends.py), pages (gateway/http/desk/mending/), which errors a job has (its staging).

The original may be gigabytes and the refused rows stand anywhere in it: it is read through once, the refused rows are kept beside an
index, and a page reads just its own. A sheet can be made again at any time; those that nobody has opened for KEPT are removed.
"""

import hashlib
import json
import os
import shutil
import time
from collections.abc import Callable, Iterator, Sequence
from dataclasses import asdict, dataclass
from functools import cached_property
from itertools import islice
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.model.job import Job, ParsedFile
from import_pipeline.parsing import raw
from import_pipeline.reporting.groups import group_errors
from import_pipeline.reporting.mended_rows import UNSPLIT, Cell, cells_of
from import_pipeline.reporting.messages import labels_of, row_sentence
from import_pipeline.reporting.reasons import FailedRows
from import_pipeline.store.staging import LINE

KEPT = 7 * 86_400
"""Seconds that a sheet is kept after it was opened last."""
SHEETS = Path("desk") / "mending"
"""Where a home keeps them, account by account."""
_BLOCK = 5_000
_ROWS, _FINDINGS, _RAW, _SHEET = "rows.parquet", "findings.parquet", "rows.bin", "sheet.json"


@dataclass(frozen=True)
class Group:
    """Rows with the same error. `id` names it in addresses; `suggestion` is what all of them should say, where that is known."""

    id: str
    rows: int
    code: str
    column: str | None
    value: str | None
    suggestion: str | None
    sentence: str


@dataclass(frozen=True)
class Finding:
    """One error of a row. `place` is the cell's in the header, None for an error of the whole row."""

    code: str
    place: int | None
    sentence: str
    suggestion: str | None


@dataclass(frozen=True)
class SheetRow:
    """One refused row: its first physical line, its text, its cells (None when it cannot be taken apart), what is wrong."""

    line: int
    text: str
    cells: tuple[Cell, ...] | None
    findings: tuple[Finding, ...]


class Sheet:
    """A sheet that is made. Reading rows of it costs the same however many there are."""

    def __init__(self, folder: Path, job: Job, parsed: ParsedFile) -> None:
        self.folder, self.job, self.parsed = folder, job, parsed

    @cached_property
    def groups(self) -> tuple[Group, ...]:
        """The largest groups of errors, most rows first."""
        told = json.loads((self.folder / _SHEET).read_text())
        return tuple(Group(**one) for one in told["groups"])

    def group(self, group_id: str) -> Group | None:
        """The group of this id."""
        return next((one for one in self.groups if one.id == group_id), None)

    def lines(self, group_id: str = "") -> pl.Series:
        """The first lines of all refused rows, or of those with an error of this group, ascending."""
        if not group_id:
            return pl.read_parquet(self.folder / _ROWS, columns=[LINE])[LINE]
        found = pl.scan_parquet(self.folder / _FINDINGS).filter(pl.col("group") == group_id).select(pl.col(LINE).unique().sort())
        return found.collect()[LINE]

    def count_left(self, gone: pl.Series) -> dict[str, int]:
        """How many rows of each group are not among `gone`, by the group's id."""
        if gone.is_empty():
            return {one.id: one.rows for one in self.groups}
        found = pl.scan_parquet(self.folder / _FINDINGS).filter(pl.col("group").is_not_null()).select(LINE, "group")
        left = found.join(gone.alias(LINE).to_frame().lazy(), on=LINE, how="anti")
        counted = left.group_by("group").agg(pl.col(LINE).n_unique()).collect()
        return dict.fromkeys((one.id for one in self.groups), 0) | dict(counted.iter_rows())

    def rows(self, lines: Sequence[int]) -> list[SheetRow]:
        """These rows, by line; those that are not refused rows are left out."""
        if not lines:
            return []
        near = pl.col(LINE).is_between(min(lines), max(lines)) & pl.col(LINE).is_in(list(lines))
        rows = pl.scan_parquet(self.folder / _ROWS).filter(near).collect()
        found = pl.scan_parquet(self.folder / _FINDINGS).filter(near).collect()
        by_line: dict[int, list[dict[str, Any]]] = {}
        for one in found.iter_rows(named=True):
            by_line.setdefault(one[LINE], []).append(one)
        with (self.folder / _RAW).open("rb") as kept:
            return [self._row(kept, one, by_line.get(one[LINE], [])) for one in rows.iter_rows(named=True)]

    def place_of(self, column: str | None) -> int | None:
        """Where a column's cell stands in the header."""
        return self.parsed.keys.index(column) if column is not None and column in self.parsed.keys else None

    def failed(self, errors: pl.DataFrame, lines: Sequence[int]) -> FailedRows:
        """These rows, for writing them into a file."""
        found = FailedRows.of(errors, labels_of(self.parsed))
        here = pl.col(LINE).is_in(pl.Series(lines, dtype=pl.Int64).implode())
        return FailedRows(found.lines.filter(here), found.findings.filter(here), found.labels)

    def _row(self, kept: Any, row: dict[str, Any], found: list[dict[str, Any]]) -> SheetRow:
        kept.seek(row["offset"])
        record: bytes = kept.read(row["length"])
        whole = any(one["code"] in UNSPLIT for one in found)
        cells = None if whole else cells_of(self.job.kind, self.parsed, record)
        findings = [Finding(one["code"], self.place_of(one["column"]), one["sentence"], one["suggestion"]) for one in found]
        return SheetRow(row[LINE], self._text(record), tuple(cells) if cells is not None else None, tuple(findings))

    def _text(self, record: bytes) -> str:
        if self.job.kind == "xlsx":
            return "\t".join(json.loads(record))
        return record.decode((self.parsed.encoding or "utf-8").removesuffix("-sig"), "replace")


def open_sheet(parent: Path, job: Job, parsed: ParsedFile, errors: Callable[[], pl.DataFrame], stamp: str) -> Sheet:
    """The job's sheet below `parent`, made when it is not there. `errors` gives the job's findings (columns of ERRORS); `stamp` names
    their state, and another state makes another sheet.

    Raises OSError as the machine does, PermanentFailure for an original that cannot be read.
    """
    folder = parent / f"{job.id}-{hashlib.sha256(stamp.encode()).hexdigest()[:16]}"
    if not (folder / _SHEET).exists():
        _make(folder, job, parsed, errors())
    os.utime(folder / _SHEET)
    return Sheet(folder, job, parsed)


def _make(folder: Path, job: Job, parsed: ParsedFile, errors: pl.DataFrame) -> None:
    folder.parent.mkdir(parents=True, exist_ok=True)
    _sweep(folder.parent, job.id, keep=folder.name)
    temporary = folder.with_name(f".{folder.name}.{time.monotonic_ns()}")
    temporary.mkdir()
    try:
        failed = FailedRows.of(errors.sort(LINE, "column", "code"), labels_of(parsed))
        _write_rows(temporary, job, parsed, failed)
        groups = _groups(failed, labels_of(parsed))
        told = failed.findings.with_columns(row_sentence(failed.labels).alias("sentence"))
        grouped = _with_groups(told, groups).sort(LINE, maintain_order=True)
        grouped.write_parquet(temporary / _FINDINGS, row_group_size=20_000, statistics=True)
        shown = [asdict(group) for group, _ in groups]
        (temporary / _SHEET).write_text(json.dumps({"groups": shown}, ensure_ascii=False))
        if folder.exists() and not (folder / _SHEET).exists():
            # What a sweeper that died has left.
            shutil.rmtree(folder)
        if not folder.exists():
            temporary.rename(folder)
    except OSError:
        if not (folder / _SHEET).exists():
            raise
    finally:
        shutil.rmtree(temporary, ignore_errors=True)


def _write_rows(folder: Path, job: Job, parsed: ParsedFile, failed: FailedRows) -> None:
    """The bytes of the rows one after the other, and where each stands."""
    offsets: list[int] = []
    lengths: list[int] = []
    at = 0
    with (folder / _RAW).open("wb", buffering=1 << 20) as out:
        records = _records(job, parsed, failed)
        while block := list(islice(records, _BLOCK)):
            for record in block:
                offsets.append(at)
                lengths.append(len(record))
                at += len(record)
            out.write(b"".join(block))
    index = failed.lines.head(len(offsets)).with_columns(
        pl.Series("offset", offsets, dtype=pl.Int64), pl.Series("length", lengths, dtype=pl.Int64)
    )
    index.write_parquet(folder / _ROWS, row_group_size=20_000, statistics=True)


def _records(job: Job, parsed: ParsedFile, failed: FailedRows) -> Iterator[bytes]:
    if job.kind == "xlsx":
        rows = raw.sheet_rows(job.path, failed.lines[LINE].to_list(), parsed)
        return (json.dumps(rows.get(line, []), ensure_ascii=False).encode() for line in failed.lines[LINE].to_list())
    return (record for _, record in raw.raw_records(job.path, parsed, failed.spans))


def _groups(failed: FailedRows, labels: dict[str, str]) -> list[tuple[Group, dict[str, Any]]]:
    if failed.findings.is_empty():
        return []
    frame = group_errors(failed.findings.with_columns(pl.lit("error").alias("severity")), labels=labels).frame
    found = []
    for one in frame.iter_rows(named=True):
        single = one["values"] == 1
        key = json.dumps([one["code"], one["column"], one["value"], single])
        group_id = hashlib.sha256(key.encode()).hexdigest()[:10]
        suggestion = one["suggestion"] if single else None
        sentence = one["sentence"].split(": ", 1)[1]
        found.append((Group(group_id, one["rows"], one["code"], one["column"], one["value"], suggestion, sentence), one))
    return found


def _with_groups(findings: pl.DataFrame, groups: list[tuple[Group, dict[str, Any]]]) -> pl.DataFrame:
    """`findings` with the column `group`: that of their own value, else that of their code and column, null for what is told nowhere."""
    text = pl.String()
    single = [(g.code, g.column, g.value, g.id) for g, told in groups if told["values"] == 1]
    merged = [(g.code, g.column, g.id) for g, told in groups if told["values"] > 1]
    own = pl.DataFrame(single, schema={"code": text, "column": text, "value": text, "own": text}, orient="row")
    other = pl.DataFrame(merged, schema={"code": text, "column": text, "other": text}, orient="row")
    joined = findings.join(own, on=["code", "column", "value"], how="left", nulls_equal=True, maintain_order="left")
    joined = joined.join(other, on=["code", "column"], how="left", nulls_equal=True, maintain_order="left")
    return joined.with_columns(pl.coalesce("own", "other").alias("group")).drop("own", "other")


def sweep(home: Path) -> int:
    """Removes the sheets below a home that nobody has opened for KEPT, with the folders of makers that died; how many."""
    parent = home / SHEETS
    return sum(_sweep(account, "") for account in parent.iterdir() if account.is_dir()) if parent.is_dir() else 0


def _sweep(parent: Path, job_id: str, keep: str = "") -> int:
    """Removes sheets of this job's other states but `keep`, which another request may just have made, and those long unopened; how many."""
    over, removed = time.time() - KEPT, 0
    for path in list(parent.iterdir()):
        sheet = path / _SHEET
        old = sheet.stat().st_mtime < over if sheet.exists() else path.stat().st_mtime < over
        if path.name != keep and (old or (job_id and path.name.startswith(f"{job_id}-"))):
            shutil.rmtree(path, ignore_errors=True)
            removed += 1
    return removed
