"""`import`: what it prints, and which exit code it ends with."""

import hashlib
import json
import os
import subprocess
import sys
from pathlib import Path

import pytest

from import_pipeline_tests.cli.conftest import HEADER, Run
from import_pipeline_tests.lineage.kit import Home

COUNTS = {"rows", "good", "refused", "created", "updated", "unchanged", "deleted", "parked"}


def command(home: Home, *arguments: object) -> "subprocess.CompletedProcess[str]":
    """The installed command in a process of its own."""
    program = Path(sys.executable).with_name("import-pipeline")
    environment = {**os.environ, **home.environment}
    return subprocess.run(
        [str(program), *(str(a) for a in arguments)],
        env=environment,
        cwd=home.files,
        capture_output=True,
        text=True,
        timeout=120,
        check=False,
    )


def test_one_file_prints_one_json_object_and_nothing_else(home: Home) -> None:
    """A script reads stdout to its end; one line of a log in it and the script is broken."""
    path = home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,Y", "A-2,Bolt,many,Prospect,")
    done = command(home, "import", path, "--account", "field_sales", "--json")
    assert (done.returncode, done.stderr) == (0, "")
    told = json.loads(done.stdout)
    assert done.stdout.count("\n") == 1
    assert told["counts"] == dict.fromkeys(COUNTS, 0) | {"rows": 2, "good": 1, "refused": 1, "created": 1}
    assert (told["state"], told["object_type"]) == ("applied", "Account")
    assert told["sha256"] == hashlib.sha256(path.read_bytes()).hexdigest()
    for name in ("receipt", "errors_file", "failed_file"):
        assert told["job"] in Path(told[name]).name and Path(told[name]).is_file(), name
    assert path.exists()
    assert "RUN_SUCCESS" in (home.pipeline.settings.home / "logs" / "import.log").read_text()


def test_several_files_print_one_object_each_and_a_refused_one_makes_the_exit_code_1(home: Home, run: Run) -> None:
    """A script must not take a delivery for imported when one of its files was refused."""
    good = home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,Y")
    bad = home.csv("Account_2.csv", HEADER, "A-2,Bolt,many,Prospect,")
    unknown = home.csv("Acount_3.csv", HEADER, "A-3,Cord,1,Prospect,")
    answer = run("import", good, bad, unknown, "-a", "field_sales", "--json")
    assert answer.code == 1
    assert {(o["file"], o["state"]) for o in answer.objects} == {
        ("Account_1.csv", "applied"),
        ("Account_2.csv", "failed"),
        ("Acount_3.csv", "failed"),
    }
    (told,) = (o for o in answer.objects if o["file"] == "Acount_3.csv")
    assert "Did you mean Account?" in told["reason"]
    again = run("import", good, "-a", "field_sales")
    assert again.code == 0
    assert "duplicate" in again.stdout and "the same bytes were imported before" in again.stdout


@pytest.mark.parametrize(
    ("arguments", "said"),
    [
        (
            ["-a", "field_sale"],
            "unknown account 'field_sale'. Known: cases, door_to_door, field_sales, giving, referrals. Did you mean 'field_sales'?",
        ),
        (
            ["-a", "field_sales", "-t", "Acount"],
            "unknown object type 'Acount'. Known: Account, Contact, Opportunity, Territory. Did you mean 'Account'?",
        ),
        (["-a", "field_sales", "--format", "old"], "unknown format 'old'. Known: none are configured."),
        ([], "there are 5 accounts; name one with --account: cases, door_to_door, field_sales, giving, referrals"),
    ],
)
def test_an_unknown_name_is_wrong_usage_and_lists_the_known_ones(home: Home, run: Run, arguments: list[str], said: str) -> None:
    """Nothing is booked for a command that cannot be meant."""
    answer = run("import", home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,Y"), *arguments)
    assert (answer.code, answer.stdout) == (2, "")
    assert said in answer.stderr
    assert run("jobs", "--json").stdout == ""


def test_a_file_that_is_not_there_is_wrong_usage(run: Run) -> None:
    """A typing error in a path must not look like a refused file."""
    answer = run("import", "nowhere.csv", "-a", "field_sales")
    assert (answer.code, answer.stdout) == (2, "")
    assert "'nowhere.csv' does not exist" in answer.stderr


def test_the_terminal_shows_progress_and_none_of_the_log(home: Home) -> None:
    """Hundreds of lines of events would hide the answer; they are in logs/import.log."""
    job = home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,Y"))["Account_1.csv"]
    log = home.files / "import.log"
    code = f"""
import os, sys, time
from pathlib import Path
from import_pipeline.cli.importing import progress, quiet
from import_pipeline.ledger import Ledger
with Ledger({home.pipeline.settings.ledger_url!r}) as ledger, quiet(Path({str(log)!r})), progress(ledger, {job.delivery!r}, 1, shown=True):
    print("noise of a print", flush=True)
    print("noise of a handler", file=sys.stderr, flush=True)
    os.write(2, b"noise of a child")
    time.sleep(1)
print("the answer")
"""
    screen, terminal = os.openpty()
    done = subprocess.run([sys.executable, "-c", code], stdout=subprocess.PIPE, stderr=terminal, text=True, timeout=60, check=True)
    os.close(terminal)
    shown = os.read(screen, 100_000).decode()
    os.close(screen)
    assert done.stdout == "the answer\n"
    assert "1 of 1 file done" in shown and "noise" not in shown
    assert {line for line in log.read_text().splitlines() if line} == {"noise of a print", "noise of a handler", "noise of a child"}
