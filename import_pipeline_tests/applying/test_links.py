"""Links of rows that were sent again are booked with their change set: once, and whatever becomes of the rows (acceptance B-1)."""

from dataclasses import replace
from pathlib import Path
from typing import Any

import polars as pl
import pytest

from import_pipeline.applying.stage import Links, apply_delivery
from import_pipeline.store.staging import LINKS
from import_pipeline_tests.lab import Lab

Row = tuple[int, int, str, int]
BOOKED = "SELECT of_job, of_line, job, line, pos, change_set FROM store._resubmitted ORDER BY ALL"


def parts(folder: Path, *rows: Row) -> Links:
    """Rows (position, line, of_job, of_line) of the delivery's first file as the parsed stage hands them on."""
    path = folder / "links-00000.parquet"
    data = [{"_job": 0, "_pos": pos, "_line": line, "of_job": of, "of_line": number} for pos, line, of, number in rows]
    pl.DataFrame(data, schema=LINKS).write_parquet(path)
    return Links((path,), frozenset({"ab12cd34"}))


def apply(lab: Lab, links: Links, *rows: dict[str, Any], delivery: str = "d1_") -> None:
    """A delivery of one file, applied with links."""
    report, validated, related = lab.relate("Account", list(rows), delivery=delivery)
    with lab.session(writable=True) as session:
        apply_delivery(session, replace(lab.apply_order("Account", validated, related), links=links))
        apply_delivery(session, replace(lab.apply_order("Account", validated, related), links=links))
    lab.passes["Account", report["delivery"]] += 1


def test_good_and_refused_rows_are_booked_once_and_unknown_jobs_are_left_out(tmp_path: Path) -> None:
    """A second attempt books nothing again; a made-up job links to nothing."""
    lab = Lab(tmp_path)
    links = parts(tmp_path, (0, 2, "ab12cd34", 7), (1, 3, "ab12cd34", 9), (2, 4, "zz99zz99", 1))
    apply(lab, links, {"ExternalDataObjectId": "A", "Name": "a"})
    assert lab.query(BOOKED) == [("ab12cd34", 7, "d1_0", 2, 0, "d1_:account:1"), ("ab12cd34", 9, "d1_0", 3, 1, "d1_:account:1")]


def test_links_are_booked_when_no_row_is_left(tmp_path: Path) -> None:
    """Every row was refused again: the chain goes on."""
    lab = Lab(tmp_path)
    apply(lab, parts(tmp_path, (0, 2, "ab12cd34", 7)))
    assert lab.query(BOOKED) == [("ab12cd34", 7, "d1_0", 2, 0, "d1_:account:1")]
    assert lab.records("Account") == []


def test_a_replay_takes_the_place_of_what_was_booked_before(tmp_path: Path) -> None:
    """Its rows are read anew; links that a replay no longer finds are gone."""
    lab = Lab(tmp_path)
    row = {"ExternalDataObjectId": "A", "Name": "a"}
    apply(lab, parts(tmp_path, (0, 2, "ab12cd34", 7), (1, 3, "ab12cd34", 8)), row)
    apply(lab, parts(tmp_path, (0, 2, "ab12cd34", 5)), row)
    assert lab.query(BOOKED) == [("ab12cd34", 5, "d1_0", 2, 0, "d1_:account:2")]
    apply(lab, Links(), row)
    assert lab.query(BOOKED) == []


def test_links_and_the_end_of_the_change_set_are_one_transaction(tmp_path: Path) -> None:
    """An attempt that dies while it books them leaves a change set that is not finished, and none of them."""
    lab = Lab(tmp_path)
    _, validated, related = lab.relate("Account", [{"ExternalDataObjectId": "A", "Name": "a"}], delivery="d1_")
    order = replace(lab.apply_order("Account", validated, related), links=Links((tmp_path / "gone.parquet",), frozenset({"ab12cd34"})))
    with lab.session(writable=True) as session, pytest.raises(Exception, match=r"gone\.parquet"):
        apply_delivery(session, order)
    assert lab.query("SELECT count(*) FROM store._change_sets WHERE finished_at IS NOT NULL") == [(0,)]
    with lab.session(writable=True) as session:
        apply_delivery(session, replace(order, links=parts(tmp_path, (0, 2, "ab12cd34", 7))))
    assert len(lab.query(BOOKED)) == 1 and len(lab.records("Account")) == 1
