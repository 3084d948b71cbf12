"""What each request of the Advocate interface demands."""

import json
import re
import subprocess
from concurrent.futures import ThreadPoolExecutor
from pathlib import Path
from typing import Any

import httpx
import pytest

from import_pipeline.gateway.http.advocate import resolvers
from import_pipeline.ledger import deliveries, files
from import_pipeline_tests.gateway.http.advocate.kit import CREATE, TENANT, VALIDATE, Advocate
from import_pipeline_tests.gateway.http.kit import Service, add_key
from import_pipeline_tests.scenarios.site import Here

REF = rf"imports/{TENANT}/[A-Za-z0-9_-]+_[0-9a-f]{{24}}\.(csv|jsonl)"
USERS = "accountId,id,firstName\nacme,ann,Ann\n"
DELETE = "mutation ($id: ID!) { deleteJob(id: $id) { deletedCount } }"


def send(advocate: Advocate, content: bytes, **headers: str) -> httpx.Response:
    """Uploads a raw body."""
    return advocate.client.post("/export/upload", content=content, headers=headers)


def test_a_form_and_a_raw_body_give_references_of_the_printed_shape(advocate: Advocate) -> None:
    """A-1; names are cut to a safe alphabet, and what the bytes are tells the ending where no name does."""
    assert re.fullmatch(REF, advocate.upload(USERS))
    assert re.fullmatch(rf"imports/{TENANT}/x_y_[0-9a-f]{{24}}\.csv", advocate.upload(USERS, "../../etc/x y.csv"))
    assert re.fullmatch(rf"imports/{TENANT}/a_[0-9a-f]{{24}}\.jsonl", advocate.upload('{"accountId":"a","id":"b"}\n', "a.JSONL"))
    endings = {"text/csv": "csv", "application/x-ndjson": "jsonl", "application/octet-stream": "csv", "application/jsonl": "jsonl"}
    for media, ending in endings.items():
        answer = send(advocate, USERS.encode(), **{"Content-Type": media})
        assert re.fullmatch(REF, answer.json()["fileRef"]) and answer.json()["fileRef"].endswith(ending)
    named = send(advocate, USERS.encode(), **{"Content-Type": "text/csv", "Content-Disposition": 'attachment; filename="november.csv"'})
    assert "/november_" in named.json()["fileRef"]


@pytest.mark.parametrize(
    ("content", "name", "status"),
    [(b"", "a.csv", 400), (b"PK\x03\x04rest", "a.csv", 415), (b"%PDF-1.7", "a.csv", 415), (b"a,b\n1,2\n", "a.exe", 415)],
)
def test_other_files_than_csv_and_jsonl_are_refused(advocate: Advocate, content: bytes, name: str, status: int) -> None:
    """Before a job could be made of them."""
    answer = advocate.client.post("/export/upload", files={"file": (name, content)})
    assert answer.status_code == status and answer.json()["detail"]


def test_a_form_without_the_field_file_and_a_form_that_is_none_are_refused(advocate: Advocate) -> None:
    """The refusal shows how it is done."""
    assert "'file'" in advocate.client.post("/export/upload", files={"upload": ("a.csv", USERS)}).json()["detail"]
    assert advocate.client.post("/export/upload", data={"file": "x"}).status_code == 415


def test_without_a_key_of_this_tenant_nothing_of_a_body_is_read(service: Service, site: Here, key: str) -> None:
    """A-1: no key, a wrong one, another tenant's: 401 while the body is still on its way."""
    other = add_key(site, "other")
    for user_key in (None, "nonsense", other, "ipk_" + "0" * 80):
        given = "" if user_key is None else "Authorization: Basic " + _basic(user_key) + "\n"
        head = f"POST /api/v1/{TENANT}/export/upload HTTP/1.1\nHost: x\n{given}Content-Type: text/csv\nContent-Length: 1000000000\n\n"
        with service.raw() as connection:
            connection.sendall(head.replace("\n", "\r\n").encode())
            answer = connection.recv(65_536)
        assert answer.startswith(b"HTTP/1.1 401") and b"basic realm" in answer.lower(), answer[:300]
        status = httpx.post(
            f"{service.address}/api/v1/{TENANT}/graphql", json={"query": "{jobs{count}}"}, auth=("", user_key or "")
        ).status_code
        assert status == 401
    assert httpx.post(f"{service.address}/api/v1/nowhere/graphql", json={"query": "{jobs{count}}"}, auth=("", key)).status_code == 401
    bearer = {"Authorization": f"Bearer {key}"}
    assert httpx.post(f"{service.address}/api/v1/{TENANT}/graphql", json={"query": "{jobs{count}}"}, headers=bearer).status_code == 401


def _basic(key: str) -> str:
    import base64

    return base64.b64encode(f":{key}".encode()).decode()


def test_an_account_without_the_interface_is_told_so(service: Service, site: Here) -> None:
    """Its key is good elsewhere."""
    answer = httpx.post(f"{service.address}/api/v1/plain/graphql", json={"query": "{jobs{count}}"}, auth=("", add_key(site, "plain")))
    assert answer.status_code == 403 and "does not have this interface" in answer.json()["detail"]


def test_a_key_does_what_its_scopes_say(service: Service, site: Here, advocate: Advocate) -> None:
    """`import` uploads and starts, `read` looks."""
    reader = Advocate(service.address, add_key(site, "referrals", scopes=("read",)))
    sender = Advocate(service.address, add_key(site, "referrals", scopes=("import",)))
    assert reader.client.post("/export/upload", files={"file": ("a.csv", USERS)}).status_code == 403
    ref = sender.upload(USERS)
    assert "'import'" in reader.refused(CREATE, jobInput={"fileRef": ref, "type": "MUTATION/USER"})
    assert sender.errors(ref) == [] == reader.errors(ref)
    job = sender.create(ref)
    assert "'read'" in sender.refused("query ($id: ID!) { job(id: $id) { id } }", id=job["id"])
    assert "'import'" in reader.refused(DELETE, id=job["id"])
    assert reader.job(job["id"])["status"] == "PENDING"


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"type": "MUTATION/USERS"}, "Did you mean 'MUTATION/USER'"),
        ({"type": "QUERY/USER"}, "MUTATION/REDEEMABLE_REWARD_BALANCE"),
        ({"type": "MUTATION/USER", "fileRef": "imports/test_akdq8a9wyvzba/none_633b1cf34efc053cb50a3f6d.csv"}, "there is no uploaded file"),
        ({"type": "MUTATION/USER", "fileRef": "../../etc/passwd"}, "there is no uploaded file"),
        ({"type": "MUTATION/USER", "fileRef": None}, "fileRef is missing"),
        ({"type": "MUTATION/USER", "params": []}, "params is an object"),
        ({"type": "MUTATION/USER", "params": {"segment": ["x"]}}, "Did you mean 'segments'"),
        ({"type": "MUTATION/USER", "params": {"segments": "vip"}}, "list of texts"),
        ({"type": "MUTATION/USER", "params": {"segments": ["a;b"]}}, "has no ';'"),
        ({"type": "MUTATION/USER", "params": {"segments": ["x" * 300]}}, "200 are possible"),
        ({"type": "MUTATION/USER", "params": {"importEvaluationOptions": {}}}, "not empty"),
        ({"type": "MUTATION/USER", "params": {"importEvaluationOptions": {"webhooks": {}}}}, "enabledWebhookTypes"),
        ({"type": "MUTATION/USER", "params": {"importEvaluationOptions": {"webhook": True}}}, "Did you mean 'webhooks'"),
        (
            {"type": "MUTATION/USER", "params": {"importEvaluationOptions": {"analytics": {"enabledAnalyticsEventCollections": ["x"]}}}},
            "collectionName",
        ),
        ({"type": "MUTATION/DELETE_USER", "params": {"doNotTrack": "true"}}, "true or false"),
        ({"type": "MUTATION/USER_EVENT", "params": {"doNotTrack": True}}, "this type has none"),
        ({"type": "MUTATION/USER", "mailtoEmail": "nobody"}, "not an e-mail address"),
        ({"type": "MUTATION/USER", "name": " "}, "name is a text"),
    ],
)
def test_what_a_job_may_not_state_is_told_by_validation_and_creation(advocate: Advocate, given: dict[str, Any], told: str) -> None:
    """A-9: in the same words, and no job is made."""
    asked = {"fileRef": advocate.upload(USERS), **given}
    before = advocate.data("{ jobs { totalCount } }")
    assert told in advocate.refused(CREATE, jobInput=asked)
    (error,) = advocate.data(VALIDATE, jobInput=asked)["errors"]
    assert told.split("'")[0] in error
    assert advocate.data("{ jobs { totalCount } }") == before


@pytest.mark.parametrize(
    "options",
    [
        True,
        False,
        None,
        {"webhooks": True, "programs": False},
        {"webhooks": {"enabledWebhookTypes": ["user.created"]}, "programs": {"enabledProgramIds": []}},
        {"analytics": {"enabledAnalyticsEventCollections": [{"collectionName": "referrals"}]}},
    ],
)
def test_params_mail_name_and_format_are_kept_as_they_were_given(advocate: Advocate, options: Any) -> None:
    """A-9: importEvaluationOptions true, false or an object."""
    params = {"segments": ["vip"], "importEvaluationOptions": options}
    given = {"params": params, "mailtoEmail": "ana@example.com", "name": "November", "outputFormat": "JSONL", "requester": "Ana"}
    job = advocate.job(advocate.create(advocate.upload(USERS), **given)["id"])
    assert {name: job[name] for name in given} == given
    assert (job["status"], job["stats"], job["downloadUrl"]) == ("PENDING", {"recordsProcessed": 0, "errors": 0}, None)


def test_validation_has_two_names_and_is_a_query_and_a_mutation(advocate: Advocate) -> None:
    """A-2: the prose and the printed request name it differently."""
    ref = advocate.upload("accountId,id,referable\nacme,,\nacme,x,maybe\n")
    for kind in ("query", "mutation"):
        for name in ("validateJobCreation", "validateJobInput"):
            errors = advocate.data(
                f"{kind} ($j: JobInput!) {{ {name}(jobInput: $j) {{ errors }} }}", j={"fileRef": ref, "type": "MUTATION/USER"}
            )["errors"]
            assert errors[0] == "record 1: This request requires a valid non-empty id" and errors[1].startswith(
                "record 2: referable: 'maybe'"
            )


def test_a_file_that_could_not_be_imported_at_all_is_one_error(advocate: Advocate) -> None:
    """A-5: an unknown key of events refuses the file as CSV; nothing is a job yet."""
    ref = advocate.upload("userId,accountId,event.key,colour\nu,a,buy,red\n")
    (error,) = advocate.errors(ref, "MUTATION/USER_EVENT")
    assert "colour" in error


def test_concurrent_requests_for_one_file_make_one_job(advocate: Advocate, site: Here) -> None:
    """And each of them gets its id."""
    ref = advocate.upload(USERS + "acme,carl,Carl\n")
    with ThreadPoolExecutor(8) as pool:
        made = list(pool.map(lambda _: advocate.create(ref), range(8)))
    assert len({job["id"] for job in made}) == 1 and re.fullmatch("[0-9a-f]{24}", made[0]["id"])
    with site.pipeline.ledger.read() as conn:
        assert len(files.by_name(conn, ref.rpartition("/")[2])) == 1
    told = advocate.refused(CREATE, jobInput={"fileRef": ref, "type": "MUTATION/DELETE_USER"})
    assert made[0]["id"] in told and "upload it again" in told


def test_a_job_that_waits_is_deleted_and_its_file_can_be_used_again(advocate: Advocate, site: Here) -> None:
    """A-2: it is ABORTED, and no run is asked for it."""
    ref = advocate.upload(USERS + "acme,dora,Dora\n")
    first = advocate.create(ref)["id"]
    assert advocate.data(DELETE, id=first) == {"deletedCount": 1}
    job = advocate.job(first)
    assert (job["status"], "deleted by its sender" in job["reason"]) == ("ABORTED", True)
    assert "ABORTED: only a job that waits" in advocate.refused(DELETE, id=first)
    assert advocate.data(DELETE, id="f" * 24) == {"deletedCount": 0}
    second = advocate.create(ref)["id"]
    assert second != first and advocate.job(second)["status"] == "PENDING"
    with site.pipeline.ledger.read() as conn:
        states = [d.state for d in deliveries.listing(conn, "referrals", limit=2)]
    assert states == ["waiting", "finished"]


def test_a_job_that_a_run_was_asked_for_is_not_deleted(advocate: Advocate, site: Here) -> None:
    """The answer tells what can be done."""
    job = advocate.create(advocate.upload(USERS + "acme,emil,Emil\n"))["id"]
    with site.pipeline.ledger.begin() as conn:
        (newest, *_) = deliveries.listing(conn, "referrals", limit=1)
        deliveries.request(conn, newest.key, now=site.clock.now())
    assert "runs already" in advocate.refused(DELETE, id=job)
    with site.pipeline.ledger.begin() as conn:
        deliveries.fail(conn, newest.key, "its process died", now=site.clock.now())
    told = advocate.ended(job)
    assert (told["status"], told["reason"], told["downloadUrl"]) == ("ABORTED", "its process died", None)


def test_the_list_of_jobs_has_the_documented_filters(service: Service, site: Here, advocate: Advocate) -> None:
    """Newest first, 20 unless stated, by id, type, status, moment and timeframe, AND and OR."""
    ids = [
        advocate.create(advocate.upload(f"accountId,id\nacme,f{n}\n"), f"MUTATION/{kind}USER")["id"]
        for n, kind in enumerate(("", "DELETE_", ""))
    ]
    advocate.data(DELETE, id=ids[0])
    listing = """query ($f: JobFilterInput, $z: String, $l: Int, $o: Int) {
      jobs(filter: $f, timeZone: $z, limit: $l, offset: $o) { data { id dateCreated } count totalCount } }"""

    def found(limit: int = 20, offset: int = 0, zone: str | None = None, **filter_: Any) -> list[str]:
        mine = {"AND": [{"id_in": ids}, filter_]}
        answer = advocate.data(listing, f=mine, z=zone, l=limit, o=offset)
        assert answer["count"] == len(answer["data"])
        return [job["id"] for job in answer["data"]]

    first, second, third = ids
    assert found() == [third, second, first]
    assert found(limit=1, offset=1) == [second] and found(offset=3) == []
    assert found(id_eq=second) == [second] and found(id_in=[first, third]) == [third, first]
    assert found(type_eq="MUTATION/USER") == [third, first] and found(type_ne="MUTATION/USER") == [second]
    assert found(status_eq="ABORTED") == [first] and found(status_ne="ABORTED") == [third, second]
    assert found(status_in=["PENDING", "COMPLETED"]) == [third, second]
    at = advocate.job(second)["dateCreated"]
    assert found(dateCreated_gte=at) == [third, second] and found(dateCreated_lt=at) == [first]
    assert found(dateCompleted_gte=at) == [first] and found(dateCompleted_timeframe="this_2_days") == [first]
    assert found(dateCreated_timeframe="this_7_days", zone="America/New_York") == [third, second, first]
    assert found(dateCreated_timeframe="previous_year") == []
    assert found(OR=[{"id_eq": first}, {"type_eq": "MUTATION/DELETE_USER"}]) == [second, first]
    for wrong, told in (({"dateCreated_timeframe": "soon"}, "not a timeframe"), ({"id_in": ["x"] * 600}, "at most 500")):
        assert told in advocate.refused(listing, f=wrong)
    assert "time zone" in advocate.refused(listing, z="Mars/Base") and "limit is 0" in advocate.refused(listing, l=5000)
    stranger = Advocate(service.address, add_key(site, "other"), "other")
    assert stranger.data(listing, f={"id_in": ids})["totalCount"] == 0
    assert stranger.data("query ($id: ID!) { job(id: $id) { id } }", id=first) is None


def test_an_account_without_the_types_lists_none(service: Service, site: Here) -> None:
    """The interface is there, its formats are not."""
    stranger = Advocate(service.address, add_key(site, "other"), "other")
    ref = stranger.upload(USERS)
    assert ref.startswith("imports/other/")
    assert "unknown job type" in stranger.refused(CREATE, jobInput={"fileRef": ref, "type": "MUTATION/USER"})


def test_another_tenants_file_is_no_file(service: Service, site: Here, advocate: Advocate) -> None:
    """Whoever knows its reference."""
    stranger = Advocate(service.address, add_key(site, "other"), "other")
    ref = stranger.upload(USERS)
    for given in (ref, ref.replace("/other/", f"/{TENANT}/")):
        assert "there is no uploaded file" in advocate.refused(CREATE, jobInput={"fileRef": given, "type": "MUTATION/USER"})


def test_a_repeated_upload_under_one_key_is_one_upload(advocate: Advocate) -> None:
    """An Idempotency-Key counts here as at the other doors."""
    again = {"Content-Type": "text/csv", "Idempotency-Key": "upload-1"}
    assert send(advocate, USERS.encode(), **again).json() == send(advocate, USERS.encode(), **again).json()


def test_a_file_above_the_limit_is_refused_by_its_length(advocate: Advocate, tmp_path: Path, key: str) -> None:
    """By curl, which stops sending."""
    large = tmp_path / "large.csv"
    large.write_bytes(b"x" * 3_000_000)
    address = f"{advocate.address}/api/v1/{TENANT}/export/upload"
    done = subprocess.run(["curl", "-s", address, "-u", f":{key}", "--form", f"file=@{large}"], capture_output=True, text=True, timeout=60)
    assert json.loads(done.stdout)["status"] == 413


def test_a_validation_lists_so_many_errors_and_then_their_number(advocate: Advocate, monkeypatch: pytest.MonkeyPatch) -> None:
    """An answer stays one that a program can read."""
    monkeypatch.setattr(resolvers, "MOST_TOLD", 2)
    told = advocate.errors(advocate.upload("accountId,id,email\n" + "a,b,c\n" * 1_500))
    assert [text[:8] for text in told] == ["record 1", "record 2", "and 1,49"] and told[2] == "and 1,498 more errors"


def test_validations_that_would_take_all_processors_are_told_to_come_again(advocate: Advocate) -> None:
    """Two at one time."""
    ref = advocate.upload(USERS)
    for _ in range(2):
        assert resolvers._TRIALS.acquire(blocking=False)
    try:
        assert "try again" in advocate.refused(VALIDATE, jobInput={"fileRef": ref, "type": "MUTATION/USER"})
    finally:
        resolvers._TRIALS.release(2)
    assert advocate.errors(ref) == []
