"""Templates: what is downloaded is what the importer takes."""

import csv
import io
import json
from pathlib import Path

import openpyxl
import pytest
import python_calamine
from fastkml.validator import validate
from lxml import etree

from import_pipeline.failures import UnknownValue
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.object_type import ObjectType, Owner, Parent
from import_pipeline.model.territory import Territories
from import_pipeline.reporting.templates import FIELDS_HEADER, jsonl_example, kinds_of, template, template_file_name

CONTACT = ObjectType(
    name="Contact",
    pin=True,
    parent=Parent(type="Account"),
    owner=Owner(users=("ana@acme.com",)),
    stages={"Active": ("New", "Contacted"), "Won": ("Customer",)},
    loss_reasons=("Price, too high", "Moved"),
    fields=(
        FieldSpec(name="Name", required=True, max_length=80),
        FieldSpec(name="Phone", type="Phone"),
        FieldSpec(name="Birthday", type="Date", formats=("%m/%d/%Y",), custom=True),
        FieldSpec(name="Interests", type="MultiChoice", choices=("Solar", "Roof"), custom=True),
        FieldSpec(name="Size", type="SingleChoice", choices=tuple(f"Choice number {n}" for n in range(60)), custom=True),
        FieldSpec(name="Deal", type="Currency", min=10.0, max=20.0),
        FieldSpec(name="Visit Count", type="Number", system=True),
    ),
)


def workbook() -> openpyxl.Workbook:
    """The XLSX template as a spreadsheet program reads it."""
    return openpyxl.load_workbook(io.BytesIO(template(CONTACT, "xlsx")))


def test_the_header_of_each_template_is_what_the_importer_accepts() -> None:
    """Acceptance S-15: every column of the template is a column of the type, none is unknown, none is missing."""
    (header,) = list(csv.reader(io.StringIO(template(CONTACT, "csv").decode())))
    (sheet_header,) = (
        python_calamine.CalamineWorkbook.from_filelike(io.BytesIO(template(CONTACT, "xlsx"))).get_sheet_by_index(0).to_python()
    )
    assert tuple(header) == tuple(sheet_header) == CONTACT.template_header
    assert CONTACT.map_header(tuple(header)).keys == CONTACT.template_header
    assert "Visit Count" not in header and header[0] == "RecordID"


def test_an_untouched_template_holds_no_row() -> None:
    """Acceptance S-15: 0 rows and no error; what explains the columns lies on another sheet."""
    assert template(CONTACT, "csv").count(b"\n") == 1
    assert json.loads(template(CONTACT, "jsonl")) == dict.fromkeys(CONTACT.template_header)
    assert workbook().worksheets[0].max_row == 1


def test_choices_stages_and_loss_reasons_are_dropdowns() -> None:
    """A value that is chosen is never misspelt; several choices in one cell are a hint, not a refusal."""
    book = workbook()
    sheet = book.worksheets[0]
    letters = {cell.value: cell.column_letter for cell in sheet[1]}
    found = {}
    for rule in sheet.data_validations.dataValidation:
        for area in rule.sqref.ranges:
            found[sheet.cell(1, area.min_col).value] = (rule.formula1, rule.errorStyle, area.min_row)
    assert letters.keys() >= found.keys() == {"Stage", "Loss Reason", "Interests", "Size"}
    assert found["Stage"] == ('"New,Contacted,Customer"', None, 2)
    assert found["Interests"] == ('"Solar,Roof"', "information", 2)
    choices = {name: [c.value for c in book["Choices"][found[name][0].split("$")[1]] if c.value] for name in ("Loss Reason", "Size")}
    assert choices == {"Loss Reason": ["Price, too high", "Moved"], "Size": [f"Choice number {n}" for n in range(60)]}
    assert book["Choices"].sheet_state == "hidden"


def test_ids_zip_codes_phones_and_dates_are_kept_as_text() -> None:
    """Excel turns 01234 into 1234 and a long id into 1E+15 (acceptance B-11); numbers stay numbers."""
    sheet = workbook().worksheets[0]
    formats = {sheet.cell(1, n).value: d.number_format for d in sheet.column_dimensions.values() for n in range(d.min, d.max + 1)}
    as_text = {"RecordID", "ExternalDataObjectId", "ExternalPinId", "RelatedTo", "Zip", "House Number", "Phone", "Birthday"}
    assert {name for name in as_text if formats[name] == "@"} == as_text
    assert {formats["Deal"], formats["Lat"], formats["Lng"]} == {"General"}


def test_the_second_sheet_explains_every_column() -> None:
    """Type, required, values, format, example, what an update does."""
    rows = list(workbook()["Fields"].iter_rows(values_only=True))
    told = {row[0]: [cell or "" for cell in row] for row in rows[1:]}
    assert rows[0] == FIELDS_HEADER and tuple(told) == CONTACT.template_header
    assert told["Name"][1:3] == ["Text", "yes"] and told["Phone"][1:3] == ["Phone", "no"]
    assert told["Stage"][3] == "New, Contacted, Customer"
    assert told["Birthday"][4:6] == ["%m/%d/%Y", "03/31/2024"]
    assert told["Interests"][4:] == ["several values with ; between them", "Solar;Roof", "changes it"]
    assert told["Deal"][4:6] == ["digits, a point before decimals, no currency sign; at least 10 and at most 20", "20.00"]
    assert told["RelatedTo"][4].endswith("of the Account it belongs to")
    assert told["Owner Email"][5] == "ana@acme.com"


def test_equal_types_give_equal_bytes() -> None:
    """A template that changes with every download cannot be compared or cached."""
    for kind in kinds_of(CONTACT):
        assert template(CONTACT, kind) == template(CONTACT, kind)


def test_a_templates_name_is_one_that_the_importer_takes() -> None:
    """Acceptance S-3: the type's name first."""
    assert [template_file_name(CONTACT, kind) for kind in kinds_of(CONTACT)] == [
        "Contact_template.csv",
        "Contact_template.xlsx",
        "Contact_template.jsonl",
    ]


def test_an_example_object_has_every_column() -> None:
    """A JSONL file has no header row; its columns are shown by an example."""
    shown = json.loads(jsonl_example(CONTACT))
    assert tuple(shown) == CONTACT.template_header and shown["Stage"] == "New" and shown["Lat"] == "39.7392"


def test_an_unknown_kind_is_told_with_the_known_ones() -> None:
    """Errors list what would have been right."""
    with pytest.raises(UnknownValue, match="Known: csv, jsonl, xlsx"):
        template(CONTACT, "xls")  # type: ignore[arg-type]


@pytest.mark.parametrize("name", ["Fields", "A/B: [x]", "x" * 40, "History", "'q'"])
def test_every_type_name_gives_a_sheet_that_opens(name: str) -> None:
    """Sheets may not be called everything that types may be called."""
    made = ObjectType(name=name, fields=(FieldSpec(name="Name"),))
    assert len(openpyxl.load_workbook(io.BytesIO(template(made, "xlsx"))).worksheets) == 2


def test_territories_have_a_kml_template_and_no_other() -> None:
    """Acceptance S-14: they come as KML, and the first digit of the file's name is the level."""
    territory = Territories().object_type()
    assert kinds_of(territory) == ("kml",) and "kml" not in kinds_of(CONTACT)
    assert template_file_name(territory, "kml") == "1_Territory.kml"
    assert template(territory, "kml") == template(territory, "kml")
    with pytest.raises(UnknownValue, match="Known: kml"):
        template(territory, "csv")
    with pytest.raises(UnknownValue, match="Known: csv, jsonl, xlsx"):
        template_file_name(CONTACT, "kml")


def test_the_kml_template_holds_no_placemark_and_tells_how_to_fill_it_in(tmp_path: Path) -> None:
    """Acceptance S-15: 0 rows and no error. The mark tells it from a file that has lost its placemarks."""
    (tmp_path / "1_Territory.kml").write_bytes(template(Territories().object_type(), "kml"))
    assert validate(file_to_validate=tmp_path / "1_Territory.kml") is True
    root = etree.fromstring(template(Territories().object_type(), "kml"))
    (document,) = root
    assert [etree.QName(child).localname for child in document if isinstance(child.tag, str)] == ["name", "description", "ExtendedData"]
    assert [data.get("name") for data in root.iter("{*}Data")] == ["_import_template"]
    assert "One polygon without holes" in document.findtext("{*}description")
    several = etree.fromstring(template(Territories(accept_multipolygons=True).object_type(), "kml"))
    assert "may have holes" in several.findtext("{*}Document/{*}description")


def test_the_example_of_the_kml_template_is_a_placemark_once_it_is_taken_out_of_its_comment() -> None:
    """An example that is wrong would teach the fault."""
    root = etree.fromstring(template(Territories().object_type(), "kml"))
    *_, comment = root.iter(etree.Comment)
    placemark = etree.fromstring(comment.text)
    points = placemark.findtext("Polygon/outerBoundaryIs/LinearRing/coordinates").split()
    assert placemark.tag == "Placemark" and placemark.findtext("name")
    assert len(set(points)) == 4 and points[0] == points[-1]
    assert all(-180 <= float(lng) <= 180 and -90 <= float(lat) <= 90 for lng, lat in (point.split(",") for point in points))
