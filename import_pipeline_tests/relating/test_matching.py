"""Matching where rows of one delivery have a say in each other, and what becomes of external ids, pins and parts."""

from collections.abc import Iterable
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.relating import tangled
from import_pipeline.relating.in_order import Hit, Outcome, Row, match_in_order
from import_pipeline.relating.stage import relate_delivery
from import_pipeline.store.staging import LINEAGE
from import_pipeline_tests.lab import Lab


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def row(ext: str | None = None, **more: object) -> dict[str, Any]:
    return {"ExternalDataObjectId": ext, **{k.replace("_", " "): v for k, v in more.items()}}


def exts(lab: Lab) -> list[tuple[str | None, str]]:
    """External id and name of all accounts in order of their ids."""
    return [(r["ExternalDataObjectId"], r["Name"]) for r in lab.records("Account")]


def test_a_record_without_external_id_gets_that_of_the_row_that_fits_it(lab: Lab) -> None:
    """Otherwise the next delivery, in which the e-mail has changed, would make a second record of it."""
    lab.deliver("Account", [row(None, Name="Acme", Email="a@x.org")])
    assert lab.deliver("Account", [row("A", Email="a@x.org")])["jobs"] == {"d2_0": {"update": 1}}
    lab.deliver("Account", [row("A", Email="new@x.org")])
    assert exts(lab) == [("A", "Acme")]
    assert lab.query('SELECT "ExternalDataObjectId", _version FROM store._history_account ORDER BY _version') == [(None, 1), ("A", 2)]


def test_an_external_id_once_given_never_changes(lab: Lab) -> None:
    """It is how other systems know the record."""
    lab.deliver("Account", [row("A", Name="Acme")])
    (tag,) = lab.query("SELECT tag FROM store._lock")[0]
    report = lab.deliver("Account", [{"RecordID": f"{tag}{1:016x}", "ExternalDataObjectId": "B", "Score": 1.0}])
    assert lab.errors(report) == {(2, "id_conflict", "RecordID")}
    assert exts(lab) == [("A", "Acme")]


def test_of_two_rows_that_would_give_one_record_their_external_id_the_first_does(lab: Lab) -> None:
    """Two external ids are two records, also when both rows come in one file."""
    lab.deliver("Account", [row(None, Name="Free", Email="f@x.org")])
    report = lab.deliver("Account", [row("A", Name="First", Email="f@x.org"), row("B", Name="Second", Email="f@x.org")])
    assert report["jobs"] == {"d2_0": {"update": 1, "create": 1}}
    assert exts(lab) == [("A", "Free"), ("B", "Second")]


def test_a_chain_of_rules_leads_to_one_record(lab: Lab) -> None:
    """Row 2 fits row 1 by its e-mail, row 3 fits row 2 by name and phone, row 4 fits row 3 by its address."""
    rows = [
        row(None, Name="Acme", Email="a@x.org"),
        row(None, Name="Acme", Email="a@x.org", Phone="5"),
        row(None, Name="acme", Phone="(5)", Street="Oak St"),
        row(None, Street="oak  st.", Score=4.0),
    ]
    assert lab.deliver("Account", rows)["jobs"] == {"d1_0": {"create": 1, "update": 3}}
    assert [(r["Phone"], r["Score"]) for r in lab.records("Account")] == [("(5)", 4.0)]


def test_a_refused_row_leads_nobody_to_a_record(lab: Lab) -> None:
    """It has no effect at all, so the rows after it are matched as if it were not there."""
    rows = [row(None, Email="a@x.org"), row(None, Email="a@x.org", Name="Acme"), row(None, Email="a@x.org", Score=1.0)]
    report = lab.deliver("Account", rows)
    assert lab.errors(report) == {(2, "required", "Name")}
    assert report["jobs"] == {"d1_0": {"refuse": 1, "create": 1, "update": 1}}


def test_a_row_that_fits_two_records_of_its_own_delivery_is_refused_and_names_both(lab: Lab) -> None:
    """In two deliveries it would be refused too; which record is meant cannot depend on how files are gathered."""
    report = lab.deliver("Account", [row("A", Name="a", Email="x@x.org"), row("B", Name="b", Email="x@x.org"), row(None, Email="X@x.org")])
    assert lab.errors(report) == {(4, "ambiguous_match", "Email")}
    _, related = lab.stages("Account", "d1_")
    (error,) = related.read("errors").to_dicts()
    assert (error["value"], error["expected"]) == ("x@x.org", "one record; these fit: A, B")


def test_rows_that_share_no_key_never_reach_the_loop(lab: Lab, monkeypatch: pytest.MonkeyPatch) -> None:
    """The loop over rows is for the few that have a say in each other; a file with external ids has none."""
    seen: list[int] = []

    def counted(rows: Iterable[Row], rules: int) -> Outcome:
        taken = list(rows)
        seen.extend(r.seq for r in taken)
        return match_in_order(taken, rules)

    monkeypatch.setattr(tangled, "match_in_order", counted)
    lab.deliver("Account", [row(f"A{n}", Name="same", Phone="1", Street="One House") for n in range(50)])
    lab.deliver("Account", [row(f"A{n}", Name="same", Phone="1", Street="One House", Email=f"{n}@x.org") for n in range(60)])
    lab.deliver("Account", [row(None, Email=f"{n}@x.org", Score=1.0) for n in range(60)])
    assert seen == []
    lab.deliver("Account", [row(None, Email="1@x.org"), row(None, Email="1@x.org"), row(None, Email="2@x.org")])
    assert len(seen) == 2


def test_in_order_takes_each_row_with_what_the_rows_before_it_gave() -> None:
    """The loop itself, on plain values: adoption of a stored record, its external id taken, a conflict of ids."""

    def one(seq: int, ext: str | None = None, **more: Any) -> Row:
        plain: dict[str, Any] = {"target": None, "record_ext": None, "by_record_id": False, "complete": True, "keys": ("k",), "hits": {}}
        return Row(seq=seq, line=seq + 2, ext=ext, **plain | more)

    free = {0: [Hit(7, True, "record 7")]}
    outcome = match_in_order(
        [
            one(0, "A", hits=free),
            one(1, "B", hits=free),
            one(2, None, hits=free),
            one(3, "C", target=7, by_record_id=True),
            one(4, "B", complete=False, keys=(None,)),
            one(5, None, complete=False, keys=(None,)),
        ],
        1,
    )
    assert outcome.placed == [(0, 7, None), (1, None, 1), (4, None, 1)]
    assert outcome.ambiguous == [(2, 0, "record 7, B")]
    assert (outcome.conflicts, outcome.required) == ([3], [5])


def test_an_external_id_given_by_record_id_counts_for_the_rows_after_it_and_not_for_those_before(lab: Lab) -> None:
    """Row by row: what an earlier row has made of the external id is what a later row finds."""
    lab.deliver("Account", [row(None, Name="one"), row(None, Name="two")])
    (tag,) = lab.query("SELECT tag FROM store._lock")[0]
    one, two = f"{tag}{1:016x}", f"{tag}{2:016x}"
    report = lab.deliver(
        "Account", [{"RecordID": one, **row("X")}, row("X", Score=1.0), row("Y", Name="new"), {"RecordID": two, **row("Y")}]
    )
    assert lab.errors(report) == {(5, "id_conflict", "RecordID")}
    assert [(r["ExternalDataObjectId"], r["Score"]) for r in lab.records("Account")] == [("X", 1.0), (None, None), ("Y", None)]


def test_an_address_is_the_oldest_pin_there(lab: Lab) -> None:
    """Several pins may stand at one address, each with an external id of its own; records without one gather at the first."""
    first = [row("A", Name="a", ExternalPinId="P", Street="Oak St"), row("B", Name="b", ExternalPinId="Q", Street="Oak St")]
    lab.deliver("Account", [*first, row("C", Name="c", Street="Oak St")])
    lab.deliver("Account", [row("D", Name="d", Street="oak st")])
    pins = {r["Name"]: r["_pin_id"] for r in lab.records("Account")}
    assert pins["a"] == pins["c"] == pins["d"] != pins["b"]


def test_coordinates_alone_make_a_pin(lab: Lab) -> None:
    """A lead taken in the field may have no address yet; losing its place would lose the lead."""
    lab.deliver("Account", [row("A", Name="a", Lat=1.5, Lng=2.5), row("B", Name="b", Lat=1.5, Lng=2.5), row("C", Name="c", Lat=1.5)])
    pins = {r["Name"]: r["_pin_id"] for r in lab.records("Account")}
    assert pins["a"] is not None and pins["a"] == pins["b"] and pins["c"] is None
    assert lab.query('SELECT "Lat", "Lng" FROM store._pins') == [(1.5, 2.5)]


def test_an_update_that_would_move_a_record_is_told(lab: Lab) -> None:
    """An address places a record at its creation only (acceptance S-8)."""
    lab.deliver("Account", [row("A", Name="a", Street="Oak St", ExternalPinId="P"), row("B", Name="b")])
    report = lab.deliver("Account", [row("A", ExternalPinId="Q"), row("B", Street="Elm St"), row("A", Street="OAK ST")])
    assert lab.errors(report) == {(2, "not_updatable", "ExternalPinId"), (3, "not_updatable", "Address")}
    assert lab.query("SELECT count(*) FROM store._pins") == [(1,)]


def test_parts_with_different_columns_are_read_together(lab: Lab) -> None:
    """The files of a delivery need not have the same header; a column that only one part holds must not be lost."""
    jobs = lab.validated("parts_", lab.types["Account"], [[row("A", Name="a")]])
    validated, related = lab.stages("Account", "parts_")
    more = {**LINEAGE, "ExternalDataObjectId": pl.String, "Name": pl.String, "Email": pl.String}
    pl.DataFrame([(0, 9, 9, 7, "B", "b", "b@x.org")], schema=more, orient="row").write_parquet(validated.path / "rows-00001.parquet")
    lab.prepare()
    with lab.session() as session:
        relate_delivery(session, lab.order("Account", "parts_", jobs), validated, related)
    lab.apply("Account", validated, related)
    assert [(r["Name"], r["Email"]) for r in lab.records("Account")] == [("a", None), ("b", "b@x.org")]
