"""The account `referrals` through the landing tree: users, deletions, events, rewards and redemptions (acceptance A-3 to A-11)."""

import json
import shutil
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest

from import_pipeline.delivering.again import book_replay, book_undo
from import_pipeline_tests.scenarios.site import Here

pytestmark = pytest.mark.here  # the account is made here; what the daemon does with files is told by test_spotio_files.py

SHIPPED = Path(__file__).parents[2] / "import_pipeline" / "defs" / "referrals"
USERS = (
    "accountId,id,firstName,email,referable,locale,referredBy.code,referralCodes.prog-1,sharelinks.prog-1,customFields.province,"
    "customFields.postal\n"
    "acme,ann,Ann,ann@x.example,true,en_US,BOB,ANN1,https://l.example/1,BC,V8V\n"
    "acme,bob,Bob,bob@x.example,false,en_US,,BOB1,,,\n"
    "solo,zed,Zed,zed@x.example,,,,,,AB,\n"
)
REWARDS = (
    "rewardId,accountId,userId,unit,value,status,dateGiven,dateExpires\n"
    "late,acme,ann,USD,5,AVAILABLE,1,\n"
    "soon,acme,ann,USD,10.00,AVAILABLE,2,99\n"
    "older,acme,ann,USD,1,AVAILABLE,0,\n"
    "pending,acme,ann,USD,7,PENDING,0,1\n"
    "points,acme,bob,POINT,7,AVAILABLE,0,1\n"
)
REPORT = (
    "firstName,lastName,email,dateBlocked,unitName,currency,availableValue,valueToRedeem,totalRedeemedValue,userId,accountId,unit,"
    "segments\n"
)


@pytest.fixture
def site(tmp_path: Path) -> Any:
    """A site with the shipped account, quick doors."""
    made = Here(tmp_path)
    shutil.copytree(SHIPPED, made.accounts / "referrals")
    defs = made.accounts / "referrals" / "defs.yaml"
    defs.write_text(defs.read_text().replace("settle: 3s, interval: 2s", "settle: 1s, interval: 1s, cut_settle: 2s"))
    made.account = "referrals"
    try:
        yield made
    finally:
        made.close()


def _undo(site: Here, job: str, *, dry_run: bool = False) -> Any:
    _, key = book_undo(site.pipeline, job, dry_run=dry_run)
    site.work()
    return next(row for row in site.jobs() if row.delivery == key)


def _users(site: Here) -> list[str]:
    return [row["userKey"] for row in site.records("User", '"userKey"')]


def _redeem(*rows: tuple[str, str, str, str]) -> str:
    """The report of balances with values to redeem, given as (account, user, unit, value)."""
    return REPORT + "".join(f"x,,,,,,999,{value},0,{user},{account},{unit},\n" for account, user, unit, value in rows)


def _redeemed(site: Here) -> list[tuple[str, Decimal, dict[str, str]]]:
    found = site.records("Redemption", '"userId", "redeemedValue", consumed')
    return [(r["userId"], r["redeemedValue"], json.loads(r["consumed"])) for r in found]


def test_dotted_csv_and_nested_jsonl_give_identical_records(site: Here) -> None:
    """A-5: the same users as CSV and as JSON lines; the second file changes nothing."""
    assert site.deliver("users_a.csv", USERS).counts.created == 3
    lines = [
        {
            "accountId": "acme",
            "id": "ann",
            "firstName": "Ann",
            "email": "ann@x.example",
            "referable": True,
            "locale": "en_US",
            "referredBy": {"code": "BOB"},
            "referralCodes": {"prog-1": "ANN1"},
            "shareLinks": {"prog-1": "https://l.example/1"},
            "customFields": {"postal": "V8V", "province": "BC"},
        },
        {"accountId": "acme", "id": "bob", "firstName": "Bob", "email": "bob@x.example", "referable": False, "locale": "en_US"},
    ]
    job = site.deliver("users_b.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert (job.object_type, job.format, job.counts.unchanged, job.counts.rows) == ("User", "users", 2, 2)
    (ann, *_) = site.records("User", '"customFields", "referralCodes", sharelinks, "referredBy.code"')
    assert json.loads(ann["customFields"]) == {"postal": "V8V", "province": "BC"}
    assert (ann["referralCodes"], ann["sharelinks"]) == ('{"prog-1":"ANN1"}', '{"prog-1":"https://l.example/1"}')


def test_account_and_id_together_name_a_user_and_each_is_needed(site: Here) -> None:
    """A-5: the same id in two accounts is two users, a missing one refuses the row and names the column."""
    job = site.deliver("users_1.csv", "accountId,id,firstName\na,x,One\nb,x,Two\na/b,c,Three\na,b/c,Four\n,x,Five\na,,Six\n")
    assert site.errors(job) == {(6, "accountId", "required"), (7, "id", "required")}
    assert _users(site) == ["a/x", "b/x", "a%2Fb/c", "a/b%2Fc"]


def test_names_of_columns_are_case_sensitive(site: Here) -> None:
    """A-5: `firstname` is no column; the receipt says so and names the nearest."""
    job = site.deliver("users_1.csv", "accountId,id,firstname\na,x,One\n")
    (told,) = [n for n in site.receipt(job)["notices"] if n["code"] == "column_unknown"]
    assert told["column"] == "firstname"
    assert "'firstName'" in told["message"]
    assert site.records("User", '"firstName"') == [{"firstName": None}]


def test_an_update_sets_the_keys_that_it_gives_and_leaves_the_others(site: Here) -> None:
    """Blanks never erase (S-8), within customFields too; each row counts by what it changed."""
    site.deliver("users_1.csv", USERS)
    job = site.deliver(
        "users_2.jsonl",
        '{"accountId":"acme","id":"ann","customFields":{"city":"Rome","postal":null}}\n'
        '{"accountId":"acme","id":"ann","customFields":{"city":"Rome"}}\n'
        '{"accountId":"acme","id":"ann","customFields":{"city":"Oslo","province":"ON"}}\n'
        '{"accountId":"solo","id":"zed","customFields":{"province":"AB"}}\n',
    )
    assert (job.counts.updated, job.counts.unchanged) == (2, 2)
    (ann, _, _) = site.records("User", '"customFields"')
    assert ann["customFields"] == '{"city":"Oslo","postal":"V8V","province":"ON"}'
    _undo(site, job.id)
    (ann, _, _) = site.records("User", '"customFields"')
    assert ann["customFields"] == '{"postal":"V8V","province":"BC"}'


def test_more_than_a_hundred_custom_fields_refuse_the_row(site: Here) -> None:
    """systems.md 1.2: at most 100 customFields, one value each, their names of letters, digits and _."""
    many = {f"f{i}": ':"' for i in range(101)}
    rows: list[dict[str, Any]] = [
        {"accountId": "a", "id": "1", "customFields": many},
        {"accountId": "a", "id": "2", "customFields": dict(list(many.items())[:100])},
        {"accountId": "a", "id": "3", "customFields": {"x": [1]}},
    ]
    job = site.deliver("users_1.jsonl", "".join(json.dumps(row) + "\n" for row in rows))
    assert site.errors(job) == {(1, "customFields", "too_many_keys"), (3, "customFields.x", "nested_value")}
    assert _users(site) == ["a/2"]


def test_a_deletion_takes_users_with_their_history_and_an_undo_brings_them_back(site: Here) -> None:
    """A-6 and B-3: deleted users lie in history; the undo restores them with their ids, the undo of the undo deletes them again."""
    site.deliver("users_1.csv", USERS)
    before = site.records("User", '_id, _version, "userKey"')
    job = site.deliver("deleteUsers_1.csv", "accountId,id,doNotTrack,preserveEmptyAccount\nacme,ann,,\nacme,ann,,\nacme,ghost,,\n,x,,\n")
    assert (job.counts.deleted, job.counts.unchanged, job.counts.refused) == (1, 1, 2)
    assert site.errors(job) == {(4, "id", "no_such_record"), (5, "accountId", "required")}
    assert _users(site) == ["acme/bob", "solo/zed"]
    assert site.query('SELECT "userKey", _ended_by FROM store._history_user') == [("acme/ann", job.id)]
    planned = _undo(site, job.id, dry_run=True)
    assert planned.state == "planned"
    assert _users(site) == ["acme/bob", "solo/zed"]
    undo = _undo(site, job.id)
    assert site.records("User", '_id, "userKey"') == [{k: v for k, v in row.items() if k != "_version"} for row in before]
    _undo(site, undo.id)
    assert _users(site) == ["acme/bob", "solo/zed"]


def test_a_planned_deletion_writes_nothing_and_names_who_would_go(site: Here) -> None:
    """B-2: the same code path, nothing written."""
    site.deliver("users_1.csv", USERS)
    job = site.deliver("deleteUsers_1.csv", "accountId,id\nsolo,zed\n", folder="DataObjects/Check/New")
    assert (job.state, job.counts.deleted) == ("planned", 1)
    assert "solo/zed" in Path(job.plan_file or "").read_text()
    assert len(_users(site)) == 3
    assert site.query("SELECT count(*) FROM store._gone") == [(0,)]


def test_an_account_goes_with_its_last_user_unless_the_row_keeps_it(site: Here) -> None:
    """A-6: deleted by default, told in the receipt; preserveEmptyAccount keeps it."""
    site.deliver("users_1.csv", USERS)
    job = site.deliver("deleteUsers_1.csv", "accountId,id,preserveEmptyAccount\nacme,ann,\nsolo,zed,\n")
    assert {(e["code"], e["rows"]) for e in site.receipt(job)["errors"]} == {("account_deleted", 1)}
    job = site.deliver("deleteUsers_2.csv", "accountId,id,preserveEmptyAccount\nacme,bob,true\n")
    assert {(e["code"], e["rows"]) for e in site.receipt(job)["errors"]} == {("account_kept", 1)}


def test_the_flags_of_a_row_outweigh_those_of_the_job(site: Here) -> None:
    """A-6: what the job says (a format's defaults) counts for rows that say nothing."""
    form = site.accounts / "referrals" / "formats" / "delete_users.yaml"
    form.write_text(form.read_text() + 'defaults: {preserveEmptyAccount: "true", doNotTrack: "true"}\n')
    site.deliver("users_1.csv", USERS)
    site.deliver("deleteUsers_1.csv", "accountId,id,preserveEmptyAccount,doNotTrack\nsolo,zed,,\nacme,ann,false,false\nacme,bob,false,\n")
    told = site.query("SELECT key, keep, block FROM store._gone ORDER BY key")
    assert told == [("acme/ann", False, False), ("acme/bob", False, True), ("solo/zed", True, True)]


def test_a_user_who_must_not_be_tracked_cannot_come_back_until_the_deletion_is_undone(site: Here) -> None:
    """A-6: doNotTrack; every other deleted user may come back as a new one."""
    site.deliver("users_1.csv", USERS)
    deletion = site.deliver("deleteUsers_1.csv", "accountId,id,doNotTrack\nsolo,zed,true\nacme,ann,false\n")
    again = site.deliver("users_2.csv", "accountId,id,firstName\nsolo,zed,Zed\nacme,ann,Anna\n")
    assert site.errors(again) == {(2, "id", "do_not_track")}
    assert _users(site) == ["acme/bob", "acme/ann"]
    _undo(site, again.id)
    _undo(site, deletion.id)
    assert sorted(_users(site)) == ["acme/ann", "acme/bob", "solo/zed"]
    site.deliver("users_3.csv", "accountId,id,firstName\nsolo,zed,Zedd\n")
    assert {r["firstName"] for r in site.records("User", '"firstName"')} == {"Ann", "Bob", "Zedd"}


def test_a_replay_neither_brings_deleted_users_back_nor_deletes_new_ones(site: Here) -> None:
    """B-7: what a later delivery did stays, in both directions."""
    first = site.deliver("users_1.csv", USERS)
    deletion = site.deliver("deleteUsers_1.csv", "accountId,id\nsolo,zed\n")
    book_replay(site.pipeline, first.id)
    site.work()
    assert _users(site) == ["acme/ann", "acme/bob"]
    assert ("deleted_since", 4) in {(code, line) for line, _, code in site.errors(site.job("users_1.csv"))}
    site.deliver("users_2.csv", "accountId,id,firstName\nsolo,zed,New\n")
    book_replay(site.pipeline, deletion.id)
    site.work()
    assert _users(site) == ["acme/ann", "acme/bob", "solo/zed"]


def test_files_that_create_and_delete_are_taken_in_their_order(site: Here) -> None:
    """Three files that wait together are three deliveries, because the second takes back what the first brings."""
    site.drop("users_1.csv", USERS)
    site.drop("deleteUsers_1.csv", "accountId,id\nsolo,zed\n")
    site.drop("users_2.csv", "accountId,id,firstName\nsolo,zed,Again\n")
    site.work()
    assert {r["userKey"]: r["firstName"] for r in site.records("User", '"userKey", "firstName"')}["solo/zed"] == "Again"
    assert len({row.delivery for row in site.jobs()}) == 3


def test_an_event_is_recorded_once_for_its_key_over_all_files(site: Here) -> None:
    """A-11: the same idempotencyKey counts once and changes nothing later; events without one count each."""
    site.deliver("users_1.csv", USERS)
    lines = [
        {"accountId": "acme", "userId": "ann", "event": {"key": "purchase", "dateTriggered": 1664818419661, "fields": {"foo": 1}}},
        {"accountId": "acme", "userId": "ann", "event": {"key": "visit"}},
        {"accountId": "acme", "userId": "ann", "event": {"key": "visit"}},
        {"accountId": "acme", "userId": "bob", "event": {"key": "other"}},
    ]
    lines[0]["idempotencyKey"] = lines[3]["idempotencyKey"] = "k1"
    job = site.deliver("userEvents_1.jsonl", "".join(json.dumps(line) + "\n" for line in lines))
    assert (job.counts.created, job.counts.unchanged) == (3, 1)
    header = "userId,accountId,event.key,event.dateTriggered,event.fields.foo,idempotencyKey\n"
    job = site.deliver("userEvents_2.csv", header + "bob,acme,changed,1,9,k1\nbob,acme,visit,2,9,k2\n")
    assert (job.counts.created, job.counts.unchanged) == (1, 1)
    joined = 'store.user_event e JOIN store."user" u ON u._id = e._parent_id'
    found = site.query(f'SELECT e."event.key", u."userKey", e."event.fields" FROM {joined} ORDER BY e._id')
    assert found == [
        ("purchase", "acme/ann", '{"foo":"1"}'),
        ("visit", "acme/ann", None),
        ("visit", "acme/ann", None),
        ("visit", "acme/bob", '{"foo":"9"}'),
    ]


def test_events_as_csv_and_as_jsonl_are_the_same(site: Here) -> None:
    """A-5 for events: dotted and nested give equal rows."""
    site.deliver("users_1.csv", USERS)
    header = "userId,accountId,event.key,event.dateTriggered,event.fields.foo,event.fields.bar\n"
    site.deliver("userEvents_1.csv", header + "ann,acme,purchase,1664818419661,é/1,2.50\n")
    event = {"key": "purchase", "dateTriggered": 1664818419661, "fields": {"foo": "é/1", "bar": "2.50"}}
    site.deliver("userEvents_2.jsonl", json.dumps({"accountId": "acme", "userId": "ann", "event": event}) + "\n")
    columns = '"accountId", "userId", "event.key", "event.dateTriggered", "event.fields", _parent_id'
    one, other = site.records("User Event", columns)
    assert one == other


def test_unknown_keys_and_iso_dates_refuse_an_event(site: Here) -> None:
    """A-5: additionalProperties are false, dateTriggered is an integer, accountId is needed; in CSV an unknown column refuses the file."""
    site.deliver("users_1.csv", USERS)
    rows = [
        '{"accountId":"acme","userId":"ann","event":{"key":"a","colour":"red"}}',
        '{"accountId":"acme","userId":"ann","event":{"key":"a"},"colour":"red"}',
        '{"accountId":"acme","userId":"ann","event":{"key":"a","dateTriggered":"2022-10-03T17:33:39Z"}}',
        '{"userId":"ann","event":{"key":"a"}}',
        '{"accountId":"acme","userId":"ann","event":{"key":"good","fields":null}}',
    ]
    job = site.deliver("userEvents_1.jsonl", "\n".join(rows) + "\n")
    assert site.errors(job) == {
        (1, "event.colour", "unknown_key"),
        (2, "colour", "unknown_key"),
        (3, "event.dateTriggered", "not_a_number"),
        (4, "accountId", "required"),
    }
    job = site.deliver("userEvents_2.csv", "userId,accountId,event.key,Colour\nann,acme,a,red\n")
    assert (job.state, site.errors(job)) == ("failed", {(1, "Colour", "unknown_key")})
    assert len(site.records("User Event")) == 1


def test_an_event_waits_for_its_user(site: Here) -> None:
    """B-4: the user comes in a later file."""
    job = site.deliver("userEvents_1.csv", "userId,accountId,event.key\nann,acme,visit\n")
    assert job.counts.parked == 1
    site.deliver("users_1.csv", USERS)
    assert len(site.records("User Event")) == 1


def test_rewards_are_consumed_by_expiry_then_by_date_and_never_beyond_their_value(site: Here) -> None:
    """A-7: 10.556 is cut to 10.55; what expires first goes first, then what was given first; pending rewards do not count."""
    site.deliver("users_1.csv", USERS)
    site.deliver("rewards_1.csv", REWARDS)
    job = site.deliver("redeemableRewardBalances_1.csv", _redeem(("acme", "ann", "USD", "10.556")))
    assert job.counts.created == 1
    assert _redeemed(site) == [("ann", Decimal("10.55"), {"soon": "10.00", "older": "0.55"})]
    rows = [("acme", "ann", "USD", "9"), ("acme", "ann", "USD", "5.45"), ("acme", "ann", "USD", "0.01"), ("acme", "bob", "POINT", "2.9")]
    job = site.deliver("redeemableRewardBalances_2.csv", _redeem(*rows))
    assert site.errors(job) == {(2, "valueToRedeem", "not_enough"), (4, "valueToRedeem", "not_enough")}
    assert _redeemed(site)[1:] == [("ann", Decimal("5.45"), {"older": "0.45", "late": "5.00"}), ("bob", Decimal(2), {"points": "2"})]


def test_only_positive_values_in_a_unit_that_is_available_are_redeemed(site: Here) -> None:
    """A-7: only valueToRedeem is read; a blank one asks for nothing."""
    site.deliver("users_1.csv", USERS)
    site.deliver("rewards_1.csv", REWARDS)
    rows = [
        ("acme", "ann", "USD", "0"),
        ("acme", "ann", "USD", "-1"),
        ("acme", "ann", "USD", "0.009"),
        ("acme", "ann", "EUR", "1"),
        ("acme", "ann", "USD", ""),
        ("acme", "nobody", "USD", "1"),
        ("solo", "zed", "USD", "1"),
    ]
    job = site.deliver("redeemableRewardBalances_1.csv", _redeem(*rows))
    assert site.errors(job) == {
        (2, "valueToRedeem", "not_positive"),
        (3, "valueToRedeem", "not_positive"),
        (4, "valueToRedeem", "not_positive"),
        (5, "valueToRedeem", "nothing_available"),
        (7, "userKey", "parent_not_found"),
        (8, "valueToRedeem", "nothing_available"),
    }
    assert (job.counts.unchanged, site.records("Redemption")) == (1, [])


def test_an_undone_redemption_is_available_again_and_a_replay_redeems_nothing_twice(site: Here) -> None:
    """B-3, B-7: undoing an older redemption leaves the later one as it is."""
    site.deliver("users_1.csv", USERS)
    site.deliver("rewards_1.csv", REWARDS)
    first = site.deliver("redeemableRewardBalances_1.csv", _redeem(("acme", "ann", "USD", "10")))
    second = site.deliver("redeemableRewardBalances_2.csv", _redeem(("acme", "ann", "USD", "6")))
    book_replay(site.pipeline, second.id)
    site.work()
    assert len(_redeemed(site)) == 2
    _undo(site, first.id)
    assert _redeemed(site) == [("ann", Decimal(6), {"older": "1.00", "late": "5.00"})]
    plan = site.deliver("redeemableRewardBalances_3.csv", _redeem(("acme", "ann", "USD", "10.01")), folder="DataObjects/Check/New")
    assert plan.counts.refused == 1
    plan = site.deliver("redeemableRewardBalances_4.csv", _redeem(("acme", "ann", "USD", "9")), folder="DataObjects/Check/New")
    assert (plan.state, plan.counts.created, len(_redeemed(site))) == ("planned", 1, 1)
    site.deliver("redeemableRewardBalances_5.csv", _redeem(("acme", "ann", "USD", "9.99")))
    assert _redeemed(site)[1] == ("ann", Decimal("9.99"), {"soon": "9.99"})


def test_the_prefix_of_a_name_tells_what_its_rows_do(site: Here) -> None:
    """A-10: a name without a known prefix is refused with the prefixes and the nearest."""
    job = site.deliver("user_1.csv", USERS)
    assert job.state == "failed"
    assert job.reason
    assert "deleteUsers_, redeemableRewardBalances_, rewards_, userEvents_, users_" in job.reason
    assert "Did you mean users_?" in job.reason


def test_a_file_with_more_rows_than_recommended_is_imported_with_a_warning(site: Here) -> None:
    """A-10: more than 500,000 entries is a warning, not an error."""
    form = site.accounts / "referrals" / "formats" / "users.yaml"
    form.write_text(form.read_text().replace("500000", "2"))
    job = site.deliver("users_1.csv", USERS)
    assert (job.state, [n["code"] for n in site.receipt(job)["notices"]]) == ("applied", ["many_rows"])


def test_the_errors_file_tells_the_record_of_each_line(site: Here) -> None:
    """A-8: blank lines and cells of several lines do not count as records."""
    text = 'accountId,id,firstName\n\na,1,"two\nlines"\n\n,2,x\nbroken\na,,y\n'
    job = site.deliver("users_1.csv", text)
    lines = Path(job.errors_file or "").read_text().splitlines()
    told = {(line.split(",")[0], line.rsplit(",", 1)[1]) for line in lines[1:]}
    assert told == {("6", "2"), ("7", "3"), ("8", "4")}
