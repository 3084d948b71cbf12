"""`python -m benchmarks.kml`: CPU seconds and memory of reading KML, against a bare loop over its vertices.

Belongs here: that comparison, each side in a process of its own, the median of three runs. Does not belong here: imports (cases.py).
The bare loop is lxml's iterparse that splits and floats each vertex and judges nothing; the reader gives batches of rows. The goal of the
issue of territories: at most twice the CPU, and 100 MB of memory beyond what the process had before.
"""

import argparse
import json
import math
import random
import resource
import statistics
import subprocess
import sys
import time
from collections.abc import Callable
from pathlib import Path
from typing import Any

POLYGONS, VERTICES, RUNS = 50_000, 30, 3
SEED = 20261121
_SPACE = "http://www.opengis.net/kml/2.2"


def write_file(path: Path, polygons: int) -> None:
    """KML as Google Earth writes it, with `polygons` placemarks of VERTICES points each; the same arguments give the same bytes."""
    chance = random.Random(SEED)
    with path.open("w", encoding="utf-8") as out:
        out.write(f'<?xml version="1.0" encoding="UTF-8"?>\n<kml xmlns="{_SPACE}">\n<Document>\n')
        for number in range(polygons):
            lng, lat = chance.uniform(-120, -70), chance.uniform(25, 48)
            turns = [2 * math.pi * (k % (VERTICES - 1)) / (VERTICES - 1) for k in range(VERTICES)]
            points = " ".join(f"{lng + math.cos(turn) / 10:.6f},{lat + math.sin(turn) / 10:.6f},0" for turn in turns)
            out.write(
                f"  <Placemark>\n    <name>Territory {number}</name>\n    <styleUrl>#area</styleUrl>\n    <Polygon>\n"
                f"      <outerBoundaryIs>\n        <LinearRing>\n          <coordinates>{points}</coordinates>\n"
                "        </LinearRing>\n      </outerBoundaryIs>\n    </Polygon>\n  </Placemark>\n"
            )
        out.write("</Document>\n</kml>\n")


def bare(path: Path) -> int:
    """The floor: each vertex as two floats, and nothing kept. Returns the vertices."""
    from lxml import etree

    vertices = 0
    for _, placemark in etree.iterparse(str(path), events=("end",), tag=f"{{{_SPACE}}}Placemark", no_network=True):
        for coordinates in placemark.iter(f"{{{_SPACE}}}coordinates"):
            for vertex in coordinates.text.split():
                numbers = vertex.split(",")
                float(numbers[0]), float(numbers[1])
                vertices += 1
        placemark.clear()
        while placemark.getprevious() is not None:
            del placemark.getparent()[0]
    return vertices


def reader(path: Path) -> int:
    """Our reader, its batches thrown away. Returns the vertices."""
    from import_pipeline.model.job import Job
    from import_pipeline.model.territory import SHAPE, TERRITORY, Territories
    from import_pipeline.parsing.batch import Task
    from import_pipeline.parsing.header import mapper
    from import_pipeline.parsing.kml_reader import KmlReader

    object_type = Territories().object_type()
    made: dict[str, Any] = {"id": "bench000", "number": 0, "account": "bench", "object_type": TERRITORY, "file_id": "f", "kind": "kml"}
    job = Job(**made, name=path.name, path=path, sha256="0" * 64, size=path.stat().st_size)
    vertices = 0
    for batch in KmlReader(Task(job, object_type, None, path.parent), mapper(object_type, None)).batches():
        vertices += int(batch.frame[SHAPE].str.count_matches(",", literal=True).sum()) + batch.frame.height
    return vertices


SIDES: dict[str, Callable[[Path], int]] = {"bare": bare, "reader": reader}


def measured(side: str, path: Path) -> dict[str, float]:
    """Runs one side in this process, after a warm run on a small file so that imports do not count: CPU seconds, megabytes, vertices."""
    small = path.with_name("small.kml")
    SIDES[side](small)
    before, memory = time.process_time(), _peak()
    vertices = SIDES[side](path)
    return {"cpu": time.process_time() - before, "megabytes": _peak() - memory, "vertices": vertices}


def _peak() -> float:
    return resource.getrusage(resource.RUSAGE_SELF).ru_maxrss / 1024


def main() -> None:
    """Measures both sides in turn and prints the medians; `--side` runs one of them here and now."""
    parser = argparse.ArgumentParser(prog="python -m benchmarks.kml", description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--work", type=Path, default=Path(__file__).parent / "work" / "kml", help="folder for files")
    parser.add_argument("--polygons", type=int, default=POLYGONS)
    parser.add_argument("--side", choices=SIDES, help=argparse.SUPPRESS)
    options = parser.parse_args()
    path = options.work / f"1_{options.polygons}.kml"
    if options.side:
        print(json.dumps(measured(options.side, path)))
        return
    options.work.mkdir(parents=True, exist_ok=True)
    write_file(path, options.polygons)
    write_file(path.with_name("small.kml"), 100)
    command = [sys.executable, "-m", "benchmarks.kml", "--work", str(options.work), "--polygons", str(options.polygons), "--side"]
    found: dict[str, list[dict[str, float]]] = {side: [] for side in SIDES}
    for _ in range(RUNS):
        for side in SIDES:
            found[side].append(json.loads(subprocess.run([*command, side], check=True, capture_output=True).stdout))
    expected = options.polygons * VERTICES
    if any(run["vertices"] != expected for runs in found.values() for run in runs):
        sys.exit(f"benchmarks.kml: not {expected} vertices were read: {found}")
    cpu = {side: statistics.median(run["cpu"] for run in runs) for side, runs in found.items()}
    memory = {side: statistics.median(run["megabytes"] for run in runs) for side, runs in found.items()}
    for side in SIDES:
        print(f"{side:>7} {expected:>9,} vertices: {cpu[side]:5.2f} s CPU, {memory[side]:4.0f} MB beyond the start")
    print(f"  ratio {cpu['reader'] / cpu['bare']:.2f}")


if __name__ == "__main__":
    main()
