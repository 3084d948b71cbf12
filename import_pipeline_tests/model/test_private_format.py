"""Formats of single imports have the name of what they say (acceptance T-8, B-5)."""

from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.format import Format
from import_pipeline.model.private_format import is_private, mapping_of, private_name

BASE = Format(name="draft", object_type="Case", columns={"A": "Name", "B": None}, fixed={"City": "Denver"}, on_error="skip")


def test_the_same_mapping_has_the_same_name_whatever_else_is_called_differently() -> None:
    """Order, title and name say nothing about the rows."""
    other = BASE.model_copy(update={"name": "x", "title": "y", "columns": {"B": None, "A": "Name"}})
    assert private_name(other) == private_name(BASE) and is_private(private_name(BASE)) and not is_private("desk-weekly")


def test_what_bad_rows_do_is_in_the_name_and_not_in_the_mapping() -> None:
    """A retry must know it; «imported already» must not depend on it."""
    halts = private_name(BASE.model_copy(update={"on_error": "halt"}))
    assert halts != private_name(BASE) and mapping_of(halts) == mapping_of(private_name(BASE))
    assert (mapping_of("weekly"), mapping_of("weekly-halt"), mapping_of(None)) == ("weekly", "weekly-halt", "")


@settings(max_examples=60)
@given(
    *[st.dictionaries(st.sampled_from("ABC"), st.sampled_from(["Name", "City", None]), max_size=3)] * 2, *[st.sampled_from(["", "x"])] * 2
)
def test_another_mapping_has_another_name(one: dict[str, str | None], other: dict[str, str | None], first: str, second: str) -> None:
    """Else bytes that were imported one way would count as imported the other way."""
    made = [BASE.model_copy(update={"columns": c, "defaults": {"Zip": d} if d else {}}) for c, d in ((one, first), (other, second))]
    assert (private_name(made[0]) == private_name(made[1])) is ((one, first) == (other, second))
