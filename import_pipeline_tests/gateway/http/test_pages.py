"""Description, page, health, figures, log."""

import asyncio
import json

import httpx
import pytest
from starlette.requests import Request
from starlette.responses import Response

from import_pipeline.gateway.http import health
from import_pipeline.gateway.http.metrics import is_loopback
from import_pipeline.gateway.http.service import build_app
from import_pipeline_tests.gateway.http.kit import BULK, Service
from import_pipeline_tests.scenarios.site import Here


def test_the_description_names_every_address_of_every_door(acme: httpx.Client) -> None:
    """And the page shows the same, without a script and without another host."""
    described = acme.get("/openapi.json").json()
    assert described["openapi"].startswith("3.1") and {path for path in described["paths"] if path.startswith(BULK)} == {
        BULK,
        f"{BULK}/inprogress",
        *(f"{BULK}/{{id}}/{rest}" for rest in ("data", "start", "progress", "results/succeeded", "results/failed", "cleanup")),
    }
    page = acme.get("/docs")
    assert all(path in page.text for path in described["paths"]) and "<script" not in page.text and "http:" not in page.text
    assert "default-src 'none'" in page.headers["content-security-policy"]


def test_health_tells_that_it_lives_and_readiness_that_it_can_work(service: Service) -> None:
    """Without a key: probes have none."""
    assert httpx.get(f"{service.address}/healthz").text == "ok\n"
    ready = httpx.get(f"{service.address}/readyz")
    assert (ready.status_code, ready.json()) == (200, {"ready": True, "checks": {"ledger": True, "vault": True}})


def test_an_address_that_does_not_exist_is_a_problem_document(service: Service) -> None:
    """So is a method that an address does not have."""
    assert httpx.get(f"{service.address}/nothing").json()["status"] == 404
    wrong = httpx.get(f"{service.address}{BULK}")
    assert (wrong.status_code, wrong.headers["allow"], wrong.json()["title"]) == (405, "POST", "Method Not Allowed")


def test_figures_are_in_the_format_that_prometheus_reads(service: Service, site: Here) -> None:
    """Jobs by state, rows by outcome, the oldest file, how long deliveries took, requests."""
    site.deliver("Account_a.csv", "ExternalDataObjectId,Name\nA-1,Ann\nA-2,\n")
    text = httpx.get(f"{service.address}/metrics").text
    lines = [line for line in text.splitlines() if not line.startswith("#")]
    values = {name: float(value) for name, _, value in (line.rpartition(" ") for line in lines)}
    assert values['import_pipeline_jobs{account="acme",state="applied"}'] >= 1
    assert values['import_pipeline_rows{account="acme",outcome="refused"}'] >= 1
    assert values['import_pipeline_delivery_seconds_count{account="acme"}'] >= 1
    assert any(name.startswith('import_pipeline_http_requests_total{route="metrics"') or "healthz" in name for name in values)
    assert is_loopback("127.0.0.1") and is_loopback("localhost") and is_loopback("::1") and not is_loopback("0.0.0.0")


def test_the_log_tells_who_did_what_and_no_secret(service: Service, site: Here, acme: httpx.Client, key: str) -> None:
    """Neither keys nor contents nor addresses as they were sent."""
    acme.put(f"{BULK}/b1/data?secret=hunter2", content=b"personal data", headers={"X-Request-Id": "log-1"})
    acme.get(f"/nobody@example.com?key={key}")
    text = (site.settings.home / "logs" / "http-access.jsonl").read_text()
    line = next(one for one in map(json.loads, text.splitlines()) if one["id"] == "log-1")
    assert (line["route"], line["status"], line["account"], line["token"]) == ("spotio:put_data", 404, "acme", key[4:20])
    assert not any(word in text for word in ("hunter2", "personal data", "nobody@", key[20:]))


def test_a_fault_of_ours_is_told_by_its_id_and_logged_without_its_text(
    site: Here, monkeypatch: pytest.MonkeyPatch, caplog: pytest.LogCaptureFixture
) -> None:
    """An exception's text may hold what somebody sent."""

    async def broken(_: Request) -> Response:
        raise RuntimeError("personal data")

    monkeypatch.setattr(health, "alive", broken)
    app = build_app(site.settings, site.pipeline.ledger, site.pipeline.accounts, site.clock)

    async def asking() -> httpx.Response:
        async with httpx.AsyncClient(transport=httpx.ASGITransport(app), base_url="http://x") as client:
            return await client.get("/healthz", headers={"X-Request-Id": "fault-1"})

    answer = asyncio.run(asking())
    assert (answer.status_code, answer.json()["requestId"], "personal" in answer.text) == (500, "fault-1", False)
    assert "fault-1: RuntimeError at" in caplog.text and "personal data" not in caplog.text
