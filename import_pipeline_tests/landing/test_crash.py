"""A crash at any executed line of the landing protocol loses and doubles nothing (reference/intake.md section 4, acceptance B-12).

Belongs here: killing a process in the middle and looking at what the next one makes of it. Does not belong here: crashes of stages.

The process really dies (os._exit in a forked child): no `finally` runs, locks and leases are left as they are.
"""

import io
import os
import shutil
import sys
import zipfile
from collections.abc import Iterator
from functools import cache
from pathlib import Path
from types import FrameType
from typing import Any

import pytest

from import_pipeline.ledger import deliveries
from import_pipeline_tests.ledgers import SERVER

from .kit import Intake, names_in, run_delivery

pytestmark = pytest.mark.skipif(bool(SERVER), reason="goes back to an earlier moment by a copy of the ledger's file")
ROOMS = tuple(str(Path(sys.modules[name].__file__ or "").parent) for name in ("import_pipeline.landing", "import_pipeline.ledger"))
DEAD = 17


def whole_run(intake: Intake) -> None:
    """Look, claim, vault, deliver, open, answer, project."""
    intake.settle()
    intake.run()


def recovered(home: Path, later: float) -> Intake:
    """Another process, after the dead one's leases, works until nothing is left to do."""
    intake = Intake(home, owner=f"after {later}")
    intake.clock.turn(later)
    for _ in range(3):
        intake.settle()
        with intake.ledger.read() as conn:
            left = deliveries.under_way(conn, "acme")
        if left is not None:
            run_delivery(intake, left.key)
        intake.run()
        intake.clock.turn(301)
    return intake


def dies(home: Path, at: int, later: float = 0, *, recovering: bool = False) -> bool:
    """Runs the protocol in a child that ends at its `at`-th line of landing or ledger; False when it came to its end."""
    child = os.fork()
    if child == 0:
        status = 1
        try:
            intake = None if recovering else Intake(home, owner="first")
            count = 0

            def line(frame: FrameType, event: str, _: Any) -> Any:
                nonlocal count
                if event == "line":
                    count += 1
                    if count == at:
                        os._exit(DEAD)
                return line

            def call(frame: FrameType, _event: str, _: Any) -> Any:
                return line if frame.f_code.co_filename.startswith(ROOMS) else None

            sys.settrace(call)
            if intake is None:
                recovered(home, later)
            else:
                whole_run(intake)
            status = 0
        finally:
            os._exit(status)
    ended = os.waitstatus_to_exitcode(os.waitpid(child, 0)[1])
    assert ended in (0, DEAD), f"the child failed at line {at}"
    return ended == DEAD


def lines_of(home: Path) -> list[tuple[str, int]]:
    """The lines of landing and ledger that one whole run executes, in order."""
    executed: list[tuple[str, int]] = []

    def line(frame: FrameType, event: str, _: Any) -> Any:
        if event == "line":
            executed.append((frame.f_code.co_filename, frame.f_lineno))
        return line

    def call(frame: FrameType, _event: str, _: Any) -> Any:
        return line if frame.f_code.co_filename.startswith(ROOMS) else None

    intake = Intake(home)
    before = sys.gettrace()
    sys.settrace(call)
    try:
        whole_run(intake)
    finally:
        sys.settrace(before)
    return executed


@cache
def archive() -> bytes:
    """One good member, one of a kind that is not imported."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        made.writestr("Contact_in.csv", "Title\nin\n")
        made.writestr("readme.pdf", "%PDF-1.4")
    return held.getvalue()


@pytest.fixture(scope="module")
def prepared(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Path]:
    """A home with three files in New and one of that name in Success."""
    intake = Intake(tmp_path_factory.mktemp("prepared"))
    intake.drop("Contact_a.csv", "Title\na\n")
    intake.drop("Unknown_b.csv", "Title\nb\n")
    intake.drop("all.zip", archive())
    (intake.success / "Contact_a.csv").write_text("of last year")
    intake.ledger.close()
    yield intake.home


def fresh(prepared: Path, home: Path) -> Path:
    """A copy of the prepared home at the same place, so that every run begins alike."""
    shutil.rmtree(home, ignore_errors=True)
    shutil.copytree(prepared, home)
    return home


def assert_exactly_once(intake: Intake) -> None:
    """Every file has one answered arrival, one original in the right place, one job per member, and nothing is left over."""
    assert sorted(intake.states()) == [("Contact_a.csv", "answered"), ("Unknown_b.csv", "answered"), ("all.zip", "answered")]
    with intake.ledger.read() as conn:
        jobs = conn.exec_driver_sql("SELECT name, state, sha256 <> '' AS has_bytes, id FROM jobs ORDER BY name").all()
        open_ends = conn.exec_driver_sql("SELECT count(*) FROM files WHERE projected_at IS NULL").scalar()
        ended = conn.exec_driver_sql("SELECT state FROM deliveries").scalars().all()
    assert [(job.name, job.state, job.has_bytes) for job in jobs] == [
        ("Contact_a.csv", "applied", 1),
        ("Contact_in.csv", "applied", 1),
        ("Unknown_b.csv", "failed", 1),
        ("readme.pdf", "failed", 1),
    ]
    assert open_ends == 0 and set(ended) == {"finished"}
    assert names_in(intake.new) == set()
    assert {p.name: p.read_bytes() for p in intake.success.iterdir()} == {
        "Contact_a.csv": b"of last year",
        f"Contact_a.{jobs[0].id}.csv": b"Title\na\n",
        "all.zip": archive(),
    }
    assert {p.name: p.read_bytes() for p in intake.failed.iterdir()} == {"Unknown_b.csv": b"Title\nb\n"}
    assert intake.temporary() == []
    intake.ledger.close()


def crash_points(prepared: Path, home: Path, every: int = 1) -> list[int]:
    """Where to die: the first and the last time that each line is executed, every one of them or each `every`-th."""
    executed = lines_of(fresh(prepared, home))
    first = {line: at for at, line in reversed(list(enumerate(executed, 1)))}
    last = {line: at for at, line in enumerate(executed, 1)}
    points = sorted({*first.values(), *last.values()})
    assert len(first) > 400
    return points[::every]


def test_a_crash_at_sampled_lines_loses_and_doubles_nothing(prepared: Path, tmp_path: Path) -> None:
    """Sampled here, all lines in the slow test."""
    home = tmp_path / "home"
    for at in crash_points(prepared, home, 60):
        assert dies(fresh(prepared, home), at)
        assert_exactly_once(recovered(home, 400))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_crash_at_every_line_loses_and_doubles_nothing(prepared: Path, tmp_path: Path) -> None:
    """Each line at its first and at its last time (440 of 440 in the prototype, intake.md section 4)."""
    home = tmp_path / "home"
    for at in crash_points(prepared, home):
        assert dies(fresh(prepared, home), at)
        assert_exactly_once(recovered(home, 400))


@pytest.mark.slow
@pytest.mark.timeout(3000)
def test_a_second_crash_in_the_recovery_loses_and_doubles_nothing(prepared: Path, tmp_path: Path) -> None:
    """A crash, a crash of the process that recovers, and then a clean one."""
    home = tmp_path / "home"
    for number, at in enumerate(crash_points(prepared, home, 7)):
        assert dies(fresh(prepared, home), at)
        dies(home, 1 + number * 97 % 4000, 400, recovering=True)
        assert_exactly_once(recovered(home, 2000))
