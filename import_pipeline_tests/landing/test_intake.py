"""The landing protocol from a mailbox to Success or Failed, one rule per test (reference/intake.md section 4).

Belongs here: what happens to files, told by folders and ledger. Does not belong here: crashes (test_crash.py), several processes
(test_processes.py), names (test_names.py), archives (test_archives.py).
"""

import os
import resource
import socket
from pathlib import Path

import pytest

from import_pipeline.failures import TransientFailure
from import_pipeline.landing import deliveries as landing
from import_pipeline.landing import project, vault
from import_pipeline.landing.take import take
from import_pipeline.ledger import deliveries, files, jobs

from .kit import Intake, account, names_in


def test_a_file_that_is_still_ends_in_success_under_its_own_name_and_in_the_vault(intake: Intake) -> None:
    """acceptance S-2: never in two places, never lost."""
    intake.drop("Contact_a.csv", "Title\nx\n")
    report = intake.settle()
    assert report.vaulted == ("Contact_a.csv",)
    (job,) = intake.run()
    assert (job.object_type, job.kind, job.fault, job.number) == ("Contact", "csv", None, 0)
    assert job.path.read_text() == "Title\nx\n"
    assert job.path.stat().st_mode & 0o222 == 0
    assert (names_in(intake.new), names_in(intake.success), names_in(intake.failed)) == (set(), {b"Contact_a.csv"}, set())
    assert intake.states() == [("Contact_a.csv", "answered")]
    assert intake.temporary() == []


def test_one_look_is_never_enough_and_two_quick_ones_neither(intake: Intake) -> None:
    """The settle time is measured by our own monotonic clock."""
    intake.drop("Contact_a.csv")
    assert intake.tick().vaulted == ()
    intake.clock.turn(4.9)
    assert intake.tick().waiting == ("Contact_a.csv",)
    intake.clock.turn(0.2)
    assert intake.tick().vaulted == ("Contact_a.csv",)


def test_a_file_that_grows_begins_its_settle_time_again(intake: Intake) -> None:
    """A half-written upload is never read (acceptance B-12)."""
    path = intake.drop("Contact_a.csv", "Title\n")
    intake.tick()
    for _ in range(3):
        intake.clock.turn(60)
        with path.open("a") as more:
            more.write("x\n")
        assert intake.tick().vaulted == ()
    intake.clock.turn(6)
    assert intake.tick().vaulted == ("Contact_a.csv",)
    (job,) = intake.run()
    assert job.path.read_text() == "Title\nx\nx\nx\n"


@pytest.mark.parametrize("size", [0, 32_768, 65_536, 261_120, 12 * 261_120])
def test_an_empty_file_and_a_size_of_whole_blocks_wait_ten_minutes_and_are_then_taken(intake: Intake, size: int) -> None:
    """An interrupted sftp upload ends with a whole block (intake.md, fact 1); a sender of an empty file expects an answer."""
    intake.drop("Contact_a.csv", b"x" * size)
    assert intake.settle(599).vaulted == ()
    intake.clock.turn(2)
    assert intake.tick().vaulted == ("Contact_a.csv",)
    (job,) = intake.run()
    assert job.size == size


def test_a_file_that_somebody_has_open_for_writing_waits_until_it_is_closed(intake: Intake) -> None:
    """Its fingerprint may be still while the writer pauses; the kernel knows better (F_SETLEASE)."""
    path = intake.drop("Contact_a.csv")
    with path.open("a"):
        assert intake.settle().waiting == ("Contact_a.csv",)
        assert intake.states() == [("Contact_a.csv", "seen")]
    intake.clock.turn(6)
    assert intake.tick().vaulted == ("Contact_a.csv",)


def test_a_file_that_changes_while_it_is_read_is_not_taken_until_it_is_still_again(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Compared again after the copy: what was read must be what was looked at."""
    path = intake.drop("Contact_a.csv", "Title\nold\n")
    real = vault.chunks

    def changing(opened: int) -> object:
        yield from real(opened)
        path.write_text("Title\nnew\n")

    intake.tick()
    intake.clock.turn(6)
    with monkeypatch.context() as patch:
        patch.setattr(vault, "chunks", changing)
        assert intake.tick().changed == ("Contact_a.csv",)
    assert not [p for p in intake.settings.vault.rglob("*") if p.is_file()]
    assert intake.settle().vaulted == ("Contact_a.csv",)
    (job,) = intake.run()
    assert job.path.read_text() == "Title\nnew\n"
    assert intake.states() == [("Contact_a.csv", "changed"), ("Contact_a.csv", "answered")]


def test_a_file_deleted_before_it_is_taken_is_gone_and_harms_nothing(intake: Intake) -> None:
    """Senders may change their minds."""
    intake.drop("Contact_a.csv").unlink()
    path = intake.drop("Contact_b.csv")
    intake.tick()
    path.unlink()
    intake.clock.turn(6)
    intake.tick()
    assert intake.states() == [("Contact_b.csv", "gone")]


def test_the_same_name_with_new_bytes_is_a_new_import_and_overwrites_nothing(intake: Intake) -> None:
    """acceptance B-5; the second original lies beside the first, named after its job."""
    intake.drop("Contact_a.csv", "Title\nx\n")
    intake.settle()
    intake.run()
    intake.drop("Contact_a.csv", "Title\ny\n")
    intake.settle()
    (job,) = intake.run()
    assert job.fault is None
    assert {p.name: p.read_text() for p in intake.success.iterdir()} == {
        "Contact_a.csv": "Title\nx\n",
        f"Contact_a.{job.id}.csv": "Title\ny\n",
    }


def test_the_same_bytes_again_are_a_duplicate_that_names_the_first_job(intake: Intake) -> None:
    """acceptance B-5: the same bytes change nothing and say so; the file goes to Success with a note."""
    intake.drop("Contact_a.csv")
    intake.settle()
    (first,) = intake.run()
    intake.drop("Contact_b.csv")
    intake.settle()
    (second,) = intake.run()
    assert second.fault is not None and (second.fault.code, second.fault.value) == ("duplicate", first.id)
    assert "Contact_a.csv" in second.fault.message
    assert names_in(intake.success) == {b"Contact_a.csv", b"Contact_b.csv"}
    with intake.ledger.read() as conn:
        (row,) = files.by_name(conn, "Contact_b.csv")
    assert row.note == second.fault.message


def test_the_same_bytes_as_another_type_or_with_the_policy_reprocess_are_imported(tmp_path: Path) -> None:
    """The content key is (account, object type, format, SHA-256), not the hash alone."""
    intake = Intake(tmp_path, account=account(on_duplicate="reprocess"))
    for name in ("Contact_a.csv", "Account_a.csv", "Contact_b.csv"):
        intake.drop(name)
    intake.settle()
    assert [(job.object_type, job.fault) for job in intake.run()] == [("Contact", None), ("Account", None), ("Contact", None)]
    skipping = Intake(tmp_path / "other")
    for name in ("Contact_a.csv", "Account_a.csv", "Contact_b.csv"):
        skipping.drop(name)
    skipping.settle()
    found = skipping.run()
    assert [job.fault and (job.fault.code, job.fault.value) for job in found] == [None, None, ("duplicate", found[0].id)]


def test_after_a_failure_the_same_bytes_are_tried_again(intake: Intake) -> None:
    """Only a success is remembered."""
    intake.drop("Contact_a.csv")
    key = intake.settle().delivery
    assert key is not None
    now = intake.clock.now()
    with intake.ledger.begin() as conn:
        landing.next_request(conn, intake.account, now)
    (job,) = landing.open_delivery(intake.ledger, intake.account, intake.settings, key, now)
    with intake.ledger.begin() as conn:
        jobs.finish(conn, job.id, "failed", now=now, reason="every row is bad")
    project.project_delivery(intake.ledger, intake.account, intake.settings, key, now, "me")
    with intake.ledger.begin() as conn:
        deliveries.finish(conn, key, now=now)
    assert names_in(intake.failed) == {b"Contact_a.csv"}
    intake.drop("Contact_a.csv")
    intake.settle()
    (again,) = intake.run()
    assert again.fault is None


def test_a_later_file_with_the_same_name_size_and_mtime_is_imported(intake: Intake) -> None:
    """Clients that keep timestamps do this; an arrival is unique only while it lives (intake.md section 4, Keys)."""
    path = intake.drop("Contact_a.csv", "Title\nx\n")
    os.utime(path, ns=(10**18, 10**18))
    intake.settle()
    intake.run()
    os.utime(intake.drop("Contact_a.csv", "Title\ny\n"), ns=(10**18, 10**18))
    intake.settle()
    (job,) = intake.run()
    assert job.fault is None and job.path.read_text() == "Title\ny\n"


@pytest.mark.parametrize("mtime", [-(10**18), 0, 10**9, 4 * 10**18])
def test_the_mtime_has_no_effect(intake: Intake, mtime: int) -> None:
    """mtime cursors lose files (intake.md, fact 6)."""
    os.utime(intake.drop("Contact_a.csv"), ns=(mtime, mtime))
    assert intake.settle().vaulted == ("Contact_a.csv",)


def test_names_with_newlines_escapes_wrong_bytes_and_255_bytes_arrive_and_are_answered(intake: Intake) -> None:
    """Names are bytes; people see them escaped, files keep them."""
    raw = [
        b"Contact_a\nb.csv",
        b"Contact_\x1b[31m.csv",
        b"Contact_\xe9t\xe9.csv",
        b"Contact_$(touch x);`id`.csv",
        b"Contact_" + b"x" * 243 + b".csv",
        b"Contact_" + "名".encode() * 81 + b".csv",
        b"Contact_ %41 %.csv",
        b"Contact_\\xe9.csv",
    ]
    for position, name in enumerate(raw):
        with open(os.fsencode(intake.new) + b"/" + name, "wb") as out:  # noqa: PTH123
            out.write(b"Title\n%d\n" % position)
    intake.settle()
    found = intake.run()
    assert [job.fault for job in found] == [None] * len(raw)
    assert all(job.name.isprintable() for job in found)
    assert names_in(intake.success) == set(raw)
    assert names_in(intake.new) == set()


def test_links_pipes_sockets_and_folders_are_never_opened_and_told_once(intake: Intake, tmp_path: Path) -> None:
    """A pipe would hold the reader for ever, a link leads elsewhere."""
    secret = tmp_path / "secret.csv"
    secret.write_text("Title\nsecret\n")
    (intake.new / "Contact_link.csv").symlink_to(secret)
    (intake.new / "Contact_folder.csv").mkdir()
    os.mkfifo(intake.new / "Contact_pipe.csv")
    with socket.socket(socket.AF_UNIX) as listening:
        here = Path.cwd()
        os.chdir(intake.new)
        listening.bind("Contact_socket.csv")
        os.chdir(here)
    first = intake.settle(700)
    assert first.issues == (), "told at the first look, and only there"
    with intake.ledger.read() as conn:
        assert {f.name for f in files.live(conn, "acme") if f.state == "skipped"} == {
            "Contact_link.csv",
            "Contact_folder.csv",
            "Contact_pipe.csv",
            "Contact_socket.csv",
        }
    (intake.new / "Contact_folder2.csv").mkdir()
    assert intake.tick().issues == ("Contact_folder2.csv is a folder, not a file: it was left alone",)
    (intake.new / "Contact_folder2.csv" / "inside.csv").write_text("x")
    assert intake.tick().issues == ()
    assert intake.run() == []
    assert len(names_in(intake.new)) == 5


def test_a_link_that_takes_a_files_place_between_look_and_claim_is_not_followed(intake: Intake, tmp_path: Path) -> None:
    """O_NOFOLLOW and the fingerprint: nothing outside the mailbox is ever read."""
    secret = tmp_path / "secret.csv"
    secret.write_text("Title\nsecret\n")
    path = intake.drop("Contact_a.csv")
    intake.tick()
    intake.clock.turn(6)
    with intake.ledger.begin() as conn:
        files.stable(conn, [f.id for f in files.live(conn, "acme")])
    path.unlink()
    path.symlink_to(secret)
    taken = take(intake.ledger, intake.account, intake.settings, intake.clock, "me", until=intake.clock.monotonic() + 1)
    assert (taken.changed, taken.vaulted) == (["Contact_a.csv"], [])


def test_an_unfinished_upload_is_told_after_24_hours_and_taken_when_it_gets_its_name(intake: Intake) -> None:
    """WinSCP and others upload under a temporary name and rename; a rename is a new look."""
    path = intake.drop("Contact_a.csv.filepart")
    assert intake.settle(3600).issues == ()
    intake.clock.turn(23 * 3600 + 1)
    assert [line.split(" ")[0] for line in intake.tick().issues] == ["Contact_a.csv.filepart"]
    assert intake.tick().issues == ()
    path.rename(intake.new / "Contact_a.csv")
    assert intake.settle().vaulted == ("Contact_a.csv",)


def test_a_restart_of_the_machine_begins_the_settle_time_again(intake: Intake) -> None:
    """The monotonic clock starts anew; a first look that lies ahead of it says nothing."""
    intake.clock.turn(10**6)
    intake.drop("Contact_a.csv")
    intake.tick()
    intake.clock.seconds = 0
    assert intake.tick().vaulted == ()
    intake.clock.turn(6)
    assert intake.tick().vaulted == ("Contact_a.csv",)


def test_a_full_disk_raises_and_leaves_nothing_half_done(intake: Intake) -> None:
    """The machine's fault is retried; the claim is given back at once."""
    intake.drop("Contact_a.csv", b"Title\n" + b"x\n" * 1_000_000)
    intake.drop("Contact_b.csv", "Title\nb\n")
    intake.tick()
    intake.clock.turn(6)
    before = resource.getrlimit(resource.RLIMIT_FSIZE)
    resource.setrlimit(resource.RLIMIT_FSIZE, (1_500_000, before[1]))
    try:
        with pytest.raises(TransientFailure, match="vault"):
            intake.tick()
    finally:
        resource.setrlimit(resource.RLIMIT_FSIZE, before)
    assert intake.states() == [("Contact_a.csv", "seen"), ("Contact_b.csv", "seen")]
    assert intake.temporary() == []
    assert intake.tick().vaulted == ("Contact_a.csv", "Contact_b.csv")


def test_a_mailbox_that_cannot_be_listed_raises_and_marks_nothing_as_gone(intake: Intake) -> None:
    """A failed listing is not an empty one."""
    intake.drop("Contact_a.csv")
    intake.tick()
    moved = intake.new.rename(intake.new.with_name("Elsewhere"))
    intake.new.symlink_to(moved)
    with pytest.raises(TransientFailure, match="link"):
        intake.tick()
    assert intake.states() == [("Contact_a.csv", "seen")]


def test_when_the_time_of_a_tick_is_over_the_rest_is_left_to_the_next(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """A sensor's evaluation must end within 60 seconds (DESIGN section 7)."""
    for letter in "abc":
        intake.drop(f"Contact_{letter}.csv", f"Title\n{letter}\n")
    intake.tick()
    intake.clock.turn(6)
    real = vault.put

    def slow(*args: object, **more: object) -> vault.Stored:
        intake.clock.turn(30)
        return real(*args, **more)  # type: ignore[arg-type]

    monkeypatch.setattr(vault, "put", slow)
    report = intake.tick(budget=40)
    assert (report.vaulted, report.left_over) == (("Contact_a.csv", "Contact_b.csv"), True)
    assert intake.tick(budget=40).vaulted == ("Contact_c.csv",)


def test_a_territory_file_and_a_kml_among_records_get_a_clear_answer(intake: Intake) -> None:
    """A file is never taken without an answer; also one dropped straight into Territories (acceptance S-1)."""
    kml = '<?xml version="1.0"?><kml xmlns="http://www.opengis.net/kml/2.2"></kml>'
    intake.drop("1_North.kml", kml, intake.root / "Territories")
    intake.drop("2_South.kml", kml + " ", intake.root / "Territories" / "New")
    intake.drop("Contact_shapes.kml", kml + "  ")
    intake.drop("Contact_x.csv", "Title\n", intake.root / "Territories" / "New")
    intake.settle()
    assert {(job.name, job.kind, job.fault and job.fault.code) for job in intake.run()} == {
        ("1_North.kml", "kml", "unsupported_kind"),
        ("2_South.kml", "kml", "unsupported_kind"),
        ("Contact_shapes.kml", "kml", "unsupported_kind"),
        ("Contact_x.csv", "csv", "unsupported_kind"),
    }
    assert names_in(intake.root / "Territories" / "Failed") == {b"1_North.kml", b"2_South.kml", b"Contact_x.csv"}
    assert names_in(intake.failed) == {b"Contact_shapes.kml"}


def test_a_file_that_cannot_be_read_is_told_once_and_taken_after_the_repair(intake: Intake, monkeypatch: pytest.MonkeyPatch) -> None:
    """Rights are the machine's matter: the file waits, nothing of it fails."""
    intake.drop("Contact_a.csv")
    real = os.open

    def refused(path: object, *args: int, **more: int) -> int:
        if os.fspath(path).endswith("Contact_a.csv"):  # type: ignore[call-overload]
            raise PermissionError(13, "Permission denied")
        return real(path, *args, **more)  # type: ignore[arg-type]

    with monkeypatch.context() as patch:
        patch.setattr(os, "open", refused)
        assert intake.settle().issues == ("Contact_a.csv: it cannot be read: Permission denied",)
        intake.clock.turn(6)
        assert intake.tick().issues == ()
    assert intake.settle().vaulted == ("Contact_a.csv",)
