"""Past days and weeks exported again: the same bytes whatever came since, and refused where history no longer reaches."""

import csv
import io
from collections.abc import Iterator
from datetime import datetime, timedelta
from pathlib import Path

import pytest

from import_pipeline.exporting.windows import Window, window_of
from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account, Retention
from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.horizon import prune_history
from import_pipeline_tests.exporting.chain import NEW_YORK, Chain
from import_pipeline_tests.lab import ACCOUNT, CONTACT

DAY, WEEK = window_of("daily", "2026-11-01", NEW_YORK), window_of("weekly", "2026-10-26", NEW_YORK)
TICK = timedelta(microseconds=1)
FORMATS = ("csv", "jsonl", "parquet")
Key = tuple[str, str, str, bool]


@pytest.fixture
def lab(tmp_path: Path) -> Iterator[Chain]:
    """Two accounts at one pin and a contact, imported on Sunday the first, which ends a week."""
    made = Chain(tmp_path, (ACCOUNT, CONTACT), memory=True)
    made.deliver("Account", [{"ExternalDataObjectId": e, "Name": "n", "Score": 1.0, "ExternalPinId": "P", "City": "Rome"} for e in "AB"])
    made.deliver("Contact", [{"ExternalDataObjectId": "C", "Name": "n", "RelatedTo": "A"}])
    made.now = DAY.end + timedelta(hours=2)
    yield made
    made.close()


def exported(lab: Chain) -> dict[Key, bytes]:
    """Every type of the day and of the week in every format, plain and packed."""
    return {
        (window.label, name, format, packed): lab.bytes_of(name, window, format=format, zip=packed)
        for window in (DAY, WEEK)
        for name in ("Account", "Contact")
        for format in FORMATS
        for packed in (False, True)
    }


def changed(lab: Chain) -> None:
    """Updates, a move to another parent, new records, a deletion and a restoration."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Score": 2.0}, {"ExternalDataObjectId": "D", "Name": "d", "ExternalPinId": "P"}])
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "RelatedTo": "B", "Title": "t"}])
    lab.now += timedelta(days=9)
    lab.deliver("Account", [{"ExternalDataObjectId": e, "Score": 3.0} for e in "AB"])
    lab.delete("Account", "_id = (SELECT min(_id) FROM store.account)")
    lab.delete("Contact", "true")
    lab.restore("Contact", "true")


def prune(lab: Chain, cut: datetime) -> None:
    with lab.session(writable=True) as session:
        assert prune_history(session, [ACCOUNT, CONTACT], cut)


def test_past_days_and_weeks_have_the_same_bytes_after_records_changed_were_deleted_and_came_back(lab: Chain) -> None:
    """Acceptance B-9: what was sent out can be made again, packed or not."""
    before = exported(lab)
    changed(lab)
    assert exported(lab) == before


def test_a_field_that_was_added_since_is_an_empty_column_and_all_other_cells_are_as_they_were(lab: Chain) -> None:
    """An export has the template's columns of the day it is made: the file can be dropped back, and a reader knows one header."""
    before = lab.bytes_of("Contact", DAY)
    grown = CONTACT.model_dump()
    grown["fields"] = [*grown["fields"], {"name": "Born", "type": "Date", "custom": True}]
    lab.types["Contact"] = ObjectType.model_validate(grown)
    in_definition = lab.bytes_of("Contact", DAY)
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "Born": datetime(2000, 1, 2).date()}])
    for data in (in_definition, lab.bytes_of("Contact", DAY)):
        rows = list(csv.DictReader(io.StringIO(data.decode(), newline="")))
        assert {row.pop("Born") for row in rows} == {""}
        assert rows == list(csv.DictReader(io.StringIO(before.decode(), newline="")))
    assert b"2000-01-02" in lab.bytes_of("Contact")


@pytest.mark.parametrize("window", [DAY, WEEK], ids=["daily", "weekly"])
def test_a_window_that_ended_before_the_horizon_is_refused_with_the_reason(lab: Chain, window: Window) -> None:
    """Without the pruned versions the file would look complete and lack records."""
    changed(lab)
    horizon = lab.now - timedelta(days=1)
    prune(lab, horizon)
    with pytest.raises(PermanentFailure) as refused:
        lab.export("Account", window, folder="again")
    moment, since = ((m.replace(tzinfo=None).isoformat() + "Z") for m in (window.end - TICK, horizon))
    told = str(refused.value)
    assert f"Account as of {moment} cannot be read" in told and f"ended before {since} were pruned" in told
    assert "History is kept for 400 days (retention: {history: …}, the default; state another in defs.yaml of the account lab)" in told
    assert not (lab.home / "again").exists()


def test_a_window_that_ends_at_the_horizon_still_reproduces(lab: Chain) -> None:
    """The horizon is the first moment that is complete, and the last moment of a window is a tick before its end."""
    lab.now = DAY.end - timedelta(hours=2)
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Score": 1.5}])
    lab.now = DAY.end + timedelta(hours=2)
    before = exported(lab)
    changed(lab)
    prune(lab, DAY.end - TICK)
    accounts = {key: data for key, data in before.items() if key[1] == "Account"}
    assert {key: data for key, data in exported(lab).items() if key in accounts} == accounts
    prune(lab, lab.now)
    with pytest.raises(PermanentFailure, match="cannot be read"):
        lab.export("Account", DAY)


def test_every_read_of_the_past_knows_the_horizon_and_the_setting_that_was_stated(lab: Chain) -> None:
    """One setting, one answer, whichever way the past is asked for."""
    lab.account = Account(name="lab", timezone=NEW_YORK, object_types=tuple(lab.types.values()), retention=Retention(history=timedelta(30)))
    start = lab.now
    changed(lab)
    prune(lab, lab.now)
    told = r"History is kept for 30 days \(retention: \{history: …\}, stated in defs.yaml"
    with pytest.raises(PermanentFailure, match=told):
        lab.export("Account", at=start)
    with pytest.raises(PermanentFailure, match=told):
        lab.diff("Account", start, lab.now)
    with pytest.raises(PermanentFailure, match=told):
        lab.export("Account", DAY, content="changes")
    assert lab.export("Account", at=lab.now).rows == lab.export("Account").rows == 2
    assert lab.diff("Account", lab.now, lab.now).lines == 0
