"""The README's tour, run as it stands: what it promises is what a newcomer sees."""

import os
import re
import subprocess
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PROMISES = (
    "Dry run, nothing was written: all 200 rows would be imported: 200 created.",
    "39 of 60 rows were imported (39 created). 21 rows were refused",
    "All 60 rows were imported: 35 updated, 25 unchanged.",
    "Nothing was written. To do it: import-pipeline undo",
    "is undone: 35 restored.",
    "Replay 1 added: 2 created.",
    "1 of the 19 refused rows came in since",
    "0 records of Account as of yesterday",
    "239 records of Account as of Account_2026-11-02_update.csv",
    "Account: 0 created, 35 changed (40 fields), 0 deleted",
)


@pytest.mark.slow
def test_the_tour_of_the_readme_does_what_it_shows(tmp_path: Path) -> None:
    """Plan, import, undo, a rule mended and replayed, rows fixed and sent back, an export as of yesterday."""
    readme = (ROOT / "README.md").read_text(encoding="utf-8")
    (block,) = re.findall(r"<!-- tour:begin -->\n```bash\n(.*?)```\n<!-- tour:end -->", readme, flags=re.DOTALL)
    environment = {**os.environ, "TMPDIR": str(tmp_path)}
    done = subprocess.run(["bash", "-e", "-c", block], cwd=ROOT, env=environment, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stderr[-3000:]
    # Panels break long lines.
    shown = " ".join(re.sub(r"[│╭╰╮╯─]", " ", done.stdout).split())
    assert [promise for promise in PROMISES if promise not in shown] == []
    pages = list(tmp_path.rglob("*.plan.html"))
    assert len(pages) == 3  # the import, and the undo twice: `--yes` plans first
