"""A change set is applied exactly once, whatever dies, repeats or competes (DESIGN sections 3 and 9, acceptance B-12)."""

import json
import subprocess
import sys
import time
from pathlib import Path

import pytest

from import_pipeline.applying.stage import apply_delivery
from import_pipeline.failures import TransientFailure
from import_pipeline.relating.stage import relate_delivery
from import_pipeline.store.session import Session, open_store
from import_pipeline_tests.applying.attempts import KEY, PERSON, Died, attempt, base, copy_of, person, statements
from import_pipeline_tests.lab import Lab


def test_a_crash_before_any_statement_and_a_retry_give_what_one_run_gives(tmp_path: Path) -> None:
    """The store and the change set must never be in a state from which a retry would go astray."""
    _crash_everywhere(tmp_path, every=17)


@pytest.mark.slow
def test_a_crash_before_every_statement_and_a_retry_give_what_one_run_gives(tmp_path: Path) -> None:
    """The same without gaps."""
    _crash_everywhere(tmp_path, every=1)


def _crash_everywhere(tmp_path: Path, *, every: int) -> None:
    lab = base(tmp_path / "base")
    with copy_of(tmp_path / "base", tmp_path / "whole", lab.now) as whole:
        relating, applying = statements(whole)
        expected = whole.dump()
    assert relating > 40 and applying > 40
    deaths = [(n, 1 << 30) for n in range(0, relating, every)] + [(1 << 30, n) for n in range(0, applying, every)]
    for relate_for, apply_for in deaths:
        with copy_of(tmp_path / "base", tmp_path / "copy", lab.now) as copy:
            with pytest.raises(Died):
                attempt(copy, relate_for=relate_for, apply_for=apply_for)
            attempt(copy)
            assert copy.dump() == expected, (relate_for, apply_for)


@pytest.mark.parametrize("trials", [3, pytest.param(20, marks=pytest.mark.slow)])
def test_attempts_killed_at_random_moments_and_a_last_one_give_what_one_run_gives(tmp_path: Path, trials: int) -> None:
    """An exception still runs clean-up code; kill -9 runs none, and leaves the write-ahead log as it is."""
    lab = base(tmp_path / "base")
    (tmp_path / "base" / "now.json").write_text(json.dumps(lab.now.isoformat()))
    with copy_of(tmp_path / "base", tmp_path / "whole", lab.now) as whole:
        attempt(whole)
        expected = whole.dump()
    command = [sys.executable, "-m", "import_pipeline_tests.applying.attempts", str(tmp_path / "base"), str(trials), str(trials)]
    done = subprocess.run(command, capture_output=True, text=True, timeout=240, check=True)
    results = [json.loads(line) for line in done.stdout.splitlines()]
    assert [r["status"] for r in results] == [0] * trials, done.stderr
    assert sum(r["killed"] for r in results) >= trials / 2
    for trial in range(trials):
        assert Lab(tmp_path / f"trial{trial}").dump() == expected


def test_applying_a_second_time_changes_nothing(tmp_path: Path) -> None:
    """A step that is run again by hand, or whose end was not noticed, must be harmless."""
    lab = base(tmp_path)
    attempt(lab)
    before, (validated, related) = lab.dump(), lab.stages("Person", KEY)
    assert lab.apply("Person", validated, related)["commits"] == 0
    assert lab.dump() == before


def test_a_delivery_replayed_unchanged_changes_no_record(tmp_path: Path) -> None:
    """Even rows that nothing but their line identifies are known again (acceptance B-5, B-7)."""
    lab = base(tmp_path)
    rows = [person(None, Name="No id"), person(None, Name="No id"), person("x", Name="X", RelatedTo="nobody")]
    lab.deliver("Person", rows, delivery="twice_")
    before = lab.dump()
    report = lab.deliver("Person", rows, delivery="twice_")
    after = lab.dump()
    assert report["jobs"]["twice_0"] == {"unchanged": 2, "park": 1}
    same = [t for t in before if t not in ("_change_sets", "_packages", "_lineage", "_lock", "_parked_person")]
    assert {t: after[t] for t in same} == {t: before[t] for t in same}
    assert [r[:5] for r in after["_parked_person"]] == [r[:5] for r in before["_parked_person"]]


def test_of_two_attempts_at_once_the_first_stops_and_nothing_is_doubled(tmp_path: Path) -> None:
    """A run that was thought dead may wake up after its retry has begun."""
    lab = base(tmp_path / "base")
    with copy_of(tmp_path / "base", tmp_path / "whole", lab.now) as whole:
        attempt(whole)
        expected = whole.dump()
    validated, related = lab.stages("Person", KEY)
    with lab.session(writable=True) as first:
        order = lab.apply_order("Person", validated, related)
        relate_delivery(first, lab.order("Person", KEY, [lab.job(KEY, PERSON, n) for n in range(2)]), validated, related)
        second, commits = Session(first._connection.cursor(), writable=True), []

        def meanwhile(job: str, done: int, total: int) -> None:
            commits.append(apply_delivery(second, order)["commits"])

        with pytest.raises(TransientFailure, match="another attempt"):
            apply_delivery(first, order, meanwhile)
    assert commits[0] > 0
    assert lab.dump() == expected


def test_progress_is_told_per_job_and_never_goes_back(tmp_path: Path) -> None:
    """People watch it (acceptance T-3); after a crash it goes on where it was."""
    lab, told = base(tmp_path), []
    with pytest.raises(Died):
        attempt(lab, apply_for=45)
    validated, related = lab.stages("Person", KEY)
    with lab.session(writable=True) as session:
        result = apply_delivery(session, lab.apply_order("Person", validated, related), lambda *now: told.append(now))
    for job, total in result["packages"].items():
        steps = [done for j, done, t in told if j == job and t == total]
        assert steps == sorted(steps)
        assert not steps or steps[-1] == total
    assert any(told)


@pytest.mark.parametrize(("rows", "packages"), [(10_000, 1), (10_001, 2)])
def test_ten_thousand_rows_are_one_package(tmp_path: Path, rows: int, packages: int) -> None:
    """The systems' documents say so (acceptance S-12)."""
    lab = Lab(tmp_path)
    _, validated, related = lab.relate("Account", [{"ExternalDataObjectId": f"A{n}", "Name": "n"} for n in range(rows)])
    assert lab.apply("Account", validated, related)["packages"] == {"d1_0": packages}
    assert lab.query("SELECT count(*), sum(positions) FROM store._packages") == [(packages, rows)]


HOLD = """
import sys, time
from pathlib import Path
from import_pipeline.settings import Settings
from import_pipeline.store.session import open_store
settings = Settings.from_environment({"IMPORT_PIPELINE_HOME": sys.argv[1]})
with open_store(settings, "lab", writable=sys.argv[2] == "writer"):
    print("open", flush=True)
    sys.stdin.readline()
"""


@pytest.mark.parametrize("holder", ["reader", "writer"])
def test_a_writer_waits_for_another_process_and_gives_up_in_the_end(tmp_path: Path, holder: str) -> None:
    """A DuckDB file has one writer or some readers; who cannot wait longer is tried again later (DESIGN section 9, rule 8)."""
    lab = Lab(tmp_path)
    lab.prepare()
    process = subprocess.Popen(
        [sys.executable, "-c", HOLD, str(tmp_path), holder], stdin=subprocess.PIPE, stdout=subprocess.PIPE, text=True
    )
    assert process.stdin and process.stdout
    try:
        assert process.stdout.readline() == "open\n"
        with pytest.raises(TransientFailure, match="in use"), open_store(lab.settings, "lab", writable=True, patience=0.2):
            pass
        started = time.monotonic()
        process.stdin.write("\n")
        process.stdin.flush()
        with open_store(lab.settings, "lab", writable=True, patience=30) as session:
            assert session.one("SELECT count(*) FROM store._lock") == 1
        assert time.monotonic() - started < 20
    finally:
        process.stdin.close()
        process.wait(timeout=20)
        process.stdout.close()


def test_a_second_session_of_the_same_process_waits_like_another_process(tmp_path: Path) -> None:
    """Two connections of one process would share the file's lock, and closing one would drop it (DESIGN section 9, rule 7)."""
    lab = Lab(tmp_path)
    lab.prepare()
    with lab.session(writable=True):
        for writable in (True, False):
            with pytest.raises(TransientFailure, match="in use"), open_store(lab.settings, "lab", writable=writable, patience=0.05):
                pass


def test_the_tested_delivery_does_everything(tmp_path: Path) -> None:
    """Otherwise the tests above would prove little."""
    lab = base(tmp_path)
    attempt(lab)
    _, related = lab.stages("Person", KEY)
    actions = {r["action"] for r in related.read("outcomes").to_dicts()}
    assert actions == {"create", "update", "unchanged", "park", "refuse"}
    parts = ("folded", "pins", "parked", "released", "expired", "errors")
    assert all(related.read(part).height for part in parts)
    assert {c.key for c in PERSON.columns} and lab.query("SELECT count(*) FROM store._history_person") != [(0,)]
