"""Excel workbooks: what the sender saw in a cell is what arrives, and what a spreadsheet has damaged is mended or refused.

Belongs here: rules of workbooks. Does not belong here: damage in text files (test_stage.py).
"""

import datetime as dt
import io
import zipfile
from pathlib import Path
from typing import Any

import openpyxl
import pytest
import xlsxwriter

from import_pipeline_tests.parsing.lab import Parsed, parse


def book(*rows: list[Any], sheets: int = 1, **options: Any) -> bytes:
    """A workbook whose last sheet holds these rows; None is an empty cell."""
    made = io.BytesIO()
    with xlsxwriter.Workbook(made, {"in_memory": True, **options}) as workbook:
        date = workbook.add_format({"num_format": "yyyy-mm-dd hh:mm"})
        for number in range(sheets):
            sheet = workbook.add_worksheet(f"Sheet {number + 1}")
            if number < sheets - 1:
                sheet.write_row(0, 0, ["Something", "else"])
        for r, row in enumerate(rows):
            for c, value in enumerate(row):
                if isinstance(value, dt.date):
                    sheet.write_datetime(r, c, value, date)
                elif isinstance(value, str) and value.startswith("="):
                    sheet.write_formula(r, c, value, value="#REF!")
                elif value is not None:
                    sheet.write(r, c, value)
    return made.getvalue()


def read(folder: Path, content: bytes) -> Parsed:
    """Parses one workbook."""
    return parse(folder, content, kind="xlsx")


def test_cells_become_the_text_their_sender_saw(tmp_path: Path) -> None:
    """Whole numbers without a fraction, other numbers as short as is exact, dates in ISO form."""
    got = read(
        tmp_path,
        book(
            ["Name", "Amount", "Birthday", "Notes"],
            [123, 0.1, dt.datetime(2024, 1, 2), True],
            ["007", -2.5, dt.datetime(2024, 1, 2, 3, 4), " x "],
        ),
    )
    assert got.cells("Name", "Amount", "Birthday", "Notes") == [
        (2, "123", "0.1", "2024-01-02", "true"),
        (3, "007", "-2.5", "2024-01-02T03:04:00", " x "),
    ]


def test_the_header_again_is_one_error_a_row_whatever_reasons_stand_behind_it(tmp_path: Path) -> None:
    """Sheets are copied below each other; a failed-rows file holds such a row with the reasons why it was refused."""
    header = ["Name", "Amount", "_import_job", "_import_line", "_import_errors"]
    again = ["Name", " Amount ", "ab12cd34", "9", "the header row again"]
    got = read(tmp_path, book(header, again, ["Ann", 1], header, ["Name", "Amount"], ["Name", 2]))
    assert got.told() == {(0, line, None, "header_repeated") for line in (2, 4, 5)}
    assert got.cells("Name", "Amount") == [(3, "Ann", "1"), (6, "Name", "2")]


def test_lines_are_the_sheets_row_numbers_and_blank_rows_are_counted(tmp_path: Path) -> None:
    """People look for the row in their sheet."""
    got = read(tmp_path, book([], ["A title"], ["Name", "Email"], ["Ann", "a@x"], [], ["Bob", "b@x", "more"], ["Cid", "c@x"]))
    assert got.rows.select("_line", "_pos", "Name").rows() == [(4, 0, "Ann"), (7, 2, "Cid")]
    assert got.told() == {(0, 6, None, "field_count")} and got.notices() == {"preamble_skipped", "blank_lines"}


def test_the_first_sheet_whose_header_fits_is_read_and_the_others_are_told(tmp_path: Path) -> None:
    """Workbooks begin with a cover sheet."""
    got = read(tmp_path, book(["Name"], ["Ann"], sheets=2))
    assert got.cells("Name") == [(2, "Ann")] and got.notices() == {"member_skipped"}


def test_a_spreadsheet_error_in_an_imported_cell_costs_the_row(tmp_path: Path) -> None:
    """The cell reader calls it empty; an empty value would be imported as «not given»."""
    got = read(tmp_path, book(["Name", "Email", "Unknown"], ["Ann", "=A1", "x"], ["Bob", "b@x", "=A1"]))
    assert got.told() == {(0, 2, "Email", "cell_error")} and got.cells("Name") == [(3, "Bob")]
    assert got.errors["value"].to_list() == ["#REF!"]


@pytest.mark.parametrize("value", [1.23457e15, 1234567890123456789, "1.23457E+15"])
def test_a_rounded_id_is_refused(tmp_path: Path, value: Any) -> None:
    """A spreadsheet keeps fifteen digits; the rest are zeros that nobody sent."""
    got = read(tmp_path, book(["ExternalDataObjectId", "Name", "Amount"], [value, "Ann", 1], [123456789012345, "Bob", 1.5e15]))
    assert got.told() == {(0, 2, "ExternalDataObjectId", "number_damaged")}
    assert got.cells("ExternalDataObjectId", "Amount") == [(3, "123456789012345", "1500000000000000")]


@pytest.mark.parametrize(("date_1904", "expected"), [(False, "2023-07-14"), (True, "2027-07-15")])
def test_a_bare_serial_number_in_a_dates_cell_is_mended(tmp_path: Path, date_1904: bool, expected: str) -> None:
    """The workbook says from which day it counts; a number that may be a year, and text, stay as they are."""
    got = read(tmp_path, book(["Name", "Birthday"], ["Ann", 45121], ["Bob", 2021], ["Cid", "45121"], date_1904=date_1904))
    assert got.cells("Birthday") == [(2, expected), (3, "2021"), (4, "45121")]
    assert got.told() == {(0, 2, "Birthday", "mended")}
    assert got.errors.select("value", "suggestion").rows() == [("45121", expected)]


def test_a_lost_leading_zero_is_given_back_to_numbers_only(tmp_path: Path) -> None:
    """Text of four digits was typed so."""
    got = read(tmp_path, book(["Name", "Branch"], ["Ann", 1234], ["Bob", "1234"]))
    assert got.cells("Branch") == [(2, "01234"), (3, "1234")] and got.told() == {(0, 2, "Branch", "mended")}


@pytest.mark.parametrize("content", [b"PK\x03\x04 no archive", b"Name,Email\n", b"\xd0\xcf\x11\xe0" + b"\0" * 600, b""])
def test_what_is_no_workbook_is_refused(tmp_path: Path, content: bytes) -> None:
    """Damaged, protected, or another kind of file."""
    fault = read(tmp_path, content).file.fault
    assert fault and fault.code in ("unreadable", "empty_file")


def test_a_workbook_that_would_unpack_without_measure_is_refused_unopened(tmp_path: Path) -> None:
    """Its directory tells before a byte is unpacked."""
    made = io.BytesIO(book(["Name"], ["Ann"]))
    with zipfile.ZipFile(made, "a", zipfile.ZIP_DEFLATED, compresslevel=9) as archive, archive.open("xl/big.xml", "w") as member:
        for _ in range(260):
            member.write(bytes(1 << 20))
    fault = read(tmp_path, made.getvalue()).file.fault
    assert fault and fault.code == "archive"


def test_a_workbook_of_another_program_is_read_too(tmp_path: Path) -> None:
    """Writers differ in how they store text and dates."""
    workbook = openpyxl.Workbook()
    sheet = workbook.active
    assert sheet is not None
    sheet.append(["Name", "Birthday"])
    sheet.append(["Zoë", dt.date(2024, 2, 29)])
    made = io.BytesIO()
    workbook.save(made)
    assert read(tmp_path, made.getvalue()).cells("Name", "Birthday") == [(2, "Zoë", "2024-02-29")]
