"""What each request of the bulk job API demands."""

import json
import subprocess
from concurrent.futures import ThreadPoolExecutor
from typing import Any

import httpx
import pytest

from import_pipeline.ledger import bulk_jobs, deliveries, uploads
from import_pipeline.ledger import files as ledger_files
from import_pipeline_tests.gateway.http.kit import BULK, NDJSON, Service
from import_pipeline_tests.scenarios.site import Here

LINE = b'{"externalDataObjectId": "A-1", "fields": [{"fieldId": "Name", "value": "Acme"}]}\n'


def new_job(client: httpx.Client, **headers: str) -> dict[str, Any]:
    """A job of companies."""
    answer = client.post(BULK, json={"operation": "patch", "dataObjectTypeId": "Account"}, headers=headers)
    assert answer.status_code == 201, answer.text
    made: dict[str, Any] = answer.json()
    return made


def put(client: httpx.Client, job: str, content: bytes = LINE, **query: Any) -> httpx.Response:
    """Sends a data file."""
    return client.put(f"{BULK}/{job}/data", content=content, params=query, headers=NDJSON)


@pytest.mark.parametrize(
    ("body", "told"),
    [
        (b"", "not JSON"),
        (b"[1]", "not a JSON object"),
        (b'{"operation": "insert", "dataObjectTypeId": "Account"}', "create, update, patch"),
        (b'{"operation": "updat", "dataObjectTypeId": "Account"}', "Did you mean 'update'"),
        (b'{"operation": ["create"], "dataObjectTypeId": "Account"}', "create, update, patch"),
        (b'{"operation": "create"}', "Account, Contact"),
        (b'{"operation": "create", "dataObjectTypeId": "Acount"}', "Did you mean 'Account'"),
        (b"[" * 60_000, "not JSON"),
        (b"\xff", "not JSON"),
    ],
)
def test_a_job_needs_a_known_operation_and_type(acme: httpx.Client, body: bytes, told: str) -> None:
    """The refusal names what would have been right."""
    answer = acme.post(BULK, content=body)
    assert (answer.status_code, told in answer.json()["detail"]) == (400, True), answer.text


def test_a_job_is_started_in_open_only_and_with_at_least_one_file(acme: httpx.Client) -> None:
    """And takes no data afterwards."""
    job = new_job(acme)["id"]
    refused = acme.post(f"{BULK}/{job}/start")
    assert (refused.status_code, "no data file" in refused.json()["detail"]) == (409, True)
    put(acme, job)
    assert acme.post(f"{BULK}/{job}/start").json()["state"] == "UploadComplete"
    again = acme.post(f"{BULK}/{job}/start")
    assert (again.status_code, "UploadComplete; this is possible in Open only" in again.json()["detail"]) == (409, True)
    assert put(acme, job).status_code == 409
    assert job in [one["id"] for one in acme.get(f"{BULK}/inprogress").json()]
    early = acme.get(f"{BULK}/{job}/results/failed")
    assert (early.status_code, "JobComplete" in early.json()["detail"]) == (409, True)
    assert acme.delete(f"{BULK}/{job}/cleanup").status_code == 409


def test_the_same_part_number_replaces_and_no_number_doubles_nothing(acme: httpx.Client, site: Here) -> None:
    """A request whose answer was lost is sent again without harm."""
    job = new_job(acme)["id"]
    first = put(acme, job).json()
    assert put(acme, job).json() == first and first["partNumber"] == 1
    other = put(acme, job, LINE + LINE).json()
    assert other["partNumber"] == 2
    replaced = put(acme, job, LINE * 3, partNumber=2).json()
    assert (replaced["partNumber"], replaced["size"]) == (2, 3 * len(LINE)) and replaced["fileId"] != other["fileId"]
    with site.pipeline.ledger.read() as conn:
        assert [one.id for one in uploads.of_job(conn, "acme", job)] == [first["fileId"], replaced["fileId"]]
    for wrong in ("0", "-1", "x", "1.5", "10001", "²"):
        assert put(acme, job, partNumber=wrong).status_code == 400


def test_the_limits_of_the_account_hold(acme: httpx.Client) -> None:
    """Two megabytes a file, three files a job."""
    job = new_job(acme)["id"]
    refused = put(acme, job, b"x" * 2_000_001)
    assert (refused.status_code, "2,000,000 bytes" in refused.json()["detail"]) == (413, True)
    for number in range(3):
        assert put(acme, job, LINE * (number + 1)).status_code == 200
    assert put(acme, job, LINE * 9).status_code == 409
    assert acme.delete(f"{BULK}/{job}/cleanup").json()["state"] == "Aborted"


def test_the_quota_of_uploads_that_wait_is_freed_by_cleanup(acme: httpx.Client) -> None:
    """Five megabytes, over all jobs."""
    jobs = [new_job(acme)["id"] for _ in range(3)]
    large = [put(acme, job, b"%d" % number * 1_900_000) for number, job in enumerate(jobs)]
    assert [answer.status_code for answer in large] == [200, 200, 413]
    for job in jobs:
        acme.delete(f"{BULK}/{job}/cleanup")
    last = new_job(acme)["id"]
    assert put(acme, last, b"9" * 1_900_000).status_code == 200
    acme.delete(f"{BULK}/{last}/cleanup")


def test_a_key_of_idempotency_makes_a_request_happen_once(acme: httpx.Client, site: Here) -> None:
    """The same answer again; another request under the same key is refused."""
    key = {"Idempotency-Key": "k-1"}
    made = new_job(acme, **key)
    assert new_job(acme, **key) == made
    other = acme.post(BULK, json={"operation": "create", "dataObjectTypeId": "Account"}, headers=key)
    assert (other.status_code, "another request" in other.json()["detail"]) == (422, True)
    put(acme, made["id"])
    started = [acme.post(f"{BULK}/{made['id']}/start", headers={"Idempotency-Key": "k-2"}).json() for _ in range(2)]
    assert started[0] == started[1]
    with site.pipeline.ledger.read() as conn:
        same = [one for one in deliveries.listing(conn, "acme", limit=1000) if one.door == "spotio" and one.files == 1]
    assert len({one.key for one in same}) == len(same)
    assert acme.post(BULK, json={}, headers={"Idempotency-Key": "x" * 256}).status_code == 400


def test_requests_that_race_do_their_work_once(acme: httpx.Client, site: Here) -> None:
    """Eight senders at once: one data file, one delivery."""
    job = new_job(acme)["id"]
    with ThreadPoolExecutor(8) as pool:
        files = list(pool.map(lambda _: put(acme, job).json()["fileId"], range(8)))
        started = list(pool.map(lambda _: acme.post(f"{BULK}/{job}/start").status_code, range(8)))
    assert len(set(files)) == 1 and sorted(started) == [200, *[409] * 7]
    with site.pipeline.ledger.read() as conn:
        made = bulk_jobs.get(conn, "acme", job)
        assert made is not None and [one.name[:8] for one in ledger_files.by_delivery(conn, made.delivery or "")] == ["Account_"]


def test_cleanup_ends_a_job_and_keeps_what_its_flags_say(acme: httpx.Client, site: Here) -> None:
    """State Aborted; results are gone unless they were to be kept; what was imported stays."""
    kept, dropped = new_job(acme)["id"], new_job(acme)["id"]
    for job in (kept, dropped):
        put(acme, job)
        acme.post(f"{BULK}/{job}/start")
    site.work("acme")
    assert acme.request("DELETE", f"{BULK}/{kept}/cleanup", json={"deleteResultFiles": False}).json()["state"] == "Aborted"
    assert acme.delete(f"{BULK}/{dropped}/cleanup").json()["state"] == "Aborted"
    assert acme.get(f"{BULK}/{kept}/results/succeeded").status_code == 200
    assert acme.get(f"{BULK}/{dropped}/results/succeeded").status_code == 410
    assert acme.delete(f"{BULK}/{dropped}/cleanup").status_code == 200
    assert acme.request("DELETE", f"{BULK}/{kept}/cleanup", json={"deleteResultFiles": "no"}).status_code == 400
    assert len(site.records("Account", account="acme")) == 1


def test_a_body_that_is_compressed_or_a_form_is_refused(acme: httpx.Client) -> None:
    """Its bytes are taken as they are, so they have to be the data."""
    job = new_job(acme)["id"]
    gzip = acme.put(f"{BULK}/{job}/data", content=LINE, headers={"Content-Encoding": "gzip"})
    form = acme.put(f"{BULK}/{job}/data", files={"file": ("a.jsonl", LINE)})
    assert (gzip.status_code, form.status_code, put(acme, job, b"").status_code) == (415, 415, 400)


def test_curl_sends_a_file_without_knowing_its_length(service: Service, key: str, acme: httpx.Client) -> None:
    """Chunked, from a pipe; and a file that is too large is refused at the limit."""
    job = new_job(acme)["id"]
    words = ["curl", "-sS", "-T", "-", "-H", f"Authorization: Bearer {key}", f"{service.address}{BULK}/{job}/data"]
    done = subprocess.run(words, input=LINE * 10, capture_output=True, timeout=30, check=True)
    assert json.loads(done.stdout)["size"] == 10 * len(LINE)
    done = subprocess.run(words, input=b"x" * 3_000_000, capture_output=True, timeout=30, check=False)
    assert json.loads(done.stdout)["status"] == 413
    acme.delete(f"{BULK}/{job}/cleanup")
