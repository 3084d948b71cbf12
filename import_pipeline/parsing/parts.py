"""The parts of the `parsed` stage: files gathered in common parts, each file whole or not at all.

Belongs here: aligning columns, gathering, giving up a file that proves unusable at its end. Does not belong here: reading files.
"""

from collections.abc import Sequence

import polars as pl

from import_pipeline.parsing.batch import Batch
from import_pipeline.store.staging import END, ERRORS, JOB, LINE, LINEAGE, PART_ROWS, POS, StageWriter

PART_BYTES = 96 << 20
"""A part is written when it holds this much, however few its rows are: wide rows must not cost memory without bound."""


class Parts:
    """Takes the batches of one file after the other. `columns` is the order in which columns stand; those that occur are written."""

    def __init__(self, writer: StageWriter, order: Sequence[str], known: set[str]) -> None:
        self.writer, self.order, self.known = writer, order, set(known)
        self._rows: list[pl.DataFrame] = []
        self._errors: list[pl.DataFrame] = []
        self._file_rows: list[pl.DataFrame] = []
        self._file_errors: list[pl.DataFrame] = []
        self._mark: tuple[dict[str, int], dict[str, int]] | None = None
        self._columns_at_start = self.columns

    @property
    def columns(self) -> list[str]:
        """The columns of the parts, without lineage."""
        return [key for key in self.order if key in self.known]

    def add(self, job: int, batch: Batch) -> None:
        """Takes a batch of the present file."""
        if batch.frame.height:
            self.known |= set(batch.frame.columns)
            lines = [pl.Series(name, values) for name, values in ((LINE, batch.line), (END, batch.end), (POS, batch.pos))]
            self._file_rows.append(batch.frame.with_columns(pl.lit(job, dtype=pl.Int32).alias(JOB), *lines))
        if batch.errors.height:
            self._file_errors.append(batch.errors.with_columns(pl.lit(job, dtype=pl.Int32).alias(JOB)).select(list(ERRORS)))
        if _full(self._file_rows) or _full(self._file_errors):
            if self._mark is None:
                self._write(self._rows, self._errors)
                self._mark = self.writer.mark()
            self._write(self._file_rows, self._file_errors)

    def keep(self) -> None:
        """The present file is complete and good."""
        self._mark = None
        self._rows += self._file_rows
        self._errors += self._file_errors
        self._file_rows, self._file_errors = [], []
        if _full(self._rows) or _full(self._errors):
            self._write(self._rows, self._errors)

    def give_up(self) -> None:
        """The present file is refused: nothing of it stays."""
        if self._mark is not None:
            self.writer.rewind(self._mark)
        self._mark = None
        self._file_rows, self._file_errors = [], []

    def close(self) -> None:
        """Writes what is left, at least one part of each, and gives earlier parts the columns that later files brought."""
        self._write(self._rows, self._errors, always=True)
        if self.columns != self._columns_at_start:
            for path in sorted(self.writer.folder.glob("rows-*.parquet")):
                part = pl.read_parquet(path)
                if part.width < len(self.columns) + len(LINEAGE):
                    self._aligned([part]).write_parquet(path, compression="lz4", statistics=False)

    def _write(self, rows: list[pl.DataFrame], errors: list[pl.DataFrame], *, always: bool = False) -> None:
        if rows or always:
            self.writer.part("rows", self._aligned(rows))
        if errors or always:
            self.writer.part("errors", pl.concat(errors) if errors else pl.DataFrame(schema=ERRORS))
        rows.clear()
        errors.clear()

    def _aligned(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        schema = LINEAGE | dict.fromkeys(self.columns, pl.String())
        whole = [frame if set(frame.columns) == set(schema) else _with_nulls(frame, schema) for frame in frames]
        if not whole:
            return pl.DataFrame(schema=schema)
        return pl.concat([frame.select(list(schema)) for frame in whole], rechunk=len(whole) > 16)


def _with_nulls(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return frame.with_columns(pl.lit(None, dtype=kind).alias(key) for key, kind in schema.items() if key not in frame.columns)


def _full(frames: list[pl.DataFrame]) -> bool:
    return sum(f.height for f in frames) >= PART_ROWS or sum(f.estimated_size() for f in frames) >= PART_BYTES
