"""Engaging Networks: the sentences of the acceptance list (E-1 to E-11), through the real service and real runs."""

from collections.abc import Iterator
from pathlib import Path

import pytest

from import_pipeline_tests.scenarios.giving import HEADER, ONE, PRINTED, TWO, Giving, giving_site

pytestmark = pytest.mark.here


@pytest.fixture
def giving(tmp_path: Path) -> Iterator[Giving]:
    """The shipped account."""
    with giving_site(tmp_path) as made:
        yield made


def test_a_supporter_file_is_imported_to_the_end_and_its_participations_are_exported(giving: Giving) -> None:
    """The document's example with a bad row between: E-1, E-7, E-10's list, E-11."""
    bad = "Supporter,Bad,sam+2@engagingnetworks.net,1,maybe,Y\n"
    told = giving.send(HEADER + ONE + bad + TWO)
    assert told == (
        "Your file has been uploaded successfully and scheduled for import. Your job # is 1. "
        "You will receive an email when your job is complete."
    )
    (before,) = giving.get("jobs").json()
    assert (before["type"], before["job"], before["name"], before["completed"], before["percent"]) == (
        "User Data Import",
        1,
        "November",
        None,
        0,
    )

    giving.site.work()

    (row,) = giving.get("jobs").json()
    assert (row["percent"], row["results"]) == (100, "3 rows: 2 added, 0 updated, 0 unchanged, 1 refused")
    assert row["started"] <= row["completed"] and row["completed"].endswith("-05:00")
    assert {(line, column) for line, column, _ in giving.errors()} >= {(3, "OPT-IN #1")}
    people = giving.supporters()
    assert set(people) == {"sam@engagingnetworks.net", "sam+1@engagingnetworks.net"}
    one = people["sam@engagingnetworks.net"]
    assert (one["First Name"], one["Postcode"], one["OPT-IN #1"], one["Campaign ABC"]) == ("Supporter", "123ABC", "Y", "P")
    rows = giving.exported()
    assert [(r["Supporter Email"], r["Campaign Type"], r["Campaign ID"], r["Campaign Status"], r["Campaign Number"]) for r in rows] == [
        ("sam@engagingnetworks.net", "PET", "20345", "P", "0"),
        ("sam+1@engagingnetworks.net", "PET", "20345", "P", "0"),
    ]


def test_the_documents_example_is_taken_as_printed(giving: Giving) -> None:
    """Two supporters, an opt-in each, a participation each."""
    assert giving.imported(PRINTED)["results"] == "2 rows: 2 added, 0 updated, 0 unchanged, 0 refused"
