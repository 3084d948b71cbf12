"""Facts of dagster that orchestration builds on."""

from pathlib import Path

import dagster as dg


def test_without_a_policy_a_backfill_makes_one_run_per_partition() -> None:
    """One delivery is one run: partitioned asset checks are stored wrongly in range runs (DESIGN section 7)."""

    @dg.asset(partitions_def=dg.DynamicPartitionsDefinition(name="d"))
    def one() -> None: ...

    policy = one.backfill_policy
    assert policy is None or policy.max_partitions_per_run == 1


def test_a_run_key_is_remembered_for_ever_so_it_must_hold_the_attempt(tmp_path: Path) -> None:
    """A second tick with the same run key requests nothing."""
    instance = dg.DagsterInstance.local_temp(str(tmp_path))

    @dg.asset
    def one() -> None: ...

    @dg.sensor(target=[one])
    def always() -> dg.RunRequest:
        return dg.RunRequest(run_key="same")

    assert always(dg.build_sensor_context(instance=instance)).run_key == "same"  # type: ignore[union-attr]


def test_a_plain_materialize_result_is_the_annotation_that_assets_with_checks_need(tmp_path: Path) -> None:
    """A parametrised MaterializeResult[None] is taken for a wrong tuple."""
    spec = dg.AssetCheckSpec("fine", asset="one")

    @dg.asset(check_specs=[spec])
    def one() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=True)])

    assert dg.materialize([one], instance=dg.DagsterInstance.local_temp(str(tmp_path))).success


def test_bad_data_never_fails_a_run_because_a_failed_check_does_not(tmp_path: Path) -> None:
    """Row errors are told by checks; only the machine's faults fail a run."""
    spec = dg.AssetCheckSpec("fine", asset="one")

    @dg.asset(check_specs=[spec])
    def one() -> dg.MaterializeResult:  # type: ignore[type-arg]
        return dg.MaterializeResult(check_results=[dg.AssetCheckResult(passed=False)])

    assert dg.materialize([one], instance=dg.DagsterInstance.local_temp(str(tmp_path))).success
