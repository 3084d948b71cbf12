"""Upkeep, dead runs, failed deliveries and the configuration check, on a site that works in this process."""

from datetime import timedelta
from pathlib import Path

import dagster as dg
import pytest

from import_pipeline.definitions import build_definitions
from import_pipeline.delivering.workers import is_gone, this_worker
from import_pipeline.landing.vault import path_of
from import_pipeline.ledger import deliveries, meta
from import_pipeline.orchestration.keys import deliveries_of
from import_pipeline.orchestration.sensor import ATTEMPTS
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture
def site(tmp_path: Path) -> Here:
    """One account, quick doors."""
    made = Here(tmp_path)
    made.add_account("acme", [ACCOUNT, CONTACT], retention={"vault": "400d", "staging": "7d", "runs": "90d"})
    return made


def _upkeep(site: Here) -> None:
    with site.instance() as instance:
        done = build_definitions(pipeline=site.pipeline).resolve_job_def("upkeep").execute_in_process(instance=instance)
    assert done.success


def test_upkeep_prunes_by_retention_and_nothing_younger(site: Here) -> None:
    """Nothing else prunes staging, vault, runs and partitions (DESIGN section 7)."""
    job = site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,1\nA2,Beta,x\n")
    key, name = job.delivery, str(deliveries_of(site.pipeline.account("acme")).name)
    staging = site.settings.staging / "acme" / key / "account"
    original = path_of(site.settings.vault, job.sha256)

    def left() -> tuple[bool, bool, bool, int, int]:
        with site.instance() as instance:
            bulk = (staging / "parsed" / "rows-00000.parquet").exists()
            errors = (staging / "validated" / "errors-00000.parquet").exists()
            return (
                bulk,
                errors,
                original.exists(),
                instance.get_runs_count(dg.RunsFilter(job_name="import_acme")),
                len(instance.get_dynamic_partitions(name)),
            )

    _upkeep(site)
    assert left() == (True, True, True, 1, 1)
    site.clock.jump(timedelta(days=8))
    _upkeep(site)
    assert left() == (False, True, True, 1, 1)
    site.clock.jump(timedelta(days=90))
    _upkeep(site)
    assert left() == (False, True, True, 0, 1)
    site.clock.jump(timedelta(days=400))
    _upkeep(site)
    assert left() == (False, False, False, 0, 0)
    assert [r["Name"] for r in site.records("Account")] == ["Acme"]


def test_rows_that_had_waited_are_pruned_with_the_versions_of_their_parents(site: Here) -> None:
    """No undo can need them any more; those whose parent is as it was stay, however old."""
    site.deliver("Contact_1.csv", "ExternalDataObjectId,Name,RelatedTo\nC1,Ann,A1\nC2,Bob,A2\n")
    site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,1\nA2,Bolt,1\n")
    site.deliver("Account_2.csv", "ExternalDataObjectId,Employees\nA1,2\n")
    shown = 'SELECT "RelatedTo" FROM store._released_contact ORDER BY 1'
    _upkeep(site)
    assert site.query(shown) == [("A1",), ("A2",)]
    site.clock.jump(timedelta(days=401))
    _upkeep(site)
    assert site.query(shown) == [("A2",)]
    assert site.query("SELECT count(*) FROM store._history_account") == [(0,)]
    assert len(site.records("Contact")) == 2


def test_a_worker_is_gone_when_its_process_is_or_another_one_has_its_number() -> None:
    """A process id alone does not tell: it is given again."""
    me = this_worker()
    assert not is_gone(me)
    assert is_gone({**me, "born": me["born"] - 60})
    assert is_gone({**me, "pid": 2**22 - 3})
    assert not is_gone({**me, "host": "another host", "pid": 2**22 - 3})


def test_a_delivery_whose_runs_fail_ends_with_its_reason_and_the_next_goes_on(site: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Only the machine's faults fail a delivery: three runs, then its files lie in Failed with the reason."""

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("the stage is broken")

    with monkeypatch.context() as patch:
        patch.setattr("import_pipeline.relating.stage.relate_delivery", broken)
        job = site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    assert job.state == "failed" and "the stage is broken" in str(job.reason)
    with site.pipeline.ledger.read() as conn:
        (failed,) = deliveries.listing(conn, "acme", "failed")
    assert failed.attempt == ATTEMPTS
    assert "Account_1.csv" in site.listing("DataObjects/Import/Failed")
    again = site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    assert again.state == "applied"


def test_a_permanent_failure_is_not_tried_again(site: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """A retry cannot help."""
    from import_pipeline.failures import PermanentFailure

    def broken(*_args: object, **_more: object) -> None:
        raise PermanentFailure("the type of a column was changed")

    monkeypatch.setattr("import_pipeline.relating.stage.relate_delivery", broken)
    job = site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    assert "the type of a column was changed" in str(job.reason)
    with site.pipeline.ledger.read() as conn:
        assert deliveries.listing(conn, "acme", "failed")[0].attempt == 1


def test_a_run_whose_process_is_gone_is_reported_and_its_delivery_goes_on(site: Here) -> None:
    """A run orphaned by a reboot would stay STARTED for ever (DESIGN section 7)."""
    site.drop("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    name = str(deliveries_of(site.pipeline.account("acme")).name)
    definitions = build_definitions(pipeline=site.pipeline)
    sensor = definitions.resolve_sensor_def("landing_acme")
    with site.instance() as instance:
        answer = None
        while not isinstance(answer, dg.SensorResult):
            answer = sensor(dg.build_sensor_context(instance=instance))
            site.clock.jump(timedelta(seconds=3))
        (request,) = answer.run_requests or []
        key = str(request.partition_key)
        instance.add_dynamic_partitions(name, [key])
        run = instance.create_run_for_job(
            definitions.resolve_job_def("import_acme"), status=dg.DagsterRunStatus.STARTED, tags=dict(request.tags)
        )
        with site.pipeline.ledger.begin() as conn:
            deliveries.start(conn, key, run.run_id, now=site.clock.now())
            meta.write(conn, f"worker/{key}", {**this_worker(), "pid": 2**22 - 3, "run": run.run_id}, now=site.clock.now())
        sensor(dg.build_sensor_context(instance=instance))
        reported = instance.get_run_by_id(run.run_id)
        assert reported is not None and reported.status == dg.DagsterRunStatus.FAILURE
    site.work()
    assert site.job("Account_1.csv").state == "applied"


def test_a_broken_type_shows_as_a_failed_check_before_any_delivery(site: Here) -> None:
    """The issue's line 1; all other types go on."""
    (site.accounts / "acme" / "object_types" / "broken.yaml").write_text("name: Broken\nfields:\n  - {name: X, type: Nubmer}\n")
    sensor = build_definitions(pipeline=site.pipeline).resolve_sensor_def("landing_acme")
    with site.instance() as instance:
        sensor(dg.build_sensor_context(instance=instance))
        key = dg.AssetCheckKey(dg.AssetKey(["acme", "landed"]), "configuration_is_valid")
        (record,) = instance.event_log_storage.get_asset_check_execution_history(key, limit=5)
        evaluation = record.evaluation
    assert evaluation is not None and not evaluation.passed
    assert "broken.yaml:3" in str(evaluation.metadata["faults"].value) and "Number" in str(evaluation.metadata["faults"].value)


def test_materializing_a_delivery_again_changes_nothing_and_keeps_its_counts(site: Here) -> None:
    """Backfilling a delivery's partition from the UI is safe; it never overwrites what came later."""
    first = site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,1\nA2,Beta,x\n")
    site.deliver("Account_2.csv", "ExternalDataObjectId,Employees\nA1,2\n")
    before = site.query("SELECT * FROM store.account ORDER BY _id")
    job = build_definitions(pipeline=site.pipeline).resolve_job_def("import_acme")
    with site.instance() as instance:
        assert job.execute_in_process(instance=instance, partition_key=first.delivery).success
    assert site.query("SELECT * FROM store.account ORDER BY _id") == before
    again = site.job("Account_1.csv")
    assert (again.state, again.counts) == (first.state, first.counts)
    assert site.receipt(again)["counts"]["created"] == 1


def test_a_delivery_whose_runs_die_before_their_first_step_is_answered_too(site: Here, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its jobs were never booked by a run; its files must not wait for ever."""

    def broken(*_args: object, **_more: object) -> None:
        raise RuntimeError("no step begins")

    monkeypatch.setattr("import_pipeline.delivering.flow.DeliveryRun.land", broken)
    job = site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    assert job.state == "failed" and "no step begins" in str(job.reason)
    assert "Account_1.csv" in site.listing("DataObjects/Import/Failed")


def test_a_backfill_under_way_is_not_taken_for_the_run_that_ended_before(site: Here) -> None:
    """The sensor must not request the delivery once more while somebody materializes it again."""
    first = site.deliver("Account_1.csv", "ExternalDataObjectId,Name\nA1,Acme\n")
    definitions = build_definitions(pipeline=site.pipeline)
    sensor = definitions.resolve_sensor_def("landing_acme")
    with site.instance() as instance:
        job = definitions.resolve_job_def("import_acme")
        again = instance.create_run_for_job(job, status=dg.DagsterRunStatus.STARTED)
        with site.pipeline.ledger.begin() as conn:
            deliveries.start(conn, first.delivery, again.run_id, now=site.clock.now())
            meta.write(conn, f"worker/{first.delivery}", {**this_worker(), "run": again.run_id}, now=site.clock.now())
        assert not isinstance(sensor(dg.build_sensor_context(instance=instance)), dg.SensorResult)
    with site.pipeline.ledger.read() as conn:
        current = deliveries.get(conn, first.delivery)
    assert current is not None and (current.state, current.run_id) == ("running", again.run_id)


def test_a_file_of_any_path_is_imported_by_hand(site: Here, tmp_path: Path) -> None:
    """The job `import_file`, as the launchpad starts it; the file stays where it is."""
    path = tmp_path / "from the fair.csv"
    path.write_text("ExternalDataObjectId,Name\nA1,Acme\n")
    config = {"ops": {"submit_file": {"config": {"account": "acme", "path": str(path), "object_type": "Account"}}}}
    with site.instance() as instance:
        job = build_definitions(pipeline=site.pipeline).resolve_job_def("import_file")
        assert job.execute_in_process(run_config=config, instance=instance).success
    assert [r["Name"] for r in site.records("Account")] == ["Acme"]
    assert site.job("from the fair.csv").state == "applied" and path.exists()
