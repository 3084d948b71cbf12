"""Header drift in receipts: told where it applies, learnt from imports that had an effect only."""

import json
from pathlib import Path

import pytest

from import_pipeline.delivering.answering import answer_delivery
from import_pipeline.delivering.flow import DeliveryRun
from import_pipeline.ledger import headers, jobs
from import_pipeline.ledger.jobs import JobRow
from import_pipeline.model.columns import REASON_COLUMNS
from import_pipeline.model.mapping import AcceptedMapping
from import_pipeline_tests.lineage.kit import Home

HEADER = "ExternalDataObjectId,Name,Phone"
DRIFT = {"column_new", "column_gone", "column_renamed", "columns_reordered"}


@pytest.fixture
def home(tmp_path: Path) -> Home:
    """An empty home with the shipped accounts."""
    return Home(tmp_path)


def drift_of(row: JobRow) -> list[tuple[str, str | None]]:
    """Codes and columns of the drift that a job's receipt tells."""
    receipt = json.loads(Path(row.receipt or "").read_text())
    return [(notice["code"], notice.get("column")) for notice in receipt["notices"] if notice["code"] in DRIFT]


def imported(home: Home, name: str, *lines: str) -> JobRow:
    """One file imported as a delivery of its own."""
    return home.deliver(home.csv(name, *lines))[name]


def test_the_receipt_tells_what_changed_since_the_file_before(home: Home) -> None:
    """A sender's export changes one night, and a field stays empty for weeks."""
    assert drift_of(imported(home, "Account_1.csv", HEADER, "A-1,Acme,(302) 555-0121")) == []
    assert drift_of(imported(home, "Account_2.csv", HEADER, "A-2,Bolt,(302) 555-0122")) == []
    third = imported(home, "Account_3.csv", "Name,ExternalDataObjectId,Fone,Email", "Cord,A-3,(302) 555-0123,a@b.example")
    assert set(drift_of(third)) == {("column_renamed", "Fone"), ("column_new", "Email"), ("columns_reordered", None)}
    assert drift_of(imported(home, "Account_4.csv", "Name,ExternalDataObjectId,Fone,Email", "Dune,A-4,,")) == []


def test_files_of_one_delivery_are_compared_in_their_order_and_a_second_answer_is_the_same(home: Home) -> None:
    """A run that is tried again must not compare a file with itself."""
    imported(home, "Account_1.csv", HEADER, "A-1,Acme,(302) 555-0121")
    rows = home.deliver(
        home.csv("Account_2.csv", f"{HEADER},Email", "A-2,Bolt,(302) 555-0122,a@b.example"),
        home.csv("Account_3.csv", HEADER, "A-3,Cord,(302) 555-0123"),
    )
    expected = {"Account_2.csv": [("column_new", "Email")], "Account_3.csv": [("column_gone", "Email")]}
    assert {name: drift_of(row) for name, row in rows.items()} == expected
    delivery = rows["Account_2.csv"].delivery
    answer_delivery(DeliveryRun(home.pipeline, home.pipeline.account("field_sales"), delivery))
    with home.pipeline.ledger.read() as conn:
        assert {row.name: drift_of(row) for row in jobs.by_delivery(conn, delivery)} == expected


def test_a_file_that_failed_is_told_its_drift_and_teaches_nothing(home: Home) -> None:
    """What was not imported is not what files look like."""
    imported(home, "Account_1.csv", HEADER, "A-1,Acme,(302) 555-0121")
    failed = imported(home, "Account_2.csv", f"{HEADER},Employees", "A-2,Bolt,(302) 555-0122,many")
    assert failed.state == "failed" and drift_of(failed) == [("column_new", "Employees")]
    assert drift_of(imported(home, "Account_3.csv", HEADER, "A-3,Cord,(302) 555-0123")) == []


def test_the_columns_of_a_failed_rows_file_are_no_drift(home: Home) -> None:
    """It comes back with its reasons behind the header that was sent."""
    imported(home, "Account_1.csv", HEADER, "A-1,Acme,(302) 555-0121")
    reasons = ",".join(REASON_COLUMNS)
    back = imported(home, "Account_2.csv", f"{HEADER},{reasons}", "A-2,Bolt,(302) 555-0122" + "," * len(REASON_COLUMNS))
    assert back.state == "applied" and drift_of(back) == []
    assert drift_of(imported(home, "Account_3.csv", HEADER, "A-3,Cord,(302) 555-0123")) == []


def test_what_was_imported_is_remembered_as_accepted(home: Home) -> None:
    """The next suggestion for the same words knows."""
    imported(home, "Account_1.csv", "ExternalDataObjectId,Company,Foo", "A-1,Acme,1")
    imported(home, "Account_2.csv", "ExternalDataObjectId,Company,Foo", "A-2,Bolt,2")
    with home.pipeline.ledger.read() as conn:
        found = set(headers.accepted(conn, "field_sales", "account"))
    assert found == {AcceptedMapping("ExternalDataObjectId", "ExternalDataObjectId", 2), AcceptedMapping("Company", "Name", 2)}
