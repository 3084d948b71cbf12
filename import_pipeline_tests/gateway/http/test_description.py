"""Requests that the description allows, and some that it does not, made by schemathesis: no 500, no hang, nothing that is not described."""

import base64
from typing import Any

import pytest
import schemathesis
from hypothesis import HealthCheck, Phase, given, settings
from schemathesis.checks import not_a_server_error
from schemathesis.specs.openapi.checks import response_schema_conformance, status_code_conformance

from import_pipeline_tests.gateway.http.kit import BULK, Service, add_key
from import_pipeline_tests.scenarios.conftest import CONTACT
from import_pipeline_tests.scenarios.site import Here

INTERFACES = ["spotio", "advocate"]
CHECKS = [not_a_server_error, status_code_conformance, response_schema_conformance]
QUICK = settings(max_examples=25, deadline=None, derandomize=True, phases=[Phase.generate], suppress_health_check=list(HealthCheck))


@schemathesis.serializer("application/x-ndjson")
def as_sent(_: Any, value: Any) -> bytes:
    """Lines are sent as they are."""
    return str(value).encode("utf-8", "surrogatepass")


def ask_about(operation: Any, headers: dict[str, str], job: str) -> int:
    """Requests of one address and method, every other one of a job that exists; how many there were."""
    asked = 0

    def request(case: Any) -> None:
        nonlocal asked
        asked += 1
        if asked % 2 and "id" in (case.path_parameters or {}):
            case.path_parameters["id"] = job
        if asked % 4 and "tenant_alias" in (case.path_parameters or {}):
            case.path_parameters["tenant_alias"] = "acme"
        case.call_and_validate(headers=headers, timeout=20, checks=CHECKS)

    QUICK(given(case=operation.as_strategy())(request))()
    return asked


@pytest.mark.slow
def test_no_request_gets_an_answer_that_is_not_described(tmp_path_factory: pytest.TempPathFactory) -> None:
    """For every address of every door."""
    site = Here(tmp_path_factory.mktemp("described"))
    site.add_account("acme", [CONTACT | {"parent": None}], doors={"http": {"requests_per_minute": 1_000_000, "interfaces": INTERFACES}})
    key = add_key(site, "acme")
    with Service(site) as service, service.client(key) as client:
        schema = schemathesis.openapi.from_dict(client.get("/openapi.json").json())
        schema.config.update(base_url=service.address)
        asked = {}
        for found in schema.get_all_operations():
            operation = found.ok()
            job = client.post(BULK, json={"operation": "create", "dataObjectTypeId": "Contact"}).json()["id"]
            password = base64.b64encode(f":{key}".encode()).decode()
            way = f"Basic {password}" if operation.path.startswith("/api/v1/") else f"Bearer {key}"
            asked[operation.label] = ask_about(operation, {"Authorization": way}, job)
    assert len(asked) == sum(len(operations) for operations in schema.raw_schema["paths"].values()) and all(asked.values())
    site.close()
