"""The validated stage: parts in, parts out, counts, halts, lineage."""

import hashlib
import os
import random
import subprocess
import sys
from itertools import pairwise
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from polars.testing import assert_frame_equal

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.policy import HaltAbove, Policy
from import_pipeline.store.staging import ERRORS, LINEAGE
from import_pipeline.validation.stage import validate_delivery
from import_pipeline_tests.validation.stages import found, frame, parsed_stage, type_of, validated

THING = type_of({"name": "Name"}, {"name": "Age", "type": "Number"}, {"name": "Kind", "type": "SingleChoice", "choices": ["Red", "Blue"]})
GOOD = {"Name": "a", "Age": "1", "Kind": "Red"}
BAD = {"Name": "b", "Age": "x", "Kind": "Blue"}


def test_a_dirty_file_of_eight_kinds_of_errors_gives_each_line_column_and_code(tmp_path: Path) -> None:
    """Right in number and wrong in place is the trap of this field (reference/performance.md section 1): the sets are compared."""
    dirty = type_of(
        {"name": "Number", "type": "Number", "decimals": 0},
        {"name": "Money", "type": "Currency"},
        {"name": "Day", "type": "Date"},
        {"name": "Email", "type": "Email"},
        {"name": "Choice", "type": "SingleChoice", "choices": ["Solar", "Roof"]},
        {"name": "Flag", "type": "Boolean"},
        stages={"Active": ["Prospect"]},
        owner={"users": ["a@b.com"]},
    )
    good = {"Number": "1", "Money": "1.10", "Day": "2021-02-03", "Email": "x@y.com", "Choice": "Roof", "Flag": "no"}
    good |= {"Stage": "Prospect", "Owner Email": "a@b.com"}
    kinds = [
        ("Number", "many", "not_a_number"),
        ("Money", "1.234", "too_many_decimals"),
        ("Day", "2021-02-30", "not_a_date"),
        ("Email", "x.y.com", "not_an_email"),
        ("Choice", "Solr", "unknown_choice"),
        ("Flag", "perhaps", "not_a_boolean"),
        ("Stage", "Prospct", "unknown_stage"),
        ("Owner Email", "z@b.com", "unknown_owner"),
    ]
    shuffled = random.Random(7)
    rows, expected = [], set()
    for line in range(2, 2002):
        row = dict(good)
        for column, value, code in shuffled.sample(kinds, k=shuffled.choice([0] * 20 + [1, 1, 2])):
            row[column] = value
            expected.add((line, column, code))
        rows.append(row)
    parsed = parsed_stage(tmp_path / "parsed", [frame(rows, list(good))])
    out, judged = validated(tmp_path, dirty, parsed)
    bad_lines = {line for line, _, _ in expected}
    assert found(out.read("errors")) == expected
    assert set(out.read().get_column("_line")) == set(range(2, 2002)) - bad_lines
    assert (judged[0].rows, judged[0].refused, judged[0].good) == (2000, len(bad_lines), 2000 - len(bad_lines))
    assert {(g.column, g.code): g.count for g in judged[0].groups} == {
        (column, code): sum(1 for _, c, _ in expected if c == column) for column, _, code in kinds
    }


@settings(max_examples=25)
@given(data=st.data())
def test_lines_are_right_whatever_the_sizes_of_the_parts(tmp_path_factory: pytest.TempPathFactory, data: st.DataObject) -> None:
    """Parts are cut for speed; a row keeps the line of its file, and a job may begin and end within a part."""
    sizes = data.draw(st.lists(st.integers(1, 7), min_size=1, max_size=4), label="rows of each job")
    bad = {(job, i) for job, size in enumerate(sizes) for i in range(size) if data.draw(st.booleans())}
    files = [frame([BAD if (job, i) in bad else GOOD for i in range(size)], list(GOOD), job=job) for job, size in enumerate(sizes)]
    whole = pl.concat(files)
    cuts = sorted(data.draw(st.sets(st.integers(1, len(whole)), max_size=4), label="cuts") | {0, len(whole)})
    parts = [whole[a:b] for a, b in pairwise(cuts)]
    tmp = tmp_path_factory.mktemp("cuts")
    out, judged = validated(tmp, THING, parsed_stage(tmp / "parsed", parts))
    assert set(out.read("errors").select("_job", "_line", "column", "code").iter_rows()) == {
        (job, i + 2, "Age", "not_a_number") for job, i in bad
    }
    good = [(job, i + 2, i + 2, i) for job, size in enumerate(sizes) for i in range(size) if (job, i) not in bad]
    assert out.read().select(*LINEAGE).rows() == good
    assert {job: f.refused for job, f in judged.items()} == {job: sum(1 for j, _ in bad if j == job) for job in judged}


@pytest.mark.parametrize(
    ("policy", "rows", "bad", "halted"),
    [
        ("skip", 10, 10, False),
        ("halt", 10, 0, False),
        ("halt", 10, 1, True),
        (HaltAbove(rows=20), 100, 20, False),
        (HaltAbove(rows=20), 100, 21, True),
        (HaltAbove(share=0.05), 100, 5, False),
        (HaltAbove(share=0.05), 100, 6, True),
        (HaltAbove(rows=0), 5, 1, True),
    ],
)
def test_a_job_is_halted_by_its_own_policy_and_then_contributes_no_row(
    tmp_path: Path, policy: Policy, rows: int, bad: int, halted: bool
) -> None:
    """Thresholds are judged over the whole job, wherever its rows lie; its neighbours in the same parts go on (acceptance B-13)."""
    job = frame([BAD] * bad + [GOOD] * (rows - bad), list(GOOD), job=1)
    other = frame([GOOD, BAD, GOOD], list(GOOD), job=2)
    mixed = [pl.concat([job[: rows // 2], other[:2]]), pl.concat([job[rows // 2 :], other[2:]])]
    out, judged = validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", mixed), {1: policy})
    lines = [line for j, line in out.read().select("_job", "_line").iter_rows() if j == 1]
    assert lines == ([] if halted else list(range(2 + bad, 2 + rows)))
    assert [line for j, line in out.read().select("_job", "_line").iter_rows() if j == 2] == [2, 4]
    assert bool(judged[1].halted) is halted and judged[2].halted is None
    assert (judged[1].good, judged[1].refused, judged[1].written) == (rows - bad, bad, 0 if halted else rows - bad)
    assert found(out.read("errors").filter(pl.col("_job") == 1)) == {(2 + i, "Age", "not_a_number") for i in range(bad)}


def test_rows_that_parsing_refused_count_for_the_threshold(tmp_path: Path) -> None:
    """A row without the right number of cells is as refused as one with a bad number."""
    parsed = parsed_stage(tmp_path / "parsed", [frame([GOOD] * 8 + [BAD], list(GOOD))], refused={0: 1})
    _, judged = validated(tmp_path, THING, parsed, {0: HaltAbove(rows=1)})
    assert judged[0].halted == "2 of 10 rows are refused, more than the 1 allowed"
    assert {g.code: g.count for g in judged[0].groups} == {"field_count": 1, "not_a_number": 1}


def test_a_file_refused_as_a_whole_contributes_no_row_and_keeps_its_reason(tmp_path: Path) -> None:
    """Parsing may have written rows before it found that the file is cut off; none of them may be imported."""
    fault = {"code": "cut_off", "message": "looks cut off, nothing was imported"}
    parts = [pl.concat([frame([GOOD, BAD], list(GOOD), job=1), frame([GOOD], list(GOOD), job=2)])]
    out, judged = validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", parts, faults={1: fault, 3: fault}))
    assert out.read().get_column("_job").to_list() == [2] and out.read("errors").is_empty()
    assert judged[1].fault and judged[1].fault.code == "cut_off" and judged[1].written == 0
    assert judged[3].rows == 0 and judged[2].good == 1


def test_lost_rows_are_noticed(tmp_path: Path) -> None:
    """Rows in = rows out + rows refused; a part that went missing must stop the run, not shorten it."""
    parsed = parsed_stage(tmp_path / "parsed", [frame([GOOD, BAD], list(GOOD))], read={0: 3})
    with pytest.raises(PermanentFailure, match="lost or doubled"):
        validated(tmp_path, THING, parsed)
    assert not (tmp_path / "validated").exists()


def test_a_job_without_a_policy_is_a_mistake_of_the_caller(tmp_path: Path) -> None:
    """Guessing `skip` would import files that an account wants halted."""
    parsed = parsed_stage(tmp_path / "parsed", [frame([GOOD], list(GOOD))])
    with pytest.raises(PermanentFailure, match="no on_error policy for job 0"):
        validate_delivery(THING, parsed, parsed, {})


def test_parts_with_different_columns_are_judged_by_their_own(tmp_path: Path) -> None:
    """A column that a file does not have is not given; it must not appear as given and blank."""
    parts = [frame([{"Name": "a"}], ["Name"], job=1), frame([{"Age": "x"}, {"Age": "2"}], ["Age"], job=2)]
    out, judged = validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", parts))
    assert [part.columns[len(LINEAGE) :] for part in out.frames()] == [["Name"], ["Age"]]
    assert judged[1].good == 1 and judged[2].refused == 1


def test_nothing_to_judge_still_gives_a_complete_stage(tmp_path: Path) -> None:
    """The next stage finds parts with a schema, even when every file was refused before."""
    out, judged = validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", []))
    assert judged == {} and out.read().is_empty() and set(LINEAGE) <= set(out.read().columns)
    assert out.read("errors").schema == pl.Schema(ERRORS)
    empty = parsed_stage(tmp_path / "parsed", [frame([], list(GOOD))])
    assert validated(tmp_path, THING, empty)[0].read().schema["Age"] == pl.Float64()


def test_the_same_input_gives_the_same_bytes(tmp_path: Path) -> None:
    """A stage that is run again after a crash replaces its own result with an equal one (DESIGN section 3)."""
    rows = [{"Name": f"n{i}", "Age": random.Random(i).choice(["1", "x", "1,5", "9" * 20]), "Kind": f"K{i % 7}"} for i in range(500)]
    parsed = parsed_stage(tmp_path / "parsed", [frame(rows[:200], list(GOOD)), frame(rows[200:], list(GOOD), first=200)])

    def digests() -> dict[str, str]:
        out, _ = validated(tmp_path, THING, parsed, {0: HaltAbove(rows=499)})
        return {path.name: hashlib.sha256(path.read_bytes()).hexdigest() for path in out.path.iterdir()}

    first = digests()
    assert digests() == first and "report.json" in first


def test_the_report_groups_errors_by_what_people_would_say(tmp_path: Path) -> None:
    """«3 rows: unknown choice Rde, did you mean Red?»: one group per wrong choice, one per column for what is wrong in many ways."""
    wrong = [*["Rde"] * 3, *["Bleu"] * 2]
    rows = [{"Age": f"x{i}", "Kind": kind} for i, kind in enumerate(wrong)] + [{"Age": "x0", "Kind": "Red"}]
    parts = [frame(rows[:4], ["Age", "Kind"]), frame(rows[4:], ["Age", "Kind"], first=4)]
    out, judged = validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", parts))
    groups = [(g.code, g.value, g.count, g.first_line, g.suggestion) for g in judged[0].groups]
    assert groups == [
        ("not_a_number", "x0", 6, 2, None),
        ("unknown_choice", "Rde", 3, 2, "Red"),
        ("unknown_choice", "Bleu", 2, 5, "Blue"),
    ]
    told = out.load_report()["jobs"]["0"]
    assert told["refused"] == 6 and told["groups"][1]["expected"] == "one of: Red, Blue"


def test_a_report_keeps_the_50_largest_groups(tmp_path: Path) -> None:
    """A column mapped to the wrong field has thousands of unknown choices."""
    rows = [{"Kind": f"K{i:03d}"} for i in range(300) for _ in range(1 + (i < 10))]
    _, judged = validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", [frame(rows, ["Kind"])]))
    groups = judged[0].groups
    assert len(groups) == 50 and [g.value for g in groups[:10]] == [f"K{i:03d}" for i in range(10)]


def test_progress_is_told_after_each_part(tmp_path: Path) -> None:
    """People watch large imports."""
    told: list[tuple[int, int]] = []
    parts = [frame([GOOD, BAD], list(GOOD)), frame([GOOD], list(GOOD), first=2)]
    validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", parts), progress=lambda done, total: told.append((done, total)))
    assert told == [(2, 3), (3, 3)]


def test_switches_in_the_environment_cannot_turn_validation_off(tmp_path: Path) -> None:
    """pandera reads PANDERA_VALIDATION_ENABLED and …_DEPTH when it is imported: a forgotten variable would let every row through."""
    parsed_stage(tmp_path / "parsed", [frame([GOOD, BAD], list(GOOD))])
    script = (
        "import sys; from pathlib import Path; from import_pipeline_tests.validation.test_stage import *\n"
        "from import_pipeline.store.staging import StageFolder\n"
        "home = Path(sys.argv[1]); print(validated(home, THING, StageFolder(home / 'parsed'))[1][0].refused)"
    )
    off = {"PANDERA_VALIDATION_ENABLED": "False", "PANDERA_VALIDATION_DEPTH": "SCHEMA_ONLY"}
    run = subprocess.run(
        [sys.executable, "-c", script, str(tmp_path)], env={**os.environ, **off}, capture_output=True, text=True, check=True
    )
    assert run.stdout.strip() == "1"


def test_a_value_that_breaks_two_rules_is_told_once_by_the_first(tmp_path: Path) -> None:
    """«Not a number» says it; that the text is also too long would only be noise."""
    thing = type_of({"name": "N", "type": "Number", "min": 0, "max_length": 3, "pattern": "[0-9]"})
    out, _ = validated(tmp_path, thing, parsed_stage(tmp_path / "p", [frame([{"N": "abcdef"}, {"N": "-123"}, {"N": "12"}], ["N"])]))
    assert found(out.read("errors")) == {(2, "N", "not_a_number"), (3, "N", "out_of_range"), (4, "N", "wrong_pattern")}


def test_good_rows_come_out_in_the_order_they_came_in(tmp_path: Path) -> None:
    """Rows of one delivery that name the same record are folded in order: an early row must not overtake a late one."""
    rows = [{"Name": f"{i}", "Age": "x" if i % 3 == 0 else str(i), "Kind": None} for i in range(1000)]
    out, _ = validated(tmp_path, THING, parsed_stage(tmp_path / "parsed", [frame(rows, list(GOOD))]))
    kept = [i for i in range(1000) if i % 3]
    expected = pl.DataFrame({"_pos": kept, "Name": [str(i) for i in kept], "Age": [float(i) for i in kept]})
    assert_frame_equal(out.read().select("_pos", "Name", "Age"), expected)
