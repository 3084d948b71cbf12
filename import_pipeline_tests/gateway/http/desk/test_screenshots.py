"""`make screenshots` takes every picture that the README shows."""

import re
import subprocess
import sys
from pathlib import Path

import pytest

from import_pipeline_tests.gateway.http.desk.screenshots import NAMES, ROOT


@pytest.mark.slow
def test_every_picture_is_taken_from_a_page_that_works(tmp_path: Path) -> None:
    """As `make screenshots` runs; a page that fails has no heading to wait for, or fails the window's own checks."""
    command = [sys.executable, "-m", "import_pipeline_tests.gateway.http.desk.screenshots", str(tmp_path)]
    done = subprocess.run(command, cwd=ROOT, capture_output=True, text=True, timeout=300, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    made = [tmp_path / f"{name}.png" for name in NAMES]
    assert done.stdout.split()[-len(made) :] == [str(path) for path in made]
    assert all(path.read_bytes().startswith(b"\x89PNG") and path.stat().st_size > 20_000 for path in made)
    assert len({path.read_bytes() for path in made}) == len(NAMES)


def test_the_readme_shows_these_pictures() -> None:
    """None is missing, and none is made for nothing."""
    shown = re.findall(r"docs/images/(desk_\w+)\.png", (ROOT / "README.md").read_text())
    assert sorted(set(shown)) == sorted(NAMES)
    assert all((ROOT / "docs" / "images" / f"{name}.png").is_file() for name in NAMES)
