"""`jobs`, `job`, `where`, `records`, `export`, `template`, `check`: what people and programs read."""

import csv
import io
import json
import re
import shutil
from pathlib import Path

import pytest

from import_pipeline.settings import PACKAGE
from import_pipeline_tests.cli.conftest import Run, runner
from import_pipeline_tests.lineage.kit import Home


def rows(text: str) -> list[dict[str, str]]:
    """CSV with a header."""
    return list(csv.DictReader(io.StringIO(text)))


def unboxed(text: str) -> str:
    """What a box holds, on one line."""
    return re.sub(r"[\s│]+", " ", text)


def test_jobs_are_listed_newest_first_and_can_be_narrowed(look: Run) -> None:
    """The latest question is nearly always about the latest file."""
    assert [o["file"] for o in look("jobs", "--json").objects] == ["Account_2.csv", "Contact_1.csv", "Account_1.csv"]
    assert [o["file"] for o in look("jobs", "--json", "-n", "1").objects] == ["Account_2.csv"]
    assert look("jobs", "--json", "--account", "door_to_door").objects == []
    assert look("jobs", "--json", "--state", "failed").objects == []
    assert "Account_2.csv" in look("jobs").stdout
    wrong = look("jobs", "--state", "aplied")
    assert (wrong.code, wrong.stdout) == (2, "")
    assert "Did you mean 'applied'?" in wrong.stderr


def test_a_job_tells_counts_grouped_errors_and_its_answers(look: Run) -> None:
    """One place for everything about one file."""
    (listed,) = (o for o in look("jobs", "--json").objects if o["file"] == "Account_1.csv")
    (told,) = look("job", listed["job"], "--json").objects
    assert {(e["code"], e["rows"], tuple(e["lines"])) for e in told["errors"]} == {("not_a_number", 1, (4,)), ("unknown_stage", 1, (4,))}
    shown = unboxed(look("job", listed["job"]).stdout)
    assert "did you mean 'Prospect'?" in shown and "3 rows, 2 good, 1 refused, 2 created" in shown
    unknown = look("job", "nojobid1")
    assert (unknown.code, unknown.stdout) == (2, "")
    assert "unknown job 'nojobid1'" in unknown.stderr


def test_records_are_printed_as_csv_and_as_json_lines(look: Run) -> None:
    """As the importer reads them: dates ISO 8601, booleans true and false, quotes where needed, letters of every script."""
    accounts = rows(look("records", "-a", "field_sales", "-t", "account").stdout)
    assert [(r["ExternalDataObjectId"], r["Name"], r["Employees"], r["Preferred Partner"]) for r in accounts] == [
        ("A-1", "Acme", "7", "true"),
        ("A-2", "Bolt, Inc.", "6", ""),
    ]
    objects = look("records", "-a", "field_sales", "-t", "Account", "--json").objects
    assert [(o["ExternalDataObjectId"], o["Employees"], o["Preferred Partner"]) for o in objects] == [("A-1", 7, True), ("A-2", 6, None)]
    (contact,) = look("records", "-a", "field_sales", "-t", "Contact", "--json").objects
    assert (contact["Name"], contact["RelatedTo"]) == ("Zoë", objects[0]["RecordID"])


def test_records_are_narrowed_by_values_and_number(look: Run) -> None:
    """Columns are named as a file's header may name them; a blank value finds what has none."""
    asked = ("records", "-a", "field_sales", "-t", "Account", "--json")
    assert [o["Name"] for o in look(*asked, "--where", "company=Bolt, Inc.").objects] == ["Bolt, Inc."]
    assert [o["Name"] for o in look(*asked, "--where", "Preferred Partner=", "--where", "Employees=6").objects] == ["Bolt, Inc."]
    assert [o["Name"] for o in look(*asked, "-n", "1").objects] == ["Acme"]
    assert look(*asked, "--where", "Name='; DROP TABLE store.account; --").objects == []
    wrong = look(*asked, "--where", "Nmae=x")
    assert (wrong.code, "Did you mean 'Name'?" in wrong.stderr) == (2, True)
    assert look(*asked, "--where", "Name").code == 2


def test_records_of_a_type_that_was_never_imported_are_a_header_alone(look: Run) -> None:
    """Nothing there is not an error."""
    assert rows(look("records", "-a", "door_to_door", "-t", "Lead").stdout) == []
    assert look("records", "-a", "door_to_door", "-t", "Lead").stdout.startswith("RecordID,ExternalLeadId,")


def test_an_export_is_written_with_its_manifest(look: Run, tmp_path: Path) -> None:
    """The same as a scheduled export, at once."""
    (told,) = look("export", "-a", "field_sales", "-t", "Account", "--out", tmp_path, "--format", "jsonl", "--json").objects
    lines = Path(told["path"]).read_text().splitlines()
    assert (told["rows"], [json.loads(line)["ExternalDataObjectId"] for line in lines]) == (2, ["A-1", "A-2"])
    assert Path(told["manifest"]).is_file()
    assert Path(told["path"]).parent == tmp_path
    unnamed = look("export", "-a", "field_sales")
    assert (unnamed.code, "name the object type with --type" in unnamed.stderr) == (2, True)


def test_templates_are_written_for_one_type_or_for_all(run: Run, home: Home, tmp_path: Path) -> None:
    """`make templates` gives every type's; one can be asked for alone."""
    written = {(o["account"], o["object_type"], Path(o["path"]).name) for o in run("template", "--json").objects}
    assert ("door_to_door", "Lead", "Lead_template.csv") in written and ("field_sales", "Contact", "Contact_template.xlsx") in written
    assert (home.pipeline.settings.landing / "field_sales" / "Templates" / "Account_template.csv").is_file()
    (one,) = run("template", "-a", "field_sales", "-t", "contact", "--kind", "csv", "-o", tmp_path / "t", "--json").objects
    assert Path(one["path"]).read_text().startswith("RecordID,ExternalDataObjectId,")
    wrong = run("template", "--kind", "xls")
    assert (wrong.code, "Did you mean 'xlsx'?" in wrong.stderr) == (2, True)


def test_where_goes_from_a_record_to_its_lines(look: Run) -> None:
    """Version by version, old and new, file, line and raw text (acceptance B-6)."""
    shown = look("where", "A-1").stdout
    assert "[1] create: Account_1.csv line 2 (job " in shown and "| A-1,Acme,5,Prospect,Y" in shown
    assert "version 2" in shown and "| A-1,Acme,7,Prospect," in shown
    (told,) = look("where", "A-1", "-a", "field_sales", "-t", "Account", "--json").objects
    assert [[(c["column"], c["old"], c["new"]) for c in v["changes"]] for v in told["versions"]][1] == [("Employees", "5", "7")]
    assert told["versions"][1]["valid_from"].endswith("Z")


def test_where_goes_from_a_line_to_its_record_or_its_errors(look: Run) -> None:
    """By the file's name and a line's number."""
    assert "→ create: Account " in look("where", "Account_1.csv", "--line", "3").stdout
    (refused,) = look("where", "Account_1.csv", "--line", "4", "--json").objects
    assert {e["code"] for e in refused["errors"]} == {"not_a_number", "unknown_stage"}
    assert [o["file"] for o in look("where", "Account_1.csv", "--json").objects] == ["Account_1.csv"]
    wrong = look("where", "A-404")
    assert (wrong.code, wrong.stdout) == (2, "")


def test_what_a_sender_wrote_cannot_steer_the_terminal(home: Home) -> None:
    """A cell with an escape sequence is shown, not obeyed."""
    home.deliver(home.csv("Account_1.csv", "ExternalDataObjectId,Name,Stage", "A-1,[red]Acme[/red],\x1b[31mProspct"))
    run = runner(home.environment)
    (told,) = run("jobs", "--json").objects
    job, line = run("job", told["job"]).stdout, run("where", "Account_1.csv", "--line", "2").stdout
    assert "\x1b" not in job + line
    assert "A-1,[red]Acme[/red],\\x1b[31mProspct" in line


def test_check_tells_every_fault_with_file_line_and_the_nearest_value(run: Run, tmp_path: Path) -> None:
    """Two broken files, both told; the good parts are still listed."""
    folder = tmp_path / "accounts" / "field_sales"
    shutil.copytree(PACKAGE / "defs" / "field_sales", folder)
    assert run("check", folder.parent).code == 0
    contact, defs = folder / "object_types" / "contact.yaml", folder / "defs.yaml"
    contact.write_text(contact.read_text().replace("type: Email", "type: Emial"))
    defs.write_text(defs.read_text().replace("daily: [Account, Contact,", "daily: [Account, Person,"))
    line, other = (
        next(n for n, text in enumerate(file.read_text().splitlines(), 1) if word in text)
        for file, word in ((contact, "Emial"), (defs, "Person"))
    )
    answer = run("check", folder.parent, "--json")
    (told,) = answer.objects
    assert (answer.code, told["ok"]) == (1, False)
    assert {(Path(f["file"]).name, f["line"]) for f in told["faults"]} >= {("contact.yaml", line), ("defs.yaml", other)}
    assert told["accounts"] == [
        {"account": "field_sales", "usable": True, "types": ["Account", "Opportunity", "Territory"], "left_out": ["Contact"], "formats": 0}
    ]
    shown = run("check", folder)
    assert shown.code == 1
    assert f"contact.yaml:{line}:" in shown.stdout and "Did you mean Email?" in shown.stdout


@pytest.mark.parametrize("name", ["check", "diff", "export", "import", "job", "jobs", "map", "records", "template", "up", "demo", "where"])
def test_every_command_explains_itself(run: Run, name: str) -> None:
    """`--help` is the only manual that is always at hand."""
    answer = run(name, "--help")
    assert answer.code == 0
    assert "Usage: import-pipeline" in answer.stdout or f" {name} " in answer.stdout
