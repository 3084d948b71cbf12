"""A browser for all tests of the desk, and a service whose accounts have users.

Belongs here: fixtures. Does not belong here: assertions.
"""

from collections.abc import Iterator

import pytest
from playwright.sync_api import Browser

from import_pipeline_tests.gateway.http.desk.kit import add_user, chromium
from import_pipeline_tests.gateway.http.kit import Service
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture(scope="package")
def browser() -> Iterator[Browser]:
    """One browser for all files of this folder; windows are each test's own. It ends with them: others run event loops too."""
    with chromium() as running:
        yield running


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts acme (users ann: admin, bob: upload, rea: read) and other (user oto: admin)."""
    made = Here(tmp_path_factory.mktemp("desk"))
    made.add_account("acme", [ACCOUNT, CONTACT], title="Acme Field Sales")
    made.add_account("other", [ACCOUNT, CONTACT])
    add_user(made, "ann", "acme")
    add_user(made, "bob", "acme", "upload")
    add_user(made, "rea", "acme", "read")
    add_user(made, "oto", "other")
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(site: Here) -> Iterator[Service]:
    """The server."""
    with Service(site) as running:
        yield running
