"""Originals go to Success or Failed: never overwriting, never touching newer mail (reference/intake.md section 4, step 5).

Belongs here: moving and where answers lie. Does not belong here: taking files in (test_intake.py), crashes (test_crash.py).
"""

import os
from datetime import timedelta

import pytest

from import_pipeline.landing import deliveries as landing
from import_pipeline.landing import names, project, tree
from import_pipeline.ledger import files
from import_pipeline.ledger.jobs import JobRow

from .kit import Intake, names_in, run_delivery


def test_a_file_replaced_while_its_delivery_runs_stays_in_new_and_is_imported_next(intake: Intake) -> None:
    """The old bytes go to Success from the vault; newer mail is never moved or deleted."""
    intake.drop("Contact_a.csv", "Title\nold\n")
    intake.settle()
    intake.new.joinpath("incoming.tmp").write_text("Title\nnew\n")
    intake.new.joinpath("incoming.tmp").rename(intake.new / "Contact_a.csv")
    intake.run()
    assert (intake.success / "Contact_a.csv").read_text() == "Title\nold\n"
    assert (intake.new / "Contact_a.csv").read_text() == "Title\nnew\n"
    intake.settle()
    (job,) = intake.run()
    assert job.path.read_text() == "Title\nnew\n"
    assert names_in(intake.new) == set()
    assert intake.temporary() == []


def test_a_file_rewritten_in_place_with_the_same_size_and_mtime_is_newer_mail(intake: Intake) -> None:
    """Only the ctime tells; then the bytes decide."""
    path = intake.drop("Contact_a.csv", "Title\nold\n")
    os.utime(path, ns=(10**18, 10**18))
    intake.settle()
    path.write_text("Title\nnew\n")
    os.utime(path, ns=(10**18, 10**18))
    intake.run()
    assert (intake.success / "Contact_a.csv").read_text() == "Title\nold\n"
    assert path.read_text() == "Title\nnew\n"
    intake.settle()
    (job,) = intake.run()
    assert job.path.read_text() == "Title\nnew\n"


def test_a_file_with_other_rights_only_is_still_the_original(intake: Intake) -> None:
    """chmod changes the ctime, not the bytes: no second copy is left in New."""
    path = intake.drop("Contact_a.csv")
    intake.settle()
    path.chmod(0o640)
    intake.run()
    assert (names_in(intake.new), names_in(intake.success)) == (set(), {b"Contact_a.csv"})


def test_a_writer_that_has_the_original_open_while_it_is_moved_keeps_its_file_in_new(intake: Intake) -> None:
    """What it writes is newer mail; the answer in Success holds the bytes that were imported."""
    path = intake.drop("Contact_a.csv", "Title\nold\n")
    intake.settle()
    with path.open("a") as late:
        intake.run()
        late.write("late\n")
    assert (intake.success / "Contact_a.csv").read_text() == "Title\nold\n"
    assert path.read_text() == "Title\nold\nlate\n"
    intake.settle()
    (job,) = intake.run()
    assert job.path.read_text() == "Title\nold\nlate\n"


def test_a_name_of_255_bytes_that_is_taken_is_cut_at_a_character(intake: Intake) -> None:
    """The job's id must fit into the name."""
    name = "Contact_" + "名" * 81 + ".csv"
    for text in ("Title\nx\n", "Title\ny\n"):
        intake.drop(name, text)
        intake.settle()
        (job,) = intake.run()
    (other,) = names_in(intake.success) - {name.encode()}
    assert len(other) <= 255
    assert other.decode().endswith(f".{job.id}.csv")


def test_when_success_cannot_be_written_the_file_stays_in_new_with_a_note_and_is_moved_after_the_repair(intake: Intake) -> None:
    """A projection that fails blocks nothing and applies nothing twice (DESIGN section 3, step 6)."""
    intake.drop("Contact_a.csv", "Title\nx\n")
    intake.settle()
    intake.success.rmdir()
    intake.success.write_text("somebody put a file where the folder belongs")
    with intake.ledger.begin() as conn:
        request = landing.next_request(conn, intake.account, intake.clock.now())
    assert request is not None
    run_delivery(intake, request.key)
    with intake.ledger.read() as conn:
        (row,) = files.by_name(conn, "Contact_a.csv")
    assert row.state == "answered" and row.projected_at is None and row.note is not None and "tried again" in row.note
    assert names_in(intake.new) == {b"Contact_a.csv"}
    intake.success.unlink()
    intake.clock.turn(31)
    assert intake.tick().projected == ("Contact_a.csv",)
    assert (names_in(intake.new), names_in(intake.success)) == (set(), {b"Contact_a.csv"})
    assert intake.settle().vaulted == ()


def test_without_hard_links_the_answer_is_a_copy_and_still_nothing_is_overwritten(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Some file systems, and protected_hardlinks, refuse links."""
    (intake.success / "Contact_a.csv").write_text("mine")
    intake.drop("Contact_a.csv", "Title\nx\n")
    intake.settle()

    def refused(*_: object, **__: object) -> None:
        raise PermissionError(1, "Operation not permitted")

    monkeypatch.setattr(os, "link", refused)
    (job,) = intake.run()
    assert {p.name: p.read_text() for p in intake.success.iterdir()} == {
        "Contact_a.csv": "mine",
        f"Contact_a.{job.id}.csv": "Title\nx\n",
    }
    assert names_in(intake.new) == set()
    assert intake.temporary() == []


def test_both_record_mailboxes_are_watched_and_answered_beside_the_file(intake: Intake) -> None:
    """acceptance S-1: both pairs exist for every account."""
    intake.drop("Contact_a.csv", folder=intake.root / "Leads" / "Import" / "New")
    intake.settle()
    intake.run()
    assert names_in(intake.root / "Leads" / "Import" / "Success") == {b"Contact_a.csv"}


def test_the_tree_is_made_whole_and_what_exists_is_kept(intake: Intake) -> None:
    """acceptance S-1."""
    intake.drop("kept.csv")
    tree.create_tree(intake.account, intake.settings)
    found = {str(p.relative_to(intake.root)) for p in intake.root.rglob("*") if p.is_dir()}
    boxes = {f"{base}/{end}" for base in ("DataObjects/Import", "Leads/Import", "Territories") for end in ("New", "Success", "Failed")}
    assert boxes | {"Exports/Daily", "Exports/Weekly", "Exports/Monthly"} <= found
    assert (intake.new / "kept.csv").exists()


def test_a_file_goes_to_success_when_one_of_its_jobs_applied_a_row() -> None:
    """acceptance, decision 1, for archives with several members."""

    def row(state: str) -> JobRow:
        return JobRow(**dict.fromkeys(JobRow.__dataclass_fields__) | {"state": state})  # type: ignore[arg-type]

    assert project.outcome_of([row("failed"), row("applied")]) == "Success"
    assert project.outcome_of([row("failed"), row("failed")]) == "Failed"
    assert project.outcome_of([row("duplicate")]) == "Success"


def test_a_projection_that_another_process_holds_is_left_to_it_until_its_lease_is_over(intake: Intake) -> None:
    """Two processes never move one original at once."""
    intake.drop("Contact_a.csv")
    intake.settle()
    with intake.ledger.begin() as conn:
        (file,) = files.live(conn, "acme")
        files.answered(conn, file.id, "Success")
        assert files.claim_projection(conn, file.id, "other", now=intake.clock.now(), lease=timedelta(minutes=5)) is not None
    assert project.project(intake.ledger, intake.account, intake.settings, file.id, intake.clock.now(), "me") is None
    intake.clock.turn(301)
    assert intake.tick().projected == ("Contact_a.csv",)


def test_reports_lie_beside_the_file_and_for_submitted_files_below_answers(intake: Intake) -> None:
    """acceptance, decision 1."""
    there = tree.report_folder(intake.account, intake.settings, names.pack(b"DataObjects/Import/New/x.csv"), "Failed")
    assert there == intake.failed
    assert tree.report_folder(intake.account, intake.settings, None, "Failed") == intake.settings.home / "answers" / "acme"
