"""The cases: which command runs on which file in which home, and what it must have done.

Belongs here: the order of runs and the check of every result against the generator's truth. Does not belong here: accounting
(measure.py), the table (table.py).
"""

import csv
import json
import os
import shutil
import statistics
import subprocess
import sys
from collections.abc import Callable, Iterable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from benchmarks.measure import BenchmarkError, Cost, run

HERE = Path(__file__).resolve().parent
WORK = HERE / "work"
CASES = ("floor", "insert", "update", "children", "export", "as_of", "plan", "undo", "small")
_IMPORTS = (("insert", "accounts", "Account"), ("update", "changed", "Account"), ("children", "contacts", "Contact"))
"""Case, file and object type of the imports of one chain, in order."""
SMALL_FILES = 2000
SMALL_ROWS = 5
_PACKAGE_ROWS = 10_000
"""Acceptance S-12."""
_COUNTS = ("rows", "good", "refused", "created", "updated", "unchanged", "deleted", "parked")


@dataclass(frozen=True)
class Result:
    """One line of the table: medians over the runs. `ratio` is CPU to the floor's CPU of the same size, where there is one; of an export
    of the past to that of the export of the same records made at their time, of a plan to the import without applying, of an undo to
    its import."""

    case: str
    rows: int
    bytes: int
    runs: int
    cpu: float
    wall: float
    peak: int
    processes: int
    ratio: float | None = None
    per_file: float | None = None
    """Wall seconds per small file beyond those of a run with one file."""

    @property
    def rows_per_second(self) -> float:
        """By wall time."""
        return self.rows / self.wall


class Bench:
    """Runs cases in fresh homes below `work`; files are kept there and made once."""

    def __init__(self, work: Path = WORK, *, said: Callable[[str], None] = print) -> None:
        self.work, self.said = work, said
        self.files = work / "files"
        self.files.mkdir(parents=True, exist_ok=True)

    def measure(self, rows: int, runs: int, only: Iterable[str] = CASES) -> list[Result]:
        """The cases of one size. All others need the insert before them; what is not in `only` is run and not told."""
        wanted, found = set(only), []
        floor = None
        if wanted & {"floor", "insert", "update", "children"}:
            floor = self._median("floor", rows, self._file("clean", rows), [self._floor(rows) for _ in range(runs)])
            found.append(floor)
        chains = [self._chain(rows, wanted) for _ in range(runs)] if wanted - {"floor", "small", "plan", "undo"} else []
        for case, kind, _ in _IMPORTS:
            if case in wanted:
                costs = [chain[case] for chain in chains]
                found.append(self._median(case, rows, self._file(kind, rows), costs, floor if case != "children" else None))
        found += _exports(rows, chains, wanted)
        if "plan" in wanted:
            found.append(self._planned(rows, runs))
        if "undo" in wanted:
            found.append(self._undone(rows, runs))
        return found

    def _planned(self, rows: int, runs: int) -> Result:
        """Dry runs against an empty store."""
        file, shares, costs = self._file("accounts", rows), [], []
        for _ in range(runs):
            home = _fresh(self.work / "home")
            cost = self._plan(home, file)
            answer = json.loads(cost.output)
            if answer["counts"] != _expected("insert", _truth(file)):
                raise BenchmarkError(f"the plan is wrong: {answer['counts']}")
            self._tell("plan", rows, cost)
            costs.append(cost)
            shares.append(cost.cpu / (cost.cpu - answer["plan"]))
            shutil.rmtree(home)
        return _result("plan", rows, file.stat().st_size, costs, ratio=statistics.median(shares))

    def _undone(self, rows: int, runs: int) -> Result:
        """Undos of an import, each in a home of its own, with the plan that comes first."""
        file, shares, costs = self._file("accounts", rows), [], []
        good = _truth(file)["good"]
        for _ in range(runs):
            home = _fresh(self.work / "home")
            insert = self._import(home, [file], "Account")
            cost = self._undo(home, json.loads(insert.output)["job"])
            answer = json.loads(cost.output)
            if (answer["state"], answer["counts"]["deleted"]) != ("applied", good):
                raise BenchmarkError(f"the undo is wrong: {answer['state']}, {answer['counts']}")
            self._tell("undo", rows, cost)
            costs.append(cost)
            shares.append(cost.cpu / insert.cpu)
            shutil.rmtree(home)
        return _result("undo", rows, file.stat().st_size, costs, ratio=statistics.median(shares))

    def measure_small(self, runs: int, count: int = SMALL_FILES) -> list[Result]:
        """Many small files as one delivery, against a run with one of them."""
        folder = self.files / f"small-{count}"
        if not (folder / f"Account_{count - 1:05d}.csv").exists():
            self._generate("small", count, folder)
        paths = sorted(folder.iterdir())
        one = statistics.median(self._small(paths[:1]).wall for _ in range(runs))
        costs = [self._small(paths) for _ in range(runs)]
        wall = statistics.median(c.wall for c in costs)
        size = sum(p.stat().st_size for p in paths)
        return [_result("small", count * SMALL_ROWS, size, costs, per_file=(wall - one) / (count - 1))]

    def _median(self, case: str, rows: int, path: Path, costs: Sequence[Cost], floor: Result | None = None) -> Result:
        made = _result(case, rows, path.stat().st_size, costs)
        return _result(case, rows, made.bytes, costs, ratio=made.cpu / floor.cpu) if floor else made

    def _floor(self, rows: int) -> Cost:
        database = self.work / "floor.duckdb"
        database.unlink(missing_ok=True)
        cost = run([sys.executable, "-m", "benchmarks.floor", str(self._file("clean", rows)), str(database)], log=self.work / "floor.log")
        database.unlink()
        if int(cost.output) != rows:
            raise BenchmarkError(f"the floor read {cost.output.strip()} rows of {rows}")
        self._tell("floor", rows, cost)
        return cost

    def _chain(self, rows: int, wanted: set[str]) -> dict[str, Cost]:
        """Insert, then update, then children in one fresh home, each checked; exports of what was inserted, before and after the update."""
        home = _fresh(self.work / "home")
        costs = {}
        for case, kind, type_name in _IMPORTS:
            if case == "insert" or case in wanted or (case == "update" and "as_of" in wanted):
                costs[case] = self._import(home, [self._file(kind, rows)], type_name)
                _check(costs[case], [_expected(case, _truth(self._file(kind, rows)))])
                _check_errors(costs[case], kind, rows)
                self._tell(case, rows, costs[case])
            if case == "insert" and wanted & {"export", "as_of"}:
                costs["export"] = self._exported("export", home, rows)
            if case == "update" and "as_of" in wanted:
                job = json.loads(costs["insert"].output)["job"]
                costs["as_of"] = self._exported("as_of", home, rows, "--as-of", job)
                _check_same(costs["export"], costs["as_of"])
        shutil.rmtree(home)
        return costs

    def _exported(self, case: str, home: Path, rows: int, *moment: str) -> Cost:
        """An export of all accounts; its answer has the file's size beside it."""
        cost = self._export(home, *moment)
        answer: dict[str, Any] = json.loads(cost.output)
        good = _truth(self._file("accounts", rows))["good"]
        if answer["rows"] != good:
            raise BenchmarkError(f"the export is wrong: {answer['rows']} records, not {good}")
        self._tell(case, rows, cost)
        return replace(cost, output=json.dumps(answer | {"bytes": Path(answer["path"]).stat().st_size}))

    def _small(self, paths: Sequence[Path]) -> Cost:
        home = _fresh(self.work / "home")
        cost = self._import(home, paths, "Account")
        _check(cost, [_counts(rows=SMALL_ROWS, good=SMALL_ROWS, created=SMALL_ROWS)] * len(paths))
        self._tell(f"{len(paths)} files", len(paths) * SMALL_ROWS, cost)
        shutil.rmtree(home)
        return cost

    def _import(self, home: Path, paths: Sequence[Path], type_name: str) -> Cost:
        return self._command(home, "import", *(str(p) for p in paths), "--type", type_name)

    def _export(self, home: Path, *moment: str) -> Cost:
        return self._command(home, "export", "--type", "Account", *moment)

    def _plan(self, home: Path, file: Path) -> Cost:
        return run([sys.executable, "-m", "benchmarks.plans", str(file)], env=_env(home), log=self.work / "plan.log")

    def _undo(self, home: Path, job: str) -> Cost:
        return self._command(home, "undo", job, "--yes", account=False)

    def _command(self, home: Path, name: str, *arguments: str, account: bool = True) -> Cost:
        named = ("--account", "bench") if account else ()
        command = [str(Path(sys.executable).with_name("import-pipeline")), name, *arguments, *named, "--json"]
        return run(command, env=_env(home), log=self.work / f"{name}.log")

    def _file(self, kind: str, rows: int) -> Path:
        path = self.files / f"{kind}-{rows}.csv"
        if not _truth_file(path).exists():
            _truth_file(path).write_text(self._generate(kind, rows, path))
        return path

    def _generate(self, kind: str, rows: int, path: Path) -> str:
        self.said(f"making {path.name}")
        made = subprocess.run([sys.executable, "-m", "benchmarks.files", kind, str(rows), str(path)], check=True, capture_output=True)
        return made.stdout.decode()

    def _tell(self, case: str, rows: int, cost: Cost) -> None:
        self.said(f"{case:>10} {rows:>9,} rows: {cost.cpu:6.2f} s CPU, {cost.wall:6.2f} s, {cost.peak / 1e6:5.0f} MB")


def _result(case: str, rows: int, size: int, costs: Sequence[Cost], **more: float | None) -> Result:
    cpu, wall = (statistics.median(values) for values in ([c.cpu for c in costs], [c.wall for c in costs]))
    peak, processes = max(c.peak for c in costs), max(c.processes for c in costs)
    return Result(case, rows, size, len(costs), cpu, wall, peak, processes, **more)


def _exports(rows: int, chains: Sequence[dict[str, Cost]], wanted: set[str]) -> list[Result]:
    """The lines of the exports; one of the past is compared to that of the same records made at their time."""
    found: dict[str, Result] = {}
    for case in ("export", "as_of"):
        costs = [chain[case] for chain in chains if case in chain]
        if costs:
            made = _result(case, rows, json.loads(costs[0].output)["bytes"], costs)
            found[case] = replace(made, ratio=made.cpu / found["export"].cpu) if case == "as_of" else made
    return [result for case, result in found.items() if case in wanted]


def _truth_file(path: Path) -> Path:
    return path.with_suffix(".truth.json")


def _truth(path: Path) -> dict[str, int]:
    content: dict[str, int] = json.loads(_truth_file(path).read_text())
    return content


def _env(home: Path) -> dict[str, str]:
    return {**os.environ, "IMPORT_PIPELINE_HOME": str(home), "IMPORT_PIPELINE_ACCOUNTS": str(HERE / "accounts")}


def _fresh(home: Path) -> Path:
    shutil.rmtree(home, ignore_errors=True)
    home.mkdir(parents=True)
    return home


def _counts(**given: int) -> dict[str, int]:
    return dict.fromkeys(_COUNTS, 0) | given


def _expected(case: str, truth: dict[str, int]) -> dict[str, int]:
    """The counts that the case must give: an update creates nothing, an insert updates nothing."""
    same = {"rows": truth["rows"], "good": truth["good"], "refused": truth["refused"]}
    if case == "update":
        return _counts(**same, updated=truth["changed"], unchanged=truth["good"] - truth["changed"])
    return _counts(**same, created=truth["good"])


def _check(cost: Cost, expected: list[dict[str, int]]) -> None:
    """Every job applied, with just these counts, in packages of 10,000 rows. A benchmark of wrong results is worth nothing."""
    jobs = [json.loads(line) for line in cost.output.splitlines()]
    found = [(job["state"], *(job["counts"][k] for k in _COUNTS), job["packages"]["done"]) for job in jobs]
    right = [("applied", *(counts[k] for k in _COUNTS), -(-counts["rows"] // _PACKAGE_ROWS)) for counts in expected]
    for one, other in zip(found, right, strict=False):
        if one != other:
            told = ", ".join(f"{k} {a!r}, not {b!r}" for k, a, b in zip(("state", *_COUNTS, "packages"), one, other, strict=True) if a != b)
            raise BenchmarkError(f"the import is wrong: {told}")
    if len(found) != len(right):
        raise BenchmarkError(f"the import is wrong: {len(found)} jobs, not {len(right)}")


def _check_same(then: Cost, now: Cost) -> None:
    """An export of the past has the bytes that it had at its time (acceptance B-9)."""
    hashes = [json.loads(cost.output)["sha256"] for cost in (then, now)]
    if hashes[0] != hashes[1]:
        raise BenchmarkError("the export as of the first import is wrong: its bytes are not those that were exported right after it")


def _check_errors(cost: Cost, kind: str, rows: int) -> None:
    """The file of errors names exactly the bad rows, each with its code and column: right counts on wrong rows would pass otherwise."""
    job: dict[str, Any] = json.loads(cost.output)
    with Path(job["errors_file"]).open(newline="", encoding="utf-8") as file:
        found = {(int(r["line"]), r["code"], r["column"]) for r in csv.DictReader(file) if r["severity"] == "error"}
    told = subprocess.run([sys.executable, "-m", "benchmarks.files", "errors", str(rows), kind], check=True, capture_output=True)
    expected = {(line, code, column) for line, code, column in json.loads(told.stdout)}
    if found != expected:
        missing, extra = sorted(expected - found)[:3], sorted(found - expected)[:3]
        raise BenchmarkError(
            f"{len(expected - found)} errors are missing, such as {missing}; {len(found - expected)} are wrong, such as {extra}"
        )
