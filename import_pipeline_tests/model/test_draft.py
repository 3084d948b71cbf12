"""What somebody chose for an import: the format that it makes and what is wrong with it (acceptance T-1, T-4, T-5, T-7)."""

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.account import Account
from import_pipeline.model.draft import (
    DraftBody,
    DraftFile,
    default_columns,
    format_of,
    map_targets,
    problems,
    with_file,
    with_format,
)
from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType

CASE = ObjectType.model_validate(
    {
        "name": "Case",
        "external_id": "Number",
        "addresses": {"Whole": {"City": "City", "Zip": "Zip"}},
        "one_value": ["Client"],
        "fields": [
            {"name": "Client", "type": "SingleChoice", "choices": ["A", "B"], "required": True},
            {"name": "Name", "required": True},
            {"name": "City", "required": True},
            {"name": "Zip"},
            {"name": "Sum", "type": "Number", "computed": True},
            {"name": "More", "type": "Map"},
        ],
    }
)
SAVED = Format(name="saved", object_type="Case", columns={"Who": "Name"}, fixed={"Client": "A"}, required=("Zip",), title="T")
ACCOUNT = Account(name="acme", object_types=(CASE,), formats=(SAVED,))


def file(*header: str) -> DraftFile:
    """A file with this header."""
    return DraftFile(name="a.csv", kind="csv", header=header, size=10)


def body(**said: object) -> DraftBody:
    """Sound choices, or others."""
    good = {"file": file("Who", "Where"), "columns": {"Who": "Name", "Where": "Whole"}, "fixed": {"Client": "A"}}
    return DraftBody.model_validate(good | said)


def test_what_may_have_a_default_begins_with_what_cannot_be_overridden() -> None:
    """Then what is required. Ids are each row's own, computed columns are the import's."""
    found = [(one.column.key, one.fixed) for one in default_columns(CASE)]
    assert found == [("Client", True), ("Name", False), ("City", False), ("Whole", False), ("Zip", False)]
    assert {column.key for column in map_targets(CASE)} == {"RecordID", "Number", "Client", "Name", "City", "Whole", "Zip"}


def test_sound_choices_have_no_problem_and_make_a_format() -> None:
    """Every header cell is stated; a required part of an address comes with the whole."""
    assert problems(body(), CASE) == []
    made = format_of(body(defaults={"Zip": "1", "Name": " "}, on_error="halt"), ACCOUNT, CASE, "mine")
    assert (made.name, made.columns, made.fixed, made.defaults, made.on_error) == (
        "mine",
        {"Who": "Name", "Where": "Whole"},
        {"Client": "A"},
        {"Zip": "1"},
        "halt",
    )
    assert made.missing(CASE.columns) == ()


@pytest.mark.parametrize(
    ("said", "place", "words"),
    [
        ({"file": None}, "file", "choose a file"),
        ({"file": file("Who", "Who ")}, "file", "twice"),
        ({"file": file("Who", " ")}, "file", "column 2 of the file has no name"),
        ({"columns": {"Who": "Nam", "Where": "Whole"}}, "columns/Who", "Did you mean 'Name'"),
        ({"columns": {"Who": "Name", "Where": "Name"}}, "columns/Where", "'Who' is mapped to Name already"),
        ({"columns": {"Who": "Name", "Where": "Client"}}, "columns/Where", "Client is 'A' for the whole import"),
        ({"columns": {"Who": "Sum", "Where": "Whole"}}, "columns/Who", "no field 'Sum'"),
        ({"columns": {}}, "columns", "map at least one column"),
        ({"columns": {"Who": "Name"}}, "required/City", "City is required"),
        ({"fixed": {}}, "required/Client", "Client is required"),
        ({"fixed": {"Client": " "}}, "required/Client", "Client is required"),
        ({"defaults": {"Number": "1"}}, "defaults/Number", "each row has its own"),
        ({"defaults": {"Citty": "1"}}, "defaults/Citty", "Did you mean 'City'"),
        ({"defaults": {"Client": "B"}}, "defaults/Client", "fixed as 'A'"),
        ({"fixed": {"Client": "A", "Whole": ",Rome"}}, "fixed/Whole", "no fixed value"),
    ],
)
def test_each_problem_has_its_place_and_says_what_would_be_right(said: dict[str, object], place: str, words: str) -> None:
    """The page shows it where it can be mended."""
    assert [one.message for one in problems(body(**said), CASE) if one.place == place and words in one.message]


def test_rows_that_name_their_record_need_no_required_field() -> None:
    """They change what is there."""
    assert problems(body(columns={"Who": "RecordID", "Where": "Zip"}, fixed={}), CASE) == []


def test_a_default_of_a_one_value_column_is_fixed_wherever_it_stands() -> None:
    """T-5: it cannot be overridden by a column."""
    said = body(fixed={}, defaults={"Client": "A"}, columns={"Who": "Client", "Where": "Whole"})
    assert format_of(said, ACCOUNT, CASE).fixed == {"Client": "A"}
    assert [one.place for one in problems(said, CASE)] == ["columns/Who", "required/Name"]


def test_another_file_keeps_what_was_chosen_for_its_cells() -> None:
    """T-7; other cells get the suggestion, unless its field is taken. Cells that are not there any more are forgotten."""
    before = body(columns={"Who": "Name", "Where": None, "Gone": "Zip"})
    after = with_file(
        before, file("who", "Where", "PLZ", "Name2", "Klient", "More.a"), {"PLZ": "Zip", "Name2": "Name", "Klient": "Client"}, CASE
    )
    assert after.columns == {"who": "Name", "Where": None, "PLZ": "Zip", "Name2": None, "Klient": None, "More.a": "More.a"}
    assert problems(after, CASE)[0].place == "required/City"
    assert format_of(after, ACCOUNT, CASE).columns == {"who": "Name", "Where": None, "PLZ": "Zip", "Name2": None, "Klient": None}


def test_a_draft_that_begins_with_a_format_keeps_what_the_draft_does_not_say() -> None:
    """What the format requires of cells holds; its title, prefixes and exact header do not. Reason columns are no part of a header."""
    made = format_of(with_format(DraftBody(file=file("Who", "_import_job")), SAVED), ACCOUNT, CASE)
    assert (made.columns, made.fixed, made.required, made.title) == ({"Who": "Name"}, {"Client": "A"}, ("Zip",), "")


cells = st.sampled_from(["a", "A", "a ", "b", "B_", "c", ""])
keys = st.sampled_from([None, "Name", "City", "Client", "Zip", "Whole", "nonsense"])


@settings(max_examples=60)
@given(st.lists(cells, max_size=4), st.dictionaries(cells, keys, max_size=4), st.dictionaries(cells, keys, max_size=4), st.booleans())
def test_choices_without_a_problem_make_a_format_that_the_type_can_read(
    header: list[str], chosen: dict[str, str | None], suggested: dict[str, str | None], fixed: bool
) -> None:
    """Whatever was clicked: no field twice, none unknown, every required one given. And a file never gives one field to two cells."""
    said = with_file(DraftBody(columns=chosen, fixed={"Client": "A"} if fixed else {}), file(*header), suggested, CASE)
    taken = [key for cell in header if cell.strip() not in {c.strip() for c in chosen} and (key := said.columns[cell])]
    assert len(set(header)) < len(header) or len(set(taken)) == len(taken)
    if problems(said, CASE):
        return
    made = format_of(said, ACCOUNT, CASE)
    mapped = made.map_header(tuple(header), CASE)
    assert made.missing(CASE.columns) == () and mapped.duplicates == () and mapped.unknown == ()
    assert {"Client", "Name"} <= {*mapped.keys, *made.fixed} and {"City", "Whole"} & set(mapped.keys)
