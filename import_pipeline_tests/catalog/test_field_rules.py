"""Mistakes in a field's date formats and patterns are told by `check`, not by the first file that meets them."""

import pytest
from pydantic import ValidationError

from import_pipeline.model.field import DATE_DIRECTIVES, FieldSpec
from import_pipeline.validation.moments import DIRECTIVES


@pytest.mark.parametrize(
    ("given", "told"),
    [
        ({"type": "Date", "formats": "%m/%d"}, "needs a day and a year"),
        ({"type": "Date", "formats": ["iso", "%Q%d%Y"]}, "holds '%Q'"),
        ({"pattern": "([0-9]"}, "no regular expression"),
        ({"pattern": "(?=x)y"}, "looks around or back"),
        ({"pattern": r"(a)\1"}, "looks around or back"),
    ],
)
def test_a_format_or_pattern_that_cannot_work_is_refused(given: dict[str, object], told: str) -> None:
    """The sentence names the value and what is known."""
    with pytest.raises(ValidationError, match=told):
        FieldSpec.model_validate({"name": "X", **given})


@pytest.mark.parametrize("name", ["*", "^x$", "check_output"])
def test_names_with_a_meaning_in_polars_or_pandera_are_refused(name: str) -> None:
    """They would select other columns."""
    with pytest.raises(ValidationError, match="cannot be named"):
        FieldSpec(name=name)


def test_every_directive_that_may_be_stated_is_understood() -> None:
    """One list for the YAML, one with their patterns."""
    assert set(DATE_DIRECTIVES) == set(DIRECTIVES)
