"""Sentences of row errors."""

import polars as pl
import pytest

from import_pipeline.model.row_error import CODES
from import_pipeline.reporting.messages import FORMULA_STARTS, guarded, line_sentence, row_sentence
from import_pipeline_tests.reporting.conftest import error_table, finding


def said(labels: dict[str, str] | None = None, **more: object) -> str:
    """The sentence of one finding on line 12."""
    return error_table(finding(12, **more)).select(line_sentence(labels)).item()  # type: ignore[arg-type, no-any-return]


def test_a_sentence_tells_place_value_expectation_and_the_nearest_value() -> None:
    """Acceptance B-8 and S-10: line, column, value and what was expected."""
    assert said() == ("line 12, Stage: 'Prospct' is not a configured stage; expected one of New, Prospect; did you mean 'Prospect'?")


def test_a_column_is_named_as_the_sender_wrote_it() -> None:
    """Who sent `Field Stage` looks for `Field Stage`."""
    assert said({"Stage": "Field Stage"}).startswith("line 12, Field Stage: ")


def test_what_is_not_known_is_not_said() -> None:
    """No «expected None», no empty quotes."""
    assert said(value=None, expected=None, suggestion=None) == "line 12, Stage: the value is not a configured stage"
    assert said(value="", expected="", suggestion="", code="required") == "line 12, Stage: a required value is missing"
    whole = said(column=None, code="field_count", value="a;b", expected="3 cells", suggestion=None)
    assert whole == "line 12: the row has more or fewer cells than the header: 'a;b'; expected 3 cells"


def test_a_sentence_is_one_line_and_of_readable_length() -> None:
    """It stands in one cell of a failed row: a line break in a value must not break the row."""
    told = said(value="a\r\nb\x00c" + "x" * 5000, expected="y" * 5000)
    assert "'a b c" in told and told.isprintable() and len(told) < 600


@pytest.mark.parametrize("code", sorted(CODES))
def test_every_code_has_a_sentence(code: str) -> None:
    """A code without words would be told as a bare key."""
    told = error_table(finding(1, code=code, expected=None, suggestion=None)).select(row_sentence()).item()
    assert told.startswith("Stage: ") and "'Prospct'" in told and "_" not in told and len(told) > len("Stage: 'Prospct'")


def test_a_code_that_is_not_known_here_is_told_as_it_is() -> None:
    """Errors of a stage that is newer than this one must not vanish."""
    assert said(code="brand_new", expected=None, suggestion=None) == "line 12, Stage: brand_new: 'Prospct'"


@pytest.mark.parametrize("start", FORMULA_STARTS)
def test_a_cell_that_a_spreadsheet_would_run_gets_an_apostrophe(start: str) -> None:
    """docs/security.md: =HYPERLINK(…) in a report is somebody else's code on our sender's desk."""
    texts = pl.DataFrame({"t": [f"{start}1+1", f"a{start}", "", None]})
    assert texts.select(t=guarded(pl.col("t")))["t"].to_list() == [f"'{start}1+1", f"a{start}", "", None]
