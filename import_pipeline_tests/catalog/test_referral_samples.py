"""The sample files of the account `referrals` are what their script makes, and fit the account.

Belongs here: the samples as files. Does not belong here: what an import of them does (scenarios/).
"""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from import_pipeline.catalog import load_account
from import_pipeline.cli.demo_promises import PROMISED
from import_pipeline.model.row_error import CODES
from import_pipeline.settings import PACKAGE

SAMPLES = PACKAGE.parent / "data" / "samples"
FILES = sorted(path for path in (SAMPLES / "referrals").glob("*/*") if path.is_file())
EXPECTED = "expected_referral_errors.csv"


def expected() -> list[dict[str, str]]:
    """What an importer must find."""
    with (SAMPLES / EXPECTED).open(newline="") as lines:
        return list(csv.DictReader(lines))


def test_the_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    """A sample that was changed by hand would be lost with the next run of the script."""
    command = [sys.executable, "-B", str(SAMPLES / "make_referrals.py"), str(tmp_path)]
    subprocess.run(command, check=True, capture_output=True, timeout=60)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    assert made == {p.relative_to(SAMPLES): p.read_bytes() for p in (*FILES, SAMPLES / EXPECTED)}


@pytest.mark.parametrize("path", FILES, ids=lambda path: path.name)
def test_the_prefix_of_every_name_is_that_of_a_format(path: Path) -> None:
    """Acceptance A-10."""
    account = load_account(PACKAGE / "defs" / "referrals").account
    assert account is not None
    assert account.format_of_name(path.name) is not None


def test_what_is_promised_to_be_refused_is_what_is_expected() -> None:
    """The demonstration judges by both."""
    lines: dict[str, set[str]] = {}
    for row in expected():
        lines.setdefault(Path(row["file"]).name, set()).add(row["line"])
    promised = {
        name: counts["refused"] for (account, name), counts in PROMISED.items() if account == "referrals" and counts and "refused" in counts
    }
    assert promised == {name: len(found) for name, found in lines.items()}
    assert {row["code"] for row in expected()} <= set(CODES)
