"""Faults of the machine and hostile files: nothing is lost, nothing is doubled, and the end is that of an undisturbed run."""

import os
import random
import signal
import subprocess
import sys
import time
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest

from import_pipeline.landing.watch import tick
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here, Site

FAILED = "DataObjects/Import/Failed"
DUMPS = (
    'SELECT _id, "ExternalDataObjectId", "Name", "Employees", _version, _line, _pin_id FROM store.account ORDER BY _id',
    'SELECT _id, "Name", _version, _line FROM store._history_account ORDER BY _id, _version',
    'SELECT _id, "Name", _parent_id, _line FROM store.contact ORDER BY _id',
    "SELECT type, line, record, action FROM store._lineage ORDER BY ALL",
    "SELECT package, positions FROM store._packages ORDER BY ALL",
    "SELECT count(*) FROM store._parked_contact",
)


def _files(rows: int) -> dict[str, str]:
    accounts = [f"A{i},Company {i},{i if i % 50 else 'x'},Street {i % 97}" for i in range(rows)]
    again = [f"A{i},,{i + 1},Street {i % 97}" for i in range(0, rows, 3)]
    contacts = [f"C{i},Person {i},A{i * 7 % (rows + 20)}" for i in range(rows)]
    return {
        "Account_1.csv": "\n".join(["ExternalDataObjectId,Name,Employees,Street", *accounts, ""]),
        "Account_2.csv": "\n".join(["ExternalDataObjectId,Name,Employees,Street", *again, ""]),
        "Contact_1.csv": "\n".join(["ExternalDataObjectId,Name,RelatedTo", *contacts, ""]),
    }


def _make(folder: Path) -> Here:
    site = Here(folder)
    site.add_account("acme", [ACCOUNT, CONTACT])
    return site


def _state(site: Site) -> list[Any]:
    counts = sorted((j.name, j.state, j.counts.model_dump_json()) for j in site.jobs())
    folders = {
        name: sorted(n.split(".")[0] + n[n.rindex(".") :] for n in site.listing(f"DataObjects/Import/{name}"))
        for name in ("New", "Success", "Failed")
    }
    return [*(site.query(sql) for sql in DUMPS), counts, folders]


def _filled(folder: Path, rows: int) -> Here:
    """A site whose files lie in the vault as one delivery.

    A death before that may part them into two deliveries, which is right, but not the same as undisturbed (landing has its own tests
    of a death at every line).
    """
    site = _make(folder)
    for name, content in _files(rows).items():
        site.drop(name, content)
    while tick(site.pipeline.ledger, site.pipeline.account("acme"), site.settings, site.clock, "test").delivery is None:
        site.clock.jump(timedelta(seconds=3))
    return site


def _start(site: Site) -> "subprocess.Popen[bytes]":
    command = [sys.executable, "-m", "import_pipeline_tests.scenarios.one_run", str(site.folder), "acme"]
    root = Path(__file__).parents[2]
    return subprocess.Popen(command, stdout=subprocess.DEVNULL, stderr=subprocess.DEVNULL, cwd=root)


def _killed_and_undisturbed(tmp_path: Path, kills: int, rows: int) -> tuple[list[list[Any]], list[Any]]:
    """(final states of the sites whose runs were killed, `kills` times together, and the state of an undisturbed one).

    A site is killed again and again, each time at another point of a run's life, until one of its runs was quicker; then the next
    site begins.
    """
    calm, begun = _filled(tmp_path / "calm", rows), time.monotonic()
    assert _start(calm).wait() == 0
    whole, chance, landed, states = time.monotonic() - begun, random.Random(7), 0, []
    while landed < kills:
        site, ended = _filled(tmp_path / f"hit{len(states)}", rows), False
        while not ended:
            process = _start(site)
            if landed < kills:
                # Start-up is left out: it is a third of a run's life and touches nothing.
                time.sleep(whole * (0.33 + 0.67 * chance.random()))
            if landed < kills and process.poll() is None:
                landed += 1
                process.send_signal(signal.SIGKILL)
                process.wait()
                continue
            assert process.wait() == 0
            ended = True
        states.append(_state(site))
    return states, _state(calm)


def test_a_run_killed_again_and_again_ends_as_an_undisturbed_one(tmp_path: Path) -> None:
    """DESIGN section 3, line 5: kill -9 at any instruction, run again, same result."""
    states, calm = _killed_and_undisturbed(tmp_path, kills=3, rows=400)
    assert states == [calm] * len(states)


@pytest.mark.slow
@pytest.mark.timeout(1200)
def test_runs_killed_twenty_times_at_random_points_end_as_an_undisturbed_one(tmp_path: Path) -> None:
    """The issue's list of faults: twenty times over, at every stage."""
    states, calm = _killed_and_undisturbed(tmp_path, kills=20, rows=12_000)
    for state in states:
        assert state[-2:] == calm[-2:]
        assert state == calm


def test_a_death_between_claiming_and_vaulting_loses_no_file(tmp_path: Path) -> None:
    """Acceptance B-12: what the dead process had claimed is taken when its lease is over."""
    site = _make(tmp_path)
    for name, content in _files(20).items():
        site.drop(name, content)
    with pytest.MonkeyPatch.context() as patch, pytest.raises(KeyboardInterrupt):
        patch.setattr("import_pipeline.landing.take._copy", _interrupted)
        for _ in range(3):
            tick(site.pipeline.ledger, site.pipeline.account("acme"), site.settings, site.clock, "dead")
            site.clock.jump(timedelta(seconds=3))
    site.work()
    assert [(job.name, job.state) for job in site.jobs()] == [(name, "applied") for name in sorted(_files(20))]
    assert site.listing("DataObjects/Import/New") == []


def _interrupted(*_: object) -> None:
    raise KeyboardInterrupt


def test_a_reader_of_the_store_makes_the_import_wait_and_not_fail(site: Site) -> None:
    """DESIGN section 9, rule 8."""
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    code = "import duckdb, sys, time; c = duckdb.connect(sys.argv[1], read_only=True); print('held', flush=True); time.sleep(3)"
    reader = subprocess.Popen([sys.executable, "-c", code, str(site.settings.store_file("acme"))], stdout=subprocess.PIPE)
    assert reader.stdout and reader.stdout.readline() == b"held\n"
    try:
        assert site.deliver("Account_2.csv", "ExternalDataObjectId,Name\nA2,Beta\n").state == "applied"
    finally:
        reader.wait()
    assert len(site.records("Account")) == 2


@pytest.mark.skipif(os.geteuid() != 0, reason="mounting a small file system takes root; CI runs as root")
def test_a_full_disk_while_staging_fails_nothing_for_good(tmp_path: Path) -> None:
    """The machine's fault is tried again; with room the same delivery ends as if nothing had been."""
    site = _make(tmp_path / "site")
    staging = site.settings.staging
    staging.mkdir(parents=True)
    subprocess.run(["mount", "-t", "tmpfs", "-o", "size=256k", "tmpfs", str(staging)], check=True)
    try:
        content = "ExternalDataObjectId,Name\n" + "".join(f"A{i},Company number {i * 7919} of {i}\n" for i in range(20_000))
        site.drop("Account_1.csv", content)
        with pytest.MonkeyPatch.context() as patch:
            patch.setattr("import_pipeline.orchestration.faults._PAUSE", 0.01)
            _attempt(site)
            assert site.jobs()[0].state == "running" and site.query("SELECT count(*) FROM store.account") == [(0,)]
            subprocess.run(["mount", "-o", "remount,size=64m", str(staging)], check=True)
            site.work()
        assert (site.job("Account_1.csv").state, site.job("Account_1.csv").counts.created) == ("applied", 20_000)
    finally:
        subprocess.run(["umount", str(staging)], check=True)


def _attempt(site: Here) -> None:
    """One run of the delivery that waits, and no more."""
    rounds = site.rounds(limit=1)
    assert rounds == 1


@pytest.mark.parametrize(
    "name",
    [
        b"Account_with\nnewline.csv",
        b"Account_" + b"x" * 243 + b".csv",
        b"Account_\xff\xfe.csv",
        "Account_\U0001f600 über.csv".encode(),
        b"Account_$(rm -rf x);'\".csv",
    ],
    ids=["newline", "255 bytes", "invalid UTF-8", "emoji", "shell"],
)
def test_files_with_unreadable_names_are_imported_and_answered(site: Site, name: bytes) -> None:
    """A name is bytes; nothing of it is trusted."""
    target = os.fsencode(site.path("DataObjects/Import/New")) + b"/" + name
    with open(target, "wb") as out:  # noqa: PTH123 (a path of bytes)
        out.write(b"ExternalDataObjectId,Name\nA1,Acme\n")
    site.work()
    (job,) = site.jobs()
    assert job.state == "applied" and job.receipt and Path(job.receipt).exists()
    assert site.listing("DataObjects/Import/New") == []
    assert len(list(site.path("DataObjects/Import/Success").iterdir())) == 2


def test_links_devices_and_folders_are_never_opened(site: Site) -> None:
    """They stay where they are, and the file beside them is imported."""
    new = site.path("DataObjects/Import/New")
    (new / "Account_link.csv").symlink_to("/etc/passwd")
    (new / "Account_folder.csv").mkdir()
    os.mkfifo(new / "Account_pipe.csv")
    job = site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    assert job.state == "applied" and len(site.jobs()) == 1
    assert {"Account_link.csv", "Account_folder.csv", "Account_pipe.csv"} <= {p.name for p in new.iterdir()}


def test_a_row_of_five_thousand_columns_and_nul_bytes_cost_only_their_rows(site: Site) -> None:
    """The issue's list of faults."""
    content = "ExternalDataObjectId,Name\nA1,Acme\n" + ",".join("x" * 5_000) + "\nA2,Be\0ta\nA3,Gamma\n"
    job = site.deliver("Account_1.csv", content)
    assert (job.counts.created, site.errors(job)) == (2, {(3, "", "field_count"), (4, "", "nul_byte")})
    wide = "ExternalDataObjectId,Name," + ",".join(f"c{i}" for i in range(5_000)) + "\nA9,Acme\n"
    assert site.deliver("Account_2.csv", wide).fault is None
    assert site.job("Account_2.csv").state == "failed"


@pytest.mark.slow
@pytest.mark.timeout(600)
def test_a_line_of_two_gigabytes_costs_its_row_and_little_memory(site: Site) -> None:
    """The issue's list of faults: read through, never held."""
    target = site.path("DataObjects/Import/New", "Account_1.csv")
    with target.with_suffix(".part").open("wb") as out:
        out.write(b"ExternalDataObjectId,Name\nA1,Acme\nA2,")
        for _ in range(2_048):
            out.write(b"x" * 1_048_576)
        out.write(b"\nA3,Gamma\n")
    target.with_suffix(".part").rename(target)
    site.work()
    job = site.job("Account_1.csv")
    assert (job.counts.created, site.errors(job)) == (2, {(3, "", "line_too_long")})


def test_a_file_that_grows_while_it_is_looked_at_is_imported_once_and_whole(site: Site) -> None:
    """Acceptance B-12: half-written uploads are never read."""
    path = site.path("DataObjects/Import/New", "Account_1.csv")
    with path.open("w") as out:
        out.write("ExternalDataObjectId,Name\n")
        for i in range(5):
            out.write(f"A{i},Company {i}\n")
            out.flush()
            if not site.live:
                site.rounds(limit=0, looks=1)
            time.sleep(0.2)
    site.work()
    assert [(j.state, j.counts.created) for j in site.jobs()] == [("applied", 5)]
