"""Rules on rows while they are text: e-mail keys, spellings, what a format requires and accepts (acceptance E-5, E-7, E-9)."""

import tempfile
from pathlib import Path

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline_tests.parsing.lab import Parsed, parse

PERSON = ObjectType.model_validate(
    {
        "name": "Person",
        "external_id": "Mail",
        "email_key": True,
        "fields": [
            {"name": "Name"},
            {"name": "Answer", "type": "SingleChoice", "choices": ["Y", "N", "P"], "spellings": {"yes": "Y"}},
            {"name": "Page", "type": "SingleChoice", "choices": ["P"], "participation": {"campaign": "1", "type": "PET", "live": False}},
        ],
    }
)
GIFT = ObjectType.model_validate(
    {
        "name": "Gift",
        "external_id": "Ref",
        "parent": {"type": "Person", "column": "Who", "required": True},
        "first_of": {"Who": ["Id", "Mail"]},
        "fields": [{"name": "Id"}, {"name": "Mail"}, {"name": "Campaign"}, {"name": "Note"}],
    }
)
ANSWERS = Format.model_validate({"name": "f", "object_type": "Person", "accepts": {"Answer": ["Y", "N"]}, "required": ["Name"]})
ONE = Format.model_validate({"name": "f", "object_type": "Gift", "one_value": ["Campaign"]})


def persons(folder: Path, text: str, format_: Format | None = None) -> Parsed:
    """One file of persons."""
    formats = {format_.name: format_} if format_ else {}
    return parse(folder, text.encode(), object_type=PERSON, formats=formats, format_=format_.name if format_ else None)


def test_a_row_without_an_address_gets_one_of_its_own_that_is_the_same_again(tmp_path: Path) -> None:
    """Made of the file's bytes and the line; one with a record id needs none."""
    text = "RecordID,Mail,Name\n,,Ann\n, Bob@Example.ORG ,Bob\nr1,,Cid\n,,Dee\n"
    first = persons(tmp_path, text).cells("Mail")
    made = [f"offline-{'0' * 16}-{line}@dummy.invalid" for line in (2, 5)]
    assert first == [(2, made[0]), (3, "bob@example.org"), (4, ""), (5, made[1])] == persons(tmp_path, text).cells("Mail")


def test_a_header_without_the_address_is_refused(tmp_path: Path) -> None:
    """The column is required, its cells are not."""
    fault = persons(tmp_path, "Name\nAnn\n").file.fault
    assert fault is not None and (fault.code, fault.column) == ("header_mismatch", "Mail")


def test_a_format_requires_and_narrows_values_and_other_spellings_count_as_theirs(tmp_path: Path) -> None:
    """A refused row is told once for its first fault, with line, column and value; the rows beside it come in."""
    text = "Mail,Name,Answer\na@x.org,Ann,yes\nb@x.org,Bob,P\nc@x.org, ,Y\nd@x.org,Dee,\ne@x.org,Eve,y\nf@x.org,,P\n"
    got = persons(tmp_path, text, ANSWERS)
    assert got.cells("Name", "Answer") == [(2, "Ann", "Y"), (5, "Dee", "")]
    told = {(line, column, code) for _, line, column, code in got.told()}
    assert told == {(3, "Answer", "unknown_choice"), (4, "Name", "required"), (6, "Answer", "unknown_choice"), (7, "Name", "required")}
    assert (got.file.rows, got.file.read, got.file.refused) == (6, 2, 4)
    assert persons(tmp_path, text).cells("Answer")[1] == (3, "P")


def test_a_closed_page_takes_nothing_with_or_without_a_format(tmp_path: Path) -> None:
    """It is the page that is closed, not the format."""
    got = persons(tmp_path, "Mail,Page\na@x.org,P\nb@x.org,\n")
    assert {(line, column) for _, line, column, _ in got.told()} == {(2, "Page")} and got.file.read == 1


def test_the_parent_is_named_by_the_first_column_that_is_not_blank(tmp_path: Path) -> None:
    """In lower case, as keys and record ids are."""
    text = "Id,Mail,Note\nA1,b@x.org,1\n ,B@X.org,2\n,,3\n"
    assert parse(tmp_path, text.encode(), object_type=GIFT).cells("Who") == [(2, "a1"), (3, "b@x.org"), (4, None)]
    assert parse(tmp_path, b"Mail\nB@x.org\n", object_type=GIFT).cells("Who") == [(2, "b@x.org")]


def test_a_second_value_refuses_the_file_with_its_line(tmp_path: Path) -> None:
    """Also one that comes many batches later; blank cells are no value."""
    rows = "1,x\n,x\n" * 40_000
    got = parse(tmp_path, f"Campaign,Note\n{rows}2,x\n".encode(), object_type=GIFT, formats={"f": ONE}, format_="f")
    fault = got.file.fault
    assert fault is not None
    assert (fault.code, fault.line, fault.value, fault.expected) == ("several_values", 80_002, "2", "1") and got.rows.is_empty()
    assert parse(tmp_path, f"Campaign,Note\n{rows}".encode(), object_type=GIFT, formats={"f": ONE}, format_="f").file.read == 80_000


CELLS = st.sampled_from(("Y", "N", "P", "yes", "", " ", "y", "D"))


@settings(max_examples=40, deadline=None)
@given(st.lists(st.tuples(CELLS, st.sampled_from(("Ann", "", " "))), min_size=1, max_size=12))
def test_every_row_comes_in_or_is_told_and_never_both(cells: list[tuple[str, str]]) -> None:
    """Against the rules row by row."""
    text = "Mail,Answer,Name\n" + "".join(f"p{n}@x.org,{answer},{name}\n" for n, (answer, name) in enumerate(cells))
    with tempfile.TemporaryDirectory() as folder:
        got = persons(Path(folder), text, ANSWERS)
    good = [n for n, (answer, name) in enumerate(cells, 2) if name.strip() and answer.strip() in ("Y", "N", "yes", "")]
    assert [line for line, _ in got.cells("Mail")] == good
    assert {line for _, line, _, _ in got.told()} == set(range(2, len(cells) + 2)) - set(good)


@pytest.mark.parametrize(
    ("stated", "told"),
    [
        ({"first_of": {"Note": ["Id"]}}, "first_of fills Ref or Who, not 'Note'"),
        ({"first_of": {"Who": ["Idd"]}}, "first_of names 'Idd', which is no field"),
        ({"fields": [{"name": "Id", "spellings": {"a": "b"}}]}, "which is no choice"),
        ({"fields": [{"name": "Id", "participation": {"campaign": "1", "type": "PET"}}]}, "with the one choice P"),
        (
            {"fields": [{"name": "Id", "type": "SingleChoice", "choices": ["P"], "participation": {"campaign": "x", "type": "PET"}}]},
            "pattern",
        ),
        (
            {"fields": [{"name": "Id", "type": "SingleChoice", "choices": ["P"], "participation": {"campaign": "1", "type": "PTE"}}]},
            "'PET'",
        ),
    ],
)
def test_what_cannot_be_meant_is_refused_with_what_would_be_right(stated: dict[str, object], told: str) -> None:
    """When the account is read, not when a file comes."""
    with pytest.raises(ValueError, match="validation error") as refused:
        ObjectType.model_validate(GIFT.model_dump(exclude={"compose"}) | stated)
    assert told in str(refused.value)
