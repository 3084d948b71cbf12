"""The moment that a change set's versions carry."""

from datetime import timedelta
from pathlib import Path

from import_pipeline_tests.lab import Lab


def test_versions_carry_the_moment_of_booking_and_not_of_relating(tmp_path: Path) -> None:
    """A run that dies between the two and is retried after midnight must not change the day before, which is exported by then."""
    lab = Lab(tmp_path)
    report, validated, related = lab.relate("Account", [{"ExternalDataObjectId": "A", "Name": "n"}])
    lab.now += timedelta(hours=3)
    lab.apply("Account", validated, related)
    assert lab.query("SELECT _valid_from FROM store.account") == [(lab.now,)]
    assert lab.now.isoformat() > report["stamp"]
