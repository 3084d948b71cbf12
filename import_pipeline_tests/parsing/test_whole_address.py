"""An address in one column comes apart from left to right, wherever a type has one (acceptance T-6)."""

import csv
import io
import tempfile
from pathlib import Path

import polars as pl
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from pydantic import ValidationError

from import_pipeline.model.format import Format
from import_pipeline.model.object_type import ObjectType
from import_pipeline.parsing.address import FULL_PARTS, split_full
from import_pipeline_tests.parsing.lab import Parsed, parse

OWN = {"Street": "Home Street", "City": "Home City", "State": "Home State", "Zip": "Home Zip", "Country": "Home Country"}
PLACE = {"Street": "Address Line", "City": "City", "State": "State", "Zip": "Zip", "Country": "Country"}
CASE = ObjectType.model_validate(
    {
        "name": "Case",
        "pin": True,
        "addresses": {"Home": OWN, "Place": PLACE},
        "fields": [{"name": "Name"}, *({"name": name} for name in OWN.values())],
    }
)
HOME = ("Home Street", "Home City", "Home State", "Home Zip", "Home Country")


def cases(folder: Path, header: tuple[str, ...], *rows: tuple[str, ...], format_: Format | None = None) -> Parsed:
    """One file of these cells."""
    text = io.StringIO(newline="")
    csv.writer(text).writerows([header, *rows])
    formats = {format_.name: format_} if format_ else {}
    return parse(folder, text.getvalue().encode(), object_type=CASE, formats=formats, format_=format_.name if format_ else None)


def test_the_columns_of_a_whole_address_become_its_parts(tmp_path: Path) -> None:
    """The place of the record is split further into house number and street; a row without address has none."""
    got = cases(tmp_path, ("Name", "Home", "Place"), ("a", ",,CO,80202", "12 Elm St,Denver"), ("b", "", ""))
    assert got.cells(*HOME) == [(2, None, None, "CO", "80202", None), (3, None, None, None, None, None)]
    assert got.cells("House Number", "Street", "City", "State") == [(2, "12", "Elm St", "Denver", None), (3, None, None, None, None)]
    assert not {"Home", "Place", "Address Line"} & set(got.rows.columns)


def test_a_part_that_has_a_column_of_its_own_stays(tmp_path: Path) -> None:
    """What is blank there comes from the whole; a default is a cell like any other."""
    got = cases(tmp_path, ("Home City", "Home"), ("Rome", "1 Elm,Denver,CO"), (" ", "1 Elm,Denver,CO"))
    assert got.cells("Home Street", "Home City", "Home State") == [(2, "1 Elm", "Rome", "CO"), (3, "1 Elm", "Denver", "CO")]
    default = Format(name="f", object_type="Case", defaults={"Home": ",,NY,10001"})
    filled = cases(tmp_path, ("Name", "Home City"), ("a", "Albany"), format_=default)
    assert filled.cells(*HOME) == [(2, None, "Albany", "NY", "10001", None)]


def test_a_whole_address_cannot_be_fixed(tmp_path: Path) -> None:
    """A row's own part could say something else, and nobody would see it."""
    fixed = Format(name="f", object_type="Case", fixed={"Home": ",,NY"})
    fault = cases(tmp_path, ("Name",), ("a",), format_=fixed).file.fault
    assert fault is not None and (fault.code, fault.value) == ("bad_format", "Home")


def test_no_later_stage_and_no_template_has_the_whole(tmp_path: Path) -> None:
    """It is a way of writing, not a value."""
    assert {"Home", "Place", "Address Line"} == CASE.split and not CASE.split & set(CASE.template_header)
    assert cases(tmp_path, ("Name",), ("a",)).rows.columns[-1:] == ["Name"]


@pytest.mark.parametrize(
    ("addresses", "words"),
    [({"Home": {"City": "Town"}}, "no column"), ({"Name": {"City": "City"}}, "exists twice"), ({"Home": {"Stret": "City"}}, "Street")],
)
def test_an_address_needs_columns_to_go_to(addresses: dict[str, dict[str, str]], words: str) -> None:
    """Told when the account is read."""
    with pytest.raises(ValidationError, match=words):
        ObjectType.model_validate({"name": "Case", "pin": True, "addresses": addresses, "fields": [{"name": "Name"}]})


def test_the_guide_shows_what_becomes_of_an_address() -> None:
    """docs/guides/cases.md is what senders read."""
    guide = (Path(__file__).parents[2] / "docs" / "guides" / "cases.md").read_text()
    table = guide.split("| cell | street | city | state | zip | country |\n|---|---|---|---|---|---|\n")[1].split("\n\n")[0]
    shown = [[cell.strip() for cell in line.strip("|").split("|")] for line in table.splitlines()]
    frame = split_full(pl.DataFrame({"Home": [row[0].strip("`") for row in shown]}), CASE)
    assert frame.select(HOME).rows() == [tuple(cell or None for cell in row[1:]) for row in shown] and len(shown) == 5


words = st.text(st.characters(codec="utf-8", exclude_categories=["Cc", "Cs", "Zl", "Zp"]), max_size=12).map(str.strip)
parts = st.lists(words, min_size=5, max_size=5)


@settings(max_examples=60)
@given(parts, st.integers(1, 5), st.booleans())
def test_whatever_is_joined_by_the_rule_comes_apart_again(given_parts: list[str], many: int, spaced: bool) -> None:
    """Quotes keep commas and quotes together; parts at the end may be missing; blanks around a part do not count."""
    told = given_parts[:many]
    quoted = ['"' + part.replace('"', '""') + '"' if "," in part or '"' in part else part for part in told]
    text = (" , " if spaced else ",").join(quoted)
    frame = split_full(pl.DataFrame({"Home": [text]}, schema={"Home": pl.String}), CASE)
    assert frame.select(HOME).row(0) == tuple((told + [""] * 5)[i].strip() or None for i in range(5))
    assert len(FULL_PARTS) == len(HOME)


@settings(max_examples=40)
@given(st.lists(st.text(st.sampled_from('a1 ,"'), max_size=14), min_size=1, max_size=6))
def test_no_letter_of_any_text_is_lost(texts: list[str]) -> None:
    """Also where quotes follow no rule: every part is somewhere, and rows do not change places."""
    with tempfile.TemporaryDirectory() as folder:
        got = cases(Path(folder), ("Name", "Home"), *((f"n{number}", text) for number, text in enumerate(texts)))
    for number, row in enumerate(got.cells("Name", *HOME)):
        kept = "".join(part or "" for part in row[2:])
        assert row[1] == f"n{number}" and [c for c in kept if c.isalnum()] == [c for c in texts[number] if c.isalnum()]
