"""What holds for every suggestion: one cell per column, certain names, no dependence on the order of rows, the past and its weight."""

import random

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.mapping import AcceptedMapping
from import_pipeline.model.object_type import ObjectType
from import_pipeline.suggesting.mapping import THRESHOLD, SuggestedMapping, suggest
from import_pipeline_tests.suggesting.test_labelled import ACCOUNTS

CONTACT = ACCOUNTS["field_sales"].object_type("Contact")
TYPES = [t for account in ACCOUNTS.values() for t in account.object_types]
WORDS = ("Email", "E-Mail", "mail", "Phone", "Tel 1", "Tel 2", "Mobile", "Name", "Full name", "x", "Column 3", "Zip", "PLZ", "Owner", "dob")
VALUES = ("a@b.example", "ana.silva@acme.example", "(302) 555-0121", "1982-05-23", "12", "Call", "New", "Ann Lee", "", "Y", "Solar;Roof")


def frame(columns: list[list[str]]) -> pl.DataFrame:
    """Columns of values as the sampler gives them; shorter ones are blank at their ends."""
    rows = max((len(column) for column in columns), default=0)
    schema = {str(at): pl.String() for at in range(len(columns))}
    return pl.DataFrame({str(at): [*column, *[None] * (rows - len(column))] for at, column in enumerate(columns)}, schema=schema)


def keys(found: SuggestedMapping) -> dict[str, str | None]:
    """Header cell to column."""
    return {one.header: one.key for one in found.suggestions}


@settings(max_examples=40, deadline=None)
@given(
    st.lists(st.tuples(st.sampled_from(WORDS) | st.text(max_size=12), st.lists(st.sampled_from(VALUES), max_size=6)), max_size=7),
    st.sampled_from(TYPES),
)
def test_no_column_is_filled_by_two_cells(columns: list[tuple[str, list[str]]], object_type: ObjectType) -> None:
    """Such a format would refuse every file it was made for."""
    header = [cell for cell, _ in columns]
    found = suggest(header, frame([values for _, values in columns]), object_type)
    filled = [key for key in found.keys if key]
    assert len(filled) == len(set(filled))
    assert [one.header for one in found.suggestions] == header
    assert all(0 <= one.confidence <= 1 and one.reason for one in found.suggestions)
    assert all(one.confidence >= THRESHOLD for one in found.suggestions if one.key)


@settings(max_examples=30, deadline=None)
@given(st.sampled_from(TYPES), st.lists(st.lists(st.sampled_from(VALUES) | st.text(max_size=8), min_size=3, max_size=3), max_size=5))
def test_the_templates_own_names_are_certain_whatever_the_values(object_type: ObjectType, rows: list[list[str]]) -> None:
    """The importer takes these names as they are; a suggestion that knew better would change what works."""
    header = object_type.template_header
    values = frame([[row[at % 3] for row in rows] for at in range(len(header))])
    found = suggest(header, values, object_type, history=[AcceptedMapping(cell, None, 9) for cell in header])
    assert found.keys == header
    assert {one.confidence for one in found.suggestions} == {1.0}


@settings(max_examples=25, deadline=None)
@given(st.lists(st.tuples(*[st.sampled_from(VALUES)] * 4), min_size=2, max_size=12), st.randoms(use_true_random=False))
def test_the_order_of_rows_makes_no_difference(rows: list[tuple[str, ...]], chance: random.Random) -> None:
    """The same export sorted another way must not be imported another way."""
    header = ("Column 1", "tel", "Kontaktweg", "Wann geboren")
    shuffled = list(rows)
    chance.shuffle(shuffled)
    first, second = (suggest(header, frame([[row[at] for row in order] for at in range(4)]), CONTACT) for order in (rows, shuffled))
    assert first == second


def test_a_nameless_column_is_told_by_its_values() -> None:
    """Headers such as `Column 1` come from tools that lost the names."""
    found = suggest(
        ("Column 1", "Column 2", "Column 3"), frame([["a@b.example"] * 5, ["New", "Contacted", "Lost", "New"], ["7"] * 5]), CONTACT
    )
    assert keys(found) == {"Column 1": "Email", "Column 2": "Stage", "Column 3": None}


def test_values_that_do_not_fit_outweigh_a_name_that_only_means_the_same() -> None:
    """A column `E-Mail-Adresse` of yes and no holds a consent, not an address."""
    good = suggest(("E-Mail-Adresse",), frame([["a@b.example", "c@d.example", "e@f.example"]]), CONTACT)
    bad = suggest(("E-Mail-Adresse",), frame([["Y", "N", "Y", "Y"]]), CONTACT)
    assert good.keys == ("Email",) and bad.keys == (None,)
    assert "'Email'" in bad.suggestions[0].reason and "none of the values are e-mail addresses" in bad.suggestions[0].reason


def test_two_cells_that_fit_a_column_equally_are_left_to_the_user() -> None:
    """Nobody can tell which of two phone numbers is the one to keep."""
    found = suggest(("Work phone", "Home phone"), frame([["(302) 555-0121"] * 4, ["(302) 555-0122"] * 4]), CONTACT)
    assert found.keys == (None, None)
    assert all("several columns of the file could be 'Phone'" in one.reason for one in found.suggestions)


def test_a_cell_that_stands_twice_is_not_imported() -> None:
    """A format maps names, so it could not tell the two apart."""
    found = suggest(("Phone", "Phone ", "Name"), frame([["1"], ["2"], ["Ann"]]), CONTACT)
    assert keys(found) == {"Phone": None, "Phone ": None, "Name": "Name"}


def test_of_two_known_names_of_one_column_its_own_name_wins() -> None:
    """`Mail` is a synonym of Email; both in one file would be refused."""
    found = suggest(("Mail", "Email"), frame([["a@b.example"], ["c@d.example"]]), CONTACT)
    assert keys(found) == {"Mail": None, "Email": "Email"}
    assert "'Email' already fills" in found.suggestions[0].reason


@pytest.mark.parametrize("cell", ["Visit Count", "Created At", "_import_errors"])
def test_what_the_system_makes_is_never_imported(cell: str) -> None:
    """These columns come from exports and failed-rows files."""
    (found,) = suggest((cell,), frame([["3"]]), CONTACT).suggestions
    assert (found.key, found.confidence) == (None, 1.0)


def test_a_mapping_accepted_before_decides_where_names_and_values_do_not() -> None:
    """What a person has mapped once need not be mapped again."""
    values = frame([["alpha", "beta", "gamma"]])
    assert suggest(("Kostenstelle",), values, CONTACT).keys == (None,)
    (found,) = suggest(("Kostenstelle",), values, CONTACT, history=[AcceptedMapping("KOSTENSTELLE ", "Job Title", 3)]).suggestions
    assert found.key == "Job Title" and found.confidence >= 0.7
    assert "imported as 'Job Title' 3 times before" in found.reason


def test_what_was_left_out_on_purpose_is_left_out_again() -> None:
    """A format with null is an answer, too."""
    values = frame([["a@b.example", "c@d.example"]])
    assert suggest(("Courriel",), values, CONTACT).keys == ("Email",)
    assert suggest(("Courriel",), values, CONTACT, history=[AcceptedMapping("Courriel", None, 2)]).keys == (None,)


def test_every_guess_names_its_best_candidate_and_shows_values() -> None:
    """People decide by looking; what is unclear has to say what it might be."""
    (found,) = suggest(("Position im Haus und Hof",), frame([["Buyer", "Owner", "Buyer"]]), CONTACT).suggestions
    assert found.samples == ("Buyer", "Owner")
    assert found.key == "Job Title" or "'Job Title'" in found.reason
