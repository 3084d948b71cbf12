"""Deliveries: what is taken together, when a run is asked for, which object types take part, and submitted files.

Belongs here: forming, requesting, opening, submitting (DESIGN section 3). Does not belong here: taking files in (test_intake.py).
"""

import io
import re
import zipfile
from pathlib import Path

import pytest

from import_pipeline.failures import PermanentFailure, UnknownValue
from import_pipeline.landing.deliveries import DeliveryRequest, next_request, open_delivery
from import_pipeline.landing.submit import submit
from import_pipeline.ledger import deliveries, jobs, parked
from import_pipeline.model.format import Format

from .kit import Intake, account, names_in, run_delivery


def request(intake: Intake) -> DeliveryRequest | None:
    with intake.ledger.begin() as conn:
        return next_request(conn, intake.account, intake.clock.now())


def test_a_delivery_takes_the_oldest_files_up_to_its_limits_and_the_rest_comes_next(tmp_path: Path) -> None:
    """Limits of count and bytes; one file is taken whatever its size."""
    intake = Intake(tmp_path, account=account(delivery={"max_files": 2, "max_bytes": "100B"}))
    for name, size in (("a", 300), ("b", 40), ("c", 40), ("d", 40)):
        intake.drop(f"Contact_{name}.csv", f"Title\n{name}" + "x" * size)
    intake.settle()
    intake.tick()
    intake.tick()
    with intake.ledger.read() as conn:
        found = [(d.files, d.size) for d in reversed(deliveries.listing(conn, "acme"))]
    assert found == [(1, 307), (2, 94), (1, 47)]


def test_files_are_delivered_in_the_order_in_which_they_arrived(intake: Intake) -> None:
    """Not by name and not by mtime."""
    for name in ("Contact_c.csv", "Contact_a.csv", "Account_b.csv"):
        intake.drop(name, f"Title\n{name}\n")
        intake.tick()
    intake.settle()
    assert [job.name for job in intake.run()] == ["Contact_c.csv", "Contact_a.csv", "Account_b.csv"]


def test_the_key_tells_the_time_and_never_repeats(intake: Intake) -> None:
    """It is the Dagster partition's name."""
    keys = []
    for name in "ab":
        intake.drop(f"Contact_{name}.csv", f"Title\n{name}\n")
        intake.tick()
        intake.clock.turn(6)
        keys.append(intake.tick().delivery)
        intake.clock.turn(-6)
    assert all(key and re.fullmatch(r"20260301T120006-[0-9a-f]{8}", key) for key in keys)
    assert len(set(keys)) == 2


def test_the_next_delivery_waits_until_the_one_before_has_ended(intake: Intake) -> None:
    """Deliveries of one account run one after the other, retries included (DESIGN section 3, step 4)."""
    for name in "ab":
        intake.drop(f"Contact_{name}.csv", f"Title\n{name}\n")
        intake.settle()
    first = request(intake)
    assert first is not None and first.attempt == 1 and first.run_key == f"{first.key}:1"
    assert request(intake) is None
    with intake.ledger.begin() as conn:
        deliveries.start(conn, first.key, "run", now=intake.clock.now())
    intake.clock.turn(9999)
    assert request(intake) is None
    with intake.ledger.begin() as conn:
        assert deliveries.again(conn, first.key)
    retried = request(intake)
    assert retried is not None and (retried.key, retried.attempt) == (first.key, 2)
    with intake.ledger.begin() as conn:
        deliveries.fail(conn, first.key, "the disk is full", now=intake.clock.now())
    second = request(intake)
    assert second is not None and second.key != first.key


def test_a_request_that_no_run_answered_is_made_again_with_the_same_attempt(intake: Intake) -> None:
    """The process may die between the ledger's commit and Dagster's; the run key makes the second request harmless."""
    intake.drop("Contact_a.csv")
    intake.settle()
    first = request(intake)
    intake.clock.turn(119)
    assert request(intake) is None
    intake.clock.turn(2)
    assert request(intake) == first


def test_only_the_types_that_are_present_take_part_and_children_with_waiting_rows(intake: Intake) -> None:
    """acceptance B-4: orphans are linked when their parent comes."""
    held = io.BytesIO()
    with zipfile.ZipFile(held, "w") as made:
        made.writestr("deep/Sales_Order_x.csv", "Title\nx\n")
        made.writestr("Nothing_x.csv", "Title\nx\n")
    intake.drop("all.zip", held.getvalue())
    intake.settle()
    found = request(intake)
    assert found is not None and found.types == ("Sales Order",)
    run_delivery(intake, found.key)
    with intake.ledger.begin() as conn:
        parked.set_open(conn, "acme", "Contact", 3)
        parked.set_open(conn, "acme", "Sales Order", 0)
    intake.drop("Account_a.csv")
    intake.settle()
    found = request(intake)
    assert found is not None and found.types == ("Account", "Contact")
    run_delivery(intake, found.key)
    intake.drop("Sales_Order_y.csv", "Title\ny\n")
    intake.settle()
    found = request(intake)
    assert found is not None and found.types == ("Sales Order",), "Contact is no child of it"


def test_files_of_no_known_type_still_make_a_delivery_so_that_they_get_an_answer(intake: Intake) -> None:
    """acceptance S-3: it goes to Failed with a reason."""
    intake.drop("Nobody_a.csv")
    intake.settle()
    found = request(intake)
    assert found is not None and found.types == ()
    (job,) = run_delivery(intake, found.key)
    assert job.object_type == "" and job.fault is not None and job.fault.code == "unknown_object_type"
    assert names_in(intake.failed) == {b"Nobody_a.csv"}


def test_opening_a_delivery_again_gives_the_same_jobs(intake: Intake) -> None:
    """A stage run twice gives the same bytes, so ids and numbers must not move, nor a job become a duplicate of itself."""
    for name in "abc":
        intake.drop(f"Contact_{name}.csv", f"Title\n{name}\n")
    key = intake.settle().delivery
    assert key is not None
    first = open_delivery(intake.ledger, intake.account, intake.settings, key, intake.clock.now())
    run_delivery(intake, key)
    assert open_delivery(intake.ledger, intake.account, intake.settings, key, intake.clock.now()) == first
    assert [job.number for job in first] == [0, 1, 2]
    assert all(re.fullmatch(r"[a-z][a-z0-9]{7}", job.id) for job in first)
    assert [job.id for job in first] == [jobs.job_id(key, number) for number in range(3)]


def test_an_unknown_delivery_is_refused(intake: Intake) -> None:
    """A programming fault, not data."""
    with pytest.raises(PermanentFailure, match="no delivery"):
        open_delivery(intake.ledger, intake.account, intake.settings, "20260301T120006-00000000", intake.clock.now())


def test_submitted_files_make_a_delivery_of_their_own_and_stay_where_they_are(intake: Intake, tmp_path: Path) -> None:
    """Used by `import FILE`; nothing of them is projected."""
    path = tmp_path / "whatever.csv"
    path.write_text("Title\nx\n")
    now = intake.clock.now()
    key = submit(intake.ledger, intake.account, intake.settings, [path], object_type="contact", now=now, door="cli", dry_run=True)
    found = request(intake)
    assert found == DeliveryRequest(key, 1, ("Contact",))
    (job,) = run_delivery(intake, key)
    assert (job.object_type, job.dry_run, job.fault) == ("Contact", True, None)
    assert path.read_text() == "Title\nx\n"
    with intake.ledger.read() as conn:
        states = conn.exec_driver_sql("SELECT state, projected, projected_at IS NOT NULL AS done FROM files").all()
    assert [tuple(row) for row in states] == [("answered", None, 1)]
    assert names_in(intake.success) == set()


def test_what_cannot_be_submitted_is_refused_before_anything_is_booked(tmp_path: Path) -> None:
    """Names the valid values (STYLE)."""
    formats = (Format(name="spring", object_type="Contact", columns={"T": "Title"}),)
    intake = Intake(tmp_path, account=account(formats=formats))
    good = tmp_path / "Contact_a.csv"
    good.write_text("Title\n")
    now = intake.clock.now()

    def given(paths: list[Path], **more: str) -> str:
        return submit(intake.ledger, intake.account, intake.settings, paths, now=now, door="cli", **more)  # type: ignore[arg-type]

    with pytest.raises(UnknownValue, match="Did you mean 'Contact'"):
        given([good], object_type="Contcat")
    with pytest.raises(UnknownValue, match="spring"):
        given([good], format="sprig")
    with pytest.raises(PermanentFailure, match="is for Contact, not for Account"):
        given([good], format="spring", object_type="Account")
    with pytest.raises(PermanentFailure, match="No such file"):
        given([good, tmp_path / "missing.csv"])
    with pytest.raises(PermanentFailure, match="not a file"):
        given([tmp_path])
    with pytest.raises(PermanentFailure, match="no file"):
        given([])
    with intake.ledger.read() as conn:
        assert deliveries.listing(conn) == []
    assert intake.states() == []
    key = given([good], format="spring")
    (job,) = open_delivery(intake.ledger, intake.account, intake.settings, key, now)
    assert (job.object_type, job.format) == ("Contact", "spring")


def test_two_accounts_of_one_ledger_never_see_each_others_files(tmp_path: Path) -> None:
    """One ledger serves all accounts."""
    one = Intake(tmp_path)
    other = Intake(tmp_path, account=account(name="other"))
    for intake in (one, other):
        intake.drop("Contact_a.csv")
        intake.settle()
    assert [job.account for job in one.run()] == ["acme"]
    (job,) = other.run()
    assert job.account == "other" and job.fault is None, "the same bytes of another account are no duplicate"
