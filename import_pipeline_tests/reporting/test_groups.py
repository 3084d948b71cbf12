"""Row errors in groups."""

import re

from import_pipeline.reporting.groups import FIRST_LINES, GROUPS, group_errors, markdown_table, text_table
from import_pipeline_tests.reporting.conftest import error_table, finding


def test_rows_with_the_same_fault_are_told_in_one_sentence() -> None:
    """Acceptance B-8: «812 rows: unknown stage Prospct, did you mean Prospect?»"""
    groups = group_errors(error_table(*(finding(n) for n in range(2, 1814))))
    (group,) = groups.frame.iter_rows(named=True)
    assert group["sentence"].startswith("1,812 rows: Stage: 'Prospct' is not a configured stage")
    assert group["sentence"].endswith("did you mean 'Prospect'?")
    assert (group["rows"], group["values"], group["lines"]) == (1812, 1, [2, 3, 4, 5, 6])
    assert dict(groups.frame.schema) == GROUPS


def test_groups_are_by_code_column_and_value() -> None:
    """Two spellings are two mistakes, the same spelling in two columns as well."""
    table = error_table(finding(2), finding(3), finding(4, value="New!"), finding(5, column="Status"), finding(5, code="too_long"))
    found = {(g["code"], g["column"], g["value"], g["rows"], tuple(g["lines"])) for g in group_errors(table).frame.to_dicts()}
    assert found == {
        ("unknown_stage", "Stage", "Prospct", 2, (2, 3)),
        ("unknown_stage", "Stage", "New!", 1, (4,)),
        ("unknown_stage", "Status", "Prospct", 1, (5,)),
        ("too_long", "Stage", "Prospct", 1, (5,)),
    }


def test_errors_come_before_warnings_and_many_rows_before_few() -> None:
    """What costs rows is read first."""
    table = error_table(
        *(finding(n, "Visit", "not_updatable", severity="warning") for n in range(2, 9)),
        finding(3, value="b"),
        finding(4, value="a"),
        finding(5, value="a"),
    )
    shown = group_errors(table).frame
    assert list(zip(shown["severity"], shown["value"], shown["rows"], strict=True)) == [
        ("error", "a", 2),
        ("error", "b", 1),
        ("warning", "Prospct", 7),
    ]


def test_many_different_values_become_one_group_with_examples() -> None:
    """3,000 groups of one row tell nobody anything; no nearest value is given for a mixture."""
    table = error_table(
        *(finding(n, "Amount", "not_a_number", value=f"x{n}", expected="a number", suggestion=f"{n}") for n in range(2, 3002))
    )
    groups = group_errors(table, top=10)
    last = groups.frame.row(0, named=True)
    assert (last["value"], last["values"], last["rows"], last["suggestion"]) == (None, 2990, 2990, None)
    assert last["lines"] == [12, 13, 14, 15, 16][:FIRST_LINES]
    assert last["sentence"] == (
        "2,990 rows: Amount: the value is not a number, 2,990 different values, for example 'x12', 'x13', 'x14'; expected a number"
    )
    assert groups.frame.height == 11 and groups.frame["rows"].sum() == 3000
    assert (groups.more_groups, groups.more_rows) == (0, 0)


def test_no_row_is_lost_between_what_is_shown_and_what_is_summed() -> None:
    """The totals of a receipt add up: groups shown and groups left out."""
    table = error_table(*(finding(n, f"Column {n % 97}", value=str(n % 389)) for n in range(2, 2002)))
    groups = group_errors(table, top=7)
    assert groups.frame["rows"].sum() + groups.more_rows == 2000
    assert groups.frame.height == 14 and groups.more_groups == 97 - 7


def test_the_order_of_the_findings_does_not_change_the_groups() -> None:
    """Stages may find errors in any order; the same file must get the same receipt."""
    table = error_table(*(finding(n, f"C{n % 5}", value=str(n % 61)) for n in range(2, 600)))
    one, other = group_errors(table, top=5), group_errors(table.sample(fraction=1, shuffle=True, seed=1), top=5)
    assert one.frame.equals(other.frame)


def test_a_row_with_the_same_finding_twice_counts_once() -> None:
    """Rows are counted, not findings."""
    assert group_errors(error_table(finding(2), finding(2))).frame["rows"].to_list() == [1]


def test_what_senders_wrote_cannot_become_markdown() -> None:
    """The table is shown in a web page: no picture, link, tag or column comes of a value."""
    value = "![x](http://evil) <img src=x> a|b `c`"
    table = markdown_table(group_errors(error_table(finding(2, value=value))))
    row = table.splitlines()[2]
    assert "<img" not in row and not re.search(r"(?<!\\)[\[\]`!]", row.replace("`unknown_stage`", ""))
    assert row.replace("\\|", "").count("|") == 6
    assert "&lt;img src=x&gt;" in row


def test_tables_tell_rows_lines_and_sentence() -> None:
    """The same groups for Dagster's metadata and for a terminal."""
    groups = group_errors(error_table(*(finding(n) for n in range(2, 12))))
    assert markdown_table(groups).splitlines()[2].startswith("| 10 | 2, 3, 4, 5, 6 | error | `unknown_stage` | Stage: 'Prospct' is")
    assert text_table(groups).splitlines()[1].startswith("  10  2, 3, 4, 5, 6, …  Stage: 'Prospct' is not a configured stage")


def test_no_errors_give_no_groups() -> None:
    """A clean file has an empty list, not a missing one."""
    groups = group_errors(error_table())
    assert groups.frame.is_empty() and dict(groups.frame.schema) == GROUPS
    assert markdown_table(groups) == text_table(groups) == "No row errors."
