"""Start-up, the demonstration's home and promises, and the processes of an instance."""

import csv
import json
import os
import signal
import subprocess
import sys
import time
from collections.abc import Iterable
from pathlib import Path

import psutil
import pytest

from import_pipeline.cli.demo_promises import PROMISED
from import_pipeline.cli.demo_samples import MARKER, SAMPLES, make_anew, waves
from import_pipeline.cli.services import Service, only_one
from import_pipeline.failures import PermanentFailure
from import_pipeline.settings import Settings
from import_pipeline_tests.cli.conftest import Run

PROGRAM = Path(sys.executable).with_name("import-pipeline")


def test_help_answers_at_once() -> None:
    """Half a second is what a person does not notice; a heavy library at the top of a command module would cost two."""
    before = os.times()
    code = "import sys; from import_pipeline.cli.app import app; print(sorted({m.split('.')[0] for m in sys.modules}))"
    loaded = subprocess.run([sys.executable, "-c", code], capture_output=True, text=True, check=True).stdout
    shown = subprocess.run([PROGRAM, "--help"], capture_output=True, text=True, check=True, env={**os.environ, "COLUMNS": "120"}).stdout
    after = os.times()
    assert {"dagster", "polars", "duckdb", "sqlalchemy", "pydantic", "pandera"} & set(eval(loaded)) == set()
    assert (after.children_user + after.children_system - before.children_user - before.children_system) / 2 < 0.5
    assert all(f" {name} " in shown for name in ("demo", "up", "check", "import", "export", "records", "template", "jobs", "job", "where"))


def test_a_demonstration_never_touches_a_home_that_it_did_not_make(run: Run, tmp_path: Path) -> None:
    """A wrong --home must not cost anybody their data."""
    home = tmp_path / "precious"
    home.mkdir()
    (home / "ledger.sqlite").write_text("years of work")
    answer = run("demo", "--home", home)
    assert (answer.code, "it is left alone" in answer.stderr) == (2, True)
    assert {p.name: p.read_text() for p in home.iterdir()} == {"ledger.sqlite": "years of work"}


def test_a_demonstrations_own_home_is_made_anew(tmp_path: Path) -> None:
    """The second demonstration shows the same as the first; what a link in it points to is not followed."""
    outside = tmp_path / "outside"
    outside.mkdir()
    (outside / "kept").touch()
    home = tmp_path / "demo"
    make_anew(home)
    (home / "vault").mkdir()
    (home / "vault" / "old").touch()
    (home / "link").symlink_to(outside)
    make_anew(home)
    assert [p.name for p in home.iterdir()] == [MARKER]
    assert (outside / "kept").exists()


def test_samples_that_are_not_there_are_wrong_usage(run: Run, tmp_path: Path) -> None:
    """An installed package has no samples beside it; the message tells what is missing."""
    answer = run("demo", "--home", tmp_path / "demo", "--samples", tmp_path)
    assert (answer.code, "holds no sample files" in answer.stderr) == (2, True)
    assert not (tmp_path / "demo").exists()


def table(path: Path) -> list[dict[str, str]]:
    """A sample CSV."""
    with path.open(encoding="utf-8-sig", newline="") as lines:
        return list(csv.DictReader(lines))


def changed(sent: Iterable[dict[str, str]], stored: Iterable[dict[str, str]], key: str, ignored: set[str]) -> tuple[int, int]:
    """(updated, unchanged): rows that give a value other than the stored one, and rows that do not; blanks give none."""
    known = {row[key]: row for row in stored}

    def number(text: str) -> object:
        return float(text) if text.replace(".", "", 1).isdigit() else text

    hits = [any(v and number(v) != number(known[row[key]][c]) for c, v in row.items() if c not in ignored) for row in sent]
    return sum(hits), len(hits) - sum(hits)


def test_what_the_demonstration_promises_is_what_the_samples_hold() -> None:
    """The numbers are computed here from the files, without any of the importer's code."""
    sales, leads = SAMPLES / "field_sales", SAMPLES / "door_to_door"
    refused: dict[str, set[str]] = {}
    for row in (*table(SAMPLES / "expected_errors.csv"), *table(SAMPLES / "expected_case_errors.csv")):
        refused.setdefault(Path(row["file"]).name, set()).add(row["line"])
    for (_, name), promise in PROMISED.items():
        if promise and name.endswith("_dirty.csv"):
            assert promise["refused"] == len(refused[name])
    accounts, updates = table(sales / "1_first/Account_2026-11-01.csv"), table(sales / "2_later/Account_2026-11-02_update.csv")
    updated, unchanged = changed(updates, accounts, "ExternalDataObjectId", {"Last Visit Result"})
    assert PROMISED["field_sales", "Account_2026-11-02_update.csv"] == {
        "rows": len(updates), "good": len(updates), "updated": updated, "unchanged": unchanged,
    }  # fmt: skip
    lead_updates = table(leads / "2_later/leads_2026-11-02_update.csv")
    updated, unchanged = changed(lead_updates, table(leads / "1_first/leads_2026-11-01.csv"), "ExternalLeadId", set())
    assert PROMISED["door_to_door", "leads_2026-11-02_update.csv"] == {
        "rows": len(lead_updates), "good": len(lead_updates), "updated": updated, "unchanged": unchanged,
    }  # fmt: skip
    assert (sales / "2_later/Account_2026-11-01_again.csv").read_bytes() == (sales / "1_first/Account_2026-11-01.csv").read_bytes()


def test_every_sample_file_has_a_promise() -> None:
    """A new sample without one would go through the demonstration unjudged."""
    files = {(s.account, s.path.name) for wave in waves(SAMPLES) for s in wave}
    members = {("field_sales", "Account_partner.csv"), ("field_sales", "Contact_partner.csv")}
    assert set(PROMISED) == files - {("field_sales", "partner_2026-11-01.zip")} | members


def test_a_home_has_one_instance_at_a_time(tmp_path: Path) -> None:
    """Two daemons of one home would look at the same trees and answer the same files."""
    settings = Settings.from_environment({"IMPORT_PIPELINE_HOME": str(tmp_path)})
    with only_one(settings), pytest.raises(PermanentFailure, match="an instance runs in"), only_one(settings):
        pass
    with only_one(settings):
        pass


def test_a_process_that_does_not_end_is_ended_with_its_children(tmp_path: Path) -> None:
    """Nothing may hold the home after `up` has stopped."""
    code = "trap '' TERM; sleep 100 & echo up; while true; do sleep 100; done"
    process = subprocess.Popen(["sh", "-c", code], start_new_session=True, stdout=subprocess.PIPE)
    assert process.stdout is not None and process.stdout.readline() == b"up\n"
    child = psutil.Process(process.pid).children()[0]
    service = Service("stubborn", process, tmp_path / "log")
    assert service.running
    process.terminate()
    service.end(0.2)
    process.stdout.close()
    assert process.returncode == -signal.SIGKILL
    end = time.monotonic() + 20  # the kernel ends a killed process when it is scheduled next
    while child.is_running() and child.status() != psutil.STATUS_ZOMBIE and time.monotonic() < end:
        time.sleep(0.01)
    assert not child.is_running() or child.status() == psutil.STATUS_ZOMBIE


def test_a_process_that_ended_is_told_with_the_end_of_its_log(tmp_path: Path) -> None:
    """«The daemon has ended» alone sends people searching."""
    log = tmp_path / "daemon.log"
    log.write_text("first\n" * 100 + "disk full\n")
    process = subprocess.Popen([sys.executable, "-c", "raise SystemExit(3)"], start_new_session=True)
    service = Service("daemon", process, log)
    while service.running:
        time.sleep(0.01)
    told = service.told_end()
    service.end(0)
    assert told.startswith("the daemon has ended") and told.endswith("disk full") and len(told.splitlines()) < 20


@pytest.mark.slow
@pytest.mark.live
def test_the_demonstration_keeps_every_promise_within_three_minutes(tmp_path: Path) -> None:
    """The first thing that a newcomer runs; everything in it goes through the real daemon."""
    begun = time.monotonic()
    done = subprocess.run([PROGRAM, "demo", "--home", tmp_path / "demo"], capture_output=True, text=True, timeout=280, check=False)
    assert (done.returncode, done.stderr) == (0, ""), done.stdout[-3000:]
    assert "every file's answer is what the samples promise" in done.stdout
    assert time.monotonic() - begun < 180
    assert _processes_of(tmp_path / "demo") == []


@pytest.mark.slow
@pytest.mark.live
@pytest.mark.timeout(540)
def test_up_answers_a_dropped_file_and_leaves_nothing_behind_when_it_is_stopped(tmp_path: Path) -> None:
    """SIGTERM, as a service manager sends it."""
    from import_pipeline.cli.services import free_port

    environment = {**os.environ, "IMPORT_PIPELINE_HOME": str(tmp_path), "PYTHONUNBUFFERED": "1"}
    arguments = [PROGRAM, "up", "--port", str(free_port())]
    with subprocess.Popen(arguments, env=environment, stdout=subprocess.PIPE, stderr=subprocess.STDOUT, text=True) as process:
        assert process.stdout is not None
        for line in process.stdout:
            if "Ctrl-C" in line:
                break
        tree = tmp_path / "landing/door_to_door/Leads/Import"
        (tree / "New" / "leads.csv").write_text("ExternalLeadId,First Name\nL-1,Ana\n")
        end = time.monotonic() + 90
        while not list((tree / "Success").glob("leads.*.receipt.json")) and time.monotonic() < end:
            time.sleep(0.2)
        (receipt,) = (tree / "Success").glob("leads.*.receipt.json")
        process.terminate()
        # An import under way ends first, which `up` waits for.
        assert process.wait(330) == 0
    assert json.loads(receipt.read_text())["counts"]["created"] == 1
    assert _processes_of(tmp_path) == []


def _processes_of(home: Path) -> list[str]:
    """Command lines of processes that still work in this home."""
    told = [(" ".join(p.info["cmdline"] or []), p.info["cwd"] or "") for p in psutil.process_iter(["cmdline", "cwd"])]
    return [line for line, folder in told if str(home) in line or folder.startswith(str(home))]
