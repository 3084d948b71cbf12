"""Halting: a file whose policy does not let it go on after bad rows (acceptance T-2, B-13).

Belongs here: which rows of a halted file are kept, how that is told, and halting a file for what a later stage found. Does not belong
here: the policy (model/policy.py), judging values (judging.py).

Nothing of a halted file goes on. A strict account keeps, of a file that halts on any error, the rows before the first one, as the
document says.
"""

from collections.abc import Mapping
from dataclasses import dataclass

import polars as pl

from import_pipeline.model.policy import Policy, halts
from import_pipeline.store.staging import ERRORS, JOB, LINE, StageFolder
from import_pipeline.validation.report import First, JudgedFile


@dataclass(frozen=True)
class Halt:
    """A file is halted. Rows before the line `keep_before` go on; none when it is None."""

    reason: str
    keep_before: int | None = None


def halt_of(policy: Policy, rows: int, refused: int, first: First | None, *, strict: bool) -> Halt | None:
    """Whether a file with so many refused rows is halted, and what is kept of it."""
    why = halts(policy, rows, refused)
    if why is None:
        return None
    if strict and policy == "halt" and first is not None:
        kept = "the rows before it are imported, no row from there on is"
        return Halt(f"halted on the first error, in {first}; {kept}", first.line)
    return Halt(f"{why}; the first error is in {first}" if first and policy == "halt" else why)


def first_errors(errors: pl.DataFrame) -> dict[int, First]:
    """The first error of each job, by its number; `errors` has the columns of ERRORS."""
    costly = errors.filter(pl.col("severity") == "error").sort(LINE, "column", "code", nulls_last=True)
    found = costly.group_by(JOB, maintain_order=True).first()
    return {row[JOB]: First(row[LINE], row["column"], row["code"]) for row in found.iter_rows(named=True)}


def kept_rows(halted: Mapping[int, Halt]) -> pl.Expr:
    """Which rows go on when these jobs are halted."""
    keep = ~pl.col(JOB).is_in(list(halted))
    for number, halt in halted.items():
        if halt.keep_before is not None:
            keep |= (pl.col(JOB) == number) & (pl.col(LINE) < halt.keep_before)
    return keep


def halt_later(validated: StageFolder, errors: pl.DataFrame, policies: Mapping[int, Policy], *, strict: bool) -> dict[int, JudgedFile]:
    """Halts files for rows that a later stage refused, given as `errors` in the columns of ERRORS; the files that are halted by it.

    The stage `validated` is written again: without the rows that do not go on, with those errors, and with the halt in its report.
    Nothing is written when no file is halted. A file that is halted already stays as it is.
    """
    judged = {int(n): JudgedFile.model_validate(one) for n, one in validated.load_report()["jobs"].items()}
    mine = errors.filter(pl.col(JOB).is_in([n for n in policies if not (judged[n].halted or judged[n].fault)]))
    costly = mine.filter(pl.col("severity") == "error")
    refused = dict(costly.unique([JOB, LINE]).group_by(JOB).len().iter_rows())
    earlier = [(number, file) for number, file in judged.items() if number in refused]
    firsts = first_errors(pl.concat([mine.select(list(ERRORS)), validated.read("errors").cast(dict(ERRORS)).select(list(ERRORS))]))  # type: ignore[arg-type]
    halted = {
        number: halt
        for number, file in earlier
        if (halt := halt_of(policies[number], file.rows, file.refused + refused[number], firsts.get(number), strict=strict))
    }
    if not halted:
        return {}
    written = dict.fromkeys(halted, 0)
    parts, told = list(validated.frames("rows")), list(validated.frames("errors"))
    with validated.writing() as writer:
        for part in parts:
            rows = part.filter(kept_rows(halted))
            writer.part("rows", rows)
            for number, many in rows.filter(pl.col(JOB).is_in(list(halted))).group_by(JOB).len().iter_rows():
                written[number] += many
        for part in told:
            writer.part("errors", part)
        writer.part("errors", mine.filter(pl.col(JOB).is_in(list(halted))).select(list(ERRORS)))
        changed = {
            number: judged[number].model_copy(
                update={
                    "good": judged[number].good - refused[number],
                    "refused": judged[number].refused + refused[number],
                    "written": written[number],
                    "halted": halt.reason,
                }
            )
            for number, halt in halted.items()
        }
        writer.report({"jobs": {number: file.model_dump(mode="json") for number, file in (judged | changed).items()}})
    return changed
