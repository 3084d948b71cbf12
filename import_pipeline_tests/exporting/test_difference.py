"""The difference between two moments: with the first state it gives the second, and it tells where each value came from."""

import csv
import io
import json
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.exporting.difference import COLUMNS, Difference
from import_pipeline.failures import PermanentFailure, TransientFailure
from import_pipeline_tests.exporting.chain import SITE, Chain
from import_pipeline_tests.exporting.test_moments import deliveries, rows_of
from import_pipeline_tests.lab import ACCOUNT, CONTACT

undone = st.tuples(st.sampled_from(["delete", "restore"]), st.sampled_from(["Account", "Contact"]), st.integers(0, 2))
steps = st.lists(deliveries | undone, min_size=2, max_size=6)
TICK = timedelta(microseconds=1)


@pytest.fixture
def lab(tmp_path: Path) -> Chain:
    return Chain(tmp_path, (ACCOUNT, CONTACT))


def lines_of(difference: Difference) -> list[dict[str, str]]:
    """The file's lines."""
    with difference.path.open(newline="", encoding="utf-8") as file:
        return list(csv.DictReader(file))


def applied(state: dict[str, dict[str, str]], lines: list[dict[str, str]]) -> dict[str, dict[str, str]]:
    """The state with the lines put in; a line whose `old` is not what stands there is refused."""
    made = {record: dict(row) for record, row in state.items()}
    empty = dict.fromkeys(next(iter(state.values())), "") if state else {}
    for line in lines:
        row = made.setdefault(line["record_id"], dict(empty))
        assert row.get(line["column"], "") == line["old"]
        row[line["column"]] = line["new"]
    return {record: row for record, row in made.items() if row["RecordID"]}


def filled(state: dict[str, dict[str, str]]) -> dict[str, dict[str, str]]:
    """Only cells with a value."""
    return {record: {k: v for k, v in row.items() if v} for record, row in state.items()}


def play(lab: Chain, step: Any) -> None:
    """One delivery, deletion or restoration."""
    if step[0] in ("delete", "restore"):
        lab.prepare()
        action, type_name, number = step
        getattr(lab, action)(type_name, f"_id % 3 = {number}")
    else:
        lab.deliver(*step)


@pytest.mark.slow
@settings(max_examples=12)
@given(steps)
def test_the_state_of_one_moment_and_the_difference_give_the_state_of_another(
    tmp_path_factory: pytest.TempPathFactory, history: list[Any]
) -> None:
    """Acceptance B-9, over histories with updates, deletions and restorations: nothing is left out, nothing is told that is not so."""
    lab = Chain(tmp_path_factory.mktemp("lab"), (ACCOUNT, CONTACT), memory=True)
    try:
        seen: list[tuple[datetime, dict[str, bytes]]] = []
        for step in history:
            play(lab, step)
            seen.append((lab.now, {name: lab.bytes_of(name) for name in lab.types}))
        for n, (start, before) in enumerate(seen):
            for end, after in seen[n:]:
                for name in lab.types:
                    assert lab.bytes_of(name, at=end) == after[name]
                    found = lab.diff(name, start, end)
                    lines, (was, now) = lines_of(found), (rows_of(state[name]) for state in (before, after))
                    assert filled(applied(was, lines)) == filled(now)
                    assert (found.created, found.deleted) == (len(now.keys() - was.keys()), len(was.keys() - now.keys()))
                    changed = [record for record in was.keys() & now.keys() if was[record] != now[record]]
                    assert found.changed == len(changed)
                    assert found.fields == sum(was[record][k] != now[record][k] for record in changed for k in was[record])
                    assert found.lines == len(lines)
    finally:
        lab.close()


def test_each_field_tells_the_version_that_gave_it_its_value(lab: Chain) -> None:
    """The job of the record's latest version alone would blame an import for a value that it never brought."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": 1.0, "Email": "a@x.org"}])
    start = lab.now
    lab.deliver("Account", [{"Name": "other"}], [{"ExternalDataObjectId": "A", "Score": 2.0, "Phone": "1"}])
    scored = lab.now
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Email": "b@x.org", "Phone": "2"}])
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Phone": "1"}])
    found = {(r["change"], r["column"]): r for r in lines_of(lab.diff("Account", start, lab.now))}
    told = {k: (r["old"], r["new"], r["job"], r["line"]) for k, r in found.items() if k[0] == "changed"}
    assert told == {
        ("changed", "Email"): ("a@x.org", "b@x.org", "d3_0", "2"),
        ("changed", "Phone"): ("", "1", "d4_0", "2"),
        ("changed", "Score"): ("1", "2", "d2_1", "2"),
    }
    assert found["changed", "Score"]["changed_at"] == scored.isoformat().replace("+00:00", "Z")
    assert {k[1]: r["new"] for k, r in found.items() if k[0] == "created"}["Name"] == "other"


def test_a_created_and_a_deleted_record_are_told_field_by_field(lab: Chain) -> None:
    """The file is complete: it holds what a deleted record was, and by which job it went."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "City": "Rome"}])
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "Name": "c", "RelatedTo": "A"}])
    start = lab.now
    lab.deliver("Contact", [{"ExternalDataObjectId": "C", "Title": "t"}])
    lab.deliver("Contact", [{"ExternalDataObjectId": "D", "Name": "d"}])
    gone = lab.delete("Contact", "_id = (SELECT min(_id) FROM store.contact)")
    ((tag,),) = lab.query("SELECT tag FROM store._lock")
    lines = lines_of(lab.diff("Contact", start, lab.now))
    assert tuple(lines[0]) == COLUMNS
    deleted = {r["column"]: (r["old"], r["new"]) for r in lines if r["change"] == "deleted"}
    parent = f"{tag}{1:016x}"
    record = deleted["RecordID"][0]
    assert deleted == {"RecordID": (record, ""), "ExternalDataObjectId": ("C", ""), "RelatedTo": (parent, ""), "Name": ("c", "")}
    assert {(r["changed_at"], r["job"], r["line"]) for r in lines if r["change"] == "deleted"} == {
        (gone.isoformat().replace("+00:00", "Z"), "undo", "")
    }
    created = [(r["column"], r["old"], r["new"]) for r in lines if r["change"] == "created"]
    assert created == [("RecordID", "", lines[-1]["record_id"]), ("ExternalDataObjectId", "", "D"), ("Name", "", "d")]
    assert {r["external_id"] for r in lines} == {"C", "D"}


def test_pins_are_told_as_people_see_them(lab: Chain) -> None:
    """A pin's number inside the store means nothing to anybody."""
    start = lab.now
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "ExternalPinId": "P1", "City": "Rome", "Lat": 41.9}])
    lines = lines_of(lab.diff("Account", start, lab.now))
    assert {(r["column"], r["new"]) for r in lines} >= {("ExternalPinId", "P1"), ("City", "Rome"), ("Lat", "41.9")}


def test_what_came_and_went_in_between_is_no_difference(lab: Chain) -> None:
    """A value that swung back, a record that was there for an hour, one that was deleted and restored as it was."""
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": 1.0}, {"ExternalDataObjectId": "B", "Name": "n"}])
    start = lab.now
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Score": 2.0}, {"ExternalDataObjectId": "C", "Name": "n"}])
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Score": 1.0}])
    lab.delete("Account", "_id > 1")
    lab.restore("Account", "_id = 2")
    found = lab.diff("Account", start, lab.now)
    assert (found.created, found.changed, found.fields, found.deleted, found.lines) == (0, 0, 0, 0, 0)
    assert found.path.read_text() == ",".join(COLUMNS) + "\n"


def test_every_format_holds_the_same_lines_in_order_of_record_and_column(lab: Chain) -> None:
    """Values as exports write them, awkward ones too."""
    awkward = Chain(lab.home / "site", (SITE,))
    start = awkward.now
    text = 'a "b",\nc \u2028'
    row = {"ExternalDataObjectId": "S", "Name": text, "Score": 1e-7, "Open": True, "Seen": datetime(2026, 1, 2, tzinfo=UTC)}
    awkward.deliver("Site", [row])
    found = {f: awkward.diff("Site", start, awkward.now, format=f) for f in ("csv", "jsonl", "parquet")}
    as_text = lines_of(found["csv"])
    as_json = [json.loads(line) for line in found["jsonl"].path.read_text("utf-8").split("\n") if line]
    typed = pl.read_parquet(found["parquet"].path)
    assert [r["column"] for r in as_text] == ["RecordID", "ExternalDataObjectId", "Name", "Score", "Open", "Seen"]
    assert [r["new"] for r in as_text][2:] == [text, "0.0000001", "true", "2026-01-02T00:00:00Z"]
    assert [{k: str(v or "") for k, v in r.items()} for r in as_json] == as_text
    assert typed["changed_at"].to_list() == [awkward.now] * 6
    assert typed.drop("changed_at").to_dicts() == [{k: v for k, v in r.items() if k != "changed_at"} for r in as_json]


def test_the_same_two_moments_give_the_same_bytes_after_later_imports_with_a_manifest_that_counts(lab: Chain) -> None:
    """A difference that was sent out can be made again."""
    start = lab.now
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n", "Score": 1.0}])
    end = lab.now
    first = lab.diff("Account", start, end)
    told = json.loads(first.manifest.read_text())
    assert {k: told[k] for k in ("from", "to", "created", "changed", "fields", "deleted", "lines", "sha256")} == {
        "from": "2026-11-01T12:00:00Z", "to": "2026-11-01T12:01:00Z", "created": 1, "changed": 0, "fields": 0, "deleted": 0,
        "lines": 4, "sha256": first.sha256,
    }  # fmt: skip
    before = first.path.read_bytes()
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Score": 2.0}])
    lab.delete("Account", "true")
    assert lab.diff("Account", start, end).path.read_bytes() == before


def test_a_difference_that_cannot_be_told_is_refused_and_writes_nothing(lab: Chain) -> None:
    """Moments in the wrong order, to come, or within an import that is half applied."""
    start = lab.now
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": "n"}])
    with pytest.raises(PermanentFailure, match="2026-11-01T12:01:00Z is after 2026-11-01T12:00:00Z: give the earlier moment first"):
        lab.diff("Account", lab.now, start)
    with pytest.raises(PermanentFailure, match="has not come yet"):
        lab.diff("Account", start, lab.now + TICK)
    with lab.session(writable=True) as session:
        session.run("INSERT INTO store._change_sets (id, delivery, type, stamp) VALUES ('d9:account:1', 'd9', 'account', ?)", [lab.now])
    with pytest.raises(TransientFailure, match="half applied"):
        lab.diff("Account", start, lab.now)
    assert not (lab.home / "out").exists()


@pytest.mark.parametrize("format", ["csv", "jsonl", "parquet"])
def test_a_store_without_the_type_has_no_differences(lab: Chain, format: str) -> None:
    """Nothing there is not an error."""
    found = lab.diff("Contact", lab.now - timedelta(days=1), lab.now, format=format)
    assert (found.lines, found.created) == (0, 0)
    assert rows_of(found.path.read_bytes()) == {} if format == "csv" else found.path.exists()


def test_the_lines_can_be_read_as_csv_by_anybody(lab: Chain) -> None:
    """Python's own reader agrees on quotes and line ends."""
    start = lab.now
    lab.deliver("Account", [{"ExternalDataObjectId": "A", "Name": '"x",\r\ny'}])
    text = lab.diff("Account", start, lab.now).path.read_bytes().decode()
    assert [r[5] for r in csv.reader(io.StringIO(text, newline=""))] == ["new", lines_of(lab.diff("Account", start, lab.now))[0]["new"],
                                                                        "A", '"x",\r\ny']  # fmt: skip
