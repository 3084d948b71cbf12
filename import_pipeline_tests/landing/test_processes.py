"""Several processes on one tree: each file is taken by one of them (reference/intake.md section 4).

Belongs here: real processes side by side. Does not belong here: crashes (test_crash.py).
"""

import multiprocessing
from pathlib import Path

import pytest

from import_pipeline.landing.clock import SystemClock
from import_pipeline.landing.project import project_pending
from import_pipeline.landing.watch import tick
from import_pipeline.ledger import Ledger, files

from .kit import START, Intake, account, names_in, settings


def ticking(home: Path, owner: str, start: "multiprocessing.synchronize.Event") -> None:
    """One daemon: ticks and projects until the other side has nothing left."""
    acme = account(doors={"tree": {"settle": "100ms"}})
    here = settings(home)
    ledger = Ledger(here.ledger_url)
    start.wait()
    clock = SystemClock()
    for _ in range(12):
        tick(ledger, acme, here, clock, owner)
        with ledger.begin() as conn:
            for file in files.live(conn, "acme"):
                if file.state == "delivered":
                    files.answered(conn, file.id, "Success")
        project_pending(ledger, acme, here, clock.now(), owner)
        start.wait(0.02)
        clock_pause()
    ledger.close()


def clock_pause() -> None:
    """Lets the settle time pass in small steps."""
    multiprocessing.Event().wait(0.06)


@pytest.mark.parametrize(("processes", "count"), [(2, 60), (4, 60)])
def test_processes_at_once_take_every_file_exactly_once(tmp_path: Path, processes: int, count: int) -> None:
    """Two daemons never take one file (acceptance B-12)."""
    intake = Intake(tmp_path)
    for number in range(count):
        intake.drop(f"Contact_{number}.csv", f"Title\n{number}\n")
    context = multiprocessing.get_context("fork")
    start = context.Event()
    daemons = [context.Process(target=ticking, args=(tmp_path, f"daemon {n}", start)) for n in range(processes)]
    for daemon in daemons:
        daemon.start()
    start.set()
    for daemon in daemons:
        daemon.join(60)
    assert [daemon.exitcode for daemon in daemons] == [0] * processes
    with intake.ledger.read() as conn:
        rows = conn.exec_driver_sql("SELECT name, state, delivery FROM files WHERE state <> 'gone'").all()
        sizes = conn.exec_driver_sql("SELECT sum(files) FROM deliveries").scalar()
    assert sorted(row.name for row in rows) == sorted(f"Contact_{number}.csv" for number in range(count))
    assert {row.state for row in rows} == {"answered"}
    assert sizes == count, "every file is in one delivery"
    assert names_in(intake.success) == {f"Contact_{number}.csv".encode() for number in range(count)}
    assert names_in(intake.new) == set()
    assert intake.temporary() == []


def test_two_owners_never_win_the_same_claim(intake: Intake) -> None:
    """One conditional update decides; a lease that ran out may be taken over, and the first owner's booking then fails."""
    from datetime import timedelta

    intake.drop("Contact_a.csv")
    intake.tick()
    with intake.ledger.begin() as conn:
        (file,) = files.live(conn, "acme")
        files.stable(conn, [file.id])
        lease = timedelta(minutes=5)
        assert [f.id for f in files.claim(conn, "acme", "one", now=START, lease=lease, limit=9)] == [file.id]
        assert files.claim(conn, "acme", "two", now=START, lease=lease, limit=9) == []
        later = START + timedelta(minutes=6)
        assert [f.id for f in files.claim(conn, "acme", "two", now=later, lease=lease, limit=9)] == [file.id]
        assert not files.vaulted(conn, file.id, "one", sha256="0" * 64, size=1)
        assert not files.renew(conn, file.id, "one", until=later)
        assert files.vaulted(conn, file.id, "two", sha256="0" * 64, size=1)
