"""A plan is what will be: its rows, put over the state before in plain Python, give the state after the import."""

import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

import polars as pl
import pytest
from hypothesis import given, note, settings

from import_pipeline.store.staging import StageFolder
from import_pipeline_tests.lab import Lab
from import_pipeline_tests.planning.kit import as_people_see, planned
from import_pipeline_tests.relating.test_row_by_row import PERSON, PLACE, deliveries, outward

Waiting = Counter[tuple[str, int]]


def waiting(lab: Lab, type_name: str) -> Waiting:
    """Rows that wait, by job and line."""
    return Counter(lab.query(f"SELECT _job, _line FROM store._parked_{lab.types[type_name].slug}"))


def carried_out(rows: pl.DataFrame, before: dict[str, dict[str, Any]], external_id: str) -> dict[str, dict[str, Any] | None]:
    """The records after the plan. Of a created one the plan tells its ids and its label only, so it is None here."""
    after: dict[str, dict[str, Any] | None] = {record: dict(values) for record, values in before.items()}
    for row in rows.to_dicts():
        record = row["record"]
        if row["action"] == "create":
            assert record not in before
            after[record] = None
        elif row["action"] == "update":
            values = after[record]
            assert values is not None and values[row["column"]] == row["old"] != row["new"]
            values[row["column"]] = row["new"]
            assert row["external_id"] in (before[record][external_id], values[external_id])
        else:
            assert row["action"] in ("park", "refuse") and record is None
    return after


def still_waiting(rows: pl.DataFrame, before: Waiting, related: StageFolder, brought: set[str]) -> Waiting:
    """The waiting rows after the plan; which of them wait no longer is the change set's word, for a plan lists no unchanged rows."""
    gone = Counter((r["job"], r["_line"]) for r in related.read("expired").to_dicts())
    released = {(r["job"], r["_pos"] + 2) for r in related.read("released").to_dicts()} if related.parts("released") else set()
    kept = Counter({k: n for k, n in (before - gone).items() if k not in released and k[0] not in brought})
    return kept + Counter((r["job"], r["line"]) for r in rows.to_dicts() if r["action"] == "park")


def check(sequence: list[Any]) -> None:
    """Plans, then applies, each delivery of the sequence."""
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(Path(home), (PLACE, PERSON), memory=True)
        try:
            lab.prepare()
            done: list[tuple[str, str, Any]] = []
            for step, (name, files, again) in enumerate(sequence):
                key, replayed = f"d{step}_", name == "again"
                if replayed:
                    if not done:
                        continue
                    name, key, sent = done[again % len(done)]
                    files = files[name] or sent
                else:
                    done.append((name, key, files))
                note(f"{name} {key}: {files}")
                _step(lab, name, key, [outward(lab, rows) for rows in files], replayed=replayed)
        finally:
            lab.close()


def _step(lab: Lab, name: str, key: str, files: list[list[dict[str, Any]]], *, replayed: bool) -> None:
    before, rows_before, content = as_people_see(lab, name), waiting(lab, name), lab.dump()
    rows, validated, related = planned(lab, name, *files, delivery=key)
    assert lab.dump() == content
    report = related.load_report()
    lab.apply(name, validated, related)
    lab.passes[name, report["delivery"]] += 1
    external_id, after = lab.types[name].external_id, as_people_see(lab, name)
    expected = carried_out(rows, before, external_id)
    assert set(expected) == set(after)
    assert {k: v for k, v in expected.items() if v is not None} == {k: after[k] for k, v in expected.items() if v is not None}
    created = rows.filter(pl.col("action") == "create").select("record", "external_id", "label").rows()
    assert [(r, after[r][external_id], after[r]["Name"]) for r, _, _ in created] == created
    brought = {f"{key}{n}" for n, rows in enumerate(files) if rows} if replayed else set()
    assert still_waiting(rows, rows_before, related, brought) == waiting(lab, name)


@settings(max_examples=20)
@given(deliveries(3))
def test_the_rows_of_a_plan_are_what_applying_does(sequence: list[Any]) -> None:
    """Acceptance B-2. Ids and values of every record, and every waiting row; and planning changes nothing in the store."""
    check(sequence)


@pytest.mark.slow
@settings(max_examples=60)
@given(deliveries(6))
def test_the_rows_of_a_plan_are_what_applying_does_in_longer_sequences(sequence: list[Any]) -> None:
    """The same with more examples: rows that waited, replays, ids that are adopted."""
    check(sequence)
