"""Halting: nothing of the file, or in a strict account the rows before the first error (acceptance T-2)."""

import tempfile
from pathlib import Path

import polars as pl
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.policy import HaltAbove, Policy
from import_pipeline.store.staging import ERRORS, LINE, StageFolder, error_frame
from import_pipeline.validation.halting import First, halt_later, halt_of
from import_pipeline.validation.report import JudgedFile

FIRST = First(4, "Age", "not_a_number")


def test_the_reason_tells_the_place_of_the_first_error() -> None:
    """T-2: the position is known. A threshold is about how many there are."""
    kind, strict = (halt_of("halt", 9, 2, FIRST, strict=one) for one in (False, True))
    assert kind is not None and "2 of 9 rows" in kind.reason and kind.reason.endswith("line 4: Age: the value is not a number")
    assert strict is not None and strict.keep_before == 4 and "in line 4: Age: the value is not a number;" in strict.reason
    above = halt_of(HaltAbove(rows=1), 9, 2, FIRST, strict=True)
    assert above is not None and above.keep_before is None and "line" not in above.reason
    assert halt_of("skip", 9, 2, FIRST, strict=True) is None and halt_of("halt", 9, 0, None, strict=True) is None


def stage(folder: Path, jobs: dict[int, JudgedFile], lines: dict[int, list[int]]) -> StageFolder:
    """A validated stage with rows in these lines of each job, in two parts."""
    made = StageFolder(folder / "validated")
    with made.writing() as writer:
        rows = pl.DataFrame([(job, line, line, line - 2) for job, found in lines.items() for line in found], schema=_LINEAGE, orient="row")
        for part in (rows.head(3), rows.slice(3)):
            writer.part("rows", part)
        writer.part("errors", pl.DataFrame(schema=ERRORS))
        writer.report({"jobs": {number: file.model_dump(mode="json") for number, file in jobs.items()}})
    return made


_LINEAGE = {"_job": pl.Int32, "_line": pl.Int64, "_end": pl.Int64, "_pos": pl.Int64}
cuts = st.sampled_from(["skip", "halt", HaltAbove(rows=2)])


def error(job: int, line: int, severity: str = "error") -> dict[str, object]:
    """What a later stage found in a row."""
    return {"_job": job, "_line": line, "_end": line, "code": "unknown_record_id", "severity": severity, "column": "RecordID"}


@settings(max_examples=50)
@given(*[st.lists(st.integers(2, 9), max_size=8, unique=True).map(sorted)] * 2, cuts, st.booleans(), st.data())
def test_rows_that_a_later_stage_refused_halt_their_file(
    one: list[int], other: list[int], policy: Policy, strict: bool, data: st.DataObject
) -> None:
    """Against the plainest way to say it: which lines are left, what the report counts, and that other files are left alone."""
    bad = data.draw(st.lists(st.sampled_from(one), unique=True).map(sorted)) if one else []
    with tempfile.TemporaryDirectory() as folder:
        _check(Path(folder), one, other, bad, policy, strict)


def _check(folder: Path, one: list[int], other: list[int], bad: list[int], policy: Policy, strict: bool) -> None:
    jobs = {n: JudgedFile(job=n, rows=len(found), good=len(found), refused=0, written=len(found)) for n, found in ((1, one), (2, other))}
    validated = stage(folder, jobs, {1: one, 2: other})
    found = error_frame([error(1, line) for line in bad] + [error(1, line, "warning") for line in one] + [error(-1, 3)])
    changed = halt_later(validated, found, {1: policy}, strict=strict)
    halts = bool(bad) and (policy == "halt" or (isinstance(policy, HaltAbove) and len(bad) > 2))
    kept = [line for line in one if line < bad[0]] if halts and strict and policy == "halt" else [] if halts else one
    assert validated.read("rows").sort("_job", LINE).select("_job", LINE).rows() == [(1, line) for line in kept] + [(2, n) for n in other]
    assert set(changed) == ({1} if halts else set())
    if halts:
        file = changed[1]
        assert (file.rows, file.good, file.refused, file.written) == (len(one), len(one) - len(bad), len(bad), len(kept))
        assert file.halted is not None and (policy != "halt" or f"line {bad[0]}: RecordID" in file.halted)
        errors = validated.read("errors").filter(pl.col("severity") == "error")
        assert errors.get_column(LINE).to_list() == bad
        assert halt_later(validated, found, {1: policy}, strict=strict) == {}
    assert JudgedFile.model_validate(validated.load_report()["jobs"]["2"]) == jobs[2]
