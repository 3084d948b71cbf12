"""Addresses in one cell come apart in the same way everywhere.

Belongs here: splitting. Does not belong here: what later stages do with the parts.
"""

import polars as pl
import pytest

from import_pipeline.parsing.address import FULL_PARTS, split_full_address, split_line


@pytest.mark.parametrize(
    ("line", "house", "street"),
    [
        ("123 Main St", "123", "Main St"),
        (" 12B  Elm Street ", "12B", "Elm Street"),
        ("12-14 Oak", "12-14", "Oak"),
        ("12 1/2 Oak Ave", "12 1/2", "Oak Ave"),
        ("7, Rue Haute", "7", "Rue Haute"),
        ("5th Avenue", None, "5th Avenue"),
        ("12 5th Avenue", "12", "5th Avenue"),
        ("Market Square", None, "Market Square"),
        ("42", "42", ""),
        ("", None, ""),
        (None, None, None),
    ],
)
def test_a_first_word_with_a_digit_in_front_is_the_house_number(line: str | None, house: str | None, street: str | None) -> None:
    """An ordinal is part of the street's name."""
    got = split_line(pl.DataFrame({"Address Line": [line]}, schema={"Address Line": pl.String}))
    assert got.columns == ["House Number", "Street"] and got.row(0) == (house, street)


@pytest.mark.parametrize(
    ("house", "street", "expected"),
    [
        ("9", "Elm", ("9", "Elm")),
        ("12", "", ("12", "Main St")),
        ("9", None, ("9", "12 Main St")),
        (" ", "Elm", ("12", "Elm")),
    ],
)
def test_parts_that_were_given_stay(house: str, street: str | None, expected: tuple[str, str]) -> None:
    """The line only fills blanks; a number that contradicts the given one is not thrown away."""
    frame = pl.DataFrame(
        {"House Number": [house], "Street": [street], "Address Line": ["12 Main St"]}, schema_overrides={"Street": pl.String}
    )
    assert split_line(frame).row(0) == expected


@pytest.mark.parametrize(
    ("text", "parts"),
    [
        ("123 Main St,Denver,CO,80202,US", ("123 Main St", "Denver", "CO", "80202", "US")),
        ("123 Main St, Denver, CO, 80202, US", ("123 Main St", "Denver", "CO", "80202", "US")),
        (",Denver,CO,80202", (None, "Denver", "CO", "80202", None)),
        (",,CO,80202", (None, None, "CO", "80202", None)),
        (",,,80202", (None, None, None, "80202", None)),
        ("123 Main St", ("123 Main St", None, None, None, None)),
        ("123 Main St,Denver", ("123 Main St", "Denver", None, None, None)),
        ('"123 Main St, Suite 4",Denver', ("123 Main St, Suite 4", "Denver", None, None, None)),
        ('"The ""Barn"", 1 Lane" , Denver', ('The "Barn", 1 Lane', "Denver", None, None, None)),
        ("a,b,c,d,e, f", ("a", "b", "c", "d", "e, f")),
        ('12 "B" Lane,Denver', ('12 "B" Lane', "Denver", None, None, None)),
        ("two\nlines,Denver", ("two\nlines", "Denver", None, None, None)),
        ("", (None,) * 5),
    ],
)
def test_a_full_address_is_read_from_left_to_right(text: str, parts: tuple[str | None, ...]) -> None:
    """Acceptance T-6: leading commas keep their place, the tail may be missing, quoted commas are text."""
    frame = pl.DataFrame({"address": [text]}).select(**split_full_address(pl.col("address")))
    assert dict(zip(FULL_PARTS, parts, strict=True)) == frame.row(0, named=True)
