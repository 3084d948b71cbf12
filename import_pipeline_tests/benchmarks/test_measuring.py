"""Measuring and telling: a number stands in the table only when the result was right."""

import json
import subprocess
import sys
from pathlib import Path

import pytest

from benchmarks import cases
from benchmarks.__main__ import parse, runs_of, size
from benchmarks.cases import Bench, Result
from benchmarks.files import errors_of, truth_of
from benchmarks.measure import BenchmarkError, Cost, run
from benchmarks.table import BEGIN, END, markdown, write_readme


def test_the_cpu_time_of_children_and_grandchildren_counts(tmp_path: Path) -> None:
    """An import that forks its work would otherwise look free."""
    work = "sum(i * i for i in range(4_000_000))"
    alone = run([sys.executable, "-c", work], log=tmp_path / "log").cpu
    inner = f"import subprocess, sys; subprocess.run([sys.executable, '-c', {work!r}])"
    below = run([sys.executable, "-c", inner], log=tmp_path / "log")
    assert below.cpu > 0.7 * alone
    assert below.processes == 2


def test_the_peak_is_that_of_the_command_and_not_of_who_measures(tmp_path: Path) -> None:
    """Memory that was given back counts, too: the limit of a machine does not care for how long.

    Measured from a small process, as the benchmarks are: a child of this one would begin with this one's memory.
    """
    size = 150 * 2**20
    command = [sys.executable, "-c", f"b = bytearray({size}); del b; print('done')"]
    code = (
        "import sys; from pathlib import Path; from benchmarks.measure import run; "
        f"cost = run({command!r}, log=Path(sys.argv[1])); print(cost.peak, cost.output.strip())"
    )
    root = Path(__file__).parents[2]
    done = subprocess.run([sys.executable, "-c", code, str(tmp_path / "log")], cwd=root, capture_output=True, text=True, check=True)
    peak, output = done.stdout.split()
    assert size < int(peak) < size + 60 * 2**20
    assert output == "done"


def test_a_command_that_fails_is_told_with_the_end_of_its_output(tmp_path: Path) -> None:
    """A fast failure must not become a fast time."""
    with pytest.raises(BenchmarkError, match="ended with 3") as failed:
        run([sys.executable, "-c", "import sys; print('said', file=sys.stderr); sys.exit(3)"], log=tmp_path / "log")
    assert "said" in str(failed.value)


@pytest.fixture(scope="module")
def work(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """One folder for all benches of this module: files are made once."""
    return tmp_path_factory.mktemp("work")


class FakeImport(Bench):
    """A bench whose imports answer what the test wants, from errors files that it writes."""

    def __init__(self, work: Path, **wrong: object) -> None:
        super().__init__(work, said=lambda _: None)
        self.wrong = wrong

    def _import(self, home: Path, paths: list[Path], type_name: str) -> Cost:  # type: ignore[override]
        kind = paths[0].name.partition("-")[0]
        truth = truth_of(kind, 400)  # type: ignore[arg-type]
        counts = dict.fromkeys(cases._COUNTS, 0) | {"rows": 400, "good": truth.good, "refused": truth.refused}
        counts |= {"updated": truth.changed, "unchanged": truth.good - truth.changed} if kind == "changed" else {"created": truth.good}
        errors = sorted(errors_of(kind, 400))  # type: ignore[arg-type]
        if "line" in self.wrong:
            errors[0] = (errors[0][0] + 1, *errors[0][1:])
        path = home / "errors.csv"
        path.write_text("line,column,code,severity\n" + "".join(f"{n},{column},{code},error\n" for n, code, column in errors))
        done = {"job": "ab12cd34", "state": "applied", "packages": {"done": 1}, "errors_file": str(path)}
        job = {**done, "counts": counts | self.wrong.get("counts", {})}  # type: ignore[operator]
        return Cost(1.0, 2.0, 10**8, 1, json.dumps(job | self.wrong.get("job", {})))  # type: ignore[operator]

    def _export(self, home: Path, *moment: str) -> Cost:
        path = home / "export.csv"
        path.write_text("x" * 40)
        sha256 = "other" if moment and "past" in self.wrong else "same"
        answer = {"path": str(path), "rows": self.wrong.get("exported", truth_of("accounts", 400).good), "sha256": sha256}
        return Cost(3.0 if moment else 2.0, 2.0, 10**8, 1, json.dumps(answer))

    def _plan(self, home: Path, file: Path) -> Cost:
        truth = truth_of("accounts", 400)
        counts = dict.fromkeys(cases._COUNTS, 0) | {"rows": 400, "good": truth.good, "refused": truth.refused, "created": truth.good}
        planned = counts | self.wrong.get("planned", {})  # type: ignore[operator]
        return Cost(5.0, 2.0, 10**8, 1, json.dumps({"counts": planned, "plan": 1.0}))

    def _undo(self, home: Path, job: str) -> Cost:
        good = self.wrong.get("undone", truth_of("accounts", 400).good)
        return Cost(1.5, 2.0, 10**8, 1, json.dumps({"state": "applied", "counts": {"deleted": good}}))


def test_right_results_become_lines_of_the_table(work: Path) -> None:
    """Every case of a size in one go; the ratio is to the floor that was measured with it."""
    results = FakeImport(work).measure(400, 1)
    assert [(r.case, r.rows, r.runs) for r in results] == [
        (c, 400, 1) for c in ("floor", "insert", "update", "children", "export", "as_of", "plan", "undo")
    ]
    floor, insert, update, children, export, as_of, plan, undo = results
    assert insert.ratio == pytest.approx(1.0 / floor.cpu)
    assert update.ratio == insert.ratio
    assert children.ratio is None
    assert (export.ratio, export.bytes, as_of.ratio) == (None, 40, 1.5)
    assert (plan.ratio, undo.ratio) == (1.25, 1.5)
    assert [(r.case, r.ratio) for r in FakeImport(work).measure(400, 1, ["as_of"])] == [("as_of", 1.5)]
    assert [r.case for r in FakeImport(work).measure(400, 1, ["update"])] == ["floor", "update"]


@pytest.mark.parametrize(
    ("wrong", "told"),
    [
        ({"counts": {"created": 395}}, "created 395, not 396"),
        ({"counts": {"refused": 3}}, "refused 3, not 4"),
        ({"job": {"state": "duplicate"}}, "state 'duplicate', not 'applied'"),
        ({"job": {"packages": {"done": 396}}}, "packages 396, not 1"),
        ({"line": 1}, "1 errors are missing"),
    ],
)
def test_a_wrong_result_is_no_measurement(work: Path, wrong: dict[str, object], told: str) -> None:
    """A row too few, or the right number of errors on the wrong lines, would make the fastest import of all."""
    with pytest.raises(BenchmarkError, match=told):
        FakeImport(work, **wrong).measure(400, 1, ["insert"])


@pytest.mark.parametrize(("wrong", "told"), [({"exported": 395}, "395 records, not 396"), ({"past": True}, "its bytes are not those")])
def test_a_wrong_export_is_no_measurement(work: Path, wrong: dict[str, object], told: str) -> None:
    """A past state that lacks records, or has today's values, is made fastest of all."""
    with pytest.raises(BenchmarkError, match=told):
        FakeImport(work, **wrong).measure(400, 1, ["as_of"])


@pytest.mark.parametrize(
    ("case", "wrong", "told"),
    [("plan", {"planned": {"created": 395}}, "the plan is wrong"), ("undo", {"undone": 395}, "the undo is wrong")],
)
def test_a_wrong_plan_or_undo_is_no_measurement(work: Path, case: str, wrong: dict[str, object], told: str) -> None:
    """An undo that leaves a record behind is not an undo."""
    with pytest.raises(BenchmarkError, match=told):
        FakeImport(work, **wrong).measure(400, 1, [case])


def test_the_table_tells_the_ratio_to_the_floor_beside_the_goal() -> None:
    """Whoever reads it sees at once what was promised."""
    table = markdown(
        [
            Result("floor", 1_000_000, 259_000_000, 2, 4.0, 3.5, 785_000_000, 1),
            Result("insert", 1_000_000, 259_000_000, 2, 9.0, 8.0, 900_000_000, 1, ratio=2.25),
            Result("small", 10_000, 2_600_000, 2, 20.0, 25.0, 400_000_000, 2, per_file=0.0104),
            Result("as_of", 1_000_000, 259_000_000, 2, 4.0, 3.5, 785_000_000, 1, ratio=1.25),
        ]
    )
    rows = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines() if line.startswith("| ")]
    assert rows[1][1:] == ["1,000,000", "259 MB", "4.0 s", "3.5 s", "285,714", "", "785 MB"]
    assert rows[2][1:] == ["1,000,000", "259 MB", "9.0 s", "8.0 s", "125,000", "2.25 (goal 2.5)", "900 MB (goal 1,000)"]
    assert rows[3][0] == "2,000 files of 5 rows as one delivery"
    assert rows[3][6:] == ["10.4 ms a file (goal 20)", "400 MB *"]
    assert rows[4][6] == "1.25 × the export (goal 2)"
    assert "DuckDB 1." in table


def test_only_what_stands_between_the_marks_of_readme_is_replaced(tmp_path: Path) -> None:
    """The table is made, the words around it are written."""
    readme = tmp_path / "README.md"
    readme.write_text(f"# Title\n\n{BEGIN}\nold\n{END}\n\nmore\n")
    write_readme(readme, "| new |")
    assert readme.read_text() == f"# Title\n\n{BEGIN}\n| new |\n{END}\n\nmore\n"
    readme.write_text("# Title\n")
    with pytest.raises(BenchmarkError, match="bench:begin"):
        write_readme(readme, "| new |")


def test_sizes_and_cases_are_read_as_people_write_them(capsys: pytest.CaptureFixture[str]) -> None:
    """A misspelt case must not silently measure nothing."""
    assert [size(t) for t in ("100k", "1m", "5M", "250000")] == [100_000, 1_000_000, 5_000_000, 250_000]
    assert parse(["--rows", "100k,1m", "--only", "insert,small"]).rows == [100_000, 1_000_000]
    for wrong in (["--rows", "many"], ["--rows", "10"], ["--only", "inserts"]):
        with pytest.raises(SystemExit):
            parse(wrong)
    assert "known: floor, insert" in capsys.readouterr().err
    assert [runs_of(rows, None) for rows in (100_000, 1_000_000, 5_000_000)] == [3, 2, 1]
