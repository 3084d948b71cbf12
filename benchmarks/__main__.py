"""`python -m benchmarks`: makes the files, measures, checks the results, prints the table.

Belongs here: options. Does not belong here: anything else.
"""

import argparse
import json
import sys
from collections.abc import Sequence
from dataclasses import asdict
from pathlib import Path

from benchmarks.cases import CASES, WORK, Bench, Result
from benchmarks.measure import BenchmarkError
from benchmarks.table import markdown, write_readme

SIZES = {"100k": 100_000, "1m": 1_000_000, "5m": 5_000_000}


def size(text: str) -> int:
    """'100k', '1m', '250000' to a number of rows; at least 200, so that every kind of file has a bad row."""
    number, unit = (text[:-1], text[-1].lower()) if text[-1:].lower() in ("k", "m") else (text, "")
    if not number.isdigit() or (rows := int(number) * {"": 1, "k": 1000, "m": 1_000_000}[unit]) < 200:
        raise argparse.ArgumentTypeError(f"{text!r} is no number of rows such as 100k, 1m or 250000 (at least 200)")
    return rows


def sizes(text: str) -> list[int]:
    """Several sizes, separated by commas."""
    return [size(one) for one in text.split(",")]


def parse(arguments: Sequence[str]) -> argparse.Namespace:
    """The options."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--rows", type=sizes, default="100k,1m,5m", help="sizes, separated by commas (default: 100k,1m,5m)")
    parser.add_argument("--runs", type=int, help="runs per case; the median is told (default: 3 up to 100k, 2 up to 1m, 1 above)")
    parser.add_argument("--only", default=",".join(CASES), help=f"cases, separated by commas (default: {','.join(CASES)})")
    parser.add_argument("--work", type=Path, default=WORK, help="folder for files and homes (default: benchmarks/work)")
    parser.add_argument("--json", action="store_true", help="print results as JSON lines instead of a table")
    parser.add_argument("--write-readme", action="store_true", help="put the table into README.md")
    options = parser.parse_args(arguments)
    options.only = options.only.split(",")
    if unknown := sorted(set(options.only) - set(CASES)):
        parser.error(f"unknown cases: {', '.join(unknown)}; known: {', '.join(CASES)}")
    return options


def runs_of(rows: int, stated: int | None) -> int:
    """How many runs of a size."""
    return stated or (3 if rows <= 100_000 else 2 if rows <= 1_000_000 else 1)


def main(arguments: Sequence[str]) -> int:
    """Exit code 1 when a command failed or gave a wrong result."""
    options = parse(arguments)
    bench = Bench(options.work.resolve(), said=lambda text: print(text, file=sys.stderr, flush=True))
    results: list[Result] = []
    try:
        if set(options.only) - {"small"}:
            for rows in options.rows:
                results += bench.measure(rows, runs_of(rows, options.runs), options.only)
        if "small" in options.only:
            results += bench.measure_small(runs_of(0, options.runs))
        table = markdown(results)
        if options.write_readme:
            write_readme(Path("README.md"), table)
    except BenchmarkError as failure:
        print(f"benchmarks: {failure}", file=sys.stderr)
        return 1
    print("\n".join(json.dumps(asdict(r)) for r in results) if options.json else table)
    return 0


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
