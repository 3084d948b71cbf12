"""The files around the code: packaging, Makefile, CI and Dagster's entry files agree with each other.

Belongs here: rules on files of the project's root. Does not belong here: rules on Python files.
"""

import re
import subprocess
import tomllib

import pytest
import yaml

from import_pipeline_tests.architecture.sources import ROOT

WORKSHOP = ("pyproject.toml", "constraints.txt", "Makefile", ".ci/run", ".pre-commit-config.yaml", "workspace.yaml")
PROJECT = tomllib.loads((ROOT / "pyproject.toml").read_text())


def folded(name: str) -> str:
    """A distribution's name as package indexes compare it."""
    return re.sub(r"[-_.]+", "-", name).lower()


def test_every_entry_to_dagster_names_the_same_code_location() -> None:
    """Runs, schedules and sensors are kept under the location's name: under a second name they would all be gone."""
    (entry,) = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"]
    module = entry["python_module"]
    dg, dagster = PROJECT["tool"]["dg"]["project"], PROJECT["tool"]["dagster"]
    assert module["location_name"] == dg["code_location_name"] == dagster["code_location_name"] == "import_pipeline"
    assert module["module_name"] == dagster["module_name"] == "import_pipeline.definitions"


@pytest.mark.parametrize("name", WORKSHOP)
def test_no_address_of_a_host_stands_in_the_workshops_files(name: str) -> None:
    """Where packages come from is each machine's own setting; a host written here would be right on one machine only."""
    text = (ROOT / name).read_text()
    found = re.findall(r"\b(?:https?|ftp|ssh|git)://\S+|\bgit@\S+|\b[\w-]+\.(?:com|org|net|io)\b", text)
    assert found == []


def test_constraints_pin_every_dependency_to_one_version_and_nothing_else() -> None:
    """The same versions on every machine; an option or a path in the file would hold on one machine only."""
    lines = (ROOT / "constraints.txt").read_text().splitlines()
    assert [line for line in lines if not re.fullmatch(r"[A-Za-z0-9_.-]+==[^\s;]+", line)] == []
    pinned = {folded(line.split("==")[0]) for line in lines}
    assert len(pinned) == len(lines)
    stated = [*PROJECT["project"]["dependencies"], *PROJECT["project"]["optional-dependencies"]["dev"]]
    assert {folded(re.split(r"[\[=~<>! ]", name)[0]) for name in stated} - pinned == set()


def test_make_lists_each_target_with_what_it_does() -> None:
    """`make` alone is the first thing that a newcomer types."""
    shown = subprocess.run(["make", "--no-print-directory"], cwd=ROOT, capture_output=True, text=True, check=True).stdout
    text = (ROOT / "Makefile").read_text()
    targets = set(re.search(r"^\.PHONY: (.*)$", text, re.MULTILINE)[1].split())  # type: ignore[index]
    assert {line.split()[1] for line in shown.splitlines()} == targets
    assert {"setup", "demo", "up", "test", "test-all", "lint", "bench", "clean", "templates"} <= targets


def test_ci_runs_the_same_targets_as_people_do() -> None:
    """A check that only CI can run is found too late."""
    text = (ROOT / ".ci/run").read_text()
    assert "set -euo pipefail" in text
    assert re.findall(r"^make (\S+)$", text, re.MULTILINE) == ["lint", "test", "test-all"]
    assert (ROOT / ".ci/run").stat().st_mode & 0o111
