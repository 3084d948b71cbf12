"""JSON lines as batches of rows: one object a line, one level of nesting flattened with dots.

Belongs here: reading objects and turning their values into text. Does not belong here: what a key means (model/columns.py).

Each line is read by json.loads with numbers kept as they are written: `12.50` stays `12.50` and long integers stay exact. The vectorised
readers go through floating point numbers, and cannot tell a key that occurs twice; exactness wins over their speed here.
"""

import json
from collections.abc import Collection, Iterator
from dataclasses import replace
from typing import Any, NoReturn

import numpy as np
import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.columns import HeaderMap
from import_pipeline.model.data_objects import BulkFormat
from import_pipeline.model.row_error import Notice
from import_pipeline.parsing import doctor, links
from import_pipeline.parsing.batch import BadLine, Batch, Found, Refused, Task, check_mostly_bad, finding, findings, positions
from import_pipeline.parsing.csv_fast import EXPECTED
from import_pipeline.parsing.data_objects import cells_of, check_operation
from import_pipeline.parsing.gathering import object_text
from import_pipeline.parsing.header import Mapper, column_notices, no_header, unknown_columns
from import_pipeline.parsing.lines import LINE_LIMIT, Blocks, Lines, find_lines, line_end
from import_pipeline.store.staging import LINE

_BLOCK = 4 << 20
_PEEK = 1 << 16


def _pairs(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        twice = next(key for key in keys if keys.count(key) > 1)
        raise BadLine("bad_json", value=twice, expected="every key once in an object")
    return made


def _no_constant(name: str) -> NoReturn:
    raise BadLine("bad_json", value=name, expected="a number, text, true, false or null")


def _decoder() -> json.JSONDecoder:
    return json.JSONDecoder(parse_float=str, parse_int=str, parse_constant=_no_constant, object_pairs_hook=_pairs)


class JsonlReader:
    """One JSONL file. Making it looks at the first lines for keys; `batches` adds what later lines bring to `found`."""

    def __init__(self, task: Task, map_: Mapper, *, block_size: int | None = None) -> None:
        self.task, self.map_, self.block_size = task, map_, block_size or _BLOCK
        copy = task.folder / f"text-{task.job.number}"
        self.text = doctor.prepare(task.job.path, copy, task.format.encoding if task.format else None)
        self.found = Found(encoding=self.text.encoding, notices=list(self.text.notices))
        self.decoder = _decoder()
        self.bulk = task.format if isinstance(task.format, BulkFormat) else None
        self.separators = {c.key: c.spec.separator for c in task.object_type.columns if c.spec.type in ("MultiChoice", "List")}
        self.maps = {spec.name for spec in task.object_type.maps}
        self.entries: dict[str, tuple[str, str]] = {}
        """Gathered keys with their Map field and its key."""
        self.refused_names: set[str] = set()
        """Keys that refuse their row (ObjectType.unknown_columns)."""
        self.names: dict[str, str | None] = {}
        self.cells: dict[str, Any] = {}
        """The object read last, as far as it could be read."""
        self.links = links.KeyedLinks()
        self.rows = self.refused = self.blank = 0
        self.template = False
        self.first_fault = ""
        self._peek()

    def batches(self) -> Iterator[Batch]:
        """All rows and row errors in line order. Raises Refused late for `cut_off`, `mostly_bad`, `no_header`, `header_duplicate`."""
        line, used = 1, 0
        with self.text.path.open("rb") as stream:
            stream.seek(self.text.start)
            blocks = Blocks(stream, self.block_size)
            while blocks.next(used):
                lines = find_lines(blocks.block, blocks.final)
                used = lines.complete
                batch = self._block(blocks.block, lines, line)
                line += len(lines)
                if not blocks.final and len(blocks.block) - used > LINE_LIMIT:
                    batch = self._with_long_line(batch, line)
                    blocks.next(used)
                    blocks.skip_line()
                    used, line = 0, line + 1
                yield batch
        self._finish()

    def close(self) -> None:
        """Removes the transcoded copy, if there is one."""
        if self.text.copied:
            self.text.path.unlink(missing_ok=True)

    def _peek(self) -> None:
        """Learns the keys of the first lines, so that the parts of the delivery have their columns from the start."""
        with self.text.path.open("rb") as stream:
            stream.seek(self.text.start)
            sample = stream.read(_PEEK)
        lines = find_lines(sample, final=len(sample) < _PEEK)
        if len(lines):
            self.found.line_end = line_end(sample, lines, 0)
        for start, end in zip(lines.starts.tolist(), lines.ends.tolist(), strict=True):
            try:
                if sample[start:end].strip():
                    self._row(sample[start:end], 1)
            except (BadLine, Refused):
                continue

    def _block(self, block: bytes, lines: Lines, first_line: int) -> Batch:
        rows: list[dict[str, str | None]] = []
        good: list[int] = []
        errors: list[dict[str, Any]] = []
        last = len(lines) - 1
        for i, (start, end) in enumerate(zip(lines.starts.tolist(), lines.ends.tolist(), strict=True)):
            content = block[start:end]
            if not content.strip():
                self.blank += 1
                continue
            self.cells = {}
            try:
                row = self._row(content, first_line + i)
                if row and not any(row.values()):
                    # An object of nulls is a blank line, as the untouched template has one (acceptance S-15).
                    self.blank, self.template = self.blank + 1, True
                    continue
                rows.append(row)
                good.append(first_line + i)
            except BadLine as fault:
                if fault.code == "bad_json" and lines.open and i == last:
                    raise _cut_off(first_line + i) from fault
                errors.append(finding(first_line + i, fault.code, **fault.more))
                # What refuses the row may stand before the keys that link it.
                self.links.learn({name: self.map_((name,)).keys[0] for name in self.cells if name not in self.names})
            self.links.note(first_line + i, self.cells)
        return self._batch(rows, good, errors)

    def _batch(self, rows: list[dict[str, str | None]], good: list[int], errors: list[dict[str, Any]]) -> Batch:
        known = {self.entries[key][0] if key in self.entries else key for key in self.names.values() if key is not None}
        keys = [c.key for c in self.task.object_type.columns if c.key in known]
        frame = pl.DataFrame({key: pl.Series([row.get(key) for row in rows], dtype=pl.String) for key in keys})
        if frame.width == 0 and rows:
            raise no_header(self.task.object_type, list(self.names))
        line = np.array(good, dtype=np.int64)
        refused = np.array([error[LINE] for error in errors], dtype=np.int64)
        at = positions(line, refused, self.rows)
        batch = Batch(frame, line, line, at, findings(errors), len(errors), links=self.links.take(line, refused, self.rows))
        self.rows += len(rows) + len(errors)
        self.refused += len(errors)
        if errors and not self.first_fault:
            self.first_fault = f"line {errors[0][LINE]}: {errors[0]['code']}"
        return batch

    def _with_long_line(self, batch: Batch, line: int) -> Batch:
        error = findings([finding(line, "line_too_long", expected=EXPECTED["line_too_long"])])
        self.rows, self.refused = self.rows + 1, self.refused + 1
        return replace(batch, errors=pl.concat([batch.errors, error]), refused=batch.refused + 1)

    def _row(self, content: bytes, line: int) -> dict[str, str | None]:
        """The line's values by column key; raises BadLine, and Refused when two of its keys mean the same column."""
        if len(content) > LINE_LIMIT:
            raise BadLine("line_too_long", expected=EXPECTED["line_too_long"])
        value = self._object(content)
        self.cells = cells = _flat(value, self.maps) if self.bulk is None else cells_of(value)
        row: dict[str, str | None] = {}
        maps: dict[str, dict[str, str | None]] = {}
        for name, value in cells.items():
            key = self.names[name] if name in self.names else self._learn(name)
            if key is None:
                if name in self.refused_names:
                    known = ", ".join(self.task.object_type.template_header)
                    raise BadLine("unknown_key", column=name, value=json.dumps(value)[:200], expected=f"one of {known}")
                continue
            if key in self.entries:
                column, entry = self.entries[key]
                entries = maps.setdefault(column, {})
                if entry in entries:
                    raise BadLine("bad_json", value=name, expected="every key once in an object")
                entries[entry] = self._as_text(key, value)
                continue
            if key in row:
                other = next(n for n in cells if self.names[n] == key)
                if self.bulk is not None:
                    raise BadLine("bad_json", value=name, expected=f"either {other!r} or {name!r}: both mean the same")
                raise Refused("header_duplicate", f"the keys {other!r} and {name!r} mean the same", line=line, column=name)
            row[key] = self._as_text(key, value)
        row.update((column, object_text(entries)) for column, entries in maps.items())
        if self.bulk is not None:
            check_operation(self.bulk, self.task.object_type, row)
        if b"\\u" in content:
            _check_characters(row)
        return row

    def _object(self, content: bytes) -> dict[str, Any]:
        try:
            value = self.decoder.decode(content.decode())
        except json.JSONDecodeError as fault:
            near = fault.doc[max(fault.pos - 20, 0) : fault.pos + 20]
            raise BadLine("bad_json", value=near, expected=f"valid JSON; column {fault.colno}: {fault.msg}") from fault
        except RecursionError as fault:
            raise BadLine("bad_json", expected="an object that is not nested without end") from fault
        if not isinstance(value, dict):
            raise BadLine("not_an_object", value=str(value)[:100], expected='an object such as {"Name": "Ann"}')
        return value

    def _learn(self, name: str) -> str | None:
        """Finds the column of a key that is met for the first time, and books it in `found`."""
        mapped: HeaderMap = self.map_((name,))
        self.names[name] = key = mapped.keys[0]
        column = next((field for field in self.maps if key and key.startswith(field + ".")), None)
        if key and column:
            self.entries[key] = column, key[len(column) + 1 :]
        self.links.learn({name: key})
        self.found.header += (name,)
        self.found.keys += (key,)
        if self.task.object_type.unknown_columns == "refuse":
            self.refused_names.update(unknown_columns(mapped, self.task.object_type))
        else:
            self.found.notices += column_notices(mapped, self.task.object_type, None)
        return key

    def _as_text(self, key: str, value: Any) -> str | None:
        if value is None or isinstance(value, str):
            return value
        if isinstance(value, bool):
            return "true" if value else "false"
        if isinstance(value, list) and key in self.separators and all(isinstance(item, str) for item in value):
            return self.separators[key].join(value)
        raise BadLine("nested_value", column=key, value=json.dumps(value)[:200], expected="a single value")

    def _finish(self) -> None:
        if self.bulk is None:
            check_mostly_bad(self.rows, self.refused, self.first_fault)
        if not self.rows and not self.template:
            raise Refused("empty_file", "the file holds no rows")
        if self.blank:
            self.found.notices.append(Notice(code="blank_lines", message=f"{self.blank} blank lines were skipped", rows=self.blank))
        if self.rows < self.refused:
            raise PermanentFailure(f"{self.rows} rows were found, {self.refused} refused")


def _flat(value: dict[str, Any], maps: Collection[str] = ()) -> dict[str, Any]:
    """One level of nesting joined with dots: {"event": {"key": 1}} becomes {"event.key": 1}; an empty object gives nothing.

    An object below it that is one of `maps`, such as `event.fields`, is flattened too.
    """
    flat: dict[str, Any] = {}
    for name, inner in value.items():
        if isinstance(inner, dict):
            for sub, item in inner.items():
                if (joined := f"{name}.{sub}") in flat or joined in value:
                    raise BadLine("bad_json", value=joined, expected="every key once in an object")
                if joined not in maps:
                    flat[joined] = item
                elif isinstance(item, dict):
                    flat.update((f"{joined}.{key}", entry) for key, entry in item.items())
                elif item is not None:
                    raise BadLine("nested_value", column=joined, value=json.dumps(item)[:200], expected="an object")
        elif name not in maps:
            flat[name] = inner
        elif inner is not None:
            raise BadLine("nested_value", column=name, value=json.dumps(inner)[:200], expected="an object")
    return flat


def _check_characters(row: dict[str, str | None]) -> None:
    """Refuses what JSON can write and text cannot hold: NUL, and half of a surrogate pair."""
    for key, value in row.items():
        if value is None:
            continue
        if "\0" in value:
            raise BadLine("nul_byte", column=key, expected=EXPECTED["nul_byte"])
        try:
            value.encode()
        except UnicodeEncodeError as fault:
            raise BadLine("bad_json", column=key, expected="both halves of a surrogate pair such as \\ud83d\\ude00") from fault


def _cut_off(line: int) -> Refused:
    message = f"line {line}, the last one, has no line end and is no whole object: the file looks cut off, nothing was imported"
    return Refused("cut_off", message, line=line, expected="a whole object and a line end")
