"""Excel workbooks as batches of rows: the first sheet whose header fits, each cell as the text its sender saw.

Belongs here: opening workbooks safely, turning typed cells into text. Does not belong here: mending damaged values (damage.py).
"""

import datetime as dt
import re
import zipfile
import zlib
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import numpy as np
import polars as pl
from lxml import etree
from python_calamine import CalamineError, CalamineSheet, CalamineWorkbook, PasswordError

from import_pipeline.model.columns import is_reason
from import_pipeline.model.row_error import Notice
from import_pipeline.parsing import links
from import_pipeline.parsing.batch import Batch, Found, Refused, Task, finding, findings, positions
from import_pipeline.parsing.csv_fast import EXPECTED
from import_pipeline.parsing.damage import BASE_1900, BASE_1904
from import_pipeline.parsing.header import LOOKED_AT, Mapper, check_header, choose, column_notices, no_header
from import_pipeline.store.staging import LINE

MAX_RATIO, MAX_UNPACKED = 200, 200 << 20
"""A workbook that unpacks to more than both limits is a bomb: times its size, and bytes."""
_BATCH = 20_000
_ZIP_FAULTS = (zipfile.BadZipFile, zlib.error, EOFError, NotImplementedError, RuntimeError, ValueError, IndexError, KeyError)
_RELATION = "{http://schemas.openxmlformats.org/officeDocument/2006/relationships}id"
_ERROR_TYPE = re.compile(rb"""\st=["']e["']""")

Cell = Any
ErrorCells = dict[int, dict[int, str]]


class XlsxReader:
    """One workbook. Making it chooses sheet and header; the workbook is opened again for `batches` and never kept in between."""

    def __init__(self, task: Task, map_: Mapper) -> None:
        self.task = task
        check_bomb(task.job.path)
        book = open_book(task.job.path)
        tried: list[str] = []
        top: list[str] = []
        for name in book.sheet_names:
            rows = dict(head_rows(sheet_named(book, name)))
            at = choose(list(rows.values()), map_)
            if at is not None:
                self._take(name, list(rows)[at], tuple(rows[list(rows)[at]]), list(rows)[:at], map_)
                break
            top = top or next(iter(rows.values()), [])
            tried.append(name)
        else:
            raise no_header(task.object_type, top)
        skipped = [n for n in book.sheet_names if n != self.sheet]
        self.found.notices += [
            Notice(code="member_skipped", message=f"the sheet {name!r} was not imported; {self.sheet!r} was") for name in skipped
        ]

    def _take(self, sheet: str, line: int, header: tuple[str, ...], before: list[int], map_: Mapper) -> None:
        mapped = map_(header)
        check_header(header, mapped, line, self.task)
        self.sheet = sheet
        self.found = Found(header_line=line, header=header, keys=mapped.keys)
        # A header that failed for being there again comes back with reasons of its own behind it.
        pairs = enumerate(zip(header, mapped.keys, strict=True))
        self._names = {at: cell.strip() for at, (cell, key) in pairs if key is not None or not is_reason(cell)}
        if before:
            text = f"{len(before)} rows before the header were not imported"
            self.found.notices.append(Notice(code="preamble_skipped", message=text, line=line, rows=len(before)))
        self.found.notices += column_notices(mapped, self.task.object_type, line)

    def batches(self) -> Iterator[Batch]:
        """All rows and row errors in the order of the sheet's rows; `line` is the row's number in the sheet."""
        path = self.task.job.path
        sheet = sheet_named(open_book(path), self.sheet)
        faults = error_cells(path, self.sheet)
        base = BASE_1904 if _dates_from_1904(path) else BASE_1900
        start, blank, position = self.found.header_line or 0, 0, 0
        waiting: list[tuple[int, list[Cell]]] = []
        for number, row in enumerate(sheet.iter_rows(), start=1):
            if number <= start:
                continue
            if all(cell == "" for cell in row) and number not in faults:
                blank += 1
                continue
            waiting.append((number, row))
            if len(waiting) == _BATCH:
                yield self._batch(waiting, faults, position, base)
                position, waiting = position + len(waiting), []
        if waiting:
            yield self._batch(waiting, faults, position, base)
        if blank:
            self.found.notices.append(Notice(code="blank_lines", message=f"{blank} blank rows were skipped", rows=blank))

    def close(self) -> None:
        """Nothing is held."""

    def _batch(self, rows: list[tuple[int, list[Cell]]], faults: ErrorCells, position: int, base: dt.date) -> Batch:
        errors = [error for number, row in rows if (error := self._fault(number, row, faults.get(number, {})))]
        refused = np.array([error[LINE] for error in errors], dtype=np.int64)
        bad = set(refused.tolist())
        good = [(number, row) for number, row in rows if number not in bad]
        cells = {key: [row[at] if at < len(row) else "" for _, row in good] for key, at in self.found.columns().items()}
        line = np.array([number for number, _ in good], dtype=np.int64)
        return Batch(
            pl.DataFrame({key: pl.Series([as_text(v) for v in values], dtype=pl.String) for key, values in cells.items()}),
            line,
            line,
            positions(line, refused, position),
            findings(errors),
            len(errors),
            numeric={key: pl.Series([type(v) in (int, float) for v in values], dtype=pl.Boolean) for key, values in cells.items()},
            date_base=base,
            links=self._links(rows, position),
        )

    def _links(self, rows: list[tuple[int, list[Cell]]], position: int) -> pl.DataFrame | None:
        """The links of all rows, refused ones included; None for a sheet without such columns."""
        places = links.link_places(self.found.header, self.found.keys)
        if places is None:
            return None
        told = [places.of_cells([as_text(cell) for cell in row[: max(places.width, filled(row))]]) for _, row in rows]
        line = np.array([number for number, _ in rows], dtype=np.int64)
        pos = position + np.arange(len(rows), dtype=np.int64)
        return links.links(pos, line, *(links.texts([one[i] for one in told]) for i in (0, 1)))

    def _fault(self, number: int, row: list[Cell], wrong: dict[int, str]) -> dict[str, Any] | None:
        """Why a sheet's row is refused: more cells than the header, the header again, a spreadsheet error in an imported column, a NUL."""
        width = len(self.found.header)
        if (held := filled(row)) > width:
            return finding(number, "field_count", value=f"{held} cells", expected=f"{width} cells, as in the header")
        if all(at < len(row) and isinstance(row[at], str) and row[at].strip() == name for at, name in self._names.items()):
            return finding(number, "header_repeated", expected=EXPECTED["header_repeated"])
        for key, at in self.found.columns().items():
            if at in wrong:
                return finding(number, "cell_error", column=key, value=wrong[at], expected="a value instead of a spreadsheet error")
            if at < len(row) and isinstance(row[at], str) and "\0" in row[at]:
                return finding(number, "nul_byte", column=key, expected="text without NUL bytes")
        return None


def filled(row: list[Cell]) -> int:
    """How many cells there are up to the last that is not blank."""
    return max((i + 1 for i, cell in enumerate(row) if cell != ""), default=0)


def as_text(value: Cell) -> str:
    """A cell as text: whole numbers without a fraction, others as short as is exact, dates in ISO form, true and false."""
    if isinstance(value, str):
        return value
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, float):
        return str(int(value)) if value.is_integer() else repr(value)
    if isinstance(value, dt.timedelta):
        seconds = round(value.total_seconds())
        return f"{seconds // 3600:02d}:{seconds // 60 % 60:02d}:{seconds % 60:02d}"
    if isinstance(value, (dt.date, dt.time)):
        return value.isoformat()
    return str(value)


def check_bomb(path: Path) -> None:
    """Refuses what would unpack to far more than it is, by the sizes in its directory, before anything is unpacked."""
    try:
        with zipfile.ZipFile(path) as archive:
            unpacked = sum(member.file_size for member in archive.infolist())
            packed = max(sum(member.compress_size for member in archive.infolist()), 1)
    except _ZIP_FAULTS:
        return
    if unpacked > MAX_UNPACKED and unpacked > MAX_RATIO * packed:
        raise Refused(
            "archive", f"the workbook unpacks to {unpacked:,} bytes, {unpacked // packed} times its size", expected="a plain workbook"
        )


def open_book(path: Path) -> CalamineWorkbook:
    """The workbook; Refused `unreadable` when it is damaged or protected."""
    try:
        return CalamineWorkbook.from_path(str(path))
    except PasswordError as fault:
        raise Refused("unreadable", "the workbook is protected by a password", expected="a workbook without password") from fault
    except (CalamineError, *_ZIP_FAULTS) as fault:
        raise Refused("unreadable", f"the workbook cannot be read: {fault}", expected="an .xlsx workbook") from fault


def sheet_named(book: CalamineWorkbook, name: str) -> CalamineSheet:
    """One sheet of the workbook; Refused `unreadable` when it is damaged."""
    try:
        return book.get_sheet_by_name(name)
    except (CalamineError, *_ZIP_FAULTS) as fault:
        raise Refused("unreadable", f"the sheet {name!r} cannot be read: {fault}", expected="an .xlsx workbook") from fault


def error_cells(path: Path, sheet: str) -> ErrorCells:
    """Cells that hold a spreadsheet error such as #REF!, as {row number: {column index: error}}; the cell reader calls them empty."""
    try:
        with zipfile.ZipFile(path) as archive:
            member = _member(archive, sheet)
            if member is None or not _holds_errors(archive, member):
                return {}
            with archive.open(member) as stream:
                return _error_positions(stream)
    except (*_ZIP_FAULTS, etree.XMLSyntaxError) as fault:
        raise Refused("unreadable", f"the sheet {sheet!r} cannot be read: {fault}", expected="an .xlsx workbook") from fault


def _member(archive: zipfile.ZipFile, sheet: str) -> str | None:
    """The archive member that holds a sheet; None for other kinds of workbooks."""
    if "xl/workbook.xml" not in archive.namelist():
        return None
    book = _xml(archive.read("xl/workbook.xml"))
    links = _xml(archive.read("xl/_rels/workbook.xml.rels"))
    link = next((s.get(_RELATION) for s in book.iter("{*}sheet") if s.get("name") == sheet), None)
    target = next((r.get("Target") for r in links.iter("{*}Relationship") if r.get("Id") == link), None)
    if target is None:
        return None
    return str(target).removeprefix("/") if str(target).startswith("/") else f"xl/{target}"


def _xml(text: bytes) -> Any:
    return etree.fromstring(text, etree.XMLParser(resolve_entities=False, no_network=True, load_dtd=False))


def _holds_errors(archive: zipfile.ZipFile, member: str) -> bool:
    """A quick look for cells of type `e`, which most sheets do not have."""
    with archive.open(member) as stream:
        tail = b""
        while chunk := stream.read(1 << 20):
            if _ERROR_TYPE.search(tail + chunk):
                return True
            tail = chunk[-8:]
    return False


def _error_positions(stream: Any) -> ErrorCells:
    found: ErrorCells = {}
    row = column = 0
    events = etree.iterparse(stream, events=("start", "end"), resolve_entities=False, no_network=True, load_dtd=False)
    for event, element in events:
        name = etree.QName(element).localname
        if name == "row" and event == "start":
            row, column = int(element.get("r") or row + 1), -1
        elif name == "c" and event == "start":
            column = _column_index(element.get("r")) if element.get("r") else column + 1
        elif name == "c":
            if element.get("t") == "e":
                found.setdefault(row, {})[column] = element.findtext("{*}v") or "an error"
            element.clear()
        elif name == "row":
            element.clear()
    return found


def _column_index(reference: str) -> int:
    """0-based column of a cell reference: B7 gives 1."""
    index = 0
    for letter in reference.rstrip("0123456789"):
        index = index * 26 + ord(letter) - 64
    return index - 1


def _dates_from_1904(path: Path) -> bool:
    """True when the workbook counts days from 1904, which the cell reader does not tell."""
    try:
        with zipfile.ZipFile(path) as archive:
            book = _xml(archive.read("xl/workbook.xml"))
    except (*_ZIP_FAULTS, etree.XMLSyntaxError):
        return False
    return any(element.get("date1904") in ("1", "true") for element in book.iter("{*}workbookPr"))


def head_rows(sheet: CalamineSheet) -> Iterator[tuple[int, list[str]]]:
    """The first rows that hold something, as text without the blank cells at their end, with their numbers."""
    given = 0
    for number, row in enumerate(sheet.iter_rows(), start=1):
        cells = [as_text(cell) for cell in row]
        while cells and not cells[-1].strip():
            cells.pop()
        if cells:
            yield number, cells
            given += 1
        if given == LOOKED_AT:
            return
