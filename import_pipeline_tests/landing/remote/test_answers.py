"""Answers go back to the server that the file came from; nobody else's file is touched (reference/intake.md section 4, step 5)."""

import os
from pathlib import Path

import pytest

from import_pipeline.landing.remote import client, original
from import_pipeline.ledger import jobs, remotes
from import_pipeline.model.job import Job

from .kit import Polling
from .sshd import Sshd

MOVE = {"after": "move", "results": "results"}


def receipt(job: Job) -> str:
    """The name of a job's receipt."""
    return f"{job.name.removesuffix('.csv')}.{job.id}.receipt.json"


def again(polling: Polling, job: Job) -> None:
    """Answers of the job were mended."""
    with polling.ledger.begin() as conn:
        remotes.answers_changed(conn, job.file_id, now=polling.clock.now())


def notes(polling: Polling) -> list[str | None]:
    """What is told of files that could not be answered."""
    with polling.ledger.read() as conn:
        return [file.note for file in remotes.noted(conn, "acme", "remote:partner")]


def test_receipt_and_original_go_to_success_or_failed(server: Sshd, tmp_path: Path) -> None:
    """Acceptance, decision 1, on other people's servers."""
    polling = Polling(tmp_path, server.door(**MOVE))
    server.drop("Account_a.csv", "Title\na\n")
    server.drop("Unknown_b.csv", "Title\na\n")
    polling.take()
    jobs_ = {job.name: job for job in polling.deliver()}
    assert server.names("results/Success") == sorted(["Account_a.csv", receipt(jobs_["Account_a.csv"])])
    assert server.names("results/Failed") == sorted(["Unknown_b.csv", receipt(jobs_["Unknown_b.csv"])])
    assert server.names() == ["results"]
    assert (server.files / "results/Success/Account_a.csv").read_text() == "Title\na\n"


def test_after_delete_the_original_goes_and_the_receipt_comes(server: Sshd, tmp_path: Path) -> None:
    """Results may also lie at an absolute place."""
    place = server.make("elsewhere")
    polling = Polling(tmp_path, server.door(after="delete", results=str(place)))
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    (job,) = polling.deliver()
    assert server.names() == ["elsewhere"] and server.names("elsewhere/Success") == [receipt(job)]


@pytest.mark.parametrize("after", ["leave", "delete"])
def test_without_results_nothing_is_written_to_the_server(after: str, server: Sshd, tmp_path: Path) -> None:
    """Answers lie on this machine then."""
    polling = Polling(tmp_path, server.door(after=after))
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    polling.deliver()
    assert server.names() == (["Account_a.csv"] if after == "leave" else [])
    assert len(list((polling.settings.home / "answers/acme/partner/Success").iterdir())) == 1


def test_nothing_that_is_not_ours_is_overwritten(server: Sshd, tmp_path: Path) -> None:
    """A name that is taken gets the job's id, a receipt's name a number."""
    polling = Polling(tmp_path, server.door(**MOVE))
    server.make("results")
    success = server.make("results/Success")
    server.drop("Account_a.csv", "theirs", folder=success)
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    (job,) = polling.deliver(answer=False)
    server.drop(receipt(job), "theirs too", folder=success)
    polling.answer(job_delivery(polling, job))
    assert (success / "Account_a.csv").read_text() == "theirs" and (success / receipt(job)).read_text() == "theirs too"
    assert (success / f"Account_a.{job.id}.csv").read_text() == "Title\na\n"
    assert (success / receipt(job).replace(".json", ".2.json")).read_text() == "{}"


def job_delivery(polling: Polling, job: Job) -> str:
    """The delivery of a job."""
    with polling.ledger.read() as conn:
        row = jobs.get(conn, job.id)
    assert row is not None
    return row.delivery


def test_a_mended_receipt_takes_the_place_of_the_earlier_one_and_moves_nothing(server: Sshd, tmp_path: Path) -> None:
    """Rows that waited for a parent change the answers of earlier deliveries (acceptance B-4)."""
    polling = Polling(tmp_path, server.door(**MOVE))
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    (job,) = polling.deliver()
    polling.write_receipt(job, '{"mended": true}')
    polling.collect()
    assert (server.files / "results/Success" / receipt(job)).read_text() == "{}", "nobody said that it was mended"
    again(polling, job)
    assert polling.collect().answered == ["Account_a.csv"]
    assert (server.files / "results/Success" / receipt(job)).read_text() == '{"mended": true}'
    assert server.names("results/Success") == sorted(["Account_a.csv", receipt(job)])


def test_an_answer_that_is_none_any_more_is_taken_away_and_only_ours(server: Sshd, tmp_path: Path) -> None:
    """A job that waited for approval leaves no plan behind in Held once it is decided."""
    polling = Polling(tmp_path, server.door(**MOVE))
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    (job,) = polling.deliver()
    errors = polling.settings.home / "answers/acme/partner/Failed" / f"Account_a.{job.id}.errors.csv"
    errors.parent.mkdir(parents=True, exist_ok=True)
    errors.write_text("line\n2\n")
    with polling.ledger.begin() as conn:
        row = jobs.get(conn, job.id)
        assert row is not None
        jobs.finish(conn, job.id, "applied", now=polling.clock.now(), counts=row.counts, receipt=row.receipt, errors_file=str(errors))
    again(polling, job)
    polling.collect()
    server.drop("other.csv", "theirs", folder=server.files / "results/Failed")
    assert server.names("results/Failed") == [errors.name, "other.csv"]
    errors.unlink()
    again(polling, job)
    polling.collect()
    assert server.names("results/Failed") == ["other.csv"]


def test_what_was_replaced_meanwhile_stays_and_the_bytes_that_were_read_go_to_success(server: Sshd, tmp_path: Path) -> None:
    """The original is moved only if it still has our fingerprint; newer mail is an arrival of its own."""
    polling = Polling(tmp_path, server.door(**MOVE))
    server.drop("Account_a.csv", "Title\na\n", mtime=1_700_000_000)
    polling.take()
    server.drop("Account_a.csv", "Title\nb\n", mtime=1_700_000_009)
    polling.deliver()
    moved = server.files / "results/Success/Account_a.csv"
    assert moved.read_text() == "Title\na\n" and moved.stat().st_mtime == 1_700_000_000
    assert (server.files / "Account_a.csv").read_text() == "Title\nb\n"
    polling.take()
    polling.deliver()
    assert polling.vaulted() == [b"Title\na\n", b"Title\nb\n"] and server.names() == ["results"]


@pytest.mark.parametrize("after", ["move", "delete"])
def test_what_is_replaced_in_the_very_moment_of_the_move_is_given_back(
    after: str, server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """SFTP has no step that looks and moves at once: the look comes after the rename."""
    polling = Polling(tmp_path, server.door(after=after, results="results"))
    server.drop("Account_a.csv", "Title\na\n", mtime=1_700_000_000)
    polling.take()
    rename, done = client.Peer.rename, []

    def too_late(self: client.Peer, old: bytes, new: bytes) -> None:
        if old.endswith(b"/Account_a.csv") and not done:
            done.append(True)
            server.drop("Account_a.csv", "Title\nb\n", mtime=1_700_000_009)
        rename(self, old, new)

    monkeypatch.setattr(client.Peer, "rename", too_late)
    polling.deliver()
    assert done and (server.files / "Account_a.csv").read_text() == "Title\nb\n"
    assert server.names() == ["Account_a.csv", "results"]
    assert ("Account_a.csv" in server.names("results/Success")) is (after == "move")
    assert polling.take().vaulted == ["Account_a.csv"]


@pytest.mark.skipif(os.getuid() != 0, reason="a folder of another user is needed")
def test_a_move_that_is_not_allowed_is_noted_tried_again_and_blocks_nothing(server: Sshd, tmp_path: Path) -> None:
    """The rows are applied once; the original stays where its sender put it, and is not taken again."""
    mail, results = server.make("mail"), server.make("results")
    polling = Polling(tmp_path, server.door(path=str(mail), after="move", results=str(results)))
    server.drop("Account_a.csv", "Title\na\n", folder=mail)
    os.chown(mail, 0, 0)
    polling.take()
    (job,) = polling.deliver()
    (note,) = notes(polling)
    assert "permission denied" in (note or "") and "tried again" in (note or "")
    assert server.names("results/Success") == [receipt(job)]
    for _ in range(3):
        assert polling.take().vaulted == []
        polling.clock.turn(61)
    assert server.names("mail") == ["Account_a.csv"] and polling.states() == [("Account_a.csv", "answered")]
    server.drop("Account_b.csv", "Title\nb\n", folder=mail)
    assert polling.take().vaulted == ["Account_b.csv"]
    server.give(mail)
    polling.clock.turn(3601)
    polling.collect()
    assert "Account_a.csv" in server.names("results/Success") and notes(polling) == []
    assert polling.states()[0] == ("Account_a.csv", "answered")


@pytest.mark.skipif(os.getuid() != 0, reason="a folder of another user is needed")
def test_where_results_cannot_be_written_the_original_stays_where_it_is(server: Sshd, tmp_path: Path) -> None:
    """People look for their file where they put it."""
    polling = Polling(tmp_path, server.door(**MOVE))
    (server.files / "results").mkdir()
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    polling.deliver()
    assert server.names() == ["Account_a.csv", "results"] and len(notes(polling)) == 1
    server.give(server.files / "results")
    polling.clock.turn(61)
    polling.collect()
    assert server.names() == ["results"] and len(server.names("results/Success")) == 2


def test_a_server_that_is_down_when_the_run_answers_gets_its_answers_later(server: Sshd, tmp_path: Path) -> None:
    """A delivery never waits for other people's machines."""
    polling = Polling(tmp_path, server.door(**MOVE))
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    server.stop()
    (job,) = polling.deliver()
    with polling.ledger.read() as conn:
        row = jobs.get(conn, job.id)
        assert row is not None and row.state == "applied"
        assert len(remotes.due(conn, "acme", "remote:partner", now=polling.clock.now())) == 1
    server.start()
    polling.clock.turn(31)
    assert polling.collect().answered == ["Account_a.csv"]
    assert server.names() == ["results"] and len(server.names("results/Success")) == 2


@pytest.mark.parametrize("after", ["move", pytest.param("delete", marks=pytest.mark.slow)])
@pytest.mark.parametrize("step", ["rename", "write", "remove", "replace", "_intend", "sent"])
@pytest.mark.parametrize("before", [pytest.param(True, marks=pytest.mark.slow), False], ids=["before", "behind"])
def test_a_death_at_any_step_of_an_answer_ends_as_if_nothing_had_been(
    after: str, step: str, before: bool, server: Sshd, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each step can be done again: no second original, no second receipt, nothing hidden left behind."""
    polling = Polling(tmp_path, server.door(after=after, results="results"))
    server.drop("Account_a.csv", "Title\na\n")
    polling.take()
    holder = original if step == "_intend" else remotes if step == "sent" else client.Peer
    real = getattr(holder, step)
    died = []

    class DeathError(BaseException):
        """No handler of ours sees it, as none sees a kill."""

    def dying(*arguments: object, **more: object) -> object:
        if not before:
            real(*arguments, **more)
        died.append(True)
        raise DeathError

    with monkeypatch.context() as patch:
        patch.setattr(holder, step, dying)
        try:
            polling.deliver()
        except DeathError:
            assert died
    polling.owner = "another"
    polling.clock.turn(400)
    polling.look()
    polling.collect()
    expected = 2 if after == "move" else 1
    everything = [path.name for path in server.files.rglob("*") if path.is_file()]
    assert len(everything) == expected and not [name for name in everything if name.startswith(".")], everything
    assert server.names() == ["results"] and polling.states() == [("Account_a.csv", "answered")]
    assert polling.take().vaulted == []


@pytest.mark.parametrize("options", ["-R"])
def test_a_server_that_lets_us_only_read_is_read_and_noted(options: str, tmp_path: Path) -> None:
    """`internal-sftp -R`: everything but reading is refused."""
    with Sshd(options=options) as server:
        polling = Polling(tmp_path, server.door(**MOVE))
        server.drop("Account_a.csv", "Title\na\n")
        assert polling.take().vaulted == ["Account_a.csv"]
        polling.deliver()
        assert len(notes(polling)) == 1 and server.names() == ["Account_a.csv"]
        assert polling.take().vaulted == []


@pytest.mark.skipif(os.getuid() != 0, reason="a chroot takes root; CI runs as root")
def test_a_user_in_a_chroot_is_served_from_its_own_top(tmp_path: Path) -> None:
    """Most partners lock their users in."""
    with Sshd(chroot=True) as server:
        polling = Polling(tmp_path, server.door(**MOVE))
        server.drop("Account_a.csv", "Title\na\n")
        assert polling.take().vaulted == ["Account_a.csv"]
        polling.deliver()
        assert server.names() == ["results"] and len(server.names("results/Success")) == 2
