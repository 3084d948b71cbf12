"""Created records of a plan: streamed part by part, with the ids and labels that SQL would give."""

from pathlib import Path

import polars as pl
from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.planning.created import created_rows, single_creates
from import_pipeline.store.ids import outward_series
from import_pipeline.store.names import outward
from import_pipeline_tests.lab import Lab
from import_pipeline_tests.planning.kit import PERSON, PLACE, plan_order, planned


@given(st.lists(st.integers(1, 2**63 - 1), min_size=1, max_size=50))
def test_record_ids_are_written_as_everywhere_else(ids: list[int]) -> None:
    """Whole columns and single ids have the same outward form."""
    assert outward_series(pl.Series(ids, dtype=pl.Int64), "abcdef12").to_list() == [outward(number, "abcdef12") for number in ids]


def test_rows_of_many_small_parts_and_jobs_keep_their_job_line_and_order(tmp_path: Path) -> None:
    """A delivery may be thousands of small files; some give no external id at all."""
    lab = Lab(tmp_path, (PLACE, PERSON), memory=True)
    files = [[{"ExternalDataObjectId": f"{n}-{i}", "Name": f"p{n}-{i}"} for i in range(3)] for n in range(5)]
    rows, _, _ = planned(lab, "Place", *files)
    assert rows.select("job", "line", "external_id", "label").rows() == [
        (f"d1_{n}", i + 2, f"{n}-{i}", f"p{n}-{i}") for n in range(5) for i in range(3)
    ]
    unnamed, _, _ = planned(lab, "Place", [{"Name": "Oak"}])
    assert unnamed.select("external_id", "label").rows() == [(None, "Oak")]
    lab.close()


def test_the_stream_answers_narrower_questions_too(tmp_path: Path) -> None:
    """polars asks a source for some columns, some rows, the first few: it must get just these."""
    lab = Lab(tmp_path, (PLACE, PERSON), memory=True)
    _, validated, related = planned(lab, "Place", *[[{"Name": f"p{n}-{i}"} for i in range(4)] for n in range(3)])
    order = plan_order(lab, "Place", related, validated, tmp_path / "x.parquet")
    rows = created_rows(order, single_creates(order), "abcdef12")
    assert rows.select("label").collect().columns == ["label"]
    assert rows.filter(pl.col("label") == "p1-2").collect()["line"].to_list() == [4]
    assert rows.head(6).collect()["label"].to_list() == ["p0-0", "p0-1", "p0-2", "p0-3", "p1-0", "p1-1"]
    lab.close()
