"""The good records of a block as a frame: polars for what stands in the text as a record, cell by cell for what it cannot be trusted with.

Belongs here: handing proven rows to polars so that nothing can shift, and checking what comes back. Does not belong here: deciding
which lines are records (csv_regular.py, csv_careful.py).

polars pads short rows, drops a byte order mark, unpacks what looks compressed, and takes every quote for quoting, all in silence. It is
therefore given proven rows only, behind a first row of our own, never text with loose quotes together with quoted cells; what it
returns is counted, and records of several lines are compared.
"""

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

import numpy as np
import polars as pl

from import_pipeline.parsing.batch import Flags, Ints
from import_pipeline.parsing.csv_careful import Record, Shape, split
from import_pipeline.parsing.lines import Lines

_COMPARED = 32
"""Records of several lines that are compared in a block when they went to polars as they stand."""


@dataclass(frozen=True)
class Standing:
    """Records that stand in the text as they are to be read: first and last line of each in order, and how their quotes are meant."""

    first: Ints
    last: Ints
    quoted: Flags
    """Holds quoted cells."""
    loose: Flags
    """Holds a quote that is text."""

    def only(self, which: Flags) -> "Standing":
        """Some of them."""
        return Standing(self.first[which], self.last[which], self.quoted[which], self.loose[which])


class Rows:
    """The good records of a block: those that stand in the text, and those that the careful reader has taken apart."""

    def __init__(self, block: bytes, lines: Lines, standing: Standing, records: Sequence[Record]) -> None:
        self.block, self.lines, self.standing, self.records = block, lines, standing, records

    def spans(self) -> tuple[Ints, Ints]:
        """First and last line of each row in order, 0-based in the block."""
        first = np.concatenate((self.standing.first, _numbers([r.first for r in self.records])))
        last = np.concatenate((self.standing.last, _numbers([r.last for r in self.records])))
        order = np.argsort(first, kind="stable")
        return first[order], last[order]

    def careful(self, shape: Shape, columns: Mapping[str, int]) -> pl.DataFrame:
        """The rows cell by cell. `columns` are the keys of the cells that are kept, with their positions."""
        rows = {r.first: r.cells for r in self.records}
        rows |= {line: self._cells(line, shape) for line in self.standing.first.tolist()}
        return _frame([rows[line] for line in sorted(rows)], columns)

    def fast(self, shape: Shape, columns: Mapping[str, int]) -> pl.DataFrame:
        """The rows by polars; cell by cell when what polars gives is not exactly what was proven."""
        try:
            frame = self._by_polars(shape, columns)
        except (pl.exceptions.PolarsError, OSError):
            frame = None
        return self.careful(shape, columns) if frame is None else frame

    def _by_polars(self, shape: Shape, columns: Mapping[str, int]) -> pl.DataFrame | None:
        """Text with loose quotes is read apart from quoted cells, when a block has both."""
        quoted = self.standing.quoted
        if not self.standing.loose.any() or not (self.records or quoted.any()):
            return self._read(shape, columns, quoting=bool(self.records) or bool(quoted.any()))
        plain = Rows(self.block, self.lines, self.standing.only(~quoted), ())
        other = Rows(self.block, self.lines, self.standing.only(quoted), self.records)
        frames = [plain._read(shape, columns, quoting=False), other._read(shape, columns, quoting=True)]
        if frames[0] is None or frames[1] is None:
            return None
        return pl.concat([frames[0], frames[1]])[np.argsort(np.concatenate((plain.spans()[0], other.spans()[0])), kind="stable")]

    def _read(self, shape: Shape, columns: Mapping[str, int], *, quoting: bool) -> pl.DataFrame | None:
        """All rows in one call; None when polars has not read as many rows as there are, or others."""
        height = len(self.standing.first) + len(self.records)
        if not height:
            return pl.DataFrame(schema=dict.fromkeys(columns, pl.String))
        first_row = b"0" + shape.delimiter * (shape.width - 1) + b"\n"
        names = [str(i) for i in range(shape.width)]
        read = pl.read_csv(
            b"".join((first_row, *self._pieces(shape))),
            has_header=False,
            schema=dict.fromkeys(names, pl.String),
            columns=list(columns.values()),
            separator=shape.delimiter.decode(),
            quote_char='"' if quoting else None,
            empty_string_is_null=False,
        )
        if read.height != height + 1 or read.width != len(columns):
            return None
        frame = read[1:].select(pl.col(names[at]).alias(key) for key, at in columns.items())
        return frame if self._as_read(frame, shape, columns) else None

    def _pieces(self, shape: Shape) -> Iterator[bytes | memoryview]:
        """The rows' text in order: runs of records as they stand, those of the careful reader quoted afresh."""
        block = memoryview(self._with_line_feeds())
        first, last = self.standing.first, self.standing.last
        breaks = np.flatnonzero(first[1:] != last[:-1] + 1) + 1 if len(first) else np.empty(0, dtype=np.int64)
        begin = self.lines.starts[first[np.concatenate(([0], breaks)).astype(np.int64)]] if len(first) else breaks
        end = self.lines.nexts[last[np.append(breaks - 1, len(last) - 1)]] if len(first) else breaks
        pieces: dict[int, bytes | memoryview] = {a: block[a:b] for a, b in zip(begin.tolist(), end.tolist(), strict=True)}
        pieces |= {int(self.lines.starts[r.first]): _quoted(r.cells, shape.delimiter) for r in self.records}
        for place in sorted(pieces):
            yield pieces[place]

    def _with_line_feeds(self) -> bytes:
        """The block, with lone carriage returns at line ends made line feeds: polars knows no others."""
        if not len(self.lines.lone):
            return self.block
        text = np.frombuffer(self.block, dtype=np.uint8).copy()
        text[self.lines.lone] = 10
        return text.tobytes()

    def _as_read(self, frame: pl.DataFrame, shape: Shape, columns: Mapping[str, int]) -> bool:
        """True when polars gave cell for cell what the careful reader gives: for all its records, some others, and the last row.

        Records of several lines are where rows could shift; a shift reaches the last row.
        """
        rows = {r.first: r.cells for r in self.records}
        long = self.standing.first[self.standing.last > self.standing.first]
        some = long[:: max(len(long) // _COMPARED, 1)].tolist() + self.standing.first[-1:].tolist()
        rows |= {line: self._cells(line, shape) for line in some}
        lines = sorted(rows)
        return frame[np.searchsorted(self.spans()[0], _numbers(lines))].equals(_frame([rows[line] for line in lines], columns))

    def _cells(self, line: int, shape: Shape) -> list[bytes]:
        found = split(self.block, self.lines, line, shape.delimiter, final=True)
        return found.cells if isinstance(found, Record) else []


def _numbers(values: Sequence[int]) -> Ints:
    return np.array(values, dtype=np.int64)


def _frame(rows: Sequence[Sequence[bytes]], columns: Mapping[str, int]) -> pl.DataFrame:
    return pl.DataFrame({key: pl.Series([cells[at].decode() for cells in rows], dtype=pl.String) for key, at in columns.items()})


def _quoted(cells: Sequence[bytes], delimiter: bytes) -> bytes:
    return delimiter.join(b'"' + cell.replace(b'"', b'""') + b'"' for cell in cells) + b"\n"
