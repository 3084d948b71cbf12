"""Results as a Markdown table, and its place in README.md.

Belongs here: words and numbers for people. Does not belong here: measuring.
"""

import os
import platform
from collections.abc import Sequence
from importlib.metadata import version
from pathlib import Path

from benchmarks.cases import SMALL_ROWS, Result
from benchmarks.measure import BenchmarkError

BEGIN, END = "<!-- bench:begin -->", "<!-- bench:end -->"
TITLES = {
    "floor": "floor: DuckDB reads the same file as text into a table",
    "insert": "import into an empty store",
    "update": "the same keys again, 10 % of the rows changed",
    "children": "as many contacts, each to its account",
    "export": "export of the inserted records as CSV",
    "as_of": "the same records exported after the update, as of the first import",
    "plan": "dry run: the plan of the import, nothing written",
    "undo": "undo of the import, its plan first",
    "small": f"{{files:,}} files of {SMALL_ROWS} rows as one delivery",
}
GOALS = {("insert", 1_000_000): 2.5, ("update", 1_000_000): 3.0, ("insert", 5_000_000): 2.0, ("update", 5_000_000): 2.5}
"""At most so many times the floor's CPU seconds."""
AS_OF_GOAL = 2.0
"""At most so many times the CPU seconds of the export of the same records at their time."""
PLAN_GOAL = 1.1
"""At most so many times the CPU seconds of the import without applying."""
UNDO_GOAL = 2.0
"""At most so many times the CPU seconds of the import that is undone."""
OTHER_RATIOS = {"as_of": ("the export", AS_OF_GOAL), "plan": ("the import without applying", PLAN_GOAL), "undo": ("its import", UNDO_GOAL)}
MEMORY_GOALS = {1_000_000: 1000, 5_000_000: 1500}
"""At most so many MB at the peak."""
FILE_GOAL = 0.020
"""Seconds per small file beyond a run with one."""


def markdown(results: Sequence[Result]) -> str:
    """The table, with a line that tells where it was measured."""
    lines = [
        "| | rows | file | CPU | wall | rows/s | × floor (CPU) | peak memory |",
        "|---|--:|--:|--:|--:|--:|--:|--:|",
        *(_line(r) for r in results),
    ]
    forked = any(r.processes > 1 for r in results)
    note = " * of several processes at once, as sampled." if forked else ""
    return "\n".join([*lines, "", f"Whole processes, median of runs, {_machine()}.{note}"])


def write_readme(readme: Path, table: str) -> None:
    """Replaces what stands between the two marks; BenchmarkError when README has none."""
    text = readme.read_text(encoding="utf-8") if readme.exists() else ""
    before, begin, rest = text.partition(BEGIN)
    _, end, after = rest.partition(END)
    if not begin or not end:
        raise BenchmarkError(f"{readme} has no lines {BEGIN} and {END} to put the table between")
    readme.write_text(f"{before}{BEGIN}\n{table}\n{END}{after}", encoding="utf-8")


def _line(result: Result) -> str:
    ratio = f"{result.ratio:.2f}" if result.ratio else ""
    goal = GOALS.get((result.case, result.rows))
    if goal and result.ratio:
        ratio += f" (goal {goal:g})"
    if result.case in OTHER_RATIOS and result.ratio:
        base, limit = OTHER_RATIOS[result.case]
        ratio = f"{result.ratio:.2f} × {base} (goal {limit:g})"
    if result.per_file is not None:
        ratio = f"{result.per_file * 1000:.1f} ms a file (goal {FILE_GOAL * 1000:g})"
    memory = f"{result.peak / 1e6:,.0f} MB{' *' if result.processes > 1 else ''}"
    if result.case != "floor" and (most := MEMORY_GOALS.get(result.rows)):
        memory += f" (goal {most:,})"
    cells = [
        TITLES[result.case].format(files=result.rows // SMALL_ROWS),
        f"{result.rows:,}",
        f"{result.bytes / 1e6:,.0f} MB",
        f"{result.cpu:.1f} s",
        f"{result.wall:.1f} s",
        f"{result.rows_per_second:,.0f}",
        ratio,
        memory,
    ]
    return f"| {' | '.join(cells)} |"


def _machine() -> str:
    return f"{os.cpu_count()} cores, Python {platform.python_version()}, DuckDB {version('duckdb')}, polars {version('polars')}"
