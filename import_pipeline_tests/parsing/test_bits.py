"""Bit arithmetic over blocks of text, against the same said flag by flag."""

import numpy as np
from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.parsing import bits
from import_pipeline.parsing.csv_fast import _may_be_scientific


@given(st.lists(st.booleans(), max_size=300))
def test_places_make_the_same_words_as_flags(flags: list[bool]) -> None:
    """Marks of line starts and ends are set one by one, those of characters are packed: both must mean the same bytes."""
    places = np.flatnonzero(np.array([*flags, False])).astype(np.int64)
    assert bits.of_places(len(flags), places).tolist() == bits.pack(np.array([*flags, False]))[: len(flags) // 64 + 1].tolist()
    assert bits.places(bits.of_places(len(flags), places)).tolist() == places.tolist()


@given(st.text("E+ 1", max_size=40))
def test_an_exponent_is_seen_at_even_and_odd_places(text: str) -> None:
    """A number such as 1E+15 is a damaged id wherever in a block it stands."""
    assert _may_be_scientific(text.encode()) == ("E+" in text)
