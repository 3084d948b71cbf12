"""The record store on the DuckDB that comes after the pinned one (DESIGN section 10): the same tests, the same statements.

Belongs here: on what else the store is run. Does not belong here: the tests themselves (store/, applying/).
"""

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
VERSION = "2.0.0"
SUITES = ("store", "applying", "exporting")


@pytest.mark.slow
@pytest.mark.timeout(1500)
def test_the_store_and_what_writes_and_exports_it_hold_on_duckdb_2(tmp_path: Path) -> None:
    """Installed beside the pinned version, for one process; nothing of the environment changes."""
    beside = tmp_path / "duckdb"
    install = [sys.executable, "-m", "pip", "install", "-q", "--no-deps", "--target", str(beside), f"duckdb=={VERSION}"]
    subprocess.run(install, check=True, capture_output=True, timeout=300)
    environment = {**os.environ, "PYTHONPATH": os.pathsep.join((str(beside), str(ROOT)))}
    told = subprocess.run(
        [sys.executable, "-c", "import duckdb; print(duckdb.__version__)"], env=environment, capture_output=True, text=True, check=True
    )
    assert told.stdout.strip() == VERSION
    folders = [f"import_pipeline_tests/{suite}" for suite in SUITES]
    command = [sys.executable, "-m", "pytest", "-q", "-n0", "-m", "not slow", "-p", "no:cacheprovider", *folders]
    done = subprocess.run(command, env=environment, cwd=ROOT, capture_output=True, text=True, timeout=1200, check=False)
    assert done.returncode == 0, done.stdout[-3000:]
    assert " passed" in done.stdout.splitlines()[-1]
