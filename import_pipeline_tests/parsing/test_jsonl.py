"""JSON lines: one object a line, numbers as they are written, one level of nesting.

Belongs here: rules of JSONL. Does not belong here: what all kinds of files share (test_stage.py).
"""

from pathlib import Path

import pytest

from import_pipeline.parsing import jsonl
from import_pipeline.store.staging import POS
from import_pipeline_tests.parsing.lab import Parsed, parse


def read(folder: Path, *lines: str, end: str = "\n") -> Parsed:
    """Parses these lines as one JSONL file."""
    return parse(folder, ("\n".join(lines) + end).encode(), kind="jsonl")


def test_values_keep_the_text_they_are_written_with(tmp_path: Path) -> None:
    """12.50 is money and 12345678901234567890 an id: going through a floating point number would change both."""
    got = read(tmp_path, '{"Name": 12345678901234567890, "Amount": 12.50, "Notes": true}', '{"Amount": 1e3, "Name": null, "Notes": "1.0"}')
    assert got.cells("Name", "Amount", "Notes") == [(1, "12345678901234567890", "12.50", "true"), (2, None, "1e3", "1.0")]


def test_one_level_of_nesting_is_joined_with_dots_and_lists_fill_multi_choices(tmp_path: Path) -> None:
    """Acceptance A-5: dotted CSV and nested JSONL give the same."""
    got = read(tmp_path, '{"event": {"key": "sale", "other": {"deep": 1}}, "Interests": ["Solar", "Roof"]}')
    assert got.cells("event.key", "Interests") == [(1, "sale", "Solar;Roof")]
    assert {n.column for n in got.file.notices} == {"event.other"}


@pytest.mark.parametrize(
    ("line", "column", "code"),
    [
        ('{"Name": "x"', None, "bad_json"),
        ('{"Name": NaN}', None, "bad_json"),
        ('{"Name": "a", "Name": "b"}', None, "bad_json"),
        ('{"event": {"key": 1}, "event.key": 2}', None, "bad_json"),
        ('{"Name": "\\ud83d"}', "Name", "bad_json"),
        ('{"Name": "a\\u0000"}', "Name", "nul_byte"),
        ("[1, 2]", None, "not_an_object"),
        ("7", None, "not_an_object"),
        ('{"Name": ["a"]}', "Name", "nested_value"),
        ('{"event": {"key": {"deep": 1}}}', "event.key", "nested_value"),
        ('{"Interests": [["a"]]}', "Interests", "nested_value"),
        ("[" * 100_000, None, "bad_json"),
    ],
)
def test_a_line_that_is_no_plain_object_costs_that_line_only(tmp_path: Path, line: str, column: str | None, code: str) -> None:
    """Also a key that occurs twice, of which readers keep the last in silence."""
    got = read(tmp_path, '{"Name": "before"}', line, "", '{"Name": "after"}')
    assert got.told() == {(0, 2, column, code)}
    assert got.rows.select("_line", POS, "Name").rows() == [(1, 0, "before"), (4, 2, "after")]


def test_the_place_of_the_fault_is_told(tmp_path: Path) -> None:
    """Lines of JSON are long."""
    got = read(tmp_path, '{"Name": "x", }', '{"Name": "y"}')
    assert "column 15" in got.errors["expected"][0]


def test_a_column_that_comes_late_is_in_every_part(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Keys are known only when they come; parts written before get the column with nulls."""
    monkeypatch.setattr(jsonl, "_PEEK", 10)
    monkeypatch.setattr("import_pipeline.parsing.parts.PART_ROWS", 1)
    got = parse(tmp_path, b'{"Name": "a"}\n', b'{"Name": "b", "Email": "e"}\n', b'{"Phone": "1"}\n', kind="jsonl")
    assert len(got.out.parts("rows")) >= 3
    assert got.rows.select("Name", "Email", "Phone").rows() == [("a", None, None), ("b", "e", None), (None, None, "1")]


def test_two_keys_of_one_object_that_mean_the_same_refuse_the_file(tmp_path: Path) -> None:
    """Which one would win is nobody's guess; in different objects they are one column."""
    assert read(tmp_path, '{"Name": "a"}', '{"name": "b"}').cells("Name") == [(1, "a"), (2, "b")]
    fault = read(tmp_path, '{"Name": "a"}', '{"Name": "a", "name": "b"}').file.fault
    assert fault and (fault.code, fault.line) == ("header_duplicate", 2)


@pytest.mark.parametrize(
    ("text", "code"), [('{"Name": "a"}\n{"Na', "cut_off"), ('{"x": 1}\n', "no_header"), ("", "empty_file"), ("{\n" * 50, "mostly_bad")]
)
def test_a_file_that_cannot_be_trusted_is_refused(tmp_path: Path, text: str, code: str) -> None:
    """The same faults as for other kinds of files."""
    got = parse(tmp_path, text.encode(), kind="jsonl")
    assert got.file.fault and got.file.fault.code == code and got.rows.height == 0 and got.told() == set()


def test_an_overlong_line_costs_that_line(tmp_path: Path) -> None:
    """Whether or not it fits into a block."""
    long = '{"Name": "' + "x" * (9 << 20) + '"}'
    got = read(tmp_path, '{"Name": "a"}', long, '{"Name": "' + "y" * (2 << 20) + '"}', '{"Name": "b"}')
    assert got.told() == {(0, 2, None, "line_too_long"), (0, 3, None, "line_too_long")}
    assert got.cells("Name") == [(1, "a"), (4, "b")]
