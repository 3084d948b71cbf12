"""`python -m benchmarks.territories`: what assigning pins and checking the tree cost, against a bare query of shapely's STRtree.

Belongs here: that comparison, each side in a process of its own, the median of three runs. Does not belong here: imports (cases.py).
The bare query asks one tree of all territories which of them each pin intersects, and keeps every pair: it does not choose the
deepest. The goal of the issue of territories: a million pins against 3,000 territories in seconds.
"""

import argparse
import json
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from typing import Any

import numpy as np
import polars as pl
import shapely

PINS, ACROSS, VERTICES, RUNS = 1_000_000, 54, 32, 3
SEED = 20261121
_WEST, _SOUTH, _WIDTH, _HEIGHT = -120.0, 28.0, 45.0, 20.0
_FAMILY = 9
"""So many territories of level 2 lie below one of level 1, in each direction."""


def _grid(across: int, vertices: int) -> list[str]:
    """WKT of across × across jagged cells that fill the area; a cell and its neighbour share every point of their border."""
    chance = np.random.default_rng([SEED, across])
    steps = max(vertices // 4, 1)
    x, y = np.linspace(0, 1, across * steps + 1), np.linspace(0, 1, across * steps + 1)
    off = 0.4 / (across * steps)
    lying = np.stack(np.broadcast_arrays(x[None, :], y[::steps][:, None]), -1) + chance.uniform(-off, off, (across + 1, x.size, 2))
    standing = np.stack(np.broadcast_arrays(x[::steps][:, None], y[None, :]), -1) + chance.uniform(-off, off, (across + 1, y.size, 2))
    knots = np.stack(np.meshgrid(x[::steps], y[::steps]), -1)
    lying[:, ::steps], standing[:, ::steps] = knots, knots.transpose(1, 0, 2)
    found = []
    for i in range(across):
        for j in range(across):
            along, up = slice(i * steps, (i + 1) * steps + 1), slice(j * steps, (j + 1) * steps + 1)
            ring = [lying[j, along][:-1], standing[i + 1, up][:-1], lying[j + 1, along][::-1][:-1], standing[i, up][::-1]]
            points = np.concatenate(ring) * (_WIDTH, _HEIGHT) + (_WEST, _SOUTH)
            found.append(shapely.to_wkt(shapely.Polygon(points), rounding_precision=6))
    return found


def territories(across: int, vertices: int) -> pl.DataFrame:
    """The frame of territories: across × across of level 2, and a level 1 of larger cells."""
    regions = _grid(max(across // _FAMILY, 1), vertices * 4)
    shapes = [*regions, *_grid(across, vertices)]
    level = [1] * len(regions) + [2] * (len(shapes) - len(regions))
    ids = range(1, len(shapes) + 1)
    return pl.DataFrame({"id": ids, "title": [f"T{n}" for n in ids], "level": level, "shape": shapes})


def pins(count: int) -> pl.DataFrame:
    """Pins spread over the area and a little beyond."""
    chance = np.random.default_rng(SEED)
    lng, lat = (chance.uniform(low - 1, low + size + 1, count) for low, size in ((_WEST, _WIDTH), (_SOUTH, _HEIGHT)))
    return pl.DataFrame({"id": np.arange(count), "lng": lng, "lat": lat})


def bare(points: pl.DataFrame, frame: pl.DataFrame) -> int:
    """The yardstick: one bulk query, WKT and points read by shapely. Returns how many pins lie in any territory."""
    tree = shapely.STRtree(shapely.from_wkt(frame.get_column("shape").to_list()))
    places = shapely.points(points.get_column("lng").to_numpy(), points.get_column("lat").to_numpy())
    return len(np.unique(tree.query(places, predicate="intersects")[0]))


def assigned(points: pl.DataFrame, frame: pl.DataFrame) -> int:
    """Ours."""
    from import_pipeline.territories.assignment import assign

    return len(points) - assign(points, frame).get_column("territory").null_count()


def hierarchy(points: pl.DataFrame, frame: pl.DataFrame) -> int:
    """The parents of all territories. Returns how many have one."""
    from import_pipeline.territories.hierarchy import parents

    return len(frame) - parents(frame, 0.01).get_column("parent").null_count()


def inspection(points: pl.DataFrame, frame: pl.DataFrame) -> int:
    """The whole check of the tree, parents included. Returns the findings."""
    from import_pipeline.territories.hierarchy import parents
    from import_pipeline.territories.inspection import inspect

    return len(inspect(frame, parents(frame, 0.01), 0.01))


SIDES: dict[str, Callable[[pl.DataFrame, pl.DataFrame], int]] = {
    "bare": bare,
    "assigned": assigned,
    "hierarchy": hierarchy,
    "inspection": inspection,
}


def measured(side: str, count: int, across: int, vertices: int) -> dict[str, float]:
    """Runs one side in this process, after a warm run on little so that imports do not count: CPU and wall seconds, megabytes."""
    SIDES[side](pins(100), territories(2, 8))
    points, frame = pins(count), territories(across, vertices)
    memory, cpu, wall = _peak(), time.process_time(), time.perf_counter()
    found = SIDES[side](points, frame)
    cpu, wall = time.process_time() - cpu, time.perf_counter() - wall
    return {"cpu": cpu, "wall": wall, "megabytes": _peak() - memory, "found": found, "territories": len(frame)}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measures all sides in turn and prints the medians; `--side` runs one of them here and now."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.territories", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--pins", type=int, default=PINS)
    parser.add_argument("--across", type=int, default=ACROSS, help="territories of level 2 in each direction (default: %(default)s)")
    parser.add_argument("--vertices", type=int, default=VERTICES, help="points of a level-2 territory (default: %(default)s)")
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    if options.side:
        print(json.dumps(measured(options.side, options.pins, options.across, options.vertices)))
        return
    sizes = [f"--{name}={getattr(options, name)}" for name in ("pins", "across", "vertices")]
    found: dict[str, list[dict[str, Any]]] = {side: [] for side in SIDES}
    for _ in range(RUNS):
        for side in SIDES:
            command = [sys.executable, "-m", "benchmarks.territories", *sizes, "--side", side]
            found[side].append(json.loads(subprocess.run(command, check=True, capture_output=True).stdout))
    if len({run["found"] for side in ("bare", "assigned") for run in found[side]}) != 1:
        sys.exit(f"benchmarks.territories: not the same pins were found: {found}")
    middle = {side: {key: statistics.median(run[key] for run in runs) for key in runs[0]} for side, runs in found.items()}
    print(f"{options.pins:,} pins, {middle['bare']['territories']:,.0f} territories of {options.vertices} points:")
    for side, told in middle.items():
        costs = f"{told['cpu']:6.2f} s CPU, {told['wall']:6.2f} s, {told['megabytes']:4.0f} MB more at its peak"
        print(f"{side:>11}: {costs}, {told['found']:,.0f} found")
    print(f"      ratio: {middle['assigned']['cpu'] / middle['bare']['cpu']:.2f}")


if __name__ == "__main__":
    main()
