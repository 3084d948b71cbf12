"""One service for the tests that only ask it, on the shipped account and another one of the same kind.

Belongs here: fixtures. Does not belong here: assertions.
"""

from collections.abc import Iterator

import pytest

from import_pipeline_tests.gateway.http.advocate.kit import Advocate, referral_site
from import_pipeline_tests.gateway.http.kit import Service, add_key
from import_pipeline_tests.scenarios.conftest import CONTACT
from import_pipeline_tests.scenarios.site import Here


@pytest.fixture(scope="module")
def site(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Here]:
    """The account referrals, which takes small files; other, with the interface but without its types; plain, without it."""
    made = referral_site(tmp_path_factory.mktemp("advocate"), max_file_bytes="2MB", requests_per_minute=100_000)
    made.add_account("other", [CONTACT | {"parent": None}], doors={"http": {"interfaces": ["advocate"]}})
    made.add_account("plain", [CONTACT | {"parent": None}])
    yield made
    made.close()


@pytest.fixture(scope="module")
def service(site: Here) -> Iterator[Service]:
    """The server."""
    with Service(site) as running:
        yield running


@pytest.fixture(scope="module")
def key(site: Here) -> str:
    """A key of referrals that may do everything."""
    return add_key(site, "referrals")


@pytest.fixture(scope="module")
def advocate(service: Service, key: str) -> Iterator[Advocate]:
    """A program with that key."""
    made = Advocate(service.address, key)
    yield made
    made.client.close()
