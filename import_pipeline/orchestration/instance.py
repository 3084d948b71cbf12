"""The dagster instance: its home, its dagster.yaml, and opening it.

Belongs here: instance settings with their reasons. Does not belong here: definitions.
"""

from pathlib import Path

import dagster as dg

from import_pipeline.orchestration.keys import ACCOUNT_TAG, REMOTE_TAG
from import_pipeline.settings import Settings

DAGSTER_YAML = f"""\
# Made by import_pipeline when it was missing; yours to change.
telemetry: {{enabled: false}}
nux: {{enabled: false}}
concurrency:
  pools: {{granularity: run}}
  runs:
    max_concurrent_runs: 4
    tag_concurrency_limits:
      # A record store has one writer: one run per account at a time, accounts side by side.
      - key: {ACCOUNT_TAG}
        limit: 1
        value: {{applyLimitPerUniqueValue: true}}
      # Slow servers of other people must not take all places: imports and exports keep two.
      - key: {REMOTE_TAG}
        limit: 2
run_coordinator:
  module: dagster._core.run_coordinator.queued_run_coordinator
  class: QueuedRunCoordinator
  config: {{dequeue_interval_seconds: 1}}
# Steps write to the event log, not to stdout: without this, every run starts two processes that follow empty files.
compute_logs:
  module: dagster._core.storage.noop_compute_log_manager
  class: NoOpComputeLogManager
run_monitoring:
  enabled: true
  start_timeout_seconds: 180
  max_runtime_seconds: 21600
  free_slots_after_run_end_seconds: 60
  poll_interval_seconds: 30
# A delivery's attempts are counted in the ledger, so that row errors never cost one.
run_retries: {{enabled: false}}
retention:
  schedule: {{purge_after_days: {{skipped: 7, failure: 30, success: 90}}}}
  sensor: {{purge_after_days: {{skipped: 1, failure: 30, success: 90}}}}
sensors: {{use_threads: true, num_workers: 4}}
schedules: {{use_threads: true, num_workers: 2}}
"""


def prepare_home(settings: Settings) -> Path:
    """DAGSTER_HOME with a dagster.yaml; an existing one is left alone."""
    home = settings.dagster_home
    home.mkdir(parents=True, exist_ok=True)
    config = home / "dagster.yaml"
    if not config.exists():
        config.write_text(DAGSTER_YAML)
    return home


def open_instance(settings: Settings) -> dg.DagsterInstance:
    """The instance of this home, for runs in this process."""
    return dg.DagsterInstance.from_config(str(prepare_home(settings)))
