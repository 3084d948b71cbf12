"""A file judged without being imported."""

import hashlib
from pathlib import Path

import pytest

from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline.reporting import trial
from import_pipeline.reporting.trial import Attempt, Tried, try_file
from import_pipeline.store.session import open_store
from import_pipeline_tests.gateway.http.advocate.kit import referral_site
from import_pipeline_tests.scenarios.site import Here


def tried(site: Here, content: str, *, late: bool = False) -> Tried:
    """The trial of users."""
    path = site.folder / "users.csv"
    path.write_text(content)
    sha = hashlib.sha256(content.encode()).hexdigest()
    attempt = Attempt(path, "users.csv", sha, len(content), "csv", "users", site.clock.now(), lambda: late)
    return try_file(site.settings, site.pipeline.account("referrals"), attempt)


def test_a_trial_leaves_nothing_and_is_given_up_when_its_time_is_over(tmp_path: Path) -> None:
    """Whether it ends well or not."""
    site = referral_site(tmp_path)
    found = tried(site, "accountId,id,email\na,b,c\n")
    assert (found.fault, found.errors["recordNumber"].to_list()) == (None, [1])
    with pytest.raises(PermanentFailure, match="errors file"):
        tried(site, "accountId,id\na,b\n", late=True)
    assert list((site.settings.home / "tmp").rglob("trial-*")) == []
    assert not site.settings.store_file("referrals").exists() and not site.settings.staging.exists()


def test_a_store_that_a_run_writes_to_is_waited_for_and_then_told(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """It passes by itself: the asker tries again."""
    site = referral_site(tmp_path)
    site.deliver("users_1.csv", "accountId,id\na,b\n")
    monkeypatch.setattr(trial, "_PATIENCE", 0.1)
    with open_store(site.settings, "referrals", writable=True), pytest.raises(TransientFailure):
        tried(site, "accountId,id\na,c\n")
    assert tried(site, "accountId,id\na,c\n").errors.is_empty()
    site.close()
