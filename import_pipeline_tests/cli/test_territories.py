"""Territories on the command line: import, plan, map, export, records by territory (acceptance B-14).

Belongs here: what the commands print and write. Does not belong here: rules of territories (scenarios/).
"""

from pathlib import Path

import pytest

from import_pipeline_tests.cli.conftest import Run
from import_pipeline_tests.scenarios.kml import box, kml

ACCOUNTS = "ExternalDataObjectId,Name,Lat,Lng\nA-1,One,5,2\nA-2,Two,5,8\n"


@pytest.fixture
def files(tmp_path: Path) -> Path:
    """Two accounts and two levels of territories."""
    (tmp_path / "Account_1.csv").write_text(ACCOUNTS)
    (tmp_path / "1_a.kml").write_text(kml(box("North &lt;b&gt;", 0, 0, 10, 10)))
    (tmp_path / "2_a.kml").write_text(kml(box("West", 0, 0, 5, 10)))
    return tmp_path


def test_territories_are_planned_imported_shown_and_exported(run: Run, files: Path) -> None:
    """Plan, map and exports tell the same; the page asks nobody for anything and shows hostile titles as text."""
    account = ("--account", "field_sales")
    assert run("import", files / "Account_1.csv", *account).code == 0
    planned = run("import", files / "1_a.kml", files / "2_a.kml", *account, "--dry-run")
    assert "records in another territory" in planned.stdout
    applied = run("import", files / "1_a.kml", files / "2_a.kml", *account, "--json").objects
    assert [(o["state"], o["counts"]["created"]) for o in applied] == [("applied", 1), ("applied", 1)]
    assert "map " in run("job", "2_a.kml").stdout
    found = run("records", *account, "--type", "Account", "--where", "territory=West", "--json").objects
    assert [(o["ExternalDataObjectId"], o["Territory"]) for o in found] == [("A-1", "West")]
    (told,) = run("map", *account, "--out", files / "map.html", "--json").objects
    page = Path(told["path"]).read_text()
    assert told["territories"] == 2
    assert ("North &lt;b&gt;" in page, "North <b>" in page) == (True, False)
    assert "://" not in page.replace("http://www.w3.org/2000/svg", "")
    (out,) = run("export", *account, "--type", "Territory", "--out", files / "out", "--json").objects
    names = sorted(p.name.partition("_2")[0] for p in (files / "out").glob("*.kml"))
    assert (out["rows"], names) == (2, ["1_Territory", "2_Territory"])
    back = run("import", *sorted((files / "out").glob("*.kml")), *account, "--json").objects
    assert [(o["counts"]["unchanged"], o["counts"]["updated"], o["counts"]["created"]) for o in back] == [(1, 0, 0), (1, 0, 0)]


def test_a_map_of_an_account_without_territories_says_what_to_state(run: Run) -> None:
    """Exit code 2, and nothing is written."""
    answer = run("map", "--account", "door_to_door")
    assert answer.code == 2
    assert "has no territories" in answer.stderr


def test_a_map_of_the_past_shows_what_was_there_then(run: Run, files: Path) -> None:
    """Acceptance B-9 for territories."""
    account = ("--account", "field_sales")
    run("import", files / "1_a.kml", *account)
    run("import", files / "2_a.kml", *account)
    (told,) = run("map", *account, "--as-of", "before:2_a.kml", "--out", files / "past.html", "--json").objects
    assert told["territories"] == 1
    assert "West" not in Path(told["path"]).read_text()
