"""Rows with some of their cells mended: taking a row apart into the cells that people see, and putting other texts in.

Belongs here: the cells of one row as it was sent, and the same row with a few of them changed. Does not belong here: which rows are sent
again (gateway/http/desk/mending/), the reasons behind them (failed_rows.py), what people changed (ledger/mends.py).

What is not changed keeps its bytes: quotes, blanks, the order of keys. A row that cannot be taken apart with certainty has no cells, and
its text is mended in the failed-rows file itself.
"""

import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cached_property

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import is_reason
from import_pipeline.model.job import FileKind, ParsedFile
from import_pipeline.parsing.links import cell_spans

MENDABLE: tuple[FileKind, ...] = ("csv", "jsonl", "xlsx")
"""Kinds of files whose rows have cells."""
UNSPLIT = frozenset(
    ("field_count", "quote_unclosed", "quote_stray", "quoting", "nul_byte", "header_repeated", "line_too_long", "bad_json", "not_an_object")
)
"""Codes of rows that could not be taken apart into cells."""
LONGEST_CELL = 5_000
"""Characters of a cell that a page lets people change."""
_NUMBER = re.compile(r"-?(0|[1-9]\d*)(\.\d+)?([eE][+-]?\d+)?")
_DECODER = json.JSONDecoder()
_BLANKS, _COLON = re.compile(r"[ \t\r\n]*"), re.compile(r"[ \t\r\n]*:[ \t\r\n]*")


@dataclass(frozen=True)
class Cell:
    """A cell as people see it. One that is not `open` cannot be changed on a page: a list in JSON, or too long."""

    text: str
    open: bool = True


class Mended:
    """What was changed in the rows of one file: `changes` by line, then by the place of the cell in the header, counted from 0."""

    def __init__(self, kind: FileKind, parsed: ParsedFile, changes: Mapping[int, Mapping[int, str]]) -> None:
        self.kind, self.parsed, self.changes = kind, parsed, changes

    @cached_property
    def encoding(self) -> str:
        """The file's own, for text in the middle of it."""
        return (self.parsed.encoding or "utf-8").removesuffix("-sig")

    def record(self, line: int, record: bytes) -> bytes:
        """The row of this line with its changes. Raises PermanentFailure when it cannot be taken apart, or not be written."""
        changes = self.changes.get(line)
        if not changes:
            return record
        text = _decoded(record, self.encoding)
        mended = None if text is None else self._csv(text, changes) if self.kind == "csv" else self._jsonl(text, changes)
        if mended is None:
            raise PermanentFailure(f"line {line} cannot be taken apart into cells; mend it in the failed-rows file")
        return mended.encode(self.encoding)

    def cells(self, line: int, cells: list[str]) -> list[str]:
        """A sheet's row with its changes."""
        changes = self.changes.get(line)
        if not changes:
            return cells
        made = [*cells, *[""] * (max(changes) + 1 - len(cells))]
        for place, text in changes.items():
            made[place] = text
        return made

    def _csv(self, text: str, changes: Mapping[int, str]) -> str | None:
        delimiter, quote = self.parsed.delimiter or ",", self.parsed.quote or '"'
        spans = _csv_spans(text, len(self.parsed.header), delimiter, quote)
        if spans is None:
            return None
        cells = [text[a:b] for a, b in spans]
        for place, new in changes.items():
            cells[place] = _quoted(new, delimiter, quote)
        return delimiter.join(cells)

    def _jsonl(self, text: str, changes: Mapping[int, str]) -> str | None:
        try:
            members = dict(json_members(text.rstrip()))
        except (ValueError, RecursionError):
            return None
        ascii_only = not self.encoding.startswith("utf")
        pieces: dict[tuple[int, int], str] = {}
        added = []
        for place, new in changes.items():
            name = self.parsed.header[place]
            if name in members:
                a, b = _value_span(text, members[name])
                pieces[a, b] = _json_value(text[a:b], new, ascii_only)
            else:
                added.append(f"{json.dumps(name, ensure_ascii=ascii_only)}: {json.dumps(new, ensure_ascii=ascii_only)}")
        end = text.rstrip().rindex("}")
        if added:
            pieces[end, end] = (", " if members else "") + ", ".join(added)
        for (a, b), new in sorted(pieces.items(), reverse=True):
            text = text[:a] + new + text[b:]
        return text


def cells_of(kind: FileKind, parsed: ParsedFile, record: bytes) -> list[Cell] | None:
    """The cells of a row in the order of the header; None when it cannot be taken apart. A sheet's row is JSON, a list of texts."""
    width = len(parsed.header)
    if kind == "xlsx":
        cells: list[str] = json.loads(record)
        if any(cells[width:]):
            return None
        return [_cell(text) for text in [*cells[:width], *[""] * (width - len(cells))]]
    text = _decoded(record, (parsed.encoding or "utf-8").removesuffix("-sig"))
    if text is None:
        return None
    if kind == "jsonl":
        return _json_cells(text, parsed.header)
    quote = parsed.quote or '"'
    spans = _csv_spans(text, width, parsed.delimiter or ",", quote)
    return None if spans is None else [_cell(_bare(text[a:b], quote)) for a, b in spans]


def shown_places(parsed: ParsedFile) -> list[int]:
    """The places of the header's cells that people mend: all but the reasons that a failed-rows file brought along."""
    return [at for at, cell in enumerate(parsed.header) if not (is_reason(cell) and (at >= len(parsed.keys) or parsed.keys[at] is None))]


def check_text(parsed: ParsedFile, text: str) -> None:
    """Raises PermanentFailure for a text that the file cannot hold: characters that its encoding lacks, NUL, too long."""
    if "\0" in text:
        raise PermanentFailure("a cell cannot hold a NUL character")
    if len(text) > LONGEST_CELL:
        raise PermanentFailure(f"the text has {len(text):,} characters; at most {LONGEST_CELL:,} can be saved here")
    encoding = (parsed.encoding or "utf-8").removesuffix("-sig")
    try:
        text.encode(encoding)
    except UnicodeEncodeError as fault:
        raise PermanentFailure(f"the file is written in {encoding}, which has no {text[fault.start]!r}") from None


def json_members(text: str) -> list[tuple[str, tuple[int, int]]]:
    """The keys of an object's text, each with the place of its whole member, blanks before it included.

    Raises ValueError when it is no object.
    """
    found: list[tuple[str, tuple[int, int]]] = []
    place = _BLANKS.match(text).end()  # type: ignore[union-attr]
    if text[place : place + 1] != "{" or not text.endswith("}"):
        raise ValueError("no object")
    while text[place : place + 1] != "}":
        start = place + 1
        place = _BLANKS.match(text, start).end()  # type: ignore[union-attr]
        if text[place : place + 1] == "}" and not found:
            break
        key, place = _DECODER.raw_decode(text, place)
        place = _COLON.match(text, place).end()  # type: ignore[union-attr]
        _, place = _DECODER.raw_decode(text, place)
        found.append((str(key), (start, place)))
        place = _BLANKS.match(text, place).end()  # type: ignore[union-attr]
    return found


def _decoded(record: bytes, encoding: str) -> str | None:
    """The text, where writing it again gives the same bytes."""
    try:
        text = record.decode(encoding)
    except UnicodeDecodeError:
        return None
    return text if text.encode(encoding, "replace") == record else None


def _csv_spans(text: str, width: int, delimiter: str, quote: str) -> list[tuple[int, int]] | None:
    if quote in text:
        spans = cell_spans(text, delimiter, quote)
    else:
        spans, place = [], 0
        for cell in text.split(delimiter):
            spans.append((place, place + len(cell)))
            place += len(cell) + 1
    return spans if len(spans) == width else None


def _bare(cell: str, quote: str) -> str:
    """What a cell means: without the quotes around it. A quote inside an unquoted cell is text."""
    return cell[1:-1].replace(quote * 2, quote) if len(cell) > 1 and cell[0] == cell[-1] == quote else cell


def _quoted(text: str, delimiter: str, quote: str) -> str:
    if any(sign in text for sign in (delimiter, quote, "\n", "\r")):
        return quote + text.replace(quote, quote * 2) + quote
    return text


def _cell(text: str) -> Cell:
    return Cell(text, len(text) <= LONGEST_CELL)


def _json_cells(text: str, header: Sequence[str]) -> list[Cell] | None:
    try:
        text = text.rstrip()
        members = json_members(text)
    except (ValueError, RecursionError):
        return None
    values = {key: text[slice(*_value_span(text, span))] for key, span in members}
    twice = len(values) < len(members)
    nested = {name for name in header if name not in values and any(name.startswith(f"{key}.") for key in values)}
    cells = []
    for name in header:
        value = values.get(name)
        if value is None:
            cells.append(Cell("", not (twice or name in nested)))
        elif value.startswith('"'):
            cells.append(_cell(str(json.loads(value))))
        else:
            cells.append(Cell("" if value == "null" else value, not value.startswith(("[", "{"))))
    return None if twice else cells


def _value_span(text: str, member: tuple[int, int]) -> tuple[int, int]:
    """Where the value of a member stands."""
    start = _BLANKS.match(text, member[0]).end()  # type: ignore[union-attr]
    _, behind = _DECODER.raw_decode(text, start)
    return _COLON.match(text, behind).end(), member[1]  # type: ignore[union-attr]


def _json_value(before: str, new: str, ascii_only: bool) -> str:
    """The new value as JSON, of the kind that the one before had where it can be."""
    if _NUMBER.fullmatch(before) and _NUMBER.fullmatch(new):
        return new
    if before in ("true", "false") and new in ("true", "false"):
        return new
    return json.dumps(new, ensure_ascii=ascii_only)
