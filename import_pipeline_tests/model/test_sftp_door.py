"""The SFTP door in an account's YAML."""

from datetime import timedelta

import pytest
from pydantic import ValidationError

from import_pipeline.model.account import Account


def test_the_door_is_open_as_it_stands_and_takes_sizes_and_durations() -> None:
    """Advocate's limit is 100 MB (acceptance A-10)."""
    assert Account(name="a").doors.sftp.enabled
    stated = {"sftp": {"max_file_bytes": "100MB", "quota_bytes": "1GB", "allow_delete": False, "idle": "5m"}}
    door = Account.model_validate({"name": "a", "doors": stated}).doors.sftp
    assert (door.max_file_bytes, door.quota_bytes, door.allow_delete, door.idle) == (10**8, 10**9, False, timedelta(minutes=5))


@pytest.mark.parametrize("wrong", [{"max_file_bytes": 0}, {"quota_files": 0}, {"idle": 5}, {"password": "x"}])
def test_what_makes_no_sense_in_it_is_a_fault(wrong: dict[str, object]) -> None:
    """Secrets have no place in YAML."""
    with pytest.raises(ValidationError):
        Account.model_validate({"name": "a", "doors": {"sftp": wrong}})
