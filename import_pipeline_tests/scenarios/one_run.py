"""One process that lets an account's pipeline work once; started and killed by the fault scenarios.

Usage: python -m import_pipeline_tests.scenarios.one_run FOLDER ACCOUNT
"""

import sys
from pathlib import Path

from import_pipeline.orchestration import sensor
from import_pipeline_tests.scenarios.site import Here


def main() -> None:
    """Works on the site that lies in FOLDER until nothing waits."""
    # The test kills more often than a real delivery is tried.
    sensor.ATTEMPTS = 10_000
    site = Here.existing(Path(sys.argv[1]))
    site.account = sys.argv[2]
    site.work()


if __name__ == "__main__":
    main()
