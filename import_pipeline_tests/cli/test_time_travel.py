"""`export --as-of`, `records --as-of` and `diff`: the past as people ask for it."""

import csv
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from import_pipeline.store.horizon import prune_history
from import_pipeline.store.session import open_store
from import_pipeline_tests.cli.conftest import HEADER, Run, runner
from import_pipeline_tests.lineage.kit import Home

ACCOUNTS = ("-a", "field_sales", "-t", "Account")


@pytest.fixture(scope="module")
def ids(look: Run, full: Home) -> dict[str, str]:
    """Job ids by file name."""
    return {o["file"]: o["job"] for o in look("jobs", "--json").objects}


@pytest.fixture(scope="module")
def look(full: Home) -> Run:
    """Commands on the full home."""
    return runner(full.environment)


def lines(path: object) -> list[dict[str, str]]:
    with Path(str(path)).open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def test_an_export_as_of_a_job_holds_what_was_there_right_after_it(look: Run, ids: dict[str, str], tmp_path: Path) -> None:
    """Before the first import there is nothing, after it A-1 has five employees, now it has seven."""

    def employees(*moment: str) -> dict[str, str]:
        (told,) = look("export", *ACCOUNTS, *moment, "-o", tmp_path, "--json").objects
        rows = lines(told["path"])
        assert told["rows"] == len(rows)
        return {r["ExternalDataObjectId"]: r["Employees"] for r in rows}

    first, second = ids["Account_1.csv"], ids["Account_2.csv"]
    assert employees("--as-of", f"before:{first}") == {}
    assert employees("--as-of", first) == employees("--as-of", f"before:{second}") == {"A-1": "5", "A-2": "6"}
    assert employees("--as-of", second) == employees("--as-of", "now") == employees() == {"A-1": "7", "A-2": "6"}
    assert len(list(tmp_path.glob("Account_*.csv"))) == 6
    shown = look("export", *ACCOUNTS, "--as-of", first, "-o", tmp_path).stdout
    assert f"2 records of Account as of {first} (20" in shown


def test_records_are_printed_as_of_a_moment(look: Run, ids: dict[str, str]) -> None:
    """Narrowed by what they held then."""
    asked = ("records", *ACCOUNTS, "--json", "--as-of", ids["Account_1.csv"], "--where", "Preferred Partner=true")
    assert [(o["Name"], o["Employees"]) for o in look(*asked).objects] == [("Acme", 5)]
    assert look("records", *ACCOUNTS, "--as-of", f"before:{ids['Account_1.csv']}", "--json").objects == []
    assert look("records", *ACCOUNTS, "--as-of", "2020-01-01").stdout.count("\n") == 1


def test_a_diff_tells_what_one_import_did(look: Run, ids: dict[str, str], tmp_path: Path) -> None:
    """`diff before:JOB JOB`: one line per field, and the job and line that it came from."""
    job = ids["Account_2.csv"]
    path = tmp_path / "what.csv"
    shown = look("diff", f"before:{job}", job, *ACCOUNTS, "--out", path)
    assert shown.code == 0
    assert f"Account: 0 created, 1 changed (1 field), 0 deleted: {path}" in shown.stdout
    (line,) = lines(path)
    assert {k: line[k] for k in ("change", "external_id", "column", "old", "new", "job", "line")} == {
        "change": "changed", "external_id": "A-1", "column": "Employees", "old": "5", "new": "7", "job": job, "line": "2",
    }  # fmt: skip
    assert datetime.fromisoformat(line["changed_at"]) <= datetime.now(UTC)


def test_a_diff_without_type_writes_one_file_per_type(look: Run, ids: dict[str, str], tmp_path: Path) -> None:
    """The second moment is now when none is given."""
    told = {
        o["object_type"]: o for o in look("diff", f"before:{ids['Account_1.csv']}", "-a", "field_sales", "-o", tmp_path, "--json").objects
    }
    assert {name: (o["created"], o["changed"], o["deleted"]) for name, o in told.items()} == {
        "Account": (2, 0, 0), "Contact": (1, 0, 0), "Opportunity": (0, 0, 0), "Territory": (0, 0, 0),
    }  # fmt: skip
    assert {r["new"] for r in lines(told["Contact"]["path"]) if r["column"] == "Name"} == {"Zoë"}
    assert sorted(Path(o["path"]).name for o in told.values()) == sorted(p.name for p in tmp_path.glob("diff_*.csv"))


@pytest.mark.parametrize(
    ("moment", "said"),
    [
        ("2999-01-01", "has not come yet"),
        ("nojobid1", "unknown moment, job or delivery 'nojobid1'"),
        ("before:nojobid1", "a job or delivery (right after it), or before:JOB"),
        ("", "unknown moment"),
        ("2026-02-30", "names no moment"),
        ("2026-03-08T02:30", "never comes"),
    ],
)
def test_a_moment_that_cannot_be_read_is_wrong_usage_and_nothing_is_written(look: Run, tmp_path: Path, moment: str, said: str) -> None:
    """Exit code 2, one line on stderr, no file."""
    for command in (("export", "-o", tmp_path / "x"), ("diff", "-o", tmp_path / "x.csv"), ("records",)):
        name, *more = command
        asked = [name, moment] if name == "diff" else [name, "--as-of", moment]
        answer = look(*asked, *ACCOUNTS, *more)
        assert (answer.code, answer.stdout) == (2, "")
        assert said in answer.stderr
    assert list(tmp_path.iterdir()) == []


def test_a_job_whose_history_was_pruned_is_refused_with_the_horizon_and_the_setting(home: Home, tmp_path: Path) -> None:
    """The states before it can no longer be told from wrong ones; those of today can."""
    for number, employees in enumerate((5, 6, 7)):
        home.deliver(home.csv(f"Account_{number}.csv", HEADER, f"A-1,Acme,{employees},Prospect,"))
    run = runner(home.environment)
    newest, _, oldest = (o["job"] for o in run("jobs", "--json").objects)
    account = home.pipeline.account("field_sales")
    with open_store(home.pipeline.settings, "field_sales", writable=True) as session:
        cut = session.one("SELECT max(_valid_from) FROM store.account") + timedelta(microseconds=1)
        assert prune_history(session, account.object_types, cut) == {"Account": 2}
    to = ("-o", tmp_path / "x")
    for moment in (oldest, f"before:{oldest}", f"before:{newest}"):
        as_of = ("--as-of", moment)
        for asked in (("export", *ACCOUNTS, *as_of, *to), ("diff", moment, "-a", "field_sales", *to), ("records", *ACCOUNTS, *as_of)):
            answer = run(*asked)
            assert (answer.code, answer.stdout) == (2, "")
            assert "cannot be read" in answer.stderr and "History is kept for 400 days" in answer.stderr
            assert "stated in defs.yaml of the account field_sales" in answer.stderr
    assert not (tmp_path / "x").exists()
    assert run("export", *ACCOUNTS, "--as-of", "now", "-o", tmp_path / "x").code == 0
