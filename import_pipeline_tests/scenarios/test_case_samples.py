"""The sample files of the account `cases`: what their script makes, and what an import of each finds.

Belongs here: the samples, as files and imported. Does not belong here: the rules of cases (test_cases.py).
"""

import csv
import subprocess
import sys
from pathlib import Path

import pytest

from import_pipeline.cli.demo_promises import PROMISED
from import_pipeline.settings import PACKAGE
from import_pipeline_tests.scenarios.cases import cases_site

pytestmark = pytest.mark.here
SAMPLES = PACKAGE.parent / "data" / "samples"
EXPECTED = SAMPLES / "expected_case_errors.csv"


def test_the_script_makes_the_committed_files_byte_for_byte(tmp_path: Path) -> None:
    """A sample that was changed by hand would be lost with the next run of the script."""
    subprocess.run([sys.executable, "-B", str(SAMPLES / "make_cases.py"), str(tmp_path)], check=True, capture_output=True, timeout=60)
    made = {p.relative_to(tmp_path): p.read_bytes() for p in tmp_path.rglob("*") if p.is_file()}
    kept = [*(p for p in (SAMPLES / "cases").rglob("*") if p.is_file()), EXPECTED]
    assert made == {p.relative_to(SAMPLES): p.read_bytes() for p in kept}


def test_every_sample_is_imported_as_promised_and_just_the_expected_rows_are_refused(tmp_path: Path) -> None:
    """Compared by line, column and code. The client's own layout is imported by its saved format."""
    with EXPECTED.open(newline="") as lines:
        expected = {(Path(told["file"]).name, int(told["line"]), told["column"], told["code"]) for told in csv.DictReader(lines)}
    found: set[tuple[str, int, str, str]] = set()
    with cases_site(tmp_path) as cases:
        for path in sorted((SAMPLES / "cases").glob("[12]_*/*.csv")):
            job = cases.site.deliver(path.name, path.read_bytes())
            promise = PROMISED["cases", path.name] or {}
            assert {name: number for name, number in job.counts.model_dump().items() if number} == promise
            found |= {(path.name, *told) for told in cases.site.errors(job)} if job.errors_file else set()
        weekly = cases.submitted(SAMPLES / "cases" / "desk" / "northwind_weekly.csv", format="northwind weekly")
        assert (weekly.state, weekly.counts.created) == ("applied", 25)
        assert {told[:2] for told in cases.cases("Client", "Case Type")} == {
            ("Blue Harbor Insurance", "Claims Investigation"),
            ("Northwind Mutual", "Surveillance"),
        }
    assert found == expected
