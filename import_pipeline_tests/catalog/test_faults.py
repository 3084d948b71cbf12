"""Each kind of mistake in an account's YAML is told with its exact place and with what would have been right.

Belongs here: one row of the table per kind of mistake. Does not belong here: what is built from the good parts (test_folder.py).
"""

from pathlib import Path

import pytest

from import_pipeline.catalog import load_account
from import_pipeline_tests.catalog.folders import SOUND, write_account

ACCOUNT, CONTACT, WEB, DEFS = (
    SOUND[f] for f in ("object_types/account.yaml", "object_types/contact.yaml", "formats/web.yaml", "defs.yaml")
)
FIELD = "name: Contact\nfields:\n  - {name: Name}\n  - "

CASES: dict[str, tuple[str, str | bytes | None, int, int, str, str]] = {
    # file (without .yaml, `__` for `/`), its content, line, column, path, a part of the message
    "a misspelt key of a field": (
        "object_types__contact",
        FIELD + "{name: Mail, requred: true}",
        4,
        18,
        "fields[1].requred",
        "unknown key 'requred'; known: name, type, required, custom, system, update, choices, spellings, participation, separator, "
        "formats, pattern, max_length, min, max, decimals, multipolygons, keys, max_keys, computed, description. Did you mean 'required'?",
    ),
    "a misspelt key of a type": ("object_types__contact", CONTACT + "feilds: []\n", 8, 1, "feilds", "Did you mean 'fields'?"),
    "a misspelt key deep in defs.yaml": (
        "defs",
        DEFS + "  doors:\n    tree: {settel: 5s}\n",
        7,
        12,
        "attributes.doors.tree.settel",
        "unknown key 'settel'; known: enabled, settle, cut_settle, interval. Did you mean 'settle'?",
    ),
    "an unknown field type": ("object_types__contact", FIELD + "{name: A, type: Nmber}", 4, 21, "fields[1].type", "Did you mean Number?"),
    "an attachment field": ("object_types__contact", FIELD + "{name: A, type: Attachment}", 4, 21, "fields[1].type", "cannot be imported"),
    "a choice field without choices": (
        "object_types__contact",
        FIELD + "{name: A, type: SingleChoice}",
        4,
        5,
        "fields[1]",
        "A: a SingleChoice field needs choices",
    ),
    "a missing name": ("object_types__contact", FIELD + "{type: Text}", 4, 5, "fields[1].name", "the key 'name' is missing"),
    "no fields": ("object_types__contact", "name: Contact\nfields: []\n", 2, 9, "fields", "the list may not be empty"),
    "nothing where a list belongs": (
        "object_types__contact",
        "name: Contact\nfields:\n",
        2,
        8,
        "fields",
        "a list is expected, such as [A, B], not nothing",
    ),
    "a bare name where a rule belongs": (
        "object_types__contact",
        CONTACT.replace("[[Email]]", "[Email]"),
        3,
        9,
        "match[0]",
        "a list is expected, such as [A, B], not 'Email'",
    ),
    "a number where text belongs": (
        "object_types__contact",
        FIELD + "{name: A, type: SingleChoice, choices: [10, 20]}",
        4,
        45,
        "fields[1].choices[0]",
        "put it in quotes: '10'",
    ),
    "a length of zero": (
        "object_types__contact",
        FIELD + "{name: A, max_length: 0}",
        4,
        27,
        "fields[1].max_length",
        "the least is 1, not 0",
    ),
    "a wrong duration": (
        "object_types__contact",
        CONTACT.replace("{type: Account}", "{type: Account, park_for: 30 days}"),
        2,
        35,
        "parent.park_for",
        "'30 days' is not a duration: write a number and one of ms, s, m, h, d, w",
    ),
    "a duration without a unit": (
        "defs",
        DEFS + "  doors: {tree: {settle: 5}}\n",
        6,
        26,
        "attributes.doors.tree.settle",
        "5 is not a duration: write a number and one of ms, s, m, h, d, w",
    ),
    "a size beyond any disk": ("defs", DEFS + "  delivery: {max_bytes: 99999999TB}\n", 6, 25, "attributes.delivery.max_bytes", "more than"),
    "an unknown stage group": (
        "object_types__contact",
        CONTACT + "stages: {Actve: [New]}\n",
        8,
        10,
        "stages.Actve",
        "unknown key 'Actve'; known: Active, Won, Lost. Did you mean 'Active'?",
    ),
    "a word that is none of the options": (
        "object_types__contact",
        FIELD + "{name: A, update: allways}",
        4,
        23,
        "fields[1].update",
        "unknown value 'allways'; known: always, create_only, never. Did you mean 'always'?",
    ),
    "a match rule that names no column": (
        "object_types__contact",
        CONTACT.replace("[[Email]]", "[[Email], [Name, Adress]]"),
        3,
        25,
        "match[1][1]",
        "match names 'Adress', which is no column",
    ),
    "a synonym of no column": (
        "object_types__contact",
        CONTACT.replace("{Mail: Email}", "{Mail: E-Mail}"),
        7,
        18,
        "synonyms.Mail",
        "Did you mean 'Email'?",
    ),
    "two fields of one name": (
        "object_types__contact",
        FIELD + "{name: NAME}\n",
        4,
        12,
        "fields[1].name",
        "the column 'NAME' exists twice (case, blanks and punctuation do not count)",
    ),
    "an own parent": (
        "object_types__contact",
        CONTACT.replace("type: Account", "type: Contact"),
        2,
        16,
        "parent.type",
        "a type cannot be its own parent",
    ),
    "an unknown parent": (
        "object_types__contact",
        CONTACT.replace("type: Account", "type: Acount"),
        2,
        16,
        "parent.type",
        "unknown object type 'Acount'; known: Account, Contact. Did you mean 'Account'?",
    ),
    "a key that stands twice": (
        "object_types__contact",
        CONTACT + "match: [[Name]]\n",
        8,
        1,
        "match",
        "the key 'match' stands twice, first in line 3",
    ),
    "a key that is not text": (
        "object_types__contact",
        CONTACT.replace("{Mail: Email}", "{true: Email}"),
        7,
        12,
        "synonyms.true",
        "YAML reads 'true' as something else: put it in quotes",
    ),
    "a bracket that is not closed": ("object_types__contact", "name: Contact\nfields: [{name: A}\n", 3, 1, "", "not valid YAML"),
    "a tab": ("object_types__contact", "name: Contact\n\tfields: []\n", 2, 1, "", "indent with blanks, not tabs"),
    "a tag that makes an object": ("object_types__contact", "name: !!python/name:os.system\n", 1, 7, "", "not valid YAML"),
    "bytes that are not UTF-8": (
        "object_types__contact",
        b"name: Contact\nfields:\n  - {name: Stra\xdfe}\n",
        3,
        16,
        "",
        "byte 0xDF is not UTF-8",
    ),
    "a control character": ("object_types__contact", "name: Contact\nfields:\n  - {name: A\x07}\n", 3, 13, "", "U+0007 is not allowed"),
    "two documents in one file": ("object_types__contact", CONTACT + "---\nname: B\n", 8, 1, "", "not valid YAML"),
    "an empty file": ("object_types__contact", "# nothing\n", 1, 1, "", "the file is empty"),
    "a list where a type belongs": ("object_types__contact", "- a\n", 1, 1, "", "a mapping is expected"),
    "aliases in a circle": ("object_types__contact", "name: Contact\nfields: &a [*a]\n", 2, 9, "fields[0]", "run in a circle"),
    "a missing users file": (
        "owners",
        None,
        3,
        16,
        "owner.users",
        "there is no file 'owners.yaml' in the account's folder",
    ),
    "a users file outside": (
        "object_types__account",
        ACCOUNT.replace("owners.yaml", "../../owners.yaml"),
        3,
        16,
        "owner.users",
        "lies outside of the account's folder",
    ),
    "a user who is no e-mail address": ("owners", "- ana@acme.example\n- ben\n", 2, 3, "[1]", "an e-mail address is expected, not 'ben'"),
    "a user who stands twice": ("owners", "- ana@acme.example\n- ANA@acme.example\n", 2, 3, "[1]", "stands twice, first as number 1"),
    "users as a mapping": ("owners", "users: [ana@acme.example]\n", 1, 1, "", "a list of users' e-mail addresses is expected"),
    "users in the type itself": (
        "object_types__account",
        ACCOUNT.replace("owners.yaml", "[ana@acme.example, ben]"),
        3,
        35,
        "owner.users[1]",
        "an e-mail address is expected, not 'ben'",
    ),
    "a name that two types have": (
        "object_types__other",
        ACCOUNT.replace("name: Account", "name: ACCOUNT"),
        1,
        7,
        "name",
        "the name 'ACCOUNT' stands in object_types/account.yaml too",
    ),
    "an ending that is not read": ("object_types__visit.yml", CONTACT, 1, 1, "", "this file is not read: rename it to visit.yaml"),
    "a format of an unknown type": (
        "formats__web",
        WEB.replace("object_type: Contact", "object_type: Contakt"),
        2,
        14,
        "object_type",
        "unknown object type 'Contakt'; known: Account, Contact. Did you mean 'Contact'?",
    ),
    "a format with an unknown column": (
        "formats__web",
        WEB.replace("Full Name: Name", "Full Name: Nam"),
        3,
        22,
        "columns['Full Name']",
        "Contact has no column 'Nam'; known: RecordID",
    ),
    "a default of an unknown column": (
        "formats__web",
        WEB.replace("{Email: ", "{Mail: "),
        4,
        12,
        "defaults.Mail",
        "Did you mean 'Email'?",
    ),
    "a fixed value of an unknown column": (
        "formats__web",
        WEB.replace("defaults: {Email: ", "fixed: {Mail: "),
        4,
        9,
        "fixed.Mail",
        "Did you mean 'Email'?",
    ),
    "a wrong component type": (
        "defs",
        DEFS.replace("components.Account", "components.Acount"),
        1,
        7,
        "type",
        "known: import_pipeline.components.Account",
    ),
    "no attributes": ("defs", "type: import_pipeline.components.Account\n", 1, 1, "attributes", "the key 'attributes' is missing"),
    "object types in defs.yaml": (
        "defs",
        DEFS + "  object_types: []\n",
        6,
        3,
        "attributes.object_types",
        "object_types stand in files of their own: object_types/*.yaml",
    ),
    "a name that is not the folder's": (
        "defs",
        DEFS.replace("name: demo", "name: demos"),
        3,
        9,
        "attributes.name",
        "the account's name is its folder's name: 'demo', not 'demos'",
    ),
    "an unknown time zone": (
        "defs",
        DEFS.replace("New_York", "NewYork"),
        4,
        13,
        "attributes.timezone",
        "'America/NewYork' is not a time zone name; near are: America/New_York",
    ),
    "an export of an unknown type": (
        "defs",
        DEFS.replace("[Account, Contact]", "[Account, Contract]"),
        5,
        30,
        "attributes.exports.daily[1]",
        "unknown object type 'Contract'; known: Account, Contact. Did you mean 'Contact'?",
    ),
    "classic mode with two types": (
        "defs",
        DEFS + "  mode: classic\n",
        6,
        9,
        "attributes.mode",
        "in classic mode there is one object type, here are 2: Account, Contact",
    ),
    "a policy that is none": (
        "defs",
        DEFS + "  on_error: {halt_above: 5 rows}\n",
        6,
        13,
        "attributes.on_error",
        "halt_above takes a number",
    ),
    "no defs.yaml": ("defs", None, 1, 1, "", "the file is missing: an account's folder holds a defs.yaml"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_told_with_its_line_column_path_and_what_would_have_been_right(case: str, tmp_path: Path) -> None:
    """People mend YAML by the place that an error names; a wrong line costs more time than no line."""
    key, content, line, column, path, message = CASES[case]
    loaded = load_account(write_account(tmp_path, **{key: content}))
    file = (
        "object_types/account.yaml"
        if case == "a missing users file"
        else key.replace("__", "/") + ("" if key.endswith(".yml") else ".yaml")
    )
    found = [f for f in loaded.faults if (f.file, f.line, f.column, f.path) == (loaded.folder / file, line, column, path)]
    assert len(found) == 1, "\n".join(map(str, loaded.faults))
    assert message in found[0].message


def test_the_sound_account_has_no_faults(tmp_path: Path) -> None:
    """Otherwise the table above would prove nothing."""
    assert load_account(write_account(tmp_path)).faults == ()


def test_a_circle_of_parents_is_a_fault_of_each_type_in_it(tmp_path: Path) -> None:
    """No order exists in which the types of a circle could be imported."""
    account = ACCOUNT + "parent: {type: Visit}\n"
    visit = "name: Visit\nparent: {type: Contact}\nfields: [{name: A}]\n"
    loaded = load_account(write_account(tmp_path, object_types__account=account, object_types__visit=visit))
    circles = {(f.file.name, f.line, f.message) for f in loaded.faults if "circle" in f.message}
    assert circles == {
        ("account.yaml", 7, "the parents run in a circle: Account → Visit → Contact → Account"),
        ("contact.yaml", 2, "the parents run in a circle: Contact → Account → Visit → Contact"),
        ("visit.yaml", 2, "the parents run in a circle: Visit → Contact → Account → Visit"),
    }
    assert set(loaded.broken_types) == {"Account", "Contact", "Visit"}


def test_aliases_that_stand_for_billions_of_values_are_refused_without_writing_them_out(tmp_path: Path) -> None:
    """Ten short lines could otherwise fill the memory of the code location."""
    lines = ["name: Contact", "a0: &a0 [x, x, x, x, x, x, x, x, x, x]"]
    lines += [f"a{n}: &a{n} [{', '.join([f'*a{n - 1}'] * 10)}]" for n in range(1, 10)]
    loaded = load_account(write_account(tmp_path, object_types__contact="\n".join(lines)))
    assert [f.message.split(",")[0] for f in loaded.broken_types["contact"]] == ["the aliases stand for 12345679012 values"]


def test_every_fault_of_every_file_is_told_at_once(tmp_path: Path) -> None:
    """Whoever mends one fault per run mends ten faults in ten runs."""
    contact = """\
name: Contact
owner: {users: owner.yaml}
parent: {type: Acount, parkfor: 3d}
match: [[Email], [Phon]]
stages: {Actve: [New]}
fields:
  - {name: Name, requred: true}
  - {name: Email, type: Mail}
  - {name: Phone, type: Phone, max_length: x}
  - {name: Phone, type: Phone}
synonyms: {Tel: Phnoe}
"""
    account = "name: Account\nname: Account\nfields: [{type: Text}]\n"
    defs = DEFS.replace("name: demo", "name: Demo") + "  exprots: {}\n  mode: clasic\n"
    web = "name: web\nobject_type: Visit\ncolumns: []\n"
    folder = write_account(
        tmp_path, defs=defs, owners="- ana\n", object_types__account=account, object_types__contact=contact, formats__web=web
    )
    found = {(str(f.file.relative_to(folder)), f.line, f.path) for f in load_account(folder).faults}
    assert found == {
        ("defs.yaml", 3, "attributes.name"),
        ("defs.yaml", 5, "attributes.exports.daily[0]"),
        ("defs.yaml", 5, "attributes.exports.daily[1]"),
        ("defs.yaml", 6, "attributes.exprots"),
        ("defs.yaml", 7, "attributes.mode"),
        ("object_types/account.yaml", 2, "name"),
        ("object_types/account.yaml", 3, "fields[0].name"),
        ("object_types/contact.yaml", 2, "owner.users"),
        ("object_types/contact.yaml", 3, "parent.type"),
        ("object_types/contact.yaml", 3, "parent.parkfor"),
        ("object_types/contact.yaml", 4, "match[1][0]"),
        ("object_types/contact.yaml", 5, "stages.Actve"),
        ("object_types/contact.yaml", 7, "fields[0].requred"),
        ("object_types/contact.yaml", 8, "fields[1].type"),
        ("object_types/contact.yaml", 9, "fields[2].max_length"),
        ("object_types/contact.yaml", 10, "fields[3].name"),
        ("object_types/contact.yaml", 11, "synonyms.Tel"),
        ("formats/web.yaml", 2, "object_type"),
        ("formats/web.yaml", 3, "columns"),
    }
