"""The Advocate interface: the sentences of the acceptance list (A-1 to A-9, A-11), through the real service and real runs."""

import csv
import io
import json
import re
import subprocess
from collections.abc import Iterator
from dataclasses import replace
from decimal import Decimal
from pathlib import Path
from typing import Any

import httpx
import openpyxl
import pytest
import yaml

from import_pipeline.ledger import http_jobs, outbox
from import_pipeline.settings import SmtpSettings
from import_pipeline_tests.gateway.http.advocate.kit import TENANT, Advocate, referral_site
from import_pipeline_tests.gateway.http.kit import Service, add_key, until
from import_pipeline_tests.scenarios.site import Here

pytestmark = pytest.mark.here

UPLOAD = """curl -X POST 'https://app.referralsaasquatch.com/api/v1/{tenant_alias}/export/upload' \\
-u :{tenant_api_key} \\
--form 'file=@my_file.csv'"""
VALIDATE = """curl -X POST https://app.referralsaasquatch.com/api/v1/{tenant_alias}/graphql
-u :{tenant_api_key}
-H "Content-Type: application/json"
-d '{
"operationName":"validate",
"variables": {
"jobInput": {
"fileRef":"{file_ref}",
"type":"{job_type}"
}
},
"query": "query validate($jobInput: JobInput!) {validateJobCreation(jobInput: $jobInput) { errors }}"
}'"""
CREATE = """curl -X POST https://app.referralsaasquatch.com/api/v1/{tenant_alias}/graphql
-u :{tenant_api_key}
-H "Content-Type: application/json"
-d '{
"variables":{
"jobInput": {
"type":"{job_type}",
"outputFormat":"CSV",
"fileRef":"{file_ref}"
}
},
"query":"mutation ($jobInput: JobInput!) { createJob(jobInput: $jobInput) {id type requester dateCreated}}"
}'"""
STATUS = """curl -X POST https://app.referralsaasquatch.com/api/v1/{tenant_alias}/graphql
-u :{tenant_api_key}
-H "Content-Type: application/json"
-d '{
"variables": {
"id": "{job_id}"
},
"query": "query ($id: ID!) { job(id: $id) { status stats { recordsProcessed }}}"
}'"""
HOST = "https://app.referralsaasquatch.com"
USERS = "accountId,id,firstName,email,customFields.province\nacme,ann,Ann,ann@x.example,BC\nacme,bob,Bob,,\n"


@pytest.fixture
def site(tmp_path: Path) -> Iterator[Here]:
    """The shipped account."""
    made = referral_site(tmp_path)
    yield made
    made.close()


@pytest.fixture
def advocate(site: Here) -> Iterator[Advocate]:
    """A program that calls it."""
    with Service(site) as service:
        made = Advocate(service.address, add_key(site, "referrals"))
        yield made
        made.client.close()


def finished(site: Here, advocate: Advocate, content: str, type_name: str, name: str = "my_file.csv", **more: Any) -> dict[str, Any]:
    """Uploads a file, imports it, and gives its job."""
    job = advocate.create(advocate.upload(content, name), type_name, **more)["id"]
    site.work()
    return advocate.ended(job)


def rows(address: str) -> list[dict[str, str]]:
    """A downloaded CSV file."""
    answer = httpx.get(address)
    assert answer.status_code == 200, answer.text
    return list(csv.DictReader(io.StringIO(answer.text)))


def as_printed(command: str, folder: Path, **values: str) -> Any:
    """Runs a printed request by the shell, options on lines of their own as they are printed; host, key and names are put in."""
    for name, value in values.items():
        command = command.replace("{" + name + "}", value)
    command = re.sub(r"(?<!\\)\n(?=-)", " \\\n", command.replace(HOST, values["host"]))
    done = subprocess.run(["bash", "-ec", command], cwd=folder, capture_output=True, text=True, timeout=60)
    assert done.returncode == 0, done.stderr
    return json.loads(done.stdout)


def test_the_four_printed_requests_get_answers_of_the_printed_shape(site: Here, tmp_path: Path) -> None:
    """A-2, by curl: upload, validate, create, ask; with 22 events as in the document."""
    users = "accountId,id\n" + "".join(f"acme,u{n}\n" for n in range(22))
    site.deliver("users_1.csv", users)
    events = "userId,accountId,event.key,event.dateTriggered\n" + "".join(
        f"u{n},acme,purchase,{1_664_818_419_661 + n}\n" for n in range(22)
    )
    (tmp_path / "my_file.csv").write_text(events)
    with Service(site) as service:
        values = {
            "host": service.address,
            "tenant_alias": TENANT,
            "tenant_api_key": add_key(site, "referrals"),
            "job_type": "MUTATION/USER_EVENT",
        }
        uploaded = as_printed(UPLOAD, tmp_path, **values)
        assert set(uploaded) == {"fileRef"}
        assert re.fullmatch(rf"imports/{TENANT}/my_file_[0-9a-f]{{24}}\.csv", uploaded["fileRef"])
        values["file_ref"] = uploaded["fileRef"]
        assert as_printed(VALIDATE, tmp_path, **values) == {"data": {"validateJobCreation": {"errors": []}}}
        answer = as_printed(CREATE, tmp_path, **values)
        made = answer["data"]["createJob"]
        assert answer == {"data": {"createJob": {**made}}} and list(made) == ["id", "type", "requester", "dateCreated"]
        assert re.fullmatch("[0-9a-f]{24}", made["id"]) and (made["type"], made["requester"]) == ("MUTATION/USER_EVENT", "API")
        assert isinstance(made["dateCreated"], int) and abs(made["dateCreated"] - site.clock.now().timestamp() * 1000) < 60_000
        values["job_id"] = made["id"]
        assert as_printed(STATUS, tmp_path, **values)["data"]["job"]["status"] == "PENDING"
        site.work()
        until(lambda: as_printed(STATUS, tmp_path, **values)["data"]["job"]["status"] != "PENDING")
        assert as_printed(STATUS, tmp_path, **values) == {"data": {"job": {"status": "COMPLETED", "stats": {"recordsProcessed": 22}}}}
    assert len(site.records("User Event")) == 22


def test_users_come_in_and_a_bad_row_stands_in_the_errors_file(site: Here, advocate: Advocate) -> None:
    """A-4, A-8: validation tells both errors and changes nothing; the job is COMPLETED with both refused, in the documented columns."""
    content = USERS + "acme,,Nobody,,\n=1+1,zed,Zed,,\nacme,eve,Eve,no mail,\n"
    ref = advocate.upload(content)
    told = advocate.errors(ref)
    assert told[0] == "record 3: This request requires a valid non-empty id" and told[1].startswith("record 5: email: 'no mail'")
    assert not site.settings.store_file("referrals").exists() and advocate.data("{ jobs { totalCount } }") == {"totalCount": 0}
    job = advocate.create(ref)["id"]
    site.work()
    done = advocate.ended(job)
    assert (done["status"], done["stats"], done["reason"]) == ("COMPLETED", {"recordsProcessed": 5, "errors": 2}, None)
    errors = rows(done["downloadErrorUrl"])
    assert errors[0] == {
        "recordNumber": "3",
        "message": "This request requires a valid non-empty id",
        "apiErrorCode": "BAD_REQUEST",
        "statusCode": "400",
    }
    assert (errors[1]["recordNumber"], errors[1]["statusCode"], len(errors)) == ("5", "400", 2)
    succeeded = rows(done["downloadUrl"])
    assert [(row["accountId"], row["id"]) for row in succeeded] == [("acme", "ann"), ("acme", "bob"), ("'=1+1", "zed")]
    assert json.loads(succeeded[0]["customFields"]) == {"province": "BC"}
    assert httpx.get(done["downloadFileRefUrl"]).text == content
    assert [row["userKey"] for row in site.records("User", '"userKey"')] == ["acme/ann", "acme/bob", "=1+1/zed"]


@pytest.mark.parametrize("output", ["XLSX", "JSONL"])
def test_results_come_in_the_format_that_was_asked_for(site: Here, advocate: Advocate, output: str) -> None:
    """A-3; a cell that looks like a formula is text, and JSON holds objects."""
    done = finished(site, advocate, USERS + "=1+1,zed,Zed,,\nacme,eve,Eve,no mail,\n", "MUTATION/USER", outputFormat=output)
    good, bad = httpx.get(done["downloadUrl"]), httpx.get(done["downloadErrorUrl"])
    if output == "JSONL":
        lines = [json.loads(line) for line in good.text.splitlines()]
        assert lines[0] == {
            "accountId": "acme",
            "id": "ann",
            "firstName": "Ann",
            "email": "ann@x.example",
            "customFields": {"province": "BC"},
        }
        assert [line["id"] for line in lines] == ["ann", "bob", "zed"] and json.loads(bad.text)["recordNumber"] == 4
        return
    sheet = openpyxl.load_workbook(io.BytesIO(good.content)).active
    assert sheet is not None and [cell.value for cell in sheet[1]] == ["accountId", "id", "firstName", "email", "customFields"]
    assert (sheet["A4"].value, sheet["A4"].data_type) == ("=1+1", "s")
    errors = openpyxl.load_workbook(io.BytesIO(bad.content)).active
    assert errors is not None and [cell.value for cell in errors[2]][::3] == [4, 400]


def test_a_file_that_is_refused_as_a_whole_is_an_aborted_job(site: Here, advocate: Advocate) -> None:
    """A-4: a bad file never changes data; nothing but the reason is there."""
    done = finished(site, advocate, "userId,accountId,event.key,colour\nu,a,buy,red\n", "MUTATION/USER_EVENT")
    assert (done["status"], done["stats"]["recordsProcessed"]) == ("ABORTED", 0) and "colour" in done["reason"]
    assert site.records("User Event") == []


def test_a_job_whose_every_row_is_refused_is_completed_with_as_many_errors(site: Here, advocate: Advocate) -> None:
    """Each row has its line in the errors file."""
    done = finished(site, advocate, "accountId,id\nacme,\n,x\n", "MUTATION/USER")
    assert (done["status"], done["stats"]) == ("COMPLETED", {"recordsProcessed": 2, "errors": 2})
    assert [row["recordNumber"] for row in rows(done["downloadErrorUrl"])] == ["1", "2"] and rows(done["downloadUrl"]) == []


def test_the_same_bytes_again_change_nothing_and_say_so(site: Here, advocate: Advocate) -> None:
    """B-5, over this door; with other params they are another import."""
    finished(site, advocate, USERS, "MUTATION/USER")
    again = finished(site, advocate, USERS, "MUTATION/USER")
    assert (again["status"], again["stats"]["recordsProcessed"]) == ("COMPLETED", 0) and "imported" in again["reason"]
    other = finished(site, advocate, USERS, "MUTATION/USER", params={"segments": ["vip", "beta"]})
    assert (other["stats"]["recordsProcessed"], other["reason"]) == (2, None)
    assert [row["segments"] for row in site.records("User", "segments")] == ["vip;beta", "vip;beta"]


def test_what_a_job_says_about_deletions_holds_where_a_row_says_nothing(site: Here, advocate: Advocate) -> None:
    """A-6: doNotTrack for all, but for the row that says false; such a user cannot come back."""
    finished(site, advocate, USERS, "MUTATION/USER")
    gone = finished(
        site,
        advocate,
        "accountId,id,doNotTrack\nacme,ann,\nacme,bob,false\nacme,nix,\n",
        "MUTATION/DELETE_USER",
        params={"doNotTrack": True},
    )
    assert gone["stats"] == {"recordsProcessed": 3, "errors": 1}
    assert rows(gone["downloadErrorUrl"])[0]["apiErrorCode"] == "NOT_FOUND" and len(rows(gone["downloadUrl"])) == 2
    back = finished(site, advocate, USERS + "acme,carl,Carl,,\n", "MUTATION/USER")
    (refused,) = rows(back["downloadErrorUrl"])
    assert (refused["recordNumber"], refused["apiErrorCode"], refused["statusCode"]) == ("1", "FORBIDDEN", "403")
    assert [row["id"] for row in site.records("User", "id")] == ["bob", "carl"]


def test_events_have_the_documented_columns_and_a_key_counts_once(site: Here, advocate: Advocate) -> None:
    """A-11, A-5: nested JSON lines; an ISO date is refused."""
    finished(site, advocate, USERS, "MUTATION/USER")
    event = {"accountId": "acme", "userId": "ann", "event": {"key": "buy", "dateTriggered": 5, "fields": {"a": "1"}}, "idempotencyKey": "k"}
    iso = {**event, "event": {"key": "buy", "dateTriggered": "2026-11-01T00:00:00Z"}, "idempotencyKey": "i"}
    content = "".join(json.dumps(line) + "\n" for line in (event, event, iso))
    done = finished(site, advocate, content, "MUTATION/USER_EVENT", "userEvents.jsonl")
    assert done["fileRef"].endswith(".jsonl") and done["stats"] == {"recordsProcessed": 3, "errors": 1}
    told = rows(done["downloadUrl"])
    names = "user.accountId,user.id,event.id,event.key,event.dateTriggered,event.dateReceived,event.dateProcessed,event.fields"
    assert list(told[0]) == names.split(",") and told[0]["event.fields"] == '{"a":"1"}' and len(told[0]["event.id"]) == 24
    assert len(site.records("User Event")) == 1


def test_a_redemption_tells_what_was_redeemed(site: Here, advocate: Advocate) -> None:
    """A-7: cut at two decimals; validation knows what is available."""
    finished(site, advocate, USERS, "MUTATION/USER")
    site.deliver("rewards_1.csv", "rewardId,accountId,userId,unit,value,status\nr,acme,ann,USD,15,AVAILABLE\n")
    content = "firstName,valueToRedeem,userId,accountId,unit,availableValue\nAnn,10.556,ann,acme,USD,15\nAnn,100,ann,acme,USD,15\n"
    (error,) = advocate.errors(advocate.upload(content), "MUTATION/REDEEMABLE_REWARD_BALANCE")
    assert error.startswith("record 2: valueToRedeem") and "4.45 USD" in error and site.records("Redemption") == []
    done = finished(site, advocate, content, "MUTATION/REDEEMABLE_REWARD_BALANCE")
    assert done["stats"] == {"recordsProcessed": 2, "errors": 1}
    (good,) = rows(done["downloadUrl"])
    assert (good["valueToRedeem"], good["redeemedValue"]) == ("10.556", "10.55")
    assert rows(done["downloadErrorUrl"])[0]["apiErrorCode"] == "INSUFFICIENT_FUNDS"
    assert [row["redeemedValue"] for row in site.records("Redemption", '"redeemedValue"')] == [Decimal("10.55")]


def test_a_job_that_nobody_asks_for_is_settled_and_told_to_webhooks(site: Here) -> None:
    """A-9: export.completed with the documented fields, once."""
    defs = site.accounts / "referrals" / "defs.yaml"
    stated = yaml.safe_load(defs.read_text())
    stated["attributes"]["webhooks"] = [{"url": "http://127.0.0.1:9/hook", "secret_env": "SECRET", "events": ["export.completed"]}]
    defs.write_text(yaml.safe_dump(stated))
    with Service(site) as service:
        advocate = Advocate(service.address, add_key(site, "referrals"))
        job = advocate.create(advocate.upload(USERS), mailtoEmail="ana@example.com")["id"]
        site.work()
    with Service(site):

        def waiting() -> list[Any]:
            with site.pipeline.ledger.read() as conn:
                return [m for m in outbox.due(conn, now=site.clock.now().replace(year=2100)) if m.kind == "webhook"]

        until(waiting)
    (message,) = waiting()
    data = message.payload["body"]["data"]
    assert (message.payload["event"], data["id"], data["status"], data["mailtoEmail"]) == (
        "export.completed",
        job,
        "COMPLETED",
        "ana@example.com",
    )
    assert (data["task"], data["operation"], data["stats"]) == ("MUTATION", "USER", {"recordsProcessed": 2, "errors": 0})
    names = "id name requester status dateCreated dateCompleted mailtoEmail dateExpires outputFormat task operation params stats fileRef"
    assert set(data) == set(names.split())


def test_failed_rows_of_a_job_with_params_come_back_as_what_the_job_was(site: Here, advocate: Advocate) -> None:
    """B-1: dropped into the tree, rows of a deletion delete and block, as their job said for all its rows."""
    gone = finished(site, advocate, "accountId,id\nacme,late\n", "MUTATION/DELETE_USER", params={"doNotTrack": True})
    assert gone["stats"] == {"recordsProcessed": 1, "errors": 1}
    failed = Path(str(site.jobs()[-1].failed_file))
    finished(site, advocate, "accountId,id\nacme,late\n", "MUTATION/USER")
    job = site.deliver(failed.name, failed.read_bytes())
    assert (job.object_type, job.counts.deleted, site.records("User")) == ("User", 1, [])
    again = finished(site, advocate, "accountId,id\nacme,late\nacme,new\n", "MUTATION/USER")
    assert again["stats"] == {"recordsProcessed": 2, "errors": 1} and rows(again["downloadErrorUrl"])[0]["apiErrorCode"] == "FORBIDDEN"


def test_whom_a_job_names_gets_a_letter_where_there_is_a_mail_server(site: Here) -> None:
    """A-9: counts and the file's name, no values; booked once."""
    site.settings = replace(site.settings, smtp=SmtpSettings("plain", "127.0.0.1", 9, None, "imports@example.com"))
    with Service(site) as service:
        advocate = Advocate(service.address, add_key(site, "referrals"))
        job = finished(site, advocate, USERS, "MUTATION/USER", mailtoEmail="ana@example.com")
        assert job["mailtoEmail"] == "ana@example.com"
        with site.pipeline.ledger.read() as conn:
            (message,) = outbox.due(conn, now=site.clock.now().replace(year=2100), kind="mail")
    assert (
        message.payload["to"] == ["ana@example.com"] and "2 created" in message.payload["subject"] and "ann" not in message.payload["text"]
    )


def test_a_job_of_another_door_is_no_job_here(site: Here, advocate: Advocate) -> None:
    """Doors keep their jobs in one table."""
    job_id = advocate.create(advocate.upload(USERS))["id"]
    with site.pipeline.ledger.begin() as conn:
        mine = http_jobs.get(conn, "referrals", job_id)
        assert mine is not None
        http_jobs.create(conn, replace(mine, id="other1", door="elsewhere"))
    assert advocate.data("query ($id: ID!) { job(id: $id) { id } }", id="other1") is None
    assert advocate.data("mutation ($id: ID!) { deleteJob(id: $id) { deletedCount } }", id="other1") == {"deletedCount": 0}
    assert advocate.data("{ jobs { totalCount } }") == {"totalCount": 1}


def test_an_account_stays_without_users_when_the_job_says_so(site: Here, advocate: Advocate) -> None:
    """A-6: preserveEmptyAccounts holds for rows that say nothing; a row's own flag outweighs it."""
    finished(site, advocate, "accountId,id\na,x\nb,y\nc,z\n", "MUTATION/USER")
    content = "accountId,id,preserveEmptyAccount\na,x,\nb,y,false\n"
    done = finished(site, advocate, content, "MUTATION/DELETE_USER", params={"preserveEmptyAccounts": True})
    assert done["stats"] == {"recordsProcessed": 2, "errors": 0} and done["downloadErrorUrl"] is None
    assert {e["code"] for e in site.receipt(site.jobs()[-1])["errors"]} == {"account_kept", "account_deleted"}
    finished(site, advocate, "accountId,id\nc,z\n", "MUTATION/DELETE_USER")
    assert {e["code"] for e in site.receipt(site.jobs()[-1])["errors"]} == {"account_deleted"}
