"""Row errors: the one language in which refused values, rows and files are told (acceptance B-8).

Belongs here: a new code, with its severity and its sentence. Does not belong here: finding errors, writing files.
"""

from typing import Literal

from import_pipeline.model.base import Model

Severity = Literal["error", "warning"]


class Code(Model):
    """A stable code. `error` costs the row (or the file), `warning` does not."""

    code: str
    severity: Severity
    scope: Literal["row", "file"]
    help: str


def _row(code: str, text: str) -> Code:
    return Code(code=code, severity="error", scope="row", help=text)


def _warn(code: str, text: str, scope: Literal["row", "file"] = "row") -> Code:
    return Code(code=code, severity="warning", scope=scope, help=text)


def _file(code: str, text: str) -> Code:
    return Code(code=code, severity="error", scope="file", help=text)


CODES: dict[str, Code] = {
    c.code: c
    for c in (
        # read
        _row("field_count", "the row has more or fewer cells than the header"),
        _row("quote_unclosed", "a quote opens and never closes"),
        _row("quote_stray", "quotes inside unquoted cells: a delimiter or a quote is missing"),
        _row("quoting", "the quotes of this row follow no rule"),
        _row("nul_byte", "the row holds a NUL byte"),
        _row("header_repeated", "the header row again, in the middle of the file"),
        _row("line_too_long", "the line is longer than a row may be"),
        _row("bad_json", "the line is not valid JSON"),
        _row("not_an_object", "the line is JSON, but not an object"),
        _row("nested_value", "the value is a list or an object where one value is expected"),
        _row("unknown_key", "the column is not one that may be sent here"),
        _row("number_damaged", "a spreadsheet has turned this id into a rounded number"),
        _row("cell_error", "the cell holds a spreadsheet error"),
        _row("id_given", "a line that creates a record has an id"),
        _row("id_missing", "the line does not name the record that it changes"),
        # judged
        _row("required", "a required value is missing"),
        _row("not_a_number", "the value is not a number"),
        _row("too_many_decimals", "the number has more decimals than the field"),
        _row("too_many_digits", "the number has more digits than can be kept exactly"),
        _row("out_of_range", "the number is outside the field's range"),
        _row("not_a_boolean", "the value is neither yes nor no"),
        _row("not_a_date", "the value is not a date in the field's format"),
        _row("ambiguous_date", "day and month could be swapped"),
        _row("not_a_datetime", "the value is not a date and time in the field's format"),
        _row("not_an_email", "the value is not an e-mail address"),
        _row("not_a_phone", "the value is not a phone number"),
        _row("unknown_choice", "the value is not among the field's choices"),
        _row("not_the_fixed_value", "the column has one value for the whole import, and the row has another"),
        _row("unknown_stage", "the value is not a configured stage"),
        _row("unknown_loss_reason", "the value is not a configured loss reason"),
        _row("unknown_owner", "the value is not the e-mail of a known user"),
        _row("too_long", "the text is longer than the field"),
        _row("wrong_pattern", "the value does not fit the field's pattern"),
        _row("too_many_keys", "the value has more keys than a record may have"),
        _row("control_character", "the value holds a control character"),
        # shapes
        _row("bad_placemark", "the placemark is not built as KML says"),
        _row("not_a_polygon", "the placemark holds no polygon, or something else beside it"),
        _row("several_polygons", "the placemark holds several polygons where one is taken"),
        _row("polygon_with_hole", "the polygon has a hole"),
        _row("bad_coordinate", "a coordinate is not a pair of numbers, longitude first"),
        _row("coordinate_range", "a coordinate lies outside of longitude -180 to 180, latitude -90 to 90"),
        _row("too_many_points", "a ring has more points than one may have"),
        _row("ring_too_short", "a ring has fewer than four points"),
        _row("ring_not_closed", "a ring does not end where it begins"),
        _row("ring_crosses", "a border crosses or touches itself"),
        _row("crosses_antimeridian", "a border jumps over the 180th meridian"),
        _row("duplicate_title", "two territories of the file have the same title"),
        # related
        _row("unknown_record_id", "no record has this id"),
        _row("id_conflict", "record id and external id name two records"),
        _row("ambiguous_match", "several records fit this row"),
        _row("parent_not_found", "no record is the parent this row names"),
        _row("parent_expired", "the parent did not come within the time a row may wait"),
        _row("ambiguous_parent", "several records could be the parent this row names"),
        _row("no_such_record", "no record of this id is there to be deleted"),
        _row("do_not_track", "the record was deleted with the word that it must not come again"),
        _row("deleted_since", "a later import has deleted the record that this row made"),
        _row("nothing_available", "no reward of this unit is available"),
        _row("not_enough", "more than the value that is available"),
        _row("not_positive", "the value is not positive"),
        # warnings
        _warn("not_updatable", "the column cannot be changed by an update and was ignored"),
        _warn("mended", "the value was damaged in a way that could be mended with certainty"),
        _warn("account_deleted", "the account has no record left and is deleted with the last one"),
        _warn("account_kept", "the account has no record left and stays"),
        _warn("no_parent_territory", "no territory of the level above contains this one"),
        _warn("title_again", "a later file of the same delivery has this title; the last one counts"),
        _warn("outside_parent", "part of the territory lies outside of the one it belongs to"),
        _warn("overlap", "two territories of the same level overlap"),
        _warn("gap", "part of a territory belongs to none of those below it"),
        _warn("encoding_assumed", "the file is not UTF-8 and was read as Windows-1252", "file"),
        _warn("mojibake", "characters that look like text decoded twice", "file"),
        _warn("column_unknown", "a column that the object type does not have was not imported", "file"),
        _warn("column_ignored", "a column that the system makes itself was not imported", "file"),
        _warn("column_new", "a column that the file imported before did not have", "file"),
        _warn("column_gone", "a column of the file imported before is missing", "file"),
        _warn("column_renamed", "a column of the file imported before has another name", "file"),
        _warn("columns_reordered", "the columns stand in another order than in the file imported before", "file"),
        _warn("bom_removed", "a byte order mark stood before the header of a format that states it exactly", "file"),
        _warn("preamble_skipped", "lines before the header row were not imported", "file"),
        _warn("blank_lines", "blank lines were skipped", "file"),
        _warn("many_rows", "the file has more rows than are recommended", "file"),
        _warn("unknown_job", "rows say that they mend rows of a job that is no import of this type", "file"),
        _warn("member_skipped", "a member of the archive was not imported", "file"),
        # files
        _file("empty_file", "the file is empty"),
        _file("unreadable", "the file cannot be read"),
        _file("encoding", "the file's characters cannot be told"),
        _file("no_header", "no row looks like the header of this object type"),
        _file("header_duplicate", "two columns of the header mean the same"),
        _file("header_blank", "a column has no name"),
        _file("several_operations", "the delivery holds files of another operation on the same object type"),
        _file("header_mismatch", "the header is not that of the format"),
        _file("bad_format", "the saved format does not fit the object type"),
        _file("several_values", "a column that has one value in the whole file has several"),
        _file("too_many_columns", "the header has more columns than a file may have"),
        _file("cut_off", "the file looks cut off; nothing was imported"),
        _file("mostly_bad", "more than half of the rows cannot be read: wrong delimiter or quote?"),
        _file("unknown_object_type", "the file's name begins with no known object type"),
        _file("bad_xml", "the file is not well-formed XML"),
        _file("forbidden_xml", "the file declares entities or a document type, or includes other files"),
        _file("not_kml", "the file is XML, but not KML"),
        _file("no_placemarks", "the file holds no placemark"),
        _file("unsupported_kind", "files of this kind are not imported here"),
        _file("archive", "the archive is damaged, encrypted or dangerous"),
        _file("halted", "too many rows are refused and the policy is to halt"),
        _file("duplicate", "the same bytes were imported before"),
        _file("machine", "the import failed for a reason that is not in the file"),
    )
}


class FileFault(Model):
    """Why a whole file was refused. `line` and `column` where they are known."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    value: str | None = None
    expected: str | None = None
    suggestion: str | None = None


class Notice(Model):
    """Something about a file that its sender should know; costs no row."""

    code: str
    message: str
    line: int | None = None
    column: str | None = None
    rows: int | None = None
