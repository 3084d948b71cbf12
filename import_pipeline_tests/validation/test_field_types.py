"""What each field type takes, what it becomes, and what it refuses with which code."""

from datetime import UTC, date, datetime
from decimal import Decimal
from typing import Any

import polars as pl
import pytest

from import_pipeline.failures import PermanentFailure
from import_pipeline_tests.validation.stages import found, judged, type_of, verdict

pytestmark = pytest.mark.filterwarnings("error::DeprecationWarning")  # what polars deprecates today is silent data of another kind tomorrow

NUMBER: dict[str, Any] = {"type": "Number"}
WHOLE = NUMBER | {"decimals": 0}
CURRENCY: dict[str, Any] = {"type": "Currency"}
BOOLEAN: dict[str, Any] = {"type": "Boolean"}
DATE: dict[str, Any] = {"type": "Date"}
US_DATE = DATE | {"formats": "%m/%d/%Y"}
MOMENT: dict[str, Any] = {"type": "DateTime"}
EMAIL: dict[str, Any] = {"type": "Email"}
PHONE: dict[str, Any] = {"type": "Phone"}
ONE: dict[str, Any] = {"type": "SingleChoice", "choices": ["Solar", "Roof", "Not home"]}
MANY: dict[str, Any] = {"type": "MultiChoice", "choices": ["Solar", "Roof", "HVAC"]}


@pytest.mark.parametrize(
    ("spec", "text", "value"),
    [
        ({}, "  two\nlines ", "two\nlines"),
        ({}, "\u00a0\u3000x\u2003", "x"),
        ({}, "a\tb\r\nc", "a\tb\r\nc"),
        ({"type": "MultiLine"}, "y" * 40_000, "y" * 40_000),
        ({"type": "Address"}, "Straße 1, München", "Straße 1, München"),
        ({"max_length": 3}, "äöü", "äöü"),
        ({"pattern": "[A-Z]{2}|x"}, "AB", "AB"),
        (NUMBER, "12.5", 12.5),
        (NUMBER, "+5", 5.0),
        (NUMBER, "007", 7.0),
        (NUMBER, "-0", 0.0),
        (NUMBER, "1.500000000000000000", 1.5),
        (NUMBER, "123456789012345", 123456789012345.0),
        (NUMBER, "-104.99025099999999", -104.99025099999999),
        (NUMBER | {"min": 0, "max": 10}, "10", 10.0),
        (WHOLE, "12", Decimal(12)),
        (WHOLE, "12.000", Decimal(12)),
        (WHOLE, "123456789012345678", Decimal("123456789012345678")),
        (NUMBER | {"decimals": 4}, "0.1234", Decimal("0.1234")),
        (CURRENCY, "1234.5", Decimal("1234.50")),
        (CURRENCY, "$1234.50", Decimal("1234.50")),
        (CURRENCY, "-€ 3", Decimal("-3.00")),
        (CURRENCY, "12.3400", Decimal("12.34")),
        (BOOLEAN, "YES", True),
        (BOOLEAN, "y", True),
        (BOOLEAN, "tRue", True),
        (BOOLEAN, "0", False),
        (BOOLEAN, "No", False),
        (DATE, "2024-02-29", date(2024, 2, 29)),
        (DATE, "0001-01-01", date(1, 1, 1)),
        (DATE, "9999-12-31", date(9999, 12, 31)),
        (US_DATE, "3/4/2021", date(2021, 3, 4)),
        (US_DATE, "03/04/2021", date(2021, 3, 4)),
        (DATE | {"formats": ["iso", "%d.%m.%Y"]}, "25.12.2020", date(2020, 12, 25)),
        (DATE | {"formats": ["iso", "%d.%m.%Y"]}, "2020-12-25", date(2020, 12, 25)),
        (DATE | {"formats": ["%m/%d/%Y", "%d/%m/%Y"]}, "25/12/2020", date(2020, 12, 25)),
        (DATE | {"formats": ["%m/%d/%Y", "%d/%m/%Y"]}, "05/05/2020", date(2020, 5, 5)),
        (DATE | {"formats": "%d %b %Y"}, "3 FEB 2021", date(2021, 2, 3)),
        (DATE | {"formats": "%Y%m%d"}, "20210203", date(2021, 2, 3)),
        (MOMENT, "2021-02-03T10:20:30Z", datetime(2021, 2, 3, 10, 20, 30, tzinfo=UTC)),
        (MOMENT, "2021-02-03 10:20", datetime(2021, 2, 3, 10, 20, tzinfo=UTC)),
        (MOMENT, "2021-02-03T10:20:30.1234560", datetime(2021, 2, 3, 10, 20, 30, 123456, tzinfo=UTC)),
        (MOMENT, "2021-02-03T10:20:30.5+05:30", datetime(2021, 2, 3, 4, 50, 30, 500000, tzinfo=UTC)),
        (MOMENT, "2021-02-03 10:20:30 -0500", datetime(2021, 2, 3, 15, 20, 30, tzinfo=UTC)),
        (MOMENT, "2021-02-03T23:00-02", datetime(2021, 2, 4, 1, 0, tzinfo=UTC)),
        (MOMENT | {"formats": "%m/%d/%Y %I:%M %p"}, "2/3/2021 1:05 pm", datetime(2021, 2, 3, 13, 5, tzinfo=UTC)),
        (MOMENT | {"formats": ["iso", "%m/%d/%Y %H:%M"]}, "2021-02-03 10:20", datetime(2021, 2, 3, 10, 20, tzinfo=UTC)),
        (EMAIL, "O'Neil+x@Sub.Example.com", "O'Neil+x@Sub.Example.com"),
        (EMAIL, "jörg@müller.de", "jörg@müller.de"),
        (EMAIL, "a@b.xn--p1ai", "a@b.xn--p1ai"),
        (PHONE, "+1 (555) 123-4567 x89", "+1 (555) 123-4567 x89"),
        (PHONE, "(030) 1234/56", "(030) 1234/56"),
        (PHONE, "12345", "12345"),
        (ONE, "Not home", "Not home"),
        (MANY, "Roof; Solar ;Roof", "Roof;Solar"),
        (MANY, "HVAC", "HVAC"),
        (MANY | {"separator": "|"}, "HVAC | Solar", "HVAC|Solar"),
        (MANY, ";", None),
    ],
)
def test_a_value_that_fits_its_field_is_stored_exactly_as_meant(spec: dict[str, Any], text: str, value: object) -> None:
    """What a user means by a value is decided by the field alone, never by what the cast of a library happens to accept."""
    assert verdict(spec, text) == value


@pytest.mark.parametrize(
    ("spec", "text", "code", "suggestion"),
    [
        ({}, "a\x00b", "control_character", "ab"),
        ({}, "a\x1fb", "control_character", "ab"),
        ({}, "x" * 32_001, "too_long", None),
        ({"max_length": 3}, "äöüß", "too_long", None),
        ({"pattern": "[A-Z]{2}|x"}, "ABC", "wrong_pattern", None),
        ({"pattern": "a$"}, "a\nb", "wrong_pattern", None),
        (NUMBER, "many", "not_a_number", None),
        (NUMBER, "12.5.1", "not_a_number", None),
        (NUMBER, "1e3", "not_a_number", "1000"),
        (NUMBER, ".5", "not_a_number", "0.5"),
        (NUMBER, "5.", "not_a_number", "5"),
        (NUMBER, "0x1F", "not_a_number", None),
        (NUMBER, "1_000", "not_a_number", None),
        (NUMBER, "NaN", "not_a_number", None),
        (NUMBER, "inf", "not_a_number", None),
        (NUMBER, "٣", "not_a_number", None),
        (NUMBER, "1,234.50", "not_a_number", "1234.50"),
        (NUMBER, "1,234,567", "not_a_number", "1234567"),
        (NUMBER, "1.234,5", "not_a_number", "1234.5"),
        (NUMBER, "12,5", "not_a_number", "12.5"),
        (NUMBER, "0,123", "not_a_number", "0.123"),
        (NUMBER, "1,234", "not_a_number", None),
        (NUMBER, "1\u00a0234,567", "not_a_number", "1234.567"),
        (NUMBER, "(7)", "not_a_number", "-7"),
        (NUMBER, "7-", "not_a_number", "-7"),
        (NUMBER, "$7", "not_a_number", "7"),
        (NUMBER, "1234567890123456", "too_many_digits", None),
        (NUMBER, "0.12345678901234567", "too_many_digits", None),
        (NUMBER | {"min": 0, "max": 10}, "10.5", "out_of_range", None),
        (NUMBER | {"min": 0}, "-1", "out_of_range", None),
        (NUMBER | {"max": 0}, "1", "out_of_range", None),
        (WHOLE, "12.5", "too_many_decimals", None),
        (WHOLE, "1234567890123456789", "too_many_digits", None),
        (WHOLE | {"min": 5}, "x", "not_a_number", None),
        (CURRENCY, "12.345", "too_many_decimals", None),
        (CURRENCY, "12345678901234567.00", "too_many_digits", None),
        (CURRENCY | {"max": 10}, "$11", "out_of_range", None),
        (CURRENCY, "12 EUR", "not_a_number", "12"),
        (CURRENCY, "USD 1,000.50", "not_a_number", "1000.50"),
        (CURRENCY, "12,345.678", "not_a_number", None),
        (CURRENCY, "$-5", "not_a_number", "-5"),
        (BOOLEAN, "perhaps", "not_a_boolean", None),
        (BOOLEAN, "t", "not_a_boolean", "true"),
        (BOOLEAN, "ture", "not_a_boolean", "true"),
        (DATE, "2021-02-30", "not_a_date", None),
        (DATE, "2023-02-29", "not_a_date", None),
        (DATE, "1900-02-29", "not_a_date", None),
        (DATE, "0000-01-01", "not_a_date", None),
        (DATE, "2021-2-3", "not_a_date", "2021-02-03"),
        (DATE, "2021/02/03", "not_a_date", "2021-02-03"),
        (DATE, "20210203", "not_a_date", "2021-02-03"),
        (DATE, "2021-02-03 00:00:00", "not_a_date", "2021-02-03"),
        (DATE, "2021-02-03 10:00:00", "not_a_date", None),
        (DATE, "25/04/2021", "not_a_date", "2021-04-25"),
        (DATE, "04/25/2021", "not_a_date", "2021-04-25"),
        (DATE, "03/03/2021", "not_a_date", "2021-03-03"),
        (DATE, "03/04/2021", "ambiguous_date", None),
        (DATE, "3.4.21", "ambiguous_date", None),
        (DATE, "3 Feb 2021", "not_a_date", "2021-02-03"),
        (DATE, "44230", "not_a_date", "2021-02-03"),
        (DATE, "epoch", "not_a_date", None),
        (US_DATE, "13/04/2021", "not_a_date", None),
        (US_DATE, "02/30/2021", "not_a_date", None),
        (US_DATE, "2021-02-03", "not_a_date", "02/03/2021"),
        (US_DATE, "03-04-2021", "not_a_date", "03/04/2021"),
        (US_DATE, "03/04/21", "not_a_date", None),
        (DATE | {"formats": ["%m/%d/%Y", "%d/%m/%Y"]}, "03/04/2020", "ambiguous_date", None),
        (DATE | {"formats": "%Y%m%d"}, "2021203", "not_a_date", None),
        (MOMENT, "2021-02-03", "not_a_datetime", "2021-02-03T00:00:00"),
        (MOMENT, "2021-02-03T24:00:00", "not_a_datetime", None),
        (MOMENT, "2021-02-03T10:00:60", "not_a_datetime", None),
        (MOMENT, "2021-02-30T10:00:00", "not_a_datetime", None),
        (MOMENT, "2021-02-03T10:00:00.1234567", "not_a_datetime", "2021-02-03T10:00:00"),
        (MOMENT, "2021-02-03T10:00:00+15:00", "not_a_datetime", None),
        (MOMENT, "2021-02-03T9:00", "not_a_datetime", "2021-02-03T09:00:00"),
        (MOMENT, "44230.5", "not_a_datetime", "2021-02-03T12:00:00"),
        (MOMENT, "0001-01-01T00:00:00+01:00", "not_a_datetime", None),
        (MOMENT, "9999-12-31T23:59:59-01:00", "not_a_datetime", None),
        (EMAIL, "no-at-sign", "not_an_email", None),
        (EMAIL, "a@b", "not_an_email", None),
        (EMAIL, "a@b@c.com", "not_an_email", None),
        (EMAIL, "a b@c.com", "not_an_email", "ab@c.com"),
        (EMAIL, ".a@c.com", "not_an_email", None),
        (EMAIL, "a..b@c.com", "not_an_email", None),
        (EMAIL, "a@-c.com", "not_an_email", None),
        (EMAIL, "a@1.2.3.4", "not_an_email", None),
        (EMAIL, "a\u200b@c.com", "not_an_email", "a@c.com"),
        (EMAIL, "John Doe <j@d.com>", "not_an_email", "j@d.com"),
        (EMAIL, "j@d,com", "not_an_email", "j@d.com"),
        (EMAIL, f"{'a' * 250}@b.com", "too_long", None),
        (PHONE, "1234", "not_a_phone", None),
        (PHONE, "1" * 21, "not_a_phone", None),
        (PHONE, "1-800-FLOWERS", "not_a_phone", None),
        (PHONE, "555+1234", "not_a_phone", None),
        (PHONE, "555\u2013123\u20134567", "not_a_phone", "555-123-4567"),
        (PHONE, "tel:+15551234567", "not_a_phone", "+15551234567"),
        (ONE, "solar", "unknown_choice", "Solar"),
        (ONE, "Not  home", "unknown_choice", "Not home"),
        (ONE, "Solr", "unknown_choice", "Solar"),
        (ONE, "§", "unknown_choice", None),
        (MANY, "Solar;roof", "unknown_choice", "Solar;Roof"),
        (MANY, "Solar,Roof", "unknown_choice", None),
    ],
)
def test_a_value_that_does_not_fit_costs_its_row_and_says_why(spec: dict[str, Any], text: str, code: str, suggestion: str | None) -> None:
    """Each line is a trap that a cast of polars or DuckDB falls into, or a mistake that senders make."""
    error = verdict(spec, text)
    assert isinstance(error, dict), f"accepted as {error!r}"
    if (spec, text) != (MANY, "Solar,Roof"):  # what lies nearest to two choices in one word is the matcher's business
        assert error["suggestion"] == suggestion
    assert (error["code"], error["column"], error["severity"], error["_line"]) == (code, "F", "error", 2)
    assert error["expected"]


@pytest.mark.parametrize("spec", [{}, NUMBER, CURRENCY, BOOLEAN, DATE, US_DATE, MOMENT, EMAIL, PHONE, ONE, MANY])
@pytest.mark.parametrize("blank", [None, "", "  ", "\t\r\n", "\u00a0\u2003"])
def test_a_blank_is_not_given_in_every_type(spec: dict[str, Any], blank: str | None) -> None:
    """Blanks never erase (acceptance S-8): they arrive as null, whatever the type, and are never an error."""
    assert verdict(spec | {"required": True}, blank) is None


def test_columns_get_the_types_the_store_expects() -> None:
    """The next stage hashes and merges typed columns; a type must not depend on the values that happen to be there."""
    fields = [
        {"name": "T"},
        {"name": "N", "type": "Number"},
        {"name": "D4", "type": "Number", "decimals": 4},
        {"name": "C", "type": "Currency"},
        {"name": "B", "type": "Boolean"},
        {"name": "D", "type": "Date"},
        {"name": "M", "type": "DateTime"},
        {"name": "X", **MANY},
        {"name": "U", **US_DATE},
    ]
    kinds = [pl.String(), pl.Float64(), pl.Decimal(18, 4), pl.Decimal(18, 2), pl.Boolean(), pl.Date(), pl.Datetime("us", "UTC")]
    given = {"T": "t", "N": "1", "D4": "1", "C": "1", "B": "1", "D": "2021-02-03", "M": "2021-02-03 10:00", "X": "Roof", "U": "1/2/2021"}
    for rows in ([given], [dict.fromkeys(given)], []):
        typed = judged(type_of(*fields), rows or [dict.fromkeys(given)]).rows
        assert typed.dtypes[4:] == [*kinds, pl.String(), pl.Date()]


def test_local_times_that_exist_twice_or_never_are_refused_and_others_become_utc() -> None:
    """When the clock is set, 01:30 means two moments and 02:30 none; an offset settles it, a guess would be an hour wrong."""
    new_york = "America/New_York"
    assert verdict(MOMENT, "2021-06-01 12:00", timezone=new_york) == datetime(2021, 6, 1, 16, 0, tzinfo=UTC)
    assert verdict(MOMENT, "2021-11-07T01:30:00-05:00", timezone=new_york) == datetime(2021, 11, 7, 6, 30, tzinfo=UTC)
    for text in ("2021-11-07T01:30:00", "2021-03-14 02:30"):
        error = verdict(MOMENT, text, timezone=new_york)
        assert error["code"] == "not_a_datetime" and "exactly once in America/New_York" in error["expected"]
    stated = MOMENT | {"formats": "%m/%d/%Y %H:%M"}
    assert verdict(stated, "11/7/2021 1:30", timezone=new_york)["code"] == "not_a_datetime"


def test_moments_of_all_shapes_stand_side_by_side_in_one_column() -> None:
    """A column is read form by form; every value must come back to its own row."""
    texts = ["2021-01-01T00:00:00Z", "2021-01-02 00:00:00", "2021-01-03T00:00", None, "2021-01-04T00:00:00.25+01:00", "2021-01-05T00:00:00"]
    texts *= 3
    rows = judged(type_of({"name": "F", **MOMENT}), [{"F": text} for text in texts]).rows
    expected = [
        datetime(2021, 1, 1, tzinfo=UTC),
        datetime(2021, 1, 2, tzinfo=UTC),
        datetime(2021, 1, 3, tzinfo=UTC),
        None,
        datetime(2021, 1, 3, 23, 0, 0, 250000, tzinfo=UTC),
        datetime(2021, 1, 5, tzinfo=UTC),
    ]
    assert rows.get_column("F").to_list() == expected * 3


def test_system_columns_are_judged_by_their_role() -> None:
    """Stage and loss reason match exactly, the owner is a known user in the configured spelling (acceptance S-9)."""
    thing = type_of(
        {"name": "Name"},
        stages={"Active": ["New", "In Work"], "Won": ["Sold"]},
        loss_reasons=["Price"],
        owner={"users": ["Ann@X.com", "bob@x.com"]},
        parent={"type": "Account"},
        pin=True,
    )
    good = {"Stage": "In Work", "Loss Reason": "Price", "Owner Email": "ANN@x.com", "Lat": "40.5", "Lng": "-180", "RecordID": "a" * 64}
    bad = {"Stage": "in work", "Loss Reason": "price", "Owner Email": "an@x.com", "Lat": "90.5", "Lng": "x", "RecordID": "a" * 65}
    result = judged(thing, [good, bad, good | {"ExternalDataObjectId": "x\x00"}])
    assert result.rows.select("Stage", "Loss Reason", "Owner Email", "Lat", "Lng").row(0) == ("In Work", "Price", "Ann@X.com", 40.5, -180.0)
    assert found(result.errors) == {
        (3, "Stage", "unknown_stage"),
        (3, "Loss Reason", "unknown_loss_reason"),
        (3, "Owner Email", "unknown_owner"),
        (3, "Lat", "out_of_range"),
        (3, "Lng", "not_a_number"),
        (3, "RecordID", "too_long"),
        (4, "ExternalDataObjectId", "control_character"),
    }
    told = {error["column"]: error for error in result.errors.iter_rows(named=True)}
    assert told["Stage"]["suggestion"] == "In Work" and told["Stage"]["expected"] == "one of: New, In Work, Sold"
    assert told["Owner Email"]["suggestion"] == "Ann@X.com"
    assert told["Lat"]["expected"] == "a number from -90 to 90"


def test_without_configured_users_any_address_may_own_a_record() -> None:
    """An account may not have listed its users yet."""
    result = judged(type_of({"name": "Name"}, owner={}), [{"Owner Email": "new@x.com"}, {"Owner Email": "nobody"}])
    assert found(result.errors) == {(3, "Owner Email", "not_an_email")}


def test_long_lists_and_long_values_are_cut_in_what_people_read() -> None:
    """An error is a line in a report: 12 choices and 200 characters are enough to see what is wrong."""
    choices = [f"Choice {i}" for i in range(15)]
    error = verdict({"type": "SingleChoice", "choices": choices}, "z" * 300)
    assert error["expected"] == "one of: " + ", ".join(choices[:12]) + " … and 3 more"
    assert error["value"] == "z" * 200


def test_a_column_that_the_type_does_not_have_is_a_permanent_failure_that_names_the_nearest() -> None:
    """A mistake of ours or of the configuration: a retry cannot help."""
    with pytest.raises(PermanentFailure, match=r"unknown column 'Nmae'.*Did you mean 'Name'"):
        judged(type_of({"name": "Name"}), [{"Nmae": "x"}])
