"""Names of formats with values of their own."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.failures import PermanentFailure
from import_pipeline.model.account import Account
from import_pipeline.model.format import Format
from import_pipeline.model.format_values import LONGEST, split_name, with_values

NAMES = st.text(st.characters(exclude_characters="{", exclude_categories=["Cs"]), min_size=1, max_size=20)
VALUES = st.dictionaries(st.text(max_size=10), st.text(st.characters(exclude_categories=["Cs"]), max_size=10), max_size=4)


@settings(max_examples=60)
@given(name=NAMES, values=VALUES)
def test_a_name_gives_back_what_was_put_in_or_is_refused_as_too_long(name: str, values: dict[str, str]) -> None:
    """And the order of the values does not count."""
    try:
        made = with_values(name, values)
    except PermanentFailure:
        return
    assert split_name(made) == (name, values) and len(made) <= max(LONGEST, len(name))
    assert with_values(name, dict(reversed(values.items()))) == made


@pytest.mark.parametrize("name", ["users", "users {", "users {}x", "users {nonsense}", 'users {"a":1}', 'users {"a":{}}', "{}"])
def test_a_name_that_holds_no_values_is_only_a_name(name: str) -> None:
    """Formats are named by people."""
    assert split_name(name) == (name, {})


def test_the_account_knows_the_format_with_its_values() -> None:
    """They come in front of the format's own defaults."""
    account = Account(name="acme", formats=(Format(name="users", object_type="User", defaults={"a": "1", "b": "2"}),))
    found = account.format(with_values("users", {"a": "3"}))
    assert (found.name, found.defaults) == ('users {"a":"3"}', {"a": "3", "b": "2"}) and account.format("users").defaults["a"] == "1"
