"""How values are written: always so that the importer, which is strict, reads the stored value again."""

import json
from datetime import UTC, date, datetime
from decimal import Decimal
from pathlib import Path
from typing import Any

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.exporting.values import json_sql, text_sql
from import_pipeline.model.columns import Column
from import_pipeline.model.field import FieldSpec
from import_pipeline.store.names import sql_type
from import_pipeline.store.session import Session
from import_pipeline_tests.exporting.chain import NEW_YORK
from import_pipeline_tests.lab import Lab


def written(session: Session, values: list[Any], timezone: str = "UTC", **spec: Any) -> list[tuple[str | None, str]]:
    """Each value as text and as JSON."""
    column = Column("x", "field", FieldSpec.model_validate({"name": "x", **spec}), "always")
    session.run(f"CREATE OR REPLACE TEMP TABLE given(n BIGINT, x {sql_type(column.spec)})")
    for number, value in enumerate(values):
        session.run("INSERT INTO given VALUES (?, ?)", [number, value])
    both = f"{text_sql(column, 'x', timezone)}, {json_sql(column, 'x', timezone)}"
    return [(text, js) for text, js in session.run(f"SELECT {both} FROM given ORDER BY n")]


@pytest.fixture
def lab(tmp_path: Path) -> Lab:
    return Lab(tmp_path)


def test_numbers_are_the_shortest_text_without_exponent(lab: Lab) -> None:
    """The importer takes no exponent ('1e3' may be a damaged id), and `.0` was not sent."""
    cases = {
        12.5: "12.5", 12.0: "12", -0.0: "0", 0.1: "0.1", 1e15 - 1: "999999999999999", 123456789012345.0: "123456789012345",
        1e-7: "0.0000001", -1.25e-9: "-0.00000000125", 1e16: "10000000000000000", -1.5e20: "-150000000000000000000",
        12345678901234567.0: "12345678901234568", 41.90278299999999: "41.90278299999999",
    }  # fmt: skip
    with lab.session() as session:
        assert written(session, list(cases), type="Number") == [(text, text) for text in cases.values()]


@settings(max_examples=5)
@given(st.lists(st.floats(allow_nan=False, allow_infinity=False), min_size=20, max_size=40))
def test_any_number_is_read_again_as_the_same_number(tmp_path_factory: pytest.TempPathFactory, numbers: list[float]) -> None:
    """An export that is off by the last bit would change records when it is imported back."""
    with Lab(tmp_path_factory.mktemp("lab")).session() as session:
        found = [text for text, _ in written(session, numbers, type="Number")]
    for number, text in zip(numbers, found, strict=True):
        assert text is not None
        assert "e" not in text
        assert Decimal(text) == Decimal(repr(number))
        assert float(text) == number


def test_amounts_and_stated_decimals_keep_all_their_decimals_and_digits(lab: Lab) -> None:
    """Through a floating point number the largest of these would lose its cents."""
    with lab.session() as session:
        assert written(session, [Decimal("1234567890123456.50"), Decimal("-0.5"), None], type="Currency") == [
            ("1234567890123456.50", "1234567890123456.50"),
            ("-0.50", "-0.50"),
            (None, "null"),
        ]
        assert written(session, [Decimal("7")], type="Number", decimals=0) == [("7", "7")]


def test_dates_and_moments_are_iso_8601_in_utc(lab: Lab) -> None:
    """A fraction of a second stands there only when there is one."""
    moments = [datetime(2026, 11, 1, 5, 30, tzinfo=UTC), datetime(2026, 1, 2, 3, 4, 5, 60, tzinfo=UTC), datetime(1, 1, 1, tzinfo=UTC)]
    with lab.session() as session:
        assert [text for text, _ in written(session, moments, NEW_YORK, type="DateTime")] == [
            "2026-11-01T05:30:00Z",
            "2026-01-02T03:04:05.000060Z",
            "0001-01-01T00:00:00Z",
        ]
        assert written(session, [date(987, 2, 3)], type="Date") == [("0987-02-03", '"0987-02-03"')]


def test_a_field_that_takes_no_iso_dates_gets_its_own_format(lab: Lab) -> None:
    """ISO would be refused by the very field it came from. A moment without offset is the account's local time."""
    with lab.session() as session:
        assert written(session, [date(2026, 3, 4)], type="Date", formats=["%d.%m.%y", "%d.%m.%Y"])[0][0] == "04.03.2026"
        assert written(session, [date(2026, 3, 4)], type="Date", formats=["%m/%d/%Y", "iso"])[0][0] == "2026-03-04"
        seen = [datetime(2026, 7, 1, 0, 5, tzinfo=UTC)]
        assert written(session, seen, NEW_YORK, type="DateTime", formats="%m/%d/%Y %I:%M %p")[0][0] == "06/30/2026 08:05 PM"


def test_an_empty_text_is_no_value_and_booleans_are_true_and_false(lab: Lab) -> None:
    """A blank never erases; two ways to say «nothing» would look like a difference between two exports."""
    with lab.session() as session:
        assert written(session, ["", " ", None]) == [(None, "null"), (" ", '" "'), (None, "null")]
        assert written(session, [True, False], type="Boolean") == [("true", "true"), ("false", "false")]


def test_json_text_is_escaped_and_never_holds_a_line_end(lab: Lab) -> None:
    """A raw line end would cut a record of a JSONL file in two."""
    awkward = 'tab\t "quote" back\\slash \n\r\x1f \u2028 é 😀'
    with lab.session() as session:
        ((_, found),) = written(session, [awkward])
    assert json.loads(found) == awkward
    assert not set("\n\r\x1f") & set(found)
