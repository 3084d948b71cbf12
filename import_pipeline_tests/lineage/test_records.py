"""From a record back to the lines that made it (acceptance B-6)."""

import hashlib
import shutil
import zipfile

from import_pipeline.lineage.model import FieldChange, RecordLineage, Version
from import_pipeline_tests.lineage.kit import Home

HEADER = "ExternalDataObjectId,Name,Employees,Stage,Industry"


def given(version: Version) -> dict[str, tuple[str | None, str | None, list[tuple[str, int]]]]:
    """column → (old, new, the rows that gave it as (file, line))."""
    assert version.changes is not None
    return {c.column: (c.old, c.new, [(g.file, g.line) for g in c.given_by]) for c in version.changes}


def change(record: RecordLineage, version: int, column: str) -> FieldChange:
    """One field's change in one version."""
    changes = record.versions[version - 1].changes
    assert changes is not None
    return next(c for c in changes if c.column == column)


def test_every_field_of_a_new_record_names_the_file_the_line_and_its_text(home: Home) -> None:
    """Without the line, «where does this value come from?» ends at a file of a million rows."""
    path = home.csv("Account_a.csv", HEADER, "A-1,Acme,5,Prospect,Solar", "A-2,Bolt,6,Prospect,")
    job = home.deliver(path)["Account_a.csv"]
    record = home.record("A-2")
    row = record.versions[0].rows[0]
    assert (row.job, row.file, row.line, row.action) == (job.id, "Account_a.csv", 3, "create")
    assert (row.sha256, row.raw) == (hashlib.sha256(path.read_bytes()).hexdigest(), "A-2,Bolt,6,Prospect,")
    assert given(record.versions[0]) == {
        "ExternalDataObjectId": (None, "A-2", [("Account_a.csv", 3)]),
        "Name": (None, "Bolt", [("Account_a.csv", 3)]),
        "Employees": (None, "6", [("Account_a.csv", 3)]),
        "Stage": (None, "Prospect", [("Account_a.csv", 3)]),
    }


def test_an_update_tells_old_and_new_of_the_changed_fields_only(home: Home) -> None:
    """What an update left alone did not come from it."""
    home.deliver(home.csv("Account_a.csv", HEADER, "A-1,Acme,5,Prospect,Solar"))
    home.deliver(home.csv("Account_b.csv", HEADER, "A-0,Other,1,Prospect,", "A-1,Acme,7,Prospect,"))
    first, second = home.record("A-1").versions
    assert given(second) == {"Employees": ("5", "7", [("Account_b.csv", 3)])}
    assert second.rows[0].raw == "A-1,Acme,7,Prospect,"
    assert (first.valid_to, second.valid_to) == (second.valid_from, None)
    assert first.ended_by == second.rows[0].job


def test_of_rows_folded_into_one_change_each_field_names_the_row_that_gave_it(home: Home) -> None:
    """Three rows of two files make one new record; the last value that is not blank wins, column by column."""
    one = home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,Solar", "A-1,Renamed,,Qualified,")
    two = home.csv("Account_2.csv", HEADER, "A-9,Else,1,Prospect,", "A-1,,8,,")
    home.deliver(one, two)
    (version,) = home.record("A-1").versions
    assert [(r.file, r.line, r.action) for r in version.rows] == [
        ("Account_1.csv", 2, "create"),
        ("Account_1.csv", 3, "update"),
        ("Account_2.csv", 3, "update"),
    ]
    assert given(version) == {
        "ExternalDataObjectId": (None, "A-1", [("Account_1.csv", 2)]),
        "Name": (None, "Acme", [("Account_1.csv", 2)]),
        "Employees": (None, "8", [("Account_2.csv", 3)]),
        "Stage": (None, "Qualified", [("Account_1.csv", 3)]),
        "Industry": (None, "Solar", [("Account_1.csv", 2)]),
    }


def test_when_staging_is_pruned_a_folded_field_names_every_row_that_took_part(home: Home) -> None:
    """Naming one of them would be a guess; the lines themselves are still in the vault."""
    home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,Solar", "A-1,Acme,6,Qualified,"))
    for part in home.pipeline.settings.staging.glob("**/rows-*.parquet"):
        part.unlink()
    told = change(home.record("A-1"), 1, "Stage")
    assert [(g.line, g.raw) for g in told.given_by] == [(2, "A-1,Acme,5,Prospect,Solar"), (3, "A-1,Acme,6,Qualified,")]
    assert (told.new, told.sent) == ("Qualified", None)


def test_a_value_is_told_as_it_was_sent_beside_what_became_of_it(home: Home) -> None:
    """`03/31/2024` became a date and `Y` a boolean: whoever looks for the cell finds it by what was written."""
    header = "ExternalDataObjectId,Name,Customer Since,Preferred Partner"
    home.deliver(home.csv("Account_1.csv", header, "A-1,Acme,03/31/2024,Y"))
    record = home.record("A-1")
    assert [(c.sent, c.new) for c in (change(record, 1, "Customer Since"), change(record, 1, "Preferred Partner"))] == [
        ("03/31/2024", "2024-03-31"),
        ("Y", "true"),
    ]


def test_a_row_over_several_lines_is_told_whole(home: Home) -> None:
    """A cell may hold line ends; half of the row would be no row."""
    home.deliver(home.csv("Account_1.csv", "ExternalDataObjectId,Name,Notes", 'A-1,Acme,"first', 'second"', "A-2,Bolt,"))
    row = home.record("A-1").versions[0].rows[0]
    assert (row.line, row.end, row.raw) == (2, 3, 'A-1,Acme,"first\nsecond"')


def test_a_record_from_an_archive_names_the_archive_and_the_member(home: Home) -> None:
    """The sender has the archive, not the member."""
    path = home.files / "sent.zip"
    with zipfile.ZipFile(path, "w") as archive:
        archive.writestr("deep/Account_in.csv", f"{HEADER}\nA-1,Acme,5,Prospect,\n")
    home.deliver(path)
    row = home.record("A-1").versions[0].rows[0]
    assert (row.archive, row.member, row.file, row.line) == ("sent.zip", "deep/Account_in.csv", "Account_in.csv", 2)
    assert row.raw == "A-1,Acme,5,Prospect,"


def test_a_child_that_waited_names_its_own_file_and_its_parent(home: Home) -> None:
    """The parent's delivery made the record, the child's file gave the values."""
    home.deliver(home.csv("Contact_1.csv", "ExternalDataObjectId,RelatedTo,Name", "C-1,A-1,Ana"))
    parents = home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,"))["Account_1.csv"]
    record, parent = home.record("C-1"), home.record("A-1")
    (version,) = record.versions
    assert given(version)["RelatedTo"] == (None, parent.record_id, [("Contact_1.csv", 2)])
    assert given(version)["Name"] == (None, "Ana", [("Contact_1.csv", 2)])
    assert version.change_set is not None and version.change_set.startswith(parents.delivery)
    assert [(r.file, r.raw) for r in version.rows] == [("Contact_1.csv", "C-1,A-1,Ana")]


def test_an_address_names_the_row_that_made_the_pin(home: Home) -> None:
    """Two records share a pin: the address of the second came with the first, whatever its own row says (acceptance S-6)."""
    header = "ExternalDataObjectId,Name,ExternalPinId,Street,City"
    home.deliver(home.csv("Account_1.csv", header, "A-1,Acme,P-1,Main St,Denver", "A-2,Bolt,P-1,Elm St,Boston"))
    assert given(home.record("A-2").versions[0])["Street"] == (None, "Main St", [("Account_1.csv", 2)])


def test_when_the_original_has_left_the_vault_the_place_is_still_told(home: Home) -> None:
    """Retention ends for bytes, not for the knowledge where a value came from."""
    home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect,"))
    shutil.rmtree(home.pipeline.settings.vault)
    row = home.record("A-1").versions[0].rows[0]
    assert (row.file, row.line, row.raw) == ("Account_1.csv", 2, None)
