"""Options and settings of the whole test run.

Belongs here: command line options, profiles of hypothesis. Does not belong here: fixtures of one room (its own conftest.py).
"""

import pytest
from hypothesis import HealthCheck, settings

settings.register_profile("steady", deadline=None, derandomize=True, suppress_health_check=[HealthCheck.too_slow])
settings.load_profile("steady")  # examples are the same in every run: a failure on one machine is a failure on all


def pytest_addoption(parser: pytest.Parser) -> None:
    """`--live` also runs the tests that start the real daemon; `make test-all` gives it."""
    parser.addoption("--live", action="store_true", default=False, help="also run the tests that start the real daemon")


def pytest_collection_modifyitems(config: pytest.Config, items: list[pytest.Item]) -> None:
    """Leaves the live tests out, as deselected and not as skipped: a skip in the summary is always worth a look."""
    if config.getoption("--live"):
        return
    live = [item for item in items if item.get_closest_marker("live")]
    if live:
        config.hook.pytest_deselected(items=live)
        items[:] = [item for item in items if item not in live]
