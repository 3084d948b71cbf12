"""From a file and a line to what became of it, and the names by which a file or a record can be asked for (acceptance B-6)."""

import hashlib
from pathlib import Path

import pytest
import xlsxwriter

from import_pipeline.failures import PermanentFailure
from import_pipeline.lineage.asking import find
from import_pipeline.lineage.files import line_lineage
from import_pipeline.lineage.model import FileLineage
from import_pipeline_tests.lineage.kit import Home

HEADER = "ExternalDataObjectId,Name,Employees,Stage"


def test_a_line_names_its_record_and_what_it_did_to_it(home: Home) -> None:
    """The sender knows lines, the store knows records."""
    home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect", "A-2,Bolt,6,Prospect"))
    job = home.deliver(home.csv("Account_2.csv", HEADER, "A-2,Bolt,6,Prospect", "A-1,Acme,9,Prospect"))["Account_2.csv"]
    told = {line: line_lineage(home.sources, job, line) for line in (2, 3)}
    assert {line: [(r.external_id, r.action) for r in t.records] for line, t in told.items()} == {
        2: [("A-2", "unchanged")],
        3: [("A-1", "update")],
    }
    assert told[3].records[0].record_id == home.record("A-1").record_id
    assert told[3].row.raw == "A-1,Acme,9,Prospect"


def test_a_refused_line_names_its_errors_in_the_words_of_the_receipt(home: Home) -> None:
    """One language for errors everywhere (acceptance B-8)."""
    job = home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect", "A-2,Bolt,many,Prospct"))["Account_1.csv"]
    told = line_lineage(home.sources, job, 3)
    assert {(e["code"], e["column"], e["value"], e["suggestion"]) for e in told.errors} == {
        ("not_a_number", "Employees", "many", None),
        ("unknown_stage", "Stage", "Prospct", "Prospect"),
    }
    assert any(str(e["sentence"]).startswith("Stage: 'Prospct' is not a configured stage") for e in told.errors)
    assert (told.records, told.parked, told.row.raw) == ((), False, "A-2,Bolt,many,Prospct")


def test_any_line_of_a_row_stands_for_the_row(home: Home) -> None:
    """An editor shows the cursor's line, which may be in the middle of a cell."""
    path = home.csv("Account_1.csv", "ExternalDataObjectId,Name,Notes", 'A-1,Acme,"one', "two", 'three"', "A-2,Bolt,")
    job = home.deliver(path)["Account_1.csv"]
    told = [line_lineage(home.sources, job, line) for line in (2, 3, 4)]
    assert {(t.row.line, t.row.end, t.records[0].external_id) for t in told} == {(2, 4, "A-1")}


def test_a_header_line_and_a_line_behind_the_end_are_told_as_no_row(home: Home) -> None:
    """They became nothing, and nothing is wrong with them."""
    job = home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect"))["Account_1.csv"]
    header, behind = (line_lineage(home.sources, job, line) for line in (1, 99))
    assert (header.records, header.errors, header.row.raw) == ((), (), HEADER)
    assert (behind.records, behind.errors, behind.row.raw) == ((), (), None)


def test_a_line_that_waits_for_its_parent_says_so_until_the_parent_comes(home: Home) -> None:
    """It is neither lost nor refused (acceptance B-4)."""
    job = home.deliver(home.csv("Contact_1.csv", "ExternalDataObjectId,RelatedTo,Name", "C-1,A-1,Ana"))["Contact_1.csv"]
    waiting = line_lineage(home.sources, job, 2)
    home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect"))
    came = line_lineage(home.sources, job, 2)
    assert (waiting.parked, waiting.records) == (True, ())
    assert (came.parked, [(r.external_id, r.action) for r in came.records]) == (False, [("C-1", "create")])


def test_a_sheets_row_is_found_by_its_number(home: Home) -> None:
    """A workbook has no lines; people see the row's number at its left."""
    path = home.files / "Account_1.xlsx"
    book = xlsxwriter.Workbook(path)
    sheet = book.add_worksheet("Data")
    for row, cells in enumerate((HEADER.split(","), ["A-1", "Acme, Inc.", 5, "Prospect"])):
        sheet.write_row(row, 0, cells)
    book.close()
    job = home.deliver(path)["Account_1.xlsx"]
    told = line_lineage(home.sources, job, 2)
    assert (told.row.raw, [r.external_id for r in told.records]) == ('A-1,"Acme, Inc.",5,Prospect', ["A-1"])


def test_both_ways_meet_for_every_line_of_a_sample(home: Home) -> None:
    """From each line to its record and back to the same line: neither direction may point elsewhere."""
    sample = Path(__file__).parents[2] / "data/samples/field_sales/1_first/Account_customer_file.csv"
    job = home.deliver(sample)[sample.name]
    lines = range(2, 32, 5)
    back = {line: home.record(line_lineage(home.sources, job, line).records[0].record_id).versions[0].rows for line in lines}
    assert {line: [(row.job, row.line) for row in rows] for line, rows in back.items()} == {line: [(job.id, line)] for line in lines}
    told = sample.read_bytes().decode("cp1252").splitlines()
    assert {line: rows[0].raw for line, rows in back.items()} == {line: told[line - 1] for line in lines}


def test_a_file_is_found_by_path_name_hash_and_job(home: Home) -> None:
    """Whatever a person has at hand: the file, the name in a mail, the hash in a receipt, the job in a file's name."""
    path = home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect")
    job = home.deliver(path)["Account_1.csv"]
    sha256 = hashlib.sha256(path.read_bytes()).hexdigest()
    names = (str(path), "Account_1.csv", sha256, sha256[:12].upper(), job.id)
    assert {name: [j.id for j in home.file(name)] for name in names} == {name: [job.id] for name in names}


def test_a_file_on_this_machine_that_never_arrived_is_told_as_such(home: Home) -> None:
    """An edited copy is another file, whatever its name."""
    home.deliver(home.csv("Account_1.csv", HEADER, "A-1,Acme,5,Prospect"))
    edited = home.write("edited.csv", "something else")
    found = find(home.sources, str(edited))
    assert isinstance(found, FileLineage)
    assert (found.jobs, found.waiting) == ((), ("edited.csv: these bytes have never arrived",))


def test_a_record_is_found_by_its_record_id_and_by_its_external_id_in_any_type(home: Home) -> None:
    """The same external id may stand in two types; a type narrows it."""
    accounts = home.csv("Account_1.csv", HEADER, "X-1,Acme,5,Prospect")
    home.deliver(accounts, home.csv("Contact_1.csv", "ExternalDataObjectId,RelatedTo,Name", "X-1,X-1,Ana"))
    found = find(home.sources, "X-1")
    assert isinstance(found, list) and {key.object_type for key in found} == {"Account", "Contact"}
    contact = home.record("X-1", "contact")
    assert contact.object_type == "Contact"
    assert home.record(contact.record_id).external_id == "X-1"


def test_what_is_nothing_is_refused_with_what_it_could_have_been(home: Home) -> None:
    """A typing error must not look like «this record has no history»."""
    with pytest.raises(PermanentFailure, match=r"nothing is known of 'A-404'.*no record id, no external id, no job"):
        find(home.sources, "A-404")
