"""Packages and commit groups: which positions of which files are committed together.

Belongs here: the arithmetic of packages, groups and the staging parts they touch. Does not belong here: SQL that changes the store.
"""

from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path

import polars as pl

from import_pipeline.model.job import GROUP_PACKAGES, PACKAGE_ROWS
from import_pipeline.relating.rows import SEQ_STEP
from import_pipeline.store.staging import JOB, POS

GROUP_WEIGHT = GROUP_PACKAGES * PACKAGE_ROWS
"""What the rows of a commit group may weigh together: as much as GROUP_PACKAGES packages of new records."""
WEIGHTS = {"create": 1.0, "update": 4.0, "delete": 2.0}
"""An update keeps its old version twice until the commit: for the history, and for who reads meanwhile."""
OTHER_WEIGHT = 0.25
"""A row that changes no record leaves its lineage only."""


@dataclass(frozen=True)
class Package:
    """10,000 positions of one job (fewer at its end). `first` and `last` are the `_seq` of its rows.

    `number` counts from 0 in the file; rows of an earlier delivery that were released from waiting have packages -1, -2 ….
    """

    job: str
    number: int
    positions: int
    first: int
    last: int
    weight: float = 0.0
    """What committing it costs, in new records."""

    @property
    def job_number(self) -> int | None:
        """The job's place in its delivery; None for released rows, whose job is of another one."""
        return self.first // SEQ_STEP if self.number >= 0 else None


def commit_groups(packages: Sequence[Package], weight: float = GROUP_WEIGHT) -> Iterator[list[Package]]:
    """Packages in order, gathered until they weigh `weight` together: DuckDB writes few large commits well."""
    group: list[Package] = []
    size = 0.0
    for package in packages:
        group.append(package)
        size += package.weight
        if size >= weight:
            yield group
            group, size = [], 0.0
    if group:
        yield group


def part_ranges(parts: Sequence[Path]) -> list[tuple[Path, int, int]]:
    """(part, first `_seq`, last `_seq`) of each non-empty part; parts are in row order, so first and last row tell."""
    found = []
    for part in parts:
        ends = pl.read_parquet(part, columns=[JOB, POS])
        if ends.height:
            seq = [int(job) * SEQ_STEP + int(pos) for job, pos in (ends.row(0), ends.row(-1))]
            found.append((part, seq[0], seq[1]))
    return found


def touching(ranges: Sequence[tuple[Path, int, int]], first: int, last: int) -> list[Path]:
    """The parts that hold rows with `_seq` from `first` to `last`."""
    return [part for part, low, high in ranges if low <= last and high >= first]
