"""Who may call: keys, scopes, expiry, wrong keys and how often somebody may ask."""

import json
from datetime import timedelta

import httpx
import pytest
import requests

from import_pipeline.gateway.http.limits import Buckets
from import_pipeline.gateway.http.tokens import digest, find_key, make_key
from import_pipeline.ledger import tokens
from import_pipeline_tests.gateway.http.kit import BULK, Service, add_key
from import_pipeline_tests.scenarios.site import Here

NEW = {"operation": "create", "dataObjectTypeId": "Account"}


def test_only_the_digest_of_a_key_is_kept_and_no_log_shows_one(site: Here) -> None:
    """Who reads the ledger, a log or a debugger cannot call."""
    key = add_key(site, "acme")
    with site.pipeline.ledger.read() as conn:
        kept = tokens.get(conn, key[4:20])
    assert kept is not None and kept.secret == digest(key) and key[20:] not in json.dumps(vars(kept), default=str)
    assert kept.secret not in repr(kept)
    assert find_key(site.pipeline.ledger, key, site.clock.now()) == kept


@pytest.mark.parametrize("authorization", [None, "Bearer", "Bearer x", "Basic YTpi", "Bearer ipk_" + "0" * 80, "Bearer " + "k" * 5_000])
def test_no_key_and_a_wrong_one_get_the_same_refusal(service: Service, authorization: str | None) -> None:
    """Nothing tells whether there is such a key; the body says only that one is needed."""
    headers = {} if authorization is None else {"Authorization": authorization}
    answer = requests.post(f"{service.address}{BULK}", json=NEW, headers=headers, timeout=10)
    assert (answer.status_code, answer.json()["detail"]) == (401, "a valid key is needed")
    assert answer.headers["WWW-Authenticate"] == "Bearer"


def test_an_address_that_tries_many_wrong_keys_is_slowed_down_and_a_good_key_from_it_is_not(service: Service, site: Here) -> None:
    """Programs behind one address must not shut each other out."""
    answers = [httpx.get(f"{service.address}{BULK}/inprogress", headers={"Authorization": "Bearer x"}) for _ in range(12)]
    assert answers[-1].status_code == 429 and int(answers[-1].headers["Retry-After"]) >= 1
    with service.client(add_key(site, "acme")) as client:
        assert client.get(f"{BULK}/inprogress").status_code == 200


def test_a_revoked_and_an_expired_key_are_unknown(site: Here) -> None:
    """At once, without a restart."""
    now, ledger = site.clock.now(), site.pipeline.ledger
    expired, revoked = add_key(site, "acme", expires=now + timedelta(days=1)), add_key(site, "acme")
    assert find_key(ledger, expired, now) and not find_key(ledger, expired, now + timedelta(days=1))
    with ledger.begin() as conn:
        assert tokens.revoke(conn, revoked[4:20], now=now) and not tokens.revoke(conn, revoked[4:20], now=now)
    assert find_key(ledger, revoked, now) is None


def test_a_key_does_what_its_scopes_say_and_sees_its_own_account_only(service: Service, site: Here, acme: httpx.Client) -> None:
    """The job of another account is not there, whatever one knows of it."""
    job = acme.post(BULK, json=NEW).json()["id"]
    with service.client(add_key(site, "acme", scopes=("read",))) as reader:
        assert reader.get(f"{BULK}/{job}/progress").status_code == 200
        refused = reader.post(f"{BULK}/{job}/start")
        assert (refused.status_code, "'import'" in refused.json()["detail"]) == (403, True)
    with service.client(add_key(site, "other")) as other:
        place = f"{BULK}/{job}"
        for answer in (other.get(f"{place}/progress"), other.put(f"{place}/data", content=b"{}"), other.delete(f"{place}/cleanup")):
            assert (answer.status_code, answer.json()["detail"]) == (404, "there is no bulk job of this id")


def test_who_asks_too_often_is_told_when_to_ask_again(service: Service, site: Here) -> None:
    """The account's own limit, with Retry-After."""
    with service.client(add_key(site, "slow")) as other:
        answers = [other.get(f"{BULK}/inprogress") for _ in range(14)]
    assert [answer.status_code for answer in answers[:10]] == [200] * 10
    assert answers[-1].status_code == 429 and 1 <= int(answers[-1].headers["Retry-After"]) <= 2


def test_a_bucket_gives_a_quarter_of_a_minute_at_once_and_fills_evenly() -> None:
    """And forgets nobody who asked lately."""
    now = [0.0]
    buckets = Buckets(lambda: now[0])
    assert [buckets.take("a", 60) for _ in range(15)] == [0.0] * 15
    assert buckets.take("a", 60) == pytest.approx(1.0) and buckets.take("b", 60) == 0.0
    now[0] = 2.5
    assert [buckets.take("a", 60) for _ in range(2)] == [0.0, 0.0] and buckets.take("a", 60) == pytest.approx(0.5)


def test_keys_differ_and_name_their_id() -> None:
    """256 random bits each."""
    (one_id, one), (other_id, other) = make_key(), make_key()
    assert one != other and one_id != other_id and one.startswith(f"ipk_{one_id}") and len(one) == 84
