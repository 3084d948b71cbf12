"""SPOTIO's bulk job API: the sentences of the acceptance list (S-17), through the real service and real runs."""

import json
import random
import time
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import httpx
import pytest

from import_pipeline.store.session import open_store
from import_pipeline_tests.gateway.http.kit import BULK, NDJSON, Service, add_key
from import_pipeline_tests.scenarios.conftest import ACCOUNT, CONTACT
from import_pipeline_tests.scenarios.site import Here

pytestmark = pytest.mark.here


class Bulk:
    """A client of the API on one site."""

    def __init__(self, site: Here, client: httpx.Client) -> None:
        self.site, self.client = site, client

    def job(self, operation: str, type_name: str = "Account") -> str:
        """A new job's id."""
        answer = self.client.post(BULK, json={"operation": operation, "dataObjectTypeId": type_name})
        assert (answer.status_code, answer.json()["state"]) == (201, "Open"), answer.text
        return str(answer.json()["id"])

    def put(self, job: str, lines: list[Any], **query: int) -> str:
        """Sends a data file; its id."""
        body = "".join(line if isinstance(line, str) else json.dumps(line) + "\n" for line in lines)
        answer = self.client.put(f"{BULK}/{job}/data", content=body, params=query, headers=NDJSON)
        assert answer.status_code == 200, answer.text
        return str(answer.json()["fileId"])

    def run(self, job: str, **options: bool) -> dict[str, Any]:
        """Starts the job, lets the pipeline work, and gives the progress."""
        started = self.client.post(f"{BULK}/{job}/start", json=options)
        assert (started.status_code, started.json()["state"]) == (200, "UploadComplete"), started.text
        self.site.work()
        return self.progress(job)

    def progress(self, job: str) -> dict[str, Any]:
        """State and counters."""
        found: dict[str, Any] = self.client.get(f"{BULK}/{job}/progress").json()
        return found

    def lines(self, job: str, kind: str) -> list[dict[str, Any]]:
        """The results of a job that has ended."""
        answer = self.client.get(f"{BULK}/{job}/results/{kind}")
        assert answer.status_code == 200, answer.text
        return [json.loads(line) for line in answer.text.splitlines()]


@pytest.fixture
def bulk(tmp_path: Path) -> Iterator[Bulk]:
    """An account with companies and people, and a key."""
    site = Here(tmp_path)
    site.add_account("acme", [ACCOUNT, CONTACT])
    with Service(site) as service, service.client(add_key(site, "acme")) as client:
        yield Bulk(site, client)
    site.close()


def account(number: int, **more: Any) -> dict[str, Any]:
    """A company as the API sends it."""
    fields = [{"fieldId": "Name", "value": f"Company {number}"}, {"label": "Employees", "value": number}]
    return {"externalDataObjectId": f"A-{number}", "fields": fields} | more


def test_a_job_goes_from_open_to_job_complete_and_every_line_has_its_result(bulk: Bulk) -> None:
    """Two data files, one delivery; what was refused comes back as it was sent, with its reason."""
    job = bulk.job("create")
    interests = {"fieldId": "Interests", "values": ["Solar", "Roof"]}
    good = account(1, stageId="Prospect", ownerId="ann@sales.example", pin={"houseNumber": "12", "street": "Main St", "city": "Denver"})
    good["fields"].append(interests)
    first = bulk.put(job, [good, account(2, stageId="Prospct"), account(3, id="abc")], partNumber=1)
    second = bulk.put(job, [account(4), '{"externalDataObjectId": "A-5", \n', {"fields": {"Name": "x"}}, account(6)], partNumber=2)
    assert bulk.progress(job)["filesTotal"] == 2

    done = bulk.run(job)

    assert (done["state"], done["rowsTotal"], done["rowsSucceeded"], done["rowsFailed"]) == ("JobComplete", 7, 3, 4)
    assert (done["filesProcessed"], done["packagesProcessed"], done["packagesTotal"]) == (2, 2, 2)
    records = {r["ExternalDataObjectId"]: r for r in bulk.site.records("Account")}
    assert set(records) == {"A-1", "A-4", "A-6"}
    assert (records["A-1"]["Stage"], records["A-1"]["Owner Email"], records["A-1"]["Employees"]) == ("Prospect", "ann@sales.example", 1)
    assert records["A-1"]["Interests"] == "Solar;Roof"
    succeeded = bulk.lines(job, "succeeded")
    assert [(line["FileId"], line["Data"]["externalDataObjectId"]) for line in succeeded] == [
        (first, "A-1"),
        (second, "A-4"),
        (second, "A-6"),
    ]
    assert succeeded[0]["Data"] == good and all(len(line["DataObjectId"]) == 24 for line in succeeded)
    failed = bulk.lines(job, "failed")
    assert [line["FileId"] for line in failed] == [first, first, second, second]
    assert "did you mean 'Prospect'?" in failed[0]["Error"] and failed[1]["Data"]["id"] == "abc"
    assert failed[2]["Data"] == '{"externalDataObjectId": "A-5", ' and "JSON" in failed[2]["Error"]


def test_results_are_read_while_a_run_writes_to_the_store(bulk: Bulk) -> None:
    """Progress comes from the ledger, results from staging; a field that nobody knows is told, and costs no row."""
    job = bulk.job("create")
    line = account(1)
    line["fields"].append({"fieldId": "Emploees", "value": 3})
    bulk.put(job, [line, account(2, stageId="Prospct"), account(3, name="x")])
    bulk.run(job)
    with open_store(bulk.site.settings, "acme", writable=True):
        told = bulk.progress(job)
        assert told["state"] == "JobComplete" and any("did you mean 'Employees'" in notice for notice in told["notices"])
        assert (len(bulk.lines(job, "succeeded")), len(bulk.lines(job, "failed"))) == (1, 2)
    assert "both mean the same" in bulk.lines(job, "failed")[1]["Error"]


ODD_LINES = r"""
{"a":
[1, 2]
"text"
null
17
{"fields": 3}
{"fields": [{"value": 1}]}
{"fields": [{"fieldId": ["x"]}]}
{"id": "x\u0000"}
{"a": NaN}
é{
{"stageId": "\ud800"}
{"externalDataObjectId": "A-1", "externalDataObjectId": "A-2"}
{}
""".strip().splitlines()


def content(text: Any) -> str:
    """What a line says, however it is written; a line that is not JSON says its text."""
    try:
        return repr(json.loads(text)) if isinstance(text, str) else repr(text)
    except ValueError:
        return repr(text)


def test_every_line_that_is_not_blank_is_in_exactly_one_result(bulk: Bulk) -> None:
    """Whatever stands in it: broken JSON, other JSON, wrong shapes, control characters, other line ends."""
    chance = random.Random(11)
    good = [json.dumps(account(n, stageId=chance.choice(["New", "?"]))) for n in range(200)]
    texts = [*good, *(chance.choice([*ODD_LINES, " "]) for _ in range(200))]
    chance.shuffle(texts)
    job = bulk.job("create")
    bulk.put(job, [text + chance.choice(["\n", "\r\n"]) for text in texts])
    told = bulk.run(job)
    results = [*bulk.lines(job, "succeeded"), *bulk.lines(job, "failed")]
    sent = [text for text in texts if text.strip()]
    assert len(results) == len(sent) == told["rowsTotal"] and told["rowsSucceeded"] > 50
    assert sorted(content(line["Data"]) for line in results) == sorted(content(text) for text in sent)


def test_refused_lines_that_are_mended_come_back_through_the_tree(bulk: Bulk) -> None:
    """The failed file of a bulk job is ready to be sent again, and closes the job's open rows (B-1)."""
    job = bulk.job("create")
    bulk.put(job, [account(1), account(2, stageId="Prospct")])
    told = bulk.run(job)
    (first,) = (row for row in bulk.site.jobs() if row.id == told["importJobs"][0])
    failed = Path(first.failed_file or "").read_text()
    assert failed.count("\n") == 1 and '"fieldId": "Name"' in failed
    again = bulk.site.deliver(Path(first.failed_file or "").name, failed.replace("Prospct", "Prospect"))
    assert (again.state, again.format, again.counts.created) == ("applied", "bulk create Account", 1)
    assert bulk.site.receipt(again)["resubmits"] == [{"job": first.id, "rows": 1, "closed": 1}]


def test_a_job_that_waits_for_approval_is_in_progress_and_tells_why(tmp_path: Path) -> None:
    """More than a share of the records would change (B-13)."""
    site = Here(tmp_path)
    site.add_account("acme", [ACCOUNT], hold={"changed_above": "20%"})
    with Service(site) as service, service.client(add_key(site, "acme")) as client:
        held = Bulk(site, client)
        job = held.job("create")
        held.put(job, [account(n) for n in range(4)])
        held.run(job)
        patch = held.job("patch")
        held.put(patch, [{"externalDataObjectId": f"A-{n}", "stageId": "Customer"} for n in range(3)])
        told = held.run(patch)
        assert told["state"] == "InProgress" and "3 of 4 records" in told["reason"]
        assert client.get(f"{BULK}/{patch}/results/succeeded").status_code == 409
    site.close()


@pytest.mark.slow
def test_a_large_job_has_a_result_for_each_line_in_order(bulk: Bulk) -> None:
    """More than a block of the file, and more than a package: 50,000 lines, every hundredth of them bad."""
    lines = 50_000
    job = bulk.job("create")
    wanted = [account(n, stageId="Prospct" if n % 100 == 99 else "Prospect") for n in range(lines)]
    for part in range(2):
        bulk.put(job, wanted[part * 25_000 : part * 25_000 + 25_000])
    told = bulk.run(job)
    assert (told["rowsSucceeded"], told["rowsFailed"], told["packagesTotal"]) == (lines - 500, 500, 6)
    begun = time.monotonic()
    succeeded = bulk.lines(job, "succeeded")
    print(f"{len(succeeded):,} result lines in {time.monotonic() - begun:.1f} s")
    assert [line["Data"] for line in succeeded] == [line for line in wanted if line["stageId"] == "Prospect"]
    assert [line["Data"] for line in bulk.lines(job, "failed")] == [line for line in wanted if line["stageId"] == "Prospct"]
    ids = {row["ExternalDataObjectId"]: row["_id"] for row in bulk.site.records("Account", '_id, "ExternalDataObjectId"')}
    assert all(int(line["DataObjectId"][8:], 16) == ids[line["Data"]["externalDataObjectId"]] for line in succeeded)


def test_an_update_names_its_record_and_a_patch_gives_only_what_changes(bulk: Bulk) -> None:
    """By the ids that the results of the creation gave; blank values never erase (S-8)."""
    job = bulk.job("create")
    bulk.put(job, [account(1), account(2)])
    bulk.run(job)
    ids = [line["DataObjectId"] for line in bulk.lines(job, "succeeded")]

    update = bulk.job("update")
    bulk.put(update, [account(1, id=ids[0], stageId="Customer"), account(2, stageId="Customer"), {"id": ids[1], "stageId": "Customer"}])
    told = bulk.run(update)
    assert (told["rowsUpdated"], told["rowsFailed"]) == (1, 2)
    reasons = [line["Error"] for line in bulk.lines(update, "failed")]
    assert "does not name the record" in reasons[0] and "required" in reasons[1]

    patch = bulk.job("patch")
    fields = [{"fieldId": "Employees", "value": 50}, {"fieldId": "Name", "value": None}]
    lines = [{"id": ids[1], "fields": fields}, {"externalDataObjectId": "A-1", "stageId": "Lost"}, {"stageId": "Lost"}]
    bulk.put(patch, [*lines, {"id": "f" * 24, "stageId": "Lost"}])
    told = bulk.run(patch)
    assert (told["rowsUpdated"], told["rowsFailed"]) == (2, 2)
    found = {r["ExternalDataObjectId"]: (r["Name"], r["Stage"], r["Employees"]) for r in bulk.site.records("Account")}
    assert found == {"A-1": ("Company 1", "Lost", 1), "A-2": ("Company 2", None, 50)}
    assert [line["DataObjectId"] for line in bulk.lines(patch, "succeeded")] == [ids[1], ids[0]]


def test_the_same_lines_sent_again_as_another_job_are_done_again(bulk: Bulk) -> None:
    """A job says what it does: stage Lost, then Customer, then Lost again ends with Lost."""
    job = bulk.job("create")
    bulk.put(job, [account(1)])
    bulk.run(job)
    for stage in ("Lost", "Customer", "Lost"):
        patch = bulk.job("patch")
        bulk.put(patch, [{"externalDataObjectId": "A-1", "stageId": stage}])
        assert bulk.run(patch)["rowsUpdated"] == 1
    assert bulk.site.records("Account", '"Stage"') == [{"Stage": "Lost"}]


def test_a_child_waits_for_its_parent_and_is_a_result_once_it_came(bulk: Bulk) -> None:
    """Parent and child in any order (B-4), over this door as over others."""
    child = bulk.job("create", "contact")
    bulk.put(child, [{"externalDataObjectId": "C-1", "parentId": "A-1", "fields": [{"fieldId": "Name", "value": "Ann"}]}])
    told = bulk.run(child)
    assert (told["state"], told["rowsWaiting"], bulk.lines(child, "succeeded"), bulk.lines(child, "failed")) == ("JobComplete", 1, [], [])
    parent = bulk.job("create")
    bulk.put(parent, [account(1)])
    bulk.run(parent)
    assert bulk.progress(child)["rowsSucceeded"] == 1
    assert [line["Data"]["externalDataObjectId"] for line in bulk.lines(child, "succeeded")] == ["C-1"]


def test_a_dry_run_tells_results_and_writes_nothing(bulk: Bulk) -> None:
    """Acceptance B-2, over every door."""
    job = bulk.job("create")
    bulk.put(job, [account(1), account(2, stageId="Nowhere")])
    told = bulk.run(job, dryRun=True)
    assert (told["state"], told["dryRun"], told["rowsSucceeded"], told["rowsFailed"]) == ("JobComplete", True, 1, 1)
    assert not bulk.site.settings.store_file("acme").exists()
    assert [(line["DataObjectId"], line["Data"]["externalDataObjectId"]) for line in bulk.lines(job, "succeeded")] == [(None, "A-1")]


def test_a_file_that_cannot_be_read_fails_its_job_and_all_its_lines(bulk: Bulk) -> None:
    """Nothing of it is imported; each line tells why."""
    job = bulk.job("create")
    bulk.put(job, [{"unknown": 1}, {"nothing": "known"}])
    told = bulk.run(job)
    assert told["state"] == "Failed" and told["reason"]
    assert [line["Data"] for line in bulk.lines(job, "failed")] == [{"unknown": 1}, {"nothing": "known"}]
    assert bulk.lines(job, "succeeded") == []
