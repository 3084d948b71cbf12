"""The failed-rows file: what was refused, as it was sent, with the reasons at the end, ready to be mended and sent again.

Belongs here: copying original rows with reason columns for CSV, JSONL and XLSX. Does not belong here: which rows failed and
why (reasons.py), reading the original (parsing/raw.py).

A row's own bytes are never changed, quoted anew or cut: whoever mends a value finds everything else as it was. A row that was
refused for its structure (cells missing, a quote left open) gets its reasons behind its raw text as it stands.
"""

import codecs
import datetime
import json
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import BinaryIO

import polars as pl
import xlsxwriter

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import REASON_COLUMNS, is_reason
from import_pipeline.model.job import Job, ParsedFile
from import_pipeline.parsing import raw
from import_pipeline.parsing.links import cell_spans, reasons_at_end
from import_pipeline.reporting.mended_rows import Mended, json_members
from import_pipeline.reporting.reasons import FailedRows
from import_pipeline.store.staging import LINE

_BOMS = (codecs.BOM_UTF32_LE, codecs.BOM_UTF32_BE, codecs.BOM_UTF8, codecs.BOM_UTF16_LE, codecs.BOM_UTF16_BE)
"""Byte order marks; those of four bytes first, because one of them begins like a shorter one."""
_CELL_CHARS = 32_767
"""Longest text of an XLSX cell."""
_MADE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
"""Stands in the properties of every workbook, so that the same rows give the same bytes."""


def write_failed(out: BinaryIO, job: Job, parsed: ParsedFile, failed: FailedRows, mended: Mended | None = None) -> None:
    """Writes the failed rows of `job` to `out` in the kind in which they were sent (csv, jsonl, xlsx or kml).

    With `mended` the cells that it names have other texts; every other byte of a row stays (not for KML, whose rows have no cells).
    Rows stream through; a workbook's reader holds its sheet. Raises PermanentFailure for a kind
    without rows and when the original does not hold the failed lines.
    """
    writers = {"csv": _write_csv, "jsonl": _write_jsonl, "xlsx": _write_xlsx, "kml": _write_kml}
    if job.kind not in writers:
        raise PermanentFailure(f"a {job.kind} file has no rows to send back; known kinds: {', '.join(sorted(writers))}")
    writers[job.kind](out, job, parsed, failed, mended or Mended(job.kind, parsed, {}))


def _write_kml(out: BinaryIO, job: Job, parsed: ParsedFile, failed: FailedRows, mended: Mended) -> None:
    from import_pipeline.reporting.failed_placemarks import write_failed_placemarks

    told = {line: text for part in failed.slices() for line, text in part.select(LINE, "errors").iter_rows()}
    write_failed_placemarks(job.path, told, out, job.id)


def _rows(job: Job, parsed: ParsedFile, failed: FailedRows, mended: Mended, texts: Iterator[list[str]]) -> Iterator[tuple[bytes, str]]:
    """Each failed row's bytes, mended where it was, with its text out of `texts` (lists, in the rows' order)."""
    copies = raw.raw_records(job.path, parsed, failed.spans)
    lines = iter(failed.lines[LINE].to_list())
    for batch in texts:
        for text in batch:
            expected = next(lines)
            line, record = next(copies, (None, b""))
            _check_place(job, line, expected)
            yield mended.record(expected, record), text


def _check_place(job: Job, line: int | None, expected: int) -> None:
    """Raises PermanentFailure when the original does not give the failed rows in order: no file is better than a wrong one."""
    if line != expected:
        raise PermanentFailure(f"{job.name}: line {expected} was to be sent back, line {line} was read; is {job.path} whole?")


def _bare(parsed: ParsedFile) -> str:
    """The codec that writes text into the middle of the file: the file's own, without a byte order mark."""
    return (parsed.encoding or "utf-8").removesuffix("-sig")


def _bom(path: Path) -> bytes:
    with path.open("rb") as original:
        start = original.read(4)
    return next((bom for bom in _BOMS if start.startswith(bom)), b"")


def _line_end(parsed: ParsedFile) -> str:
    """The file's line end; where lines end in several ways or the file has one line only, LF."""
    return parsed.line_end if parsed.line_end in ("\n", "\r\n", "\r") else "\n"


def _write_csv(out: BinaryIO, job: Job, parsed: ParsedFile, failed: FailedRows, mended: Mended) -> None:
    encoding = _bare(parsed)
    delimiter, quote = parsed.delimiter or ",", parsed.quote or '"'
    end = _line_end(parsed).encode(encoding)
    earlier = _Earlier.of(parsed)
    bom, header = _bom(job.path), raw.header_bytes(job.path, parsed).removeprefix(_bom(job.path))
    out.write(bom + (earlier.cut(header, encoding, delimiter, quote) if earlier.places else header))
    out.write((delimiter + delimiter.join(REASON_COLUMNS)).encode(encoding) + end)
    texts = (_csv_cells(part, job.id, delimiter, quote) for part in failed.slices())
    for record, text in _rows(job, parsed, failed, mended, texts):
        row = earlier.cut(record, encoding, delimiter, quote) if earlier.places else record
        out.write(row + text.encode(encoding, "replace") + end)


def _csv_cells(part: pl.DataFrame, job_id: str, delimiter: str, quote: str) -> list[str]:
    """The reason cells of each row as CSV text that begins with a delimiter; quoted where they have to be."""
    text = pl.col("errors")
    special = text.str.contains(quote, literal=True) | text.str.contains(delimiter, literal=True)
    cell = pl.when(special).then(quote + text.str.replace_all(quote, quote * 2, literal=True) + quote).otherwise(text)
    cells = pl.concat_str(pl.lit(delimiter + job_id + delimiter), pl.col(LINE), pl.lit(delimiter), cell)
    return part.select(cells).to_series().to_list()


@dataclass(frozen=True)
class _Earlier:
    """Where the cells of earlier reasons stand in a file that was a failed-rows file itself: they make room for the new ones."""

    places: frozenset[int]
    width: int

    @classmethod
    def of(cls, parsed: ParsedFile) -> "_Earlier":
        """Those of a header; none for a file that was never sent back."""
        pairs = enumerate(zip(parsed.header, parsed.keys, strict=False))
        return cls(frozenset(at for at, (cell, key) in pairs if key is None and is_reason(cell)), len(parsed.header))

    @property
    def at_end(self) -> bool:
        """True when all reason columns end the header, as in the file that we sent."""
        return self.places == set(range(self.width - len(REASON_COLUMNS), self.width))

    def cells(self, row: list[str]) -> list[str]:
        """A sheet's row without them; what goes beyond the header stays."""
        held = _filled(row)
        if held > self.width and self.at_end:
            return row[: held - len(REASON_COLUMNS)]
        return [cell for at, cell in enumerate(row[: max(held, self.width)]) if at not in self.places]

    def cut(self, record: bytes, encoding: str, delimiter: str, quote: str) -> bytes:
        """A record's text without them, every other byte as it was.

        A row whose cells do not agree with the header loses the three at its end, where we have put them; without them it stays.
        """
        try:
            text = record.decode(encoding)
        except UnicodeDecodeError:
            return record
        spans = cell_spans(text, delimiter, quote)
        if len(spans) == self.width:
            kept = [text[a:b] for at, (a, b) in enumerate(spans) if at not in self.places]
            return delimiter.join(kept).encode(encoding)
        tail = reasons_at_end(text, delimiter, quote) if self.at_end else None
        return tail[0].encode(encoding) if tail else record


def _write_jsonl(out: BinaryIO, job: Job, parsed: ParsedFile, failed: FailedRows, mended: Mended) -> None:
    encoding = _bare(parsed)
    end = _line_end(parsed).encode(encoding)
    ascii_only = not encoding.startswith("utf")
    own = frozenset(cell for cell, key in zip(parsed.header, parsed.keys, strict=False) if key is not None)
    out.write(_bom(job.path))

    def texts() -> Iterator[list[str]]:
        for part in failed.slices():
            values = part.select(LINE, "errors", "whole").iter_rows()
            yield ["" if whole else _json_keys(job.id, line, errors, ascii_only) for line, errors, whole in values]

    for record, text in _rows(job, parsed, failed, mended, texts()):
        out.write(_spliced(record, text, encoding, own) + end)


def _json_keys(job_id: str, line: int, errors: str, ascii_only: bool) -> str:
    pairs = zip(REASON_COLUMNS, (job_id, line, errors), strict=True)
    return ", ".join(f'"{key}": {json.dumps(value, ensure_ascii=ascii_only)}' for key, value in pairs)


def _spliced(record: bytes, keys: str, encoding: str, own: frozenset[str]) -> bytes:
    """The object as it was sent, the new keys before its closing brace, earlier ones taken out wherever they stand.

    `own` are keys that the object type imports, whatever they are called. What is no object stays as it is.
    """
    if not keys:
        return record
    try:
        text = record.decode(encoding).rstrip()
        members = json_members(text)
    except (UnicodeDecodeError, ValueError, RecursionError):
        return record
    kept = [span for key, span in members if key in own or not is_reason(key)]
    if len(kept) < len(members):
        text = "{" + ",".join(text[a:b] for a, b in kept) + "}"
    body = text.removesuffix("}")
    comma = "" if body.strip() == "{" else ", "
    return (body + comma + keys + "}").encode(encoding)


def _write_xlsx(out: BinaryIO, job: Job, parsed: ParsedFile, failed: FailedRows, mended: Mended) -> None:
    sent_rows = raw.sheet_rows(job.path, failed.lines[LINE].to_list(), parsed)
    earlier = _Earlier.of(parsed)
    header = earlier.cells([*parsed.header])
    book = xlsxwriter.Workbook(out, {"constant_memory": True})
    book.set_properties({"created": _MADE})
    sheet = book.add_worksheet("Failed rows")
    as_text, head = book.add_format({"num_format": "@"}), book.add_format({"num_format": "@", "bold": True})

    def write(row: int, values: list[str], style: object) -> None:
        for place, value in enumerate(values):
            if value:
                sheet.write_string(row, place, value[:_CELL_CHARS], style)

    write(0, [*header, *REASON_COLUMNS], head)
    number = 0
    for part in failed.slices():
        for line, errors, _ in part.iter_rows():
            _check_place(job, line if line in sent_rows else None, line)
            sent = mended.cells(line, sent_rows[line])
            own = earlier.cells(sent)
            number += 1
            write(number, [*own, *[""] * (len(header) - len(own)), job.id, str(line), errors], as_text)
    book.close()


def _filled(cells: list[str]) -> int:
    """How many cells there are up to the last that is not blank: a sheet's reader fills short rows up to the widest."""
    return next((number for number in range(len(cells), 0, -1) if cells[number - 1]), 0)
