"""Replay: the originals of a delivery again, under the rules of today (acceptance B-7)."""

from pathlib import Path

import pytest
import yaml

from import_pipeline.delivering.again import book_replay
from import_pipeline.failures import PermanentFailure
from import_pipeline_tests.scenarios.site import Site

FILE = "ExternalDataObjectId,Name,Stage,Employees\nA1,Acme,New,5\nA2,Bolt,Kunde,7\nA3,,New,1\n"


def _mend_rule(site: Site) -> None:
    """The stage that was unknown becomes a configured one."""
    path = site.accounts / "acme" / "object_types" / "account.yaml"
    stated = yaml.safe_load(path.read_text())
    stated["stages"]["Won"].append("Kunde")
    path.write_text(yaml.safe_dump(stated))
    site.reload()


def _replay(site: Site, named: str) -> None:
    book_replay(site.pipeline, named)
    site.work()


@pytest.mark.here
@pytest.mark.parametrize("by", ["job", "delivery"])
def test_after_a_rule_is_mended_a_replay_brings_just_what_was_refused(site: Site, by: str) -> None:
    """Rows that are in change nothing; the receipt tells what the replay added, and from which start its time runs."""
    first = site.deliver("Account_1.csv", FILE)
    assert (first.counts.created, first.counts.refused) == (1, 2)
    versions = site.records("Account", "_id, _version, _valid_from")
    _mend_rule(site)
    _replay(site, first.id if by == "job" else first.delivery)
    job = site.job("Account_1.csv")
    assert (job.id, job.counts.created, job.counts.refused) == (first.id, 2, 1)
    assert site.records("Account", "_id, _version, _valid_from")[:1] == versions
    receipt = site.receipt(job)
    assert receipt["replay"] == {"number": 1, "created": 1, "updated": 0, "unchanged": 1, "parked": 0}
    assert "Replay 1 added: 1 created." in receipt["outcome"]
    assert first.finished_at and job.started_at and job.started_at > first.finished_at
    assert site.errors(job) == {(4, "Name", "required")}


def test_a_replay_never_overwrites_what_a_later_delivery_set(site: Site) -> None:
    """Field by field: the later value stays, the field that nobody touched is filled."""
    first = site.deliver("Account_1.csv", "ExternalDataObjectId,Name,Email,Employees\nA1,Acme,no mail,5\nA2,Bolt,b@bolt.example,7\n")
    site.deliver("Account_2.csv", "ExternalDataObjectId,Name,Employees\nA1,Acme,9\nA2,Bolt,8\n")
    path = site.accounts / "acme" / "object_types" / "account.yaml"
    stated = yaml.safe_load(path.read_text())
    next(f for f in stated["fields"] if f["name"] == "Email")["type"] = "Text"
    path.write_text(yaml.safe_dump(stated))
    site.reload()
    _replay(site, first.delivery)
    assert [(r["ExternalDataObjectId"], r["Email"], r["Employees"]) for r in site.records("Account")] == [
        ("A2", "b@bolt.example", 8),
        ("A1", "no mail", 9),
    ]


@pytest.mark.here
def test_replaying_twice_adds_nothing(site: Site) -> None:
    """A replay is idempotent: no version, no doubled count."""
    first = site.deliver("Account_1.csv", FILE)
    for number in (1, 2):
        _replay(site, first.delivery)
        job = site.job("Account_1.csv")
        assert job.counts == first.counts
        assert site.receipt(job)["replay"]["number"] == number
    assert site.query("SELECT count(*) FROM store._history_account") == [(0,)]


@pytest.mark.here
def test_what_cannot_be_replayed_is_refused_with_the_reason(site: Site) -> None:
    """An unknown delivery, and one whose originals have left the vault: a clear error, nothing booked."""
    with pytest.raises(PermanentFailure, match="there is no delivery or job 'nothing'; the latest deliveries are none"):
        book_replay(site.pipeline, "nothing")
    job = site.deliver("Account_1.csv", FILE)
    for path in Path(site.settings.vault).rglob("*"):
        if path.is_file():
            path.unlink()
    with pytest.raises(PermanentFailure, match=r"the original of Account_1.csv is past the vault's retention"):
        book_replay(site.pipeline, job.delivery)
