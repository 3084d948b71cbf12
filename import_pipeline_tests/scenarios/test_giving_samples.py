"""The sample files of the account `giving`: what their script makes, and what an import of each over HTTP finds.

Belongs here: the samples, as files and imported. Does not belong here: the interface's rules (test_giving.py).
"""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.scenarios.giving import giving_site

pytestmark = pytest.mark.here
SAMPLES = PACKAGE.parent / "data" / "samples"
EXPECTED = SAMPLES / "expected_giving_errors.csv"
SENT = {
    "supporters.csv": ("supporters", "120 rows: 120 added, 0 updated, 0 unchanged, 0 refused"),
    "crm.csv": ("crm", "30 rows: 0 added, 30 updated, 0 unchanged, 0 refused"),
    "supporters_later.csv": ("supporters", "20 rows: 11 added, 3 updated, 1 unchanged, 5 refused"),
    "importTransactions.csv": ("importTransactions", "23 rows: 20 added, 0 updated, 0 unchanged, 3 refused"),
    "importTransactions_payments.csv": ("importTransactions", "9 rows: 9 added, 0 updated, 0 unchanged, 0 refused"),
}
"""File: its format, and what becomes of it, in this order."""


def test_the_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    """A sample that was changed by hand would be lost with the next run of the script."""
    subprocess.run([sys.executable, "-B", str(SAMPLES / "make_giving.py"), str(tmp_path)], check=True, capture_output=True, timeout=60)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = [*(p for p in (SAMPLES / "giving").rglob("*") if p.is_file()), EXPECTED]
    assert made == {p.relative_to(SAMPLES): p.read_bytes() for p in kept} and {p.name for p in kept} == {*SENT, EXPECTED.name}


def test_every_sample_is_imported_and_just_the_expected_rows_are_refused(tmp_path: Path) -> None:
    """Compared by line, column and code."""
    with EXPECTED.open(newline="") as lines:
        expected = [(Path(row["file"]).name, int(row["line"]), row["column"], row["code"]) for row in csv.DictReader(lines)]
    with giving_site(tmp_path) as giving:
        for name, (format_name, results) in SENT.items():
            row = giving.imported((SAMPLES / "giving" / "http" / name).read_bytes(), name=name, formatName=format_name)
            assert (name, row["results"]) == (name, results)
            job = giving.site.jobs()[-1]
            assert (giving.site.errors(job) if job.errors_file else set()) == {tuple(told) for file, *told in expected if file == name}
        kinds = [row["Campaign Type"] for row in giving.exported()]
        assert {kind: kinds.count(kind) for kind in set(kinds)} == {"PET": 60, "SVY": 30, "FCS": 9}
