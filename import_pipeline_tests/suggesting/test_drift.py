"""Header drift in words: new, gone, renamed and reordered columns."""

import re
from collections.abc import Sequence

from hypothesis import given
from hypothesis import strategies as st

from import_pipeline.model.row_error import CODES, Notice
from import_pipeline.suggesting.drift import MOST_TOLD, drift

HEADER = ("ID", "Name", "Phone", "Zip")
KEYS = ("ExternalId", "Name", "Phone", "Zip")
CELLS = st.lists(st.tuples(st.text(max_size=5), st.sampled_from([None, "Name", "Phone"])), max_size=8)


def told(notices: Sequence[Notice]) -> set[tuple[str, str | None]]:
    """Codes and columns."""
    return {(notice.code, notice.column) for notice in notices}


def test_the_same_header_says_nothing() -> None:
    """A notice that always comes is read by nobody."""
    assert drift(HEADER, HEADER, KEYS, KEYS) == ()


def test_a_new_and_a_missing_column_are_named_with_what_they_mean_for_the_import() -> None:
    """The sender has to know whether a field is filled no more."""
    found = drift(HEADER, ("ID", "Name", "Zip", "Favourite Colour"), KEYS, ("ExternalId", "Name", "Zip", None), line=1)
    assert told(found) == {("column_gone", "Phone"), ("column_new", "Favourite Colour")}
    words = " ".join(notice.message for notice in found)
    assert "'Phone' is not filled by this file" in words and "it is not imported" in words
    assert {notice.line for notice in found} == {1}


def test_another_name_of_the_same_column_is_a_rename_for_certain() -> None:
    """Both mean Phone, so nothing is lost."""
    (found,) = drift(HEADER, ("ID", "Name", "Telephone", "Zip"), KEYS, KEYS)
    assert found.code == "column_renamed" and "'Phone'" in found.message and "both mean 'Phone'" in found.message


def test_a_likely_rename_is_told_with_its_confidence_and_with_what_is_lost() -> None:
    """A typing slip in the sender's export silently stops a field from being filled."""
    (found,) = drift(HEADER, ("ID", "Name", "Phome", "Zip"), KEYS, ("ExternalId", "Name", None, "Zip"))
    assert (found.code, found.column) == ("column_renamed", "Phome")
    assert "%" in found.message and "'Phome' is not imported" in found.message


def test_two_columns_that_mean_different_things_are_never_one_renamed() -> None:
    """Names in the same place may be alike and mean two fields."""
    found = drift(("Phone 1",), ("Phone 2",), ("Phone",), ("Mobile",))
    assert told(found) == {("column_gone", "Phone 1"), ("column_new", "Phone 2")}


def test_another_order_is_one_notice() -> None:
    """Columns are found by their names; a sender with an exact format should still know."""
    (found,) = drift(HEADER, ("Name", "ID", "Phone", "Zip"), KEYS, ("Name", "ExternalId", "Phone", "Zip"))
    assert found.code == "columns_reordered"


def test_keys_of_json_lines_have_no_order_and_may_be_missing() -> None:
    """An object without a value leaves the key out."""
    assert drift(HEADER, ("Zip", "Name", "ID"), KEYS, ("Zip", "Name", "ExternalId"), ordered=False) == ()
    assert told(drift(HEADER, (*HEADER, "Colour"), KEYS, (*KEYS, None), ordered=False)) == {("column_new", "Colour")}


def test_of_many_changes_one_notice_names_the_first_and_counts_the_rest() -> None:
    """A receipt of a thousand notices helps nobody, and an update file leaves most columns out."""
    cells = tuple(f"{chr(0x4E00 + 37 * n)}{n}" for n in range(50))
    (found,) = drift((), cells, (), (None,) * 50)
    assert found.message.startswith("50 columns are new since the file before: ") and found.message.endswith(" and 40 more")
    assert repr(cells[0]) in found.message
    assert len(drift((), cells[:MOST_TOLD], (), (None,) * MOST_TOLD)) == MOST_TOLD


@given(CELLS, CELLS)
def test_every_cell_too_many_or_too_few_is_told_once_and_in_known_codes(
    before: list[tuple[str, str | None]], after: list[tuple[str, str | None]]
) -> None:
    """Renamed, new and gone cells together account for the whole difference."""
    old, new = [cell for cell, _ in before], [cell for cell, _ in after]
    found = drift(old, new, [key for _, key in before], [key for _, key in after])
    codes = [notice.code for notice in found]
    assert set(codes) <= set(CODES)
    was, now = [c.strip() for c in old], [c.strip() for c in new]
    plus = sum(max(now.count(c) - was.count(c), 0) for c in set(now))
    minus = sum(max(was.count(c) - now.count(c), 0) for c in set(was))
    assert _number(found, "column_renamed") + _number(found, "column_new") == plus
    assert _number(found, "column_renamed") + _number(found, "column_gone") == minus


def _number(found: Sequence[Notice], code: str) -> int:
    """How many columns the notices of this code tell about."""
    messages = [notice.message for notice in found if notice.code == code]
    return sum(int(several[1]) if (several := re.match(r"(\d+) columns are ", text)) else 1 for text in messages)
