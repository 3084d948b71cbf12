"""An export imported back unchanged gives 0 changes, through the real stages (acceptance S-16)."""

import csv
import io
from datetime import date, datetime
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.exporting.windows import window_of
from import_pipeline_tests.exporting.chain import NEW_YORK, SITE, Chain

texts = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs"]), min_size=1, max_size=30) | st.sampled_from(
    [
        "=1+1",
        "NULL",
        '"',
        "''",
        "a,b",
        "two\nlines",
        "abcdef0123456789abcdef01",
        "123456789012345678901234",
        "1E+15",
        "2021-02-30",
        "#",
        "-",
        "RecordID",
    ]
)
moments = st.datetimes(datetime(1950, 1, 1), datetime(2045, 1, 1))
cells: dict[str, st.SearchStrategy[Any]] = {
    "ExternalDataObjectId": texts,
    "ExternalPinId": st.sampled_from(["P1", "P2", "007"]),
    "Owner Email": st.just("ANA@example.com"),
    "Stage": st.sampled_from(SITE.stage_names),
    "City": texts,
    "Zip": st.from_regex(r"\A[0-9]{5}\Z"),
    "Lat": st.floats(-90, 90).map(lambda x: f"{x:.15f}".rstrip("0").rstrip(".")) | st.floats(-90, 90).map(lambda x: f"{x:.6f}"),
    'Notes, and "more"': texts,
    "Score": st.sampled_from(["999999999999999", "0.1", "-0", "-0.0", "123456789012345", "0.00000012", "+7", "1.50"])
    | st.integers(-(10**15) + 1, 10**15 - 1).map(str),
    "Rate": st.decimals(-(10**6), 10**6, places=3).map(str),
    "Worth": st.decimals(-(10**15), 10**15, places=2).map(str) | st.just("$12"),
    "Open": st.sampled_from(["yes", "N", "TRUE", "0"]),
    "Since": st.dates(date(1, 1, 1)).map(date.isoformat),
    "Founded": st.dates(date(1970, 1, 1), date(2068, 12, 31)).map(lambda d: d.strftime("%d.%m.%y"))
    | st.dates(date(1000, 1, 1)).map(lambda d: d.strftime("%d.%m.%Y")),
    "Seen": moments.map(datetime.isoformat) | st.datetimes(datetime(1900, 1, 1)).map(lambda m: m.isoformat() + "Z"),
    "Call": moments.map(lambda m: m.strftime("%m/%d/%Y %I:%M %p")),
    "Kinds": st.sampled_from(["E;A b", "C,d ; E;", "A b"]),
}  # fmt: skip
sites = st.lists(st.fixed_dictionaries({"Name": texts}, optional=cells), min_size=15, max_size=25)


def as_csv(rows: list[dict[str, Any]]) -> bytes:
    """A file as people send it."""
    columns = list(dict.fromkeys(k for row in rows for k in row))
    text = io.StringIO(newline="")
    writer = csv.DictWriter(text, columns, lineterminator="\n")
    writer.writeheader()
    writer.writerows(rows)
    return text.getvalue().encode()


HARD: list[dict[str, Any]] = [
    {"ExternalDataObjectId": "S1", "Name": '=1+1, "x" 😀', 'Notes, and "more"': "a\nb\n\n'c", "Score": "0.00000012", "Rate": "-3.5",
     "Worth": "$123456789012345.67", "Open": "yes", "Since": "2024-02-29", "Founded": "01.02.99", "Seen": "2026-11-01T01:30:00-05:00",
     "Call": "03/08/2026 3:30 PM", "Kinds": "A b; C,d", "Stage": "On hold; waiting", "Owner Email": "ANA@example.com", "City": "Rome",
     "Lat": "41.90278299999999", "ExternalPinId": "P1"},
    {"ExternalDataObjectId": "NULL", "Name": "NULL", "Score": "123456789012345", "Seen": "2026-11-01 12:00:00.123456", "Open": "0"},
    {"ExternalDataObjectId": "abcdef0123456789abcdef01", "Name": "'", "City": "Rome", "Worth": "-0.5", "Score": "-0.0"},
]  # fmt: skip


@pytest.mark.parametrize("kind", ["csv", "jsonl"])
def test_hard_values_come_back_from_an_export_without_a_change(tmp_path: Path, kind: Any) -> None:
    """Quotes, formulas, the word NULL, ids that look like ours, small and large numbers, an hour that comes twice, local formats."""
    chain = Chain(tmp_path)
    assert chain.send("Site", as_csv(HARD)).findings == set()
    stored = chain.query("SELECT * FROM store.site ORDER BY _id")
    again = chain.send("Site", chain.bytes_of("Site", format=kind), kind)
    assert (again.actions, again.findings) == ({"unchanged": 3}, set())
    assert chain.query("SELECT * FROM store.site ORDER BY _id") == stored


@pytest.mark.slow
@settings(max_examples=15)
@given(sites)
def test_whatever_was_imported_comes_back_from_its_export_without_a_change(
    tmp_path_factory: pytest.TempPathFactory, rows: list[dict[str, Any]]
) -> None:
    """Every value that the importer accepts is written so that the importer accepts it again, as the same value."""
    chain = Chain(tmp_path_factory.mktemp("chain"))
    chain.send("Site", as_csv(rows))
    stored = chain.query("SELECT * FROM store.site ORDER BY _id")
    for kind in ("csv", "jsonl"):
        again = chain.send("Site", chain.bytes_of("Site", format=kind), kind)  # type: ignore[arg-type]
        assert again.findings == set()
        assert again.actions == ({"unchanged": len(stored)} if stored else {})
    assert chain.query("SELECT * FROM store.site ORDER BY _id") == stored
    assert chain.query("SELECT count(*) FROM store._history_site") == [(0,)]


def test_children_come_back_at_their_parents_and_at_their_pins(tmp_path: Path) -> None:
    """RelatedTo holds the parent's record id; records that share a pin show the same address and stay together."""
    chain = Chain(tmp_path)
    chain.send("Site", as_csv([{"ExternalDataObjectId": "S1", "Name": "a", "ExternalPinId": "P", "City": "Rome", "Lat": "41.9"},
                               {"ExternalDataObjectId": "S2", "Name": "b", "ExternalPinId": "P", "City": "Roma"},
                               {"Name": "c", "City": "Rome"}]))  # fmt: skip
    chain.send("Visit", as_csv([{"Name": "v", "RelatedTo": "S2"}, {"Name": "w", "RelatedTo": ""}]))
    with chain.export("Site").path.open(newline="") as file:
        placed = [(r["ExternalPinId"], r["City"], r["Lat"]) for r in csv.DictReader(file)]
    assert placed == [("P", "Rome", "41.9")] * 3
    assert chain.send("Site", chain.bytes_of("Site")) == chain.send("Site", chain.bytes_of("Site", format="jsonl"), "jsonl")
    visits = chain.send("Visit", chain.bytes_of("Visit"))
    assert (visits.actions, visits.findings) == ({"unchanged": 2}, set())
    sites, children = (rows_by_id(chain, name) for name in ("Site", "Visit"))
    assert [sites[v["RelatedTo"]]["Name"] if v["RelatedTo"] else None for v in children.values()] == ["b", None]


def rows_by_id(chain: Chain, type_name: str) -> dict[str, dict[str, str]]:
    with chain.export(type_name).path.open(newline="") as file:
        return {r["RecordID"]: r for r in csv.DictReader(file)}


def test_an_export_of_the_past_imported_back_brings_the_past_back(tmp_path: Path) -> None:
    """What was changed since is set back by the record ids, where an update may; nothing is created anew."""
    chain = Chain(tmp_path)
    chain.send("Site", as_csv([{"ExternalDataObjectId": "S1", "Name": "a", "Score": "1"}, {"Name": "b", "Worth": "2"}]))
    then, before = chain.now, chain.bytes_of("Site")
    chain.send("Site", as_csv([{"ExternalDataObjectId": "S1", "Score": "5"}, {"ExternalDataObjectId": "S3", "Score": "5"}]))
    again = chain.send("Site", chain.bytes_of("Site", at=then))
    assert again.actions == {"update": 1, "unchanged": 1}
    assert chain.bytes_of("Site") == before


def test_the_changes_of_a_day_can_be_imported_like_any_file(tmp_path: Path) -> None:
    """The file of a day goes to a partner and comes back: it names existing records and changes none."""
    chain = Chain(tmp_path)
    chain.send("Site", as_csv([{"ExternalDataObjectId": f"S{n}", "Name": "x", "Seen": "2026-03-08T06:59:59.999999Z"} for n in range(5)]))
    window = window_of("daily", "2026-11-01", NEW_YORK)
    data = chain.bytes_of("Site", window, content="changes", now=window.end)
    again = chain.send("Site", data)
    assert (again.actions, again.findings) == ({"unchanged": 5}, set())
