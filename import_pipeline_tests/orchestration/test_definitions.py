"""What dagster sees: keys, jobs, schedules, sensors, partitions, and that its tools load the same.

The snapshot is always on: a change of the graph is a change of this file.
"""

import os
import subprocess
import sys
import tomllib
from pathlib import Path

import dagster as dg
import pytest
import yaml

from import_pipeline.components import Account as AccountComponent
from import_pipeline.definitions import build_definitions
from import_pipeline.model.account import Account as AccountModel
from import_pipeline.orchestration.instance import DAGSTER_YAML
from import_pipeline.settings import Settings

ROOT = Path(__file__).parents[2]
STAGES = ("parsed", "validated", "related")


@pytest.fixture
def definitions(tmp_path: Path) -> dg.Definitions:
    """The shipped accounts' definitions in a home of their own."""
    return build_definitions(settings=Settings.from_environment({"IMPORT_PIPELINE_HOME": str(tmp_path)}))


def _imports(account: str, *types: str) -> set[str]:
    stages = {f"{account}/{t}/{t}_{s}" for t in types for s in STAGES} | {f"{account}/{t}" for t in types}
    return stages | {f"{account}/landed", f"{account}/receipts", f"{account}/templates"}


def test_the_asset_graph_is_this(definitions: dg.Definitions) -> None:
    """One account per group, one table per object type, stages before it, exports behind it."""
    graph = definitions.resolve_asset_graph()
    keys = {k.to_user_string() for k in graph.get_all_asset_keys()}
    expected = _imports("field_sales", "account", "contact", "opportunity", "territory") | _imports("door_to_door", "lead")
    expected |= _imports("referrals", "redemption", "reward", "user", "user_event")
    expected |= _imports("giving", "supporter", "transaction") | _imports("cases", "case")
    expected |= {
        "cases/case/case_daily_export",
        "giving/supporter/supporter_daily_export",
        "giving/transaction/transaction_weekly_export",
        "referrals/user/user_daily_export",
        "referrals/reward/reward_daily_export",
        "referrals/user_event/user_event_weekly_export",
        "referrals/redemption/redemption_weekly_export",
        "field_sales/account/account_daily_export",
        "field_sales/contact/contact_daily_export",
        "field_sales/opportunity/opportunity_weekly_export",
        "field_sales/territory/territory_daily_export",
    }
    assert keys == expected | {"door_to_door/lead/lead_daily_export"}
    assert all(node.group_name == node.key.path[0] for node in graph.asset_nodes)
    assert all(node.description for node in graph.asset_nodes)


def test_a_childs_related_stage_comes_after_its_parents_table(definitions: dg.Definitions) -> None:
    """Parents of the same delivery are in the store when children look for them (acceptance B-4)."""
    node = definitions.resolve_asset_graph().get(dg.AssetKey(["field_sales", "opportunity", "opportunity_related"]))
    assert {k.to_user_string() for k in node.parent_keys} == {"field_sales/opportunity/opportunity_validated", "field_sales/account"}


def test_records_with_pins_are_related_after_the_territories_of_the_same_delivery(definitions: dg.Definitions) -> None:
    """A new pin is placed once, in the shapes as they will be (acceptance B-14)."""
    node = definitions.resolve_asset_graph().get(dg.AssetKey(["field_sales", "account", "account_related"]))
    assert {k.to_user_string() for k in node.parent_keys} == {"field_sales/account/account_validated", "field_sales/territory"}


def test_every_setting_of_an_account_may_stand_in_the_components_yaml() -> None:
    """Dagster's own loader refuses keys that its component does not name."""
    assert set(AccountModel.model_fields) - {"object_types", "formats"} <= set(AccountComponent.model_fields)


def test_jobs_schedules_and_sensors_are_these(definitions: dg.Definitions) -> None:
    """Sensors and schedules run as soon as the daemon does."""
    repository = definitions.get_repository_def()
    jobs = {name for name in repository.job_names if not name.startswith("__")}
    assert jobs == {
        "import_field_sales", "import_door_to_door", "import_referrals", "import_file", "upkeep", "export_as_of", "diff_moments",
        "undo_import", "replay_delivery", "decide_import",
        "export_daily_field_sales", "export_weekly_field_sales", "export_daily_door_to_door",
        "export_daily_referrals", "export_weekly_referrals", "import_giving", "export_daily_giving", "export_weekly_giving",
        "import_cases", "export_daily_cases",
    }  # fmt: skip
    assert {s.name: s.default_status for s in repository.sensor_defs} == {
        "landing_cases": dg.DefaultSensorStatus.RUNNING,
        "landing_field_sales": dg.DefaultSensorStatus.RUNNING,
        "landing_door_to_door": dg.DefaultSensorStatus.RUNNING,
        "landing_giving": dg.DefaultSensorStatus.RUNNING,
        "landing_referrals": dg.DefaultSensorStatus.RUNNING,
    }
    assert {s.name for s in repository.schedule_defs} == {
        "daily_exports_field_sales", "weekly_exports_field_sales", "daily_exports_door_to_door", "hourly_upkeep",
        "daily_exports_referrals", "weekly_exports_referrals", "daily_exports_giving", "weekly_exports_giving",
        "daily_exports_cases",
    }  # fmt: skip
    assert all(s.default_status == dg.DefaultScheduleStatus.RUNNING for s in repository.schedule_defs)


def test_every_run_on_a_store_carries_the_account_tag_that_the_instance_limits_to_one(definitions: dg.Definitions) -> None:
    """A record store has one writer (DESIGN section 5)."""
    limits = yaml.safe_load(DAGSTER_YAML)["concurrency"]["runs"]["tag_concurrency_limits"]
    assert limits[0] == {"key": "import_pipeline/account", "limit": 1, "value": {"applyLimitPerUniqueValue": True}}
    # Collecting runs open no store; they are limited so that slow servers of other people leave room for those that do.
    assert limits[1:] == [{"key": "import_pipeline/remote", "limit": 2}]
    for name in ("import_field_sales", "export_daily_field_sales", "export_weekly_field_sales"):
        assert definitions.resolve_job_def(name).tags["import_pipeline/account"] == "field_sales"


def test_the_shipped_dagster_yaml_is_valid_and_telemetry_is_off(tmp_path: Path) -> None:
    """DESIGN section 7."""
    (tmp_path / "dagster.yaml").write_text(DAGSTER_YAML)
    with dg.DagsterInstance.from_config(str(tmp_path)) as instance:
        assert instance.telemetry_enabled is False
        assert instance.get_concurrency_config().run_queue_config is not None


def test_exports_are_scheduled_for_the_last_closed_window_in_the_accounts_time_zone(definitions: dg.Definitions) -> None:
    """Acceptance S-16."""
    schedule = definitions.resolve_schedule_def("weekly_exports_field_sales")
    assert schedule.execution_timezone == "America/New_York"
    assert schedule.cron_schedule == "0 2 * * 1"


def test_workspace_and_pyproject_name_the_same_location() -> None:
    """Two names would be two code locations with two sets of sensors."""
    workspace = yaml.safe_load((ROOT / "workspace.yaml").read_text())["load_from"][0]["python_module"]
    project = tomllib.loads((ROOT / "pyproject.toml").read_text())["tool"]
    names = {workspace["location_name"], project["dg"]["project"]["code_location_name"], project["dagster"]["code_location_name"]}
    assert names == {"import_pipeline"}
    assert workspace["module_name"] == project["dagster"]["module_name"] == "import_pipeline.definitions"


def test_dagsters_own_validation_accepts_the_project(tmp_path: Path) -> None:
    """What `dagster definitions validate` says to a newcomer."""
    environment = {**os.environ, "IMPORT_PIPELINE_HOME": str(tmp_path), "DAGSTER_HOME": str(tmp_path)}
    command = [sys.executable, "-m", "dagster", "definitions", "validate", "-w", str(ROOT / "workspace.yaml")]
    done = subprocess.run(command, env=environment, cwd=tmp_path, capture_output=True, text=True, check=False)
    assert done.returncode == 0, done.stdout + done.stderr


def test_the_component_gives_the_same_assets_as_the_assembly(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """dagster's tools and the running instance see one truth."""
    monkeypatch.setenv("IMPORT_PIPELINE_HOME", str(tmp_path))
    tree = dg.ComponentTree.for_project(ROOT)
    by_tree = {k.to_user_string() for k in tree.build_defs().resolve_asset_graph().get_all_asset_keys()}
    assembled = {k.to_user_string() for k in build_definitions().resolve_asset_graph().get_all_asset_keys()}
    assert by_tree == assembled
