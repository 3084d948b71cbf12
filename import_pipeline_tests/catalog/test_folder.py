"""An account is built from its good files; what is broken is left out, named, and takes nothing else down.

Belongs here: what load_account and load_accounts build. Does not belong here: the faults' words and places (test_faults.py).
"""

from datetime import timedelta
from pathlib import Path

import pytest

from import_pipeline.catalog import check_report, check_rows, load_account, load_accounts
from import_pipeline.failures import PermanentFailure
from import_pipeline.settings import PACKAGE
from import_pipeline_tests.catalog.folders import SOUND, write_account

BROKEN_TYPE = "name: Contact\nfields: [{name: Name, type: Txt}]\n"


def test_an_account_is_its_settings_its_types_with_their_users_and_its_formats(tmp_path: Path) -> None:
    """The one path from YAML to the model that every room works with."""
    account = load_account(write_account(tmp_path)).account
    assert account is not None
    assert (account.name, account.timezone, account.exports.daily) == ("demo", "America/New_York", ("Account", "Contact"))
    assert [t.name for t in account.parents_first] == ["Account", "Contact"]
    owner = account.object_type("Account").owner
    assert owner is not None and owner.users == ("ana@acme.example", "ben@acme.example")
    assert account.format("web").columns == {"Full Name": "Name", "House #": None}


def test_a_broken_type_is_left_out_with_what_relies_on_it_and_the_others_stay(tmp_path: Path) -> None:
    """One typing error must not stop the imports of every other type (DESIGN section 7)."""
    loaded = load_account(write_account(tmp_path, object_types__contact=BROKEN_TYPE))
    assert loaded.account is not None
    assert [t.name for t in loaded.account.object_types] == ["Account"]
    assert loaded.account.exports.daily == ("Account",)
    assert loaded.account.formats == ()
    assert set(loaded.broken_types) == {"Contact"}
    where = {(f.file.name, f.path, f.message.split(":")[0]) for f in loaded.faults}
    assert where == {
        ("contact.yaml", "fields[0].type", loaded.broken_types["Contact"][0].message.split(":")[0]),
        ("defs.yaml", "attributes.exports.daily[1]", "the object type 'Contact' is broken"),
        ("web.yaml", "object_type", "the object type 'Contact' is broken"),
    }


def test_children_and_grandchildren_of_a_broken_type_are_left_out_and_say_which_file_to_mend(tmp_path: Path) -> None:
    """Without their parents' type their rows could never be related."""
    loaded = load_account(
        write_account(
            tmp_path,
            object_types__account="name: Account\n",
            object_types__visit="name: Visit\nparent: {type: Contact}\nfields: [{name: A}]\n",
        )
    )
    assert loaded.account is not None and loaded.account.object_types == ()
    assert {name: [f.message for f in found] for name, found in loaded.broken_types.items()} == {
        "Account": ["the key 'fields' is missing"],
        "Contact": ["the object type 'Account' is broken: mend object_types/account.yaml first"],
        "Visit": ["the object type 'Contact' is broken: mend object_types/contact.yaml first"],
    }


def test_a_type_that_cannot_be_read_is_named_by_its_file(tmp_path: Path) -> None:
    """A failed check needs a name even when the file gives none."""
    loaded = load_account(write_account(tmp_path, object_types__visit="name: [\n"))
    assert set(loaded.broken_types) == {"visit"}
    assert loaded.account is not None and len(loaded.account.object_types) == 2


def test_users_that_cannot_be_trusted_break_the_types_that_name_them(tmp_path: Path) -> None:
    """With a shorter list of users good rows would be refused as «unknown owner»."""
    loaded = load_account(write_account(tmp_path, owners="- ana@acme.example\n- ben\n"))
    assert {f.message for f in loaded.broken_types["Account"]} == {"owners.yaml has faults of its own: mend them first"}
    assert ("owners.yaml", 2) in {(f.file.name, f.line) for f in loaded.faults}


@pytest.mark.parametrize("defs", [None, "", "type: x\n", SOUND["defs.yaml"].replace("demo", "other")])
def test_a_broken_defs_yaml_gives_no_account_but_its_types_are_judged(defs: str | None, tmp_path: Path) -> None:
    """An account under the wrong name or with unknown doors would import into the wrong place."""
    loaded = load_account(write_account(tmp_path, defs=defs, object_types__contact=BROKEN_TYPE))
    assert loaded.account is None
    assert {"defs.yaml", "contact.yaml"} <= {f.file.name for f in loaded.faults}
    assert set(loaded.broken_types) == {"Contact"}


def test_words_and_digits_without_quotes_stay_what_was_typed(tmp_path: Path) -> None:
    """YAML 1.1 would read No as false, 12:30 as 750, 2026-11-01 as a date and 01234 as the number 668."""
    contact = "name: Contact\nfields:\n  - {name: A, type: SingleChoice, choices: [Yes, No, on, 12:30, 2026-11-01, 01234]}\n"
    defs = SOUND["defs.yaml"].replace("}", ", at: 12:30}").replace("Account, Contact", "Contact")
    loaded = load_account(write_account(tmp_path, object_types__contact=contact, defs=defs, formats__web=None))
    assert loaded.faults == () and loaded.account is not None
    assert loaded.account.object_type("Contact").fields[0].choices == ("Yes", "No", "on", "12:30", "2026-11-01", "01234")
    assert loaded.account.exports.at == "12:30"


def test_a_name_may_be_the_beginning_of_another_name(tmp_path: Path) -> None:
    """In file names the longest type name wins (acceptance S-3), so this is no fault."""
    longer = "name: Contact_Person\nfields: [{name: A}]\n"
    assert load_account(write_account(tmp_path, object_types__contact_person=longer)).faults == ()


def test_accounts_are_all_folders_but_hidden_and_private_ones(tmp_path: Path) -> None:
    """`__pycache__` and editors' folders are no tenants; a folder that lost its defs.yaml is one, and says so."""
    write_account(tmp_path)
    for name in (".git", "__pycache__", "lost"):
        (tmp_path / name).mkdir()
    (tmp_path / "README.md").write_text("")
    loaded = load_accounts(tmp_path)
    assert [(one.name, one.account is not None) for one in loaded] == [("demo", True), ("lost", False)]
    with pytest.raises(PermanentFailure, match="IMPORT_PIPELINE_ACCOUNTS"):
        load_accounts(tmp_path / "missing")


def test_the_report_names_every_fault_and_what_is_left_out(tmp_path: Path) -> None:
    """It is all that `import-pipeline check` shows; its first part is a link in editors and terminals."""
    write_account(tmp_path, object_types__contact=BROKEN_TYPE, formats__web=None)
    loaded = load_accounts(tmp_path)
    lines = check_report(loaded, relative_to=tmp_path).splitlines()
    assert lines[0].startswith("demo/defs.yaml:5:30: attributes.exports.daily[1]: the object type 'Contact' is broken")
    assert lines[1].startswith("demo/object_types/contact.yaml:2:29: fields[0].type: 'Txt' is not a field type; known: Text,")
    assert lines[2:] == ["demo: Account; left out: Contact", "1 account, 1 object type, 2 faults"]
    (row,) = check_rows(loaded)
    assert (row.usable, row.types, row.broken, len(row.faults)) == (True, ("Account",), ("Contact",), 2)


def test_the_shipped_accounts_have_no_faults_and_hold_what_the_readme_shows() -> None:
    """They are the demo, the first thing that a new user sees."""
    loaded = {one.name: one for one in load_accounts(PACKAGE / "defs")}
    assert check_report(list(loaded.values())).splitlines()[-1].endswith(" 0 faults")
    field_sales, door_to_door = loaded["field_sales"].account, loaded["door_to_door"].account
    assert field_sales is not None and door_to_door is not None
    assert [t.name for t in field_sales.parents_first] == ["Territory", "Account", "Contact", "Opportunity"]
    assert (field_sales.exports.daily, field_sales.exports.weekly) == (("Account", "Contact", "Territory"), ("Opportunity",))
    assert (door_to_door.mode, door_to_door.exports.daily) == ("classic", ("Lead",))
    assert door_to_door.object_type("Lead").match == (("Email",), ("Address",))
    assert field_sales.doors.tree.settle == timedelta(seconds=3) and field_sales.doors.tree.interval == timedelta(seconds=2)


def test_every_shipped_field_and_type_is_described() -> None:
    """Descriptions become the columns' help in templates and in the user interface."""
    for one in load_accounts(PACKAGE / "defs"):
        assert one.account is not None
        for object_type in one.account.object_types:
            assert object_type.description, object_type.name
            assert [f.name for f in object_type.fields if not f.description] == [], object_type.name


def test_the_real_senders_header_is_understood_by_the_shipped_account() -> None:
    """The header of systems.md 1.1 is the best known file of a real sender (acceptance S-11)."""
    loaded = load_account(PACKAGE / "defs" / "field_sales")
    assert loaded.account is not None
    header = (
        "ID,Address (house # & street name),House #,Street,City,ZIP,State,Country,Longitude,Latitude,Creation date,ACCOUNT OWNER EMAIL,"
        "Last Visit Result,Last Visit Date,Visit Count,Field Company,Field Customer ID,Field Unit,Field Late A/R 0-30,Stage,"
        "Field Account Market"
    )
    mapped = loaded.account.object_type("Account").map_header(tuple(header.split(",")))
    assert (mapped.unknown, mapped.duplicates) == ((), ())
    assert mapped.ignored == ("Creation date", "Last Visit Date", "Visit Count")
    assert [k for k in mapped.keys if k][-5:] == ["Customer ID", "Unit", "Late A/R 0-30", "Stage", "Account Market"]
