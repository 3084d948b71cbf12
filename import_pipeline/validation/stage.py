"""The `validated` stage of one object type of one delivery: rows of strings to typed rows and row errors.

Belongs here: reading and writing parts, counting per job, halting. Does not belong here: judging a part (judging.py).

A part may hold rows of several jobs, and whether a job is halted is known only when all its rows are judged. So every part is judged
and written; afterwards the parts that hold rows of a halted job are written again without them. One part is in memory at a time.
"""

from collections import Counter, defaultdict
from collections.abc import Callable, Mapping
from pathlib import Path

import polars as pl

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.job import ParsedFile
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.policy import Policy
from import_pipeline.store.staging import ERRORS, JOB, LINEAGE, StageFolder, StageWriter
from import_pipeline.validation.halting import Halt, halt_of, kept_rows
from import_pipeline.validation.judging import PartJudge
from import_pipeline.validation.report import ErrorGroup, JudgedFile, Tally
from import_pipeline.validation.suggestions import Suggestions

Progress = Callable[[int, int], None]
"""Called after each part with the rows judged so far and the rows in all."""


def validate_delivery(
    object_type: ObjectType,
    parsed: StageFolder,
    out: StageFolder,
    policies: Mapping[int, Policy],
    *,
    timezone: str = "UTC",
    strict: bool = False,
    progress: Progress | None = None,
) -> dict[int, JudgedFile]:
    """Judges the rows of `parsed` and writes the stage `out`; what became of each job, by its number.

    `rows` parts: LINEAGE and the typed columns, in the order of the parts read; only good rows of jobs that go on.
    `errors` parts: what was found here (ERRORS); what parsing found stays in `parsed`. A halted job keeps the errors of its bad rows;
    that its good rows were not taken is told in the report alone. report.json: {"jobs": {number: JudgedFile}}.
    `policies` has the policy of every job (acceptance B-13, T-2); with `strict` a file that halts on any error keeps the rows before it.
    `timezone` is that of date-times without an offset.
    Types: Number Float64, with `decimals` Decimal(18, decimals); Currency Decimal; Boolean; Date; DateTime Datetime('us', 'UTC');
    everything else String. Raises PermanentFailure when rows in are not rows out + rows refused, or a policy is missing.
    """
    files = {f.job: f for f in (ParsedFile.model_validate(one) for one in parsed.load_report()["files"])}
    missing = sorted(files.keys() - policies.keys())
    if missing:
        raise PermanentFailure(f"no on_error policy for job {missing[0]} of {object_type.name}")
    with out.writing() as writer:
        run = _Run(object_type, files, writer, timezone)
        for errors in parsed.frames("errors"):
            run.tally.add(errors)
        for path in parsed.parts("rows"):
            run.judge(pl.read_parquet(path))  # by path: a loop over frames would keep the last part while it reads the next
            if progress:
                progress(sum(run.seen.values()), sum(f.read for f in files.values()))
        judged = run.finish(policies, strict=strict)
        writer.report({"jobs": {number: file.model_dump(mode="json") for number, file in judged.items()}})
    return judged


class _Run:
    """The state of one run over the parts: what was seen, refused and written so far."""

    def __init__(self, object_type: ObjectType, files: Mapping[int, ParsedFile], writer: StageWriter, timezone: str) -> None:
        self.object_type, self.files, self.writer, self.timezone = object_type, files, writer, timezone
        self.tally = Tally()
        self.seen: Counter[int] = Counter()
        self.good: Counter[int] = Counter()
        self._suggestions = Suggestions()
        self._judges: dict[tuple[str, ...], PartJudge] = {}
        self._parts: dict[Path, set[int]] = defaultdict(set)
        """Which jobs each written part holds rows of."""

    def judge(self, part: pl.DataFrame) -> None:
        """Judges one part and writes its good rows and its errors. Rows of files refused as a whole are left out."""
        taken = [number for number, file in self.files.items() if not file.fault]
        if not part.get_column(JOB).is_in(taken).all():
            part = part.filter(pl.col(JOB).is_in(taken))
        keys = tuple(name for name in part.columns if name not in LINEAGE)
        if keys not in self._judges:
            self._judges[keys] = PartJudge(self.object_type, keys, self.timezone, self._suggestions)
        judged = self._judges[keys].judge(part)
        self.seen += _by_job(part)
        self.good += _by_job(judged.rows)
        self.tally.add(judged.errors)
        self.writer.part("errors", judged.errors)
        self._write(judged.rows)

    def _write(self, rows: pl.DataFrame) -> None:
        self.writer.part("rows", rows)
        if len(rows):
            newest = max(self.writer.folder.glob("rows-*.parquet"))
            self._parts[newest] = set(rows.get_column(JOB).unique())

    def finish(self, policies: Mapping[int, Policy], *, strict: bool) -> dict[int, JudgedFile]:
        """Decides about every job, takes the rows of halted ones out, and checks that no row was lost."""
        groups, firsts = self.tally.groups(), self.tally.firsts()
        halted: dict[int, Halt] = {}
        for number, file in self.files.items():
            refused = file.rows - self.good[number]
            halt = None if file.fault else halt_of(policies[number], file.rows, refused, firsts.get(number), strict=strict)
            if halt:
                halted[number] = halt
        judged = {number: self._judged(file, halted.get(number), groups.get(number, ())) for number, file in sorted(self.files.items())}
        kept = self._drop(halted)
        judged |= {number: judged[number].model_copy(update={"written": kept[number]}) for number in halted}
        for name, schema in (("rows", LINEAGE), ("errors", ERRORS)):
            if name not in self.writer.rows:
                self.writer.part(name, pl.DataFrame(schema=schema))
        return judged

    def _judged(self, file: ParsedFile, halt: Halt | None, groups: tuple[ErrorGroup, ...]) -> JudgedFile:
        if file.fault:
            return JudgedFile(job=file.job, rows=file.rows, good=0, refused=file.rows, written=0, fault=file.fault, groups=groups)
        seen, good = self.seen[file.job], self.good[file.job]
        if seen != file.read or file.rows != file.read + file.refused:
            counted = f"{file.rows} rows in the file, {file.read} read and {file.refused} refused by parsing, {seen} found"
            raise PermanentFailure(f"rows of job {file.job} of {self.object_type.name} were lost or doubled: {counted}")
        refused = file.rows - good
        halted = halt.reason if halt else None
        return JudgedFile(job=file.job, rows=file.rows, good=good, refused=refused, written=good, halted=halted, groups=groups)

    def _drop(self, halted: Mapping[int, Halt]) -> Counter[int]:
        """Writes the parts that hold rows of these jobs again, without those that do not go on; how many of each job do."""
        kept: Counter[int] = Counter()
        for path, jobs in self._parts.items():
            if jobs & halted.keys():
                rows = pl.read_parquet(path).filter(kept_rows(halted))
                rows.write_parquet(path, compression="lz4", statistics=False)
                kept += _by_job(rows)
        return kept


def _by_job(rows: pl.DataFrame) -> Counter[int]:
    return Counter(dict(rows.group_by(JOB).len().iter_rows()))
