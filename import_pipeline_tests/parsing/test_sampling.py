"""Header and sample of files whose columns nobody knows."""

import json
from pathlib import Path

import pytest
import xlsxwriter

from import_pipeline.parsing.batch import Refused
from import_pipeline.parsing.sampling import FIRST_ROWS, header_row, read_sample


def written(folder: Path, name: str, text: str | bytes) -> Path:
    """A file of this content."""
    path = folder / name
    path.write_bytes(text if isinstance(text, bytes) else text.encode())
    return path


@pytest.mark.parametrize("delimiter", [",", ";", "\t", "|"])
def test_the_delimiter_is_found_though_no_column_is_known(tmp_path: Path, delimiter: str) -> None:
    """Decimal commas and texts with commas must not be taken for it."""
    rows = [("Foo", "Bär", "Qux"), ("a", '"1,5"', '"x, y"'), ("b", '"2,5"', '"u, v"')]
    text = "".join(delimiter.join(row) + "\n" for row in rows)
    found = read_sample(written(tmp_path, "a.csv", text), "csv")
    assert (found.header, found.delimiter, found.header_line) == (("Foo", "Bär", "Qux"), delimiter, 1)
    assert found.values.rows() == [("a", "1,5", "x, y"), ("b", "2,5", "u, v")]


def test_lines_before_the_header_and_other_encodings_are_read_as_an_import_reads_them(tmp_path: Path) -> None:
    """It is the same reader."""
    text = "Report of all customers\n\nFirma;Ort;PLZ\nMüller;Köln;50667\nMaier;Ulm;89073\n".encode("cp1252")
    found = read_sample(written(tmp_path, "a.csv", text), "csv")
    assert (found.header, found.header_line, found.encoding) == (("Firma", "Ort", "PLZ"), 3, "cp1252")
    assert found.values.get_column("1").to_list() == ["Köln", "Ulm"]


def test_a_file_of_one_column_is_read(tmp_path: Path) -> None:
    """Nothing parts its cells, whatever signs stand in them."""
    found = read_sample(written(tmp_path, "a.csv", "Courriel\na@b.example\nc@d.example\n"), "csv")
    assert found.header == ("Courriel",) and found.values.height == 2


def test_json_lines_give_their_keys_and_lists_as_text(tmp_path: Path) -> None:
    """Keys that come late are columns, too."""
    lines = [{"wer": "Ann", "was": ["Solar", "Roof"]}, {"wer": "Bob", "wo": {"plz": 1234}}]
    found = read_sample(written(tmp_path, "a.jsonl", "".join(json.dumps(line) + "\n" for line in lines)), "jsonl")
    assert found.header == ("wer", "was", "wo.plz")
    assert found.values.rows() == [("Ann", "Solar;Roof", None), ("Bob", None, "1234")]


def test_a_workbook_gives_the_first_sheet_with_a_header(tmp_path: Path) -> None:
    """A cover sheet is no table."""
    path = tmp_path / "a.xlsx"
    book = xlsxwriter.Workbook(path)
    book.add_worksheet("Cover").write_row(0, 0, ["2026", "1,000"])
    sheet = book.add_worksheet("Data")
    for number, row in enumerate([["Wer", "Wo"], ["Ann", "Ulm"], ["Bob", "Köln"]]):
        sheet.write_row(number, 0, row)
    book.close()
    found = read_sample(path, "xlsx")
    assert found.header == ("Wer", "Wo") and found.values.rows() == [("Ann", "Ulm"), ("Bob", "Köln")]


def test_a_large_file_is_sampled_from_its_beginning_and_from_further_on(tmp_path: Path) -> None:
    """The first rows are often test data; reading all would take as long as the import."""
    body = "".join(f"{n},{'x' * 40}\n" for n in range(30_000))
    found = read_sample(written(tmp_path, "a.csv", f"Nummer,Text\n{body}"), "csv")
    numbers = found.values.get_column("0").cast(int).to_list()
    assert numbers[:FIRST_ROWS] == list(range(FIRST_ROWS))
    assert FIRST_ROWS < len(numbers) < 2 * FIRST_ROWS and numbers[-1] > 25_000


@pytest.mark.parametrize(
    ("text", "code"), [("", "empty_file"), ("1,2\n3,4\n", "no_header"), ("Wer,,Wo\na,b,c\n", "header_blank"), (b"%PDF-1.4 x", "unreadable")]
)
def test_what_no_import_could_read_is_refused_with_its_reason(tmp_path: Path, text: str | bytes, code: str) -> None:
    """A format for such a file would be a trap."""
    with pytest.raises(Refused) as refused:
        read_sample(written(tmp_path, "a.csv", text), "csv")
    assert refused.value.fault.code == code


def test_a_row_of_values_is_no_header() -> None:
    """A file without header would lose its first row."""
    assert header_row([["Ann", "a@b.example", "12207"], ["Bob", "c@d.example", "27601"]]) is None
    assert header_row([["Title"], ["Name", "Mail"], ["Ann", "a@b.example"]]) == 1
