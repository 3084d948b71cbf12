"""Set-based relating and applying equal the row-by-row meaning of a delivery, for every sequence of deliveries."""

import tempfile
from collections import Counter
from datetime import timedelta
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, note, settings
from hypothesis import strategies as st

from import_pipeline.model.object_type import ObjectType
from import_pipeline.store.names import data_columns, ident
from import_pipeline_tests.lab import Lab
from import_pipeline_tests.relating.oracle import Oracle

PLACE = ObjectType.model_validate(
    {
        "name": "Place",
        "pin": True,
        "match": [["Email"], ["Name", "Phone"], ["Address"]],
        "stages": {"Active": ["New", "Contacted"]},
        "fields": [
            {"name": "Name", "required": True},
            {"name": "Email", "type": "Email", "custom": True},
            {"name": "Phone", "type": "Phone", "custom": True},
            {"name": "Score", "type": "Number", "custom": True},
        ],
    }
)
PERSON = ObjectType.model_validate(
    {
        "name": "Person",
        "parent": {"type": "Place", "park_for": "3m"},
        "match": [["Mail"]],
        "fields": [{"name": "Name", "required": True}, {"name": "Mail", "custom": True}, {"name": "Title", "custom": True}],
    }
)


def maybe(values: list[Any], *, blanks: int = 1) -> st.SearchStrategy[Any]:
    """One of the values, or none."""
    return st.sampled_from([*values, *[None] * blanks])


RECORD = st.one_of(st.none(), st.none(), st.none(), st.integers(1, 6).map(lambda n: ("id", n)), st.sampled_from(["A", "B"]))
PLACES = st.fixed_dictionaries(
    {
        "RecordID": RECORD,
        "ExternalDataObjectId": maybe(["A", "B", "C"], blanks=2),
        "Name": maybe(["n", "m"]),
        "Email": maybe(["x@x.org", "y@x.org"], blanks=2),
        "Phone": maybe(["1", "2"], blanks=2),
        "Score": maybe([1.0, 2.0]),
        "Stage": maybe(["New", "Contacted"]),
        "ExternalPinId": maybe(["P", "Q"], blanks=3),
        "Street": maybe(["Main St", "main  st.", "Oak St"], blanks=3),
        "Lat": maybe([1.5], blanks=3),
        "Lng": maybe([2.5], blanks=1),
    }
)
PEOPLE = st.fixed_dictionaries(
    {
        "RecordID": RECORD,
        "ExternalDataObjectId": maybe(["A", "B", "C"], blanks=1),
        "RelatedTo": st.one_of(maybe(["A", "B", "C", "Z"], blanks=3), st.integers(1, 6).map(lambda n: ("id", n))),
        "Name": maybe(["n", "m"]),
        "Mail": maybe(["x", "y"], blanks=2),
        "Title": maybe(["t", "u"]),
    }
)


def deliveries(most: int) -> st.SearchStrategy[list[Any]]:
    """(type, files) of new deliveries, and ("again", {type: files or null}, n): the n-th delivery replayed, mended or as it was."""
    places = st.lists(st.lists(PLACES, max_size=6), min_size=1, max_size=2)
    people = st.lists(st.lists(PEOPLE, max_size=5), min_size=1, max_size=2)
    mended = st.fixed_dictionaries({"Place": st.none() | places, "Person": st.none() | people})
    one = st.one_of(
        st.tuples(st.just("Place"), places, st.none()),
        st.tuples(st.just("Person"), people, st.none()),
        st.tuples(st.just("again"), mended, st.integers(0, 3)),
    )
    return st.lists(one, min_size=1, max_size=most)


def outward(lab: Lab, rows: list[dict[str, Any]]) -> list[dict[str, Any]]:
    """Record ids given as ("id", n) as people write them."""
    tag = lab.query("SELECT tag FROM store._lock")[0][0]
    return [{k: f"{tag}{v[1]:016x}" if isinstance(v, tuple) else v for k, v in row.items()} for row in rows]


def stored(lab: Lab, oracle: Oracle) -> tuple[Any, Any]:
    """The records with all versions, pins, parked rows and lineage: of the store, and of the oracle."""
    real: dict[str, Any] = {}
    expected: dict[str, Any] = {}
    for name, kind in lab.types.items():
        keys = [c.key for c in data_columns(kind)]
        columns = f"_id, _parent_id, _pin_id, _version, _valid_from, _job, _line, {', '.join(ident(k) for k in keys)}"
        found = lab.query(
            f"SELECT {columns} FROM store.{kind.slug} UNION ALL SELECT {columns} FROM store._history_{kind.slug} ORDER BY 1, 4"
        )
        real[name] = [(*row[:7], dict(zip(keys, row[7:], strict=True))) for row in found]
        expected[name] = [
            (i, v.parent, r.pin, n + 1, v.stamp, v.job, v.line, v.values)
            for i, r in sorted(oracle.of_type(name).items())
            for n, v in enumerate(r.versions)
        ]
        real[f"{name} waiting"] = sorted(lab.query(f"SELECT _job, _line, _parked_at, _expires_at FROM store._parked_{kind.slug}"))
        expected[f"{name} waiting"] = sorted((w.job, w.line, w.since, w.expires) for w in oracle.waiting if w.type == name)
    real["pins"] = lab.query("SELECT _id, external_pin_id, address_key FROM store._pins ORDER BY 1")
    expected["pins"] = [(i, p.external, p.address) for i, p in sorted(oracle.pins.items())]
    real["next"] = lab.query("SELECT next_id FROM store._lock")[0][0]
    expected["next"] = oracle.next_id
    return real, expected


def check(sequence: list[Any], **sizes: Any) -> None:
    """Delivers the sequence to a store and to the oracle; every outcome, every row error and the whole content must agree."""
    with tempfile.TemporaryDirectory() as home:
        lab = Lab(Path(home), (PLACE, PERSON), memory=True, **sizes)
        try:
            lab.prepare()
            oracle = Oracle(lab.types)
            done: list[tuple[str, str, Any]] = []
            for step, (name, files, again) in enumerate(sequence):
                key = f"d{step}_"
                if name == "again":
                    if not done:
                        continue
                    name, key, sent = done[again % len(done)]
                    files = files[name] or sent
                else:
                    done.append((name, key, files))
                note(f"{name} {key}: {files}")
                report = lab.deliver(name, *(outward(lab, rows) for rows in files), delivery=key)
                counts, errors = oracle.deliver(name, key, files, lab.now)
                _same_outcomes(lab, name, key, report, counts, errors)
                real, expected = stored(lab, oracle)
                assert real == expected
        finally:
            lab.close()


def _same_outcomes(lab: Lab, name: str, key: str, report: Any, counts: Counter[Any], errors: set[Any]) -> None:
    _, related = lab.stages(name, key)
    outcomes = Counter((r["job"], r["_line"], r["action"]) for r in related.read("outcomes").to_dicts())
    outcomes.update((r["job"], r["_line"], "expired") for r in related.read("expired").to_dicts())
    assert outcomes == counts
    by_job = Counter({(job, action): n for job, actions in report["jobs"].items() for action, n in actions.items()})
    assert by_job == Counter(
        {(job, action): 0 for job, _, action in counts} | Counter((j, a) for (j, _, a), n in counts.items() for _ in range(n))
    )
    found = {(r["job"], r["_line"] if r["severity"] == "error" else 0, r["code"], r["column"]) for r in related.read("errors").to_dicts()}
    assert {f for f in found if f[2] != "not_updatable" or f[3] not in ("Address", "ExternalPinId")} == errors


@settings(max_examples=25)
@given(deliveries(3))
def test_any_sequence_of_deliveries_equals_row_by_row(sequence: list[Any]) -> None:
    """People think of a file as rows that are taken one after the other; how they are computed must not show."""
    check(sequence)


@pytest.mark.slow
@settings(max_examples=200)
@given(deliveries(6))
def test_any_longer_sequence_of_deliveries_equals_row_by_row(sequence: list[Any]) -> None:
    """The same with more examples: rare combinations of rules, adoption, waiting and replay."""
    check(sequence)


@settings(max_examples=6)
@given(deliveries(3), st.integers(1, 4), st.integers(1, 6))
def test_the_result_does_not_depend_on_packages_and_commits(sequence: list[Any], rows: int, weight: int) -> None:
    """A package is a unit of progress and of commit, never of meaning (acceptance S-12)."""
    check(sequence, package_rows=rows, group_weight=weight)


def test_the_oracle_itself_keeps_what_it_says(tmp_path: Path) -> None:
    """An oracle that did nothing would agree with a stage that does nothing."""
    lab = Lab(tmp_path, (PLACE, PERSON))
    oracle, now = Oracle(lab.types), lab.now
    oracle.deliver("Person", "p", [[{"ExternalDataObjectId": "A", "Name": "n", "RelatedTo": "B"}]], now)
    assert [w.line for w in oracle.waiting] == [2] and not oracle.records
    oracle.deliver("Place", "q", [[{"ExternalDataObjectId": "B", "Name": "m", "Street": "Oak St"}]], now + timedelta(minutes=1))
    counts, _ = oracle.deliver("Person", "r", [[]], now + timedelta(minutes=2))
    assert counts == Counter({("p0", 2, "create"): 1})
    assert [(r.type, r.parent, r.pin) for r in oracle.records.values()] == [("Place", None, 2), ("Person", 1, None)]
