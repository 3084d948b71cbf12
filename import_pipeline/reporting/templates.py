"""The empty file to download for an object type: its header row is what the importer accepts (acceptance S-15).

Belongs here: which kinds of template a type has, CSV, JSONL and XLSX templates and the sheet that explains the columns. Does not
belong here: the KML of territories (kml_template.py), which columns there are (model/object_type.py), reading a filled template
(parsing/).
"""

import csv
import datetime
import io
import json
from collections.abc import Iterable
from typing import Any, Literal

import xlsxwriter

from import_pipeline.failures import UnknownValue
from import_pipeline.model.columns import Column
from import_pipeline.model.field import FieldSpec
from import_pipeline.model.object_type import ObjectType
from import_pipeline.model.territory import TERRITORY

TemplateKind = Literal["csv", "xlsx", "jsonl", "kml"]
KINDS: tuple[TemplateKind, ...] = ("csv", "xlsx", "jsonl", "kml")
FIELDS_SHEET = "Fields"
FIELDS_HEADER = ("Column", "Type", "Required", "Values", "Format", "Example", "When a record exists")
DROPDOWN_ROWS = 100_000
"""Rows of the XLSX template that offer the choices and keep text as text."""

_MADE = datetime.datetime(2000, 1, 1, tzinfo=datetime.UTC)
_CHOICES_SHEET = "Choices"
_LIST_CHARS = 255
"""Longest list of choices that a data validation takes in itself; a longer one stands in a sheet of its own."""
_ROLE_NOTES = {
    "record_id": "our id of the record; leave it blank for new records",
    "external_id": "your own id of the record; it finds the record again",
    "external_pin_id": "your own id of the address; records that share it share the address",
    "parent": "record id or external id of the {parent} it belongs to",
}
_FORMATS = {
    "Email": "name@example.com",
    "Phone": "digits, blanks, + ( ) - .",
    "Number": "digits, a point before decimals, no thousands separator",
    "Currency": "digits, a point before decimals, no currency sign",
    "Boolean": "true or false",
    "DateTime": "ISO 8601 with time zone",
    "Shape": "a polygon as WKT in degrees, longitude before latitude",
}
_EXAMPLES = {
    "Email": "ana@example.com",
    "Phone": "+1 212 555 0123",
    "Number": "42",
    "Currency": "1250.00",
    "Boolean": "true",
    "Date": "2024-03-31",
    "DateTime": "2024-03-31T14:30:00Z",
    "Address": "12 Main St, Denver, CO 80202",
    "MultiLine": "two lines\nof text",
    "Shape": "POLYGON ((-96.2 41.2, -96 41.2, -96 41.35, -96.2 41.35, -96.2 41.2))",
}
_ADDRESS_EXAMPLES = {
    "House Number": "12",
    "Street": "Main St",
    "City": "Denver",
    "Zip": "01234",
    "State": "CO",
    "Country": "US",
    "Lat": "39.7392",
    "Lng": "-104.9903",
}
_UPDATES = {"always": "changes it", "create_only": "is ignored", "never": "is never changed"}


def kinds_of(object_type: ObjectType) -> tuple[TemplateKind, ...]:
    """The kinds of template that this type has: KML for territories (acceptance S-14), all others for the other types."""
    return ("kml",) if object_type.name == TERRITORY else ("csv", "xlsx", "jsonl")


def template_file_name(object_type: ObjectType, kind: TemplateKind) -> str:
    """The template's name, which is also one that the importer takes for this type (acceptance S-3, S-14).

    `Account_template.csv`, and `1_Territory.kml`, whose first digit is the level.
    """
    if _known(kind, object_type) == "kml":
        return f"1_{object_type.name}.kml"
    return f"{object_type.name}_template.{kind}"


def template(object_type: ObjectType, kind: TemplateKind) -> bytes:
    """The empty file of this type. Equal types give equal bytes; imported untouched it gives no row and no error.

    CSV has the header row alone (UTF-8, commas). A JSONL file has no header row, so its template is one object whose values are
    all null, which the importer takes for a blank line; `jsonl_example` shows values. XLSX has the header row on its first sheet,
    the choices as dropdowns, id and text columns kept as text, and a second sheet that explains each column. KML is a document
    without a placemark that tells how to fill it in. Raises UnknownValue for a kind that this type does not have.
    """
    makers = {"csv": _csv, "jsonl": _jsonl, "xlsx": _xlsx, "kml": _kml}
    return makers[_known(kind, object_type)](object_type)


def _kml(object_type: ObjectType) -> bytes:
    from import_pipeline.reporting.kml_template import kml_template

    return kml_template(object_type)


def jsonl_example(object_type: ObjectType) -> str:
    """One line of a JSONL file of this type with an example in every column."""
    return json.dumps({c.key: example(c, object_type) for c in _columns(object_type)}, ensure_ascii=False)


def _known(kind: str, object_type: ObjectType) -> str:
    known = kinds_of(object_type)
    if kind not in known:
        raise UnknownValue("kind of template", kind, known)
    return kind


def _columns(object_type: ObjectType) -> list[Column]:
    return [object_type.column(key) for key in object_type.template_header]


def _csv(object_type: ObjectType) -> bytes:
    out = io.StringIO()
    csv.writer(out, lineterminator="\r\n").writerow(object_type.template_header)
    return out.getvalue().encode()


def _jsonl(object_type: ObjectType) -> bytes:
    return json.dumps(dict.fromkeys(object_type.template_header), ensure_ascii=False).encode() + b"\n"


def options(column: Column, object_type: ObjectType) -> tuple[str, ...]:
    """The values that a column takes, when they are a closed list."""
    listed = {"stage": object_type.stage_names, "loss_reason": object_type.loss_reasons}
    return listed.get(column.role, column.spec.choices)


def example(column: Column, object_type: ObjectType) -> str:
    """A value that the column takes."""
    spec = column.spec
    by_role = {"record_id": "", "external_id": "A-1001", "external_pin_id": "P-77", "parent": "A-1000"}
    if column.role in by_role:
        return by_role[column.role]
    if column.role == "owner":
        return next(iter(object_type.owner.users if object_type.owner else ()), _EXAMPLES["Email"])
    if column.role == "address":
        return _ADDRESS_EXAMPLES.get(column.key, "")
    choices = options(column, object_type)
    if choices:
        return spec.separator.join(choices[:2]) if spec.type == "MultiChoice" else choices[0]
    if spec.type in ("Date", "DateTime") and spec.formats[0] != "iso":
        return datetime.datetime(2024, 3, 31, 14, 30, tzinfo=datetime.UTC).strftime(spec.formats[0])
    if spec.type in ("Number", "Currency"):
        return _example_number(spec)
    return _EXAMPLES.get(spec.type, "" if spec.pattern else "text")


def _example_number(spec: FieldSpec) -> str:
    low, high = spec.min if spec.min is not None else float("-inf"), spec.max if spec.max is not None else float("inf")
    usual = float(_EXAMPLES[spec.type])
    return f"{min(max(usual, low), high):.{spec.decimals if spec.decimals is not None else 2 if spec.type == 'Currency' else 0}f}"


def _format_note(column: Column, object_type: ObjectType) -> str:
    spec = column.spec
    if column.role in _ROLE_NOTES:
        return _ROLE_NOTES[column.role].format(parent=object_type.parent.type if object_type.parent else "record")
    if column.role == "owner":
        return "e-mail address of a user"
    notes = [_FORMATS.get(spec.type, "")]
    if spec.type == "MultiChoice":
        notes.append(f"several values with {spec.separator} between them")
    if spec.type in ("Date", "DateTime"):
        notes = [" or ".join(_date_format(f, spec.type) for f in spec.formats)]
    if spec.min is not None or spec.max is not None:
        notes.append(" and ".join(f"{w} {v:g}" for w, v in (("at least", spec.min), ("at most", spec.max)) if v is not None))
    if spec.decimals is not None:
        notes.append(f"at most {spec.decimals} decimals")
    if spec.max_length is not None:
        notes.append(f"at most {spec.max_length} characters")
    if spec.pattern:
        notes.append(f"pattern {spec.pattern}")
    return "; ".join(note for note in notes if note)


def _date_format(stated: str, kind: str) -> str:
    return ("YYYY-MM-DD" if kind == "Date" else _FORMATS["DateTime"]) if stated == "iso" else stated


def _xlsx(object_type: ObjectType) -> bytes:
    out = io.BytesIO()
    book = xlsxwriter.Workbook(out, {"in_memory": True, "strings_to_formulas": False, "strings_to_urls": False})
    book.set_properties({"created": _MADE, "title": f"{object_type.name}: import template"})
    head = book.add_format({"bold": True, "bg_color": "#DDE7F3", "bottom": 1, "num_format": "@"})
    needed = book.add_format({"bold": True, "bg_color": "#F6D9A8", "bottom": 1, "num_format": "@"})
    as_text = book.add_format({"num_format": "@"})
    columns = _columns(object_type)
    sheet, fields = book.add_worksheet(_sheet_name(object_type.name)), book.add_worksheet(FIELDS_SHEET)
    lists = _choice_lists(book, columns, object_type)
    sheet.freeze_panes(1, 0)
    for place, column in enumerate(columns):
        sheet.set_column(place, place, max(12, min(40, len(column.key) + 3)), as_text if _stays_text(column) else None)
        sheet.write_string(0, place, column.key, needed if column.spec.required else head)
        if column.key in lists:
            sheet.data_validation(1, place, DROPDOWN_ROWS, place, lists[column.key])
    _explain(fields, columns, object_type, head, book.add_format({"text_wrap": True, "valign": "top", "num_format": "@"}))
    book.close()
    return out.getvalue()


def _sheet_name(name: str) -> str:
    """`name` as a sheet may be called: 31 characters, none of []:*?/\\ and no apostrophe at its ends."""
    plain = "".join("_" if c in "[]:*?/\\" else c for c in name)[:31].strip("'") or "Rows"
    return f"{plain[:30]}_" if plain.casefold() in (FIELDS_SHEET.casefold(), _CHOICES_SHEET.casefold(), "history") else plain


def _stays_text(column: Column) -> bool:
    """True where a spreadsheet would damage what is typed: ids, ZIP codes, phone numbers, house numbers, any text, dates.

    A date cell becomes a serial number of the sender's locale; as text it arrives as it was typed.
    """
    return column.spec.type not in ("Number", "Currency") and column.key not in ("Lat", "Lng")


def _choice_lists(book: Any, columns: Iterable[Column], object_type: ObjectType) -> dict[str, dict[str, Any]]:
    """A dropdown per column with a closed list of values; several of them in one cell may be typed, so that is no error."""
    lists: dict[str, dict[str, Any]] = {}
    sheet: Any = None
    for place, column in enumerate(c for c in columns if options(c, object_type)):
        values = options(column, object_type)
        source: Any = list(values)
        if len(",".join(values)) > _LIST_CHARS or any("," in v or v.startswith("=") or v != v.strip() for v in values):
            if sheet is None:
                sheet = book.add_worksheet(_CHOICES_SHEET)
                sheet.hide()
            for row, value in enumerate(values):
                sheet.write_string(row, place, value)
            letter = xlsxwriter.utility.xl_col_to_name(place, True)
            source = f"={_CHOICES_SHEET}!{letter}$1:{letter}${len(values)}"
        several = column.spec.type == "MultiChoice"
        lists[column.key] = {
            "validate": "list",
            "source": source,
            "error_type": "information" if several else "stop",
            "error_title": column.key[:32],
            "error_message": "Several values: check that each is in the list." if several else "Choose one of the listed values.",
        }
    return lists


def _explain(sheet: Any, columns: Iterable[Column], object_type: ObjectType, head: Any, body: Any) -> None:
    """The sheet that tells type, values, format and an example of each column."""
    for place, (title, width) in enumerate(zip(FIELDS_HEADER, (26, 14, 10, 44, 44, 30, 22), strict=True)):
        sheet.set_column(place, place, width)
        sheet.write_string(0, place, title, head)
    sheet.freeze_panes(1, 0)
    for row, told in enumerate(explained(object_type, columns), start=1):
        for place, text in enumerate(told):
            sheet.write_string(row, place, text[:32_767], body)


def explained(object_type: ObjectType, columns: Iterable[Column] | None = None) -> list[tuple[str, ...]]:
    """What FIELDS_HEADER names, of each column of the template, in its order."""
    return [
        (
            column.key,
            column.spec.type,
            "yes" if column.spec.required else "no",
            ", ".join(options(column, object_type)),
            _format_note(column, object_type),
            example(column, object_type),
            _UPDATES[column.update],
        )
        for column in (_columns(object_type) if columns is None else columns)
    ]
