"""The parts of the `parsed` stage: files gathered in common parts, each file whole or not at all.

Belongs here: aligning columns, gathering, giving up a file that proves unusable at its end. Does not belong here: reading files.
"""

from collections.abc import Sequence

import polars as pl

from import_pipeline.parsing.batch import Batch
from import_pipeline.store.staging import END, ERRORS, JOB, LINE, LINEAGE, LINKS, PART_ROWS, POS, StageWriter

PART_BYTES = 96 << 20
"""A part is written when it holds this much, however few its rows are: wide rows must not cost memory without bound."""


class _Gathered:
    """Frames that wait to be written together, with their size kept up to date."""

    def __init__(self) -> None:
        self.frames: list[pl.DataFrame] = []
        self._rows = 0
        self._bytes = 0.0

    def add(self, frame: pl.DataFrame) -> None:
        """Takes one more frame."""
        self.frames.append(frame)
        self._rows += frame.height
        self._bytes += frame.estimated_size()

    def take(self) -> list[pl.DataFrame]:
        """All frames; none are left."""
        frames = self.frames
        self.frames, self._rows, self._bytes = [], 0, 0.0
        return frames

    @property
    def full(self) -> bool:
        """True when it is time to write."""
        return self._rows >= PART_ROWS or self._bytes >= PART_BYTES


class _Sheaf:
    """Rows, errors and links that wait to be written."""

    def __init__(self) -> None:
        self.rows, self.errors, self.links = _Gathered(), _Gathered(), _Gathered()

    @property
    def full(self) -> bool:
        """True when it is time to write one of them."""
        return self.rows.full or self.errors.full

    def take_over(self, other: "_Sheaf") -> None:
        """Adds what the other holds."""
        for frame in other.rows.frames:
            self.rows.add(frame)
        for frame in other.errors.frames:
            self.errors.add(frame)
        for frame in other.links.frames:
            self.links.add(frame)


class Parts:
    """Takes the batches of one file after the other. `columns` is the order in which columns stand; those that occur are written."""

    def __init__(self, writer: StageWriter, order: Sequence[str], known: set[str]) -> None:
        self.writer, self.order, self.known = writer, order, set(known)
        self._kept, self._file = _Sheaf(), _Sheaf()
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
            jobs = pl.Series(JOB, [job], dtype=pl.Int32).new_from_index(0, batch.frame.height)
            self._file.rows.add(batch.frame.hstack([jobs, *lines]))
        if batch.errors.height:
            self._file.errors.add(batch.errors.with_columns(pl.lit(job, dtype=pl.Int32).alias(JOB)).select(list(ERRORS)))
        if batch.links is not None and batch.links.height:
            self._file.links.add(batch.links.with_columns(pl.lit(job, dtype=pl.Int32).alias(JOB)).select(list(LINKS)))
        if self._file.full:
            if self._mark is None:
                self._write(self._kept)
                self._mark = self.writer.mark()
            self._write(self._file)

    def keep(self) -> None:
        """The present file is complete and good."""
        self._mark = None
        self._kept.take_over(self._file)
        self._file = _Sheaf()
        if self._kept.full:
            self._write(self._kept)

    def give_up(self) -> None:
        """The present file is refused: nothing of it stays."""
        if self._mark is not None:
            self.writer.rewind(self._mark)
        self._mark = None
        self._file = _Sheaf()

    def close(self) -> None:
        """Writes what is left, at least one part of each, and gives earlier parts the columns that later files brought."""
        self._write(self._kept, always=True)
        if self.columns != self._columns_at_start:
            for path in sorted(self.writer.folder.glob("rows-*.parquet")):
                part = pl.read_parquet(path)
                if part.width < len(self.columns) + len(LINEAGE):
                    self._aligned([part]).write_parquet(path, compression="lz4", statistics=False)

    def _write(self, sheaf: _Sheaf, *, always: bool = False) -> None:
        rows, errors, links = sheaf.rows.take(), sheaf.errors.take(), sheaf.links.take()
        if rows or always:
            self.writer.part("rows", self._aligned(rows))
        if errors or always:
            self.writer.part("errors", pl.concat(errors) if errors else pl.DataFrame(schema=ERRORS))
        if links:
            self.writer.part("links", pl.concat(links))

    def _aligned(self, frames: list[pl.DataFrame]) -> pl.DataFrame:
        schema = LINEAGE | dict.fromkeys(self.columns, pl.String())
        whole = [frame if set(frame.columns) == set(schema) else _with_nulls(frame, schema) for frame in frames]
        if not whole:
            return pl.DataFrame(schema=schema)
        ordered = [pl.DataFrame([frame.get_column(key) for key in schema]) for frame in whole]
        return pl.concat(ordered, rechunk=len(ordered) > 16)


def _with_nulls(frame: pl.DataFrame, schema: dict[str, pl.DataType]) -> pl.DataFrame:
    return frame.with_columns(pl.lit(None, dtype=kind).alias(key) for key, kind in schema.items() if key not in frame.columns)
