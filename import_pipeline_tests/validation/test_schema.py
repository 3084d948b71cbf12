"""The pandera schema of an object type, what pandera must keep doing for us, and suggestions."""

from collections.abc import Callable
from dataclasses import replace

import pandera.polars as pa
import polars as pl
import pytest

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.field import FIELD_TYPES
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.row_error import CODES
from import_pipeline.validation import judging, suggestions
from import_pipeline.validation.judging import PartJudge, trimmed
from import_pipeline.validation.rules import ColumnJudge, Rule
from import_pipeline.validation.schema import column_judges, frame_schema
from import_pipeline.validation.suggestions import Suggestions
from import_pipeline_tests.validation.stages import found, frame, judged, type_of

EVERY = type_of(
    *(
        {"name": f"A {kind}", "type": kind, **({"choices": ["x"]} if "Choice" in kind else {})}
        for kind in FIELD_TYPES
        if kind != "Attachment"
    ),
    stages={"Active": ["New"]},
    loss_reasons=["Price"],
    owner={"users": ["a@b.com"]},
    parent={"type": "Account"},
    pin=True,
)
KEYS = [column.key for column in EVERY.columns]


def test_every_rule_is_a_pandera_check_named_by_a_known_code() -> None:
    """The check's name is what reaches the receipt; a name that is no code could not be explained to anyone."""
    schema = frame_schema(column_judges(EVERY, KEYS))
    assert list(schema.columns) == KEYS
    for column in schema.columns.values():
        assert column.nullable and column.checks and not column.coerce and str(column.dtype) == "String"
        for check in column.checks:
            assert CODES[check.name].severity == "error" and CODES[check.name].scope == "row"


def test_every_type_passes_and_fails_beside_every_other_one() -> None:
    """All columns of a type with everything in one frame: no check may look at another column."""
    result = judged(EVERY, [dict.fromkeys(KEYS, "\x00"), dict.fromkeys(KEYS)])
    assert {(line, column) for line, column, _ in found(result.errors)} == {(2, key) for key in KEYS}
    assert result.rows.get_column("_line").to_list() == [3]


def test_a_check_that_itself_breaks_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """pandera turns an exception in a check into one more failure case without a row; taken as «no bad row», all would pass."""

    def broken(values: pl.Series) -> pl.Series:
        raise ZeroDivisionError("in a rule")

    def with_broken(object_type: ObjectType, keys: list[str], timezone: str) -> dict[str, ColumnJudge]:
        return {key: ColumnJudge((Rule("too_long", "", broken),)) for key in keys}

    monkeypatch.setattr(judging, "column_judges", with_broken)
    with pytest.raises(PermanentFailure, match="the schema itself failed"):
        judged(type_of({"name": "Name"}), [{"Name": "x"}])


def test_a_column_that_is_not_text_stops_the_run() -> None:
    """Parsing writes strings; anything else means that a stage was written by other code."""
    part = frame([{"Name": "1"}], ["Name"]).with_columns(pl.col("Name").cast(pl.Int64))
    with pytest.raises((PermanentFailure, pl.exceptions.PolarsError)):
        PartJudge(type_of({"name": "Name"}), ["Name"], "UTC", Suggestions()).judge(part)


def test_a_cast_that_would_lose_a_proven_value_stops_the_run(monkeypatch: pytest.MonkeyPatch) -> None:
    """Were a rule weaker than its cast, a value would become null in silence: the trap of lax casts, turned around."""
    real: Callable[..., dict[str, ColumnJudge]] = column_judges

    def toothless(object_type: ObjectType, keys: list[str], timezone: str) -> dict[str, ColumnJudge]:
        return {key: replace(judge, rules=()) for key, judge in real(object_type, keys, timezone).items()}

    monkeypatch.setattr(judging, "column_judges", toothless)
    with pytest.raises(PermanentFailure, match="'x' passed every rule, but is no Float64"):
        judged(type_of({"name": "N", "type": "Number"}), [{"N": "x"}])


def test_trimming_takes_every_white_space_of_unicode_and_nothing_else() -> None:
    """The cheap look at the edges must never miss a blank; what is not white space (a BOM, a zero-width blank) stays."""
    blanks = [chr(c) for c in range(0x3100) if chr(c).isspace() and not 0x1C <= c <= 0x1F]
    assert len(blanks) == 25
    for blank in blanks:
        assert trimmed(pl.Series([f"{blank}a"])).to_list() == ["a"], repr(blank)
        assert trimmed(pl.Series([f"a b{blank}"])).to_list() == ["a b"], repr(blank)
        assert trimmed(pl.Series(["a", None, blank])).to_list() == ["a", None, None], repr(blank)
    kept = ["\ufeffa", "a\u200b", "é", "a\u00a0b"]
    assert trimmed(pl.Series(kept)).to_list() == kept


def test_only_so_many_distinct_values_get_a_suggestion(monkeypatch: pytest.MonkeyPatch) -> None:
    """A column mapped to the wrong field has a million different values; the likeness of each would cost minutes and help nobody."""
    asked: list[str] = []
    monkeypatch.setattr(suggestions, "DISTINCT", 3)
    judge = PartJudge(type_of({"name": "F", "type": "Number"}), ["F"], "UTC", Suggestions())
    real = judge.judges["F"]
    judge.judges["F"] = replace(real, mend=lambda value: asked.append(value) or real.mend(value))  # type: ignore[func-returns-value]
    texts = ["1,5", "2,5", "1,5", "3,5", "4,5", "2,5", "5,5"]
    first = judge.judge(frame([{"F": text} for text in texts], ["F"])).errors
    second = judge.judge(frame([{"F": "9,5"}, {"F": "3,5"}], ["F"])).errors
    assert first.get_column("suggestion").to_list() == ["1.5", "2.5", "1.5", "3.5", None, "2.5", None]
    assert second.get_column("suggestion").to_list() == [None, "3.5"]
    assert asked == ["1,5", "2,5", "3,5"]


def test_pandera_tells_check_column_value_and_row_of_each_failure() -> None:
    """What we read from failure_cases; a release of pandera that changes it must fail here and not in an import."""
    schema = pa.DataFrameSchema(
        {
            "a": pa.Column(
                pl.String,
                [
                    pa.Check(lambda data: data.lazyframe.select(pl.col(data.key) != "x"), name="first"),
                    pa.Check(lambda data: True, name="second"),
                    pa.Check(lambda data: data.lazyframe.select(pl.col(data.key).str.len_bytes() > 1), name="third"),
                ],
                nullable=True,
            )
        }
    )
    with pytest.raises(pa.errors.SchemaErrors) as caught:
        schema.validate(pl.DataFrame({"a": ["ok", None, "x", "yy", "x"]}), lazy=True)
    cases = caught.value.failure_cases.select("index", "column", "check_number", "check", "failure_case").rows()
    assert set(cases) == {(row, "a", number, name, "x") for row in (2, 4) for number, name in ((0, "first"), (2, "third"))}
