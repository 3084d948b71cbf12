"""Files on somebody else's SFTP server, through the real sensors and runs: from the server to the records, and the answers back.

Belongs here: the whole way. Does not belong here: single steps and faults of it (landing/remote/).
"""

import json
import time
from collections.abc import Iterator
from datetime import timedelta
from pathlib import Path
from typing import Any

import dagster as dg
import pytest

from import_pipeline.definitions import build_definitions
from import_pipeline.orchestration.keys import REMOTE_TAG
from import_pipeline_tests.landing.remote.sshd import Sshd
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import PATIENCE, Daemon, Here


@pytest.fixture
def server() -> Iterator[Sshd]:
    """Somebody else's OpenSSH server."""
    with Sshd() as running:
        yield running


def polled(folder: Path, *doors: dict[str, object], **more: Any) -> Here:
    """A site whose account polls these."""
    site = Here(folder)
    tree = {"settle": "1s", "interval": "1s", "cut_settle": "2s"}
    site.add_account("acme", [ACCOUNT, CONTACT], doors={"tree": tree, "remotes": list(doors)}, **more)
    return site


def tick(site: Here, instance: dg.DagsterInstance, remote: str = "partner") -> Any:
    """One evaluation of the remote's sensor; what it requests is executed. Returns its answer."""
    definitions = build_definitions(pipeline=site.pipeline)
    answer = definitions.resolve_sensor_def(f"remote_acme__{remote}")(dg.build_sensor_context(instance=instance))
    for request in answer.run_requests or [] if isinstance(answer, dg.SensorResult) else []:
        job = definitions.resolve_job_def("collect_acme")
        job.execute_in_process(instance=instance, run_config=request.run_config, tags=dict(request.tags), raise_on_error=False)
    site.clock.jump(timedelta(seconds=6))
    return answer


def test_a_file_on_a_server_becomes_records_and_its_answers_go_back(server: Sshd, tmp_path: Path) -> None:
    """Sensor, collecting run, landing sensor, delivery, records, receipt, error file, failed rows, original."""
    site = polled(tmp_path, server.door(after="move", results="results"))
    server.drop("Account_partners.csv", "Name,Email,Employees\nAcme,ann@acme.example,12\nBeta,bob@beta.example,many\n")
    with site.instance() as instance:
        first = tick(site, instance)
        assert isinstance(first, dg.SkipReason) and "1 of 1 files not complete yet" in str(first.skip_message)
        second = tick(site, instance)
        assert isinstance(second, dg.SensorResult)
        assert [request.tags[REMOTE_TAG] for request in second.run_requests or []] == ["acme.partner"]
        site.work()
        assert isinstance(tick(site, instance), dg.SkipReason)
    job = site.job("Account_partners.csv")
    assert (job.state, job.counts.created, job.counts.refused) == ("applied", 1, 1)
    assert [row["Name"] for row in site.records("Account")] == ["Acme"]
    assert server.names() == ["results"]
    assert set(server.names("results/Success")) == {"Account_partners.csv", f"Account_partners.{job.id}.receipt.json"}
    assert server.names("results/Failed") == [f"Account_partners.{job.id}.errors.csv", f"Account_partners.{job.id}.failed.csv"]
    told = json.loads((server.files / f"results/Success/Account_partners.{job.id}.receipt.json").read_text())
    assert told["job"] == job.id
    assert (server.files / f"results/Failed/Account_partners.{job.id}.failed.csv").read_text().startswith("Name,Email,Employees,")


def test_failed_rows_that_come_back_through_the_server_mend_the_first_receipt_there(server: Sshd, tmp_path: Path) -> None:
    """Acceptance B-1 over somebody else's server: what was answered is answered again."""
    site = polled(tmp_path, server.door(after="move", results="results"))
    server.drop("Account_a.csv", "Name,Email,Employees\nAcme,ann@acme.example,12\nBeta,bob@beta.example,many\n")
    with site.instance() as instance:
        for _ in range(2):
            tick(site, instance)
        site.work()
        first = site.job("Account_a.csv")
        failed = server.files / f"results/Failed/Account_a.{first.id}.failed.csv"
        server.drop("mended.csv", failed.read_text().replace("many", "7"))
        for _ in range(2):
            tick(site, instance)
        site.work()
        for _ in range(2):
            tick(site, instance)
    assert [row["Name"] for row in site.records("Account")] == ["Acme", "Beta"]
    told = json.loads((server.files / f"results/Success/Account_a.{first.id}.receipt.json").read_text())
    assert told["resolved"]["rows"] == 1


def test_a_check_folder_of_a_server_is_planned_and_never_applied(server: Sshd, tmp_path: Path) -> None:
    """Acceptance B-2 over every door: the plan goes back beside the receipt."""
    site = polled(tmp_path, server.door(after="move", results="results", dry_run=True))
    server.drop("Account_a.csv", "Name\nAcme\n")
    with site.instance() as instance:
        for _ in range(2):
            tick(site, instance)
        site.work()
    job = site.job("Account_a.csv")
    assert job.state == "planned" and not site.settings.store_file("acme").exists()
    there = server.names("results/Success")
    assert {f"Account_a.{job.id}.plan.html", f"Account_a.{job.id}.plan.csv", f"Account_a.{job.id}.receipt.json"} < set(there)


def test_held_plans_go_to_the_server_and_away_again_when_they_are_decided(server: Sshd, tmp_path: Path) -> None:
    """Acceptance B-13: who sent the file sees that it waits, and why."""
    from import_pipeline.delivering.again import reject

    site = polled(tmp_path, server.door(after="move", results="results"), hold={"changed_above": "10%"})
    site.deliver("Account_first.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,1\nA2,Beta,1\n")
    server.drop("Account_a.csv", "ExternalDataObjectId,Employees\nA1,2\nA2,2\n")
    with site.instance() as instance:
        for _ in range(2):
            tick(site, instance)
        site.work()
        job = site.job("Account_a.csv")
        assert job.state == "held"
        tick(site, instance)
        assert f"Account_a.{job.id}.plan.html" in server.names("results/Held") and "Account_a.csv" in server.names()
        reject(site.pipeline, job.id, "not now")
        tick(site, instance)
    assert server.names("results/Held") == []
    assert "Account_a.csv" in server.names("results/Failed")
    assert server.names() == ["results"]


def test_a_server_that_is_down_fails_the_tick_and_then_pauses_it(server: Sshd, tmp_path: Path) -> None:
    """A failed listing raises, an empty one skips; the tree goes on beside it."""
    site = polled(tmp_path, server.door())
    server.stop()
    site.drop("Account_tree.csv", "Name\nAcme\n")
    with site.instance() as instance:
        with pytest.raises(Exception, match="partner: connecting to"):
            tick(site, instance)
        paused = tick(site, instance)
        assert isinstance(paused, dg.SkipReason) and "tried again at" in str(paused.skip_message)
        site.work()
    assert site.job("Account_tree.csv").state == "applied"


def test_the_same_file_through_the_tree_and_from_a_server_is_imported_once(server: Sshd, tmp_path: Path) -> None:
    """Acceptance B-5 knows no doors."""
    site = polled(tmp_path, server.door(after="move", results="results"))
    site.deliver("Account_a.csv", "Name\nAcme\n")
    server.drop("Account_same.csv", "Name\nAcme\n")
    with site.instance() as instance:
        for _ in range(2):
            tick(site, instance)
        site.work()
    assert site.job("Account_same.csv").state == "duplicate"
    assert len(site.records("Account")) == 1 and "Account_same.csv" in server.names("results/Success")
    assert site.listing("DataObjects/Import/Success")[0].startswith("Account_a")


def test_a_collecting_run_whose_process_died_is_reported_and_followed_by_another(server: Sshd, tmp_path: Path) -> None:
    """The stock launcher never notices (DESIGN section 7)."""
    from import_pipeline.ledger import meta

    site = polled(tmp_path, server.door())
    server.drop("Account_a.csv", "Name\nAcme\n")
    with site.instance() as instance:
        definitions = build_definitions(pipeline=site.pipeline)
        job = definitions.resolve_job_def("collect_acme")
        config = {"ops": {"collect": {"config": {"remote": "partner"}}}}
        dead = instance.create_run_for_job(job, run_config=config, status=dg.DagsterRunStatus.STARTED, tags={REMOTE_TAG: "acme.partner"})
        tick(site, instance)
        waits = tick(site, instance)
        assert isinstance(waits, dg.SkipReason) and "is at it" in str(waits.skip_message)
        with site.pipeline.ledger.begin() as conn:
            import socket

            gone = {"host": socket.gethostname(), "pid": 2**22 + 1, "born": 1.0, "run": dead.run_id}
            meta.write(conn, "worker/remote/acme.partner", gone, now=site.clock.now())
        assert isinstance(tick(site, instance), dg.SensorResult)
        found = instance.get_run_by_id(dead.run_id)
        assert found is not None and found.status == dg.DagsterRunStatus.FAILURE
        site.work()
    assert site.job("Account_a.csv").state == "applied"


def test_an_account_without_a_tree_of_its_own_still_imports_what_its_servers_have(server: Sshd, tmp_path: Path) -> None:
    """Deliveries are formed in the landing sensor, whatever the door; a tree that is switched off is not looked at."""
    site = Here(tmp_path)
    site.add_account("acme", [ACCOUNT, CONTACT], doors={"tree": {"enabled": False}, "remotes": [server.door()]})
    site.drop("Account_tree.csv", "Name\nTree\n")
    server.drop("Account_a.csv", "Name\nAcme\n")
    with site.instance() as instance:
        for _ in range(2):
            tick(site, instance)
        site.work()
    assert [row["Name"] for row in site.records("Account")] == ["Acme"]
    assert server.names() == ["Account_a.csv"] and site.listing("DataObjects/Import/New") == ["Account_tree.csv"]


@pytest.mark.live
@pytest.mark.slow
def test_the_daemon_polls_imports_and_answers(server: Sshd, tmp_path: Path) -> None:
    """Queue, tags, code server and environment as they are in production."""
    site = Daemon(tmp_path)
    door = server.door(after="move", results="results", settle="1s", interval="1s")
    site.add_account("acme", [ACCOUNT, CONTACT], doors={"tree": {"settle": "1s", "interval": "1s"}, "remotes": [door]})
    server.drop("Account_a.csv", "Name,Employees\nAcme,1\nBeta,many\n")
    try:
        site.start()
        end = time.monotonic() + PATIENCE
        while len(server.names("results/Success")) < 2:
            assert time.monotonic() < end, (tmp_path / "daemon.log").read_text(errors="replace")[-3000:]
            time.sleep(0.5)
        assert site.job("Account_a.csv").state == "applied"
        assert server.names() == ["results"] and len(server.names("results/Failed")) == 2
    finally:
        site.close()
