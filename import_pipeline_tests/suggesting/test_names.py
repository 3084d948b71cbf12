"""Names compared by their words: cases, abbreviations, languages, words written together."""

import pytest

from import_pipeline.suggesting.names import Names, plain_words, tells_nothing
from import_pipeline_tests.suggesting.test_labelled import ACCOUNTS

ACCOUNT = Names(ACCOUNTS["field_sales"].object_type("Account"))


def nearness(cell: str, key: str) -> float:
    """How near a header cell is to a column of Account."""
    return ACCOUNT.similarity(ACCOUNT.name(cell), key)


@pytest.mark.parametrize("cell", ["CloseDate", "close_date", "Close-Date", "CLOSE DATE", "close.date", "Clôse  dâte"])
def test_a_name_has_the_same_words_however_it_is_written(cell: str) -> None:
    """Programs, databases and people join words in their own ways."""
    assert plain_words(cell) == ("close", "date")


@pytest.mark.parametrize(
    ("cell", "key"),
    [
        ("Telefonnummer", "Phone"),
        ("tel_no", "Phone"),
        ("E-Mail-Adresse", "Email"),
        ("courriel", "Email"),
        ("PLZ", "Zip"),
        ("Hausnr.", "House Number"),
        ("Straße", "Street"),
        ("custno", "Customer ID"),
        ("Addres 1: City", "City"),
        ("Notees", "Notes"),
        ("numberOfEmployees", "Employees"),
        ("Chiffre d'affaires annuel", "Annual Revenue"),
    ],
)
def test_other_words_for_the_same_are_near(cell: str, key: str) -> None:
    """Abbreviations, other languages, words written together and slips of the pen mean what they mean."""
    assert nearness(cell, key) >= 0.75
    assert max(ACCOUNT.columns, key=lambda other: nearness(cell, other)) == key


@pytest.mark.parametrize(("cell", "key"), [("Created by", "Customer Since"), ("Tax number", "Phone"), ("Colour", "Country"), ("", "Name")])
def test_other_names_are_far(cell: str, key: str) -> None:
    """Letters in common mean nothing."""
    assert nearness(cell, key) < 0.6


@pytest.mark.parametrize("cell", ["Column 7", "Feld3", "F12", "x", "unnamed: 0", "12", "…"])
def test_a_name_that_anybody_gives_to_anything_tells_nothing(cell: str) -> None:
    """Then only the values can tell."""
    assert tells_nothing(cell)
    assert not tells_nothing(f"{cell} phone")
