"""One service for the tests that only ask it, on an account with the types of the scenario tests.

Belongs here: fixtures. Does not belong here: assertions.
"""

from collections.abc import Iterator

import httpx
import pytest

from import_pipeline_tests.gateway.http.kit import Service, add_key
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The accounts acme, which takes small files and few of them, other, and slow, which is seldom asked."""
    made = Here(tmp_path_factory.mktemp("http"))
    doors = {"tree": {"settle": "1s"}, "http": {"max_file_bytes": "2MB", "max_files": 3, "quota_bytes": "5MB"}}
    made.add_account("acme", [ACCOUNT, CONTACT], doors=doors)
    made.add_account("other", [CONTACT | {"parent": None}])
    made.add_account("slow", [CONTACT | {"parent": None}], doors={"http": {"requests_per_minute": 40}})
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(site: Here) -> Iterator[Service]:
    """The server."""
    with Service(site) as running:
        yield running


@pytest.fixture(scope="module")
def key(site: Here) -> str:
    """A key of acme that may do everything."""
    return add_key(site, "acme")


@pytest.fixture
def acme(service: Service, key: str) -> Iterator[httpx.Client]:
    """A client with that key."""
    with service.client(key) as client:
        yield client
