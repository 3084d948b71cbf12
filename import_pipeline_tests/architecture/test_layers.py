"""Which room may import which: the walls of DESIGN section 6.

Belongs here: rules on imports. Does not belong here: how a single file is written (test_files.py).
"""

import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from import_pipeline_tests.architecture.sources import PACKAGE, Source, sources

WITH_DAGSTER = ("definitions", "components", "orchestration")
BASE = ("model", "failures")
STAGES = ("parsing", "validation", "relating", "applying")
MAY_IMPORT: dict[str, tuple[str, ...]] = {
    "failures": (),
    "settings": ("failures",),
    "model": BASE,
    "catalog": (*BASE, "catalog"),
    "store": (*BASE, "settings", "store"),
    "ledger": (*BASE, "settings", "ledger"),
    **{stage: (*BASE, "store", *STAGES[: number + 1]) for number, stage in enumerate(STAGES)},
    "relating": (*BASE, "store", "territories", *STAGES[:3]),
    "territories": (*BASE, "territories"),
    "suggesting": (*BASE, "parsing", "validation", "suggesting"),
    "delivering": (
        *(*BASE, "settings", "catalog", "store", "ledger", "landing", "territories", *STAGES),
        *("planning", "reporting", "exporting", "lineage", "suggesting", "delivering"),
    ),
    "gateway": (
        *(*BASE, "settings", "catalog", "ledger", "landing", "reporting", "gateway"),
        *("delivering", "lineage", "exporting", "planning", "parsing", "store", "suggesting", "territories"),
    ),
}
"""Rooms of the package that a room may import. A stage knows the stages before it and never the ones behind it."""
LIGHT = ("model", "failures", "settings", "catalog")
HEAVY = ("dagster", "polars", "duckdb", "pandera", "pandas", "pyarrow", "xlsxwriter", "sqlalchemy")


def rooms_imported(source: Source) -> set[tuple[int, str]]:
    """(line, room) of every import of the package's own modules."""
    found = ((line, name.split(".")) for line, name in source.imports())
    return {(line, parts[1]) for line, parts in found if parts[0] == PACKAGE and len(parts) > 1}


def imported_tops(source: Source) -> set[tuple[int, str]]:
    """(line, top-level package) of every import."""
    return {(line, name.split(".")[0]) for line, name in source.imports()}


def test_dagster_is_imported_only_where_dagster_lives() -> None:
    """The import path must work without an orchestrator: in tests, in the command line, in another one some day."""
    wrong = [
        f"{s.name}:{line} imports {top}"
        for s in sources(PACKAGE)
        if s.room not in WITH_DAGSTER
        for line, top in sorted(imported_tops(s))
        if top.startswith("dagster")
    ]
    assert wrong == []


def test_duckdb_is_imported_only_by_the_store() -> None:
    """Who opens the file, for how long and for what is decided in one room; a second writer would lose rows (DESIGN section 9)."""
    wrong = [
        f"{s.name}:{line} imports duckdb"
        for s in sources(PACKAGE)
        if s.room != "store"
        for line, top in sorted(imported_tops(s))
        if top == "duckdb"
    ]
    assert wrong == []


@pytest.mark.parametrize("room", MAY_IMPORT)
def test_a_room_imports_only_the_rooms_below_it(room: str) -> None:
    """A stage that reached for a later one could not be run, tested or replaced alone."""
    allowed = {*MAY_IMPORT[room], "__version__"}
    wrong = [
        f"{s.name}:{line} imports {other}"
        for s in sources(PACKAGE)
        if s.room == room
        for line, other in sorted(rooms_imported(s))
        if other not in allowed
    ]
    assert wrong == []


def test_only_dagsters_rooms_and_the_command_line_know_dagsters_rooms() -> None:
    """Otherwise dagster would come in by the back door."""
    wrong = [
        f"{s.name}:{line} imports {other}"
        for s in sources(PACKAGE)
        if s.room not in (*WITH_DAGSTER, "cli")
        for line, other in sorted(rooms_imported(s))
        if other in WITH_DAGSTER
    ]
    assert wrong == []


def test_nobody_imports_the_command_line() -> None:
    """What a second caller needs belongs in a room."""
    wrong = [s.name for s in sources(PACKAGE) if s.room not in ("cli", "__main__") for _, other in rooms_imported(s) if other == "cli"]
    assert wrong == []


def test_the_model_does_no_input_or_output() -> None:
    """The domain's rules are pure functions of values: every other room can call them anywhere."""
    doors = {"os", "io", "shutil", "socket", "subprocess", "sqlite3", "tempfile", "urllib", "yaml"}
    wrong = [f"{s.name}:{line} imports {top}" for s in sources(f"{PACKAGE}/model") for line, top in imported_tops(s) if top in doors]
    assert wrong == []


def modules_after_import(names: list[str], folder: Path) -> tuple[set[str], int]:
    """The top-level modules loaded, and the running threads, after importing `names` in a new process that works in `folder`."""
    code = (
        "import importlib, json, sys, threading\n"
        f"for name in {names!r}: importlib.import_module(name)\n"
        "print(json.dumps([sorted({m.split('.')[0] for m in sys.modules}), threading.active_count()]))"
    )
    environment = {**os.environ, "PYTHONDONTWRITEBYTECODE": "1", "HOME": str(folder), "MPLCONFIGDIR": str(folder.parent)}
    done = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, cwd=folder, env=environment, timeout=120)
    assert done.returncode == 0, done.stderr
    modules, threads = json.loads(done.stdout)
    return set(modules), threads


def test_importing_the_light_rooms_loads_no_heavy_library(tmp_path: Path) -> None:
    """Dagster loads accounts in every process it starts, and the command line answers `--help` at once."""
    names = [s.module for s in sources(PACKAGE) if s.room in LIGHT]
    modules, _ = modules_after_import(names, tmp_path)
    assert modules & set(HEAVY) == set()


def test_importing_everything_else_loads_no_dagster_writes_nothing_and_starts_nothing(tmp_path: Path) -> None:
    """An import with effects makes every test, tool and help text have them too."""
    folder = tmp_path / "empty"
    folder.mkdir()
    names = [
        s.module for s in sources(PACKAGE) if s.room not in WITH_DAGSTER and "/migrations/" not in s.name and "/versions/" not in s.name
    ]
    modules, threads = modules_after_import(names, folder)
    assert {m for m in modules if m.startswith("dagster")} == set()
    assert list(folder.iterdir()) == []
    assert threads == 1
