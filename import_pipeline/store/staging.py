"""Parquet between the stages: one folder per delivery, object type and stage, replaced as a whole.

Belongs here: the columns that every stage passes on, and how a stage's folder is written and read.
Does not belong here: what a stage computes; the ledger; DuckDB.

Layout: <staging>/<account>/<delivery>/<type slug>/<stage>/ with `rows-00000.parquet …`, `errors-00000.parquet …`, other named
parts, and `report.json`. Parts are numbered in row order. A folder is written under a temporary name and renamed when complete,
so a stage that is run again replaces its own and gives the same bytes; a folder without `report.json` does not exist.
"""

import json
import os
import shutil
from collections.abc import Iterable, Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import Any

import polars as pl

from import_pipeline.failures import PermanentFailure

JOB, LINE, END, POS = "_job", "_line", "_end", "_pos"
LINEAGE: dict[str, pl.DataType] = {JOB: pl.Int32(), LINE: pl.Int64(), END: pl.Int64(), POS: pl.Int64()}
"""Every row carries them from the first statement on: the job's number in the delivery, first and last physical line (1-based; a
sheet's row for XLSX), and the record's 0-based position among all records of its file, refused ones included."""
ERRORS: dict[str, pl.DataType] = {
    JOB: pl.Int32(),
    LINE: pl.Int64(),
    END: pl.Int64(),
    "code": pl.String(),
    "severity": pl.String(),
    "column": pl.String(),
    "value": pl.String(),
    "expected": pl.String(),
    "suggestion": pl.String(),
}
"""Row errors, one per finding; `column` is the column's key, null when the row as a whole is meant."""
LINKS: dict[str, pl.DataType] = {JOB: pl.Int32(), POS: pl.Int64(), LINE: pl.Int64(), "of_job": pl.String(), "of_line": pl.Int64()}
"""Rows that were sent again, in the part `links` of the parsed stage: which refused line of which job each of them mends, as the row
itself says. Refused rows have theirs too: they fail again. A delivery without such rows has no such part."""
PART_ROWS = 122_880
"""Rows of a part, about: judged at once, which is where pandera is fast (reference/performance.md section 4)."""


class StageWriter:
    """Collects the parts of one stage in a temporary folder. Made by `StageFolder.writing()`."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder
        self._next: dict[str, int] = {}
        self.rows: dict[str, int] = {}

    def part(self, name: str, frame: pl.DataFrame) -> None:
        """Writes `frame` as the next part of `name` (`rows`, `errors`, …). Empty frames are written only as the first part."""
        number = self._next.get(name, 0)
        if frame.is_empty() and number:
            return
        self._next[name] = number + 1
        self.rows[name] = self.rows.get(name, 0) + frame.height
        frame.write_parquet(self.folder / f"{name}-{number:05d}.parquet", compression="lz4", statistics=False)

    def mark(self) -> tuple[dict[str, int], dict[str, int]]:
        """Where the writer stands, for `rewind`."""
        return dict(self._next), dict(self.rows)

    def rewind(self, mark: tuple[dict[str, int], dict[str, int]]) -> None:
        """Removes every part written since `mark`: a file that proves unusable at its end leaves nothing."""
        for name, number in self._next.items():
            for written in range(mark[0].get(name, 0), number):
                (self.folder / f"{name}-{written:05d}.parquet").unlink()
        self._next, self.rows = dict(mark[0]), dict(mark[1])

    def report(self, content: dict[str, Any]) -> None:
        """Writes report.json, the last file of a stage: counts and notices as plain JSON."""
        (self.folder / "report.json").write_text(json.dumps(content, ensure_ascii=False, indent=1, default=str, sort_keys=True))


class StageFolder:
    """One stage of one object type of one delivery."""

    def __init__(self, path: Path) -> None:
        self.path = path

    @contextmanager
    def writing(self) -> Iterator[StageWriter]:
        """A writer on an empty temporary folder beside this one; on success it replaces this folder, on an exception it goes."""
        self.path.parent.mkdir(parents=True, exist_ok=True)
        temporary = self.path.with_name(f".{self.path.name}.{os.getpid()}.writing")
        shutil.rmtree(temporary, ignore_errors=True)
        temporary.mkdir()
        try:
            writer = StageWriter(temporary)
            yield writer
            if not (temporary / "report.json").exists():
                raise PermanentFailure(f"stage {self.path} ended without a report")
            shutil.rmtree(self.path, ignore_errors=True)
            temporary.rename(self.path)
        finally:
            shutil.rmtree(temporary, ignore_errors=True)

    @property
    def exists(self) -> bool:
        """True when the stage is complete."""
        return (self.path / "report.json").exists()

    def parts(self, name: str = "rows") -> list[Path]:
        """The part files of `name` in row order."""
        return sorted(self.path.glob(f"{name}-*.parquet"))

    def frames(self, name: str = "rows") -> Iterator[pl.DataFrame]:
        """The parts of `name`, one after the other."""
        for part in self.parts(name):
            yield pl.read_parquet(part)

    def read(self, name: str = "rows") -> pl.DataFrame:
        """All parts of `name` as one frame; for what is known to be small (errors, samples), tests and plans."""
        parts = self.parts(name)
        return pl.concat([pl.read_parquet(p) for p in parts]) if parts else pl.DataFrame()

    def load_report(self) -> dict[str, Any]:
        """report.json of this stage; raises PermanentFailure when the stage has not run."""
        if not self.exists:
            raise PermanentFailure(f"the stage {self.path.name} has not run for this delivery; run it first ({self.path})")
        content: dict[str, Any] = json.loads((self.path / "report.json").read_text())
        return content


class DeliveryStaging:
    """All stage folders of one delivery."""

    def __init__(self, staging: Path, account: str, delivery: str) -> None:
        self.path = staging / account / delivery

    def stage(self, type_slug: str, stage: str) -> StageFolder:
        """The folder of one stage (`parsed`, `validated`, `related`, `applied`) of one object type."""
        return StageFolder(self.path / type_slug / stage)


def error_frame(rows: list[dict[str, Any]]) -> pl.DataFrame:
    """Row errors given as dicts, in the columns of ERRORS; for findings that are few by nature."""
    return pl.DataFrame(rows, schema=ERRORS)


def scan_errors(stages: Iterable[StageFolder]) -> pl.LazyFrame | None:
    """The findings (ERRORS) that these stages hold; None when they hold none."""
    parts = [part for stage in stages for part in stage.parts("errors")]
    frames = [pl.scan_parquet(part).select(pl.col(name).cast(kind) for name, kind in ERRORS.items()) for part in parts]
    return pl.concat(frames) if frames else None
